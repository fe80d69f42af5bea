"""Lamb: Adam's direction, in steps as long as the weights of each parameter ask for."""

import math

from backprop.core.types import Array
from backprop.optimizers.adam import AdamLike, adam_direction
from backprop.optimizers.by_parameter import ByParameter
from backprop.optimizers.vectors import norm


class Lamb(ByParameter, AdamLike):
    """Adam for large batches: each parameter moves by the share η of its own length.

        m̄ ← β₁ m̄ + (1 − β₁) g,   v̄ ← β₂ v̄ + (1 − β₂) g²
        u = m̂ / (√v̂ + ε)   with m̂ = m̄ / (1 − β₁ᵗ), v̂ = v̄ / (1 − β₂ᵗ)
        θ ← θ − η (‖θ‖ / ‖u‖) u

    The lengths are those of one parameter, such as the W of a layer; in the place of their ratio
    stands 1 if one of them is 0. Source: You et al. 2020, "Large batch optimization for deep
    learning: training BERT in 76 minutes"; the arguments are Adam's.

    Example:
        >>> from backprop.core.parameters import Parameter, Parameters
        >>> parameters = Parameters([Parameter("W", np.array([3.0, 4.0]))], np.dtype("float64"))
        >>> parameters.gradients[...] = [1.0, 0.0]
        >>> bp.optimizers.Lamb(0.1).step(parameters)
        >>> print(parameters.values.round(4))  # a tenth of its length, which is 5
        [2.5 4. ]
    """

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β₁, β₂, a, c, η: u = a m / (√v + c)."""
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))  # v̂ = root² v
        a = (1 - self.beta_1) / (1 - self.beta_1**t) / root
        return self.beta_1, self.beta_2, a, self.epsilon / root, eta

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, m and v after one step."""
        *adam, eta = self.scalars
        adam_direction(g, scratch, *state, scalars=adam)  # u
        length, whole = norm(scratch.ravel()), norm(theta.ravel())
        scratch *= eta
        if length and whole:
            scratch *= whole / length
        theta -= scratch
