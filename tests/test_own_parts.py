"""Parts of one's own that lack a method, or whose method does something else than it should."""

import ast

import numpy as np
import pytest
from mistakes import PACKAGE, C, X, assert_speaks

import backprop as bp
from backprop.constraints import Constraint
from backprop.layers import Dense, Softmax
from backprop.optimizers import Optimizer


def test_what_a_subclass_must_define_is_named_with_its_class_and_arguments():
    found = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text("utf-8")
        if "NotImplementedError" not in source:
            continue
        functions = [n for n in ast.walk(ast.parse(source)) if hasattr(n, "args")]
        for method in functions:
            text = ast.unparse(method)
            if "raise NotImplementedError" in text and isinstance(method, ast.FunctionDef):
                found += 1
                assert f"{{type(self).__name__}} must define {method.name}(" in text, path
    assert found > 30


def fitted(constraint=None, optimizer="sgd"):
    model = bp.Sequential([Dense(3, kernel_constraint=constraint), Softmax()], seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(X, C, verbose=0)
    return model


class Exchanged(bp.losses.Loss):
    def values(self, y_true, y_pred):
        return np.square(y_pred / y_true - 1)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred / y_true - 1) / y_true


class Relative(bp.metrics.MeanMetric):
    def values(self, target, prediction):
        return abs(prediction / target - 1)


class Largest(bp.metrics.Metric):
    def update(self, y_true, y_pred, sample_weight=None):
        pass

    def reset(self):
        pass

    def result(self):
        return 0.0


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"loss": Exchanged()}, r"Exchanged.values is called with \(prediction, target\)"),
        ({"metrics": [Relative("relative")]}, r"its arguments are \(target, prediction\)"),
        ({"metrics": [Largest("largest")]}, "Largest.update is called with"),
        ({"metrics": [lambda y_pred, y_true: 0.0]}, r"with \(y_true, y_pred\), but .* exchange"),
        ({"metrics": [lambda preds, target: 0.0]}, "the other way round"),
    ],
)
def test_predictions_and_targets_that_have_each_others_names_are_refused(parts, words):
    with pytest.raises(TypeError, match=words):
        bp.Sequential([Dense(1)]).compile("sgd", **{"loss": "mse", **parts})


class Forgotten(Constraint):
    pass


class Returning(Constraint):
    def project(self, W):
        return np.abs(W)


class Failing(Constraint):
    def project(self, W):
        raise KeyError("mine")


@pytest.mark.parametrize(("kind", "error", "words"), [
    (Forgotten, NotImplementedError, r"Forgotten must define project\(W\)"),
    (Returning, TypeError, r"Returning\.project must change W in place"),
    (Failing, KeyError, "mine"),
])  # fmt: skip
def test_a_constraint_that_fails_does_so_before_a_step(kind, error, words):
    model = bp.Sequential([Dense(3, kernel_constraint=kind()), Softmax()], seed=0)
    with pytest.raises(error, match=words):
        model.build((None, 4))


def test_a_constraint_may_return_the_weights_that_it_has_changed():
    class Both(Constraint):
        def project(self, W):
            np.abs(W, out=W)
            return W

    assert (fitted(Both()).layers[0].W >= 0).all()


def test_an_optimizer_that_returns_the_new_weights_is_told_to_write_them():
    class Returned(Optimizer):
        def update(self, theta, g, scratch):
            return theta - self.learning_rate * g

    with pytest.raises(TypeError, match=r"Returned\.update must change theta in place"):
        fitted(optimizer=Returned(0.1))


def test_an_optimizer_on_the_whole_data_defines_minimize():
    class Whole(Optimizer):
        full_batch = True

    with pytest.raises(NotImplementedError, match=r"Whole must define minimize\("):
        fitted(optimizer=Whole(0.1))

    class Descent(Whole):
        def minimize(self, loss_and_gradient, theta, after_iteration, iterations):
            for _ in range(iterations):
                theta = theta - 0.1 * loss_and_gradient(theta)[1]
                if after_iteration(theta):
                    break
            return True

    model = fitted(optimizer=Descent(0.1))
    model.fit(X, C, epochs=3, verbose=0)
    assert np.all(np.diff(model.history.history["loss"]) < 0)
    assert len(model.history.history["loss"]) == 3

    class Misfit(Whole):
        def minimize(self, loss):
            return True

    with pytest.raises(TypeError, match=r"write def minimize\(self, loss_and_gradient, theta,"):
        fitted(optimizer=Misfit(0.1))


class Scaled(Optimizer):
    def __init__(self, made):
        super().__init__(0.1)
        self.made = made

    def coefficients(self, t, eta):
        return self.made(t, eta)

    def update(self, theta, g, scratch):
        theta -= self.scalars[0] * g


COEFFICIENTS = {
    "a number": lambda t, eta: eta,
    "None": lambda t, eta: None,
    "text": lambda t, eta: "12",
    "a tuple of text": lambda t, eta: ("1",),
    "a tuple of None": lambda t, eta: (None,),
    "a complex number": lambda t, eta: (eta * 1j,),
    "an array": lambda t, eta: (np.ones(2),),
    "another number of them": lambda t, eta: (eta,) * t,
    "None later": lambda t, eta: (eta,) if t == 1 else None,
    "a number later": lambda t, eta: (eta,) if t == 1 else 2 * eta,
}


@pytest.mark.parametrize("made", COEFFICIENTS.values(), ids=COEFFICIENTS)
@pytest.mark.parametrize("together", [False, True])
def test_coefficients_are_a_tuple_of_numbers(made, together):
    def model():
        model = bp.Sequential([Dense(3), Softmax()], seed=0)
        model.compile(Scaled(made), "sparse_categorical_crossentropy")
        return model

    words = r"Scaled\.coefficients must return a tuple of numbers.*write return \(eta,\)"
    with pytest.raises(TypeError, match=words) as caught:
        bp.fit_many([model(), model()][: 1 + together], X, C, batch_size=4, epochs=2, verbose=0)
    assert_speaks(caught, [])


def test_coefficients_of_all_types_of_numbers_are_right():
    plain = fitted(optimizer=Scaled(lambda t, eta: (0.1,))).get_weights()
    kinds = (np.float64, np.array, lambda eta: np.array([eta])[0])
    for made in (lambda eta, kind=kind: (kind(eta),) for kind in kinds):
        found = fitted(optimizer=Scaled(lambda t, eta, made=made: made(eta))).get_weights()
        np.testing.assert_equal(found, plain)
    np.testing.assert_equal(fitted(optimizer=Scaled(lambda t, eta: [eta])).get_weights(), plain)


@pytest.mark.parametrize("method", ["values", "gradient"])
def test_a_loss_must_not_return_complex_numbers(method):
    class Complex(bp.losses.MeanSquaredError):
        pass

    def turned(self, prediction, target):
        return 1j * getattr(bp.losses.MeanSquaredError, method)(self, prediction, target)

    setattr(Complex, method, turned)
    model = bp.Sequential([Dense(3)], seed=0)
    model.compile("sgd", Complex())
    words = rf"^Complex\.{method} must return .* dtype complex"
    for verb in (model.fit, model.train_on_batch) + (model.evaluate,) * (method == "values"):
        with pytest.raises(ValueError, match=words) as caught:
            verb(X, np.eye(3)[C])
        assert_speaks(caught, [])


class OfSequences(bp.losses.Loss):
    """The mean over all steps of a sequence, as one number."""

    def values(self, prediction, target):
        return ((prediction - target) ** 2).mean(axis=(1, 2))

    def gradient(self, prediction, target):
        return 2 * (prediction - target) / prediction[0].size


@pytest.mark.parametrize("n", [4, 6])  # 4 is the number of steps, too
@pytest.mark.parametrize("masked", [True, False])
def test_a_loss_of_whole_sequences_takes_no_weights_of_steps(n, masked):
    X, y = np.random.default_rng(0).standard_normal((2, n, 4, 2))
    X[:, 3] = 0
    layers = [bp.layers.Masking()] * masked + [bp.layers.SimpleRNN(2, return_sequences=True)]
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", OfSequences())
    weight = None if masked else np.ones((n, 4))
    words = (
        rf"OfSequences.values returned a loss for each sample, shape \({n},\), .* shape \({n}, 4\)"
    )
    for verb in (model.fit, model.evaluate, model.train_on_batch):
        silent = {"verbose": 0} if verb == model.fit else {}
        with pytest.raises(ValueError, match=words):
            verb(X, y, sample_weight=weight, **silent)


@pytest.mark.parametrize("n", [4, 6])
def test_a_loss_of_whole_sequences_takes_weights_of_samples(n):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2, n, 4, 2))
    weight = rng.random(n)
    trained = []
    for loss in (OfSequences(), "mse"):
        model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
        model.compile(bp.optimizers.SGD(0.1), loss)
        history = model.fit(X, y, sample_weight=weight, epochs=2, verbose=0).history
        trained.append([*history["loss"], *model.parameters.values])
    np.testing.assert_allclose(trained[0], trained[1], rtol=1e-12)
    assert bp.inspection.check_loss(OfSequences(), (4, 2), batch_size=n).ok


def test_an_optimizer_that_changes_nothing_is_warned_of():
    class Rebinding(Optimizer):
        def update(self, theta, g, scratch):
            theta = theta - 0.1 * g

    class Right(Optimizer):
        def update(self, theta, g, scratch):
            theta -= 0.1 * g

    with pytest.warns(RuntimeWarning, match="Rebinding has changed no weight in this fit: its up"):
        fitted(optimizer=Rebinding(0.1))
    fitted(optimizer=Right(0.1))
    frozen = bp.Sequential([Dense(3), Softmax()], seed=0)
    frozen.build((None, X.shape[1]))
    frozen.trainable = False
    frozen.compile(Right(0.1), "sparse_categorical_crossentropy")
    frozen.fit(X, C, verbose=0)


def test_an_optimizer_that_never_writes_into_a_slot_is_warned_of():
    class Rebinding(Optimizer):
        slots = ("velocity",)

        def update(self, theta, g, scratch, velocity):
            velocity = 0.9 * velocity - 0.1 * g
            theta += velocity

    class Right(Rebinding):
        def update(self, theta, g, scratch, velocity):
            velocity[...] = 0.9 * velocity - self.learning_rate * g
            theta += velocity

    class Seldom(Right):
        slots = ("velocity", "start")

        def update(self, theta, g, scratch, velocity, start):
            super().update(theta, g, scratch, velocity)
            if self.iterations % 1000 == 999:
                start[...] = theta

    with pytest.warns(RuntimeWarning, match="Rebinding has never written into its slot 'velocity'"):
        fitted(optimizer=Rebinding(0.1))
    fitted(optimizer=Right(0.1))
    fitted(optimizer=Right(0.0))
    fitted(optimizer=Seldom(0.1))


def test_a_callback_keeps_another_model_under_another_name():
    class Distilling(bp.callbacks.Callback):
        def __init__(self, model):
            self.model = model

    model, other = fitted(), fitted()
    with pytest.raises(TypeError, match=r"Distilling keeps another model in self\.model, .*own_m"):
        model.fit(X, C, verbose=0, callbacks=[Distilling(other)])
    same = Distilling(model)
    model.fit(X, C, verbose=0, callbacks=[same])
    other.fit(X, C, verbose=0, callbacks=[same])
    assert same.model is other


def test_a_loss_that_says_what_it_takes_alone_is_refused_in_whole_sentences():
    class Positive(bp.losses.MeanSquaredError):
        domain = (0, np.inf)

    model = bp.Sequential([Dense(3)])
    model.compile("sgd", Positive())
    with pytest.raises(ValueError, match="end it with a layer that makes such numbers"):
        model.fit(X, np.eye(3)[C], verbose=0)
