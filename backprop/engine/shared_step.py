"""A recorded step that several threads make together, and the update of θ with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from numpy.lib.array_utils import byte_bounds

from backprop.core.parameters import Parameters
from backprop.engine.parts import Piece
from backprop.engine.schedule import Section, Touched, functions
from backprop.engine.team import team

BLOCK = 131072
"""Elements of θ that a thread updates at once: with fewer, threads wait for Python's lock."""

Call = Callable[[], Any]


class SharedStep:
    """Makes a step's sections, each thread its part of them.

    The last section, in which ∂E/∂W is computed, is left to ``update``: there each thread changes
    the stretch of θ whose gradient it has just computed, while that is in its cache.

    Args:
        sections: What ``schedule`` made of the calls of a step.
        parameters: θ and g.
        fuse: Whether ∂E/∂W may be left to ``update``; else g is whole before.

    Attributes:
        later: The addresses in g that ``update`` writes.
        apart: Whether θ is changed only when all of g is there, as clipping asks for, too.
    """

    apart = False

    def __init__(
        self, sections: Sequence[Section], parameters: Parameters, fuse: bool = True
    ) -> None:
        self._parameters = parameters
        self._start = byte_bounds(parameters.gradients)[0]
        *head, last = sections
        if fuse:
            rest, self._last = self._divide(last)
        else:
            head, rest, self._last = [*sections], [], [[] for _ in last]
        self._head = [functions(section) for section in head]
        self._rest = [call for part in functions(rest) for call in part]
        self.later = [span for part in self._last for piece in part for span in piece.writes]
        self._complete = False
        self._blocks: Any = None  # the optimizer's, when the programs were made
        self._programs: list[list[list[Call]]] = []

    def _divide(self, section: Section) -> tuple[Section, Section]:
        """What does not write g, and what does; all of the section if it cannot be divided so."""
        stop = byte_bounds(self._parameters.gradients)[1]

        def into_g(piece: Piece) -> bool:
            return all(self._start <= a and b <= stop for a, b in piece.writes)

        touched = Touched()
        for piece in (piece for part in section for piece in part if into_g(piece)):
            touched.add(piece)
        rest = [[piece for piece in part if not into_g(piece)] for part in section]
        if any(touched.hinders(piece) for part in rest for piece in part):
            return section, [[] for _ in section]
        return rest, [[piece for piece in part if into_g(piece)] for part in section]

    def gradients(self) -> None:
        """All of the step that the loss and the deltas need."""
        for parts in self._head:
            team.make(parts)
        for call in self._rest:
            call()

        self._complete = False

    def complete(self) -> None:
        """What is left of g, for those who want to look at it before ``update``."""
        if not self._complete:
            team.make(functions(self._last))
            self._complete = True

    def update(self, optimizer: Any) -> None:
        """What is left of g, and the optimizer's step."""
        if self._complete and not self.apart:
            optimizer.step(self._parameters)
            return
        blocks = optimizer.prepare(self._parameters)
        if blocks is not self._blocks:
            self._programs = self._plan(optimizer)
            self._blocks = blocks
        first, *others = self._programs
        if not self._complete:
            team.make(first)
        if optimizer.gathers:
            optimizer.gather(self._parameters)
        for program in others:
            team.make(program)
        optimizer.conclude(self._parameters)

    def _plan(self, optimizer: Any) -> list[list[list[Call]]]:
        """What each thread calls: what computes g, and the update of what it computed."""
        trained = self._parameters.trainable_slices()
        written = [[self._stretches(piece) for piece in part] for part in self._last]
        every = sorted({each for part in written for stretches in part for each in stretches})
        distinct = all(a[1] <= b[0] for a, b in pairwise(every))
        n = len(self._last)
        if optimizer.by_parameter:
            shares = whole(self._parameters, n)
            parts = [optimizer.blocks(self._parameters, share) for share in shares]
            updates: list[list[Call]] = [[partial(optimizer.change, part)] for part in parts]
            return [functions(self._last), updates]
        if self.apart or optimizer.gathers or not distinct:
            shares = [share(trained, n, k) for k in range(n)]
            return [functions(self._last), [self._updates(optimizer, each) for each in shares]]
        left = without(trained, every)
        programs = []
        for k, (part, stretches) in enumerate(zip(self._last, written, strict=True)):
            last = {each: i for i, found in enumerate(stretches) for each in found}
            own = [  # after the last piece that writes a stretch: what of it is trained
                [s for each in found if last[each] == i for s in common(trained, *each)]
                for i, found in enumerate(stretches)
            ]
            *own_updates, rest = self._updates(optimizer, *own, share(left, n, k))
            pairs = zip(part, own_updates, strict=True)
            programs.append(
                [f for piece, update in pairs for f in (piece.function, update)] + [rest]
            )
        return [programs]

    def _stretches(self, piece: Piece) -> list[tuple[int, int]]:
        """The elements of g that a piece writes."""
        size = self._parameters.gradients.itemsize
        return [((a - self._start) // size, (b - self._start) // size) for a, b in piece.writes]

    def _updates(self, optimizer: Any, *groups: list[slice]) -> list[Call]:
        """The update of each group of stretches of θ; they share their scratch memory."""
        stretches = [stretch for group in groups for stretch in group]
        blocks = optimizer.blocks(self._parameters, stretches, BLOCK)
        counts = [sum(-(-(s.stop - s.start) // BLOCK) for s in group) for group in groups]
        ends = [sum(counts[: k + 1]) for k in range(len(counts))]
        return [
            partial(optimizer.change, blocks[end - count : end])
            for count, end in zip(counts, ends, strict=True)
        ]


def common(stretches: Sequence[slice], start: int, stop: int) -> list[slice]:
    """What of the stretches lies between two elements."""
    both = [slice(max(s.start, start), min(s.stop, stop)) for s in stretches]
    return [each for each in both if each.start < each.stop]


def without(stretches: Sequence[slice], taken: Sequence[tuple[int, int]]) -> list[slice]:
    """What lies in the stretches but in none of those taken, which are sorted and distinct."""
    found, start = [], 0
    for a, b in [*taken, (sys.maxsize, sys.maxsize)]:
        found += common(stretches, start, a)
        start = b
    return found


def share(stretches: Sequence[slice], n: int, k: int) -> list[slice]:
    """The k-th of n equal shares of the elements in stretches."""
    total = sum(s.stop - s.start for s in stretches)
    a, b = total * k // n, total * (k + 1) // n
    found, seen = [], 0
    for s in stretches:
        start, stop = s.start + max(a - seen, 0), s.start + min(b - seen, s.stop - s.start)
        seen += s.stop - s.start
        if start < stop:
            found.append(slice(start, stop))
    return found


def whole(parameters: Parameters, n: int) -> list[list[slice]]:
    """The parameters that are trained in n groups of about as many elements, each in one group."""
    groups: list[list[slice]] = [[] for _ in range(n)]
    sizes = [0] * n
    trained = [slice(*bounds) for p, bounds in parameters.places() if p.trainable]
    for each in sorted(trained, key=lambda s: s.start - s.stop):  # the longest first
        k = sizes.index(min(sizes))
        groups[k].append(each)
        sizes[k] += each.stop - each.start
    return groups
