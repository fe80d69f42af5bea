"""One pass through a network: values flowing forward above, the error flowing back below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.types import Array
from backprop.plotting.nodes import (
    BACKWARD,
    FORWARD,
    NEGATIVE,
    POSITIVE,
    draw_line,
    draw_node,
    largest_size,
    share_of,
    short,
    unit_name,
    write,
    write_on_line,
)
from backprop.plotting.style import ground, ink, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_UNITS = 8
"""Layers with more units than this are not legible as nodes; draw them as heat maps."""

_MOST_NUMBERS = 40  # edges; more of them are drawn without numbers, and nodes without notes
_TO_LOSS = 2.3  # inches from the outputs to the loss


class Scale(NamedTuple):
    """Sizes in inches, and whether edges bear their numbers."""

    rows: float  # from node to node in a column
    radius: float
    font: float  # points
    numbers: bool


class Side(NamedTuple):
    """What one of the two panels shows."""

    nodes: Sequence[Array]  # (n_l,) for each of the L + 1 columns
    edges: Sequence[Array]  # (n_in, n_out) for each pair of neighbours
    notes: Sequence[Sequence[str]]  # under each node
    heads: Sequence[str]  # above each column, such as a⁽¹⁾ = σ(z⁽¹⁾)
    ends: Sequence[str]  # on the lines between the last column and the loss
    loss: str
    back: bool


def network_diagram(
    forward: Side, backward: Side, caption: str = "", path: FilePath | None = None
) -> Figure:
    """Draw a network twice: values flowing forward, and the error flowing back.

    Forward, nodes hold the activations and edges the weights; back, nodes hold δ = ∂E/∂z and edges
    ∂E/∂w. The larger the number, the thicker and darker its line; negative ones are dashed and have
    another colour. With more than 40 edges, the edges' numbers and the notes are left out.

    Args:
        forward: The upper panel.
        backward: The lower panel.
        caption: What stands below the picture.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure, with an axes for each of the two directions.
    """
    sizes = [len(column) for column in forward.nodes]
    numbers = sum(edges.size for edges in forward.edges) <= _MOST_NUMBERS
    scale = Scale(1.15, 0.37, 8.5, True) if numbers else Scale(0.6, 0.26, 6.5, False)
    xs = np.cumsum([0.0, *(_distance(n, m, scale) for n, m in pairwise(sizes))])
    width = max(xs[-1] + _TO_LOSS + 1.6, 7.0)
    panel = max(sizes) * scale.rows + 0.75
    words = textwrap.wrap(caption, int(13 * width))
    figure = new_figure(width, 2 * panel + 0.7 + 0.17 * len(words))
    for axes, side in zip(figure.subplots(2, 1), (forward, backward), strict=True):
        _draw_side(axes, side, xs, scale)
    _explain(figure, words)
    return save(figure, path)


def _draw_side(axes: Axes, side: Side, xs: Array, scale: Scale) -> None:
    """Draw one direction: its edges, nodes, column heads, and the loss at the right."""
    pure = BACKWARD if side.back else FORWARD
    shade = ink(pure)
    columns = [_places(x, len(column), scale) for x, column in zip(xs, side.nodes, strict=True)]
    top = max(len(column) for column in columns) * scale.rows / 2 + 0.1
    largest = largest_size(*side.edges)
    for start, stop, edges in zip(columns, columns[1:], side.edges, strict=False):
        n, m = edges.shape
        # At this share of the way the edges' numbers stand one above the other, evenly spaced. For
        # m = n there are two such places, and the one farther from the arrow heads is taken.
        share = 1 / (m + 1) if m < n or (m == n and not side.back) else n / (n + 1)
        for i, j in np.ndindex(n, m):
            value = float(edges[i, j])
            strength = share_of(value, largest)
            draw_line(axes, start[i], stop[j], (scale.radius,) * 2, strength, side.back)
            if scale.numbers:
                write_on_line(axes, start[i] + share * (stop[j] - start[i]), short(value), shade)
    loss = np.array([xs[-1] + _TO_LOSS, 0.0])
    for place, words in zip(columns[-1], side.ends, strict=True):
        draw_line(axes, place, loss, (scale.radius, 0.2 if side.back else 0.62), None, side.back)
        if words:
            write_on_line(axes, place + 0.47 * (loss - place), words, shade)
    box = {"boxstyle": "round,pad=0.4", "facecolor": ground(), "edgecolor": "0.4"}
    axes.text(loss[0], 0, side.loss, fontsize=9, color=shade, ha="center", va="center", bbox=box)

    for k, column in enumerate(side.nodes):
        most = largest_size(column)
        for unit, (place, value) in enumerate(zip(columns[k], map(float, column), strict=True)):
            strength = share_of(value, most)
            draw_node(axes, place, value, strength, scale.radius, scale.font, pure)
            if scale.numbers:
                symbol = unit_name(side.heads[k].partition(" ")[0], unit)
                write(axes, place + np.array([0, 0.2]), symbol, 6.5, pure)
                note = side.notes[k][unit]
                lines = note.count("\n") + 1
                write(axes, place - (0, scale.radius + 0.03 + 0.065 * lines), note, 7.5, shade)
    for x, head in zip(xs, side.heads, strict=True):
        axes.text(x, top, head, fontsize=10, color=shade, ha="center", va="bottom")
    axes.text(loss[0], top, "loss", fontsize=10, color=shade, ha="center", va="bottom")
    on_lines = ", ∂E/∂w on the lines" if side.back else ", w on the lines"
    direction = "Backward: δ in the units" if side.back else "Forward: activations in the units"
    axes.set_title(direction + on_lines, color=shade, loc="left", weight="bold")
    axes.set(xlim=(xs[0] - 0.7, loss[0] + 0.9), ylim=(-top, top + 0.3), aspect="equal")
    axes.set_axis_off()


def _places(x: float, count: int, scale: Scale) -> Array:
    """The nodes' centres in a column, from top to bottom, shape ``(count, 2)``."""
    y = scale.rows * ((count - 1) / 2 - np.arange(count))
    return np.stack([np.full(count, x), y], axis=1)


def _distance(n: int, m: int, scale: Scale) -> float:
    """The distance between two columns that keeps the edges' numbers clear of the nodes."""
    if not scale.numbers:
        return 1.9
    return max(2.3, (min(n, m) + 1) * (scale.radius + 0.42))


def _explain(figure: Figure, caption: list[str]) -> None:
    """Put the meaning of the lines and the caption below the picture."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=POSITIVE, linewidth=2, label="positive"),
        Line2D([], [], color=NEGATIVE, linewidth=2, linestyle="--", label="negative"),
        Line2D([], [], color="0.4", linewidth=3.2, label="thick: large"),
        Line2D([], [], color="0.4", linewidth=0.8, label="thin: small"),
    ]
    legend = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=9,
        title="\n".join(caption),
        title_fontsize=9,
    )
    legend.get_title().set_multialignment("center")
