"""What users pass, as arrays of numbers: the one place that reads frames, columns and objects.

How objects of other libraries give what they hold stands in ``core.readable``.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from numbers import Complex, Number, Real
from typing import Any

import numpy as np

from backprop.core.array_errors import (
    array_code,
    binarized,
    check_no_gap,
    describe,
    first_not_finite,
    first_of,
    joined,
    place,
    ragged,
    refuse_beside_vectors,
    refuse_gap,
    refuse_kind,
    refuse_vectors,
)
from backprop.core.errors import in_code, said
from backprop.core.frames import check_alike, labels_of
from backprop.core.readable import NUMBERS, SEQUENCES, columns_of, is_of_numbers, read, readable
from backprop.core.types import Array, as_array, is_sparse


def to_array(x: Any, name: str) -> Array:
    """What a user passed as an array.

    Its dtype says whether these are numbers: text, dates and complex numbers come back as they are,
    so that whoever knows what is wanted can say so.

    Args:
        x: An array, a frame, a column, a list, a number.
        name: The argument's name, for error messages.

    Raises:
        TypeError: It is no array and cannot be made one; a column of a frame holds no numbers.
        ValueError: It has gaps: ``None``, ``NA``, or what is masked.
        ShapeError: Its rows have different lengths.
    """
    if isinstance(x, np.ndarray):
        return from_ndarray(x, name)
    if is_sparse(x):
        code = f"{in_code(name)}.toarray()"
        vector = 1 in x.shape and in_code(name).lower() not in ("x", "mean", "variance", "value")
        one_each = f", or {code}.ravel() of numbers for each sample, or of a single one" * vector
        raise TypeError(f"{name} is a sparse matrix, but must be dense: pass {code}{one_each}.")
    columns = columns_of(x)
    if columns is not None:
        return from_columns(x, columns, name)
    x = read(x)
    if not readable(x):
        raise TypeError(f"{name} must hold numbers, but it is {describe(x, name)}")
    found = from_list(x, name) if isinstance(x, list | tuple | deque) else asarray(x, name)
    return from_ndarray(found, name)


def as_numbers(x: Any, name: str, sparse: bool = False) -> Array:
    """``to_array`` for what must hold numbers; with ``sparse`` a sparse matrix passes as it is.

    Raises:
        TypeError: They are not real numbers.
    """
    X = x if sparse and is_sparse(x) else to_array(x, name)
    if X.dtype.kind not in NUMBERS:
        refuse_kind(X, f"{name} must hold numbers, but ", "it")
    return X


def from_columns(x: Any, columns: Iterable[tuple[Any, Any]], name: str) -> Array:
    """A frame as an array with a row for each of its rows, in the dtype that all columns fit in."""
    if is_of_numbers(x):
        X: Array = x.to_numpy(np.result_type(*set(x.dtypes)))
    else:
        columns = list(columns)
        arrays = [column_of_numbers(column, name, label) for label, column in columns]
        if any(each.ndim > 1 for each in arrays):
            refuse_vectors(x, arrays, [label for label, _ in columns], name)
        X = np.stack(arrays, axis=-1) if arrays else np.empty((len(x), 0))
    if X.dtype.kind == "f" and X.ndim > 1:  # else it is one record
        for row, k in first_not_finite(X):
            what = "nan" if np.isnan(X[row, k]) else "infinite numbers"
            refuse_gap(name, what, f"row {row}, column {list(columns)[k][0]!r}")
    return X


def column_of_numbers(column: Any, name: str, label: Any) -> Array:
    """A column of a frame as an array of numbers, ``(N,)``, or of vectors."""
    found = asarray(column, name, f", column {label!r},")
    if found.dtype.kind == "O":
        found = from_objects(found, name, f", column {label!r}")
    if found.dtype.kind not in NUMBERS:
        refuse_kind(found, f"{name} must hold numbers, but ", f"its column {label!r}")
    return found


def from_ndarray(x: Array, name: str) -> Array:
    """NumPy's arrays of all kinds: masked ones, records and objects too."""
    if is_masked(x):
        x = unmasked(x, name)
    if x.dtype.names is not None:
        return from_columns(x, [(field, x[field]) for field in x.dtype.names], name)
    if x.dtype.kind == "O":
        return from_objects(x, name)
    # a memory map stays one, and so does an array whose calls are being recorded
    return x if type(x) is np.ndarray or isinstance(x, np.memmap) else as_array(x)


def is_masked(x: Any) -> bool:
    """Whether x is one of NumPy's masked arrays; told without loading them."""
    return type(x) is not np.ndarray and isinstance(x, np.ndarray) and hasattr(x, "mask")


def unmasked(x: Any, name: str) -> Array:
    """The array of which nothing is masked.

    Raises:
        ValueError: Something is.
    """
    mask: Any = np.ma.getmaskarray(x)
    if mask.dtype.names is not None:  # records: masked field by field
        mask = np.logical_or.reduce([mask[field] for field in mask.dtype.names])
    if mask.any():
        where = f", first in {place(np.argwhere(mask)[0])}" if mask.ndim else ""
        raise ValueError(
            f"{name} is masked{where}: leave out what is masked, or replace it by "
            f"{in_code(name)}.filled(…)."
        )
    return np.asarray(x.data)


def from_objects(x: Array, name: str, column: str = "") -> Array:
    """An array of Python objects as the numbers or the vectors that they are; text stays as it is.

    ``column`` is what error messages say after the row.

    Raises:
        ValueError: There are gaps, or integers too large for any dtype.
        TypeError: There is something else among them.
    """
    kinds = set(map(type, x.flat))
    if any(issubclass(kind, str | bytes) for kind in kinds):
        return x
    if x.ndim:
        check_no_gap(x, name, column)
    if any(is_sparse(each) for each in x.flat[:1]):
        what = "holds sparse matrices" if x.ndim else "is an array around a sparse matrix"
        code = joined(f"list({in_code(name)})", name, alone=x.ndim == 0)
        raise TypeError(f"{name} {what}: pass {code}.")
    if any(is_vector(kind) for kind in kinds):
        label = column.removeprefix(", column ")
        return stacked(x, f"{name}[{label}]" if column else name)
    if any(hasattr(kind, "as_py") for kind in kinds):  # PyArrow's scalars
        return from_objects(np.frompyfunc(as_python, 1, 1)(x), name, column)
    for kind in kinds:
        if not is_number(kind):
            if x.ndim == 0:
                raise TypeError(f"{name} must hold numbers, but it is {describe(x, name)}")
            index = first_of(x, kind)
            value = x[tuple(index)]
            sets = issubclass(kind, set | frozenset) and name in ("y", "validation y")
            advice = f"of {binarized('y')}" if sets else "convert it to numbers first"
            raise TypeError(
                f"{name} must hold numbers, but {place(index)}{column} holds the "
                f"{kind.__name__} {said(value)}: {advice}."
            )
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return x.astype(bool)
    whole = all(issubclass(kind, int | np.integer | np.bool_) for kind in kinds)
    try:
        for dtype in (np.int64, np.float64) if whole else (np.float64,):
            with suppress(OverflowError):
                return x.astype(dtype)
    except (ValueError, TypeError, ArithmeticError) as error:  # such as Decimal's signaling nan
        raise ValueError(
            f"{name} holds what is no float ({error}){column}: remove or replace it first."
        ) from error
    raise ValueError(
        f"{name} overflows: it holds integers above {np.finfo(np.float64).max:.4g}: scale them "
        f"first."
    )


def stacked(x: Array, name: str) -> Array:
    """Vectors of one length, each a row, as one array."""
    for kind in filter(is_number, set(map(type, x.flat))):
        index = first_of(x, kind)
        refuse_beside_vectors(x[tuple(index)], index, name)
    check_frames(x.flat, name)
    try:
        rows = [to_array(each, f"{name}[{k}]") for k, each in enumerate(x.flat)]
    except TypeError as error:
        if not hasattr(x.flat[0], "detach"):
            raise
        told = str(error).partition(": pass")[0]
        raise TypeError(f"{told}: pass {array_code(list(x.flat), name)}.") from error  # of all
    if len({row.shape for row in rows}) > 1:
        raise ragged(name, x.flat)
    others = [k for k, row in enumerate(rows) if row.dtype.kind not in NUMBERS]
    if 0 < len(others) < len(rows):  # else all of them are text, say
        refuse_kind(rows[others[0]], f"{name} must hold numbers, but ", f"{name}[{others[0]}]")
    return np.stack(rows).reshape(*x.shape, *rows[0].shape)


def is_vector(kind: type) -> bool:
    """Whether objects of that type hold several numbers."""
    told = hasattr(kind, "__array_interface__") and not issubclass(kind, np.generic)  # its shape
    listed = hasattr(kind, "__array__") and hasattr(kind, "__len__")
    return issubclass(kind, (*SEQUENCES, np.ndarray)) or told or listed


def is_number(kind: type) -> bool:
    """Whether objects of that type are real numbers."""
    # Decimal is a Number, but neither Complex nor Real
    real = issubclass(kind, Real) or not issubclass(kind, Complex)
    return issubclass(kind, np.bool_) or (issubclass(kind, Number) and real)


def from_list(x: Any, name: str) -> Array:
    """A list as ``np.asarray`` reads it, if it may; all items are looked at only if it is odd."""
    rows_of_numbers = (
        bool(x)
        and isinstance(x[0], list | tuple | deque)
        and all(issubclass(kind, Number | np.generic) for kind in set(map(type, x[0])))
    )
    check_items(x, name, deep=not rows_of_numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is masked becomes nan
        found = asarray(x, name)
    odd = found.dtype.kind == "O" or (found.dtype.kind == "f" and not np.isfinite(found).all())
    if rows_of_numbers and odd:
        check_items(x, name)
    return found


def check_items(x: Iterable[Any], name: str, row: int | None = None, deep: bool = True) -> None:
    """Looks for what ``np.asarray`` would read wrongly among the items of a list.

    Args:
        x: The list.
        name: The argument's name, for error messages.
        row: The number of the row that it is part of; None if it is the whole.
        deep: Whether to look into lists among them, too.

    Raises:
        ValueError: Something is masked.
        TypeError: Something is no array and cannot be made one.
    """
    kinds = set(map(type, x))
    if all(kind in (float, int, bool, np.ndarray) for kind in kinds):
        return
    if row is None:
        check_frames(x, name)
    for k, item in enumerate(x):
        at = k if row is None else row
        if isinstance(item, list | tuple | deque):
            if deep:
                check_items(item, name, at)
        elif is_masked(item) and np.ma.getmaskarray(item).any():
            raise ValueError(
                f"{name} is masked, first in row {at}: leave out what is masked, or replace it."
            )
        elif is_sparse(item):
            raise TypeError(
                f"{name} is a list of sparse matrices: pass {joined(in_code(name), name)}."
            )
        elif hasattr(item, "__getitem__") and not isinstance(item, Mapping) and not readable(item):
            raise TypeError(f"{name} must hold numbers, but row {at} holds {describe(item, name)}")


def check_frames(items: Iterable[Any], name: str) -> None:
    """Checks that frames, each of which is a sample, have the same columns in the same order.

    Raises:
        ValueError: They have not.
    """
    first = None
    for k, item in enumerate(items):
        if columns_of(item) is not None:
            first = first or (k, item)
            try:
                check_alike(first[1], f"{name}[{first[0]}]", item, f"{name}[{k}]")
            except ValueError as error:
                if set(labels_of(first[1]) or ()) & set(labels_of(item) or ()):
                    raise
                code = f"np.concatenate({in_code(name)}, axis=-1)"
                raise ValueError(
                    f"{error} If these are several inputs: a model has one, such as {code}."
                ) from None


def asarray(x: Any, name: str, column: str = "") -> Array:
    """``np.asanyarray`` with errors that name the argument, and the column if x is one.

    It keeps what is masked, as variables of netCDF4 give gaps.
    """
    if hasattr(x, "combine_chunks") and x.null_count:  # PyArrow misreads gaps of dictionaries
        return np.concatenate([asarray(chunk, name, column) for chunk in x.chunks])
    try:
        found = np.asanyarray(x)
        # beside text, NumPy makes text of numbers too
        made_text = found.dtype.kind in "US" and isinstance(x, SEQUENCES)
        return np.asarray(x, object) if made_text else found
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(x, Iterable):  # rows of different lengths
            raise ragged(name, x) from None
        raise TypeError(
            f"{name}{column} is a {type(x).__name__}, which NumPy cannot read ({error}): pass "
            f"{'an array' if column else array_code(x, name)}."
        ) from error


def as_python(value: Any) -> Any:
    """A scalar of PyArrow as Python's; everything else as it is."""
    return value.as_py() if hasattr(value, "as_py") else value
