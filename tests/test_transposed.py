"""Transposed convolution: its formula, its sizes, and that it is what its name says."""

from typing import Any

import numpy as np
import pytest
from by_loops import assert_same_in_blocks, painted
from derivatives import assert_exact_gradients

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import Conv2D, Conv2DTranspose, Input

Array = np.ndarray[Any, Any]

CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "valid": ((3, 4, 2), {"kernel_size": (2, 3)}),
    "same": ((3, 4, 2), {"kernel_size": 3, "padding": "same"}),
    "same, even kernel": ((3, 2, 2), {"kernel_size": (2, 4), "padding": "same"}),
    "strides": ((3, 2, 2), {"kernel_size": 3, "strides": 2}),
    "strides, same": ((3, 2, 2), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "strides, same, even": ((2, 3, 1), {"kernel_size": 4, "strides": (2, 3), "padding": "same"}),
    "a stride along one axis": ((3, 2, 2), {"kernel_size": 3, "strides": (2, 1)}),
    "windows side by side": ((3, 2, 2), {"kernel_size": 2, "strides": 2}),
    "strides beyond the kernel": ((2, 3, 2), {"kernel_size": 2, "strides": 3}),
    "strides beyond it, same": ((2, 3, 2), {"kernel_size": 1, "strides": 3, "padding": "same"}),
    "dilation": ((3, 3, 2), {"kernel_size": 2, "dilation_rate": (2, 3)}),
    "dilation, same": ((3, 3, 2), {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
    "output padding": ((2, 3, 2), {"kernel_size": 3, "strides": 2, "output_padding": (1, 0)}),
    "output padding, same": (
        (2, 3, 2),
        {"kernel_size": (2, 3), "strides": 3, "output_padding": (2, 1), "padding": "same"},
    ),
    "one pixel": ((1, 1, 3), {"kernel_size": 1}),
    "without bias": ((2, 2, 2), {"kernel_size": 2, "use_bias": False}),
}
each_case = pytest.mark.parametrize("name", CASES)


def made(name: str, filters: int = 3) -> tuple[Any, tuple[int, ...]]:
    """The layer with parameters none of which is 0, and the shape of a sample."""
    shape, arguments = CASES[name]
    layer = Conv2DTranspose(filters, **arguments)
    layer.build(shape, np.random.default_rng(3), "float64")
    noise = np.random.default_rng(4)
    for p in layer.parameters:
        p.value = noise.standard_normal(p.shape)
    return layer, shape


def by_loops(layer: Any, X: Array) -> Array:
    """All that is painted, cut and filled up to the size that the layer promises."""
    whole = painted(X, layer.W, layer.strides, layer.dilation_rate)
    height, width, _ = layer.output_shape(X.shape[1:])
    top, left = (max(n - m, 0) // 2 for n, m in zip(whole.shape[1:3], (height, width), strict=True))
    kept = whole[:, top : top + height, left : left + width]
    missing = ((0, 0), (0, height - kept.shape[1]), (0, width - kept.shape[2]), (0, 0))
    Z = np.pad(kept, missing)
    return Z + layer.b if layer.use_bias else Z


@each_case
def test_outputs_are_those_of_the_formula(name, rng) -> None:
    layer, shape = made(name)
    X = rng.standard_normal((3, *shape))
    Z = layer.forward(X)
    assert Z.shape == (3, *layer.output_shape(shape))
    np.testing.assert_allclose(Z, by_loops(layer, X), rtol=1e-12, atol=1e-12)


@each_case
@pytest.mark.parametrize("n", [1, 3])
def test_backward_is_the_exact_derivative(name, n, rng) -> None:
    layer, shape = made(name)
    X = rng.standard_normal((n, *shape))
    assert_exact_gradients(layer, X, rng)


@each_case
@pytest.mark.parametrize("limit", [1, 500])
def test_blocks_of_any_size_give_the_same(name, limit, rng, monkeypatch) -> None:
    X = rng.standard_normal((5, *CASES[name][0]))
    assert_same_in_blocks(lambda: made(name)[0], X, limit, monkeypatch)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "strides"), [(3, 1), (3, 2), ((2, 5), (1, 2)), (4, 2), (2, 2)])
def test_it_is_the_transpose_of_the_convolution_of_that_kernel(
    kernel, strides, padding, rng
) -> None:
    """⟨U, conv(X)⟩ = ⟨convᵀ(U), X⟩ for all X and U."""
    convolution = Conv2D(4, kernel, strides, padding, use_bias=False)
    transposed = Conv2DTranspose(2, kernel, strides, padding, use_bias=False)
    transposed.build((3, 4, 4), rng, "float64")
    shape = transposed.output_shape((3, 4, 4))
    assert convolution.output_shape(shape) == (3, 4, 4)
    convolution.build(shape, rng, "float64")
    convolution.W = transposed.W
    X, U = rng.standard_normal((5, *shape)), rng.standard_normal((5, 3, 4, 4))
    one, other = np.sum(U * convolution.forward(X)), np.sum(transposed.forward(U) * X)
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "shape", "expected"),
    [
        ({"filters": 5, "kernel_size": 2, "strides": 2}, (8, 8, 4), (16, 16, 5)),
        (
            {
                "filters": 6,
                "kernel_size": 2,
                "strides": 3,
                "padding": "same",
                "output_padding": 2,
            },
            (8, 8, 4),
            (23, 23, 6),
        ),
        ({"filters": 6, "kernel_size": (2, 3), "strides": (2, 1)}, (8, 8, 4), (16, 10, 6)),
        ({"filters": 2, "kernel_size": 7, "strides": 16}, (14, 14, 2), (224, 224, 2)),
        ({"filters": 32, "kernel_size": 2, "strides": 2}, (10, 8, 128), (20, 16, 32)),
    ],
)
def test_sizes_are_those_that_keras_documents(arguments, shape, expected) -> None:
    assert Conv2DTranspose(**arguments).output_shape(shape) == expected


def test_parameters_are_those_of_keras() -> None:
    model = bp.Sequential([Input((9, 9, 4)), Conv2DTranspose(6, (3, 5))], seed=0)
    assert [W.shape for W in model.get_weights()] == [(3, 5, 6, 4), (6,)]
    assert [p.name for p in model.parameters] == ["conv2d_transpose_1.W", "conv2d_transpose_1.b"]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"output_padding of \w+ must be smaller.*\(2, 2\).*2"):
        Conv2DTranspose(3, 3, strides=2, output_padding=2)
    with pytest.raises(ValueError, match=r"output_padding of \w+ must be an integer of 0 or more"):
        Conv2DTranspose(3, 3, strides=2, output_padding=-1)
    with pytest.raises(ValueError, match=r"padding of Conv2DTranspose.*'full'"):
        Conv2DTranspose(3, 3, padding="full")
    with pytest.raises(ShapeError, match=r"\(N, H, W, C\).*X\[..., np.newaxis\] of an array"):
        Conv2DTranspose(3, 3).output_shape((4, 4))
    empty = Conv2DTranspose(3, 2, strides=2, padding="same", output_padding=0)
    with pytest.raises(ShapeError, match=r"empty outputs.*\(1, 3, 1\).*output_padding"):
        empty.output_shape((1, 3, 1))


def test_the_gradient_of_the_input_is_skipped_where_nobody_wants_it(rng) -> None:
    layer, shape = made("strides")
    Z = layer.forward(rng.standard_normal((2, *shape)), training=True)
    layer.needs_input_gradient = False
    assert layer.backward(np.ones_like(Z)) is None
    assert layer.dW.any()
