"""What five teaching texts on backpropagation describe, line by line, with their numbers.

A test's name is text_line_subject. Where a text misprints something, the comment says what is
right.
"""

import math
from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.inspection import gradient_cost
from backprop.layers import (
    Activation,
    Chain,
    Dense,
    Exponential,
    Identity,
    Input,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSquaredError,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)
from backprop.optimizers import SGD

Array = np.ndarray[Any, Any]


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def network(*layers: Any, loss: Any = "mse", learning_rate: float = 0.5) -> bp.Sequential:
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile(SGD(learning_rate), loss)
    return model


def step_back(model: bp.Sequential, X: Array, y: Array) -> float:
    """Forward pass, loss and backward pass."""
    loss = model.loss.forward(model.forward(X, training=True), y)
    model.backward()
    return loss


# ------------------------------------------------ text 000: chain rule, losses, layer by layer


class Square(Activation):
    """f(z) = z², f′(z) = 2z."""

    def f(self, Z: Array, out: Array | None = None) -> Array:
        return np.square(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        return np.multiply(Z, 2, out=out)


def test_000_01_scalar_chain_rule() -> None:
    chain = Chain([Square(), Exponential()])  # y = e^(x²), dy/dx = 2x e^(x²)
    X = np.array([[0.5], [1.0], [-1.0]])
    Y = chain.forward(X, training=True)
    slopes = chain.backward(np.ones_like(Y))
    assert np.array_equal(np.round(slopes.ravel(), 7), [1.2840254, 5.4365637, -5.4365637])


def test_000_02_vector_chain_rule_sums_over_all_paths(rng: np.random.Generator) -> None:
    chain = Chain([Dense(3), Tanh(), Dense(1)])
    chain.build((2,), rng, "float64")
    first, tanh, last = chain.layers
    X = rng.standard_normal((1, 2))
    chain.forward(X, training=True)
    delta = chain.backward(np.ones((1, 1)))
    for i in range(2):
        paths = [first.W[i, k] * (1 - tanh.A[0, k] ** 2) * last.W[k, 0] for k in range(3)]
        assert delta[0, i] == pytest.approx(sum(paths), rel=1e-14)


def test_000_03_weights_run_from_input_i_to_output_j() -> None:
    layer = Dense(3, use_bias=False)
    layer.build((2,), dtype="float64")
    assert layer.W.shape == (2, 3)
    layer.W = [[11, 12, 13], [21, 22, 23]]
    assert np.array_equal(layer.forward(np.array([[0.0, 1.0]])), [[21, 22, 23]])


def test_000_04_gradient_descent() -> None:
    model = network(Input(1), Dense(1), learning_rate=0.25)
    model.set_weights([[[3.0]], [1.0]])
    model.parameters.gradients[:] = [2.0, -4.0]
    model.optimizer.step(model.parameters)
    assert np.array_equal(model.parameters.values, [3 - 0.25 * 2, 1 + 0.25 * 4])


def test_000_05_regression_losses_are_means() -> None:
    """⚠ The text says "sum" of the mean absolute error; the mean in its formula is right."""
    prediction, target = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [4.0], [8.0]])
    assert MeanSquaredError().forward(prediction, target) == pytest.approx(20 / 3, rel=1e-15)
    assert RootMeanSquaredError().forward(prediction, target) == pytest.approx(
        math.sqrt(20 / 3), rel=1e-15
    )
    assert MeanAbsoluteError().forward(prediction, target) == pytest.approx(2, rel=1e-15)


def test_000_06_binary_crossentropy_gradient() -> None:
    """−y/ŷ − (y − 1)/(1 − ŷ) looks like a slip of the sign, and is right."""
    loss = BinaryCrossentropy()
    loss.forward(np.array([[0.8]]), np.array([[1.0]]))
    assert loss.backward()[0, 0] == pytest.approx(-1.25, rel=1e-14)
    y_hat, y = np.array([[0.3], [0.9]]), np.array([[1.0], [0.0]])
    loss.forward(y_hat, y)
    assert np.allclose(loss.backward(), (-y / y_hat - (y - 1) / (1 - y_hat)) / 2, rtol=1e-14)

    model = network(Input(1), Dense(1, use_bias=False), Sigmoid(), loss="binary_crossentropy")
    model.set_weights([[[math.log(4)]]])  # σ(log 4) = 0.8
    step_back(model, np.array([[1.0]]), np.array([1.0]))
    assert model.layers[0].delta[0, 0] == pytest.approx(-0.2, rel=1e-14)  # through the sigmoid


def test_000_07_categorical_and_sparse_crossentropy() -> None:
    """⚠ The text numbers classes 1 to K; here they run from 0 to K − 1, and K is refused."""
    probabilities = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    expected = -(math.log(0.5) + math.log(0.8)) / 2
    one_hot = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    categorical = CategoricalCrossentropy().forward(probabilities, one_hot)
    sparse = SparseCategoricalCrossentropy().forward(probabilities, np.array([1, 2]))
    assert categorical == pytest.approx(expected, rel=1e-15)
    assert sparse == pytest.approx(expected, rel=1e-15)
    with pytest.raises(ValueError, match="class indices run from 0 to 2"):
        SparseCategoricalCrossentropy().forward(probabilities, np.array([1, 3]))


def test_000_08_derivatives_at_the_pre_activation() -> None:
    """relu′(0) does not exist; it is taken to be 0."""
    Z = np.array([[-2.0, 0.0, 3.0]])
    for layer, expected in (
        (Sigmoid(), sigmoid(Z) * (1 - sigmoid(Z))),
        (ReLU(), [[0.0, 0.0, 1.0]]),
    ):
        layer.forward(Z, training=True)
        assert np.allclose(layer.backward(np.ones_like(Z)), expected, rtol=1e-14)


def test_000_09_gradients_of_the_231_network_are_delta_times_activation(
    rng: np.random.Generator,
) -> None:
    model = network(Input(2), Dense(3), ReLU(), Dense(1), Sigmoid(), loss="binary_crossentropy")
    W1, b1 = rng.standard_normal((2, 3)), rng.standard_normal(3)
    W2, b2 = rng.standard_normal((3, 1)), rng.standard_normal(1)
    model.set_weights([W1, b1, W2, b2])
    x, y = np.array([0.6, -0.4]), 1.0
    step_back(model, x[None], np.array([y]))
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    delta_2 = sigmoid(a1 @ W2 + b2)[0] - y
    first, _, second, _ = model.layers
    for j in range(3):
        assert second.dW[j, 0] == pytest.approx(delta_2 * a1[j], rel=1e-13, abs=1e-16)
        delta_1 = delta_2 * W2[j, 0] * (z1[j] > 0)
        for i in range(2):
            assert first.dW[i, j] == pytest.approx(delta_1 * x[i], rel=1e-13, abs=1e-16)


def test_000_10_error_flows_back_along_every_path(rng: np.random.Generator) -> None:
    """⚠ The text prints ∂z₁/∂a₁ = w₁₁ twice; on the second path it is ∂z₂/∂a₁ = w₁₂."""
    layers = [Input(2), Dense(2), ReLU(), Dense(2), ReLU(), Dense(1), Sigmoid()]
    model = network(*layers, loss="binary_crossentropy")
    model.parameters.values[:] = rng.uniform(0.1, 1, model.parameters.values.size)
    X, y = np.array([[0.5, 0.8]]), np.array([0.0])
    step_back(model, X, y)
    second = model.layers[2]
    dE_dz = second.delta[0]  # at the second hidden layer
    through_z1, through_z2 = dE_dz[0] * second.W[0, 0], dE_dz[1] * second.W[0, 1]
    assert through_z1 != 0 != through_z2
    dE_da1 = model.layers[1].delta[0, 0]
    assert dE_da1 == pytest.approx(through_z1 + through_z2, rel=1e-14)

    paths = model.explain(X, y).paths("dense_1", unit=0)
    assert len(paths) == 2
    assert [path.product for path in paths] == pytest.approx([through_z1, through_z2], rel=1e-12)
    assert paths.total == pytest.approx(dE_da1, rel=1e-12)
    assert model.explain(X, y).plot().axes


def test_000_11_bias_gradient_is_delta(rng: np.random.Generator) -> None:
    model = network(Input(2), Dense(3), Tanh(), Dense(1), Sigmoid(), loss="binary_crossentropy")
    step_back(model, rng.standard_normal((1, 2)), np.array([1.0]))
    for layer in (model.layers[0], model.layers[2]):
        assert np.array_equal(layer.db, layer.delta[0])


# ------------------------------------------ text 001: the quadratic cost in Nielsen's notation


def test_001_01_his_weights_are_the_transpose_of_ours(rng: np.random.Generator) -> None:
    layer = Dense(3)
    layer.build((2,), rng, "float64")
    w, b, a = rng.standard_normal((3, 2)), rng.standard_normal((3, 1)), rng.standard_normal((2, 1))
    layer.W, layer.b = w.T, b[:, 0]
    A = Sigmoid().forward(layer.forward(a.T))
    assert np.allclose(A, sigmoid(w @ a + b).T, rtol=1e-14)


def test_001_02_quadratic_cost_of_an_example() -> None:
    """⚠ Its "j output layers" are j output neurons."""
    y, a = np.array([[0.0, 1.0, 0.0]]), np.array([[0.2, 0.6, 0.1]])
    assert HalfSquaredError().forward(a, y) == pytest.approx(0.105, rel=1e-14)


def test_001_03_both_layers_update_from_the_old_weights(rng: np.random.Generator) -> None:
    model = network(Input(2), Dense(3), Sigmoid(), Dense(2), Sigmoid(), loss="half_squared_error")
    W1, b1, W2, b2 = (array.copy() for array in model.get_weights())
    x, y = rng.standard_normal(2), np.array([0.0, 1.0])
    a1 = sigmoid(x @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    delta_2 = (a2 - y) * a2 * (1 - a2)
    delta_1 = (W2 @ delta_2) * a1 * (1 - a1)  # W2 from before its update
    model.train_on_batch(x[None], y[None])
    updated = [W1 - 0.5 * np.outer(x, delta_1), W2 - 0.5 * np.outer(a1, delta_2)]
    assert np.allclose(model.layers[0].W, updated[0], rtol=1e-14)
    assert np.allclose(model.layers[2].W, updated[1], rtol=1e-14)


def test_001_04_the_worked_examples_of_its_references() -> None:
    """Mazur's example and Nielsen's neuron; test_published_examples.py has every digit of them.

    ⚠ Mazur prints .291027924 after the first update, from weights that were updated too early.
    """
    model = network(Input(2), Dense(2), Sigmoid(), Dense(2), Sigmoid(), loss="half_squared_error")
    model.set_weights(
        [[[0.15, 0.25], [0.20, 0.30]], [0.35] * 2, [[0.40, 0.50], [0.45, 0.55]], [0.60] * 2]
    )
    for name in ("dense_1.b", "dense_2.b"):
        model.parameters[name].trainable = False
    X, y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    assert f"{model.train_on_batch(X, y):.9f}" == "0.298371109"
    assert f"{model.evaluate(X, y):.12f}" == "0.291027773694"

    neuron = network(Input(1), Dense(1), Sigmoid(), loss="half_squared_error", learning_rate=0.15)
    neuron.set_weights([[[2.0]], [2.0]])
    assert f"{neuron.predict([[1.0]])[0, 0]:.6f}" == "0.982014"
    neuron.fit([[1.0]], [[0.0]], epochs=300, verbose=0)
    assert f"{neuron.predict([[1.0]])[0, 0]:.8f}" == "0.20284842"


# ----------------------------------------------- text 002: linear regression to deep networks


def test_002_01_linear_regression_by_gradient_descent(rng: np.random.Generator) -> None:
    """⚠ It says to move in the direction of the derivative; the opposite one goes down."""
    X, t = rng.standard_normal((20, 3)), rng.standard_normal(20)
    model = network(Input(3), Dense(1), learning_rate=0.1)
    w, b = (array.copy() for array in model.get_weights())
    error = (X @ w + b)[:, 0] - t
    before = step_back(model, X, t)
    expected = [2 / 20 * sum(error[i] * X[i, j] for i in range(20)) for j in range(3)]
    assert np.allclose(model.layers[0].dW[:, 0], expected, rtol=1e-13)
    model.optimizer.step(model.parameters)
    assert np.allclose(model.layers[0].W[:, 0], w[:, 0] - 0.1 * np.array(expected), rtol=1e-13)
    assert model.evaluate(X, t) < before


@pytest.mark.parametrize(("batch_size", "updates"), [(20, 1), (1, 20), (8, 3)])
def test_002_02_updates_after_all_samples_after_each_or_after_some(
    batch_size: int, updates: int, rng: np.random.Generator
) -> None:
    model = network(Dense(1))
    model.fit(rng.random((20, 3)), rng.random(20), batch_size=batch_size, verbose=0)
    assert model.optimizer.iterations == updates


def test_002_03_logistic_regression(rng: np.random.Generator) -> None:
    X, t = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    model = network(Input(3), Dense(1), Sigmoid(), loss="binary_crossentropy")
    W, b = model.get_weights()
    p = sigmoid(X @ W + b)[:, 0]
    likelihood = np.prod(p**t * (1 - p) ** (1 - t))
    assert step_back(model, X, t) == pytest.approx(-math.log(likelihood) / 20, rel=1e-13)
    assert np.allclose(model.layers[0].dW[:, 0], (p - t) @ X / 20, rtol=1e-12)


def test_002_04_multi_class_regression(rng: np.random.Generator) -> None:
    """⚠ Its printed "log((d_i))" is garbled: the loss is −Σ t ln y, the gradient (y − t) x."""
    X, t = rng.standard_normal((20, 3)), np.eye(4)[rng.integers(0, 4, 20)]
    model = network(Input(3), Dense(4), Softmax(), loss="categorical_crossentropy")
    W, b = model.get_weights()
    y = np.exp(X @ W + b)
    y /= y.sum(axis=1, keepdims=True)
    assert step_back(model, X, t) == pytest.approx(-np.sum(t * np.log(y)) / 20, rel=1e-13)
    assert np.allclose(model.layers[0].dW, X.T @ (y - t) / 20, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_002_05_the_two_equations_hold_for_any_depth(depth: int, rng: np.random.Generator) -> None:
    """∂J/∂w_ij = δ_j y_i, δ_i = (Σ_j δ_j w_ij) y′(a_i): with loops here, as the text has them."""
    layers = [layer for _ in range(depth) for layer in (Dense(3), Sigmoid())]
    model = network(Input(2), *layers, loss="half_squared_error", learning_rate=0.3)
    old = [layer.W.copy() for layer in model.layers[::2]]
    x, t = rng.standard_normal(2), rng.random(3)
    model.train_on_batch(x[None], t[None])
    outputs = [x] + [layer.A[0].copy() for layer in model.layers[1::2]]
    delta = (outputs[-1] - t) * outputs[-1] * (1 - outputs[-1])
    for level in reversed(range(depth)):
        layer, below, w = model.layers[2 * level], outputs[level], old[level]
        for i in range(len(below)):
            for j in range(3):
                assert layer.dW[i, j] == pytest.approx(delta[j] * below[i], rel=1e-12)
                assert layer.W[i, j] == pytest.approx(w[i, j] - 0.3 * delta[j] * below[i])
        delta = np.array(
            [
                sum(delta[j] * w[i, j] for j in range(3)) * below[i] * (1 - below[i])
                for i in range(len(below))
            ]
        )


# --------------------------------------- text 003: a 2-3-1 network, and why it is cheap


def two_three_one(*last: Any) -> bp.Sequential:
    uniform = bp.initializers.RandomUniform(0, 1)
    hidden = Dense(3, use_bias=False, kernel_initializer=uniform)
    output = Dense(1, use_bias=False, kernel_initializer=uniform)
    return network(Input(2), hidden, Sigmoid(), output, *last)


def test_003_01_nine_weights_that_start_in_the_unit_interval() -> None:
    model = two_three_one()
    assert [p.value.size for p in model.parameters] == [6, 3]
    assert model.parameters.values.size == 9
    assert (model.parameters.values >= 0).all()
    assert (model.parameters.values < 1).all()
    assert model.predict([[1.0, 1.0]]).shape == (1, 1)


def test_003_02_every_number_of_the_231_network() -> None:
    weights = [[[0.8, 0.4, 0.3], [0.2, 0.9, 0.5]], [[0.3], [0.5], [0.9]]]
    model = two_three_one(Identity())
    model.set_weights(weights)
    loss = step_back(model, np.array([[1.0, 1.0]]), np.array([0.0]))
    hidden, activation, output, last = model.layers
    assert np.allclose(hidden.Z, [[1, 1.3, 0.8]], rtol=1e-15)
    assert np.array_equal(np.round(activation.A, 8), [[0.73105858, 0.78583498, 0.68997448]])
    assert f"{last.A[0, 0]:.7f} {loss:.8f}" == "1.2332121 1.52081208"
    assert np.array_equal(np.round(hidden.dW, 8), [[0.14547853, 0.20754758, 0.47483285]] * 2)
    expected = [[1.80310057], [1.93820242], [1.70176976]]
    assert np.array_equal(np.round(output.dW, 8), expected)
    squashed = two_three_one(Sigmoid())
    squashed.set_weights(weights)
    assert f"{squashed.predict([[1.0, 1.0]])[0, 0]:.8f}" == "0.77438027"


def test_003_03_its_five_activations() -> None:
    Z = np.array([[-1.0, 0.5, 2.0]])
    exponentials = np.exp(Z)
    for layer, expected in (
        (Sigmoid(), sigmoid(Z)),
        (Tanh(), (exponentials - 1 / exponentials) / (exponentials + 1 / exponentials)),
        (ReLU(), [[0, 0.5, 2]]),
        (Identity(), Z),
        (Softmax(), exponentials / exponentials.sum()),
    ):
        assert np.allclose(layer.forward(Z), expected, rtol=1e-14)


def test_003_04_cross_entropy_of_one_among_five_classes() -> None:
    """The loss is 0 at p = 1; at p = 0 it would be infinite: here finite, with a slope."""
    probabilities = np.array([[0.05, 0.88, 0.03, 0.02, 0.02]])
    one_hot = np.array([[0.0, 1.0, 0.0, 0.0, 0.0]])
    loss = CategoricalCrossentropy()
    assert f"{loss.forward(probabilities, one_hot):.10f}" == "0.1278333715"
    rows = np.vstack([probabilities, [[0.2] * 5]])
    mean = (-math.log(0.88) - math.log(0.2)) / 2
    assert loss.forward(rows, np.vstack([one_hot] * 2)) == pytest.approx(mean, rel=1e-14)
    softmax = Softmax().forward(np.random.default_rng(0).standard_normal((4, 5)))
    assert np.allclose(softmax.sum(axis=1), 1, rtol=1e-15)
    certain = np.array([[1.0, 0.0]])
    assert loss.forward(certain, np.array([[1.0, 0.0]])) == 0
    wrong = loss.forward(certain, np.array([[0.0, 1.0]]))
    assert 16 < wrong < 17
    assert loss.backward()[0, 1] < -1e6


def test_003_05_the_four_factor_chain() -> None:
    model = two_three_one()
    X, y = np.array([[0.7, -0.3]]), 0.25
    step_back(model, X, np.array([y]))
    hidden, activation, output = model.layers
    y_hat, w, a = output.Z[0, 0], output.W[:, 0], activation.A[0]
    for i in range(2):
        for j in range(3):
            chain = -2 * (y - y_hat) * w[j] * a[j] * (1 - a[j]) * X[0, i]
            assert hidden.dW[i, j] == pytest.approx(chain, rel=1e-13)


def test_003_06_the_cost_of_a_gradient() -> None:
    """⚠ It says "a million" passes, then "a million and one"; N + 1 is right."""
    cost = gradient_cost(two_three_one(), np.array([[1.0, 1.0]]), np.array([[0.0]]))
    assert cost["forward differences"].forward_passes == 10
    assert cost["central differences"].forward_passes == 18
    assert cost["backpropagation"].forward_passes == 1
    assert cost["central differences"].error < 1e-8


# ---------------------------------------------------------------- text 004: the five steps


def test_004_01_five_steps_one_at_a_time(rng: np.random.Generator) -> None:
    model = network(Input(2), Dense(3), Sigmoid(), Dense(1), Sigmoid(), loss="half_squared_error")
    X, T = rng.standard_normal((4, 2)), rng.random((4, 1))
    before = model.parameters.values.copy()
    A = model.forward(X, training=True)  # 1. every layer keeps its activations
    assert np.allclose(model.layers[1].A, sigmoid(model.layers[0].Z), rtol=1e-15)
    loss = model.loss.forward(A, T)  # 2.
    assert loss == pytest.approx(np.sum((T - A) ** 2) / 8, rel=1e-14)
    model.backward()  # 3.
    assert all(layer.delta is not None for layer in model.layers)
    g = model.parameters.gradients  # 4.
    assert g.shape == before.shape
    assert np.array_equal(model.parameters.values, before)  # backpropagation changes no weight
    model.optimizer.step(model.parameters)  # 5.
    assert np.allclose(model.parameters.values, before - 0.5 * g, rtol=1e-15)


def test_004_02_half_the_squared_error() -> None:
    """⚠ It is called MSE there; the gradient of the mean squared error differs by 2/n."""
    T, a = np.array([[1.0, 0.0, 0.5]]), np.array([[0.7, 0.1, 0.9]])
    half, mean = HalfSquaredError(), MeanSquaredError()
    assert half.forward(a, T) == pytest.approx(0.13, rel=1e-14)
    mean.forward(a, T)
    assert np.allclose(half.backward(), a - T, rtol=1e-15)
    assert np.allclose(mean.backward(), 2 / 3 * (a - T), rtol=1e-15)


def test_004_03_the_formulas_of_the_backward_pass(rng: np.random.Generator) -> None:
    """⚠ "Backpropagation updates the parameters": it computes gradients; an optimizer updates."""
    model = network(Input(2), Dense(3), Sigmoid(), Dense(2), Sigmoid(), loss="half_squared_error")
    x = rng.standard_normal(2)
    step_back(model, x[None], rng.random((1, 2)))
    hidden, activation, output, _ = model.layers
    a = activation.A[0]
    slope = a * (1 - a)  # da/dz
    for j in range(3):
        dL_dz = sum(output.delta[0, k] * output.W[j, k] for k in range(2)) * slope[j]
        assert hidden.delta[0, j] == pytest.approx(dL_dz, rel=1e-13)
        assert hidden.db[j] == pytest.approx(dL_dz, rel=1e-13)
        for i in range(2):
            assert hidden.dW[i, j] == pytest.approx(dL_dz * x[i], rel=1e-13)
