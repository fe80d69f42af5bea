"""Layers that change the shape, the order or the borders of samples, against NumPy's functions."""

from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    Cropping1D,
    Cropping2D,
    Dense,
    Flatten,
    Input,
    Permute,
    ReLU,
    Reshape,
    Softmax,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

Array = np.ndarray[Any, Any]
SEQUENCES, IMAGES = (3, 5, 2), (2, 4, 5, 3)

EXAMPLES: list[tuple[Any, tuple[int, ...], Any]] = [
    (ZeroPadding2D(), IMAGES, lambda X: np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)))),
    (ZeroPadding2D(0), IMAGES, lambda X: X),
    (ZeroPadding2D((1, 2)), IMAGES, lambda X: np.pad(X, ((0, 0), (1, 1), (2, 2), (0, 0)))),
    (
        ZeroPadding2D([[1, 0], [0, 3]]),
        IMAGES,
        lambda X: np.pad(X, ((0, 0), (1, 0), (0, 3), (0, 0))),
    ),
    (ZeroPadding1D(), SEQUENCES, lambda X: np.pad(X, ((0, 0), (1, 1), (0, 0)))),
    (ZeroPadding1D((2, 0)), SEQUENCES, lambda X: np.pad(X, ((0, 0), (2, 0), (0, 0)))),
    (Cropping2D(), IMAGES, lambda X: X),
    (Cropping2D(1), IMAGES, lambda X: X[:, 1:-1, 1:-1]),
    (Cropping2D((1, 2)), IMAGES, lambda X: X[:, 1:-1, 2:-2]),
    (Cropping2D(((1, 0), (0, 3))), IMAGES, lambda X: X[:, 1:, :-3]),
    (Cropping1D(), SEQUENCES, lambda X: X[:, 1:-1]),
    (Cropping1D((0, 4)), SEQUENCES, lambda X: X[:, :1]),
    (UpSampling2D(), IMAGES, lambda X: X.repeat(2, axis=1).repeat(2, axis=2)),
    (UpSampling2D((3, 1)), IMAGES, lambda X: X.repeat(3, axis=1)),
    (UpSampling1D(), SEQUENCES, lambda X: X.repeat(2, axis=1)),
    (UpSampling1D(3), SEQUENCES, lambda X: X.repeat(3, axis=1)),
    (Flatten(), IMAGES, lambda X: X.reshape(2, 60)),
    (Flatten(), (3, 4), lambda X: X),
    (Reshape((5, 12)), IMAGES, lambda X: X.reshape(2, 5, 12)),
    (Reshape((-1, 6)), IMAGES, lambda X: X.reshape(2, 10, 6)),
    (Reshape([60]), IMAGES, lambda X: X.reshape(2, 60)),
    (Permute((3, 1, 2)), IMAGES, lambda X: np.moveaxis(X, 3, 1)),
    (Permute((2, 3, 1)), IMAGES, lambda X: np.moveaxis(X, 1, 3)),
    (Permute((2, 1)), SEQUENCES, lambda X: X.swapaxes(1, 2)),
]


@pytest.mark.parametrize(("layer", "shape", "function"), EXAMPLES)
def test_it_does_what_numpys_function_does(
    layer: Any, shape: tuple[int, ...], function: Any, rng: Any
) -> None:
    X = rng.standard_normal(shape)
    Y = layer.forward(X, training=True)
    assert np.array_equal(Y, function(X))
    assert Y.shape == (len(X), *layer.output_shape(shape[1:]))
    assert Y.flags.c_contiguous
    assert np.array_equal(layer.forward(X[..., ::-1]), function(X[..., ::-1]))
    upstream = rng.standard_normal(Y.shape)
    dX = layer.backward(upstream).copy()

    def E() -> float:
        return float(np.sum(upstream * layer.forward(X)))

    assert relative_error(dX, derivative(E, X)) < 1e-7


def test_reshaping_copies_nothing_in_training(rng: Any) -> None:
    layer, X = Flatten(), rng.standard_normal((3, 4, 5))
    Y = layer.forward(X, training=True)
    assert np.shares_memory(X, Y)
    assert not np.shares_memory(X, layer.forward(X))
    delta = rng.standard_normal(Y.shape)
    assert np.shares_memory(layer.backward(delta), delta)


def test_rows_become_images_and_images_rows(rng: Any) -> None:
    X, y = rng.standard_normal((40, 12)), rng.integers(0, 3, 40)
    layers = [Input(12), Reshape((3, 2, 2)), Permute((3, 1, 2)), Flatten(), Dense(8), ReLU()]
    model = bp.Sequential([*layers, Dense(3), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.check_gradients(X[:5], y[:5]).ok
    losses = model.fit(X, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Reshape((7, 4)),
            (5, 6),
            r"\(7, 4\), but received samples of shape \(5, 6\), which have 30",
        ),
        (Reshape((-1, 4)), (5, 6), "choose sizes whose product is 30"),
        (
            Permute((2, 1)),
            (4, 4, 1),
            r"orders 2 axes, dims=\(2, 1\), but received samples of shape",
        ),
        (Cropping2D(2), (4, 9, 1), "leaves nothing of samples of shape"),
        (Cropping1D((3, 3)), (6, 1), "leaves nothing"),
        (Cropping2D(), (28, 28), "add the axis of the channels"),
        (ZeroPadding2D(), (28, 28), "add the axis of the channels"),
        (UpSampling2D(), (784,), "bring the samples into this form"),
        (ZeroPadding1D(), (4, 4, 1), r"\(N, T, C\) but received one of shape \(N, 4, 4, 1\)"),
    ],
)
def test_samples_that_do_not_fit_are_found_before_training(
    layer: Any, shape: Any, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=message):
        layer.forward(np.zeros((5, *shape)), training=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Reshape(()), r"target_shape of \w+ must be the shape of one sample"),
        (lambda: Reshape((-1, -1)), "at most one −1"),
        (lambda: Reshape((0, 3)), r"target_shape of \w+ must be an integer of 1 .* is 0"),
        (lambda: Reshape((2.5,)), r"but it is 2\.5"),
        (lambda: Permute((0, 1)), "axes of a sample from 1 on, each once"),
        (lambda: Permute((1, 1)), r"but it is \(1, 1\)"),
        (lambda: Permute(2), "but it is 2"),
        (lambda: Permute("21"), "but it is '21'"),
        (lambda: Permute(["2", "1"]), r"each axis in dims .* must be an integer .* but it is '2'"),
        (lambda: ZeroPadding2D(-1), r"padding of \w+ must be an integer of 0 or more"),
        (lambda: ZeroPadding2D((1, 2, 3)), r"2 numbers, or 2 pairs \(before, after\), but it is"),
        (lambda: ZeroPadding1D((1, 2, 3)), r"padding of \w+ must be one number"),
        (lambda: Cropping2D(((1, 2), 1.5)), r"cropping .* but it is 1\.5"),
        (lambda: UpSampling2D(0), r"size of \w+ must be an integer of 1 or more"),
    ],
)
def test_arguments_that_cannot_be_used(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_shapes_and_axes_may_be_arrays() -> None:
    assert Reshape(np.array([2, -1])).target_shape == (2, -1)
    assert Permute(np.array([2, 1])).dims == (2, 1)
    with pytest.raises(ValueError, match=r"target_shape of \w+ must be an integer"):
        Reshape(np.array([2.0, 3.0]))
