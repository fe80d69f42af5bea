"""A penalty on what passes through a network, and how it gets into the loss.

In training a layer leaves its penalty in itself, as it does all else. In inference it changes
nothing in itself, since threads may predict on one model at once: it adds the penalty to what
``collected`` has begun in the same thread (see ``layers.returned``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_number
from backprop.core.types import Array, as_floats
from backprop.layers.base import Layer
from backprop.layers.returned import inferred


class ActivityRegularization(Layer):
    """Y = X, with a penalty on X that is added to the loss, in ``fit`` and ``evaluate``.

        Ω(X) = (λ₁ Σ |x| + λ₂ Σ x²) / N
        ∂E/∂X = δ + (λ₁ sign(X) + 2 λ₂ X) / N        with δ = ∂E/∂Y

    The sums run over all numbers of a batch of N samples, but for padded steps, which count for
    nothing here; in Keras they count. Behind a layer it is what Keras calls that layer's
    ``activity_regularizer``.

    Args:
        l1: λ₁, which drives activations to 0.
        l2: λ₂, which keeps them small.

    Example:
        >>> layer = bp.layers.ActivityRegularization(l1=0.5, l2=0.25)
        >>> X = layer.forward(np.array([[1.0, -2.0], [0.0, 4.0]]), training=True)
        >>> layer.penalty  # (0.5 · 7 + 0.25 · 21) / 2
        4.375
    """

    adjustable = ("l1", "l2")
    any_length = 2
    takes_mask = penalizes = over_samples = collects = True
    formulas = {
        "Y": "{x}",
        "dX": "{delta} + ({self.l1:g} sign({x}) + {self.twice_l2:g} {x}) / {self.samples}",
    }

    def __init__(self, l1: float = 0.0, l2: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.l1 = check_number(l1, "ActivityRegularization(l1)")
        self.l2 = check_number(l2, "ActivityRegularization(l2)")
        self._penalty = np.zeros(1)
        self._X: Any = None
        self._mask: Any = None

    @property
    def penalty(self) -> Any:
        """Ω of the last training pass."""
        return self._penalty[0].item()

    @property
    def twice_l2(self) -> float:
        """2 λ₂."""
        return 2 * self.l2

    @property
    def samples(self) -> int | str:
        """How many samples the last training pass had; "N" before there is one."""
        return "N" if self._X is None else len(self._X)

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """Y = X; Ω(X)."""
        X = as_floats(X)
        if mask is not None:
            mask = mask.reshape(*mask.shape, *[1] * (X.ndim - mask.ndim))  # (N, T) -> (N, T, 1, …)
        if not training:
            found = inferred.get()
            if found is not None:
                found.append(float(self.omega(X, mask, np.empty_like(X))))
            return X.copy()
        self._X, self._mask = X, mask
        self._penalty = self.buffer("penalty", (1,), X.dtype)
        np.positive(self.omega(X, mask, self.buffer("S", X.shape, X.dtype)), out=self._penalty)
        Y: Array = np.positive(X, out=self.buffer("Y", X.shape, X.dtype))
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ + (λ₁ sign(X) + 2 λ₂ X) / N."""
        self.check_delta(delta, self._X)
        X, n = self._X, len(self._X)
        dX, S = (self.buffer(name, X.shape, X.dtype) for name in ("dX", "S"))
        np.sign(X, out=dX)
        dX *= self.l1 / n
        dX += np.multiply(X, self.twice_l2 / n, out=S)
        if self._mask is not None:
            dX *= self._mask
        dX += delta
        return dX

    def omega(self, X: Array, mask: Array | None, S: Array) -> Any:
        """(λ₁ Σ |x| + λ₂ Σ x²) / N of what the mask leaves; S is room to compute in."""
        np.abs(X, out=S)
        if mask is not None:
            S *= mask
        total = np.add.reduce(S, axis=None) * self.l1
        np.multiply(S, np.abs(X), out=S)
        total += np.add.reduce(S, axis=None) * self.l2
        return total / len(X)
