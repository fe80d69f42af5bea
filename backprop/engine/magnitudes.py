"""Whether what a recorded step writes into g is finite, told from as few numbers as possible.

A matrix product has fewer numbers in its factors than it makes multiplications, and often fewer
than its result has. By the Cauchy–Schwarz inequality |Σ_k a_ik b_kj| ≤ ‖A‖ ‖B‖, so that no element
of AB is nan or infinite, nor its square, if ‖A‖² ‖B‖² is below the largest number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.types import Array
from backprop.engine.intervals import Interval, Intervals, intervals
from backprop.engine.tape import Call

FEW = 8192
"""Elements of g up to which one product with itself is quicker than a look at anything else."""


class Bound(NamedTuple):
    """A result in g whose squares are at most times · ‖factors[0]‖² ‖factors[1]‖² ⋯.

    Attributes:
        start: The first address in g that it writes.
        stop: The one behind the last.
        factors: Vectors with the numbers that it is made of.
        times: A number.
    """

    start: int
    stop: int
    factors: tuple[Array, ...]
    times: float


class Magnitudes:
    """Looks at g after a recorded step, or at what is going to be written into it.

    Args:
        calls: The calls of the step.
        g: ∂E/∂θ.
        later: Addresses in g that are written when this has been looked at.
        known: Arrays with a bound of their ‖v‖², which hence nobody need compute: the inputs.

    Attributes:
        complete: Whether everything that is written later can be told from what is there before.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        g: Array,
        later: Sequence[Interval] = (),
        known: Sequence[tuple[Array, float]] = (),
    ) -> None:
        self._single: dict[tuple[int, int], tuple[Array, float]] = {}
        self._double: list[tuple[Array, Array, float]] = []
        start, waiting = byte_bounds(g)[0], Intervals()
        waiting.add(later)
        covered, others = Intervals(), Intervals()  # bytes of g that have a bound, or have none
        bounds = []
        if later or g.size > FEW:
            found = bounds_of(calls, g, not later, others)
            bounds = [with_known(bound, known) for bound in found]
        for bound in bounds:
            span = [(bound.start, bound.stop)]
            cheap = sum(v.nbytes for v in bound.factors) < bound.stop - bound.start
            if not (cheap or waiting.meet(span)):
                others.add(span)
        for bound in bounds:
            span = [(bound.start, bound.stop)]
            if not others.meet(span):
                covered.add(span)
                self._add(*bound.factors, times=bound.times)
        self.complete = not any(gaps(covered, each) for each in later)
        for a, b in gaps(covered, byte_bounds(g)):
            self._add(g[(a - start) // g.itemsize : (b - start) // g.itemsize], times=1.0)
        self._dots = [(vector.dot, vector, times) for vector, times in self._single.values()]

    def _add(self, *factors: Array, times: float) -> None:
        if len(factors) == 1:
            (vector,) = factors
            _, before = self._single.get(byte_bounds(vector), (vector, 0.0))
            self._single[byte_bounds(vector)] = vector, before + times
        elif factors:
            one, other = factors
            self._double.append((one, other, times))

    def function(self) -> Callable[[], Any]:
        """``square``, or the one product that it is."""
        if len(self._dots) == 1 and not self._double:
            dot, vector, times = self._dots[0]
            if times == 1:
                return partial(dot, vector)
        return self.square

    def square(self) -> float:
        """A number that no square of an element of g is above; nan or infinite if it may be so."""
        total = 0.0
        for dot, vector, times in self._dots:
            total += times * float(dot(vector))
        for one, other, times in self._double:
            total += times * float(one.dot(one)) * float(other.dot(other))
        return total


def with_known(bound: Bound, known: Sequence[tuple[Array, float]]) -> Bound:
    """The bound with numbers in the place of the factors that are known, or are constants."""
    left, times = [], bound.times
    for vector in bound.factors:
        squares = [s for array, s in known if byte_bounds(array) == byte_bounds(vector)]
        if not vector.flags.writeable:
            squares.append(float(np.vdot(vector, vector)))
        if squares:
            times *= squares[0]
        else:
            left.append(vector)
    return bound._replace(factors=tuple(left), times=times)


def bounds_of(calls: Sequence[Call], g: Array, overwrites: bool, others: Intervals) -> list[Bound]:
    """A bound for every result in g that has one; the addresses of all else are added to others.

    Args:
        calls: The calls of a step.
        g: ∂E/∂θ.
        overwrites: Whether the step may write over factors before they are looked at.
        others: Gets more.
    """
    low, high = byte_bounds(g)
    written = [intervals(call.out) for call in calls]
    found = []
    for k, call in enumerate(calls):
        spans = [(a, b) for a, b in written[k] if a < high and low < b]
        if not spans:
            continue
        factors, times = factors_of(call)
        kept = all(
            vector is not None
            and vector.dtype == g.dtype
            and not (overwrites and lost(vector, written[k:]))
            for vector in factors
        )
        if times and kept and call.out.flags.c_contiguous and len(spans) == 1:
            found.append(Bound(*spans[0], tuple(v for v in factors if v is not None), times))
        else:
            others.add(spans)
    return found


def factors_of(call: Call) -> tuple[list[Array | None], float]:
    """The vectors of a bound, and its number; 0 where a call has none."""
    match call.function:
        case "dot":
            return [flat(value) for value in call.inputs], 1.0
        case "copy" if not isinstance(call.inputs[0], np.ndarray):
            return [], 1.0
        case "at" if call.inputs[-1] is np.add:  # (Σ of n numbers)² ≤ n Σ of their squares
            values = call.inputs[1]
            return [flat(values)], float(np.size(values))
    return [], 0.0


def flat(value: Any) -> Array | None:
    """The numbers of a contiguous array as a vector, without copying them; else None."""
    if not isinstance(value, np.ndarray) or not value.size:
        return None
    if value.flags.c_contiguous:
        return value.reshape(-1)
    return value.T.reshape(-1) if value.flags.f_contiguous else None


def lost(vector: Array, written: Sequence[Sequence[Interval]]) -> bool:
    """Whether one of the calls that wrote these addresses wrote over any of it."""
    where = Intervals()
    where.add([byte_bounds(vector)])
    return any(map(where.meet, written))


def gaps(spans: Intervals, within: Interval) -> list[Interval]:
    """What of an interval lies in none of the spans."""
    found, at = [], within[0]
    for start, stop in [*spans, (within[1], within[1])]:
        start, stop = max(start, within[0]), min(stop, within[1])
        if at < start:
            found.append((at, start))
        at = max(at, stop)
    return found
