"""Shares the calls of a step out to threads: the same calls in an order that gives the same bits.

Each thread takes one part of the rows through the whole step. The threads wait for each other only
where one reads what another wrote. What needs the rows of all parts, such as ∂E/∂W = Xᵀ δ, is put
off, together with everything that needs it in turn, so that it waits once and not for every layer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, product
from operator import attrgetter
from typing import Any, NamedTuple

from backprop.core.types import Array
from backprop.engine.intervals import Interval, Intervals, intervals
from backprop.engine.parts import Cutter, Piece, Place, best_step, seconds, whole
from backprop.engine.tape import Call
from backprop.engine.team import make, team

BEGIN = 10e-6
"""Seconds until the first thread begins; the others begin later, by ``team.lateness()``, in which
the first wakes as well if it had to wait for them."""

WAIT = 3e-6
"""Seconds that a call waits for Python's lock while other threads make calls, too."""

LEAST, BRIEF = 240e-6, 10e-6
"""Seconds of a step, and of each of its calls on average, below which it stays on one thread."""

SHORT = 100e-6
"""Seconds up to which calls are left to one thread, while the others wait, if that is quicker. It
is tried for steps of up to twenty times as long."""

WORTH = 0.2
"""The share of a step's time that must be saved, on paper: where cores wake slowly, as some that
are lent do, all that was saved can be lost."""

MOST = 8000
"""Pieces up to which it is tried to share a step out, which takes some 0.1 ms a piece."""

Section = list[list[Piece]]  # the pieces of each thread

CHOSEN: dict[tuple[Any, ...], list[tuple[int, float]]] = {}
"""What was quickest for steps of a form: the number of parts, and the seconds of a call up to which
it is left whole; nothing if one thread was. The next ``fit`` need not try the rest."""

REMEMBERED = 64
"""Forms of steps."""


class Touched:
    """The addresses that some pieces read and write."""

    def __init__(self) -> None:
        self.reads, self.writes = Intervals(), Intervals()

    def add(self, piece: Piece) -> None:
        """Notes those of a piece."""
        self.reads.add(piece.reads)
        self.writes.add(piece.writes)

    def hinders(self, piece: Piece) -> bool:
        """Whether the piece must come after these."""
        writes = self.writes
        return (
            writes.meet(piece.reads) or writes.meet(piece.writes) or self.reads.meet(piece.writes)
        )


class Use(NamedTuple):
    """The last section in which memory was used, by which threads, and whether by a whole call."""

    section: int
    threads: frozenset[int]
    by_whole: bool


UNUSED = Use(0, frozenset(), False)


def latest(uses: Iterable[Use]) -> Use:
    """The last of them; of those of one section together."""
    found = UNUSED
    for use in uses:
        if use.section > found.section or not found.threads:
            found = use
        elif use.section == found.section:
            threads = found.threads | use.threads
            found = Use(found.section, threads, found.by_whole or use.by_whole)
    return found


class Memory:
    """How stretches of memory were used last: disjoint intervals in ascending order."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._uses: list[Use] = []

    def _places(self, interval: Interval) -> slice:
        """Where those stand that overlap with an interval."""
        return slice(bisect_right(self._stops, interval[0]), bisect_left(self._starts, interval[1]))

    def last(self, intervals: Iterable[Interval]) -> Iterator[Use]:
        """The uses of what overlaps with these intervals."""
        for interval in intervals:
            yield from self._uses[self._places(interval)]

    def note(self, intervals: Iterable[Interval], use: Use) -> None:
        """Adds a use of these intervals, which is no earlier than those before."""
        for start, stop in intervals:
            places = self._places((start, stop))
            there = zip(self._starts[places], self._stops[places], self._uses[places], strict=True)
            found: list[tuple[int, int, Use]] = []
            at = start
            for first, last, before in there:
                found += [(first, start, before), (at, first, use)]
                found.append((max(first, start), min(last, stop), latest((before, use))))
                found.append((stop, last, before))
                at = last
            found.append((at, stop, use))
            kept = [each for each in found if each[0] < each[1]]
            columns = zip(*kept, strict=True)
            self._starts[places], self._stops[places], self._uses[places] = map(list, columns)


def schedule(pieces: Sequence[Piece], n_threads: int) -> list[Section]:
    """Sections of a step: within one no thread touches what another writes.

    Each piece comes into the first section that it may be in, after all pieces that it needs.

    Args:
        pieces: The pieces of a step in the order in which one thread would make them.
        n_threads: How many threads there are.
    """
    late = team.lateness()
    sections: list[Section] = []
    times: list[list[float]] = []
    reads, writes = Memory(), Memory()
    for piece in pieces:
        before = latest((*writes.last((*piece.reads, *piece.writes)), *reads.last(piece.writes)))
        threads = [k for k in range(n_threads) if piece.part in (k, None)]
        free = [k for k in threads if before.threads <= {k}]
        # a part that followed a whole call at once would leave the other parts behind
        if not free or (piece.part is not None and before.by_whole):
            section, free = before.section + 1, threads
        else:
            section = before.section
        while len(sections) <= section:
            sections.append([[] for _ in range(n_threads)])
            times.append([late * (k > 0) for k in range(n_threads)])
        k = min(free, key=times[section].__getitem__)
        sections[section][k].append(piece)
        times[section][k] += piece.seconds
        use = Use(section, frozenset((k,)), piece.part is None)
        reads.note(piece.reads, use)
        writes.note(piece.writes, use)
    return sections


def hoisted(
    calls: Sequence[Call], batch: Iterable[Interval]
) -> tuple[list[Piece], list[tuple[Call, Piece]]]:
    """The calls that need nothing of the batch, such as draws and copies of W; and the others.

    Args:
        calls: The calls of a step in order.
        batch: Where its inputs, targets and weights lie.

    Returns:
        Whole pieces; those of the others with their calls.
    """
    before: list[Piece] = []
    others: list[tuple[Call, Piece]] = []
    touched = Touched()
    touched.writes.add(batch)
    for call in calls:
        piece = whole(call)
        if touched.hinders(piece):
            touched.add(piece)
            others.append((call, piece))
        else:
            before.append(piece)
    return before, others


def grouped(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of the same part as one piece, such as what is done in the memory of one part."""
    for part, group in groupby(pieces, key=attrgetter("part")):
        run = list(group)
        if part is None or len(run) == 1:
            yield from run
            continue
        touched = Touched()
        for piece in run:
            touched.add(piece)
        yield Piece(
            partial(make, [piece.function for piece in run]),
            (*touched.reads,),
            (*touched.writes,),
            part,
            sum(piece.seconds for piece in run) + WAIT * (len(run) - 1),
        )


def shared_out(
    calls: Sequence[Call],
    batch: Sequence[Array],
    n_threads: int,
    places: Sequence[Place] = (),
) -> list[Section] | None:
    """The calls of a step for several threads; None if one after the other would be as quick.

    Args:
        calls: The calls in order.
        batch: The arrays of the inputs, and of the targets and weights.
        n_threads: The most threads that there may be.
        places: Where memory lies that is used for some of the rows alone (see ``Cutter``).
    """
    finest = max((n for _, (_, n) in places), default=1)
    sizes = {n for n in (n_threads, finest) if n > 1 and len(calls) * n <= MOST}
    if not sizes:
        return None
    alone = sum(map(seconds, calls))
    best, least = None, (1 - WORTH) * alone
    if alone < max(LEAST, BRIEF * len(calls)):
        return None
    kinds = ((call.function, call.out.shape, call.out.dtype) for call in calls)
    form = (n_threads, len(batch[0]), len(places), *kinds)
    left = 0.0 if places or alone > 20 * SHORT else SHORT
    tried = CHOSEN.get(form, [*product(sizes, {0.0, left})])
    if not tried:
        return None
    before, others = hoisted(calls, [each for array in batch for each in intervals(array)])
    # the first thread makes up for the lateness of the others, in two sections of most steps
    ahead = 0.0 if places else 2 * team.lateness() / alone
    chosen: list[tuple[int, float]] = []
    for n, short in tried:
        step = 1 if places else best_step(calls, len(batch[0]), n, ahead)
        cutter = Cutter(len(batch[0]), n, places, ahead, step)
        pieces = [
            piece
            for call, made in others
            for piece in ([made] if made.seconds < short else cutter.cut(call, made))
        ]
        *head, last = schedule([*grouped(pieces)], n)
        sections = [*at_least_cost([[before], *(joined(each, n_threads) for each in head)])]
        sections.append(joined(last, n_threads))  # with which all threads update θ
        if duration(sections) < least:
            best, least, chosen = sections, duration(sections), [(n, short)]
    if len(CHOSEN) >= REMEMBERED:
        CHOSEN.clear()
    CHOSEN[form] = chosen
    return best


def joined(section: Section, n_threads: int) -> Section:
    """Parts that lie beside each other, one after the other on one thread."""
    n = len(section)
    threads = min(n, n_threads)
    return [
        [piece for part in section[n * k // threads : n * (k + 1) // threads] for piece in part]
        for k in range(threads)
    ]


def at_least_cost(sections: Iterable[Section]) -> Iterator[Section]:
    """The sections; those on one thread that are quicker so, and neighbours of these as one."""
    alone: list[Piece] = []
    for section in sections:
        pieces = [piece for part in section for piece in part]
        if duration([section]) < sum(piece.seconds for piece in pieces):
            if alone:
                yield [alone]
            yield section
            alone = []
        else:
            alone = [*alone, *pieces]
    if alone:
        yield [alone]


def duration(sections: Sequence[Section]) -> float:
    """About how many seconds the sections take."""
    total, late = 0.0, team.lateness()
    for section in sections:
        if sum(map(bool, section)) < 2:
            total += sum(piece.seconds for part in section for piece in part)
            continue
        first, *others = (sum(WAIT + piece.seconds for piece in part) for part in section)
        last = late + max(others)
        total += BEGIN + (first if first > last else last + late)
    return total


def functions(section: Section) -> list[list[Callable[[], Any]]]:
    """What each thread has to call."""
    return [[piece.function for piece in part] for part in section]
