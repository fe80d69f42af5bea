"""What drawings of networks consist of: nodes, edges, short numbers, and names of units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backprop.core.types import Array
from backprop.plotting.style import PALETTE, ground

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORWARD, BACKWARD = "0.15", "#7A1F6B"
"""The colours of numbers that flow forward and of those that flow back."""

POSITIVE, NEGATIVE = PALETTE[0], PALETTE[1]
"""The colours of signs."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def short(value: float) -> str:
    """A number with two or three significant digits and a true minus sign."""
    value = float(value) + 0.0  # makes −0 a 0
    size = abs(value)
    if size == 0 or 1e-4 <= size < 1000:
        text = f"{value:.3g}"
    elif 1000 <= size < 1e5:
        text = f"{value:.0f}"
    else:
        mantissa, _, power = f"{value:.1e}".partition("e")
        text = f"{mantissa}e{int(power)}" if power else mantissa  # inf and nan have none
    return text.replace("-", "−")


def unit_name(symbol: str, *units: int) -> str:
    """a₁⁽¹⁾ for unit 0 of a⁽¹⁾, w₁₂⁽¹⁾ for (0, 1); w₁,₁₀⁽¹⁾ has a comma, as indices are longer."""
    numbers = [str(unit + 1).translate(_SUBSCRIPTS) for unit in units]
    letter, bracket, level = symbol.partition("⁽")
    return f"{letter}{(',' if max(units) > 8 else '').join(numbers)}{bracket}{level}"


def largest_size(*arrays: Array) -> float:
    """The largest absolute value that is finite, which drawings measure by; 1 where all are 0."""
    return max(float(np.abs(own[np.isfinite(own)]).max(initial=0)) for own in arrays) or 1.0


def share_of(value: float, largest: float) -> float:
    """How strongly a number is drawn, from −1 to 1: ±1 if it is infinite, 0 if it is nan."""
    return 0.0 if np.isnan(value) else float(np.clip(value / largest, -1, 1))


def draw_line(
    axes: Axes,
    start: Array,
    stop: Array,
    gaps: tuple[float, float],
    strength: float | None,
    back: bool,
) -> None:
    """Draw an edge from node to node, with the arrow head where the numbers flow to.

    Args:
        axes: Where to draw.
        start: The left node's centre.
        stop: The right node's centre.
        gaps: The lengths to leave free at both ends for the nodes.
        strength: The edge's number as a share of the largest; None for a plain thin line.
        back: Whether the arrow leads from right to left.
    """
    from matplotlib.patches import FancyArrowPatch

    along = (stop - start) / np.hypot(*(stop - start))
    ends = (start + gaps[0] * along, stop - gaps[1] * along)
    share = 0.0 if strength is None else abs(strength)
    colour = "0.6" if not strength else POSITIVE if strength > 0 else NEGATIVE
    arrow = FancyArrowPatch(
        *(ends[::-1] if back else ends),
        arrowstyle="-|>",
        mutation_scale=8 + 5 * share,
        shrinkA=0,
        shrinkB=0,
        linewidth=0.7 + 2.8 * share,
        linestyle="--" if strength is not None and strength < 0 else "-",
        color=colour,
        alpha=1.0 if strength is None else 0.45 + 0.55 * share,
        zorder=1 + share,
    )
    axes.add_patch(arrow)


def draw_node(
    axes: Axes,
    place: Array,
    value: float,
    strength: float,
    radius: float,
    size: float,
    shade: str,
) -> None:
    """Draw a unit with its number; ``strength``, its share of the largest, says how dark."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Circle

    pure = np.array(to_rgb(POSITIVE if value > 0 else NEGATIVE))
    tint = tuple(1 - 0.35 * abs(strength) * (1 - pure))
    x, y = place
    axes.add_patch(Circle((x, y), radius, facecolor=tint, edgecolor="0.35", zorder=4))
    write(axes, place, short(value), size, shade)


def write(axes: Axes, place: Array, words: str, size: float, shade: str) -> None:
    """Write words of ``size`` points, centred."""
    x, y = place
    axes.text(x, y, words, fontsize=size, color=shade, ha="center", va="center", zorder=5)


def write_on_line(axes: Axes, place: Array, words: str, shade: str) -> None:
    """Write words onto an edge, which is interrupted there."""
    x, y = place
    box = {"boxstyle": "round,pad=0.12", "facecolor": ground(), "edgecolor": "none"}
    axes.text(x, y, words, fontsize=8, color=shade, ha="center", va="center", bbox=box, zorder=3)
