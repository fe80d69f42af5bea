"""The names of types that the whole package shares."""

import math
from contextlib import suppress
from typing import Any, Literal

import numpy as np

Array = np.ndarray[tuple[Any, ...], np.dtype[Any]]
"""A NumPy array of any floating-point (or integer) type."""

Shape = tuple[int, ...]
"""The shape of one sample: a batch of N such samples has the shape ``(N, *shape)``."""

DTypeLike = str | type[np.generic] | np.dtype[Any]
"""What names a dtype: ``"float32"``, ``np.float64``, …"""


def is_sparse(X: Any) -> bool:
    """Whether X is a matrix of ``scipy.sparse``; told without importing SciPy."""
    return type(X) is not np.ndarray and hasattr(X, "tocsr") and hasattr(X, "nnz")


Outputs = Literal["answers", "classes", "scores"]
"""What the K outputs of a model are: K answers, yes or no, each for itself; the probabilities of K
classes of which one is right; or the scores of such classes, logits for example."""

Interval = tuple[float, float]
"""The least and the largest number that there may be."""

REAL: Interval = (-math.inf, math.inf)
POSITIVE: Interval = (0.0, math.inf)
UNIT: Interval = (0.0, 1.0)
"""All numbers; those from 0 on; those that are probabilities."""

FLOAT_DTYPES = ("float32", "float64")
"""The dtypes that a model may compute in."""


def as_array(value: Any, dtype: Any = None) -> Array:
    """``np.asarray``, except that an array whose calls are being recorded is returned as it is.

    Raises:
        TypeError: The value is a sparse matrix, of which NumPy would make an array of one object.
        ValueError: It is masked, or no array of numbers.
    """
    if type(value) is not np.ndarray:
        if hasattr(value, "tape"):
            same: bool = dtype is None or value.dtype == dtype
            if same:
                recorded: Array = value
                return recorded
        if is_sparse(value):
            raise TypeError("a sparse matrix came where an array is needed: pass its .toarray().")
        if isinstance(value, np.ndarray) and np.any(getattr(value, "mask", False)):
            raise ValueError("an array came that is masked: leave that out, or pass .filled(…).")
    with suppress(TypeError, ValueError):
        found = np.asarray(value, dtype)
        if found.dtype.kind != "O":
            return found
    raise ValueError(
        f"an array of numbers is needed, but a {type(value).__name__} came that is none: "
        f"np.stack(x) makes one of a column of vectors, np.asarray(x, float) of one of numbers."
    )


def as_floats(Z: Array) -> Array:
    """Z as an array of floating-point numbers; integers become float64."""
    Z = as_array(Z)
    return Z if Z.dtype.kind in "fc" else Z.astype(np.float64)


class computed(property):
    """A property in the place of a plain attribute that other classes of a family have.

    Type checkers refuse a ``property`` there, since it cannot be assigned to.
    """
