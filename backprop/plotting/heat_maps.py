"""Arrays of a pass as heat maps: a value and, beside it, the derivative of the loss by it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backprop.core.types import Array
from backprop.plotting.nodes import BACKWARD, FORWARD, NEGATIVE, POSITIVE, short
from backprop.plotting.style import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_maps(
    pairs: Sequence[tuple[str, Array, str, Array]],
    caption: str = "",
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw arrays as heat maps, two beside each other: a value and the derivative by it.

    Each has its own colour scale, with white at 0. Vectors become strips.

    Args:
        pairs: ``(name, values, name of the derivative, derivative)`` for each row of the picture,
            arrays of one or two axes.
        caption: What stands below the picture.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure: for each row two axes and those of their colour scales.

    Raises:
        FileNotFoundError: If the folder of ``path`` does not exist.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colour = LinearSegmentedColormap.from_list("signs", [NEGATIVE, "white", POSITIVE])
    heights = [0.35 if np.ndim(values) < 2 or len(values) == 1 else 1.7 for _, values, *_ in pairs]
    lines = textwrap.wrap(caption, 110)
    figure = new_figure(9.5, sum(heights) + 0.75 * len(heights) + 0.17 * len(lines) + 0.3)
    panels = figure.subplots(len(pairs), 2, squeeze=False, height_ratios=heights)
    for row, (left, values, right, derivatives) in zip(panels, pairs, strict=True):
        for axes, name, array, shade in (
            (row[0], left, values, FORWARD),
            (row[1], right, derivatives, BACKWARD),
        ):
            grid = np.atleast_2d(array)
            largest = float(np.abs(grid).max()) or 1.0
            picture = axes.imshow(
                grid, cmap=colour, vmin=-largest, vmax=largest, aspect="auto", interpolation="none"
            )
            bar = figure.colorbar(picture, ax=axes, ticks=[-largest, 0, largest], pad=0.02)
            bar.ax.set_yticklabels([short(-largest), "0", short(largest)], fontsize=7)
            axes.set_title(f"{name}   {np.shape(array)}", fontsize=9, color=shade, loc="left")
            axes.tick_params(labelsize=7)
            if len(grid) == 1:
                axes.set_yticks([])
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9, color="0.3")
    return save(figure, path)
