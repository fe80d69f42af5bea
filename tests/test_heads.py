"""Matched pairs: one stable function that gives what its two halves give one after the other."""

import copy
import pickle

import numpy as np
import pytest
from derivatives import derivative, relative_error

import backprop as bp
from backprop.core.errors import NoForwardError, ShapeError
from backprop.layers import Chain, Dense, Layer, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from backprop.losses.heads import MatchedHead, join

N, K = 6, 3
CLASSES = np.array([0, 2, 1, 1, 0, 2])
ONE_HOT = np.eye(K)[CLASSES]
SOFT = np.random.default_rng(3).uniform(0, 1, (N, K))
WEIGHT = np.array([0.5, 0.0, 2.0, 1.0, 3.0, 0.1])

# activation, loss, targets, the same as an array (N, K), and what the mean divides by
PAIRS = {
    "categorical": (Softmax, CategoricalCrossentropy, ONE_HOT, ONE_HOT, N),
    "sparse": (Softmax, SparseCategoricalCrossentropy, CLASSES, ONE_HOT, N),
    "binary": (Sigmoid, BinaryCrossentropy, ONE_HOT, ONE_HOT, N * K),
    "binary_soft": (Sigmoid, BinaryCrossentropy, SOFT, SOFT, N * K),
    "categorical_smoothed": (
        Softmax,
        lambda: CategoricalCrossentropy(label_smoothing=0.3),
        ONE_HOT,
        0.7 * ONE_HOT + 0.3 / K,
        N,
    ),
    "binary_smoothed": (
        Sigmoid,
        lambda: BinaryCrossentropy(label_smoothing=0.3),
        ONE_HOT,
        0.7 * ONE_HOT + 0.3 / 2,
        N * K,
    ),
}

each_pair = pytest.mark.parametrize("name", PAIRS)
with_and_without_weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])


def logits(dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(1).standard_normal((N, K)).astype(dtype)


def joined(name: str) -> tuple[Layer, MatchedHead]:
    activation, loss, *_ = PAIRS[name]
    layer = activation()
    pair = join(layer, loss())
    assert isinstance(pair, MatchedHead)
    return layer, pair


def matched(name: str, Z: np.ndarray, weight: np.ndarray | None = None):
    """Value and ∂E/∂Z of the pair."""
    _, pair = joined(name)
    value = pair.forward(pair.predict(Z, training=True), PAIRS[name][2], weight)
    return value, pair.backward()


def unmatched(name: str, Z: np.ndarray, weight: np.ndarray | None = None):
    """Value, ∂E/∂A and ∂E/∂Z of the two halves, one after the other."""
    activation, make, target, *_ = PAIRS[name]
    layer, loss = activation(), make()
    value = loss.forward(layer.forward(Z, training=True), target, weight)
    delta = loss.backward()
    return value, delta, layer.backward(delta)


@each_pair
@with_and_without_weights
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_delta_is_prediction_minus_target(name, weight, dtype):
    activation, _, _, y, n = PAIRS[name]
    Z = logits(dtype)
    value, delta = matched(name, Z, weight)
    w = 1 if weight is None else weight[:, np.newaxis].astype(dtype)
    expected = w * (activation().forward(Z) - y.astype(dtype)) / n
    assert isinstance(value, float)
    assert delta.dtype == dtype
    np.testing.assert_allclose(delta, expected, rtol=4 * np.finfo(dtype).eps)


@each_pair
@with_and_without_weights
def test_equals_the_unmatched_way(name, weight):
    value, delta = matched(name, logits(), weight)
    other_value, _, other_delta = unmatched(name, logits(), weight)
    assert value == pytest.approx(other_value, rel=1e-13)
    np.testing.assert_allclose(delta, other_delta, rtol=1e-12, atol=1e-16)


@each_pair
@with_and_without_weights
def test_delta_is_the_exact_derivative_by_the_logits(name, weight):
    Z = logits()
    _, delta = matched(name, Z, weight)
    assert relative_error(delta, derivative(lambda: matched(name, Z, weight)[0], Z)) <= 1e-7


def test_soft_targets_need_not_sum_to_1():
    layer = Softmax()
    pair = join(layer, CategoricalCrossentropy())
    A = pair.predict(logits(), training=True)
    pair.forward(A, SOFT)
    expected = (A * SOFT.sum(axis=1, keepdims=True) - SOFT) / N
    np.testing.assert_allclose(pair.backward(), expected, rtol=1e-13, atol=1e-16)


@each_pair
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_ten_thousand(name, dtype):
    activation, _, _, y, n = PAIRS[name]
    Z = (1e4 * np.sign(logits())).astype(dtype)
    value, delta = matched(name, Z)
    assert np.isfinite(value)
    assert value > 1000
    np.testing.assert_allclose(delta, (activation().forward(Z) - y) / n, rtol=1e-6)


@each_pair
@with_and_without_weights
def test_activation_delta_is_the_gradient_of_the_loss_itself(name, weight):
    layer, pair = joined(name)
    value = pair.forward(pair.predict(logits(), training=True), PAIRS[name][2], weight)
    delta = pair.backward().copy()
    A = layer.A.copy()
    np.testing.assert_allclose(
        pair.prediction_delta(), unmatched(name, logits(), weight)[1], rtol=1e-14
    )
    np.testing.assert_array_equal(layer.A, A)
    np.testing.assert_array_equal(pair.backward(), delta)  # looking disturbed nothing
    assert pair.forward(layer.A, PAIRS[name][2], weight) == value
    np.testing.assert_allclose(
        layer.backward(pair.prediction_delta()), delta, rtol=1e-12, atol=1e-16
    )


def test_guesses_are_the_classes_of_the_largest_logits_of_a_training_pass():
    head = join(Softmax(), CategoricalCrossentropy())
    Z = np.array([[1.0, 3, 2], [5, 5, 4], [0, 1e-20, 0]])
    assert head.guess is None
    A = head.predict(Z, training=True)
    np.testing.assert_array_equal(head.guess, [1, 0, 1])
    assert A[2].argmax() == 0  # rounded to equal probabilities
    head.predict(-Z)
    np.testing.assert_array_equal(head.guess, [1, 0, 1])
    head.predict(np.tile(Z, (20, 1)), training=True)
    assert head.guess is None
    binary = join(Sigmoid(), BinaryCrossentropy())
    binary.predict(Z, training=True)
    assert binary.guess is None


@each_pair
def test_second_backward_gives_the_same(name):
    _, pair = joined(name)
    pair.forward(pair.predict(logits(), training=True), PAIRS[name][2], WEIGHT)
    first = pair.backward().copy()
    np.testing.assert_array_equal(pair.backward(), first)


@each_pair
def test_only_the_numbers_of_the_training_forward(name):
    _, pair = joined(name)
    target = PAIRS[name][2]
    A = np.full((N, K), 1 / K)
    with pytest.raises(ValueError, match="returned last"):
        pair.forward(A, target)
    A = pair.predict(logits(), training=True)
    E = pair.forward(A, target)
    assert E > 0
    for same in (A.copy(), A[:], A.tolist()):
        assert pair.forward(same, target) == E
    for other in (pair.predict(logits()[::-1]), A[1:], A / 2):
        with pytest.raises(ValueError, match=rf"last.*losses\.{type(pair.loss).__name__}\("):
            pair.forward(other, target[: len(other)])


@each_pair
def test_targets_are_checked_as_the_loss_does(name):
    _, pair = joined(name)
    with pytest.raises(NoForwardError, match="forward"):
        pair.backward()
    A = pair.predict(logits(), training=True)
    with pytest.raises(ShapeError, match=type(pair.loss).__name__):
        pair.forward(A, np.zeros((N, K + 1)))
    with pytest.raises(ShapeError, match="sample_weight"):
        pair.forward(A, PAIRS[name][2], np.ones(N + 1))
    assert str(pair) == type(pair.loss).__name__


@each_pair
@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["copy", "pickle"]
)
def test_copies_stay_joined(name, clone):
    layer, pair = joined(name)
    value = pair.forward(pair.predict(logits(), training=True), PAIRS[name][2])
    delta = pair.backward().copy()
    _, twin = clone((layer, pair))
    np.testing.assert_array_equal(twin.backward(), delta)
    np.testing.assert_array_equal(twin.prediction_delta(), pair.prediction_delta())
    other = twin.forward(twin.predict(logits() + 1e-3 * SOFT, training=True), PAIRS[name][2])
    assert other != value
    np.testing.assert_array_equal(pair.backward(), delta)


# ------------------------------------------------------------------------------ what is joined


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (None, CategoricalCrossentropy()),
        (Dense(3), CategoricalCrossentropy()),
        (Dense(3), CategoricalCrossentropy(from_logits=True)),
        (Softmax(), BinaryCrossentropy()),
        (Sigmoid(), CategoricalCrossentropy()),
        (Sigmoid(), SparseCategoricalCrossentropy()),
        (Softmax(), MeanSquaredError()),
        (Sigmoid(), MeanSquaredError()),
    ],
)
def test_what_does_not_match_is_left_alone(last, loss):
    assert join(last, loss) is loss


@pytest.mark.parametrize("last", [Softmax(name="out"), Sigmoid(name="out")])
@pytest.mark.parametrize(
    "make", [BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy]
)
def test_logits_are_not_what_an_activation_returns(last, make):
    with pytest.raises(ValueError, match=r"takes logits, but the model ends with \w+ 'out'"):
        join(last, make(from_logits=True))


def test_subclasses_are_not_joined():
    """They may compute something else; a subclass of Softmax once met a KeyError."""

    class Sharper(Softmax):
        pass

    class Focal(CategoricalCrossentropy):
        pass

    loss: Loss = CategoricalCrossentropy()
    assert join(Sharper(), loss) is loss
    loss = Focal()
    assert join(Softmax(), loss) is loss


@pytest.mark.parametrize("depth", [1, 2])
def test_a_pair_at_the_end_of_nested_chains_is_joined(depth):
    """It once was not, silently: large logits then lost the gradient."""
    end = [Dense(K, kernel_initializer="ones", name="last"), Softmax()]
    for _ in range(depth):
        end = [Chain(end)]
    nested = bp.Sequential([Dense(2, name="first"), *end], seed=0, dtype="float64")
    flat = bp.Sequential(
        [Dense(2), Dense(K, kernel_initializer="ones"), Softmax()], seed=0, dtype="float64"
    )
    X = 1e5 * np.random.default_rng(0).standard_normal((N, 2))
    for model in (nested, flat):
        model.compile("sgd", "sparse_categorical_crossentropy")
        assert isinstance(model.loss, MatchedHead)
        model.forward(X)
        A = model.forward(X, training=True)
        np.testing.assert_array_equal(A, model.predict(X))
        model.loss.forward(A, CLASSES)
        model.backward()
    assert np.linalg.norm(flat.parameters.gradients) > 1
    np.testing.assert_array_equal(nested.parameters.gradients, flat.parameters.gradients)
    np.testing.assert_array_equal(nested.layers[-1].delta, flat.layers[-1].delta)
    assert nested.evaluate(X, CLASSES) == flat.evaluate(X, CLASSES)


def test_layers_added_later_end_the_model_then():
    model = bp.Sequential([Dense(K)], seed=0)
    model.compile("sgd", CategoricalCrossentropy())
    assert not isinstance(model.loss, MatchedHead)
    model.add(Softmax())
    assert isinstance(model.loss, MatchedHead)
    assert model.body == model.layers[:-1]
    model.add(Dense(K))
    assert not isinstance(model.loss, MatchedHead)
    assert model.body == model.layers


@each_pair
def test_parts_are_those_of_the_samples_losses(name):
    _, pair = joined(name)
    A = pair.predict(logits(), training=True)
    values = pair.sample_losses(A, PAIRS[name][2]).copy()
    parts = pair.parts(A, PAIRS[name][2])
    assert parts.shape == A.shape
    np.testing.assert_allclose(parts.sum(axis=1), values, rtol=1e-12)


@pytest.mark.parametrize("last", [Sigmoid, Softmax])
@pytest.mark.parametrize(
    "loss",
    [
        *("mse", "huber", "poisson", "kl_divergence", "dice", "binary_crossentropy"),
        *("categorical_crossentropy", "categorical_focal_crossentropy"),
        "sparse_categorical_crossentropy",
    ],
)
def test_what_a_loss_apart_computes_leaves_the_loss_as_it_was(loss, last):
    X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)
    classes = np.arange(6) % 3
    y = classes if loss.startswith("sparse") else np.eye(3, dtype=np.float32)[classes]

    def gradient(between):
        model = bp.Sequential([Dense(3), last()], seed=0)
        model.compile("sgd", loss)
        A = model.forward(X, training=True)
        model.loss.forward(A, y)
        between(model)
        model.backward()
        return model.parameters.gradients.copy(), A.copy()

    def apart(model):
        twin = model.loss.apart()
        twin.compute(twin.predict(model.infer(-X), training=True), y[::-1].copy(), None)
        twin.backward()

    for found, expected in zip(gradient(apart), gradient(lambda model: None), strict=True):
        assert np.array_equal(found, expected)


@each_pair
def test_values_of_any_probabilities_are_those_of_the_loss(name):
    _, pair = joined(name)
    A, target = np.full((N, K), 0.25), PAIRS[name][2]
    target = pair.check_target(target, (K,), A.dtype)
    for formula in ("values", "gradient"):
        alone = getattr(pair.loss.apart(), formula)(A, target)
        np.testing.assert_array_equal(getattr(pair, formula)(A, target), alone)


SETTINGS = {
    "gamma": (Softmax, bp.losses.CategoricalFocalCrossentropy, "gamma", 0.5),
    "alpha": (Sigmoid, lambda: bp.losses.BinaryFocalCrossentropy(True), "alpha", 0.9),
    "q": (Softmax, bp.losses.CategoricalGeneralizedCrossEntropy, "q", 0.9),
    "smoothing": (Softmax, CategoricalCrossentropy, "label_smoothing", 0.4),
}


@pytest.mark.parametrize("eagerly", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_arguments_of_the_loss_are_those_of_the_head(name, eagerly):
    """What is assigned to them counts from the next step on, and in the next validation."""
    activation, make, argument, value = SETTINGS[name]

    def compiled(loss):
        model = bp.Sequential([bp.Input(2), Dense(K), activation()], seed=0, dtype="float64")
        model.compile(bp.optimizers.SGD(0.5), loss, run_eagerly=eagerly)
        return model

    X, changed, meant = np.eye(2)[[0, 1, 1, 0, 1, 1]], compiled(make()), make()
    y = CLASSES if name == "q" else ONE_HOT
    given = {"y": y, "verbose": 0, "validation_data": (X, y)}
    setattr(meant, argument, value)
    assert getattr(changed.loss, argument) == getattr(make(), argument)
    changed.fit(X, **given)
    other = compiled(meant)
    other.set_weights(changed.get_weights())
    setattr(changed.loss, argument, value)
    assert getattr(changed.loss, argument) == getattr(changed.loss.unjoined, argument) == value
    assert getattr(copy.deepcopy(changed).loss, argument) == value
    expected = other.fit(X, **given, epochs=2, shuffle=False).history
    assert changed.fit(X, **given, epochs=2, shuffle=False).history == expected
    with pytest.raises((TypeError, ValueError), match=argument):
        setattr(changed.loss, argument, -1.0)


def test_what_compile_goes_by_cannot_be_changed_through_the_head_either():
    model = bp.Sequential([bp.Input(2), Dense(K), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    for name, value in (("from_logits", True), ("ignore_class", 1)):
        with pytest.raises(AttributeError, match=f"{name} of SparseCategoricalCrossentropy cannot"):
            setattr(model.loss, name, value)
    with pytest.raises(AttributeError, match="SparseCategoricalCrossentropy has no label_smooth"):
        model.loss.label_smoothing = 0.1
    assert not hasattr(model.loss, "label_smooth")


@pytest.mark.parametrize("rows", [5, 6])
@pytest.mark.parametrize("eagerly", [True, False])
def test_a_pass_in_training_that_a_callback_makes_leaves_the_last_step_to_itself(eagerly, rows):
    """Such as those of Monte-Carlo dropout: they may have as many rows as the batch, or others."""
    model = bp.Sequential([bp.Input(2), Dense(K), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eagerly)
    X, y = np.eye(2)[[0, 1, 1, 0, 1, 1]], CLASSES
    monte_carlo = bp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model(X[:rows] + 1, training=True)
    )
    model.fit(X, y, epochs=8, verbose=0, shuffle=False, callbacks=[monte_carlo])
    assert model.layers[-1].delta is None  # there is no δ of what was computed last
    model.fit(X, y, epochs=8, verbose=0, shuffle=False)
    assert model.layers[-1].delta.shape == (6, K)
    model.train_on_batch(X, y)
    before, A = model.layers[-1].delta.copy(), model.layers[-1].A.copy()
    np.testing.assert_allclose(before[range(6), y], (1 - 1 / A[range(6), y]) / 6, rtol=1e-5)
    model(X[:rows] + 1, training=True)
    model.train_on_batch(X, y)
    assert model.layers[-1].delta.shape == (6, K)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "binary_crossentropy"])
def test_another_compile_with_the_loss_of_a_model(loss):
    """The model then applied its last activation twice, in predictions and in gradients."""
    rng = np.random.default_rng(0)
    X, C = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)
    ending, y = ("Softmax", C) if loss[0] == "s" else ("Sigmoid", np.eye(3)[C])

    def made():
        last = getattr(bp.layers, ending)()
        model = bp.Sequential([bp.layers.Dense(5), bp.layers.Tanh(), bp.layers.Dense(3), last], 0)
        model.compile("sgd", loss, metrics=["accuracy"])
        model.fit(X, y, verbose=0)
        return model

    model, other, expected = made(), made(), made()
    before = model.evaluate(X, y)
    model.compile(model.optimizer, model.loss, model.metrics)
    assert model.evaluate(X, y) == before
    assert model.check_gradients(X, y).ok
    expected.compile(expected.optimizer, loss, metrics=["accuracy"])
    assert model.fit(X, y, verbose=0).history == expected.fit(X, y, verbose=0).history
    other.compile("adam", expected.loss, metrics=[expected.loss])
    name = loss.removesuffix("_crossentropy")
    found = other.evaluate(X, y, return_dict=True)
    assert found["loss"] == pytest.approx(next(v for k, v in found.items() if name in k))
    assert bp.inspection.check_loss(model.loss, 3).ok
    assert bp.losses.get(model.loss) is model.loss.unjoined


def test_what_is_replaced_before_compile_is_called():
    X, y = np.ones((8, 3), "f4"), np.ones((8, 1))

    def model_with(activation, loss):
        model = bp.Sequential([Dense(1, kernel_initializer="ones"), activation], seed=0)
        model.compile("sgd", loss)
        return model

    hard = Sigmoid()
    hard.f = lambda Z, out=None: np.clip(0.2 * Z + 0.5, 0, 1, out=out)
    model = model_with(hard, "binary_crossentropy")
    assert not isinstance(model.loss, MatchedHead)
    np.testing.assert_array_equal(model.predict(X), 1.0)
    np.testing.assert_array_equal(model.activations(X)["sigmoid_1"], 1.0)
    sevens = BinaryCrossentropy()
    sevens.values = lambda prediction, target: np.full(len(prediction), 7.0)
    model = model_with(Sigmoid(), sevens)
    assert model.evaluate(X, y) == 7.0
    assert model.fit(X, y, verbose=0).history == {"loss": [7.0]}


@pytest.mark.parametrize(
    "copied", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_what_is_joined_is_not_replaced(copied):
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", SparseCategoricalCrossentropy())
    model = copied(model)
    last, loss = model.layers[-1], model.loss.unjoined
    for part, name in ((last, "forward"), (last, "backward"), (loss, "values"), (loss, "gradient")):
        words = f"{name} of .* compile has joined SparseCategoricalCrossentropy with Softmax 'soft"
        with pytest.raises(AttributeError, match=words):
            setattr(part, name, lambda *given: given)
    with pytest.raises(AttributeError, match="axis of Softmax 'softmax_1' cannot be another one"):
        last.axis = 1
    model.layers[0].forward = model.layers[0].forward
    model.compile("sgd", "mse")
    last.axis = 1
    last.forward = last.forward
    unjoined = bp.Sequential([Dense(3), Softmax(axis=1)])
    unjoined.compile("sgd", MeanSquaredError())
    unjoined.layers[-1].axis = -1


def test_losses_of_ones_own_stay_joined_whatever_their_attributes_are_called():
    class Own(SparseCategoricalCrossentropy):
        link = "softmax"
        weight_of = staticmethod(lambda k: 1)

        def __init__(self):
            super().__init__()
            self.weight_of = lambda k: 2

    model = bp.Sequential([Dense(3), Softmax()])
    model.compile("sgd", Own())
    assert isinstance(model.loss, MatchedHead)
    last = Softmax()
    last.forward = last.forward  # as who puts it back
    assert isinstance(join(last, SparseCategoricalCrossentropy()), MatchedHead)


def test_a_loss_whose_model_is_gone_is_free_again():
    loss = SparseCategoricalCrossentropy()
    model = bp.Sequential([Dense(3), Softmax()])
    model.compile("sgd", loss)
    model._own = model  # so that it stays until such circles are looked for
    del model
    loss.values = lambda prediction, target: np.ones(len(target))
