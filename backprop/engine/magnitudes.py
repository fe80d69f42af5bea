"""Whether what a recorded step writes into g is finite, told from as few numbers as possible.

A matrix product has fewer numbers in its factors than it makes multiplications, and often fewer
than its result has. By the Cauchy–Schwarz inequality |Σ_k a_ik b_kj| ≤ ‖A‖ ‖B‖, so that no element
of AB is nan or infinite, nor its square, if ‖A‖² ‖B‖² is below the largest number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.types import Array
from backprop.engine.parts import Interval, intervals
from backprop.engine.schedule import Intervals
from backprop.engine.tape import Call

FEW = 2048
"""Elements of g up to which one product with itself is quicker than a look at anything else."""


class Bound(NamedTuple):
    """A result in g whose squares are at most times · ‖factors[0]‖² ‖factors[1]‖² ⋯.

    Attributes:
        start: The first element of g that it writes.
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

    Attributes:
        known: Whether everything that is written later can be told from what is there before.
    """

    def __init__(self, calls: Sequence[Call], g: Array, later: Sequence[Interval] = ()) -> None:
        self._squares: list[Callable[[Array], Any]] = []
        self._vectors: list[Array] = []
        self._bounds: list[tuple[tuple[int, ...], float]] = []
        start, waiting = byte_bounds(g)[0], Intervals()
        waiting.add(later)
        at_once = Intervals()  # bytes of g that need not be looked at themselves
        others = Intervals()  # bytes of g that must be
        if later or g.size > FEW:
            bounds = list(bounds_of(calls, g, [] if later else calls, others))
            for bound in bounds:
                span = [(start + bound.start * g.itemsize, start + bound.stop * g.itemsize)]
                cheap = sum(v.size for v in bound.factors) < bound.stop - bound.start
                if others.meet(span) or not (cheap or waiting.meet(span)):
                    others.add(span)
            for bound in bounds:
                span = [(start + bound.start * g.itemsize, start + bound.stop * g.itemsize)]
                if not others.meet(span):
                    at_once.add(span)
                    self._bounds.append((tuple(map(self._number, bound.factors)), bound.times))
        self.known = all(covers(at_once, each) for each in later)
        for a, b in gaps(at_once, byte_bounds(g)):
            stretch = g[(a - start) // g.itemsize : (b - start) // g.itemsize]
            self._bounds.append(((self._number(stretch),), 1.0))
        if not self._bounds:
            self._bounds.append(((), 0.0))

    def _number(self, vector: Array) -> int:
        """Where ‖v‖² stands among the squares."""
        for k, other in enumerate(self._vectors):
            if other is vector or (
                byte_bounds(other) == byte_bounds(vector) and other.dtype == vector.dtype
            ):
                return k
        self._vectors.append(vector)
        self._squares.append(vector.dot)
        return len(self._vectors) - 1

    def below(self, limit: float) -> bool:
        """Whether no square of an element of g is above the limit; False if it may be."""
        if len(self._squares) == 1:
            return bool(self._squares[0](self._vectors[0]) < limit)
        pairs = zip(self._squares, self._vectors, strict=True)
        found = [float(square(vector)) for square, vector in pairs]
        for factors, bound in self._bounds:
            for k in factors:
                bound *= found[k]
            if not bound < limit:
                return False
        return True


def bounds_of(
    calls: Sequence[Call], g: Array, overwriting: Sequence[Call], others: Intervals
) -> list[Bound]:
    """A bound for every result in g that has one; the addresses of all else are added to others.

    Args:
        calls: The calls of a step.
        g: ∂E/∂θ.
        overwriting: Calls by which factors may be lost again.
        others: Gets more.
    """
    low, high = byte_bounds(g)
    found = []
    for k, call in enumerate(calls):
        spans = [(a, b) for a, b in intervals(call.out) if a < high and low < b]
        if not spans:
            continue
        factors, times = factors_of(call)
        kept = all(
            vector is not None and vector.dtype == g.dtype and not lost(vector, overwriting[k:])
            for vector in factors
        )
        if times and kept and call.out.flags.c_contiguous and len(spans) == 1:
            a, b = ((each - low) // g.itemsize for each in spans[0])
            found.append(Bound(a, b, tuple(v for v in factors if v is not None), times))
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


def lost(vector: Array, calls: Sequence[Call]) -> bool:
    """Whether one of the calls writes over any of it."""
    where = Intervals()
    where.add([byte_bounds(vector)])
    return any(where.meet(intervals(call.out)) for call in calls)


def covers(spans: Intervals, span: Interval) -> bool:
    """Whether all of a span lies in them."""
    return not gaps(spans, span)


def gaps(spans: Intervals, within: Interval) -> list[Interval]:
    """What of an interval lies in none of the spans."""
    found, at = [], within[0]
    for start, stop in [*spans, (within[1], within[1])]:
        start, stop = max(start, within[0]), min(stop, within[1])
        if at < start:
            found.append((at, start))
        at = max(at, stop)
    return found
