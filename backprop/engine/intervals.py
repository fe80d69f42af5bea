"""Where in memory arrays lie: intervals of addresses."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.types import Array

FEW = 64
"""Contiguous parts up to which an array with gaps is looked at part by part."""

Interval = tuple[int, int]


class Intervals:
    """Disjoint intervals in ascending order; those that overlap or touch are one."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    def add(self, intervals: Iterable[Interval]) -> None:
        """Unites them with more."""
        for start, stop in intervals:
            first = bisect_left(self._stops, start)
            last = bisect_left(self._starts, stop + 1)
            if first < last:
                start = min(start, self._starts[first])
                stop = max(stop, self._stops[last - 1])
            self._starts[first:last], self._stops[first:last] = [start], [stop]

    def __iter__(self) -> Iterator[Interval]:
        return zip(self._starts, self._stops, strict=True)

    def meet(self, intervals: Iterable[Interval]) -> bool:
        """Whether one of these overlaps with one of them."""
        for start, stop in intervals:
            k = bisect_left(self._stops, start + 1)
            if k < len(self._starts) and self._starts[k] < stop:
                return True
        return False


def along_axis(A: Array, axis: int, part: slice) -> Array:
    """Part of an array along one axis."""
    return A[(slice(None),) * axis + (part,)]


def intervals(value: Any) -> tuple[Interval, ...]:
    """The addresses between which an array lies; those of its few contiguous parts, if it has."""
    if not isinstance(value, np.ndarray) or not value.size:
        return ()
    flags = value.flags
    if flags.c_contiguous or flags.f_contiguous:
        start = value.__array_interface__["data"][0]
        return ((start, start + value.nbytes),)
    if value.ndim < 2:
        return (byte_bounds(value),)
    outer = max(range(value.ndim), key=value.strides.__getitem__)
    if value.shape[outer] > FEW:
        return (byte_bounds(value),)
    low, high = byte_bounds(along_axis(value, outer, slice(1)))
    step = value.strides[outer]
    return tuple((low + k * step, high + k * step) for k in range(value.shape[outer]))
