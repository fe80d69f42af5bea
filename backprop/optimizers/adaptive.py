"""Steps scaled by each weight's own past gradients: Adagrad, RMSprop, Adadelta.

The formulas have moving averages, G ← ρ G + (1 − ρ) g². The code keeps the sum S = G / (1 − ρ) in
the place of G: then S ← ρ S + g², which saves a pass over the memory, and the factor 1 − ρ goes
into the ``coefficients`` of a step.
"""

import math
from typing import Unpack

import numpy as np

from backprop.core.checks import check_flag, check_number, check_positive, check_share
from backprop.core.types import Array, computed
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import Common, LearningRate


class Adagrad(Optimizer):
    """The more a weight has been moved, the smaller its steps.

        G ← G + g²,  θ ← θ − η g / √(G + ε)

    Source: Duchi, Hazan & Singer 2011, "Adaptive subgradient methods".

    Args:
        learning_rate: η; 1 in the paper.
        initial_accumulator_value: What G begins with.
        epsilon: ε, above 0; inside the root, as in Keras.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 3
        >>> bp.optimizers.Adagrad(1.0, initial_accumulator_value=16).step(model.parameters)
        >>> model.parameters.values.round(4)  # 5 − 3 / √(16 + 3²)
        array([4.4], dtype=float32)
    """

    slots = ("accumulator",)
    at_first = ("initial_accumulator_value",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = check_number(
            initial_accumulator_value, "initial_accumulator_value"
        )
        self.epsilon = check_positive(epsilon, "epsilon")

    @computed
    def initial_state(self) -> float:
        """What G begins with."""
        return self.initial_accumulator_value

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η, ε."""
        return eta, self.epsilon

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ and G after one step."""
        eta, epsilon = self.scalars
        (G,) = state
        np.square(g, out=scratch)
        G += scratch
        np.add(G, epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(g, scratch, out=scratch)
        scratch *= eta
        theta -= scratch


class RMSprop(Optimizer):
    """The gradient over the root of the moving average of its square.

        G ← ρ G + (1 − ρ) g²,   r = g / √(G + ε)
        G ← ρ G + (1 − ρ) g²,   A ← ρ A + (1 − ρ) g,   r = g / √(G − A² + ε)     if centered

        θ ← θ − η r                       without momentum
        v ← μ v + η r,  θ ← θ − v         with momentum μ

    Sources: Hinton 2012, "Neural networks for machine learning", lecture 6; centred by the mean:
    Graves 2013, "Generating sequences with recurrent neural networks".

    Args:
        learning_rate: η.
        rho: ρ in [0, 1).
        momentum: μ in [0, 1].
        epsilon: ε, above 0; inside the root, as in Keras.
        centered: Whether the square of the mean gradient is subtracted, which leaves a variance.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 3
        >>> bp.optimizers.RMSprop(1.0, rho=0.75).step(model.parameters)
        >>> model.parameters.values.round(4)  # 5 − 3 / √(¼ · 3²)
        array([3.], dtype=float32)
    """

    slots = ("mean_square", "mean_gradient", "velocity")
    only_with = {"mean_gradient": "centered", "velocity": "momentum"}
    sums = {"mean_square": "rho", "mean_gradient": "rho"}

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = check_number(rho, "rho", below=1)
        self.momentum = check_share(momentum, "momentum")
        self.epsilon = check_positive(epsilon, "epsilon")
        self.centered = check_flag(centered, "centered")

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η/√(1 − ρ), ρ, 1 − ρ, ε/(1 − ρ), μ."""
        rest = 1 - self.rho
        return eta / math.sqrt(rest), self.rho, rest, self.epsilon / rest, self.momentum

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, G, A and v after one step."""
        eta, rho, rest, epsilon, mu = self.scalars
        G = state[0]
        np.square(g, out=scratch)
        G *= rho
        G += scratch
        if self.centered:
            A = state[1]
            A *= rho
            A += g
            np.multiply(A, A, out=scratch)
            scratch *= rest
            np.subtract(G, scratch, out=scratch)
            np.maximum(scratch, 0, out=scratch)  # rounding may make it negative
            scratch += epsilon
        else:
            np.add(G, epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(g, scratch, out=scratch)
        scratch *= eta
        if self.momentum:
            v = state[-1]
            v *= mu
            v += scratch
            theta -= v
        else:
            theta -= scratch


class Adadelta(Optimizer):
    """RMSprop with a learning rate of its own for each weight, found from the steps so far.

        G ← ρ G + (1 − ρ) g²,   Δ = g √(D + ε) / √(G + ε)
        D ← ρ D + (1 − ρ) Δ²,   θ ← θ − η Δ

    Source: Zeiler 2012, "ADADELTA: an adaptive learning rate method".

    Args:
        learning_rate: η; 1 in the paper.
        rho: ρ in [0, 1).
        epsilon: ε, above 0.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> optimizer = bp.optimizers.Adadelta(learning_rate=1.0)
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1)])
        >>> optimizer.step(model.parameters)
        >>> sorted(optimizer.state)  # D and G
        ['mean_square', 'mean_square_step']
    """

    slots = ("mean_square", "mean_square_step")
    sums = dict.fromkeys(slots, "rho")
    scratches = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = check_number(rho, "rho", below=1)
        self.epsilon = check_positive(epsilon, "epsilon")

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """η, ρ, ε/(1 − ρ)."""
        return eta, self.rho, self.epsilon / (1 - self.rho)

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, G and D after one step."""
        eta, rho, epsilon = self.scalars
        G, D = state
        step, square = scratch
        np.square(g, out=square)
        G *= rho
        G += square
        np.add(D, epsilon, out=step)
        np.add(G, epsilon, out=square)
        step /= square
        np.sqrt(step, out=step)
        step *= g  # Δ
        np.multiply(step, step, out=square)
        D *= rho
        D += square
        step *= eta
        theta -= step
