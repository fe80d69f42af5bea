"""FTRL: the weights that would have been best for all gradients so far, many of them exactly 0."""

from typing import Unpack

import numpy as np

from backprop.core.checks import check_number
from backprop.core.parameters import Parameters
from backprop.core.types import Array
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import Common, LearningRate, check_power

SMALL = 1e-6
"""What is divided by numbers below this may overflow."""

SMALLEST_RATE = float(np.finfo(np.float32).tiny)
"""The least learning rate: float32 has no smaller numbers of full precision."""


class Ftrl(Optimizer):
    """Follow the regularised leader: for shallow models of very many inputs, most of them rare.

        n′ = n + g²
        z ← z + g + 2 λ_s θ − (n′^−p − n^−p) / η · θ,   n ← n′
        θ ← (clip(z, −λ₁, λ₁) − z) / ((n′^−p + β) / η + 2 λ₂)

    θ follows from z and n alone: first weights are soon forgotten, and with λ₁ those stay 0 whose
    |z| is not above λ₁. Keras's formula. Source: McMahan et al. 2013, "Ad click prediction: a view
    from the trenches".

    Args:
        learning_rate: η, always above 0.
        learning_rate_power: p, 0 or less.
        initial_accumulator_value: What n begins with.
        l1_regularization_strength: λ₁.
        l2_regularization_strength: λ₂.
        l2_shrinkage_regularization_strength: λ_s, of a penalty λ_s θ² on the weights.
        beta: β.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> from backprop.core.parameters import Parameter, Parameters
        >>> parameters = Parameters([Parameter("W", np.zeros(3))], np.dtype("float64"))
        >>> parameters.gradients[...] = [2.0, -0.5, 0.1]
        >>> bp.optimizers.Ftrl(0.1, l1_regularization_strength=1.0).step(parameters)
        >>> print(parameters.values.round(4))
        [-0.0494  0.      0.    ]
    """

    slots = ("accumulator", "linear")
    at_first = ("initial_accumulator_value",)
    scratches = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.learning_rate_power = check_power(learning_rate_power, "learning_rate_power")
        self.initial_accumulator_value = check_number(
            initial_accumulator_value, "initial_accumulator_value"
        )
        self.l1_regularization_strength = check_number(
            l1_regularization_strength, "l1_regularization_strength"
        )
        self.l2_regularization_strength = check_number(
            l2_regularization_strength, "l2_regularization_strength"
        )
        self.l2_shrinkage_regularization_strength = check_number(
            l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength"
        )
        self.beta = check_number(beta, "beta")
        if not (initial_accumulator_value or beta or l2_regularization_strength):
            raise ValueError(
                "initial_accumulator_value=0 would divide by 0 where a gradient is 0: pass one "
                "above 0, or such a beta or l2_regularization_strength."
            )

    def largest_square(self, parameters: Parameters) -> float:
        """As for others, but 0 where a quotient may overflow, or the penalty lets θ grow."""
        least = max(self.initial_accumulator_value, self.beta, self.l2_regularization_strength)
        steady = (
            min(self.learning_rate, least) > SMALL
            and self.schedule is None
            and self.learning_rate_power >= -1
            and not self.l2_shrinkage_regularization_strength
        )
        return super().largest_square(parameters) if steady else 0.0

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η, n at first, −p, 2 λ_s, β, 2 λ₂.

        Raises:
            ValueError: η is below ``SMALLEST_RATE``.
        """
        if eta < SMALLEST_RATE:
            raise ValueError(
                f"Ftrl divides by its learning rate, which must be {SMALLEST_RATE:.2g} or more, "
                f"but it is {eta:g}: pass a larger one, or a schedule that does not end at 0."
            )
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        first, power = self.initial_accumulator_value, -self.learning_rate_power
        return eta, first, power, shrinkage, self.beta, 2 * self.l2_regularization_strength

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, n and z after one step."""
        eta, first, power, shrinkage, beta, lambda_2 = self.scalars
        n, z = state  # this n is without what it begins with
        old, new = scratch
        np.add(n, first, out=old)
        np.power(old, power, out=old)  # n^−p
        np.square(g, out=new)
        n += new
        np.add(n, first, out=new)
        np.power(new, power, out=new)  # n′^−p
        np.subtract(new, old, out=old)
        old /= eta
        old -= shrinkage
        old *= theta
        z += g
        z -= old
        new += beta
        new /= eta
        new += lambda_2
        np.clip(z, -self.l1_regularization_strength, self.l1_regularization_strength, out=old)
        old -= z
        np.divide(old, new, out=theta)
