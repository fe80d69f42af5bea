"""How objects of other libraries give what they hold: by columns, as an array, by slices.

No library but NumPy is named here. Frames of pandas, Polars and PyArrow are known by how they give
their columns; all else is read by ``np.asarray`` if it offers itself as an array, and never if it
does not: a data set with ``__len__`` and ``__getitem__`` alone would be read item by item.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np

from backprop.core.types import is_sparse

SEQUENCES = (list, tuple, range, deque, array, memoryview)
"""What holds its items in memory and says where they end."""

NUMBERS = "fiub"
"""The kinds of dtypes that are real numbers."""


def readable(x: Any) -> bool:
    """Whether x offers itself as an array, so that ``np.asarray`` reads it without guessing."""
    if isinstance(x, (*SEQUENCES, str, bytes, Number, np.generic)):
        return True
    ways = ("__array__", "__array_interface__", "__array_struct__", "__buffer__")
    return any(hasattr(type(x), way) for way in ways)


def read(x: Any) -> Any:
    """What has a way of its own to give all that it holds as an array; everything else as it is."""
    if all(hasattr(type(x), way) for way in ("__array__", "as_array")):
        return x.as_array()  # of Astropy's tables, whose masks NumPy forgets
    if readable(x) or is_sparse(x) or not hasattr(type(x), "__getitem__") or not is_shaped(x):
        return x
    found = x[:]  # PyTables' arrays
    return found if isinstance(found, np.ndarray) else x


def is_shaped(x: Any) -> bool:
    """Whether x says its shape, with an axis at least, and one of NumPy's dtypes."""
    if not isinstance(getattr(x, "dtype", None), np.dtype):
        return False  # and its shape, which a database would count, is not asked for
    shape = getattr(x, "shape", None)
    return isinstance(shape, tuple) and bool(shape)


def is_array(x: Any) -> bool:
    """Whether x says its shape and its dtype as arrays do: its class has a shape.

    A data set may keep a shape in an attribute of its own, such as that of its images.
    """
    return (hasattr(type(x), "shape") and hasattr(x, "dtype")) or is_shaped(x)


def columns_of(x: Any) -> Iterable[tuple[Any, Any]] | None:
    """The columns of a frame with their labels; None if x is none."""
    # pandas; tables of Astropy have iloc and columns, too
    if all(hasattr(x, name) for name in ("iloc", "columns", "dtypes")):
        return ((label, x.iloc[:, k]) for k, label in enumerate(x.columns))
    if hasattr(x, "iter_columns"):  # Polars
        return ((column.name, column) for column in x.iter_columns())
    if hasattr(x, "itercolumns") and hasattr(x, "column_names"):  # PyArrow
        return zip(x.column_names, x.itercolumns(), strict=True)
    return None


def is_of_numbers(x: Any) -> bool:
    """Whether x is a frame of pandas whose columns all hold numbers of NumPy's dtypes.

    It is read at once, where a look at each of its columns takes 150 µs for each.
    """
    if not (hasattr(x, "to_numpy") and hasattr(getattr(x, "dtypes", None), "iloc")):
        return False
    dtypes = set(x.dtypes)
    return all(isinstance(d, np.dtype) and d.kind in NUMBERS for d in dtypes) and bool(dtypes)


def by_number(x: Any) -> bool:
    """Whether x is a data set that gives its items by their numbers.

    A class that says how to iterate is asked for that, as by ``for``: it may shuffle there. So are
    PyTorch's iterable data sets, which inherit a ``__getitem__`` that raises an error. Not so one
    that is told of the end of an epoch, as Keras's are: those that ``ImageDataGenerator`` makes are
    iterators, which never end by themselves.
    """
    if readable(x) or isinstance(x, Mapping) or is_array(x):
        return False
    ways = ({"__getitem__", "__iter__"} & vars(kind).keys() for kind in type(x).__mro__)
    said = next(filter(None, ways), set())
    iterates = "__iter__" in said or isinstance(x, Iterator)
    numbered = "__getitem__" in said and (not iterates or has(x, "on_epoch_end"))
    return numbered and has(x, "__getitem__") and (has(x, "__len__") or hasattr(x, "num_batches"))


def batches_in(x: Any) -> Iterable[Any] | None:
    """An iterable itself, or the items of a data set by their numbers, each of them once.

    None if x is neither, or if the items are single samples, or have no end.
    """
    if not by_number(x):
        return x if isinstance(x, Iterable) else None
    n = len(x) if has(x, "__len__") else x.num_batches
    first = x[0] if n else None
    inputs: Any = first[0] if isinstance(first, list | tuple) and first else first
    return map(x.__getitem__, range(n)) if np.ndim(inputs) > 1 else None


def has(x: Any, method: str) -> bool:
    """Whether the class of x has a special method; a class itself is called to make one that does.

    None in its place says that it has not.
    """
    return getattr(type(x), method, None) is not None
