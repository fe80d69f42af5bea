"""Conditions on weights that are restored after every step."""

import math
from collections.abc import Callable

import numpy as np

from backprop.core.checks import check_integer, check_positive
from backprop.core.errors import ShapeError
from backprop.core.lookup import resolve, show_call
from backprop.core.settings import Settings
from backprop.core.types import Array, Shape


class Constraint(Settings):
    """A set of allowed weights; ``project`` moves W into it, in place."""

    def check(self, shape: Shape) -> None:
        """Refuses weights of a shape that cannot be projected; none unless overridden."""

    def project(self, W: Array) -> None:
        """Changes W to the nearest allowed weights."""
        raise NotImplementedError(f"{type(self).__name__} must define project(W).")

    def __repr__(self) -> str:
        return show_call(self)


class MaxNorm(Constraint):
    """‖w‖ ≤ c for the weights into each unit: w ← w · min(1, c / ‖w‖) (Srivastava et al. 2014).

    Args:
        max_value: c.
        axis: The axis along which norms are taken: 0 for the weights ``(n_in, n_out)`` of Dense.
    """

    def __init__(self, max_value: float = 2.0, axis: int = 0) -> None:
        self.max_value = check_positive(max_value, "max_value")
        self.axis = check_integer(axis, "axis", -math.inf)

    def check(self, shape: Shape) -> None:
        """Refuses weights that do not have such an axis."""
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"{self} needs an axis {self.axis}, but W has the shape {shape}.")

    def project(self, W: Array) -> None:
        """Shrinks what is too long."""
        norms = np.sqrt(np.sum(W * W, axis=self.axis, keepdims=True))
        W *= self.max_value / np.maximum(norms, self.max_value)


class NonNegative(Constraint):
    """w ≥ 0: w ← max(w, 0). Keras calls it ``NonNeg``."""

    def project(self, W: Array) -> None:
        """Sets what is negative to 0."""
        np.maximum(W, 0, out=W)


_BY_NAME: dict[str, Callable[[], Constraint]] = {
    "max_norm": MaxNorm,
    "non_neg": NonNegative,
    "non_negative": NonNegative,
}


def get(constraint: str | Constraint | None) -> Constraint | None:
    """The constraint of that name, or the object itself; None for none."""
    if constraint is None:
        return None
    return resolve(constraint, Constraint, _BY_NAME, "constraint")
