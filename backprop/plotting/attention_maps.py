"""What each step of a sequence attends to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.style import finite_array, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 4
"""Heads in a row."""


@answered
def attention(
    weights: Array, steps: Sequence[str] | None = None, path: FilePath | None = None
) -> Figure:
    """Draw the attention weights of one sequence, a square for each head.

    Row i shows how step i shares its attention among all steps: the darker column j, the larger its
    share. All heads have one colour scale, from 0 to the largest share that there is.

    Args:
        weights: The shares of every head, ``(num_heads, T, T)``, or of one head, ``(T, T)``, as
            ``layer.attention_weights(X)[0]`` returns them.
        steps: What the steps are called, such as the words of a text or the letters of a word;
            their numbers by default.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure: an axes for each head, and that of the colour scale.

    Raises:
        ValueError: If ``weights`` has another shape or negative numbers, or a step has no name.

    Example:
        >>> weights = np.array([[1.0, 0.0], [0.5, 0.5]])  # step 2 looks at both
        >>> figure = bp.plotting.attention(weights, ["to", "be"], path="attention.png")
    """
    shares = to_array(weights, "weights")
    shares = finite_array("weights", shares[np.newaxis] if shares.ndim == 2 else shares, 3)
    n_heads, T, n_keys = shares.shape
    if n_keys != T or not (shares >= 0).all():
        raise ValueError(
            f"weights must hold a share for each pair of steps, with shape (num_heads, T, T), but "
            f"has the shape {np.shape(weights)} and the smallest value {shares.min():g}: take "
            f"one sample of what attention_weights(X) returns."
        )
    names = [str(k) for k in range(T)] if steps is None else [str(step) for step in steps]
    if len(names) != T:
        raise ValueError(f"steps has {len(names)} names but there are {T} steps: name each.")

    columns = min(n_heads, _COLUMNS)
    rows = math.ceil(n_heads / columns)
    side = min(max(1.6, 0.22 * T), 4.0 if n_heads > 1 else 6.0)  # inches of a square
    named = range(0, T, math.ceil(0.15 * T / side))  # more names would overlap
    longest = 0.08 * max(map(len, names))  # inches
    turned = longest > side / len(named)  # too wide for its column
    beside = longest if turned else 0.0
    width, height = columns * (side + 0.5 + beside) + 1.0, rows * (side + 0.75 + beside) + 0.2
    figure = new_figure(width, height)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    largest = float(shares.max()) or 1.0
    for head, axes in enumerate(panels[:n_heads]):
        picture = axes.imshow(shares[head], cmap="Blues", vmin=0, vmax=largest)
        if n_heads > 1:
            axes.set_title(f"head {head + 1}", fontsize=9)
        axes.set_xticks(named, [names[k] for k in named])
        axes.set_yticks(named, [names[k] for k in named])
        axes.tick_params(labelsize=8, length=2)
        if turned:
            axes.tick_params(axis="x", rotation=90)
    for axes in panels[n_heads:]:
        axes.set_axis_off()
    figure.supxlabel("attends to step", fontsize=9)
    figure.supylabel("step", fontsize=9)
    figure.colorbar(picture, ax=list(panels), label="share of its attention", shrink=0.9)
    return save(figure, path)
