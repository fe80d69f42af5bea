"""3 × 3 convolutions by tiles: the numbers of the direct way, where and how exactly."""

from typing import Any

import numpy as np
import pytest

from backprop.core import winograd
from backprop.core.buffers import Buffers
from backprop.core.correlation import correlate, image_gradient, kernel_gradient
from backprop.core.windows import windows
from backprop.layers import Conv2D

Array = np.ndarray[Any, Any]


def lay(height: int, width: int, *rest: Any) -> Any:
    return windows(height, *rest), windows(width, *rest)


def summed(X: Array, W: Array, grid: Any) -> Array:
    """Z by the formula, in float64: a sum over the kernel of shifted images."""
    P = np.pad(X.astype(float), [(0, 0), *((axis.before, axis.after) for axis in grid), (0, 0)])
    h, w = (axis.n_out for axis in grid)
    return sum(P[:, i : i + h, j : j + w] @ W[i, j].astype(float) for i, j in np.ndindex(3, 3))


def gradients(X: Array, W: Array, delta: Array, grid: Any) -> tuple[Array, Array]:
    """∂E/∂W and ∂E/∂X by the formulas, likewise."""
    borders = [(0, 0), *((axis.before, axis.after) for axis in grid), (0, 0)]
    P = np.pad(X.astype(float), borders)
    dP, dW = np.zeros_like(P), np.zeros(W.shape)
    h, w = (axis.n_out for axis in grid)
    for i, j in np.ndindex(3, 3):
        dW[i, j] = np.einsum("nhwc,nhwo->co", P[:, i : i + h, j : j + w], delta)
        dP[:, i : i + h, j : j + w] += delta @ W[i, j].T
    inside = tuple(
        slice(before, n - after) for (before, after), n in zip(borders, P.shape, strict=True)
    )
    return dW, dP[inside]


@pytest.fixture
def by_tiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Takes this way whatever the sizes, and says how often."""
    calls: list[str] = []
    for name in ("correlate", "kernel_gradient"):
        real = getattr(winograd, name)

        def counted(*arguments: Any, name: str = name, real: Any = real) -> None:
            calls.append(name)
            real(*arguments)

        monkeypatch.setattr(winograd, name, counted)
    monkeypatch.setattr(winograd, "suits", lambda grid, kernel: True)
    return calls


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(4, 4), (3, 3), (5, 9), (6, 8), (7, 4), (13, 18), (40, 3)])
@pytest.mark.parametrize("channels", [(1, 1), (3, 2), (2, 17), (16, 16)])
def test_numbers_are_those_of_the_formulas(size, padding, channels, by_tiles, rng) -> None:
    grid = lay(*size, 3, 1, padding)
    n_channels, n_filters = channels
    for n in (1, 3):
        X = rng.standard_normal((n, *size, n_channels))
        W = rng.standard_normal((3, 3, n_channels, n_filters))
        delta = rng.standard_normal((n, grid[0].n_out, grid[1].n_out, n_filters))
        Z, dW, dX = np.empty_like(delta), np.empty_like(W), np.empty_like(X)
        buffers = Buffers()
        for _ in range(2):  # with fresh memory, and with what is in it from before
            correlate(X, W, grid, Z, buffers)
            kernel_gradient(X, delta, grid, dW, buffers)
            image_gradient(delta, W, grid, dX, buffers)
        right_dW, right_dX = gradients(X, W, delta, grid)
        np.testing.assert_allclose(Z, summed(X, W, grid), rtol=0, atol=1e-12)
        np.testing.assert_allclose(dW, right_dW, rtol=0, atol=1e-11)
        np.testing.assert_allclose(dX, right_dX, rtol=0, atol=1e-12)
    assert by_tiles == 2 * 2 * ["correlate", "kernel_gradient", "correlate"]


def test_rows_of_tiles_of_a_large_image(by_tiles, rng, monkeypatch) -> None:
    """An image that does not fit into a block is computed by rows of tiles."""
    monkeypatch.setattr(winograd, "TILES", 1 << 30)
    monkeypatch.setattr("backprop.core.grids.COLUMNS_BYTES", 2000)
    monkeypatch.setattr("backprop.core.winograd.tile_bytes", lambda W: 150)
    grid = lay(30, 11, 3, 1, "same")
    X, W = rng.standard_normal((2, 30, 11, 4)), rng.standard_normal((3, 3, 4, 5))
    delta = rng.standard_normal((2, 30, 11, 5))
    assert len(winograd.blocks(winograd.tiles(grid), 2, 150)) > 2
    Z, dW = np.empty_like(delta), np.empty_like(W)
    correlate(X, W, grid, Z, Buffers())
    kernel_gradient(X, delta, grid, dW, Buffers())
    np.testing.assert_allclose(Z, summed(X, W, grid), rtol=0, atol=1e-12)
    np.testing.assert_allclose(dW, gradients(X, W, delta, grid)[0], rtol=0, atol=1e-11)


def test_float32_is_nearly_as_exact_as_sums_of_products(rng, monkeypatch) -> None:
    """Root mean squares of the errors, beside those of the direct way on the same numbers."""
    grid = lay(16, 16, 3, 1, "same")
    X = rng.standard_normal((4, 16, 16, 64)).astype("float32")
    W = (rng.standard_normal((3, 3, 64, 32)) / 24).astype("float32")
    delta = rng.standard_normal((4, 16, 16, 32)).astype("float32")
    right = summed(X, W, grid), gradients(X, W, delta.astype(float), grid)[0]
    errors = []
    for tiled in (False, True):
        monkeypatch.setattr(winograd, "suits", lambda grid, kernel, tiled=tiled: tiled)
        found = np.empty_like(delta), np.empty_like(W)
        correlate(X, W, grid, found[0], Buffers())
        kernel_gradient(X, delta, grid, found[1], Buffers())
        errors.append([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(found, right, strict=True)])
    assert errors[1][0] < 3 * errors[0][0]
    assert errors[1][1] < 3 * errors[0][1]
    assert errors[1][0] < 1e-6 * np.std(right[0])


def test_where_this_way_is_taken() -> None:
    kernel = (3, 3, 16, 16)
    assert winograd.suits(lay(8, 8, 3, 1, "same"), kernel)
    assert winograd.suits(lay(9, 30, 3, 1, "valid"), kernel)
    assert not winograd.suits(lay(5, 5, 3, 1, "same"), kernel)  # tiles reach far beyond
    assert not winograd.suits(lay(8, 8, 3, 1, "same"), (3, 3, 15, 16))
    assert not winograd.suits(lay(8, 8, 3, 1, "same"), (3, 3, 16, 15))
    assert not winograd.suits(lay(16, 16, 5, 1, "same"), (5, 5, 16, 16))
    assert not winograd.suits(lay(16, 16, 3, 2, "same"), kernel)
    assert not winograd.suits(lay(16, 16, 3, 1, "same", 2), kernel)
    assert not winograd.suits((windows(1, 1), windows(16, 3)), (1, 3, 16, 16))


def test_groups_and_one_sample_take_the_same_way_as_a_batch(rng) -> None:
    layer = Conv2D(32, 3, padding="same", groups=2)
    layer.build((8, 8, 64), rng, "float64")
    X = rng.standard_normal((9, 8, 8, 64))
    together = layer.forward(X)
    for group in range(2):
        c, o = slice(32 * group, 32 * group + 32), slice(16 * group, 16 * group + 16)
        grid = lay(8, 8, 3, 1, "same")
        np.testing.assert_allclose(
            together[..., o], summed(X[..., c], layer.W[..., o], grid), rtol=0, atol=1e-12
        )
    np.testing.assert_allclose(layer.forward(X[:1]), together[:1], rtol=0, atol=1e-13)
