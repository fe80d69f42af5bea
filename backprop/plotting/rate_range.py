"""The loss over the learning rate, as a range test finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.style import PALETTE, finite_array, new_figure, save, unbox

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@answered
def learning_rates(
    rates: Array, losses: Array, suggestion: float | None = None, path: FilePath | None = None
) -> Figure:
    """Draw the loss against the learning rate, on a logarithmic axis.

    Args:
        rates: The learning rates ``(S,)``, above 0.
        losses: The loss at each of them ``(S,)``; those that are not finite are gaps.
        suggestion: The learning rate to mark; none if it is None or nan.
        path: Where to save the picture, if anywhere.

    Raises:
        ValueError: If there is not one loss for each learning rate, or one of these is not above 0.

    Example:
        >>> rates, losses = [0.001, 0.01, 0.1, 1.0], [2.3, 2.0, 0.5, 9.0]
        >>> figure = bp.plotting.learning_rates(rates, losses, suggestion=0.05)
    """
    x, y = finite_array("rates", rates, 1), finite_array("losses", losses, 1)
    if len(x) != len(y):
        raise ValueError(f"losses has {len(y)} numbers but there are {len(x)} learning rates.")
    if not (x > 0).all():
        raise ValueError("rates must hold finite numbers above 0.")
    figure = new_figure(6.5, 4)
    axes = figure.subplots()
    unbox(axes)
    axes.semilogx(x, y, color=PALETTE[0], label="loss")
    if suggestion is not None and not np.isnan(suggestion):
        axes.axvline(
            suggestion,
            color=PALETTE[1],
            linestyle="--",
            label=f"steepest descent: {suggestion:.2g}",
        )
        axes.legend(frameon=False)
    axes.set(xlabel="learning rate", ylabel="loss (smoothed)", title="learning rate range test")
    return save(figure, path)
