"""Adam and its family: a smoothed gradient over the root of its smoothed square.

The textbook's moving averages m̄ ← β₁ m̄ + (1 − β₁) g and v̄ ← β₂ v̄ + (1 − β₂) g² are kept as the sums
m = m̄ / (1 − β₁) and v = v̄ / (1 − β₂). Then m ← β₁ m + g and v ← β₂ v + g², which saves two passes
over the memory; the factors 1 − β₁ and 1 − β₂ go into the ``coefficients`` of a step.
"""

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from backprop.core.checks import check_flag, check_number, check_positive
from backprop.core.types import Array
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import Common, LearningRate, Shared


class AdamLike(Optimizer):
    """The base of the family, with the arguments that all of it has."""

    slots: tuple[str, ...] = ("momentum", "velocity")
    sums = {"momentum": "beta_1", "velocity": "beta_2", "largest_velocity": "beta_2"}

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = check_number(beta_1, "beta_1", below=1)
        self.beta_2 = check_number(beta_2, "beta_2", below=1)
        self.epsilon = check_positive(epsilon, "epsilon")


class Adam(AdamLike):
    """Adaptive moments: steps of about the same size for every weight, however large its gradients.

        m̄ ← β₁ m̄ + (1 − β₁) g,   v̄ ← β₂ v̄ + (1 − β₂) g²
        θ ← θ − α m̄ / (√v̄ + ε)   with α = η √(1 − β₂ᵗ) / (1 − β₁ᵗ) in step t

    With ``amsgrad`` the largest v̄ so far stands under the root. Sources: Kingma & Ba 2015; Reddi,
    Kale & Kumar 2018, "On the convergence of Adam and beyond".

    Args:
        learning_rate: η.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε, above 0; it stands outside of the root (the paper's ε̂), as in Keras.
        amsgrad: Whether the denominators may never shrink.
        **common: Weight decay, clipping and averaging, see ``Optimizer``.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 123
        >>> bp.optimizers.Adam(0.1).step(model.parameters)
        >>> model.parameters.values.round(4)  # the first step is η, whatever g
        array([4.9], dtype=float32)
    """

    slots = (*AdamLike.slots, "largest_velocity")
    only_with = {"largest_velocity": "amsgrad"}

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = check_flag(amsgrad, "amsgrad")

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β₁, β₂, α (1 − β₁)/√(1 − β₂), ε/√(1 − β₂)."""
        return adam_coefficients(t, eta, self.beta_1, self.beta_2, self.epsilon)

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, m and v after one step."""
        adam_direction(g, scratch, *state, scalars=self.scalars)
        theta -= scratch


def adam_coefficients(
    t: int, eta: float, beta_1: float, beta_2: float, epsilon: float
) -> tuple[float, ...]:
    """β₁, β₂, α (1 − β₁)/√(1 − β₂), ε/√(1 − β₂)."""
    root = math.sqrt(1 - beta_2)
    alpha = eta * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return beta_1, beta_2, alpha * (1 - beta_1) / root, epsilon / root


def adam_direction(
    g: Array,
    scratch: Array,
    m: Array,
    v: Array,
    largest: Array | None = None,
    *,
    scalars: Sequence[Array],
) -> None:
    """m, v, and with ``amsgrad`` the largest v, after a step; α m / (√v + ε) in ``scratch``."""
    beta_1, beta_2, alpha, epsilon = scalars
    m *= beta_1
    m += g
    np.square(g, out=scratch)
    v *= beta_2
    v += scratch
    if largest is not None:
        v = np.maximum(largest, v, out=largest)
    np.sqrt(v, out=scratch)
    scratch += epsilon
    np.divide(m, scratch, out=scratch)
    scratch *= alpha


class AdamW(Adam):
    """Adam with weight decay: θ ← θ − η λ θ before each step, apart from the moments.

    The same as ``Adam(weight_decay=…)``. Source: Loshchilov & Hutter 2019, "Decoupled weight decay
    regularization".

    ``weight_decay`` is λ; the other arguments are Adam's.

    Example:
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 5, 0
        >>> bp.optimizers.AdamW(0.1, weight_decay=0.5).step(model.parameters)
        >>> model.parameters.values  # 5 − 0.1 · 0.5 · 5
        array([4.75], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Shared],
    ) -> None:
        weight_decay = check_number(weight_decay, "weight_decay")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )


class Nadam(AdamLike):
    """Adam with Nesterov's momentum: m̄ is taken one step ahead.

        m̄ ← β₁ m̄ + (1 − β₁) g,   v̄ ← β₂ v̄ + (1 − β₂) g²,   μ_t = β₁ (1 − ½ · 0.96ᵗ)
        m̂ = μ_{t+1} m̄ / (1 − μ₁ ⋯ μ_{t+1}) + (1 − μ_t) g / (1 − μ₁ ⋯ μ_t)
        θ ← θ − η m̂ / (√v̂ + ε)   with v̂ = v̄ / (1 − β₂ᵗ)

    Source: Dozat 2015, "Incorporating Nesterov momentum into Adam"; the arguments are Adam's.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile(bp.optimizers.Nadam(learning_rate=0.01, beta_1=0.95), "mse")
        >>> model.optimizer
        Nadam(learning_rate=0.01, beta_1=0.95, beta_2=0.999, epsilon=1e-07)
    """

    scratches = 2
    _factors, _product = 0, 1.0  # t and μ₁ ⋯ μ_t of the last step

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β₁, β₂, a, b, c: θ ← θ − b (a m + g) / (√v + c)."""
        product = self._product
        if self._factors != t - 1:
            product = math.prod(self.mu(i) for i in range(1, t))
        product *= self.mu(t)
        self._factors, self._product = t, product
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))  # v̂ = root² v
        ahead = self.mu(t + 1)
        on_m = (1 - self.beta_1) * ahead / (1 - product * ahead)
        on_g = (1 - self.mu(t)) / (1 - product)
        return self.beta_1, self.beta_2, on_m / on_g, eta * on_g / root, self.epsilon / root

    def mu(self, t: int) -> float:
        """μ_t."""
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, m and v after one step."""
        beta_1, beta_2, a, b, c = self.scalars
        m, v = state
        step, root = scratch
        m *= beta_1
        m += g
        np.square(g, out=root)
        v *= beta_2
        v += root
        np.multiply(m, a, out=step)
        step += g
        np.sqrt(v, out=root)
        root += c
        step /= root
        step *= b
        theta -= step


class Adamax(AdamLike):
    """Adam with the largest gradient in the place of the mean square.

        m̄ ← β₁ m̄ + (1 − β₁) g,   u ← max(β₂ u, |g|)
        θ ← θ − η / (1 − β₁ᵗ) · m̄ / (u + ε)

    Source: Kingma & Ba 2015, section 7.1; the arguments are Adam's.

    Example:
        >>> optimizer = bp.optimizers.Adamax(clipnorm=1.0)
        >>> model = bp.Sequential([bp.Input(1), bp.layers.Dense(1)])
        >>> optimizer.step(model.parameters)
        >>> sorted(optimizer.state)  # m̄ and u
        ['momentum', 'norm']
    """

    slots = ("momentum", "norm")

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """β₁, β₂, η (1 − β₁)/(1 − β₁ᵗ), ε."""
        alpha = eta * (1 - self.beta_1) / (1 - self.beta_1**t)
        return self.beta_1, self.beta_2, alpha, self.epsilon

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ, m and u after one step."""
        beta_1, beta_2, alpha, epsilon = self.scalars
        m, u = state
        m *= beta_1
        m += g
        np.abs(g, out=scratch)
        u *= beta_2
        np.maximum(u, scratch, out=u)
        np.add(u, epsilon, out=scratch)
        np.divide(m, scratch, out=scratch)
        scratch *= alpha
        theta -= scratch
