import numpy as np
import pytest
from derivatives import derivative, relative_error

import backprop as bp
from backprop.layers import Dense, Input, Softmax, Tanh
from backprop.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

W = np.array([[1.0, -2.0], [0.5, 3.0]])


@pytest.mark.parametrize(
    ("regularizer", "penalty", "gradient"),
    [
        (L1(0.1), 0.65, [[0.1, -0.1], [0.1, 0.1]]),
        (L2(0.1), 1.425, [[0.2, -0.4], [0.1, 0.6]]),  # λ Σ w², no ½
        (L1L2(0.1, 0.2), 3.5, [[0.5, -0.9], [0.3, 1.3]]),
    ],
)
def test_penalties_and_gradients_by_hand(
    regularizer: Regularizer, penalty: float, gradient: list[list[float]]
) -> None:
    assert regularizer.penalty(W) == pytest.approx(penalty, rel=1e-15)
    assert np.allclose(regularizer.gradient(W), gradient, rtol=1e-14)


@pytest.mark.parametrize(
    "regularizer",
    [
        *(L1(0.3), L2(0.3), L1L2(0.1, 0.7)),
        *(OrthogonalRegularizer(0.3), OrthogonalRegularizer(2, "columns")),
    ],
    ids=repr,
)
def test_gradients_are_the_derivatives_of_the_penalties(regularizer: Regularizer) -> None:
    V = W.copy()
    numeric = derivative(lambda: regularizer.penalty(V), V)
    assert relative_error(regularizer.gradient(W), numeric) < 1e-8


def test_of_vectors_without_a_length_or_a_partner() -> None:
    """A vector that is too short to be stretched is divided by 10⁻⁷, and a single one is alone."""
    V = np.array([[1.0, 2, 2], [3e-8, 1e-8, -2e-8], [0, 0, 0]])
    regularizer = OrthogonalRegularizer(0.6)
    assert regularizer.penalty(V) == pytest.approx(0.2 * 0.1 / 3, rel=1e-6)
    G = regularizer.gradient(V)
    np.testing.assert_allclose(G[1], 0.2e7 / 3 * np.array([1, 2, 2]), rtol=1e-6)
    assert not G[2].any()
    single = np.array([[3.0, 4]])
    assert regularizer.penalty(single) == 0
    assert not regularizer.gradient(single).any()
    with pytest.raises(bp.core.errors.ShapeError, match=r"needs weights with two axes, .* \(3,\)"):
        Dense(3, bias_regularizer=regularizer).build((2,))


def test_l1_has_slope_zero_at_zero_and_keeps_the_dtype() -> None:
    gradient = L1(0.3).gradient(np.zeros(2, np.float32))
    assert np.array_equal(gradient, [0, 0])
    assert gradient.dtype == np.float32


def regularized() -> tuple[bp.Sequential, np.ndarray, np.ndarray]:
    layers = [
        Input(3),
        Dense(4, kernel_regularizer=L2(0.05), bias_regularizer="l1"),
        Tanh(),
        Dense(2, kernel_regularizer=L1L2(0.02, 0.03)),
        Softmax(),
    ]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    model.layers[0].b = rng.standard_normal(4)
    return model, rng.standard_normal((6, 3)), rng.integers(0, 2, 6)


def test_backward_is_the_derivative_of_loss_and_penalty() -> None:
    model, X, y = regularized()

    def total() -> float:
        return model.loss.forward(model.forward(X, training=True), y) + model.penalty()

    total()
    model.backward()
    g = model.parameters.gradients.copy()
    assert relative_error(g, derivative(total, model.parameters.values)) < 1e-7


def test_fit_and_evaluate_report_the_loss_with_the_penalty() -> None:
    model, X, y = regularized()
    bare = model.loss.forward(model.forward(X, training=True), y)
    penalty = model.penalty()
    assert penalty > 0.1
    assert model.evaluate(X, y) == pytest.approx(bare + penalty, rel=1e-12)
    history = model.fit(X, y, batch_size=6, epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(bare + penalty, rel=1e-12)


def test_a_frozen_layer_pays_no_penalty() -> None:
    model, _, _ = regularized()
    both = model.penalty()
    model.layers[0].trainable = False
    first = L2(0.05).penalty(model.layers[0].W) + L1(0.01).penalty(model.layers[0].b)
    assert model.penalty() == pytest.approx(both - first, rel=1e-12)


def test_weights_shrink_as_the_update_says() -> None:
    """With a gradient of 0, θ ← θ − η 2 λ θ."""
    model = bp.Sequential(
        [Input(2), Dense(1, use_bias=False, kernel_regularizer=L2(0.5))], seed=0, dtype="float64"
    )
    model.compile(bp.optimizers.SGD(0.1), "mse")
    before = model.parameters.values.copy()
    model.fit(np.zeros((4, 2)), np.zeros(4), epochs=1, verbose=0)
    assert np.allclose(model.parameters.values, before * 0.9, rtol=1e-14)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="l2 must be 0 or more, but it is -1"):
        L2(-1)
    with pytest.raises(ValueError, match="regularizer 'l3' is not known: the names are l1, l2"):
        Dense(2, kernel_regularizer="l3")
    with pytest.raises(TypeError, match="activation is a layer of its own"):
        Dense(2, "relu")  # type: ignore[arg-type]
