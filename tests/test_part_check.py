import copy
import doctest
import inspect
from types import SimpleNamespace

import mutations
import numpy as np
import pytest
import scipy.sparse
from layer_cases import ALL, FIRST
from loss_cases import CASES as LOSSES
from rows import each, thirds

import backprop as bp
from backprop import layers, losses
from backprop.core.errors import ShapeError
from backprop.inspection import check_layer, check_loss
from backprop.inspection.part_check import state
from backprop.layers import Chain, Dense, Identity, Layer, ReLU, Softmax
from backprop.losses import Loss, MeanSquaredError

# --- layers ---------------------------------------------------------------------------------------


@each("case", thirds(case for case in FIRST if not case.own))
def test_every_layer_is_right_and_keeps_the_contract(case):
    report = mutations.layer_check(case)
    assert report.ok, report


@pytest.mark.long
@pytest.mark.parametrize(("batch_size", "seed"), [(1, 2), mutations.SIZE_AND_SEED])
@each("case", [case for case in ALL if not case.own])
def test_every_layer_is_right_in_other_batches_and_along_more_axes(case, batch_size, seed):
    report = mutations.layer_check(case, batch_size, seed)
    assert report.ok, report


class AddsTwice(layers.Embedding):
    def backward(self, delta):
        super().backward(delta)
        self.dW *= 2


@pytest.mark.parametrize("behind", [[], [Dense(2), ReLU()]])
def test_an_embedding_is_checked_on_numbers_of_its_rows(behind):
    wrong, right = ([kind(5, 3), *behind] for kind in (AddsTwice, layers.Embedding))
    report = check_layer(layers.Residual(right, [layers.Embedding(4, 2 if behind else 3)]), (4,))
    assert report.ok, report
    assert "W" in str(report)
    assert not check_layer(wrong[0], (4,)).ok


def example_of(documented):
    """The names that the example in a docstring defines, run as it is printed."""
    names = {"np": np, "bp": bp}
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(documented)):
        exec(example.source, names)
    return names


Scale = example_of(Layer)["Scale"]


class ForgetsGamma(Scale):
    def backward(self, delta):
        super().backward(delta)
        return delta


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_the_example_of_the_documentation_passes(shape):
    layer = Scale()
    report = check_layer(layer, shape)
    assert report.ok, report
    assert [tensor.name for tensor in report.tensors] == ["gamma", "X"]
    assert report.error < 1e-12
    assert layer.input_shape is None


def test_parameters_that_start_at_one_do_not_hide_a_mistake():
    report = check_layer(ForgetsGamma(), 3)
    assert [tensor.name for tensor in report.tensors if not tensor.ok] == ["X"]


def test_built_layer_is_checked_at_its_weights_and_left_alone():
    layer = Scale()
    layer.build((3,), np.random.default_rng(0))
    layer.gamma.value[...] = 0
    layer.forward(np.ones((2, 3), "float32"), training=True)
    layer.backward(np.ones((2, 3), "float32"))
    before = state(layer)
    report = check_layer(layer, 3)
    assert report.ok, report
    assert (report["X"].analytic, report["X"].numeric) == (0, 0)
    assert state(layer) == before
    assert layer.gamma.value.dtype == np.float32
    with pytest.raises(ShapeError, match=r"is built for samples of shape \(3,\), not \(4,\)"):
        check_layer(layer, 4)


def test_another_seed_is_another_point():
    first, same, other = (check_layer(Dense(2), 3, seed=seed)["X"].numeric for seed in (0, 0, 1))
    assert first == same != other


class WritesIntoItsInput(ReLU):
    def forward(self, Z, training=False):
        if training:
            np.maximum(Z, 0, out=Z)
        return super().forward(Z, training)


class WritesIntoDelta(ReLU):
    def backward(self, delta):
        delta *= np.greater(self.Z, 0)
        return delta


class RemembersInference(Scale):
    def forward(self, X, training=False):
        return super().forward(X, training=True)


class CountsInference(Scale):
    calls = 0

    def forward(self, X, training=False):
        self.calls += not training
        return super().forward(X, training)


class DrawsInInference(Identity):
    def forward(self, Z, training=False):
        return super().forward(Z, training) + (0 if training else self._rng.random())


class NeedsNoForward(Layer):
    def forward(self, X, training=False):
        return -X

    def backward(self, delta):
        return -delta


class Shifted(Layer):
    def make_parameters(self, input_shape):
        self.b = self.add_parameter("b", input_shape, "zeros")

    def forward(self, X, training=False):
        return X + self.b.value

    def backward(self, delta):
        self.b.gradient[...] = delta.sum(axis=0)
        return delta


class BeginsWithOnes(Scale):
    X = np.ones(3)


class SquareOfZeros(Layer):
    X = 0.0

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * X

    def backward(self, delta):
        return 2 * delta * self.X


@pytest.mark.parametrize("layer", [NeedsNoForward(), Shifted(), Chain([NeedsNoForward()])])
def test_a_layer_that_needs_nothing_kept_needs_no_forward(layer):
    report = check_layer(layer, 3)
    assert report.ok, report


class PromisesTwo(Scale):
    def output_shape(self, input_shape):
        return (2,)


class ReturnsNothing(Scale):
    def backward(self, delta):
        super().backward(delta)


class ReturnsARow(Scale):
    def backward(self, delta):
        return super().backward(delta)[0]


class ReturnsAPair(Scale):
    def backward(self, delta):
        return super().backward(delta), None


WRITES = "it writes the gradient alone, into .gradient[...]."


class TakesTheStepItself(Scale):
    def backward(self, delta):
        dX = super().backward(delta)
        self.gamma.value[...] -= 0.1 * self.gamma.gradient
        return dX


class Logarithm(Layer):
    def forward(self, X, training=False):
        if training:
            self.X = X
        with np.errstate(all="ignore"):
            return np.log(X)

    def backward(self, delta):
        with np.errstate(all="ignore"):
            return delta / self.X


class OverwritesWhatBackwardReads(Scale):
    def backward(self, delta):
        dX = super().backward(delta)
        self.X *= 2
        return dX


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (WritesIntoItsInput(), "forward wrote into its input."),
        (WritesIntoDelta(), "backward wrote into the delta that it was given."),
        (
            RemembersInference(),
            "forward(X, training=False) must change nothing in the layer: X changed.",
        ),
        (
            CountsInference(),
            "forward(X, training=False) must change nothing in the layer: calls changed.",
        ),
        (
            DrawsInInference(),
            "forward(X, training=False) must change nothing in the layer: _rng changed.",
        ),
        (BeginsWithOnes(), "backward without a training forward before it must raise an error."),
        (SquareOfZeros(), "backward without a training forward before it must raise an error."),
        (
            PromisesTwo(),
            "forward returned an array of shape (5, 3), but output_shape((3,)) promises (5, 2).",
        ),
        (ReturnsNothing(), "backward returned None instead of ∂E/∂X."),
        (
            ReturnsARow(),
            "backward returned an array of shape (3,) for inputs of shape (5, 3).",
        ),
        (OverwritesWhatBackwardReads(), "backward wrote into the layer's input."),
        (
            TakesTheStepItself(),
            f"backward changed the values of gamma, which is the optimizer's part: {WRITES}",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)
def test_breach_of_the_contract_is_named(layer, problem):
    report = check_layer(layer, 3)
    assert problem in report.problems, report
    assert not report.ok
    assert f"✗ {problem}" in str(report)


def test_what_backward_returns_beside_an_array_is_named():
    (problem,) = check_layer(ReturnsAPair(), 3).problems
    assert problem.startswith("backward returned (array(")
    assert problem.endswith("instead of ∂E/∂X, an array.")


def test_outputs_that_are_not_finite_are_not_called_random():
    """A logarithm of numbers below 0, of which there is none."""
    report = check_layer(Logarithm(), 3)
    (problem,) = report.problems
    assert problem.startswith("forward returned numbers that are not finite (nan, inf)")
    assert not report.ok


def test_softmax_that_passes_nothing_back_is_found():
    class ZeroSoftmax(Softmax):
        def backward(self, delta):
            return 0 * super().backward(delta)

    assert check_layer(ZeroSoftmax(), 4)["X"].finding == "is 0 everywhere, but should not be"


def test_shared_buffer_that_backward_overwrites_is_found():
    class OneBuffer(layers.Activation):
        """σ without a second buffer: its slope destroys the A that a second call needs."""

        def f(self, Z, out=None):
            return np.tanh(Z, out=self.buffer("shared", Z.shape, Z.dtype))

        def f_prime(self, Z, A, out):
            shared = self.buffer("shared", Z.shape, Z.dtype)
            np.copyto(shared, 0)
            return 1 - A * A

    assert not check_layer(OneBuffer(), 4).ok


# --- losses ---------------------------------------------------------------------------------------


@each("case", thirds(LOSSES), ids=lambda case: case.name)
def test_every_loss_is_right(case):
    loss = case.make()
    before = state(loss)
    for shape in (1, 3, (2, 3)):
        if shape == 1 and 1 not in case.sizes:
            continue  # one class is no choice
        for batch_size in (1, 6):
            report = check_loss(loss, shape, batch_size=batch_size)
            assert report.ok, report
            assert [tensor.name for tensor in report.tensors] == [
                "prediction",
                "prediction, weighted",
            ]
    assert state(loss) == before


def test_a_loss_that_is_never_finite_is_said_to_be_so():
    """The last target that was refused for its shape was blamed."""

    class Undefined(Loss):
        def values(self, prediction, target):
            return np.full(len(prediction), np.nan)

        def gradient(self, prediction, target):
            return np.zeros_like(prediction)

    with pytest.raises(ValueError, match=r"took none .* last error was: .* not finite \(nan"):
        check_loss(Undefined(), 2)


def test_loss_is_checked_where_the_user_says():
    prediction = np.array([[0.0, 1.0], [1e-9, 1 - 1e-9]])
    report = check_loss(losses.BinaryCrossentropy(), 2, prediction=prediction, target=np.eye(2))
    assert report.ok, report
    assert report["prediction"].checked == 4
    assert abs(report["prediction"].numeric) > 1e5


def test_users_mistake_in_a_target_is_passed_on():
    with pytest.raises(ValueError, match="took none of the predictions and targets") as error:
        check_loss(losses.SparseCategoricalCrossentropy(), 3, target=[0, 1, 2, 3, 1])
    assert "class indices run from 0 to 2" in str(error.value)


class Cubes(Loss):
    """One formula of a user's own."""

    def values(self, prediction, target):
        return np.sum(np.abs(prediction - target) ** 3, axis=-1)

    def gradient(self, prediction, target):
        D = prediction - target
        return 3 * D * np.abs(D)


class NotAMean(Cubes):
    def reduce(self, values, sample_weight):
        return super().reduce(values, sample_weight) * len(values)

    def backward(self):
        return super().backward() * len(self._prediction)


class NoMeanInTheGradient(Cubes):
    def backward(self):
        return super().backward() * len(self._prediction)


class SignFlipped(Cubes):
    def gradient(self, prediction, target):
        return -super().gradient(prediction, target)


class ForgetsWeights(Cubes):
    def backward(self):
        return self.gradient(self._prediction, self._target) / len(self._prediction)


class GrowsWhenCalledAgain(MeanSquaredError):
    def backward(self):
        vars(self)["_scale"] = 2 * self._scale
        return super().backward() / 2


class ArrayInsteadOfFloat(Cubes):
    def forward(self, prediction, target, sample_weight=None):
        return np.array(super().forward(prediction, target, sample_weight))


def findings(loss):
    return [tensor.finding for tensor in check_loss(loss, 3).tensors]


def test_a_loss_of_ones_own_may_give_a_number_for_each_output(rng):
    class Squares(Loss):
        def values(self, prediction, target):
            return (prediction - target) ** 2

        def gradient(self, prediction, target):
            return 2 * (prediction - target)

    for shape in ((3,), (1,), (2, 3)):
        assert check_loss(Squares(), shape).ok
    P, y, w = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.random(4)
    expected = (w[:, np.newaxis] * (P - y) ** 2).mean()
    assert Squares().forward(P, y, w) == pytest.approx(expected, rel=1e-14)


def test_loss_of_a_users_own_passes():
    report = check_loss(Cubes(), 3)
    assert report.ok, report
    assert report.method == "complex step"


def test_planted_mistakes_in_losses_are_found():
    assert findings(NoMeanInTheGradient()) == ["is 5 times the right one everywhere"] * 2
    assert findings(SignFlipped()) == ["has the wrong sign everywhere"] * 2
    unweighted, weighted = findings(ForgetsWeights())
    assert unweighted == ""
    assert weighted == "is wrong at 15 of 15 entries"


def test_breach_of_a_losss_contract_is_named():
    assert "a mean" in check_loss(NotAMean(), 3).problems[0]
    assert findings(NotAMean()) == ["", ""]
    again = check_loss(GrowsWhenCalledAgain(), 3).problems
    assert again == ("backward returned another gradient when it was called again.",)
    kind = check_loss(ArrayInsteadOfFloat(), 3).problems
    assert kind == ("forward returned ndarray instead of a float.",)


class Unregistered(Layer):
    """Its derivative by X is right, and nobody ever trains W."""

    def make_parameters(self, input_shape):
        self.keep(self._rng.standard_normal((input_shape[-1], 3)))

    def keep(self, W):
        self.W = W

    def weights(self):
        return self.W

    def output_shape(self, input_shape):
        return (*input_shape[:-1], 3)

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X @ self.weights()

    def backward(self, delta):
        if not hasattr(self, "X"):
            raise ValueError
        return delta @ self.weights().T


class InADict(Unregistered):
    def keep(self, W):
        self.held = {"of layer": [W]}

    def weights(self):
        return self.held["of layer"][0]


class MadeLate(Unregistered):
    def keep(self, W):
        self.W = None

    def weights(self):
        if self.W is None:
            self.W = np.ones((self.input_shape[-1], 3))
        return self.W


class OfTheClass(Unregistered):
    KEPT = {"W": np.ones((4, 3))}

    def keep(self, W):
        pass

    def weights(self):
        return self.KEPT["W"]


class Inherited(OfTheClass):
    pass


GLOBAL = np.ones((4, 3))


def reads_global():
    return GLOBAL


class OfTheModule(OfTheClass):
    def weights(self):
        return reads_global()


class OfADefault(OfTheClass):
    def weights(self, W=GLOBAL):
        return W


HELD = SimpleNamespace(W=GLOBAL)


class OfAnObject(OfTheClass):
    def weights(self):
        return HELD.W


def enclosing():
    inner = np.ones((4, 3))

    class OfTheFunction(OfTheClass):
        def weights(self):
            return inner

    return OfTheFunction()


class OfShares(OfTheClass):
    """Computes with what stays the same if one number is added to all of its weights."""

    def __init__(self):
        super().__init__()
        self.a = np.zeros((4, 3))

    def weights(self):
        return np.exp(self.a - self.a.max()) / np.exp(self.a - self.a.max()).sum()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Unregistered, "self.W"),
        (OfShares, "self.a"),
        (InADict, r"self.held\['of layer'\]\[0\]"),
        (MadeLate, "self.W"),
        (OfTheClass, r"OfTheClass.KEPT\['W'\]"),
        (Inherited, r"OfTheClass.KEPT\['W'\]"),
        (OfTheModule, "the global GLOBAL"),
        (OfADefault, r"the defaults of weights\[0\]"),
        (OfAnObject, r"the global HELD\.W"),
        (enclosing, "inner of the function around it"),
        (lambda: Chain([Dense(4), OfTheModule()]), "the global GLOBAL"),
    ],
    ids=[
        "itself",
        "shares",
        "dict",
        "late",
        "class",
        "inherited",
        "module",
        "default",
        "object",
        "function",
        "block",
    ],
)
def test_a_weight_that_is_no_parameter_is_warned_of(kind, path):
    with pytest.warns(RuntimeWarning, match=rf"reads {path}, which is no parameter") as caught:
        report = check_layer(kind(), 4)
    assert [each.filename for each in caught] == [__file__]
    assert report.ok == (kind is not MadeLate)  # which changes in inference
    assert (GLOBAL == 1).all()
    assert (OfTheClass.KEPT["W"] == 1).all()


class OneNumber(Layer):
    """Y = a X, where a is a plain number."""

    def __init__(self):
        super().__init__()
        self.a = 0.5

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.a

    def backward(self, delta):
        self.da = np.sum(delta * self.X)
        return delta * self.a


class Given(OneNumber):
    def __init__(self, a=0.5):
        super().__init__()
        self.a = a


class Without(OneNumber):
    def backward(self, delta):
        return delta * self.a


class Counted(Given):
    """What it leaves is no gradient of ``a``, which is an argument or counts something."""

    def backward(self, delta):
        self.seen = float(np.sum(delta))
        return delta * self.a


@pytest.mark.parametrize("start", [0.5, 1, np.float32(1), np.float64(2), np.int64(3)])
@pytest.mark.parametrize("kind", [OneNumber, Given])
def test_a_weight_of_one_number_is_warned_of(kind, start):
    layer = kind()
    layer.a = start
    with pytest.warns(RuntimeWarning, match=r"reads self\.a, which is no parameter"):
        assert check_layer(layer, 4).ok


def test_constants_of_one_number_are_not_warned_of():
    for layer in (Without(), Counted(), Counted(2)):
        assert check_layer(layer, 4).ok


class OfIntegers(OneNumber):
    """Y = X * a for integers a, one for each column, as they are written by hand."""

    def __init__(self):
        super().__init__()
        self.a = np.array([1, 2, 0, 1])
        self.index = np.array([3, 2, 1, 0])

    def forward(self, X, training=False):
        return super().forward(X, training)[:, self.index.astype(int)]

    def backward(self, delta):
        delta = delta[:, self.index.astype(int)]
        self.da = np.sum(delta * self.X, axis=0)
        return delta * self.a


def test_weights_of_integers_are_warned_of_and_indices_are_not(rng):
    with pytest.warns(RuntimeWarning, match=r"reads self\.a, which is no parameter"):
        assert check_layer(OfIntegers(), 4).ok
    model = bp.Sequential([OfIntegers(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"has weights that are no parameters, self\.a:"):
        model.fit(rng.normal(size=(6, 4)), np.ones(6), verbose=0)


LINEAR = """
class Linear(layers.Layer):
    def __init__(self):
        super().__init__()
        self.WEIGHT = np.arange(16).reshape(4, 4)

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X @ self.WEIGHT

    def backward(self, delta):
        self.GRADIENT = self.X.T @ delta
        return delta @ self.WEIGHT.T
"""


@pytest.mark.parametrize(
    ("weight", "gradient"),
    [("w", "grad"), ("w", "g"), ("weights", "dW"), ("weights", "weight_grads"), ("a", "dgamma")],
)
def test_weights_of_integers_are_warned_of_whatever_their_gradient_is_called(weight, gradient, rng):
    names = {"np": np, "layers": layers, "__name__": "users"}
    exec(LINEAR.replace("WEIGHT", weight).replace("GRADIENT", gradient), names)
    with pytest.warns(RuntimeWarning, match=rf"reads self\.{weight}, which is no parameter"):
        assert check_layer(names["Linear"](), 4).ok
    model = bp.Sequential([names["Linear"]()], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=rf"are no parameters, self\.{weight}:"):
        model.fit(rng.normal(size=(6, 4)), np.ones((6, 4)), verbose=0)


def test_integers_beside_weights_of_floats_are_constants(rng):
    """The gradient is that of the floats, whatever it is called."""

    class Signed(layers.Layer):
        def __init__(self):
            super().__init__()
            self.w, self.sign = np.ones(4), np.array([1, -1, 1, 1])

        def forward(self, X, training=False):
            if training:
                self.X = X
            return X * self.w * self.sign

        def backward(self, delta):
            self.grad = (delta * self.X * self.sign).sum(axis=0)
            return delta * self.w * self.sign

    model = bp.Sequential([Signed()], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"are no parameters, self\.w: its backward"):
        model.fit(rng.normal(size=(6, 4)), np.ones((6, 4)), verbose=0)


def test_weights_in_a_tuple_are_told_to_stand_in_a_list(rng):
    class InTuple(layers.Layer):
        def __init__(self):
            super().__init__()
            self.ws = (np.eye(4), np.zeros(4))

        def forward(self, X, training=False):
            if training:
                self.X = X
            return X @ self.ws[0] + self.ws[1]

        def backward(self, delta):
            self.grads = (self.X.T @ delta, delta.sum(0))
            return delta @ self.ws[0].T

    model = bp.Sequential([InTuple()], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"Make self\.ws a list, and write self\.ws\[0\] = "):
        model.fit(rng.normal(size=(6, 4)), np.ones((6, 4)), verbose=0)


def test_registered_constants_and_what_backward_needs_are_no_such_weights():
    class Registered(Unregistered):
        def keep(self, W):
            self.of = self.add_parameter("W", W.shape, "glorot_uniform", learned=False)
            self.unused = np.ones(3)

        def weights(self):
            return self.of.value

    assert check_layer(Registered(), 4).ok


def test_check_leaves_a_layer_that_cannot_be_shared_usable():
    layer = Dense(2)
    check_layer(layer, 3)
    check_layer(copy.deepcopy(layer), (2, 3))
    assert layer.input_shape is None


@pytest.mark.parametrize("method", ["values", "gradient"])
@pytest.mark.parametrize("name", ["prediction", "target"])
def test_a_loss_that_writes_into_what_it_gets_is_told(method, name):
    class Writing(MeanSquaredError):
        def written(self, at, prediction, target):
            found = np.array(getattr(MeanSquaredError, at)(self, prediction, target))
            if at == method:
                {"prediction": prediction, "target": target}[name][...] = 7
            return found

        def values(self, prediction, target):
            return self.written("values", prediction, target)

        def gradient(self, prediction, target):
            return self.written("gradient", prediction, target)

    report = check_loss(Writing(), (2,))
    assert list(report.problems) == [f"{method} wrote into the {name} that it was given."]
    assert not report.ok


def test_a_loss_that_defines_other_methods_is_told_which_ones_it_must():
    class Old(bp.losses.Loss):
        def forward(self, prediction, target):
            return np.abs(prediction - target).mean(axis=1)

    with pytest.raises(NotImplementedError, match=r"Old must define values\(prediction, target\)"):
        bp.inspection.check_loss(Old(), 3)


class LearntNoise(Layer):
    """Y = X + e^s ε in training alone."""

    random = True

    def __init__(self):
        super().__init__()
        self.s = np.full(4, -1.0)

    def forward(self, X, train=False):
        if not train:
            return X
        self.noise = np.exp(self.s) * self._rng.standard_normal(X.shape)
        return X + self.noise

    def backward(self, delta):
        self.ds = (delta * self.noise).sum(axis=0)
        return delta


class Centres(Layer):
    """Adds ½ |X − s|² to the loss."""

    penalizes = True

    def __init__(self):
        super().__init__()
        self.s = np.zeros(4)

    def forward(self, X, train=False):
        if train:
            self.X, self.penalty = X, float(np.sum((X - self.s) ** 2) / 2 / len(X))
        return X

    def backward(self, delta):
        self.ds = -(self.X - self.s).sum(axis=0) / len(self.X)
        return delta + (self.X - self.s) / len(self.X)


class CutOff(Layer):
    """Y = X min(max(s, 0), 1), of which a larger s shows nothing."""

    def __init__(self):
        super().__init__()
        self.s = np.ones(4)

    def forward(self, X, train=False):
        if train:
            self.X = X
        return X * np.clip(self.s, 0, 1)

    def backward(self, delta):
        self.ds = (delta * self.X).sum(axis=0)
        return delta * np.clip(self.s, 0, 1)


@pytest.mark.parametrize("kind", [LearntNoise, Centres, CutOff])
def test_weights_that_show_in_training_or_when_lowered_are_warned_of(kind, rng):
    with pytest.warns(RuntimeWarning, match=r"reads self\.s, which is no parameter"):
        assert check_layer(kind(), 4).ok
    model = bp.Sequential([Dense(4), kind(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"has weights that are no parameters, self\.s:"):
        model.fit(5 * rng.normal(size=(6, 4)) + 5, np.ones(6), verbose=0)


def test_a_weight_shows_in_a_batch_of_one_number():
    with pytest.warns(RuntimeWarning, match=r"reads self\.a, which is no parameter"):
        assert check_layer(OneNumber(), 1, batch_size=1).ok


@pytest.mark.parametrize("name", ["prediction", "target"])
def test_sparse_numbers_for_a_loss_are_told_to_be_dense(name):
    given = {"prediction": np.ones((5, 3)), "target": np.ones((5, 3))}
    given[name] = scipy.sparse.csr_matrix(given[name])
    with pytest.raises(TypeError, match=rf"^{name} is a sparse matrix.*: pass {name}\.toarray\(\)"):
        check_loss(MeanSquaredError(), 3, **given)
