"""Penalties on weights, which are added to the loss."""

from collections.abc import Callable

import numpy as np

from backprop.core.checks import check_number
from backprop.core.lookup import resolve, show_call
from backprop.core.settings import Settings
from backprop.core.signatures import check_methods
from backprop.core.types import Array, Shape


class Regularizer(Settings):
    """Ω(W), added to the loss. A subclass writes ``penalty`` and, below it, ``gradient``."""

    def penalty(self, W: Array) -> float:
        """Ω(W)."""
        raise NotImplementedError(f"{type(self).__name__} must define penalty(W).")

    def gradient(self, W: Array) -> Array:
        """∂Ω/∂W, of W's shape."""
        raise NotImplementedError(f"{type(self).__name__} must define gradient(W).")

    def penalties(self, rows: Array, shape: Shape) -> Array:
        """Ω of the weights of that shape in each of several rows."""
        return np.array([self.penalty(row.reshape(shape)) for row in rows])

    def __repr__(self) -> str:
        return show_call(self)


class L1L2(Regularizer):
    """Ω(W) = λ₁ Σ |w| + λ₂ Σ w²,  ∂Ω/∂w = λ₁ sign(w) + 2 λ₂ w (and sign(0) = 0).

    There is no ½ in front of λ₂, as in Keras. Nielsen's λ/2n Σ w² is λ₂ = λ / 2n.

    Args:
        l1: λ₁.
        l2: λ₂.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = check_number(l1, "l1"), check_number(l2, "l2")

    def penalty(self, W: Array) -> float:
        """λ₁ Σ |w| + λ₂ Σ w²."""
        w = W.ravel()
        total = self.l2 * float(np.dot(w, w)) if self.l2 else 0.0
        return total + self.l1 * float(np.abs(w).sum()) if self.l1 else total

    def penalties(self, rows: Array, shape: Shape) -> Array:
        """The same for each row."""
        total: Array = self.l2 * np.vecdot(rows, rows)
        return total + self.l1 * np.abs(rows).sum(axis=1) if self.l1 else total

    def gradient(self, W: Array) -> Array:
        """λ₁ sign(w) + 2 λ₂ w."""
        gradient: Array = W * (2 * self.l2)
        if self.l1:
            gradient += self.l1 * np.sign(W)
        return gradient


class L1(L1L2):
    """Ω(W) = λ Σ |w|, which drives weights to 0 (Tibshirani 1996)."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """Ω(W) = λ Σ w², which keeps weights small (Hoerl & Kennard 1970)."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


_BY_NAME: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
}

_KERAS = {"L1": "l1", "L2": "l2", "L1L2": "l1_l2", "l1l2": "l1_l2"}
"""What Keras's other strings stand for."""


def get(regularizer: str | Regularizer | None) -> Regularizer | None:
    """The regulariser of that name, or the object itself; None for none."""
    if regularizer is None:
        return None
    if isinstance(regularizer, str):
        regularizer = _KERAS.get(regularizer, regularizer)
    found = resolve(regularizer, Regularizer, _BY_NAME, "regularizer")
    check_methods(found, {"penalty": "W", "gradient": "W"})
    return found
