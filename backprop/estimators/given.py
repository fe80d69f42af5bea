"""What scikit-learn's checks would read wrongly without a word, or for ever: found before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np

from backprop.core.array_errors import (
    check_no_gap,
    check_one_kind,
    check_present,
    describe,
    one_array,
    refuse_gap,
    refuse_kind,
)
from backprop.core.arrays import (
    as_numbers,
    asarray,
    check_items,
    from_objects,
    is_masked,
    is_number,
    is_vector,
    to_array,
    unmasked,
)
from backprop.core.errors import ShapeError
from backprop.core.ranges import check_overflow, check_weights
from backprop.core.readable import columns_of, is_of_numbers, read, readable
from backprop.core.types import Array, is_sparse
from backprop.data.inputs import check_indices
from backprop.estimators.scikit import check_sample_weight, validate_data


def check_given(x: Any, name: str, numbers: bool = True) -> None:
    """Refuses masked entries, dates in the place of numbers, and what has no end to be read to.

    ``np.asarray``, by which scikit-learn reads, forgets a mask, takes dates for numbers, and asks
    an object with ``__len__`` and ``__getitem__`` for items until there is no memory left.

    Args:
        x: Samples, targets or weights as they were passed.
        name: The argument's name, for error messages.
        numbers: Whether they must be numbers; labels may be dates.

    Raises:
        ValueError: Something is masked, or missing in a table of PyArrow, or beyond the last column
            of a sparse matrix.
        TypeError: There are dates or records, or x gives its items one by one.
    """
    if getattr(getattr(x, "dtype", None), "names", None):
        code = f"{name}.to_pandas()" if hasattr(x, "to_pandas") else f"pandas.DataFrame({name})"
        raise TypeError(
            f"{name} is an array of records, which scikit-learn does not read: pass a frame, "
            f"{code}."
        )
    if hasattr(x, "combine_chunks"):
        check_gaps(x, name)
    if is_sparse(x):
        check_indices(x, name)
    elif is_masked(x):
        unmasked(x, name)
    elif isinstance(x, list | tuple | deque):
        check_items(x, name, deep=False)
    elif is_of_numbers(x):
        return
    elif columns_of(x) is not None:
        for label, column in columns_of(first_row(x)) or ():
            check_kind(column, name, f"its column {label!r}")
        return
    elif hasattr(type(x), "__getitem__") and not (isinstance(x, Mapping) or readable(x)):
        raise TypeError(f"{name} must be an array, but it is {describe(x, name)}")
    if numbers and all(hasattr(type(x), way) for way in ("__array__", "__getitem__")):
        check_kind(first_row(x), name, "it")


def check_dense(x: Any, name: str) -> None:
    """Refuses a sparse matrix, with what makes an array of it."""
    if is_sparse(x):
        to_array(x, name)  # raises


def first_row(x: Any) -> Any:
    """The first row of an array or a frame; all of what cannot be cut, such as frames of Dask."""
    with suppress(Exception):
        return x[:1] if np.ndim(x) else x
    return x


def as_given(x: Any, name: str, numbers: bool = True) -> Any:
    """What passed ``check_given``; a column of vectors as an array with a row for each.

    Raises:
        ShapeError: The vectors differ in length, or stand in a column of a frame.
        ValueError: A label is missing.
    """
    x = x if getattr(getattr(x, "dtype", None), "names", None) else as_table(read(x))
    check_given(x, name, numbers)
    x = x if numbers else as_labels(x, name)
    if isinstance(x, list | tuple) or is_sparse(x) or is_of_numbers(x):
        return x
    columns = columns_of(first_row(x)) if columns_of(x) is not None else [(None, x)]
    if not any(holds_vectors(column) for _, column in columns or ()):
        return x
    found = to_array(x, name)
    if len(getattr(x, "shape", ())) > 1:
        code = f"{one_array(x, name)}.reshape(len({name}), -1)"
        raise ShapeError(
            f"{name} must have one number in each row of a column, but its columns hold arrays of "
            f"shape {found.shape[2:]}: pass {code} instead."
        )
    return found


def as_table(x: Any) -> Any:
    """A record batch of PyArrow as a table, of which scikit-learn knows the columns' names."""
    if not hasattr(x, "itercolumns") or hasattr(x, "combine_chunks"):  # or a table already
        return x
    return x.schema.empty_table().from_batches([x])


def as_labels(y: Any, name: str) -> Any:
    """Labels that scikit-learn can sort: numbers among objects as numbers, text as Python's.

    Raises:
        ValueError: One is missing, or samples have several labels each, but not as many.
        TypeError: They are of several kinds, or neither text nor numbers nor dates.
    """
    if is_sparse(y):
        if len(y.shape) < 2 or y.shape[0] == 1 < y.shape[1]:  # it was made of a vector
            check_dense(y, name)
        return y
    try:
        found = np.asarray(y)
    except ValueError:  # rows of different lengths
        return to_array(y, name)  # which says so
    except Exception:  # of other libraries
        found = asarray(y, name)  # which says what it cannot read
    if found.dtype.kind in "mM":
        check_present(found, name)
    if found.dtype.kind in "US" and isinstance(y, list | tuple):  # of which NumPy makes text
        check_present(np.asarray(y, object), name)
    if found.dtype.kind == "T":  # which scikit-learn does not know
        y = found = found.astype(object)
    if found.dtype.kind == "O" and any(map(is_sparse, found.flat[:1])):
        return to_array(found, name)  # which says so
    if found.dtype.kind != "O" or not found.ndim:
        return y
    check_no_gap(found, name)
    kinds = set(map(type, found.flat))
    if all(map(is_number, kinds)):
        return from_objects(found, name)
    if not any(map(is_vector, kinds)):
        check_one_kind(found, name)
    return y


def holds_vectors(column: Any) -> bool:
    """Whether the first entry of a column, or of an array of objects, is a vector."""
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return False
    if not all(hasattr(type(column), way) for way in ("__array__", "__getitem__")):
        return False
    if not np.ndim(column):
        return False
    first = np.asarray(first_row(column))
    if first.ndim > len(getattr(column, "shape", first.shape)):  # of vectors of one length
        return True
    return first.dtype.kind == "O" and any(is_vector(type(v)) for v in first.flat)


def check_gaps(x: Any, name: str) -> None:
    """Refuses gaps in a table or column of PyArrow: NumPy may be given other entries for them."""
    for label, column in columns_of(x) or [(None, x)]:
        if column.null_count:
            where = f"row {np.asarray(column.is_null()).argmax()}"
            refuse_gap(name, "None", where if label is None else f"{where}, column {label!r}")


def check_kind(x: Any, name: str, what: str) -> None:
    """Refuses dates and lengths of time."""
    found = asarray(x, name)
    if found.dtype.kind in "mM":
        refuse_kind(found, f"{name} must hold numbers, but ", what)


def validated(estimator: Any, X: Any, *y: Any, **rules: Any) -> Any:
    """What scikit-learn's check makes of samples, with errors that name the column at fault.

    Its own errors, such as "could not convert string to float", say neither where nor what to do.
    Those about arrays that it wants of every estimator stay as they are; of images it is told how
    they become rows, and images again.
    """
    try:
        found = validate_data(estimator, X, *y, **rules)
    except (TypeError, ValueError, RuntimeError) as error:
        # text, or a vector beside text; scikit-learn's own check wants NumPy's TypeError of others
        odd = isinstance(error, ValueError) and ("string" in str(error) or "sequence" in str(error))
        if odd or not isinstance(X, np.ndarray):
            as_numbers(X, "X", sparse=True)
        if len(shape := tuple(getattr(X, "shape", ()))) > 2:
            code = "X.reshape(len(X), -1)"
            if hasattr(estimator, "build"):
                code += f"; layers for images or sequences then begin with Reshape({shape[1:]})"
            error.args = (f"{error} Samples are rows: pass {code}.",)
        raise
    samples = found[0] if y else found
    if samples.dtype.kind == "O":
        as_numbers(X, "X")
    if samples.dtype.kind in "iub" and "dtype" in rules:  # of a frame with sparse columns
        samples = samples.astype(np.float64)
    # a frame of big-endian columns, as astronomers' FITS files have them, comes back as such
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return (samples, *found[1:]) if y else samples


def check_weight(weight: Any, X: Array) -> Array | None:
    """The weights of samples as scikit-learn reads them, if it reads what is meant."""
    if weight is None:
        return None
    weight = read(weight)
    check_given(weight, "sample_weight")
    given = np.asarray(weight) if isinstance(weight, Real) else as_numbers(weight, "sample_weight")
    dtype = np.promote_types(X.dtype, np.float32)
    if given.ndim:
        check_overflow(given, "sample_weight holds", dtype)
    found: Array = check_sample_weight(given if given.ndim else weight, X, dtype=dtype)
    return found


def of_mean_1(weight: Array | None) -> Array | None:
    """w N / Σ w, so that the loss is a mean in which samples count by their weights.

    Raises:
        ValueError: All are 0, or one is negative.
    """
    if weight is None:
        return None
    weight = check_weights(weight, weight.dtype)
    mean = weight.mean()
    if mean == 0:
        raise ValueError("all sample weights are 0: nothing can be learnt from these samples.")
    scaled: Array = weight / mean
    return scaled
