"""What initializers of one's own draw is looked at when a layer is built."""

import numpy as np
import pytest
from mistakes import C, X, assert_speaks

import backprop as bp
from backprop.initializers import Initializer
from backprop.layers import Dense, Softmax


class Own(Initializer):
    def __init__(self, made):
        self.made = made

    def draw(self, shape, rng):
        return self.made(shape)


class Called(Own):
    def __call__(self, shape, rng, dtype="float32"):
        return self.made(shape)


def model_with(kernel="zeros", bias="zeros"):
    layer = Dense(5, kernel_initializer=kernel, bias_initializer=bias)
    model = bp.Sequential([layer, Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


RETURNED = {
    "None": lambda shape: None,
    "a number": lambda shape: 0.1,
    "an array without axes": lambda shape: np.array(0.1),
    "one number": lambda shape: np.ones(1),
    "an axis more": lambda shape: np.ones((1, *shape)),
    "another shape": lambda shape: np.ones((2, 2)),
    "text": lambda shape: "a",
    "an array of text": lambda shape: np.full(shape, "1"),
    "objects": lambda shape: np.full(shape, 1.0, object),
    "complex numbers": lambda shape: np.ones(shape) * 1j,
    "masked": lambda shape: np.ma.masked_all(shape),
    "a list of another shape": lambda shape: [1.0, 2.0],
}


@pytest.mark.parametrize(("where", "shape"), [("kernel", (4, 5)), ("bias", (5,))])
@pytest.mark.parametrize("made", RETURNED.values(), ids=RETURNED)
@pytest.mark.parametrize("kind", [Own, Called])
def test_an_array_of_the_shape_is_wanted(kind, made, where, shape):
    method = {Own: "draw", Called: "__call__"}[kind]
    words = f"{kind.__name__}.{method} must return "
    model = model_with(**{where: kind(made)})
    with pytest.raises((TypeError, ValueError)) as caught:
        model.fit(X, C, verbose=0)
    assert_speaks(caught, [words, f"an array of shape {shape}, but it returned"])
    assert model.input_shape is None


def test_numbers_of_all_types_and_lists_of_rows_are_right():
    for dtype in (int, bool, "float32", "float64", ">f4"):
        right = Own(lambda shape, dtype=dtype: np.ones(shape, dtype))
        model = model_with(right, right)
        model.build((None, 4))
        assert (model.layers[0].W == 1).all()
        assert model.layers[0].W.dtype == model.layers[0].b.dtype == np.float32
    listed = Own(lambda shape: np.full(shape, 0.5).tolist())
    model = model_with(listed, listed)
    model.build((None, 4))
    assert (model.layers[0].W == 0.5).all()
    for dtype in ("float32", "float64"):
        model = model_with(Called(lambda shape, dtype=dtype: np.ones(shape, dtype)))
        model.build((None, 4))
        assert model.layers[0].W.dtype == np.float32


def test_rows_of_unequal_length_are_named():
    with pytest.raises(ValueError, match=r"what Own\.draw returned holds rows of unequal length"):
        model_with(Own(lambda shape: [[1.0, 2.0], [3.0]])).build((None, 4))
