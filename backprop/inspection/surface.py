"""The loss over a plane through parameter space, with the path that training took."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting
from backprop.core.checks import check_integer, check_numbers, check_positive
from backprop.core.durable import FilePath
from backprop.core.frozen import of_result
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.protocol import Model, check_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@of_result
@dataclass(frozen=True)
class LossSurface:
    """E(θ + α d₁ + β d₂) on a grid.

    Attributes:
        alphas: Steps along d₁, shape ``(A,)``.
        betas: Steps along d₂, shape ``(B,)``.
        losses: The losses, shape ``(A, B)``.
        directions: d₁ and d₂, orthonormal, shape ``(2, size)``.
        path: The path of training as pairs (α, β), shape ``(T, 2)``; None without one.
        explained: The share of the path's variance that lies in the plane; nan without one.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> X = y = np.ones((8, 1))
        >>> surface = bp.inspection.loss_surface(model, X, y, resolution=5)
        >>> surface.losses.shape, surface.directions.shape  # d₁ and d₂ of two weights
        ((5, 5), (2, 2))
    """

    alphas: Array
    betas: Array
    losses: Array
    directions: Array
    path: Array | None
    explained: float

    def plot(self, path: FilePath | None = None) -> "Figure":
        """The surface as contours, with the path on it."""
        return plotting.loss_surface(self.alphas, self.betas, self.losses, self.path, path)


@answered
def loss_surface(
    model: Model,
    X: Array,
    y: Array,
    thetas: Sequence[Array] | None = None,
    *,
    resolution: int = 25,
    radius: float = 1.0,
    seed: int = 0,
) -> LossSurface:
    """Evaluates the loss on a plane through the model's θ.

    With ``thetas`` given, the plane is spanned by the two principal components of their differences
    from the last one, and reaches a little further than they do. Without, it is spanned by two
    random directions, and reaches ``radius`` · |θ|. Source: Li et al. 2018, "Visualizing the Loss
    Landscape of Neural Nets".

    Args:
        model: A built and compiled model; it is left as it was.
        X: Inputs.
        y: Targets.
        thetas: The parameter vectors that training went through, such as ``Recorder.thetas``.
        resolution: Points of the grid along each direction.
        radius: How far the plane reaches without ``thetas``, as a share of |θ|.
        seed: Determines the random directions.

    Raises:
        ValueError: The resolution is below 2, or there are fewer than three ``thetas``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> X = y = np.ones((8, 1))
        >>> surface = bp.inspection.loss_surface(model, X, y, resolution=9)
        >>> figure = surface.plot("surface.png")
    """
    check_model(model)
    resolution = check_integer(resolution, "resolution", 2)
    radius = check_positive(radius, "radius")
    seed = check_integer(seed, "seed", 0)
    twin: Any = copy.deepcopy(model)
    theta = twin.parameters.values
    centre = theta.astype(np.float64)
    path, explained = None, float("nan")
    if thetas is None:
        random = np.random.default_rng(seed).standard_normal((theta.size, 2))
        directions = np.linalg.qr(random)[0].T
        reach = radius * float(np.linalg.norm(centre))
        low, high = np.full(2, -reach), np.full(2, reach)
    else:
        points = check_numbers(thetas, "thetas")
        if points.shape[1:] != centre.shape or len(points) < 3:
            raise ValueError(
                f"thetas must hold 3 points or more, each of {centre.size} numbers, but their "
                f"shape is {points.shape}."
            )
        steps = points - centre  # (T, size)
        spread, directions = np.linalg.svd(steps, full_matrices=False)[1:]
        directions = directions[:2]
        explained = float((spread[:2] ** 2).sum() / (spread**2).sum())
        path = steps @ directions.T  # (T, 2)
        margin = 0.2 * np.ptp(path, axis=0).max()
        low, high = path.min(axis=0) - margin, path.max(axis=0) + margin
    alphas = np.linspace(low[0], high[0], resolution)
    betas = np.linspace(low[1], high[1], resolution)
    losses = np.empty((resolution, resolution))
    for i, alpha in enumerate(alphas):
        for j, beta in enumerate(betas):
            theta[...] = centre + alpha * directions[0] + beta * directions[1]
            losses[i, j] = twin.evaluate(X, y, return_dict=True)["loss"]
    return LossSurface(alphas, betas, losses, directions, path, explained)
