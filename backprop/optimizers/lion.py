"""Descent along the sign of the gradient."""

from typing import Unpack

import numpy as np

from backprop.core.checks import check_number, check_positive, check_share
from backprop.core.types import Array
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import Common, LearningRate


class Lion(Optimizer):
    """Steps of the same size for every weight: only the sign of an averaged gradient counts.

        θ ← θ − η sign(β₁ m̄ + (1 − β₁) g),  m̄ ← β₂ m̄ + (1 − β₂) g

    The state is the sum m = m̄ / (1 − β₂) in the place of the average: m ← β₂ m + g. The sign is
    that of m + κ g with κ = (1 − β₁) / (β₁ (1 − β₂)). Source: Chen et al. 2023, "Symbolic discovery
    of optimization algorithms".

    Where the gradient stays 0, the steps go on with the sign of m until m is rounded to 0.

    Args:
        learning_rate: η; three to ten times smaller than for Adam.
        beta_1: β₁, above 0 and at most 1.
        beta_2: β₂ in [0, 1).
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, -123
        >>> bp.optimizers.Lion(0.25).step(model.parameters)
        >>> model.parameters.values  # 5 + 0.25
        array([5.25], dtype=float32)
    """

    slots = ("momentum",)
    sums = {"momentum": "beta_2"}
    scratches = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = check_share(check_positive(beta_1, "beta_1"), "beta_1")
        self.beta_2 = check_number(beta_2, "beta_2", below=1)

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η, κ, β₂."""
        return eta, (1 - self.beta_1) / (self.beta_1 * (1 - self.beta_2)), self.beta_2

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ and m after one step."""
        eta, kappa, beta_2 = self.scalars
        (m,) = state
        mixed, step = scratch
        np.multiply(g, kappa, out=mixed)
        mixed += m
        np.sign(mixed, out=step)  # ten times slower in place
        step *= eta
        theta -= step
        m *= beta_2
        m += g
