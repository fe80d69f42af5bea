"""Convolutions as matrix products over windows: forward, and the derivatives by kernel and image.

With the numbers of a window in each row of a matrix C, and a filter in each column of the kernel W,
the product C W is every output at once. Networks call this convolution; elsewhere it is called
correlation, since the kernel is not turned round.

Images X are ``(N, H, W, C)``, a kernel W is ``(kh, kw, C, O)``, Z and δ are ``(N, H', W', O)``. A
grid says how the windows lie along the height and along the width. Results are written into
``out``; buffers hold what a block needs: its columns, and its part of a sum.
"""

import math
from functools import lru_cache

import numpy as np

from backprop.core import winograd
from backprop.core.buffers import Buffers
from backprop.core.functional import stacked_product
from backprop.core.grids import (
    Grid,
    blocks,
    borders,
    has_borders,
    is_pointwise,
    parts,
    pixels,
    room,
    turn,
    windows_of,
    with_borders,
)
from backprop.core.types import Array
from backprop.core.windows import inside

RUN, NUMBER, LANES = 250, 6, 16
"""What the work beside a product costs, in multiplications: to copy a run of neighbouring numbers,
to copy each of its numbers; and how many columns a product computes in the time of one."""


def correlate(X: Array, W: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """z_{n h w o} = Σ_{i j c} x_{n, h s + i d, w s + j d, c} w_{i j c o}: Z = C W."""
    if winograd.suits(grid, W.shape):
        winograd.correlate(X, W, grid, out, buffers)
        return
    q = neighbours(grid, *W.shape[2:]) if out.flags.c_contiguous else 1
    B, grid = band(W, q, grid[1].stride, buffers), join(grid, q)
    for some, memory in parts(len(X), grid, len(B), buffers):
        X_k, Z = X[some], out[some]
        for samples, rows in blocks(grid, len(X_k), len(B) * X.itemsize, memory):
            C = columns(X_k[samples], grid, rows, memory)
            stacked_product(C, B, out=Z[samples, rows].reshape(-1, B.shape[1]))


def kernel_gradient(X: Array, delta: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """∂E/∂w_{i j c o} = Σ_{n h w} x_{n, h s + i d, w s + j d, c} δ_{n h w o}: ∂E/∂W = Cᵀ δ."""
    if winograd.suits(grid, out.shape):
        winograd.kernel_gradient(X, delta, grid, out, buffers)
        return
    q = neighbours(grid, X.shape[-1], delta.shape[-1]) if delta.flags.c_contiguous else 1
    stride, grid = grid[1].stride, join(grid, q)
    shape = (grid[0].size * grid[1].size * X.shape[-1], q * delta.shape[-1])
    sums = []
    for some, memory in parts(len(X), grid, shape[0], buffers):
        X_k, D = X[some], delta[some]
        dB, product = (room(memory, name, shape, out.dtype) for name in ("gradient", "product"))
        sums.append(dB)
        for k, (samples, rows) in enumerate(blocks(grid, len(X_k), shape[0] * X.itemsize, memory)):
            C = columns(X_k[samples], grid, rows, memory)
            np.dot(C.T, D[samples, rows].reshape(-1, shape[1]), out=product if k else dB)
            if k:
                dB += product
    for more in sums[1:]:
        sums[0] += more
    fold_band(sums[0], q, stride, out)


def image_gradient(delta: Array, W: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """∂E/∂X: each δ goes back to the pixels of its window, X_{i j} += δ W_{i j}ᵀ.

    X_{i j} are the pixels that element (i, j) of the kernel meets. With stride 1 this is the
    correlation of δ with the kernel turned round, which needs no additions.
    """
    kh, kw, n_channels, n_filters = W.shape
    W_T = room(buffers, "transposed", (kh, kw, n_filters, n_channels), W.dtype)
    if grid[0].stride == grid[1].stride == 1:
        np.copyto(W_T, W[::-1, ::-1].transpose(0, 1, 3, 2))
        correlate(delta, W_T, (turn(grid[0]), turn(grid[1])), out, buffers)
        return
    np.copyto(W_T, W.transpose(0, 1, 3, 2))
    for some, memory in parts(len(delta), grid, kh * kw * n_channels, buffers):
        D_k, window = delta[some], (n_channels + n_filters) * out.itemsize
        for samples, rows in blocks(grid, len(D_k), window, memory):
            D, dX = D_k[samples, rows], out[some][samples]
            product = room(memory, "columns", (*D.shape[:3], n_channels), out.dtype)
            X = with_borders(dX, grid, memory)
            if rows.start == 0:
                X.fill(0)
            for i, j in np.ndindex(kh, kw):
                stacked_product(
                    D.reshape(-1, n_filters), W_T[i, j], out=product.reshape(-1, n_channels)
                )
                X_ij = pixels(X, grid, rows, i, j)
                X_ij += product
            if has_borders(grid) and rows.stop == grid[0].n_out:
                np.copyto(dX, inside(X, borders(grid)))


# --------------------------------------------------------------------- blocks and their columns


def columns(X: Array, grid: Grid, rows: slice, buffers: Buffers) -> Array:
    """C, each row the numbers of one of a block's windows: ``(n · rows · W', kh · kw · C)``."""
    height, width = grid
    n_channels = X.shape[-1]
    if is_pointwise(grid) and X.flags.c_contiguous:  # every pixel is a window
        return X[:, rows].reshape(-1, n_channels)
    found = windows_of(X, grid, rows, buffers).transpose(0, 1, 2, 4, 5, 3)  # channels last
    C = room(buffers, "columns", found.shape, X.dtype)
    np.copyto(C, found)
    return C.reshape(-1, height.size * width.size * n_channels)


# --------------------------------------------------- several neighbouring outputs by one product


@lru_cache(maxsize=256)
def neighbours(grid: Grid, n_channels: int, n_filters: int) -> int:
    """How many outputs beside each other are best computed as if they were one with more filters.

    A product with few columns takes as long as one with more, and short runs of numbers are copied
    slowly. So q neighbours share a window that spans all of theirs, and W becomes a band matrix:
    (kw + q − 1) / kw times the multiplications, some by 0, but fewer and longer runs.
    """
    width = grid[1]
    if width.dilation > 1 or is_pointwise(grid):
        return 1

    def cost(q: int) -> float:
        run = (width.size + (q - 1) * width.stride) * n_channels
        return (RUN + run * (NUMBER + math.ceil(q * n_filters / LANES) * LANES)) / q

    return min((q for q in range(1, width.n_out + 1) if width.n_out % q == 0), key=cost)


def join(grid: Grid, q: int) -> Grid:
    """The grid with windows that each span q neighbours in a row."""
    height, width = grid
    size = width.size + (q - 1) * width.stride
    return height, width._replace(size=size, stride=q * width.stride, n_out=width.n_out // q)


def band(W: Array, q: int, stride: int, buffers: Buffers) -> Array:
    """The kernel as a matrix, ``(kh · kw · C, O)``; for q neighbours, q of them side by side.

    Each stands ``stride`` pixels after the one before: ``(kh · (kw + (q − 1) stride) · C, q · O)``.
    """
    kh, kw, n_channels, n_filters = W.shape
    if q == 1:
        return W.reshape(-1, n_filters)
    shape = (kh, kw + (q - 1) * stride, n_channels, q, n_filters)
    B = room(buffers, "band", shape, W.dtype)
    B.fill(0)
    for v in range(q):
        B[:, v * stride : v * stride + kw, :, v] = W
    return B.reshape(-1, q * n_filters)


def fold_band(dB: Array, q: int, stride: int, out: Array) -> None:
    """∂E/∂W from ∂E/∂B: the sum over the q places where W stands in its band matrix."""
    kh, kw, n_channels, n_filters = out.shape
    D = dB.reshape(kh, -1, n_channels, q, n_filters)
    np.copyto(out, D[:, :kw, :, 0])
    for v in range(1, q):
        out += D[:, v * stride : v * stride + kw, :, v]
