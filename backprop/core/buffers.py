"""Allocates arrays that start on a cache-line boundary, and keeps those that every step uses again.

NumPy's own arrays start 16 or 48 bytes after a boundary, so that vector instructions read and write
across two cache lines each time. A sum of two arrays in the cache then takes up to twice as long, a
product of few rows a third longer.
"""

import math
from typing import Any

import numpy as np

from backprop.core.errors import check_room
from backprop.core.spare import spare_memory
from backprop.core.types import Array, Shape

LINE = 64
"""Bytes of a cache line."""

LARGE = 1 << 22
"""Bytes. Larger arrays are left to NumPy, whose large pages gain more than alignment does."""


def new_array(shape: Shape, dtype: Any) -> Array:
    """``np.empty``, aligned unless it is large or holds Python objects."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size >= LARGE:
        check_room(shape, "a result would be an array")
    spare = spare_memory(size)
    if dtype.hasobject or (spare is None and size >= LARGE):
        return np.empty(shape, dtype)
    memory = bytearray(size + LINE) if spare is None else spare.block(size + LINE)
    start = -np.frombuffer(memory, np.uint8).__array_interface__["data"][0] % LINE
    return np.ndarray(shape, dtype, memory, start)


def aligned(A: Array) -> Array:
    """A copy that starts on a cache-line boundary, unless it is large."""
    copy = new_array(A.shape, A.dtype)
    copy[...] = A
    return copy


def filled_array(shape: Shape, value: float, dtype: Any) -> Array:
    """``np.full``, aligned unless it is large."""
    array = new_array(shape, dtype)
    array.fill(value)
    return array


def writable(value: Any) -> Any:
    """The value, in which a copy takes the place of every array that cannot be written.

    What another process sent may lie in memory for reading alone: joblib, Ray and Dask share it,
    or map a file.
    """
    if isinstance(value, np.memmap):
        return np.array(value)
    if isinstance(value, np.ndarray):
        return value if value.flags.writeable else value.copy()
    if type(value) in (dict, list):
        places = value.items() if type(value) is dict else enumerate(value)
        for place, each in list(places):
            if isinstance(each, np.ndarray | dict | list):
                value[place] = writable(each)
    return value


class Buffers:
    """Named arrays for the results of a training step, used again in the next.

    Attributes:
        place: Which part of a batch they are for, and of how many; None if of all of it.
    """

    new_array = staticmethod(new_array)

    def __init__(self, place: tuple[int, int] | None = None) -> None:
        self.place = place
        self._arrays: dict[tuple[str, Shape], Array] = {}
        self._parts: dict[tuple[int, int], Buffers] = {}

    def part(self, k: int, n: int) -> "Buffers":
        """Buffers for the k-th of n parts of a batch; nobody else writes into them."""
        return self._parts.setdefault((k, n), Buffers((k, n)))

    @property
    def children(self) -> "list[Buffers]":
        """Those for parts of a batch."""
        return list(self._parts.values())

    def get(self, name: str, shape: Shape, dtype: Any) -> Array:
        """The array of that name and shape.

        A smaller batch, such as the last of an epoch, gets the first rows of a larger one's array.
        """
        found = self._arrays.get((name, shape))
        if found is None or found.dtype != dtype:
            found = self._make(name, shape, dtype)
        return found

    def arrays(self) -> list[Array]:
        """All of the arrays, but not those of its parts."""
        return list(self._arrays.values())

    def clear(self) -> None:
        """Forgets all arrays."""
        self._arrays.clear()
        self._parts.clear()

    def _make(self, name: str, shape: Shape, dtype: Any) -> Array:
        mine = [key for key in self._arrays if key[0] == name]
        for key in mine:
            base = self._arrays[key]
            if key[1][1:] == shape[1:] and key[1][0] >= shape[0] and base.dtype == dtype:
                view = base[: shape[0]]
                if len(mine) < 8:
                    self._arrays[name, shape] = view
                return view
        for key in mine:  # none is large enough: let them go
            del self._arrays[key]
        array = self._arrays[name, shape] = self.new_array(shape, dtype)
        return array

    def __getstate__(self) -> dict[str, Any]:
        """A copy may be made while another thread adds arrays: of dicts of its own."""
        return {**vars(self), "_arrays": self._arrays.copy(), "_parts": self._parts.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(writable(state))
