"""Muon: steps by matrices all of whose singular values are about the same."""

import math
import re
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from backprop.core.checks import (
    check_flag,
    check_integer,
    check_list,
    check_number,
    check_positive,
    check_share,
)
from backprop.core.errors import said
from backprop.core.parameters import Parameter, Parameters
from backprop.core.types import Array, Shape
from backprop.optimizers.adam import adam_coefficients, adam_direction
from backprop.optimizers.by_parameter import ByParameter
from backprop.optimizers.options import LearningRate, Shared, optional
from backprop.optimizers.vectors import norm

POLYNOMIAL = 3.4445, -4.7750, 2.0315
"""a, b and c with which singular values up to 1 stay near to it."""


class Muon(ByParameter):
    """Momentum whose matrices are orthogonalised; Adam for everything that is no matrix.

        M ← μ M + g,   G = g + μ M with Nesterov's momentum, else M
        θ ← θ − η ρ √max(n, m) · orthogonal(G)   for θ of shape (n, m)

    ``orthogonal`` begins with X = G / ‖G‖ and repeats X ← a X + (b A + c A²) X with A = X Xᵀ, which
    brings every singular value near to 1 (Newton and Schulz). What is no matrix, what an embedding
    looks up, and what ``exclude_layers`` names, as it should the last layer, follows Adam.

    Keras's formula. Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural
    networks"; with ρ: Liu et al. 2025, "Muon is scalable for LLM training".

    Args:
        learning_rate: η.
        adam_beta_1: Adam's β₁ in [0, 1).
        adam_beta_2: Adam's β₂ in [0, 1).
        adam_weight_decay: λ where Adam is followed.
        epsilon: Adam's ε, above 0.
        weight_decay: λ of the matrices.
        exclude_layers: Regular expressions; Adam is followed where one is found in the name of a
            parameter, such as ``"dense_3.W"``.
        exclude_embeddings: Whether Adam is followed in embeddings, and where the name has
            "embedding" in it.
        muon_a: a.
        muon_b: b.
        muon_c: c.
        adam_lr_ratio: By how much Adam's η is larger than η.
        momentum: μ in [0, 1].
        ns_steps: How often X is made anew.
        nesterov: Whether to look ahead, as Nesterov's momentum does.
        rms_rate: ρ, with which η and λ are of the size of Adam's; None for 1 / √max(n, m).
        **common: Clipping and averaging, see ``Optimizer``.

    Example:
        >>> hidden, last = bp.layers.Dense(30), bp.layers.Dense(3, name="output")
        >>> model = bp.Sequential([hidden, bp.layers.ReLU(), last], seed=0)
        >>> model.compile(bp.optimizers.Muon(0.01, exclude_layers=["output"]), "mse")
        >>> history = model.fit(np.ones((4, 20)), np.ones((4, 3)), verbose=0)
        >>> {name: vector.size for name, vector in model.optimizer.state.items()}
        {'momentum': 723, 'velocity': 123}
    """

    slots = ("momentum", "velocity")
    sums = {"momentum": "adam_beta_1", "velocity": "adam_beta_2"}
    at_first = ("exclude_layers", "exclude_embeddings")
    scratches = 4
    _keep_adam = 1.0  # 1 − η λ where Adam is followed

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = POLYNOMIAL[0],
        muon_b: float = POLYNOMIAL[1],
        muon_c: float = POLYNOMIAL[2],
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Unpack[Shared],
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1 = check_number(adam_beta_1, "adam_beta_1", below=1)
        self.adam_beta_2 = check_number(adam_beta_2, "adam_beta_2", below=1)
        self.adam_weight_decay = optional(check_number, adam_weight_decay, "adam_weight_decay")
        self.epsilon = check_positive(epsilon, "epsilon")
        self.exclude_layers = check_expressions(exclude_layers)
        self.exclude_embeddings = check_flag(exclude_embeddings, "exclude_embeddings")
        self.muon_a = check_number(muon_a, "muon_a", -math.inf)
        self.muon_b = check_number(muon_b, "muon_b", -math.inf)
        self.muon_c = check_number(muon_c, "muon_c", -math.inf)
        self.adam_lr_ratio = check_number(adam_lr_ratio, "adam_lr_ratio")
        self.momentum = check_share(momentum, "momentum")
        self.ns_steps = check_integer(ns_steps, "ns_steps", 0)
        self.nesterov = check_flag(nesterov, "nesterov")
        self.rms_rate = optional(check_number, rms_rate, "rms_rate")

    def largest_square(self, parameters: Parameters) -> float:
        """As for others, but 0 for a polynomial of one's own, and where Adam's λ lets θ grow."""
        known = (self.muon_a, self.muon_b, self.muon_c) == POLYNOMIAL
        steady = known and self.learning_rate * (self.adam_weight_decay or 0) <= 2
        return super().largest_square(parameters) if steady else 0.0

    def scale(self, slot: str, factor: float) -> None:
        """Multiplies a moving average of Adam's by a number; M of the matrices is none."""
        for state in self.states(self._parameters or ()):
            if state[1].size:
                state[self.slots.index(slot)][...] *= factor

    def follows_adam(self, parameter: Parameter) -> bool:
        """Whether Adam is followed in a parameter."""
        name = parameter.name
        looked_up = parameter.looked_up or "embedding" in name.lower()
        named = any(re.search(each, name) for each in self.exclude_layers)
        return len(parameter.shape) != 2 or named or (self.exclude_embeddings and looked_up)

    def shapes(self, parameter: Parameter) -> Sequence[Shape]:
        """Those of M, or Adam's m, and of Adam's v, which is empty where Adam is not followed."""
        shape = parameter.shape
        return shape, shape if self.follows_adam(parameter) else (0,)

    def decaying(self, parameters: Parameters) -> list[bool]:
        """Which parameters decay, by either λ; an empty list if both are 0."""
        both = self.weight_decay, self.adam_weight_decay
        return [p.decays for p in parameters] if any(both) else []

    def kept(self, *state: Array) -> float:
        """1 − η λ for the parameter with this state."""
        return self._keep_adam if state[1].size else self._keep

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """μ, η ρ or η, and Adam's numbers."""
        self._keep_adam = 1 - eta * (self.adam_weight_decay or 0)
        betas = self.adam_beta_1, self.adam_beta_2
        adam = adam_coefficients(t, eta * self.adam_lr_ratio, *betas, self.epsilon)
        return self.momentum, eta if self.rms_rate is None else eta * self.rms_rate, *adam

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ and M after one step, or θ, m and v."""
        mu, eta, *adam = self.scalars
        M, v = state
        if v.size:
            adam_direction(g, scratch[0], M, v, scalars=adam)
            theta -= scratch[0]
            return
        X, *spare = scratch
        M *= mu
        M += g
        if self.nesterov:
            np.multiply(M, mu, out=X)
            X += g
        else:
            np.copyto(X, M)
        self.orthogonalize(X, *spare)
        X *= eta
        if self.rms_rate is not None:
            X *= math.sqrt(max(X.shape))
        theta -= X

    def orthogonalize(self, X: Array, Y: Array, *spare: Array) -> None:
        """X / ‖X‖, and then X ← a X + (b A + c A²) X, in place; A = X Xᵀ, or on the other side."""
        n, m = X.shape
        k = min(n, m)
        A, B = (each.reshape(-1)[: k * k].reshape(k, k) for each in spare)
        X /= norm(X.ravel()) + 1e-7
        for _ in range(self.ns_steps):
            np.dot(X if n <= m else X.T, X.T if n <= m else X, out=A)
            np.dot(A, A, out=B)
            B *= self.muon_c
            A *= self.muon_b
            A += B
            np.dot(A if n <= m else X, X if n <= m else A, out=Y)
            X *= self.muon_a
            X += Y


def check_expressions(given: Sequence[str] | None) -> tuple[str, ...]:
    """Regular expressions as a tuple.

    Raises:
        TypeError: It is no list of texts.
        ValueError: One is no regular expression.
    """
    found = () if given is None else tuple(check_list(given, "exclude_layers"))
    if isinstance(given, str) or not all(isinstance(each, str) for each in found):
        raise TypeError(f"exclude_layers must be a list of texts, but it is {said(given)}.")
    for each in found:
        try:
            re.compile(each)
        except re.error as error:
            raise ValueError(
                f"exclude_layers must hold regular expressions, but {said(each)} is none: {error}."
            ) from error
    return found
