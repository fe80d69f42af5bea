"""Convolutions with 3 × 3 kernels by fewer multiplications: Winograd's F(4 × 4, 3 × 3).

Outputs of a convolution are coefficients of a product of two polynomials, and those follow from its
values at a few points. So images are cut into tiles of 6 × 6 pixels x, each for 4 × 4 outputs:

    z = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A,

36 multiplications for each channel and filter in place of 144; all tiles together make 36 matrix
products. The transformations are products, too, so that their numbers may be any. The usual points
are 0, ±1, ±2 and infinity. With those below, results in float32 are twice as far from the exact
ones as sums of single products are (root mean square), and not six times.

Sources: Winograd 1980; Lavin and Gray 2016; Barabasz and others 2020, on the choice of points.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.buffers import Buffers
from backprop.core.grids import COLUMNS_BYTES, PARTS, Grid, blocks, parts, room, windows_of
from backprop.core.types import Array, Shape
from backprop.core.windows import pad

POINTS = (0.0, 0.625, -0.625, 1.5, -1.5)
"""Where polynomials are evaluated, beside infinity; of 250 pairs ±p, ±q with the least error."""

OUTPUTS, TILE = 4, 6
"""The outputs of a tile along an axis, and its pixels."""

CHANNELS, BEYOND = 16, 1.5
"""The fewest channels and filters that repay the transformations; and how many outputs may be
computed for each that there is, as tiles reach beyond images."""


TILES = 64
"""How many tiles of a part are computed at once at the least, even if they leave the cache: fewer
rows would take longer to read the kernel than to multiply by it."""


def suits(grid: Grid, kernel: Shape) -> bool:
    """Whether this is the quicker way, for a kernel of shape ``(kh, kw, C, O)``."""
    small = all((axis.size, axis.stride, axis.dilation) == (3, 1, 1) for axis in grid)
    if not small or min(kernel[2:]) < CHANNELS:
        return False
    computed = math.prod(OUTPUTS * axis.n_out for axis in tiles(grid))
    return computed <= BEYOND * math.prod(axis.n_out for axis in grid)


def correlate(X: Array, W: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """Z, as ``correlation.correlate`` describes it: Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A."""
    A, B, G = transformations(W.dtype)
    U = room(buffers, "kernel", (TILE, TILE, *W.shape[2:]), W.dtype)
    transform(G, W, U, buffers)
    for some, memory in parts(len(X), grid, W[..., 0].size, buffers):
        X_k, Z = X[some], out[some]
        for samples, rows in blocks(tiles(grid), len(X_k), tile_bytes(W), memory):
            V = image_values(X_k[samples], grid, rows, B, memory)
            M = room(memory, "z values", (*V.shape[:-1], W.shape[3]), W.dtype)
            np.matmul(stacked(V), stacked(U), out=stacked(M))
            Z_k = Z[samples, OUTPUTS * rows.start : OUTPUTS * rows.stop]
            whole = whole_tiles(Z_k, memory)
            tiled = by_tile(whole)
            Y = room(memory, "z", tiled.shape, W.dtype)
            transform(A.T, M, Y, memory)
            np.copyto(tiled, Y)
            if whole is not Z_k:
                np.copyto(Z_k, whole[:, : Z_k.shape[1], : Z_k.shape[2]])


def kernel_gradient(X: Array, delta: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """∂E/∂W, as ``correlation.kernel_gradient`` describes it: Gᵀ [Σ (Bᵀ x B) ⊙ (A δ Aᵀ)] G."""
    A, B, G = transformations(out.dtype)
    shape = (TILE, TILE, *out.shape[2:])
    sums = []
    for some, memory in parts(len(X), grid, out[..., 0].size, buffers):
        X_k, D = X[some], delta[some]
        dU, product = (room(memory, name, shape, out.dtype) for name in ("gradient", "product"))
        sums.append(dU)
        found = blocks(tiles(grid), len(X_k), tile_bytes(out), memory)
        for k, (samples, rows) in enumerate(found):
            V = image_values(X_k[samples], grid, rows, B, memory)
            D_k = D[samples, OUTPUTS * rows.start : OUTPUTS * rows.stop]
            whole = whole_tiles(D_k, memory)
            if whole is not D_k:
                beyond = [(0, n - m) for n, m in zip(whole.shape, D_k.shape, strict=True)]
                pad(D_k, beyond, 0, whole)
            tiled = by_tile(whole)
            Y = room(memory, "z", tiled.shape, out.dtype)
            np.copyto(Y, tiled)
            M = room(memory, "z values", (*V.shape[:-1], out.shape[3]), out.dtype)
            transform(A, Y, M, memory)
            total = product if k else dU
            np.matmul(stacked(V).transpose(0, 2, 1), stacked(M), out=stacked(total))
            if k:
                dU += product
    for more in sums[1:]:
        sums[0] += more
    dW = room(buffers, "folded", out.shape, out.dtype)
    transform(G.T, sums[0], dW, buffers)
    np.copyto(out, dW)


@lru_cache
def transformations(dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """A, B and G, shapes ``(6, 4)``, ``(6, 6)`` and ``(6, 3)``.

    A and G give the values at the points of polynomials with 4 and 3 coefficients; the highest one
    is the value at infinity. B takes a polynomial with 6 coefficients from its values.
    """

    def at_points(n: int) -> Array:
        return np.vstack([np.vander(POINTS, n, increasing=True), np.eye(1, n, n - 1)])

    found = [at_points(OUTPUTS), np.linalg.inv(at_points(TILE)), at_points(3)]
    A, B, G = (matrix.astype(dtype) for matrix in found)
    for matrix in (A, B, G):
        matrix.setflags(write=False)  # the constants of a recorded step
    return A, B, G


def transform(matrix: Array, P: Array, out: Array, memory: Buffers) -> None:
    """M P Mᵀ for the first two axes of P, shape ``(k, k, …)``; it may be written into P itself."""
    m, k = matrix.shape
    half = room(memory, "half", (m, P[0].size), P.dtype)
    np.dot(matrix, P.reshape(k, -1), out=half)
    np.matmul(matrix, half.reshape(m, k, -1), out=out.reshape(m, m, -1))


def image_values(X: Array, grid: Grid, rows: slice, B: Array, memory: Buffers) -> Array:
    """Bᵀ x B for the tiles in these rows of them, shape ``(6, 6, n, rows, W', C)``."""
    every = windows_of(X, tiles(grid), rows, memory).transpose(4, 5, 0, 1, 2, 3)
    V = room(memory, "x", every.shape, X.dtype)
    np.copyto(V, every)
    transform(B.T, V, V, memory)
    return V


def tiles(grid: Grid) -> Grid:
    """The tiles as windows of 6; the last may reach beyond the images, onto more zeros."""
    height, width = (
        axis._replace(
            size=TILE,
            stride=OUTPUTS,
            after=OUTPUTS * n + TILE - OUTPUTS - axis.before - axis.n_in,
            n_out=n,
        )
        for axis in grid
        for n in [math.ceil(axis.n_out / OUTPUTS)]
    )
    return height, width


def tile_bytes(W: Array) -> int:
    """What a tile of all channels and filters takes; with very many, less, so that there are 64."""
    return min(TILE**2 * sum(W.shape[2:]) * W.itemsize, COLUMNS_BYTES // (PARTS * TILES))


def stacked(V: Array) -> Array:
    """The 36 matrices of tiles and channels, or of channels and filters."""
    return V.reshape(TILE**2, -1, V.shape[-1])


def whole_tiles(A: Array, memory: Buffers) -> Array:
    """Where these rows of images stand with all outputs of tiles: A itself if it has them all."""
    n, height, width, channels = A.shape
    shape = (n, height + -height % OUTPUTS, width + -width % OUTPUTS, channels)
    return A if A.shape == shape else room(memory, "whole", shape, A.dtype)


def by_tile(A: Array) -> Array:
    """The pixels by their place in a tile of 4 × 4: a view of shape ``(4, 4, n, rows, W', C)``."""
    n, height, width, channels = A.shape
    split = (n, height // OUTPUTS, OUTPUTS, width // OUTPUTS, OUTPUTS, channels)
    return A.reshape(split).transpose(2, 4, 0, 1, 3, 5)
