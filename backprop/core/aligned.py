"""Arrays that begin where a line of the processor's cache does, which others do not.

NumPy's own begin 16 or 48 bytes after one: vector instructions then read and write across two
lines at every turn. Sums of two arrays in the cache take up to twice as long, products of few rows
a third longer.
"""

import math
from typing import Any

import numpy as np

from backprop.core.types import Array, Shape

LINE = 64
"""Bytes of a line."""

LARGE = 1 << 22
"""Bytes from which on NumPy asks for large pages, which are worth more than alignment."""


def empty(shape: Shape, dtype: Any) -> Array:
    """``np.empty``, aligned unless it is large or holds Python objects."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size >= LARGE or dtype.hasobject:
        return np.empty(shape, dtype)
    memory = bytearray(size + LINE)
    start = -np.frombuffer(memory, np.uint8).__array_interface__["data"][0] % LINE
    return np.ndarray(shape, dtype, memory, start)


def full(shape: Shape, value: float, dtype: Any) -> Array:
    """``np.full``, aligned unless it is large."""
    array = empty(shape, dtype)
    array.fill(value)
    return array
