"""Penalties on weights, which are added to the loss.

W has any shape; Σ runs over all of its elements w. The λ are numbers of 0 or more, or the
constructor raises ``ValueError``.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.checks import check_choice, check_number
from backprop.core.errors import ShapeError
from backprop.core.functional import root
from backprop.core.lookup import resolve, show_call
from backprop.core.readable import NUMBERS
from backprop.core.returned import is_array, is_number, misshaped
from backprop.core.settings import Settings
from backprop.core.signatures import check_methods
from backprop.core.types import Array, Shape

SHORTEST = 1e-7
"""Shorter vectors are not stretched to the length 1."""


class Regularizer(Settings):
    """Ω(W), added to the loss. A subclass writes ``penalty`` and, below it, ``gradient``.

    Example:
        >>> class Sum(bp.regularizers.Regularizer):
        ...     def penalty(self, W):
        ...         return float(W.sum())
        ...     def gradient(self, W):
        ...         return np.ones_like(W)
        >>> layer = bp.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=Sum())
        >>> model = bp.Sequential([bp.Input(2), layer])
        >>> model.compile("sgd", "mse")
        >>> model.penalty()
        2.0
    """

    def check(self, shape: Shape) -> None:
        """Refuses weights of a shape that has no penalty; none unless overridden."""

    def try_on(self, W: Array) -> None:
        """Looks at what the formulas of a class of the user's own make of a copy without zeros.

        Raises:
            TypeError: They return something else than a number, and an array of floats.
            ShapeError: ``penalty`` returns an array, or ``gradient`` one of another shape.
            ValueError: They change W.
        """
        if self.of_package:
            return
        kind, before = type(self).__name__, np.where(W == 0, 0.5, W).astype(W.dtype)
        for method in ("penalty", "gradient"):
            given = before.copy()
            returned = getattr(self, method)(given)
            if not np.array_equal(given, before, equal_nan=True):
                raise ValueError(
                    f"{kind}.{method} wrote into W, the weights themselves: it must make a new "
                    f"array, or compute in a copy."
                )
            if method == "penalty" and not is_number(returned):
                raise misshaped(kind, method, returned, "Ω(W), a number")
            if method == "gradient" and not is_array(returned, W.shape, NUMBERS):
                raise misshaped(kind, method, returned, f"∂Ω/∂W, shape {W.shape}")

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

    Example:
        >>> bp.regularizers.L1L2(l1=1.0, l2=0.5).penalty(np.array([2.0, -4.0]))  # 6 + ½ 20
        16.0
        >>> bp.regularizers.L1L2(l1=1.0, l2=0.5).gradient(np.array([2.0, -4.0]))
        array([ 3., -5.])
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
    """Ω(W) = λ Σ |w|, which drives weights to 0 (Tibshirani 1996).

    Example:
        >>> bp.regularizers.L1(0.5).penalty(np.array([2.0, -4.0]))
        3.0
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """Ω(W) = λ Σ w², which keeps weights small (Hoerl & Kennard 1970).

    Example:
        >>> bp.regularizers.L2(0.5).penalty(np.array([2.0, -4.0]))
        10.0
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


class OrthogonalRegularizer(Regularizer):
    """The mean |cosine| of the angle between two rows of W, or two columns, which brings it to 90°.

        Ω(W) = λ / (n (n − 1)) Σ_{i ≠ j} |v_i · v_j|,   v_i = w_i / max(‖w_i‖, ε),   ε = 10⁻⁷

        ∂Ω/∂v_i = 2 λ / (n (n − 1)) Σ_{j ≠ i} sign(v_i · v_j) v_j
        ∂Ω/∂w_i = (∂Ω/∂v_i − (∂Ω/∂v_i · v_i) v_i) / ‖w_i‖

    As in Keras; of one row there is no penalty.

    Args:
        factor: λ.
        mode: Which vectors of a matrix they are: ``"rows"`` or ``"columns"``, in a Dense layer the
            weights out of each input, or those into each unit.

    Example:
        >>> W = np.array([[1.0, 0.0], [3.0, 4.0]])
        >>> round(bp.regularizers.OrthogonalRegularizer(1.0).penalty(W), 6)
        0.6
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = check_number(factor, "factor")
        self.mode = check_choice(mode, "mode", ("rows", "columns"))

    def check(self, shape: Shape) -> None:
        """Refuses weights that are no matrix."""
        if len(shape) != 2:
            raise ShapeError(f"{self} needs weights with two axes, but W has the shape {shape}.")

    def penalty(self, W: Array) -> float:
        """λ times the mean |v_i · v_j|."""
        V, _ = self.directions(W)
        P: Array = np.abs(np.dot(V, V.T))
        return self.share(len(V)) * float(P.sum() - P.trace())

    def gradient(self, W: Array) -> Array:
        """(G − (G · V) V) / ‖W‖, row by row, with G = ∂Ω/∂V."""
        V, lengths = self.directions(W)
        S = np.multiply(np.sign(np.dot(V, V.T)), others(len(V), W.dtype))
        G = np.dot(S, V)
        G *= 2 * self.share(len(V))
        along = np.add.reduce(G * V, axis=1, keepdims=True)
        along *= np.greater(lengths, SHORTEST)  # shorter ones are divided by a constant
        G -= along * V
        G /= np.maximum(lengths, SHORTEST)
        gradient: Array = G if self.mode == "rows" else G.T.copy()
        return gradient

    def directions(self, W: Array) -> tuple[Array, Array]:
        """V, a vector in each row, and the lengths of W's."""
        rows = W if self.mode == "rows" else W.T
        lengths = root(np.add.reduce(rows * rows, axis=1, keepdims=True))
        return rows / np.maximum(lengths, SHORTEST), lengths

    def share(self, n: int) -> float:
        """λ over the number of ordered pairs."""
        return self.factor / max(n * (n - 1), 1)


@lru_cache(maxsize=64)
def others(n: int, dtype: np.dtype[Any]) -> Array:
    """[i ≠ j] for n vectors; it is not to be written to: it is kept."""
    found: Array = 1 - np.eye(n, dtype=dtype)
    found.setflags(write=False)
    return found


_BY_NAME: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": lambda: L1L2(0.01, 0.01),
    "orthogonal_regularizer": OrthogonalRegularizer,
}

_KERAS = {"L1": "l1", "L2": "l2", "L1L2": "l1_l2", "l1l2": "l1_l2"}
_KERAS["OrthogonalRegularizer"] = "orthogonal_regularizer"
"""What Keras's other strings stand for."""


def get(regularizer: str | Regularizer | None, name: str = "regularizer") -> Regularizer | None:
    """The regulariser of that name, or the object itself; None for none.

    Args:
        regularizer: A name, or an object; None for none.
        name: What error messages call it.

    Raises:
        ValueError: No regulariser has that name.
        TypeError: It is neither a name nor a regulariser.

    Example:
        >>> bp.regularizers.get("l2")
        L2(l2=0.01)
    """
    if regularizer is None:
        return None
    own = "penalty(W) and, below it, gradient(W)"
    found = resolve(regularizer, Regularizer, _BY_NAME, name, own, _KERAS)
    check_methods(found, {"penalty": "W", "gradient": "W"})
    return found
