"""Convolutions as products: blocks within their bound, bands, and which windows meet a pixel."""

import math
from typing import Any

import numpy as np
import pytest
from measuring import peak
from rows import thirds

from backprop.core import grids
from backprop.core.buffers import Buffers
from backprop.core.correlation import band, columns, fold_band, join, neighbours
from backprop.core.functional import SMALL_PRODUCT, rows_of_product, stacked_product
from backprop.core.grids import COLUMNS_BYTES, blocks, turn
from backprop.core.windows import windows
from backprop.layers import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D

Array = np.ndarray[Any, Any]


def grid(height: int, width: int, kernel: int, *rest: Any) -> Any:
    return windows(height, kernel, *rest), windows(width, kernel, *rest)


# ------------------------------------------------------------------------------------ the bound


@pytest.mark.parametrize("n_samples", [1, 5, 64, 1000])
@pytest.mark.parametrize("size", [1, 9, 40, 300])
def test_blocks_hold_every_window_once_and_keep_their_bound(n_samples, size) -> None:
    found, window_bytes = grid(size, size, 1), 900
    seen = np.zeros((n_samples, size), int)
    for samples, rows in blocks(found, n_samples, window_bytes):
        seen[samples, rows] += 1
        n, h = samples.stop - samples.start, rows.stop - rows.start
        assert h == size or n == 1
        assert n * h * size * window_bytes <= COLUMNS_BYTES
    assert (seen == 1).all()


def test_blocks_are_of_about_one_size() -> None:
    found = grid(10, 10, 1)
    fitting = 5
    sizes = [
        samples.stop - samples.start
        for samples, _ in blocks(found, 11, COLUMNS_BYTES // (100 * fitting))
    ]
    assert sizes == [4, 4, 3]


def test_one_row_of_windows_is_taken_though_it_is_larger() -> None:
    found = blocks(grid(3, 10, 1), 2, COLUMNS_BYTES)
    assert found == [(slice(k, k + 1), slice(h, h + 1)) for k in range(2) for h in range(3)]


LAYERS = {
    "conv2d": (lambda: Conv2D(16, 3, padding="same"), (24, 24, 16)),
    "conv2d_few_channels": (lambda: Conv2D(4, 5), (48, 48, 1)),
    "conv2d_strided": (lambda: Conv2D(16, 3, strides=2), (33, 33, 16)),
    "conv2d_grouped": (lambda: Conv2D(16, 3, groups=2), (24, 24, 16)),
    "conv2d_dilated": (lambda: Conv2D(16, 3, dilation_rate=2), (24, 24, 16)),
    "conv1d": (lambda: Conv1D(16, 9, padding="causal"), (400, 8)),
    "transposed": (lambda: Conv2DTranspose(16, 4, strides=2, padding="same"), (12, 12, 16)),
    "depthwise": (lambda: DepthwiseConv2D(3, padding="same"), (24, 24, 16)),
    "separable": (lambda: SeparableConv2D(16, 3), (24, 24, 16)),
}
N = 64
BOUND = 2.5 * COLUMNS_BYTES  # the columns of a block, its images with their borders, and kernels


def whole_columns(layer: Any) -> int:
    """What the windows of the whole batch would take: for each output a window of the input."""
    n_channels = layer.input_shape[-1]
    outputs = math.prod(layer.output_shape(layer.input_shape)[:-1])
    return 4 * N * outputs * math.prod(layer.kernel_size) * n_channels


@pytest.mark.parametrize("name", thirds(LAYERS))
def test_memory_does_not_grow_with_the_columns_of_a_batch(name, rng) -> None:
    make, shape = LAYERS[name]
    layer = make()
    layer.build(shape, rng)
    X = rng.standard_normal((N, *shape)).astype("float32")
    outputs = 4 * N * math.prod(layer.output_shape(shape))
    if isinstance(layer, SeparableConv2D):
        outputs += 4 * N * math.prod(layer.output_shape(shape)[:-1]) * shape[-1]  # U
    assert peak(lambda: layer.forward(X)) <= outputs + BOUND
    delta = rng.standard_normal((N, *layer.output_shape(shape))).astype("float32")

    def step() -> None:
        layer.forward(X, training=True)
        layer.backward(delta)

    both = outputs + X.nbytes
    if isinstance(layer, SeparableConv2D):
        both += outputs - delta.nbytes  # ∂E/∂U
    assert peak(step) <= both + BOUND
    assert whole_columns(layer) > 2 * BOUND or isinstance(layer, Conv2DTranspose)
    assert peak(step) <= COLUMNS_BYTES / 4  # the next step takes no more than NumPy's own buffers


def test_the_measurement_sees_the_columns_of_a_batch(rng, monkeypatch) -> None:
    monkeypatch.setattr(grids, "COLUMNS_BYTES", 1 << 40)
    layer = Conv2D(16, 3)
    layer.build((24, 24, 16), rng)
    X = rng.standard_normal((N, 24, 24, 16)).astype("float32")
    assert peak(lambda: layer.forward(X)) > whole_columns(layer)


def test_a_single_large_image_is_computed_by_rows(rng) -> None:
    layer = Conv2D(2, 5, padding="same")
    layer.build((300, 200, 8), rng)
    X = rng.standard_normal((1, 300, 200, 8)).astype("float32")
    borders = 4 * 304 * 204 * 8
    whole = 4 * 300 * 200 * 25 * 8
    assert whole > 10 * (borders + BOUND)
    assert peak(lambda: layer.forward(X)) <= 4 * 300 * 200 * 2 + borders + BOUND


# ------------------------------------------------------------------- windows, and several in one


def test_columns_are_the_windows_of_the_padded_image(rng) -> None:
    X, found = rng.standard_normal((3, 5, 6, 2)), grid(5, 6, 3, 2, "same")
    P = np.pad(X, ((0, 0), (1, 1), (0, 1), (0, 0)))  # 5 and 6 pixels have 3 windows each
    C = columns(X, found, slice(0, 3), Buffers()).reshape(3, 3, 3, 3, 3, 2)
    for h, w in np.ndindex(3, 3):
        np.testing.assert_array_equal(C[:, h, w], P[:, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3])


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_turned_windows_meet_each_pixel(padding, dilation) -> None:
    """Window h has position i on pixel p if and only if turned window p has k − 1 − i on h."""
    n, k = 7, 3
    axis = windows(n, k, 1, padding, dilation)

    def meetings(axis: Any) -> set[tuple[int, int, int]]:
        return {
            (h, h + i * dilation - axis.before, i)
            for h in range(axis.n_out)
            for i in range(k)
            if 0 <= h + i * dilation - axis.before < axis.n_in
        }

    turned = turn(axis)
    assert {(p, h, k - 1 - i) for h, p, i in meetings(axis)} == meetings(turned)
    assert turn(turned)[:5] == axis[:5]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("q", [2, 3])
def test_a_band_matrix_computes_several_neighbours(q, stride, rng) -> None:
    W = rng.standard_normal((2, 3, 2, 4))
    X = rng.standard_normal((3, 5, 3 + 5 * stride, 2))
    found = windows(5, 2), windows(X.shape[2], 3, stride)
    joined = join(found, q)
    assert joined[1].n_out * q == found[1].n_out == 6
    B = band(W, q, stride, Buffers())
    apart = columns(X, found, slice(0, 4), Buffers()) @ band(W, 1, stride, Buffers())
    together = columns(X, joined, slice(0, 4), Buffers()) @ B
    np.testing.assert_allclose(together.reshape(apart.shape), apart, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_folding_is_the_transpose_of_spreading(q, stride, rng) -> None:
    W, dW = rng.standard_normal((2, 2, 3, 2, 4))
    B = band(W, q, stride, Buffers())
    dB = rng.standard_normal(B.shape)
    fold_band(dB, q, stride, dW)
    np.testing.assert_allclose(np.sum(dB * B), np.sum(dW * W), rtol=1e-12)


def test_few_channels_and_filters_are_computed_several_at_once() -> None:
    first, wide = grid(28, 28, 5, 1, "same"), grid(28, 28, 5, 1, "same")
    assert neighbours(first, 1, 6) > 1
    assert neighbours(wide, 64, 64) == 1
    assert neighbours(grid(28, 28, 1), 1, 6) == 1  # every pixel is a window of its own
    assert neighbours(grid(28, 28, 3, 1, "same", 2), 1, 6) == 1
    assert neighbours(grid(29, 29, 1, 2), 1, 6) > 1


# ------------------------------------------------------------------------------- stacked products


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "K", "n"), [(1, 1, 1), (600, 75, 20), (997, 300, 40), (64, 9, 7)])
def test_a_stack_of_products_is_the_product(rows, K, n, dtype, rng) -> None:
    A, B = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, K), (K, n)))
    wide = np.full((rows, n + 3), 7, dtype)
    for out in (np.empty((rows, n), dtype), wide[:, 1 : n + 1]):
        stacked_product(A, B, out)
        np.testing.assert_allclose(out, A @ B, rtol=1e-4 if dtype == "float32" else 1e-11)
    assert (wide[:, [0, -1]] == 7).all()


def test_rows_of_small_products() -> None:
    assert rows_of_product(600, 100, 100) == 100
    assert rows_of_product(60, 10, 10) == 60
    assert rows_of_product(997, 100, 100) == 997  # a prime: one product
    assert rows_of_product(600, 1000, 1000) == 600  # no small product has so few rows
    for n_rows in range(1, 300):
        m = rows_of_product(n_rows, 90, 90)
        assert n_rows % m == 0
        assert m * 90 * 90 <= SMALL_PRODUCT or m == n_rows


@pytest.mark.parametrize(
    "name", ["conv2d", "conv2d_strided", "conv2d_grouped", "conv1d", "transposed"]
)
def test_parts_of_a_batch_add_up_to_the_whole(name, rng, monkeypatch) -> None:
    """Outputs and gradients of a batch cut in two are those of the batch in one piece."""
    make, shape = LAYERS[name]
    X, found = rng.standard_normal((7, *shape)), []
    for worth in (1 << 60, 1):
        monkeypatch.setattr(grids, "WORTH_A_PART", worth)
        layer = make()
        layer.build(shape, np.random.default_rng(0), "float64")
        layer.needs_input_gradient = True
        Y = layer.forward(X, training=True).copy()
        delta = np.random.default_rng(1).standard_normal(Y.shape)
        found.append([Y, layer.backward(delta).copy(), layer.dW.copy(), layer.db.copy()])
    assert len(layer.buffers.children) == 2
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
