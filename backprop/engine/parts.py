"""Cuts recorded calls along the rows of a batch, so that several threads can each make a part.

Most calls compute every row of their result by itself: cut in two they give the same bits. Whether
a matrix product does depends on BLAS, which is tried on random numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, product
from math import gcd, lcm
from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array
from backprop.engine.intervals import Interval, along_axis, intervals
from backprop.engine.products import layout, rows_at_once, same_bits, way
from backprop.engine.tape import Call

CALL = 1e-6
ELEMENT, CACHED = 0.3e-9, 0.15e-9
MULTIPLICATION = 1 / 55e9
"""Seconds that a call takes, and in it a number, one that is still in a core's cache, or a
multiplication, in float32: roughly."""

CACHE = 1 << 19
"""Bytes up to which an array is likely to be still in the cache when the next call reads it."""

PACKING = 4
"""Rows that a product computes in the time in which it brings its right factor into order."""

MOST_AHEAD = 1 / 8
"""The share of the rows by which a part may be larger than the others at the most."""

Place = tuple[Interval, tuple[int, int]]


class Piece(NamedTuple):
    """A call, or a part of one.

    Attributes:
        function: Makes it.
        reads: The addresses between which it reads.
        writes: Those between which it writes.
        part: Which part of the rows it computes; None if the call could not be cut.
        seconds: About how long it takes.
    """

    function: Callable[[], Any]
    reads: tuple[Interval, ...]
    writes: tuple[Interval, ...]
    part: int | None
    seconds: float


class Cutter:
    """Cuts the calls of one step, one after the other.

    Args:
        n_rows: The rows of the batch.
        n_parts: How many parts to cut them into.
        places: Where memory lies that is used for some of the rows alone: the addresses between
            which it lies, and for which part of how many.
        ahead: How much larger the first part is than the others, as a share of all rows.
        step: What the rows of the batch in each part but the last are a multiple of.
    """

    def __init__(
        self,
        n_rows: int,
        n_parts: int,
        places: Sequence[Place] = (),
        ahead: float = 0.0,
        step: int = 1,
    ) -> None:
        self._n_rows, self._n_parts, self._step = n_rows, n_parts, step
        self._ahead = min(ahead, MOST_AHEAD)
        self._apart: dict[tuple[Interval, ...], int] = {}
        self._places = sorted(places)
        self._starts = [start for (start, _), _ in self._places]

    def cut(self, call: Call, made: Piece | None = None) -> list[Piece]:
        """The call in parts, or whole where that would change its bits.

        Args:
            call: A call of the step.
            made: The whole of it, if that is there.
        """
        made = made or whole(call)
        if call.function is np.add and (apart := _apart(call.inputs[0])):
            self._apart[made.writes] = apart
        place = self._place(made)
        return [made._replace(part=place)] if place is not None else self._parts(call) or [made]

    def _parts(self, call: Call) -> list[Piece]:
        """The parts of a call; none if it cannot be cut."""
        if any(isinstance(value, np.ndarray) for value in call.options.values()):
            return []
        match call.function:
            case "take" | "put":
                return self._indexed(call)
            case "dot" | np.matmul if is_product(call):
                return self._product(call)
            case "dot" if call.out.ndim == 1 and call.inputs[0].ndim == 2:
                return self._product(call)
            case "reduce" | "argmax":
                return self._reduction(call)
            case "copy" | np.matmul | np.ufunc(signature=None):
                return self._elementwise(call)
        return []

    def _place(self, piece: Piece) -> int | None:
        """The part for whose memory alone a call is, if it is."""
        for start, stop in (*piece.writes, *piece.reads) if self._places else ():
            k = bisect_right(self._starts, start) - 1
            if k >= 0 and stop <= self._places[k][0][1]:
                part, n = self._places[k][1]
                return part * self._n_parts // n
        return None

    def _bounds(self, rows: int, stack: bool = False) -> list[slice]:
        """The slices of so many rows that make the parts; only one if there are too few.

        They are cut where the samples are if each has several of the rows, such as steps or pixels,
        or if each row, a product in a stack, has several samples; else as those of ∂E/∂W.
        """
        n = self._n_parts if rows >= 2 * self._n_parts else 1
        bounds = [rows * b for b in cut(self._n_rows, n, self._step, self._ahead)]
        if rows % self._n_rows == 0 or (stack and not any(b % self._n_rows for b in bounds)):
            bounds = [b // self._n_rows for b in bounds]
        else:
            bounds = cut(rows, n, rows_at_once(), self._ahead)
        return [slice(a, b) for a, b in pairwise(bounds)]

    def _along(self, A: Array) -> int:
        """The axis of an array along which the samples lie: the first, or else the second."""
        first_two = A.shape[:2]
        if first_two[0] == self._n_rows or A.ndim < 2 or first_two[1] != self._n_rows:
            return 0
        return 0 if A.ndim == 2 and first_two[0] % self._n_rows == 0 else 1

    def _elementwise(self, call: Call) -> list[Piece]:
        """Every row by itself; operands of other shapes are broadcast to it."""
        out = call.out
        if out.ndim == 0:
            return []
        along = 0 if call.function is np.matmul else self._along(out)

        def part(value: Any, rows: slice) -> Any:
            axis = along - out.ndim + np.ndim(value)  # shapes are broadcast from the last axis on
            if not isinstance(value, np.ndarray) or axis < 0 or value.shape[axis] == 1:
                return value
            return along_axis(value, axis, rows)

        return _pieces(
            call._replace(
                inputs=tuple(part(value, rows) for value in call.inputs),
                out=along_axis(out, along, rows),
            )
            for rows in self._bounds(out.shape[along], stack=call.function is np.matmul)
        )

    def _reduction(self, call: Call) -> list[Piece]:
        """Every row by itself, unless the rows are what is reduced."""
        A = call.inputs[0]
        axis = call.options["axis"] if call.function == "reduce" else call.inputs[1]
        axes = axis if isinstance(axis, tuple) else (axis,)
        if A.ndim < 2 or call.out.ndim == 0 or None in axes:
            return []
        reduced = {each % A.ndim for each in axes}
        along = self._along(A)
        if along in reduced:
            return []
        kept = call.options.get("keepdims") or along == 0 or 0 not in reduced
        return _pieces(
            call._replace(
                inputs=(along_axis(A, along, rows), *call.inputs[1:]),
                out=along_axis(call.out, along if kept else 0, rows),
            )
            for rows in self._bounds(A.shape[along])
        )

    def _indexed(self, call: Call) -> list[Piece]:
        """Row by row: whole rows by their index, or one element of each by its flat index.

        Where flat indices were made by adding a column's index, which is checked before training,
        to where the rows begin, those of some rows touch only these.
        """
        put = call.function == "put"
        indices, flat = (call.inputs[0], call.out) if put else (call.inputs[1], call.inputs[0])
        apart = self._apart.get(intervals(indices)) if flat.ndim == 1 else None
        if not put and call.inputs[2] == 0 and np.ndim(indices) == 1 and flat.ndim > 1:
            return _pieces(
                call._replace(inputs=(flat, indices[rows], *call.inputs[2:]), out=call.out[rows])
                for rows in self._bounds(len(indices))
            )
        if apart is None or np.ndim(indices) == 0:
            return []
        pieces = []
        each = indices.size // len(indices)  # flat indices of a row of the batch
        bounds = self._bounds(len(indices))
        for k, rows in enumerate(bounds if len(bounds) > 1 else ()):
            near = flat[rows.start * each * apart : rows.stop * each * apart]
            if put:
                values = call.inputs[1]
                values = values[rows] if np.ndim(values) else values
                part = call._replace(inputs=(indices[rows], values, *call.inputs[2:]))
                reads = [*intervals(indices[rows]), *intervals(values), *intervals(near)]
                writes = intervals(near)
            else:
                part = call._replace(
                    inputs=(flat, indices[rows], *call.inputs[2:]), out=call.out[rows]
                )
                reads = [*intervals(indices[rows]), *intervals(near)]
                writes = intervals(call.out[rows])
            pieces.append(Piece(part.bind(), (*reads,), writes, k, seconds(part) / 2))
        return pieces

    def _product(self, call: Call) -> list[Piece]:
        """Rows of a matrix product, if they have the same bits in parts."""
        A, B = call.inputs
        bounds = self._bounds(len(A))
        parts = [
            call._replace(
                function=way(A[rows], call.function), inputs=(A[rows], B), out=call.out[rows]
            )
            for rows in bounds
        ]
        sizes = tuple(len(part.out) for part in parts)
        ways = tuple(part.function for part in parts)
        same = len(parts) > 1 and same_bits(call.function, layout(A), layout(B), sizes, ways)
        return _pieces(parts) if same else []


def cut(rows: int, n: int, step: int, ahead: float) -> list[int]:
    """Where n parts of so many rows begin and end: equal ones if there are few for such steps."""
    if not (ahead or step > 1) or n == 1 or rows < 2 * n * step:
        return [rows * k // n for k in range(n + 1)]
    steps = -(-rows // step)
    first = round(steps * (1 + (n - 1) * ahead) / n)
    return [0, *((first + (steps - first) * k // (n - 1)) * step for k in range(n - 1)), rows]


def best_step(calls: Iterable[Call], rows: int, n: int, ahead: float) -> int:
    """The step with which the products of a training step are cut best, on paper.

    BLAS computes some rows at once. Of a product of many rows for each sample, such as its steps or
    pixels, that allows for parts of more numbers of samples than of one with a row for each. A
    stack of products can be cut between these.
    """
    edge = rows_at_once()
    found = []
    for call in calls:
        size = len(call.out) if call.out.ndim else 0
        if is_product(call) and size % rows == 0:
            found.append((edge // gcd(edge, size // rows), seconds(call)))
        elif call.function is np.matmul and size and rows % size == 0:
            found.append((rows // size, seconds(call)))

    def cost(step: int) -> float:
        *bounds, _ = cut(rows, n, step, ahead)
        largest = max(b - a for a, b in pairwise((*bounds, rows)))
        return sum(
            time * (rows if any(bound % every for bound in bounds) else largest)
            for every, time in found
        )

    steps = {1, *(every for every, _ in found)}
    return min(sorted({lcm(*two) for two in product(steps, steps)}), key=cost)


def is_product(call: Call) -> bool:
    """Whether it is a product of matrices, whose bits depend on how BLAS computes its rows."""
    return call.function in ("dot", np.matmul) and call.out.ndim == call.inputs[0].ndim == 2


def _pieces(parts: Iterable[Call]) -> list[Piece]:
    """A piece for each of several parts."""
    parts = list(parts)
    return [_piece(part, k) for k, part in enumerate(parts)] if len(parts) > 1 else []


def whole(call: Call) -> Piece:
    """The call as one piece."""
    return _piece(call, None)


def _piece(call: Call, part: int | None) -> Piece:
    values = (*call.inputs, *call.options.values())
    reads = tuple(interval for value in values for interval in intervals(value))
    writes = intervals(call.out)
    if call.function in ("put", "at"):  # what they leave as it is counts as read
        reads += writes
    if call.function == "draw":  # which changes the generator, too
        writes += ((-id(call.inputs[0]) - 1, -id(call.inputs[0])),)
    return Piece(call.bind(), reads, writes, part, seconds(call))


def _apart(value: Any) -> int:
    """The step of an array of numbers at equal steps that nobody may write to; 0 for another."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "i" or value.flags.writeable:
        return 0
    numbers = value.reshape(-1)
    step = int(numbers[1]) if numbers.size > 1 else 0
    return step if np.array_equal(numbers, np.arange(0, step * numbers.size, step or 1)) else 0


def seconds(call: Call) -> float:
    """About how long a call takes."""
    size = max(int(getattr(value, "size", 1)) for value in (*call.inputs, call.out))
    scale = float(call.out.itemsize / 4)
    if call.function == "dot" or call.function is np.matmul:
        columns = call.out.size // max(len(call.out), 1) if call.out.ndim else 1
        work = (call.out.size + PACKING * columns) * int(call.inputs[0].shape[-1])
        return CALL + work * MULTIPLICATION * scale
    return CALL + size * scale * (CACHED if size * call.out.itemsize <= CACHE else ELEMENT)
