"""AdamW without a schedule: averaging takes the place of a learning rate that falls."""

import math
from typing import Unpack

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.types import Array
from backprop.optimizers.adam import AdamLike
from backprop.optimizers.options import Common, LearningRate


class ScheduleFreeAdamW(AdamLike):
    """Steps of Adam on z, an average x of all z so far, and θ between the two.

        v̄ ← β₂ v̄ + (1 − β₂) g²,   s = η min(t/w, 1) g / (√(v̄ / (1 − β₂ᵗ)) + ε)   in step t
        z ← z − s,   x ← (1 − 1/t) x + z/t,   θ = (1 − β₁) z + β₁ x

    θ, x and z begin as one. Kept is d = z − θ; with c = 1 − β₁ + β₁/t the same follows from it:

        θ ← θ + d/t − c s,   d ← (1 − 1/t)(d − β₁ s)

    Weight decay shrinks all three alike; Keras shrinks θ and leaves z, which is the one difference.
    As in Keras the model stays at θ after training, not at x = θ − (1 − β₁)/β₁ d.
    Source: Defazio et al. 2024, "The road less scheduled".

    Args:
        learning_rate: η.
        beta_1: β₁ in [0, 1): how near θ lies to the average.
        beta_2: β₂ in [0, 1).
        epsilon: ε, above 0.
        warmup_steps: w, the number of steps in which the learning rate rises from 0; 0 for none.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 123
        >>> bp.optimizers.ScheduleFreeAdamW(0.1, warmup_steps=2).step(model.parameters)
        >>> model.parameters.values  # ½ 0.1 lower, whatever g
        array([4.95], dtype=float32)
    """

    slots = ("distance", "velocity")
    scratches = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.warmup_steps = check_integer(warmup_steps, "warmup_steps", 0)

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β₁, β₂, η min(t/w, 1)/r, ε/r, 1/t, c and 1 − 1/t, with √v̂ = r √v."""
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))
        eta *= min(t / self.warmup_steps, 1) if self.warmup_steps else 1
        c = 1 - self.beta_1 + self.beta_1 / t
        return self.beta_1, self.beta_2, eta / root, self.epsilon / root, 1 / t, c, 1 - 1 / t

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, d and v after one step."""
        beta_1, beta_2, rate, epsilon, share, c, rest = self.scalars
        d, v = state
        s, part = scratch
        np.square(g, out=s)
        v *= beta_2
        v += s
        np.sqrt(v, out=s)
        s += epsilon
        np.divide(g, s, out=s)
        s *= rate
        np.multiply(d, share, out=part)
        theta += part
        np.multiply(s, c, out=part)
        theta -= part
        s *= beta_1
        d -= s
        d *= rest
