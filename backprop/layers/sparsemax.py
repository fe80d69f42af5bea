"""Probabilities of which many are 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.types import UNIT, Array, as_floats
from backprop.layers.along_axes import SumsToOne


class Sparsemax(SumsToOne):
    """Probabilities of K classes, the nearest ones to the logits: many of them are 0 exactly.

        A_k = max(z_k − τ, 0)        with τ such that Σ_k A_k = 1

        ∂E/∂z_k = s_k (δ_k − Σ_j s_j δ_j / Σ_j s_j)        with s_k = [A_k > 0]

    With the logits in descending order z₍₁₎ ≥ z₍₂₎ ≥ … it is τ = max_k (z₍₁₎ + … + z₍ₖ₎ − 1) / k.

    Shapes: Z and A ``(N, K)``, or with further axes. Source: Martins & Astudillo 2016, "From
    softmax to sparsemax".

    Args:
        axis: The axis of the classes, counted with that of the batch.

    Example:
        >>> bp.layers.Sparsemax().forward(np.array([[1.0, 0.5, -1.0]]))
        array([[0.75, 0.25, 0.  ]])
    """

    interval = UNIT
    is_activation = True
    definition = "sparsemax(z) = max(z − τ, 0)"
    formulas = {"dX": "[{y} > 0] ⊙ ({delta} − Σ_j [{y} > 0] ⊙ {delta} / Σ_j [{y} > 0])"}
    A: Any = None

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = check_integer(axis, "axis of Sparsemax", -math.inf)

    def forward(self, Z: Array, training: bool = False) -> Array:
        """max(Z − τ, 0); the largest logit is subtracted first, so that sums stay exact."""
        Z = self.to_the_end(as_floats(Z), "Z", training)
        Z = Z - np.max(Z, axis=-1, keepdims=True)
        sums = np.cumsum(-np.sort(-Z, axis=-1), axis=-1, dtype=Z.dtype)
        sums -= 1
        sums /= np.arange(1, Z.shape[-1] + 1)
        A = self.room(Z.shape, Z.dtype, training)
        np.subtract(Z, np.max(sums, axis=-1, keepdims=True), out=A)
        np.maximum(A, 0, out=A)
        if training:
            self.A = A
        return self.to_their_places(A, "Y", training)

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = s ⊙ (δ − the mean of δ over the classes with s = 1)."""
        self.check_delta(delta, self.as_given(self.A))
        delta = self.to_the_end(delta, "delta")
        dZ = self.buffer("dZ", delta.shape, self.A.dtype)
        s = self.A > 0
        np.multiply(delta, s, out=dZ)
        dZ -= np.sum(dZ, axis=-1, keepdims=True) / np.sum(s, axis=-1, keepdims=True)
        dZ *= s
        return self.to_their_places(dZ, "D")
