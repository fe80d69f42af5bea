"""Descent along the gradient itself."""

from typing import Unpack

import numpy as np

from backprop.core.checks import check_flag, check_share
from backprop.core.types import Array
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import Common, LearningRate


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

        θ ← θ − η g                              without momentum
        v ← μ v − η g,  θ ← θ + v                with momentum μ
        v ← μ v − η g,  θ ← θ + μ v − η g        with Nesterov's momentum

    Keras's formula: the learning rate stands inside the velocity. Sources: Robbins & Monro 1951,
    Polyak 1964, Nesterov 1983.

    Args:
        learning_rate: η, a number or a schedule.
        momentum: μ in [0, 1].
        nesterov: Whether to look ahead, as Nesterov's variant does.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 2
        >>> bp.optimizers.SGD(0.5).step(model.parameters)
        >>> model.parameters.values  # 5 − 0.5 · 2
        array([4.], dtype=float32)
    """

    slots = ("velocity",)
    only_with = {"velocity": "momentum"}

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = check_share(momentum, "momentum")
        self.nesterov = check_flag(nesterov, "nesterov")

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η, μ."""
        return eta, self.momentum

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ and v after one step."""
        eta, mu = self.scalars
        np.multiply(g, eta, out=scratch)  # η g
        if not state:
            theta -= scratch
            return
        v = state[0]
        v *= mu
        v -= scratch
        if self.nesterov:
            theta -= scratch
            np.multiply(v, mu, out=scratch)
            theta += scratch
        else:
            theta += v

    def formula(self, eta: float, decays: bool) -> str:
        """θ − η g or θ + μ v − η g with their numbers, v being the velocity before the step."""
        if self.nesterov or self.use_ema or self.gradient_accumulation_steps:
            return super().formula(eta, decays)
        decay = self.weight_decay if decays else None
        kept = f"(1 − {eta:g} · {decay:g}) {{theta}}" if decay else "{theta}"
        velocity = f"+ {self.momentum:g} v " if self.momentum else ""
        g = "clip({g})" if self.clips else "{g}"
        return f"{kept} {velocity}− {eta:g} {g}"
