"""The activations against published numbers, and where they have no derivative.

The vectors in ``data/`` come from PyTorch 2.13 and Keras 3.15 in float64.
"""

import numpy as np
import pytest
from published import activation, published

from backprop.layers import Identity, ReLU, Sigmoid, Softmax, Tanh


@pytest.mark.parametrize("source", ["torch", "keras"])
@pytest.mark.parametrize(
    ("name", "layer"),
    [("sigmoid", Sigmoid()), ("tanh", Tanh()), ("relu", ReLU()), ("linear", Identity())],
)
def test_published_activations(source, name, layer):
    """Values and slopes on a grid with ±1e4 and both zeros.

    Absolute 1e-15 where a value is tiny: σ computed by tanh is good to 1e-16, but not relatively,
    and σ(−100) = 4e-44 becomes 0.
    """
    x, value, grad = activation(source, name)
    Y = layer.forward(x[np.newaxis], training=True)
    np.testing.assert_allclose(Y[0], value, rtol=1e-12, atol=1e-15)
    dX = layer.backward(np.ones_like(Y))
    np.testing.assert_allclose(dX[0], grad, rtol=1e-12, atol=1e-15)


def test_published_softmax():
    v, layer = published("activations.npz", "softmax"), Softmax()
    np.testing.assert_allclose(
        layer.forward(v["x"], training=True), v["value"], rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad"], rtol=1e-12, atol=1e-15)


def test_published_softmax_jacobian():
    v, layer = published("activations.npz", "softmax_jacobian"), Softmax()
    layer.forward(np.tile(v["x"], (3, 1)), training=True)
    np.testing.assert_allclose(layer.backward(np.eye(3)), v["jac"], rtol=1e-12, atol=1e-15)


def test_softmax_of_one_number_is_1_with_slope_0(rng):
    """No model may be trained through it, but by itself it computes what it should."""
    layer, Z = Softmax(), rng.standard_normal((5, 1))
    layer.build((1,), dtype="float64")
    np.testing.assert_array_equal(layer.forward(Z, training=True), np.ones((5, 1)))
    np.testing.assert_array_equal(layer.backward(rng.standard_normal((5, 1))), np.zeros((5, 1)))


def test_relu_has_slope_0_at_0():
    layer = ReLU()
    layer.forward(np.array([[-1.0, -0.0, 0.0, 1e-300]]), training=True)
    np.testing.assert_array_equal(layer.backward(np.ones((1, 4))), [[0, 0, 0, 1]])


@pytest.mark.parametrize("make", [Identity, Sigmoid, Tanh, ReLU, Softmax])
def test_integers_become_float64(make):
    Z = np.array([[1, 2], [-3, 0]])
    layer, delta = make(), np.array([[1, -2], [3, 1]])
    expected = layer.forward(Z.astype(float), training=True).copy()
    expected_delta = layer.backward(delta.astype(float)).copy()
    assert layer.forward(Z).dtype == layer.forward(Z, training=True).dtype == np.float64
    np.testing.assert_array_equal(layer.forward(Z), expected)
    np.testing.assert_array_equal(layer.forward(Z, training=True), expected)
    np.testing.assert_array_equal(layer.backward(delta), expected_delta)
