"""How windows lie on images, and the parts and blocks of a batch that are computed at once.

Images are ``(N, H, W, C)``. A grid says how the windows lie along the height and along the width.
"""

import math
from typing import Any

from numpy.lib.stride_tricks import sliding_window_view

from backprop.core.buffers import Buffers
from backprop.core.types import Array, Shape
from backprop.core.windows import Windows, pad

Grid = tuple[Windows, Windows]

COLUMNS_BYTES = 1 << 20
"""The most memory that the numbers of windows take at once: about what a core's own cache holds.

Where one row of windows of one image is larger, that row is taken.
"""

PARTS = 2
"""How many parts a large batch is cut into; several threads may each compute one."""

WORTH_A_PART = 1 << 17
"""The numbers in a part's columns below which it is not worth the calls of its own."""


def parts(n_samples: int, grid: Grid, window: int, buffers: Buffers) -> list[tuple[slice, Buffers]]:
    """Slices of the samples, each with memory of its own; one of all of them if they are few.

    A window has ``window`` numbers.
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

    A window takes ``window_bytes``. The columns are kept in ``memory``; of n parts of a batch each
    has its share of the bytes.

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


def pixels(P: Array, grid: Grid, rows: slice, i: int, j: int) -> Array:
    """The pixels of P that element (i, j) of the kernel meets in those rows of windows, as a view.

    P are images with their borders.
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


def windows_of(X: Array, grid: Grid, rows: slice, buffers: Buffers) -> Array:
    """The pixels of windows in these rows of them, a view of shape ``(n, rows, W', C, kh, kw)``.

    X are the images of a block; buffers hold them with their borders.
    """
    height, width = grid
    P = with_borders(X, grid, buffers)
    if P is not X and rows.start == 0:  # the rows that follow find it as it is
        pad(X, borders(grid), 0, P)
    every = sliding_window_view(P, (reach(height), reach(width)), axis=(1, 2))
    every = every[:, :: height.stride, :: width.stride, :, :: height.dilation, :: width.dilation]
    return every[:, rows, : width.n_out]


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
