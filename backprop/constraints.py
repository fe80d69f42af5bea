"""Conditions on weights that are restored after every step."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_axis, check_number, check_positive, check_share
from backprop.core.descriptors import remade
from backprop.core.errors import ShapeError
from backprop.core.functional import root
from backprop.core.lookup import resolve, show_call
from backprop.core.settings import Settings
from backprop.core.signatures import check_methods
from backprop.core.types import Array, Shape


class Constraint(Settings):
    """A set of allowed weights; ``project`` moves W into it, in place.

    Example:
        >>> class Rounded(bp.constraints.Constraint):
        ...     def project(self, W):
        ...         np.round(W, out=W)
        >>> W = np.array([[0.7, -1.2]])
        >>> Rounded().project(W)
        >>> W
        array([[ 1., -1.]])
    """

    def check(self, shape: Shape) -> None:
        """Refuses weights of a shape that cannot be projected; none unless overridden."""

    def try_on(self, W: Array) -> None:
        """Projects a copy, so that an error shows before a step has changed W.

        Raises:
            TypeError: ``project`` returns what W should become, and leaves W as it was.
        """
        trial = W.copy()
        project: Callable[[Array], object] = self.project
        returned = project(trial)
        if returned is not None and returned is not trial:
            kind = type(self).__name__
            raise TypeError(
                f"{kind}.project must change W in place: write W[...] = what it returns."
            )

    def project(self, W: Array) -> None:
        """Changes W to the nearest allowed weights."""
        raise NotImplementedError(f"{type(self).__name__} must define project(W).")

    def __repr__(self) -> str:
        return show_call(self)


class MaxNorm(Constraint):
    """‖w‖ ≤ c for the weights into each unit: w ← w · min(1, c / ‖w‖) (Srivastava et al. 2014).

    Args:
        max_value: c.
        axis: The axis along which norms are taken, 0 for the weights ``(n_in, n_out)`` of Dense; or
            several, ``[0, 1, 2]`` for those of Conv2D.

    Example:
        >>> W = np.array([[3.0, 0.3], [4.0, 0.4]])  # units with norms 5 and 0.5
        >>> bp.constraints.MaxNorm(1.0).project(W)
        >>> W.round(4)
        array([[0.6, 0.3],
               [0.8, 0.4]])
    """

    _shapes: frozenset[Shape] = frozenset()  # of the weights that it holds for

    def __init__(self, max_value: float = 2.0, axis: int | Sequence[int] = 0) -> None:
        self.max_value = check_positive(max_value, "max_value")
        self.axis = check_axis(axis, "axis")

    def check(self, shape: Shape) -> None:
        """Refuses weights that do not have such an axis, and axes that are named twice."""
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        for axis in axes:
            if not -len(shape) <= axis < len(shape):
                raise ShapeError(f"{self} needs an axis {axis}, but W has the shape {shape}.")
        if len({axis % len(shape) for axis in axes}) < len(axes):
            raise ShapeError(f"{self}: W has the shape {shape}; choose each of its axes once.")
        self._shapes |= {shape}

    def changing(self, name: str, value: Any) -> dict[str, Any]:
        """Refuses another axis that the weights do not have, which a file could not hold either."""
        changed = super().changing(name, value)
        trial = remade(self, **changed)
        for shape in self._shapes:
            trial.check(shape)
        return changed

    def __getstate__(self) -> dict[str, Any]:
        """Without the shapes of weights: a copy may be meant for others."""
        return super().__getstate__() | {"_shapes": frozenset()}

    def norms(self, W: Array) -> Array:
        """‖w‖ of each unit; the axis stays, with the length 1."""
        return root(np.sum(W * W, axis=self.axis, keepdims=True))

    def project(self, W: Array) -> None:
        """Shrinks what is too long."""
        norms = self.norms(W)
        W *= self.max_value / np.maximum(norms, self.max_value)


class NonNegative(Constraint):
    """w ≥ 0: w ← max(w, 0). Keras calls it ``NonNeg``.

    Example:
        >>> W = np.array([[2.0, -3.0]])
        >>> bp.constraints.NonNegative().project(W)
        >>> W
        array([[2., 0.]])
    """

    def project(self, W: Array) -> None:
        """Sets what is negative to 0."""
        np.maximum(W, 0, out=W)


class UnitNorm(MaxNorm):
    """‖w‖ = 1 for the weights into each unit: w ← w / (‖w‖ + 10⁻⁷), as in Keras.

    Args:
        axis: The axis along which norms are taken, 0 for the weights ``(n_in, n_out)`` of Dense; or
            several, ``[0, 1, 2]`` for those of Conv2D.

    Example:
        >>> W = np.array([[3.0, 0.3], [4.0, 0.4]])  # units with norms 5 and 0.5
        >>> bp.constraints.UnitNorm().project(W)
        >>> W.round(4)
        array([[0.6, 0.6],
               [0.8, 0.8]])
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(1.0, axis)

    def project(self, W: Array) -> None:
        """Brings every length to 1."""
        W /= 1e-7 + self.norms(W)


class MinMaxNorm(MaxNorm):
    """a ≤ ‖w‖ ≤ c for the weights into each unit, or a step of the share r towards that.

        w ← w · (r n + (1 − r) ‖w‖) / (‖w‖ + 10⁻⁷),   n = min(max(‖w‖, a), c)

    Args:
        min_value: a.
        max_value: c.
        rate: r; with 1 the condition holds after every step.
        axis: The axis along which norms are taken, 0 for the weights ``(n_in, n_out)`` of Dense; or
            several, ``[0, 1, 2]`` for those of Conv2D.

    Example:
        >>> W = np.array([[3.0, 0.3], [4.0, 0.4]])  # units with norms 5 and 0.5
        >>> bp.constraints.MinMaxNorm(1.0, 2.5).project(W)
        >>> W.round(4)
        array([[1.5, 0.6],
               [2. , 0.8]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        super().__init__(max_value, axis)
        self.min_value = check_number(min_value, "min_value")
        self.rate = check_share(rate, "rate")
        if min_value > max_value:
            raise ValueError(
                f"MinMaxNorm needs min_value <= max_value, but they are {min_value} and "
                f"{max_value}."
            )

    def project(self, W: Array) -> None:
        """Stretches what is too short and shrinks what is too long."""
        norms = self.norms(W)
        wanted = np.minimum(np.maximum(norms, self.min_value), self.max_value)
        W *= (self.rate * wanted + (1 - self.rate) * norms) / (1e-7 + norms)


_BY_NAME: dict[str, Callable[[], Constraint]] = {
    "max_norm": MaxNorm,
    "non_neg": NonNegative,
    "non_negative": NonNegative,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}

_KERAS = {made.__name__: name for name, made in _BY_NAME.items() if isinstance(made, type)}
_KERAS["NonNeg"] = "non_neg"
"""What Keras's other strings stand for."""


def get(constraint: str | Constraint | None, name: str = "constraint") -> Constraint | None:
    """The constraint of that name, or the object itself; None for none.

    Args:
        constraint: A name, or an object; None for none.
        name: What error messages call it.

    Raises:
        ValueError: No constraint has that name.
        TypeError: It is neither a name nor a constraint.

    Example:
        >>> bp.constraints.get("max_norm")
        MaxNorm(max_value=2.0, axis=0)
    """
    if constraint is None:
        return None
    found = resolve(constraint, Constraint, _BY_NAME, name, "project(W)", _KERAS)
    check_methods(found, {"check": "shape", "project": "W"})
    return found
