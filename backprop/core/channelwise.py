"""Convolution of every channel by itself: elementwise products with shifted images.

A product of matrices would have a row of a few numbers for each channel, and be slow. Here whole
images, shifted by an element of the kernel, are multiplied by that element's row of weights.

Images X are ``(N, H, W, C)``, a kernel W is ``(kh, kw, C, M)``: M filters for each channel, whose
outputs stand beside each other, so that Z and δ are ``(N, H', W', C · M)``. A grid says where the
windows lie on an image. Results are written into ``out``; buffers hold what a block needs.
"""

import numpy as np

from backprop.core.buffers import Buffers
from backprop.core.functional import ones
from backprop.core.grids import Grid, blocks, borders, has_borders, pixels, room
from backprop.core.types import Array
from backprop.core.windows import inside, pad

ARRAYS = 3
"""How many arrays of a block's size are worked on at once: images, outputs and products."""


def correlate_channels(X: Array, W: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """z_{n h w c m} = Σ_{i j} x_{n, h s + i d, w s + j d, c} w_{i j c m}: Z = Σ X_{i j} ⊙ W_{i j}.

    X_{i j} are the pixels that element (i, j) of the kernel meets, each channel M times.
    """
    rows_of_W = repeated(W, grid, buffers)
    for samples, rows in blocks(grid, len(X), ARRAYS * out.shape[-1] * out.itemsize):
        P = multiplied(X[samples], W.shape[-1], grid, rows, buffers)
        Z = out[samples, rows]
        product = room(buffers, "product", Z.shape, Z.dtype)
        for k, (i, j) in enumerate(np.ndindex(W.shape[:2])):
            np.multiply(pixels(P, grid, rows, i, j), rows_of_W[i, j], out=product if k else Z)
            if k:
                Z += product


def channel_kernel_gradient(
    X: Array, delta: Array, grid: Grid, out: Array, buffers: Buffers
) -> None:
    """∂E/∂W_{i j} = Σ_{n h w} X_{i j} ⊙ δ."""
    row = delta.shape[-2:]
    sums = room(buffers, "sums", (*out.shape[:2], row[0] * row[1]), out.dtype)
    part = room(buffers, "part", sums.shape[2:], out.dtype)
    sums.fill(0)
    for samples, rows in blocks(grid, len(X), ARRAYS * row[1] * delta.itemsize):
        P = multiplied(X[samples], out.shape[-1], grid, rows, buffers)
        D = delta[samples, rows]
        product = room(buffers, "product", D.shape, D.dtype)
        lines = product.reshape(-1, len(part))
        for i, j in np.ndindex(out.shape[:2]):
            np.multiply(pixels(P, grid, rows, i, j), D, out=product)
            np.dot(ones(len(lines), D.dtype), lines, out=part)  # 1ᵀ A: faster than a sum
            sums_ij = sums[i, j]
            sums_ij += part
    by_pixel = sums.reshape(*out.shape[:2], row[0], *out.shape[2:])
    np.add.reduce(by_pixel, axis=2, out=out)


def channel_image_gradient(
    delta: Array, W: Array, grid: Grid, out: Array, buffers: Buffers
) -> None:
    """∂E/∂X: each δ goes back to the pixels of its window, X_{i j} += Σ_m δ ⊙ W_{i j}."""
    rows_of_W = repeated(W, grid, buffers)
    for samples, rows in blocks(grid, len(delta), ARRAYS * delta.shape[-1] * delta.itemsize):
        D = delta[samples, rows]
        product = room(buffers, "product", D.shape, D.dtype)
        sizes = [axis.padded for axis in grid]
        P = room(buffers, "padded", (len(D), *sizes, delta.shape[-1]), D.dtype)
        if rows.start == 0:
            P.fill(0)
        for i, j in np.ndindex(W.shape[:2]):
            np.multiply(D, rows_of_W[i, j], out=product)
            P_ij = pixels(P, grid, rows, i, j)
            P_ij += product
        if rows.stop == grid[0].n_out:
            within = inside(P.reshape(len(D), *sizes, *W.shape[2:]), borders(grid))
            np.add.reduce(within, axis=-1, out=out[samples])


def repeated(W: Array, grid: Grid, buffers: Buffers) -> Array:
    """The kernel's elements for a row of outputs: ``(kh, kw, W', C · M)``.

    NumPy is slow where it begins anew after a few numbers.
    """
    kh, kw, n_channels, m = W.shape
    rows_of_W = room(buffers, "rows", (kh, kw, grid[1].n_out, n_channels * m), W.dtype)
    np.copyto(rows_of_W, W.reshape(kh, kw, 1, -1))
    return rows_of_W


def multiplied(X: Array, m: int, grid: Grid, rows: slice, buffers: Buffers) -> Array:
    """Images of a block with their borders, each channel m times.

    Their shape is ``(n, H + borders, W + borders, C · m)``; the block has these rows of windows.
    """
    if m == 1 and not has_borders(grid):
        return X
    shape = (len(X), *(axis.padded for axis in grid), X.shape[-1], m)
    P = room(buffers, "padded", shape, X.dtype)
    if rows.start == 0:  # the rows that follow find it as it is
        pad(X[..., np.newaxis], borders(grid), 0, P)
    return P.reshape(*shape[:3], -1)
