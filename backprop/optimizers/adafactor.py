"""Adafactor: Adam's denominators from the means of rows and columns alone."""

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from backprop.core.checks import check_flag, check_positive
from backprop.core.parameters import Parameter
from backprop.core.types import Array, Shape
from backprop.optimizers.by_parameter import ByParameter
from backprop.optimizers.options import Common, LearningRate, check_power
from backprop.optimizers.vectors import norm


class Adafactor(ByParameter):
    """Steps scaled by past gradients, with a state of n + m numbers for n × m weights.

        G = g² + ε₁,   β = 1 − t^d in step t
        r ← β r + (1 − β) mean of G over columns,   c ← β c + (1 − β) mean of G over rows
        v_ij = r_i c_j / mean(r)
        u = g / √v,   θ ← θ − max(ε₂, rms(θ)) ρ u / max(1, rms(u) / κ)   with ρ = min(η, 1/√t)

    with rms(x) = √mean(x²), and d below 0. Of more axes the last two are rows and columns. With
    fewer than two v ← β v + (1 − β) G is kept whole. Keras's formula. Source: Shazeer & Stern 2018,
    "Adafactor: adaptive learning rates with sublinear memory cost".

    Args:
        learning_rate: η.
        beta_2_decay: d, 0 or less.
        epsilon_1: ε₁, above 0.
        epsilon_2: ε₂, above 0.
        clip_threshold: κ, above 0.
        relative_step: Taken for Keras's sake. It changes nothing there either: ρ is at most 1/√t in
            any case.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(300)], seed=0)
        >>> model.compile(bp.optimizers.Adafactor(), "mse")
        >>> history = model.fit(np.ones((4, 200)), np.ones((4, 300)), verbose=0)
        >>> {name: vector.size for name, vector in model.optimizer.state.items()}
        {'rows': 500, 'columns': 300}
    """

    slots = ("rows", "columns")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_2_decay = check_power(beta_2_decay, "beta_2_decay")
        self.epsilon_1 = check_positive(epsilon_1, "epsilon_1")
        self.epsilon_2 = check_positive(epsilon_2, "epsilon_2")
        self.clip_threshold = check_positive(clip_threshold, "clip_threshold")
        self.relative_step = check_flag(relative_step, "relative_step")

    def shapes(self, parameter: Parameter) -> Sequence[Shape]:
        """Those of r and c; with fewer than two axes v stands in the place of r, and c is empty."""
        shape = parameter.shape
        return (shape, (0,)) if len(shape) < 2 else (shape[:-1], (*shape[:-2], shape[-1]))

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β, 1 − β, ρ, ε₁."""
        beta = 1 - t**self.beta_2_decay
        return beta, 1 - beta, min(eta, 1 / math.sqrt(t)), self.epsilon_1

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, r and c after one step."""
        beta, rest, rho, epsilon = self.scalars
        r, c = state
        np.square(g, out=scratch)
        scratch += epsilon  # G
        r *= beta
        if theta.ndim < 2:
            scratch *= rest
            r += scratch
            np.sqrt(r, out=scratch)
            np.divide(g, scratch, out=scratch)
        else:
            r += rest * scratch.mean(axis=-1)
            c *= beta
            c += rest * scratch.mean(axis=-2)
            # √v as a product of three roots: v itself may be too small a number
            np.divide(g, np.sqrt(r)[..., np.newaxis], out=scratch)
            scratch *= (np.sqrt(r.mean(axis=-1, keepdims=True)) / np.sqrt(c))[..., np.newaxis, :]
        root = math.sqrt(theta.size)
        alpha = max(self.epsilon_2, norm(theta.ravel()) / root) * rho
        scratch *= alpha / max(1.0, norm(scratch.ravel()) / root / self.clip_threshold)
        theta -= scratch
