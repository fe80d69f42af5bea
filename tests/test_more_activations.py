"""The less usual activations against Keras's numbers, at their kinks, and what they refuse.

``data/keras_vocabulary.npz`` is made by ``data/make_keras_vocabulary.py`` with Keras 3.15.
"""

from pathlib import Path

import numpy as np
import pytest

from backprop import Sequential
from backprop.core.errors import ShapeError
from backprop.layers import (
    CELU,
    Conv2D,
    Dense,
    Flatten,
    HardShrink,
    HardSiLU,
    HardTanh,
    LogSigmoid,
    PReLU,
    ReLU,
    ReLU6,
    SoftShrink,
    SparsePlus,
    Squareplus,
    TanhShrink,
)

DATA = Path(__file__).parent / "data" / "keras_vocabulary.npz"

KERAS = {
    "relu_options": ReLU(1.5, 0.2, 0.5),
    "relu_max": ReLU(2),
    "relu_threshold": ReLU(threshold=0.7),
    "relu6": ReLU6(),
    "celu": CELU(0.7),
    "hard_silu": HardSiLU(),
    "hard_tanh": HardTanh(),
    "log_sigmoid": LogSigmoid(),
    "squareplus": Squareplus(),
    "sparse_plus": SparsePlus(),
    "tanh_shrink": TanhShrink(),
    "soft_shrink": SoftShrink(),
    "hard_shrink": HardShrink(),
}


def value_and_slope(layer, x):
    Y = layer.forward(np.reshape(x, (1, -1)), training=True)[0].copy()
    return Y, layer.backward(np.ones((1, len(Y)), Y.dtype))[0].copy()


@pytest.mark.parametrize("name", KERAS)
def test_values_and_slopes_of_keras(name):
    """Far below 0 the square root of Squareplus, which is Keras's, cancels."""
    with np.load(DATA) as data:
        x, value, slope = (data[f"activation_{name}/{key}"] for key in ("x", "value", "grad"))
    Y, dX = value_and_slope(KERAS[name], x)
    np.testing.assert_allclose(Y, value, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(dX, slope, rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(KERAS[name].forward(x[np.newaxis])[0], Y)


@pytest.mark.parametrize(
    ("layer", "at", "value", "slope"),
    [
        (ReLU(2, 0.5, 1), [1, 2, 0], [0, 2, -0.5], [0.5, 0, 0.5]),
        (ReLU6(), [0, 6], [0, 6], [0, 0]),
        (HardTanh(), [-1, 1], [-1, 1], [0, 0]),
        (HardSiLU(), [-3, 3], [0, 3], [0, 1]),
        (SparsePlus(), [-1, 1], [0, 1], [0, 1]),
        (CELU(2), [0], [0], [1]),
        (SoftShrink(0.5), [-0.5, 0.5], [0, 0], [0, 0]),
        (HardShrink(0.5), [-0.5, 0.5], [0, 0], [0, 0]),
    ],
    ids=str,
)
def test_kinks(layer, at, value, slope):
    Y, dX = value_and_slope(layer, np.array(at, float))
    np.testing.assert_allclose(Y, value, atol=1e-15)
    np.testing.assert_allclose(dX, slope, atol=1e-15)


def test_plain_relu_has_no_options():
    x = np.array([[-1.0, 0.0, 2.0]])
    np.testing.assert_array_equal(ReLU().forward(x), ReLU(max_value=9).forward(x))


def test_shared_axes_share_an_alpha(rng):
    layer, X = PReLU("ones", shared_axes=[1, 2]), rng.normal(size=(2, 3, 4, 5))
    layer.build((3, 4, 5), rng, "float64")
    assert layer.alpha.shape == (1, 1, 5)
    layer.alpha[...] = np.arange(5)
    expected = np.where(X > 0, X, X * np.arange(5))
    np.testing.assert_array_equal(layer.forward(X, training=True), expected)
    delta = rng.normal(size=X.shape)
    layer.backward(delta)
    np.testing.assert_allclose(
        layer.dalpha[0, 0], (delta * np.minimum(X, 0)).sum(axis=(0, 1, 2)), rtol=1e-12
    )
    with pytest.raises(ShapeError, match=r"axes \[1, 4\], but samples have the shape \(3, 4, 5\)"):
        PReLU(shared_axes=[1, 4]).build((3, 4, 5))
    with pytest.raises(ValueError, match=r"PReLU\(shared_axes\) must be an integer"):
        PReLU(shared_axes=[0])


def test_in_a_training(rng):
    layers = [Conv2D(3, 2), PReLU(shared_axes=[1, 2]), ReLU(6, 0.1), Flatten(), Dense(2)]
    model = Sequential(layers, seed=0, dtype="float64")
    model.compile("adam", "mse")
    X, y = rng.normal(size=(20, 4, 4, 2)), rng.normal(size=(20, 2))
    losses = model.fit(X, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.check_gradients(X[:3], y[:3]).ok
