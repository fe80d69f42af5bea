"""What a dtype keeps of a column: a warning where that is next to nothing."""

import math
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.ranges import ROWS
from backprop.core.types import Array, is_sparse

FEW = 100
"""A column that varies by fewer of a dtype's steps than these is told of."""

SUMS = 512
"""So many steps the sums of some thousand numbers differ at most that should be equal."""

SOME = 64
"""Rows that are looked at for it in a sparse matrix or a memory map."""


def warn_of_rounding(
    X: Array,
    what: str,
    dtype: Any,
    wider: str = 'make the model with dtype="float64"',
    whole: bool = False,
) -> None:
    """Warns where a column varies by so little that a dtype keeps next to nothing of it.

    That is by less than 100 of the steps between numbers of the size of its largest one, unless all
    of its numbers are in that dtype what they are. Columns are those of the last axis; a constant
    one is none of them, and two rows may be alike by chance.

    Args:
        X: Numbers with samples in rows.
        what: What they are, for the warning: ``"x"``.
        dtype: What they are to be converted to.
        wider: What to do where float64 has the digits.
        whole: Whether these are all there are. Of few rows of a batch, twice as many steps as there
            are rows are enough.
    """
    if exact(X.dtype, np.dtype(dtype)):
        return
    rows, labels = rows_looked_at(X)
    if rows.size < 3 * len(labels) or not rows.size:
        return
    with np.errstate(over="ignore", invalid="ignore"):  # a memory map is checked only later
        columns, spans, largest, left = narrow_columns(
            rows, np.dtype(dtype), FEW if whole else min(FEW, 2 * len(rows))
        )
    if not len(columns):
        return
    which, verb = what, "varies"
    if X.ndim > 1 and X.shape[-1] > 1:
        numbers = ", ".join(str(labels[k]) for k in columns[:3])
        if len(columns) == 1:
            which = f"column {numbers} of {what}"
        else:
            more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
            which, verb = f"columns {numbers}{more} of {what}", "vary"
    in_float64 = np.dtype(dtype) == np.float32 and spans[0] >= FEW * np.spacing(largest[0])
    advice = f", or {wider}" if in_float64 else ""
    about = "about " if len(rows) < X.shape[0] else ""
    step, kept = spacing(largest[:1], dtype)[0], "nothing"
    if left[0]:
        steps = math.ceil(left[0] / step)
        kept = f"{about}{steps} step{'s' * (steps > 1)}"
    normal = largest[0] >= np.finfo(dtype).tiny
    what_to_do = "subtract the mean" if normal else "divide it by a number of its size"
    console.warn(
        f"{which} {verb} by {about}{spans[0]:.4g} around {largest[0]:.6g}, where "
        f"{np.dtype(dtype).name} has steps of {step:.4g}, so that {kept} of it "
        f"{'are' if kept[-1] == 's' else 'is'} left: {what_to_do} first{advice}."
    )


def rows_looked_at(X: Any) -> tuple[Array, Any]:
    """A table ``(n, columns)`` of all rows, and the numbers of its columns.

    Of a memory map and of a sparse matrix these are some rows from everywhere, of the latter only
    the columns without a 0: one with a 0 varies by as much as its numbers are large.
    """
    n_columns = X.shape[-1] if X.ndim > 1 else 1
    if is_sparse(X) or isinstance(X, np.memmap):
        X = X[:: -(-X.shape[0] // SOME)]
    if not is_sparse(X):
        return X.reshape(-1, n_columns), range(n_columns)
    filled = np.flatnonzero(np.bincount(X.indices, minlength=n_columns) >= X.shape[0])
    return X[:, filled].toarray(), filled


def exact(given: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Whether the one dtype has all numbers of the other: none of them is rounded."""
    if given.kind == "f":
        return given.itemsize <= dtype.itemsize
    return given.kind not in "iu" or given.itemsize <= dtype.itemsize // 2


def narrow_columns(
    X: Array, dtype: np.dtype[Any], enough: float
) -> tuple[Array, Array, Array, Array]:
    """The columns that lose much: their ranges, largest values, and what is left of the ranges.

    Most columns are settled by the first rows: later ones can make a range larger only, and the
    step no more than twice as large, unless they make the range as large as the values.
    """
    columns = np.arange(X.shape[1])
    low = high = np.empty(0)
    start = 0
    while start < len(X) and len(columns):
        rows, few = X[start : start + ROWS], 16 * len(columns) < X.shape[1]
        rows = rows[:, columns] if few else rows
        now_low, now_high = np.minimum.reduce(rows, axis=0), np.maximum.reduce(rows, axis=0)
        if not few:
            now_low, now_high = now_low[columns], now_high[columns]
        if start:
            now_low, now_high = np.minimum(low, now_low), np.maximum(high, now_high)
        span, largest = extent(now_low, now_high)
        open_still = span < 2 * enough * spacing(largest, dtype)
        open_still &= largest > 0
        columns, low, high = columns[open_still], now_low[open_still], now_high[open_still]
        start += ROWS
    span, largest = extent(low, high)
    if not len(columns):
        return columns, span, largest, span
    # the last digits of floats are rounding, in a column that is computed and constant
    least = SUMS * spacing(largest, X.dtype) if X.dtype.kind == "f" else 0
    narrow = (span > least) & (span < enough * spacing(largest, dtype))
    if narrow.any():
        given = X[:, columns[narrow]]
        narrow[narrow] = (given.astype(dtype).astype(given.dtype) != given).any(axis=0)
    left = extent(low[narrow].astype(dtype), high[narrow].astype(dtype))[0]
    return columns[narrow], span[narrow], largest[narrow], left


def extent(low: Array, high: Array) -> tuple[Array, Array]:
    """The range of each column, and its largest absolute value, in float64."""
    if low.dtype.kind == "f":
        wide = np.promote_types(high.dtype, np.float64)
        span = (high.astype(wide) - low).astype(np.float64)
    else:  # the difference of large integers may be smaller than the steps of float64
        span = np.array([int(h) - int(v) for h, v in zip(high, low, strict=True)], np.float64)
    return span, np.maximum(np.abs(low.astype(np.float64)), np.abs(high.astype(np.float64)))


def spacing(values: Array, dtype: Any) -> Array:
    """The steps between numbers of these sizes in a dtype, in float64."""
    steps: Array = np.spacing(values.astype(dtype)).astype(np.float64)
    return steps
