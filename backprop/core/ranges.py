"""Checks of whole arrays: finite, overflowing, equal numbers; masks, rows that name one class."""

import copy
import math
from typing import Any, NoReturn

import numpy as np

from backprop.core import console
from backprop.core.array_errors import place
from backprop.core.errors import ShapeError
from backprop.core.types import Array, as_array, is_sparse

ROWS = 256
"""Rows that are looked at together, so that they are in the cache for a second look."""


def check_finite(X: Array, what: str, dtype: Any = None, first_row: int | Array = 0) -> None:
    """Refuses nan, infinite numbers, and those that become infinite in a dtype.

    Args:
        X: Numbers with samples in rows, or some of the rows; integers pass.
        what: What holds them, for error messages, with the verb: ``"x holds"``.
        dtype: What they are to be converted to; None for nothing.
        first_row: The number of the first row, or of each, for error messages.

    Raises:
        ValueError: There are such numbers.
    """
    if X.dtype.kind != "f":
        return
    limit = np.finfo(X.dtype).max
    if dtype is not None and np.finfo(dtype).max < limit:
        limit = np.finfo(dtype).max
    if is_sparse(X):
        entries: Any = X.data
        if entries.size and not within(entries, limit):
            refuse(entries, limit, what, dtype, X, first_row)
        return
    for start in range(0, len(X), ROWS):
        rows = X[start : start + ROWS]
        if rows.size and not within(rows, limit):
            numbers = first_row + start if isinstance(first_row, int) else first_row[start:]
            refuse(rows, limit, what, dtype, None, numbers)


def finite_rows(X: Array) -> Array:
    """X, if its rows are samples of finite numbers.

    Raises:
        ShapeError: It has no rows.
        ValueError: It holds nan or infinite numbers.
    """
    if X.ndim < 2:
        raise ShapeError(
            f"X must have a row for each sample, or make batches of such rows, but its shape is "
            f"{X.shape}: use np.asarray(X).reshape(-1, 1) for one feature."
        )
    check_finite(X, "X holds")
    return X


def check_overflow(values: Array, what: str, dtype: Any) -> None:
    """Refuses finite numbers that become infinite in a dtype; those that are infinite pass.

    The arguments are those of ``check_finite``.

    Raises:
        ValueError: There are such numbers.
    """
    if values.dtype.kind == "f" and values.dtype.itemsize > np.dtype(dtype).itemsize:
        check_finite(np.atleast_1d(np.where(np.isfinite(values), values, 0)), what, dtype)


def within(values: Array, limit: Any) -> bool:
    """Whether −limit ≤ v ≤ limit for all v, which nan is not; quicker than ``np.isfinite``."""
    with np.errstate(invalid="ignore"):
        low = np.minimum.reduce(values, axis=None)
        high = np.maximum.reduce(values, axis=None)
        return bool(low >= -limit and high <= limit)


def refuse(
    values: Array, limit: Any, what: str, dtype: Any, sparse: Any, first_row: int | Array
) -> NoReturn:
    """The error for numbers that are not within the limit, the largest that is allowed.

    ``sparse`` is the matrix whose entries they are; the others are as in ``check_finite``.
    """
    finite = np.isfinite(values)
    overflows = bool(finite.all())
    wrong = np.abs(values) > limit if overflows else ~finite
    index = np.argwhere(wrong)[0]
    value = values[tuple(index)]
    if sparse is not None:
        entry = index[0]
        row = np.searchsorted(sparse.indptr, entry, "right") - 1
        index = np.array([row, sparse.indices[entry]])
    elif values.shape[1:] == (1,):
        index = index[:1]
    index[0] = among_all(index[0], first_row)
    if not overflows:
        raise ValueError(
            f"{what} nan or infinite numbers, the first in {place(index)}: remove or replace them "
            f"first."
        )
    name = np.dtype(dtype).name
    number = np.format_float_scientific(value, 3, trim="-").replace(".e", "e")  # not 5.e+99
    fits = name == "float32" and np.abs(value) <= np.finfo(np.float64).max  # or a longdouble
    advice = ' or make the model with dtype="float64"' if fits else ""
    raise ValueError(
        f"{what} {number} in {place(index)}, an overflow in {name}, whose largest number is "
        f"{limit:.4g}: scale the numbers{advice}."
    )


def among_all(row: int, first_row: int | Array) -> int:
    """The number of a row among all rows, by that of the first one, or of each."""
    return int(row + first_row if isinstance(first_row, int) else first_row[row])


def check_weights(
    weight: Array, dtype: Any, name: str = "sample_weight", first_row: int | Array = 0
) -> Array:
    """Weights in ``dtype``, with a warning where all of them underflow.

    Args:
        weight: The weights.
        dtype: What they are converted to.
        name: What error messages call them.
        first_row: The number of the first row, or of each, for error messages.

    Raises:
        ValueError: A weight is negative or not finite, or their sum overflows.
    """
    rule = f"{name} must hold finite numbers that are not negative, but holds"
    check_finite(weight, rule, dtype, first_row)
    if weight.size and weight.min() < 0:
        index = np.argwhere(weight < 0)[0]
        value = weight[tuple(index)]
        index[0] = among_all(index[0], first_row)
        raise ValueError(f"{rule} {value:.4g} in {place(index)}.")
    largest, tiny = (weight.max() if weight.size else 0), np.finfo(dtype).tiny
    if 0 < largest < tiny:
        console.warn(
            f"{name} goes up to {largest:.4g} only: in {np.dtype(dtype).name} numbers below "
            f"{tiny:.4g} lose their digits and become 0, so that next to nothing is learnt from "
            f"these samples: divide the weights by their mean."
        )
    weight = weight.astype(dtype, copy=False)
    check_sum(weight, name)
    return weight


def check_sum(weight: Array, name: str) -> None:
    """Refuses weights whose sum overflows: a mean with them would be 0, infinite or nan.

    Raises:
        ValueError: It does.
    """
    with np.errstate(over="ignore"):
        total = np.add.reduce(weight, axis=None)
    if not np.isfinite(total):
        raise ValueError(
            f"{name} must have a finite sum, but the largest is {weight.max():.4g}, and the sum "
            f"overflows {weight.dtype}, whose largest number is {np.finfo(weight.dtype).max:.4g}: "
            f"divide the weights by their mean."
        )


def warn_of_underflow(y: Array, loss: Any, what: str) -> None:
    """Warns where targets are so small that the loss of predicting 0 for all of them underflows.

    A training would end with it as if nothing were left to learn.

    Args:
        y: Targets in the dtype that is computed in.
        loss: The loss; a copy is asked for its ``values``, if it is of the package.
        what: What they are, for the warning: ``"the targets"``.
    """
    if y.dtype.kind != "f" or not y.size or not loss.of_package:
        return
    tiny, largest = float(np.finfo(y.dtype).tiny), 0.0
    for start in range(0, len(y), ROWS):  # the first rows settle it for most
        largest = max(largest, float(np.abs(y[start : start + ROWS]).max()))
        if largest >= math.sqrt(tiny):
            return
    if not largest:
        return
    sample = np.full((1, *y.shape[1:]), largest, y.dtype)
    with np.errstate(all="ignore"):
        E = float(np.max(copy.deepcopy(loss).values(np.zeros_like(sample), sample)))
    if 0 <= E < tiny:
        in_float64 = y.dtype == np.float32 and largest**2 > np.finfo(np.float64).tiny
        advice = ', or make the model with dtype="float64"' if in_float64 else ""
        console.warn(
            f"{what} go up to {largest:.4g} only: in {y.dtype} the loss of predicting 0 for "
            f"them is {E:.4g}, as numbers below {tiny:.4g} underflow, so that they cannot be "
            f"learnt: divide y by a number of its size{advice}."
        )


def warn_of_lost_variance(variance: Array, what: str, dtype: Any) -> None:
    """Warns where numbers vary so little that their variance is next to nothing in a dtype.

    Args:
        variance: Variances in float64; 0 is no matter.
        what: Whose they are, for the warning.
        dtype: The dtype in which they are kept.
    """
    lost = variance[(variance > 0) & (variance < np.finfo(dtype).tiny)]
    if lost.size:
        name = np.dtype(dtype).name
        advice = ', or make the model with dtype="float64"' if name == "float32" else ""
        console.warn(
            f"{what}: some numbers have a standard deviation of {np.sqrt(lost.max()):.4g} only, "
            f"whose square is lost in {name}, so that they are not brought to variance 1: divide "
            f"them by a number of their size first{advice}."
        )


def check_mask(layer: object, X: Array, mask: Any) -> Array:
    """The mask of a batch of sequences as an array of bools.

    Raises:
        ShapeError: It is not one for the steps of X.
    """
    found = as_array(mask, np.dtype(bool))
    if found.shape != X.shape[:2]:
        raise ShapeError(
            f"{layer} received inputs of shape {X.shape} with a mask of shape {found.shape}: pass "
            f"True or False for each step, shape {X.shape[:2]}."
        )
    return found


def are_classes(classes: Array, n_classes: int) -> bool:
    """Whether all are whole numbers from 0 to ``n_classes`` − 1."""
    if not classes.size:
        return True
    whole = classes.dtype.kind != "f" or not (classes % 1).any()
    return whole and bool(0 <= classes.min() <= classes.max() < n_classes)


def check_one_class(rows: Array, what: str, advice: str) -> None:
    """Checks that every row names one class: by one number that is larger than all others.

    Args:
        rows: One-hot rows, or a probability for each class, shape ``(N, …, K)``.
        what: What they are called in the error message.
        advice: What to do about it.

    Raises:
        ValueError: A row has several largest numbers, as where it has several classes or none.
    """
    largest = rows == np.maximum.reduce(rows, axis=-1, keepdims=True)
    several = np.count_nonzero(largest, axis=-1) > 1
    if several.any():
        first = tuple(np.argwhere(several)[0])
        row = ", ".join(map(str, rows[first][:10])) + (", …" if rows.shape[-1] > 10 else "")
        raise ValueError(
            f"{what}: every row must name one class, but row {', '.join(map(str, first))} is "
            f"({row}), which names several or none: {advice}"
        )
