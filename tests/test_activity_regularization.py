"""Penalties on activations: in the loss of ``fit`` and ``evaluate``, in g, and nowhere else."""

import numpy as np
import pytest
from derivatives import derivative, relative_error
from sharing import at_once

import backprop as bp
from backprop.layers import (
    ActivityRegularization,
    Bidirectional,
    Block,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    Layer,
    Masking,
    Reshape,
    Residual,
    Tanh,
    TimeDistributed,
)
from backprop.layers.block import backward_of, forward_through
from backprop.optimizers import SGD


def network(optimizer="sgd", eagerly=False, l1=0.3, l2=0.2, dtype="float64"):
    layers = [
        *(Dense(5), ActivityRegularization(l1, l2), Tanh()),
        *(Residual([Dense(5, kernel_regularizer="l2"), ActivityRegularization(l2=0.1)]), Dense(2)),
    ]
    model = bp.Sequential(layers, seed=0, dtype=dtype)
    model.compile(optimizer, "mse", run_eagerly=eagerly)
    return model


def penalties(model, X):
    """(λ₁ Σ |x| + λ₂ Σ x²) / N of both layers, from what the layers before them make."""
    first, _, tanh, residual, _ = model.layers
    Z = first.forward(X)
    inner = residual.children[0]
    H = inner.forward(tanh.forward(Z))
    own = (0.3 * np.abs(Z).sum() + 0.2 * (Z * Z).sum() + 0.1 * (H * H).sum()) / len(X)
    return own + 0.01 * (inner.W**2).sum()


def test_evaluate_and_fit_report_loss_and_penalty(rng):
    X, y = rng.normal(size=(24, 3)), rng.normal(size=(24, 2))
    model = network(SGD(0))
    model.build((None, 3))
    expected = np.mean((model.predict(X) - y) ** 2) + penalties(model, X)
    assert model.evaluate(X, y) == pytest.approx(expected, rel=1e-12)
    assert model.evaluate(X, y, batch_size=7) == pytest.approx(expected, rel=1e-12)
    history = model.fit(X, y, batch_size=7, validation_data=(X, y), verbose=0).history
    assert history["loss"] == pytest.approx([expected], rel=1e-12)
    assert history["val_loss"] == pytest.approx([expected], rel=1e-12)


def test_g_is_the_derivative_of_all_of_it(rng):
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    model = network()
    model.build((None, 3))
    model.loss.forward(model.forward(X, training=True), y)
    model.backward()
    theta, g = model.parameters.values, model.parameters.gradients.copy()
    assert relative_error(g, derivative(lambda: model.evaluate(X, y), theta)) < 1e-7
    assert model.check_gradients(X, y).ok


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_recorded_steps_report_and_do_the_same(dtype, rng):
    X, y = rng.normal(size=(90, 3)), rng.normal(size=(90, 2))
    found = []
    for eagerly in (True, False):
        model = network("adam", eagerly, dtype=dtype)
        history = model.fit(X, y, batch_size=4, epochs=3, validation_split=0.2, verbose=0)
        found.append((history.history, model.parameters.values.tolist()))
    assert found[0] == found[1]


def test_padded_steps_cost_nothing(rng):
    X, y = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 3))
    X[:, 2:], shown = -9, X[:, :2].copy()
    layers = [Masking(-9.0), ActivityRegularization(0.5, 0.25), GlobalAveragePooling1D()]
    model = bp.Sequential(layers, dtype="float64")
    model.compile(SGD(0), "mse")
    penalty = (0.5 * np.abs(shown).sum() + 0.25 * (shown**2).sum()) / 5
    loss = pytest.approx(np.mean((shown.mean(axis=1) - y) ** 2) + penalty, rel=1e-12)
    for given in (X, shown):
        assert model.evaluate(given, y) == loss
    assert model.fit(X, y, verbose=0).history["loss"] == [loss]
    layer = model.layers[1]
    layer.forward(X, training=True, mask=np.array([[True, True, False, False]] * 5))
    assert layer.penalty == pytest.approx(penalty, rel=1e-12)
    dX = layer.backward(np.zeros_like(X))
    assert not dX[:, 2:].any()
    np.testing.assert_allclose(dX[:, :2], (0.5 * np.sign(shown) + 0.5 * shown) / 5, rtol=1e-12)


def test_threads_that_predict_change_no_loss(rng):
    """What is collected belongs to the thread that evaluates."""
    X, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    model = network()
    model.build((None, 3))
    expected, found = model.evaluate(X, y), []

    def evaluate(X):
        found.append(model.evaluate(X, y))

    at_once(lambda call: call(X), [*[model.predict] * 4, evaluate])
    assert found == [expected]


def test_several_models_are_trained_one_by_one(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    alone, together = network(), [network(), network()]
    alone.fit(X, y, epochs=2, verbose=0)
    for history in bp.fit_many(together, X, y, epochs=2, verbose=0):
        assert history.history == alone.history.history


def test_explanations_show_the_penalty(rng):
    X, y = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))
    model = network()
    model.build((None, 3))
    explanation = model.explain(X, y)
    assert explanation.loss == pytest.approx(model.evaluate(X, y))
    assert "what ActivityRegularization 'activity_regularization_1' adds" in str(explanation)


def test_explanations_divide_by_samples_where_n_counts_steps_too(rng):
    model = bp.Sequential([bp.Input((4, 3)), ActivityRegularization(0.3, 0.4), Dense(1)])
    model.compile("sgd", "mse")
    explained = model.explain(rng.standard_normal((2, 4, 3)), np.ones((2, 4, 1)))
    assert "  N = 2 × 4." in str(explained)
    assert " = ∂E/∂H⁽⁰⁾ + (0.3 sign(X) + 0.8 X) / 2  " in str(explained)


def test_what_it_refuses():
    for wrong in ({"l1": -1}, {"l2": float("nan")}):
        with pytest.raises(ValueError, match=r"ActivityRegularization\(l\d\) must be 0 or more"):
            ActivityRegularization(**wrong)


class Heavy(Layer):
    """Y = X, with the penalty ½ Σ x² / N; where it is kept differs."""

    penalizes = True

    def __init__(self, always=False):
        super().__init__()
        self.always = always

    def forward(self, X, training=False):
        if training or self.always:
            self.penalty = 0.5 * (X * X).sum() / len(X)
        if training:
            self.X = X
        return X

    def backward(self, delta):
        return delta + self.X / len(self.X)


class Forgotten(Heavy):
    penalizes = False


class Weighing(Forgotten):
    """Its own name for the weight of something else."""

    def __init__(self, penalty):
        super().__init__()
        self.penalty = penalty

    def forward(self, X, training=False):
        self.X = X
        return X


class Halving(Weighing):
    def __init__(self):
        super().__init__(0.5)


def test_a_penalty_that_nobody_counts_is_warned_of():
    def train(layer):
        model = bp.Sequential([Dense(2), layer, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 3)), np.ones(4), epochs=2, verbose=0)

    with pytest.warns(RuntimeWarning, match="penalizes = True in the class Forgotten") as caught:
        train(Forgotten())
    assert len(caught) == 1
    train(Heavy())
    train(Weighing(np.float64(0.5)))
    train(Halving())


class BothWays(Heavy):
    return_sequences, go_backwards = True, False


class Holding(Block):
    def __init__(self, layer):
        super().__init__()
        self.adopt(layer)

    def make_parameters(self, input_shape):
        self.build_child(self.children[0], input_shape)

    def forward(self, X, training=False, mask=None):
        return forward_through(self.children, X, training, mask)

    def backward(self, delta):
        return backward_of(self.children[0], delta)


class Alike(ActivityRegularization):
    def forward(self, X, training=False, mask=None):
        return super().forward(X, training, mask)


class Sampling(Layer):
    """Y = μ + σ ε with μ and ln σ² of X, in inference μ, and the penalty of a variational layer."""

    penalizes = random = True

    def output_shape(self, input_shape):
        return (input_shape[0] // 2,)

    def forward(self, X, training=False):
        mu, log_var = np.split(X, 2, axis=1)
        if not training:
            return mu.copy()
        self.epsilon = self._rng.standard_normal(mu.shape)
        self.mu, self.log_var = mu, log_var
        self.penalty = divergence(X)
        return mu + np.exp(log_var / 2) * self.epsilon

    def backward(self, delta):
        n, var = len(delta), np.exp(self.log_var)
        by_log_var = delta * self.epsilon * np.sqrt(var) / 2 + (var - 1) / 2 / n
        return np.concatenate([delta + self.mu / n, by_log_var], axis=1)


def divergence(X):
    mu, log_var = np.split(X, 2, axis=1)
    return float(-0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum() / len(X))


OWN = [
    (lambda: [Heavy()], 0.5),
    (lambda: [Heavy(always=True)], 0.5),
    (lambda: [Residual([Heavy()])], 0.5),
    (lambda: [Holding(Heavy())], 0.5),
    (lambda: [Holding(ActivityRegularization(l2=0.5))], 0.5),
    (lambda: [Reshape((2, 2)), TimeDistributed(Heavy()), Flatten()], 0.25),
    (lambda: [Reshape((2, 2)), Bidirectional(BothWays()), Flatten()], 1.0),
    (lambda: [Alike(l2=0.5)], 0.5),
]


@pytest.mark.parametrize(("make", "weight"), OWN, ids=range(len(OWN)))
def test_penalties_of_layers_of_ones_own_are_evaluated_too(make, weight, rng):
    X, y = rng.standard_normal((14, 4)), rng.standard_normal((14, 2))
    model = bp.Sequential([*make(), Dense(2)], seed=0, dtype="float64")
    model.compile(SGD(1e-13), "mse", metrics=["mse"])
    history = model.fit(X, y, batch_size=14, validation_data=(X, y), verbose=0).history
    penalty = weight * (X * X).sum() / 14
    np.testing.assert_allclose(history["val_loss"], history["loss"], rtol=1e-9)
    for size in (14, 5):
        loss, mse = model.evaluate(X, y, batch_size=size)
        assert loss - mse == pytest.approx(penalty, rel=1e-9)


def test_the_penalty_of_a_layer_that_samples_is_evaluated_and_changes_nothing(rng):
    X, y = rng.standard_normal((14, 4)), rng.standard_normal((14, 2))
    models = [bp.Sequential([Dense(6), Sampling(), Dense(2)], seed=0) for _ in range(2)]
    for model, validated in zip(models, ((X, y), None), strict=True):
        model.compile("sgd", "mse", metrics=["mse"])
        model.fit(X, y, epochs=3, validation_data=validated, verbose=0)
    loss, mse = models[0].evaluate(X, y)
    expected = divergence(models[0].layers[0].forward(X.astype("float32")))
    assert loss - mse == pytest.approx(expected, rel=1e-4)
    np.testing.assert_array_equal(*(model.parameters.values for model in models))


def test_the_loss_keeps_all_digits_of_a_penalty_in_float32(rng):
    X = np.full((6, 4), 1e-4, "f4")
    model = bp.Sequential([Heavy(), Dense(1)], seed=0)
    model.compile(SGD(1e-13), "mse")
    (loss,) = model.fit(X, np.full(6, 3.0), epochs=1, shuffle=False, verbose=0).history["loss"]
    assert type(loss) is float
    assert loss == pytest.approx(model.evaluate(X, np.full(6, 3.0)), rel=1e-12)


@pytest.mark.parametrize("left", [None, "much", np.ones(3)])
def test_what_a_layer_leaves_as_its_penalty_is_a_number(left, rng):
    class Odd(Heavy):
        def forward(self, X, training=False):
            Y = super().forward(X, training)
            self.penalty = left
            return Y

    model = bp.Sequential([Odd(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 4))
    before = model.get_weights()
    with pytest.raises(TypeError, match=r"Odd .* must leave in self.penalty .* a number"):
        model.fit(np.ones((6, 4)), np.ones(6), verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
