"""Convolutions as matrix products over windows: forward, and the derivatives by kernel and image.

With the numbers of a window in each row of a matrix C, and a filter in each column of the kernel W,
the product C W is every output at once. Networks call this convolution; elsewhere it is called
correlation, since the kernel is not turned round.

Images are ``(N, H, W, C)``, kernels ``(kh, kw, C, O)``. A grid says how the windows lie along the
height and along the width.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backprop.core.buffers import Buffers
from backprop.core.functional import stacked_product
from backprop.core.types import Array, Shape
from backprop.core.windows import Windows, inside, pad

Grid = tuple[Windows, Windows]

COLUMNS_BYTES = 1 << 20
"""The most memory that the numbers of windows take at once: about what a core's own cache holds.

Where one row of windows of one image is larger, that row is taken.
"""

PARTS = 2
"""How many parts a large batch is cut into; several threads may each compute one."""

WORTH_A_PART = 1 << 17
"""The numbers in a part's columns below which it is not worth the calls of its own."""

RUN, NUMBER, LANES = 250, 6, 16
"""What the work beside a product costs, in multiplications: to copy a run of neighbouring numbers,
to copy each of its numbers; and how many columns a product computes in the time of one."""


def correlate(X: Array, W: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """z_{n h w o} = Σ_{i j c} x_{n, h s + i d, w s + j d, c} w_{i j c o}: Z = C W.

    Args:
        X: Images, shape ``(N, H, W, C)``.
        W: The kernel, shape ``(kh, kw, C, O)``.
        grid: Where the windows lie on an image.
        out: Z, shape ``(N, H', W', O)``.
        buffers: Memory for the columns of a block.
    """
    q = neighbours(grid, *W.shape[2:]) if out.flags.c_contiguous else 1
    B, grid = band(W, q, grid[1].stride, buffers), join(grid, q)
    for some, memory in parts(len(X), grid, len(B), buffers):
        X_k, Z = X[some], out[some]
        for samples, rows in blocks(grid, len(X_k), len(B) * X.itemsize, memory):
            C = columns(X_k[samples], grid, rows, memory)
            stacked_product(C, B, out=Z[samples, rows].reshape(-1, B.shape[1]))


def kernel_gradient(X: Array, delta: Array, grid: Grid, out: Array, buffers: Buffers) -> None:
    """∂E/∂w_{i j c o} = Σ_{n h w} x_{n, h s + i d, w s + j d, c} δ_{n h w o}: ∂E/∂W = Cᵀ δ.

    Args:
        X: Images, shape ``(N, H, W, C)``.
        delta: ∂E/∂Z, shape ``(N, H', W', O)``.
        grid: Where the windows lie on an image.
        out: ∂E/∂W, shape ``(kh, kw, C, O)``.
        buffers: Memory for the columns of a block, and for its part of the sum.
    """
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

    Args:
        delta: ∂E/∂Z, shape ``(N, H', W', O)``.
        W: The kernel, shape ``(kh, kw, C, O)``.
        grid: Where the windows lie on an image.
        out: ∂E/∂X, shape ``(N, H, W, C)``.
        buffers: Memory for the products of a block.
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


def parts(n_samples: int, grid: Grid, window: int, buffers: Buffers) -> list[tuple[slice, Buffers]]:
    """Slices of the samples, each with memory of its own; one of all of them if they are few.

    Args:
        n_samples: The number of images.
        grid: Where the windows lie on an image.
        window: How many numbers a window has.
        buffers: The memory for all of them.
    """
    numbers = n_samples * grid[0].n_out * grid[1].n_out * window
    n = min(PARTS, n_samples, numbers // WORTH_A_PART)
    if n < 2:
        return [(slice(0, n_samples), buffers)]
    n = 1 << n.bit_length() - 1  # a power of two: the parts of all layers fit together
    return [
        (slice(n_samples * k // n, n_samples * (k + 1) // n), buffers.part(k, n)) for k in range(n)
    ]


def room(buffers: Buffers, name: str, shape: Shape, dtype: Any) -> Array:
    """An array of any shape in the memory of that name."""
    return buffers.get(name, (math.prod(shape),), dtype).reshape(shape)


def blocks(
    grid: Grid, n_samples: int, window_bytes: int, memory: Buffers | None = None
) -> list[tuple[slice, slice]]:
    """Samples and rows of windows that are computed at once, within ``COLUMNS_BYTES``.

    Args:
        grid: Where the windows lie on an image.
        n_samples: The number of images.
        window_bytes: What one window takes.
        memory: Where their columns are kept; of n parts of a batch each has its share of the bytes.

    Returns:
        Slices of samples, with all of their rows of windows; or of one sample and some of its rows,
        if a whole sample is too large.
    """
    height, width = grid
    row_bytes = width.n_out * window_bytes
    most = COLUMNS_BYTES // (memory.place[1] if memory and memory.place else 1)
    n = most // (row_bytes * height.n_out)
    if n:
        n = math.ceil(n_samples / math.ceil(n_samples / n))  # blocks of about one size
        starts = range(0, n_samples, n)
        return [(slice(k, min(k + n, n_samples)), slice(0, height.n_out)) for k in starts]
    h = max(1, most // row_bytes)
    return [
        (slice(k, k + 1), slice(top, min(top + h, height.n_out)))
        for k in range(n_samples)
        for top in range(0, height.n_out, h)
    ]


def columns(X: Array, grid: Grid, rows: slice, buffers: Buffers) -> Array:
    """C, the numbers of a window in each row: shape ``(n · rows · W', kh · kw · C)``.

    Args:
        X: The images of a block.
        grid: Where the windows lie on an image.
        rows: The rows of windows in the block.
        buffers: Memory for C, and for the images with their borders.
    """
    height, width = grid
    n_channels = X.shape[-1]
    if is_pointwise(grid) and X.flags.c_contiguous:  # every pixel is a window
        return X[:, rows].reshape(-1, n_channels)
    P = with_borders(X, grid, buffers)
    if P is not X and rows.start == 0:  # the rows that follow find it as it is
        pad(X, borders(grid), 0, P)
    every = sliding_window_view(P, (reach(height), reach(width)), axis=(1, 2))
    every = every[:, :: height.stride, :: width.stride, :, :: height.dilation, :: width.dilation]
    found = every[:, rows, : width.n_out].transpose(0, 1, 2, 4, 5, 3)  # (n, rows, W', kh, kw, C)
    C = room(buffers, "columns", found.shape, P.dtype)
    np.copyto(C, found)
    return C.reshape(-1, height.size * width.size * n_channels)


def pixels(P: Array, grid: Grid, rows: slice, i: int, j: int) -> Array:
    """The pixels that element (i, j) of the kernel meets in those rows of windows, as a view.

    Args:
        P: Images with their borders.
        grid: Where the windows lie on an image.
        rows: The rows of windows.
        i: The element's row.
        j: The element's column.
    """
    height, width = grid
    below = P[:, rows.start * height.stride :]
    some = height._replace(n_out=rows.stop - rows.start)
    return below[:, some.positions(i), width.positions(j)]


def borders(grid: Grid) -> list[tuple[int, int]]:
    """How many zeros stand before and after the images along each axis."""
    return [(0, 0), *((axis.before, axis.after) for axis in grid)]


def has_borders(grid: Grid) -> bool:
    """Whether there are any."""
    return any(map(any, borders(grid)))


def with_borders(X: Array, grid: Grid, buffers: Buffers) -> Array:
    """Where images with their borders stand, not yet written; X itself if they have none."""
    if not has_borders(grid):
        return X
    shape = (len(X), grid[0].padded, grid[1].padded, X.shape[-1])
    return room(buffers, "padded", shape, X.dtype)


def reach(axis: Windows) -> int:
    """How many positions a window spans."""
    return (axis.size - 1) * axis.dilation + 1


def turn(axis: Windows) -> Windows:
    """The windows over the outputs that meet each position, for windows of stride 1."""
    before = reach(axis) - 1 - axis.before
    after = axis.n_in + axis.before - axis.n_out
    return axis._replace(before=before, after=after, n_in=axis.n_out, n_out=axis.n_in)


def is_pointwise(grid: Grid) -> bool:
    """Whether every pixel is a window of its own."""
    return all(axis.size == axis.stride == 1 for axis in grid)


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
