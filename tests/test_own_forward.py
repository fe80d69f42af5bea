"""A model whose class has a forward of its own: what is evaluated is what it computes."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import ActivityRegularization, Dense, Sigmoid, Softmax, Tanh

R = np.random.default_rng(0)
X, NUMBERS = R.standard_normal((40, 3)), R.standard_normal((40, 1))
CLASSES = R.integers(0, 2, 40)


class Doubling(bp.Sequential):
    """f(2 X)."""

    def forward(self, X, training=False):
        return super().forward(2 * np.asarray(X), training)


CASES = [
    ([Dense(4), Tanh(), Dense(1)], "mse", NUMBERS),
    ([Dense(1), Sigmoid()], "binary_crossentropy", CLASSES),
    ([Dense(2), Softmax()], "sparse_categorical_crossentropy", CLASSES),
    ([Dense(4), ActivityRegularization(l2=0.1), Dense(1)], "mse", NUMBERS),
]


@pytest.mark.parametrize(("layers", "loss", "y"), CASES, ids=lambda case: str(case)[:20])
def test_evaluation_and_validation_go_by_a_forward_of_ones_own(layers, loss, y):
    model = Doubling(layers, seed=0, dtype="float64")
    model.compile("sgd", loss, metrics=["mae"] if loss == "mse" else ["accuracy"])
    history = model.fit(X, y, validation_data=(X, y), verbose=0).history
    plain = bp.Sequential([layer.copy() for layer in model.layers], dtype="float64")
    plain.compile("sgd", loss, metrics=["mae"] if loss == "mse" else ["accuracy"])
    expected = plain.evaluate(2 * X, y)
    np.testing.assert_allclose(model.evaluate(X, y), expected, rtol=1e-12)
    np.testing.assert_allclose([v[-1] for k, v in history.items() if k[:3] == "val"], expected)
    np.testing.assert_allclose(model.test_on_batch(X, y), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("call", r"Net\.call is never called: a model computes by forward\(X, training=False\)"),
        ("train_step", r"Net\.train_step is never called: what a step computes is said by layers"),
        ("compute_loss", r"Net\.compute_loss is never called: .* a Loss and metrics of your own"),
        ("configure_optimizers", r"is never called: compile\(optimizer=…, loss=…\)"),
    ],
)
def test_methods_that_other_libraries_call_are_warned_of(name, words):
    with pytest.warns(RuntimeWarning, match=words):
        type("Net", (bp.Sequential,), {name: lambda self, *given: None})


def test_a_forward_without_training_is_told_of_it():
    """It was a TypeError of Python's, in the first step."""
    with pytest.raises(TypeError, match=r"write def forward\(self, X, training=False\)\.$"):
        type("Net", (bp.Sequential,), {"forward": lambda self, x: x})
    for forward in (lambda self, X, training=False: X, lambda self, *given, **named: given[0]):
        type("Net", (bp.Sequential,), {"forward": forward})


def test_a_layer_that_makes_its_parameters_in_build_is_told_where():
    """Keras's ``build(self, input_shape)``; it was to take arguments that it has no use for."""

    class Scale(bp.layers.Layer):
        def build(self, input_shape):
            self.gamma = self.add_parameter("gamma", input_shape, "ones")

    words = (
        r"^Scale makes its parameters in build: do so in def make_parameters\(self, input_shape\)"
    )
    with pytest.raises(TypeError, match=words):
        bp.Sequential([Scale()])


def test_a_fit_of_ones_own_may_call_what_it_likes():
    class Net(bp.Sequential):
        def train_step(self, x, y):
            return self.train_on_batch(x, y)

        def fit(self, x, y):
            return self.train_step(x, y)

    model = Net([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    assert model.fit(X, NUMBERS) > 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("inputs", "there is model.input_shape"),
        ("output", r"model.activations\(x\) gives every layer's output by its name"),
    ],
)
def test_other_names_of_inputs_and_outputs(name, words):
    with pytest.raises(AttributeError, match=words):
        getattr(bp.Sequential([Dense(1)]), name)


def test_another_name_of_the_learning_rate():
    optimizer = bp.optimizers.Adam()
    with pytest.raises(AttributeError, match=r"Adam has no attribute 'lr': write optimizer\.learn"):
        optimizer.lr *= 0.5
    with pytest.raises(AttributeError, match="nobody reads 'lr' of Adam: set learning_rate"):
        optimizer.lr = 0.5


class Tripling(bp.Sequential):
    """Learns three times as quickly."""

    def backpropagate(self, delta):
        return super().backpropagate(3 * delta)


@pytest.mark.parametrize(("layers", "loss", "y"), CASES, ids=lambda case: str(case)[:20])
def test_activations_go_by_a_forward_of_ones_own(layers, loss, y):
    model = Doubling([layer.copy() if layer.input_shape else layer for layer in layers], seed=0)
    model.compile("sgd", loss)
    model.fit(X, y, verbose=0)
    plain = bp.Sequential([layer.copy() for layer in model.layers])
    plain.build((None, 3))
    found, expected = model.activations(X), plain.activations(2 * X)
    assert list(found) == list(expected)
    for name, output in found.items():
        np.testing.assert_allclose(output, expected[name], rtol=1e-6)
    np.testing.assert_allclose(output, model.predict(X), rtol=1e-6)
    assert len(model.activations(R.standard_normal((30000, 3)))[name]) == 30000


def test_what_is_made_of_the_layers_alone_refuses_a_pass_of_ones_own(tmp_path):
    pytest.importorskip("onnx")
    for kind, name in ((Doubling, "forward"), (Tripling, "backpropagate")):
        model = kind([bp.Input(3), Dense(1)], seed=0)
        model.compile("sgd", "mse")
        with pytest.raises(TypeError, match=rf"{kind.__name__} has a {name} of its own, but expla"):
            model.explain(X[:2], NUMBERS[:2])
    with pytest.raises(TypeError, match=r"Doubling has a forward .* the file would hold"):
        Doubling([bp.Input(3), Dense(1)]).export(tmp_path / "m.onnx")
    model.export(tmp_path / "m.onnx")  # what is predicted is not changed by another way back
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


def test_a_forward_that_is_set_on_a_model_is_evaluated():
    model = bp.Sequential([bp.Input(3), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    twice = 4 * model.evaluate(X, 0 * NUMBERS)
    forward = model.forward
    model.forward = lambda X, training=False: 2 * forward(X, training)
    assert model.evaluate(X, 0 * NUMBERS) == pytest.approx(twice, rel=1e-6)
