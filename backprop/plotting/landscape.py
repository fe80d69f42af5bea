"""The loss over a plane through parameter space, and the path of an optimizer on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.style import finite_array, new_figure, save, spans_decades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEVELS = 24


@answered
def loss_surface(
    alphas: Array,
    betas: Array,
    losses: Array,
    path_points: Array | None = None,
    path: FilePath | None = None,
) -> Figure:
    """Draw the loss at θ + α·d₁ + β·d₂ as filled contours, with the optimizer's path on them.

    The levels are spaced evenly in log(loss) where all losses are positive and span more than a
    factor of 20; losses that are not finite are left white.

    Args:
        alphas: Steps along the first direction ``(A,)``, increasing.
        betas: Steps along the second direction ``(B,)``, increasing.
        losses: The losses ``(A, B)``; ``losses[i, j]`` is that at ``alphas[i]``, ``betas[j]``.
        path_points: The optimizer's path, pairs (α, β) with the shape ``(T, 2)``.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure: the axes of the surface and that of the colour scale.

    Raises:
        ValueError: If the shapes do not fit, or no loss is finite.

    Example:
        >>> alphas, betas = np.linspace(-1, 1, 9), np.linspace(-2, 2, 9)
        >>> losses = alphas[:, np.newaxis] ** 2 + betas**2
        >>> figure = bp.plotting.loss_surface(alphas, betas, losses, path_points=[[1, 2], [0, 0]])
    """
    across, up = finite_array("alphas", alphas, 1), finite_array("betas", betas, 1)
    for name, steps in (("alphas", across), ("betas", up)):
        if len(steps) < 2 or not (np.diff(steps) > 0).all():
            raise ValueError(f"{name} must hold at least two increasing numbers but is {steps}.")
    surface = finite_array("losses", losses, 2)
    if surface.shape != (len(across), len(up)):
        raise ValueError(
            f"losses must have the shape (len(alphas), len(betas)) = ({len(across)}, {len(up)}) "
            f"but has {surface.shape}."
        )
    finite = surface[~np.isnan(surface)]
    if not finite.size:
        raise ValueError("losses must hold at least one finite number.")

    low, high = finite.min(), finite.max()
    logarithmic = spans_decades(finite)
    if not high > low:  # a flat surface still needs two levels
        low, high = low - 0.5, high + 0.5
    levels = (np.geomspace if logarithmic else np.linspace)(low, high, _LEVELS)
    levels[[0, -1]] = low, high  # rounding must not cut off the lowest or the highest point
    figure = new_figure(6.5, 4.8)
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import LogLocator, MaxNLocator

    axes = figure.subplots()
    grid = np.ma.masked_invalid(surface.T)  # (B, A): rows go up the page
    norm = (LogNorm if logarithmic else Normalize)(low, high)
    filled = axes.contourf(across, up, grid, levels=levels, norm=norm, cmap="viridis")
    axes.contour(across, up, grid, levels=levels, colors="white", linewidths=0.4, alpha=0.5)
    ticks = LogLocator() if logarithmic else MaxNLocator(6)
    figure.colorbar(filled, ax=axes, label="loss", ticks=ticks)
    if path_points is not None:
        points = finite_array("path_points", path_points, 2)
        if points.shape[1] != 2:
            raise ValueError(
                f"path_points must have the shape (T, 2), pairs (α, β), but has {points.shape}."
            )
        axes.plot(*points.T, color="white", linewidth=3.2, label="_outline")
        axes.plot(*points.T, color="black", linewidth=1.6, label="optimizer")
        for point, marker, size, name in (
            (points[0], "o", 8, "start"),
            (points[-1], "*", 15, "end"),
        ):
            axes.plot(
                *point,
                marker=marker,
                markersize=size,
                color="#D55E00",
                markeredgecolor="white",
                linestyle="none",
                label=name,
            )
        axes.legend(fontsize="small")
    axes.set(xlabel="α", ylabel="β", title="loss surface")
    return save(figure, path)
