"""Arrays of a pass as heat maps: a value and, beside it, the derivative of the loss by it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.types import Array, Shape
from backprop.plotting.nodes import BACKWARD, FORWARD, NEGATIVE, POSITIVE, largest_size, short
from backprop.plotting.style import ink, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def heat_maps(
    pairs: Sequence[tuple[str, Array, str, Array]],
    caption: str = "",
    path: FilePath | None = None,
) -> Figure:
    """Draw arrays as heat maps, two beside each other: a value and the derivative by it.

    Each has its own colour scale, with white at 0. Vectors become strips. The channels of an image
    stand beside each other, those of a kernel below each other and its filters side by side.

    Args:
        pairs: ``(name, values, name of the derivative, derivative)`` for each row of the picture,
            arrays of one or two axes, images ``(H, W, C)``, or kernels
            ``(h, w, channels, filters)``.
        caption: What stands below the picture.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure: for each row two axes and those of their colour scales.
    """
    heights = [_height(np.asarray(values)) for _, values, *_ in pairs]
    lines = textwrap.wrap(caption, 110)
    figure = new_figure(9.5, sum(heights) + 0.75 * len(heights) + 0.17 * len(lines) + 0.3)
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    colour = LinearSegmentedColormap.from_list("signs", [NEGATIVE, "white", POSITIVE])
    panels = figure.subplots(len(pairs), 2, squeeze=False, height_ratios=heights)
    for row, (left, values, right, derivatives) in zip(panels, pairs, strict=True):
        for axes, name, array, shade in (
            (row[0], left, values, FORWARD),
            (row[1], right, derivatives, BACKWARD),
        ):
            grid = np.atleast_2d(tiled(np.asarray(array)))
            largest = largest_size(grid)
            picture = axes.imshow(
                grid, cmap=colour, vmin=-largest, vmax=largest, aspect="auto", interpolation="none"
            )
            bar = figure.colorbar(picture, ax=axes, ticks=[-largest, 0, largest], pad=0.02)
            bar.ax.set_yticklabels([short(-largest), "0", short(largest)], fontsize=7)
            axes.set_title(f"{name}   {np.shape(array)}", fontsize=9, color=ink(shade), loc="left")
            axes.tick_params(labelsize=7)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator("auto", integer=True))
            if len(grid) == 1:
                axes.set_yticks([])
            if np.ndim(array) > 2:
                _name_tiles(axes, np.shape(array))
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9, color=ink("0.3"))
    return save(figure, path)


def tiled(array: Array) -> Array:
    """An image (H, W, C) as (H, C·W), a kernel (h, w, C, F) as (C·h, F·w); others as they are."""
    if array.ndim < 3:
        return array
    planes = array[:, :, np.newaxis] if array.ndim == 3 else array  # (h, w, rows, columns)
    height, width, rows, columns = planes.shape
    return planes.transpose(2, 0, 3, 1).reshape(rows * height, columns * width)


def _name_tiles(axes: Axes, shape: Shape) -> None:
    """Lines between the tiles, which ticks name as channels and filters."""
    height, width = shape[:2]
    rows = shape[2] if len(shape) == 4 else 1
    columns, kind = shape[-1], "filter" if len(shape) == 4 else "channel"
    for edge in range(1, columns):
        axes.axvline(edge * width - 0.5, color="0.3", linewidth=1)
    for edge in range(1, rows):
        axes.axhline(edge * height - 0.5, color="0.3", linewidth=1)
    shown = _round_numbers(columns)
    axes.set_xticks([(k + 0.5) * width - 0.5 for k in shown], [f"{kind} {k}" for k in shown])
    shown = _round_numbers(rows)
    if len(shape) == 4:
        named = [f"channel {k}" for k in shown]
        axes.set_yticks([(k + 0.5) * height - 0.5 for k in shown], named)
    else:
        axes.set_yticks([])
    axes.tick_params(length=0)


def _round_numbers(count: int) -> range:
    """At most six of the numbers below ``count``, the same distance apart."""
    return range(0, count, -(-count // 6))


def _height(array: Array) -> float:
    """The height of a panel in inches."""
    rows = len(np.atleast_2d(tiled(array)))
    if rows == 1:
        return 0.35
    return 1.7 if array.ndim < 3 else min(max(0.2 * rows, 1.0), 4.0)
