"""The less usual activations against Keras's numbers, at their kinks, and what they refuse.

``data/keras_vocabulary.npz`` is made by ``data/make_keras_vocabulary.py`` with Keras 3.15.
"""

import numpy as np
import pytest
from derivatives import value_and_slope
from published import published

from backprop import Sequential
from backprop.core.errors import ShapeError
from backprop.layers import (
    CELU,
    GELU,
    GLU,
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
    Sigmoid,
    Softmax,
    SoftShrink,
    SparsePlus,
    Squareplus,
    TanhShrink,
)

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


@pytest.mark.parametrize("name", KERAS)
def test_values_and_slopes_of_keras(name):
    """Far below 0 the square root of Squareplus, which is Keras's, cancels."""
    v = published("keras_vocabulary.npz", f"activation_{name}")
    x, value, slope = v["x"], v["value"], v["grad"]
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
    twice = PReLU("ones", shared_axes=[1, 2, 1])
    twice.build((3, 4, 5), rng, "float64")
    twice.forward(X, training=True)
    twice.backward(delta)  # "duplicate value in 'axis'"
    assert twice.dalpha.shape == (1, 1, 5)
    with pytest.raises(ShapeError, match=r"sample of shape \(3, 4, 5\), but received"):
        layer.forward(X[:, :2])  # though α would fit
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


def test_a_softmax_of_other_classes_than_the_last_axis_is_joined_with_no_loss(rng):
    """Of vectors the numbers are the same; of sequences each feature has its own probabilities."""
    X, y = rng.normal(size=(12, 4)), rng.integers(0, 3, 12)
    values = []
    for layer in (Softmax(), Softmax(axis=1)):
        model = Sequential([Dense(3), layer], seed=0, dtype="float64")
        model.compile(loss="sparse_categorical_crossentropy")
        assert (model.loss is model.loss.unjoined) == (layer.axis == 1)
        values.append(model.evaluate(X, y))
        model.fit(X, y, epochs=2, verbose=0)
        values.append(model.predict(X).ravel())
    np.testing.assert_allclose(values[0], values[2], rtol=1e-12)
    np.testing.assert_allclose(values[1], values[3], rtol=1e-9)
    A = Softmax([1, 2]).forward(rng.normal(size=(5, 4, 3)))
    np.testing.assert_allclose(A.sum(axis=(1, 2)), 1)
    with pytest.raises(ValueError, match=r"Softmax has axis=\(0, 1\), but its inputs"):
        Softmax([0, 1]).output_shape((4, 3))
    with pytest.raises(ShapeError, match=r"GLU halves axis=1, whose size 3 is odd"):
        GLU(1).build((3, 4))


def test_only_the_activation_of_its_own_link_is_joined_with_a_loss():
    for last, loss, joined in (
        (Softmax(), "categorical_crossentropy", True),
        (Sigmoid(), "categorical_crossentropy", False),
        (Sigmoid(), "binary_crossentropy", True),
        (Softmax(), "binary_crossentropy", False),
    ):
        model = Sequential([Dense(3), last], seed=0)
        model.compile(loss=loss)
        assert (model.loss is not model.loss.unjoined) == joined


def test_options_of_relu_may_be_set_before_it_is_built():
    layer = ReLU()
    layer.max_value, layer.negative_slope = 6.0, 0.5
    Z = np.array([[10.0, 3.0, -2.0]])
    np.testing.assert_array_equal(layer.forward(Z, training=True), [[6.0, 3.0, -1.0]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 3))), [[0.0, 1.0, 0.5]])


def test_the_formula_of_gelu_is_the_one_that_it_computes_by():
    layer = GELU()
    layer.build((3,))
    for approximate in (True, False):
        layer.approximate = approximate
        made = GELU(approximate)
        assert (layer.definition, layer.slope) == (made.definition, made.slope)
