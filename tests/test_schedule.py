"""Calls shared out to threads: every order that it allows gives the same numbers."""

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from backprop.engine.intervals import Intervals, intervals
from backprop.engine.parts import Cutter, Piece
from backprop.engine.schedule import (
    BEGIN,
    WAIT,
    Touched,
    at_least_cost,
    duration,
    grouped,
    hoisted,
    schedule,
    shared_out,
)
from backprop.engine.tape import Call
from backprop.engine.team import team
from backprop.engine.threads import single_blas_threads

LATE = 25e-6


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """BLAS has one thread, as in a training loop, and others begin late on every machine alike."""
    monkeypatch.setattr(team, "_lateness", LATE)
    monkeypatch.setattr("backprop.engine.schedule.CHOSEN", {})
    with single_blas_threads():
        yield


def test_intervals_unite_and_meet() -> None:
    found = Intervals()
    found.add([(10, 20), (30, 40), (20, 25)])
    for interval, meets in {
        (0, 10): False,
        (0, 11): True,
        (24, 26): True,
        (25, 30): False,
        (39, 50): True,
        (40, 50): False,
    }.items():
        assert found.meet([interval]) is meets, interval
    found.add([(5, 60)])
    assert (found._starts, found._stops) == ([5], [60])


def test_intervals_as_sets_of_numbers(rng: np.random.Generator) -> None:
    for _ in range(50):
        found, numbers = Intervals(), set()
        for _ in range(20):
            start, length = int(rng.integers(0, 90)), int(rng.integers(1, 9))
            assert found.meet([(start, start + length)]) == bool(
                numbers & set(range(start, start + length))
            )
            found.add([(start, start + length)])
            numbers |= set(range(start, start + length))


def network(rng: np.random.Generator) -> tuple[list[Call], list[np.ndarray]]:
    """Two layers forward, a sum over the batch, and back with both gradients."""
    X, W, V = rng.standard_normal((8, 4)), rng.standard_normal((4, 6)), rng.standard_normal((6, 3))
    Z, A, Y, s = np.empty((8, 6)), np.empty((8, 6)), np.empty((8, 3)), np.empty(())
    D, dA, dV, dW = np.empty((8, 3)), np.empty((8, 6)), np.empty((6, 3)), np.empty((4, 6))
    options = {"axis": None, "dtype": None, "keepdims": False}
    return [
        Call("dot", (X, W), Z, {}, {}),
        Call(np.tanh, (Z,), A, {}, {}),
        Call("dot", (A, V), Y, {}, {}),
        Call("reduce", (Y, np.add), s, options, {}),
        Call(np.subtract, (Y, s), D, {}, {}),  # every row needs the whole batch
        Call("dot", (A.T, D), dV, {}, {}),
        Call("dot", (D, V.T), dA, {}, {}),
        Call(np.multiply, (dA, A), dA, {}, {}),
        Call("dot", (X.T, dA), dW, {}, {}),
    ], [Z, A, Y, s, D, dA, dV, dW]


@pytest.mark.parametrize("n", [2, 3])
def test_threads_may_be_late_in_any_section(n: int, rng: np.random.Generator) -> None:
    calls, results = network(rng)
    for call in calls:
        call.bind()()
    expected = [result.copy() for result in results]
    cutter = Cutter(8, n)
    sections = schedule([piece for call in calls for piece in cutter.cut(call)], n)
    for order in itertools.permutations(range(n)):
        for result in results:
            result.fill(np.nan)
        for section in sections:
            for k in order:
                for piece in section[k]:
                    piece.function()
        for result, right in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result, right)


def section_by_section(pieces: list[Piece], n: int) -> list[list[list[Piece]]]:
    """The same as ``schedule``, as its rules are said: all pieces are tried for each section."""
    sections, left = [], pieces
    while left:
        section: list[list[Piece]] = [[] for _ in range(n)]
        touched, seconds = [Touched() for _ in section], [LATE * (k > 0) for k in range(n)]
        whole, later, put_off = Touched(), Touched(), []
        for piece in left:
            free = {k for k in range(n) if piece.part in (k, None)}
            free &= {k for k in free if not any(t.hinders(piece) for t in others(touched, k))}
            if later.hinders(piece) or (piece.part is not None and whole.hinders(piece)):
                free = set()
            if not free:
                later.add(piece)
                put_off.append(piece)
                continue
            k = min(sorted(free), key=seconds.__getitem__)
            section[k].append(piece)
            touched[k].add(piece)
            if piece.part is None:
                whole.add(piece)
            seconds[k] += piece.seconds
        sections.append(section)
        left = put_off
    return sections


def others(every: list[Touched], k: int) -> list[Touched]:
    return every[:k] + every[k + 1 :]


def test_each_piece_comes_into_the_first_section_that_it_may_be_in(
    rng: np.random.Generator,
) -> None:
    def some(least: int) -> tuple[tuple[int, int], ...]:
        starts = rng.integers(0, 60, rng.integers(least, 3)).tolist()
        return tuple((a, a + int(rng.integers(1, 12))) for a in starts)

    for _ in range(500):
        n = int(rng.integers(1, 4))
        pieces = [
            Piece(print, some(0), some(1), int(k) if k < n else None, float(rng.random()))
            for k in rng.integers(0, n + 1, rng.integers(1, 25))
        ]
        assert schedule(pieces, n) == section_by_section(pieces, n)


def test_gradients_of_weights_wait_once(rng: np.random.Generator) -> None:
    calls, _ = network(rng)
    del calls[3:5]
    calls.insert(3, Call("copy", (calls[2].out,), calls[3].inputs[1], {}, {}))
    cutter = Cutter(8, 2)
    sections = schedule([piece for call in calls for piece in cutter.cut(call)], 2)
    assert [[len(part) for part in section] for section in sections] == [[6, 6], [2, 2]]


def test_a_small_step_stays_on_one_thread(rng: np.random.Generator) -> None:
    calls, _ = network(rng)
    assert shared_out(calls, [calls[0].inputs[0]], 2) is None


def test_a_large_step_is_shared_out(rng: np.random.Generator) -> None:
    X, W = rng.standard_normal((512, 512)), rng.standard_normal((512, 512))
    sections = shared_out([Call("dot", (X, W), np.empty((512, 512)), {}, {})], [X], 2)
    assert sections is not None
    (product,) = sections
    assert [piece.part for part in product for piece in part] == [0, 1]
    assert duration(sections) < 0.7 * sum(p.seconds for part in product for p in part)


def test_the_time_of_a_section() -> None:
    def piece(part: int | None, seconds: float) -> Piece:
        return Piece(print, (), (), part, seconds)

    alone = [[piece(None, 1.0), piece(None, 2.0)], []]
    assert duration([alone]) == 3.0
    waited_for = [[piece(0, 1.0)], [piece(1, 1.0), piece(1, 0.5)]]
    assert duration([waited_for]) == pytest.approx(BEGIN + 2 * LATE + 1.5 + 2 * WAIT, abs=1e-12)
    first_is_last = [[piece(0, 1.0)], [piece(1, 0.5)]]
    assert duration([first_is_last, alone]) == pytest.approx(BEGIN + 1 + WAIT + 3, abs=1e-12)


def test_sections_of_little_work_are_left_to_one_thread() -> None:
    def piece(part: int, seconds: float) -> Piece:
        return Piece(print, (), (), part, seconds)

    long, brief = ([[piece(0, each)], [piece(1, each)]] for each in (1.0, 1e-9))
    twice = [[*brief[0], *brief[1]] * 2]
    once = [[*brief[0], *brief[1]]]
    assert [*at_least_cost([brief, brief, long, brief])] == [twice, long, once]


def test_pieces_of_one_part_are_planned_as_one() -> None:
    made: list[int] = []
    memory = [((0, 8), (8, 16)), ((8, 16), (32, 40)), ((64, 72), (40, 48))]
    first, second, third = (
        Piece(partial(made.append, k), memory[k][:1], memory[k][1:], 1, 1.0) for k in range(3)
    )
    whole = first._replace(part=None)
    pieces = [*grouped([whole, whole, first, second, third, whole])]
    assert [*pieces[:2], *pieces[3:]] == [whole] * 3
    one = pieces[2]
    assert (one.reads, one.writes, one.part) == (((0, 16), (64, 72)), ((8, 16), (32, 48)), 1)
    assert one.seconds == pytest.approx(3.0 + 2 * WAIT, abs=1e-12)
    one.function()
    assert made == [0, 1, 2]


def perceptron(units: int, rows: int) -> tuple[list[Call], list[np.ndarray]]:
    """A wide product, what one thread does quickly, and the gradient of the weights."""
    rng = np.random.default_rng(0)
    X, W, V = (
        rng.standard_normal(shape).astype("f4")
        for shape in [(rows, 784), (784, units), (units, 10)]
    )
    Z, Y, dZ, dW = (
        np.empty(shape, "f4") for shape in [(rows, units), (rows, 10), (rows, units), (784, units)]
    )
    between = [Call(np.tanh, (Z,), Z, {}, {}), Call("dot", (Z, V), Y, {}, {})]
    between += [Call(np.add, (Y, Y), Y, {}, {}) for _ in range(20)]
    between += [Call("dot", (Y, V.T), dZ, {}, {})]
    calls = [Call("dot", (X, W), Z, {}, {}), *between, Call("dot", (X.T, dZ), dW, {}, {})]
    return calls, [X]


def test_short_calls_are_left_to_one_thread() -> None:
    sections = shared_out(*perceptron(128, 128), 2)
    assert sections is not None
    assert [[len(part) for part in section] for section in sections] == [[1, 1], [23], [1, 1]]
    assert [piece.part for part in sections[0] for piece in part] == [0, 1]


@pytest.mark.parametrize(("units", "tried"), [(128, 2), (20, 0)])
def test_what_was_quickest_is_remembered(
    units: int, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same sections, cut once; a step that stays on one thread is not looked at again."""
    monkeypatch.setattr("backprop.engine.schedule.LEAST", 0.0)
    monkeypatch.setattr("backprop.engine.schedule.BRIEF", 0.0)
    made: list[int] = []
    monkeypatch.setattr("backprop.engine.schedule.Cutter", lambda *a: made.append(1) or Cutter(*a))
    monkeypatch.setattr(
        "backprop.engine.schedule.hoisted", lambda *a: made.append(1) or hoisted(*a)
    )
    first = shared_out(*perceptron(units, 128), 2)
    made.clear()
    again = shared_out(*perceptron(units, 128), 2)
    assert len(made) == tried
    assert (first is None) == (again is None) == (tried == 0)
    if first is not None and again is not None:
        counts = [[[len(part) for part in section] for section in each] for each in (first, again)]
        assert counts[0] == counts[1]


def test_a_large_step_leaves_none_to_one_thread() -> None:
    sections = shared_out(*perceptron(1024, 1024), 2)
    assert sections is not None
    assert [[len(part) for part in section] for section in sections] == [[24, 24], [1, 1]]


def test_the_first_thread_gets_more_rows_since_the_others_are_late() -> None:
    sections = shared_out(*perceptron(128, 128), 2)
    assert sections is not None
    first, second = (part[0].seconds for part in sections[0])
    assert first > 1.1 * second


def test_many_brief_calls_stay_on_one_thread_and_are_not_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backprop.engine.schedule.Cutter", None)
    A, B = np.ones((32, 64), "f4"), np.empty((32, 64), "f4")
    calls = [Call(np.tanh, (A,), B, {}, {}) for _ in range(1000)]
    assert shared_out(calls, [A], 2) is None


def test_a_thread_that_begins_late_gets_no_call_that_the_first_makes_sooner() -> None:
    def whole(k: int, seconds: float) -> Piece:
        return Piece(print, (), ((k, k + 1),), None, seconds)

    for seconds, counts in ((0.4 * LATE, [3, 0]), (2 * LATE, [2, 1])):
        (section,) = schedule([whole(k, seconds) for k in range(3)], 2)
        assert [len(part) for part in section] == counts


def test_calls_that_need_nothing_of_the_step_come_first(rng: np.random.Generator) -> None:
    calls, _ = network(rng)
    mask = np.empty((8, 6))
    calls.insert(2, Call("draw", (rng, "random"), mask, {}, {}))
    calls.insert(3, Call(np.multiply, (calls[1].out, mask), calls[1].out, {}, {}))
    cutter = Cutter(8, 2)
    before, others = hoisted(calls, intervals(calls[0].inputs[0]))
    assert [piece.writes[:1] == intervals(mask) for piece in before] == [True]
    pieces = [piece for call, made in others for piece in cutter.cut(call, made)]
    assert len(schedule(pieces, 2)) == 4  # forward; the sum; back; the gradients of W


def test_memory_of_a_part_tells_the_thread(rng: np.random.Generator) -> None:
    images, scratch, out = rng.standard_normal((8, 50)), np.empty((2, 4, 50)), np.empty((8, 50))
    calls = []
    for k in range(2):
        calls += [
            Call("copy", (images[4 * k : 4 * k + 4],), scratch[k], {}, {}),
            Call(np.tanh, (scratch[k],), out[4 * k : 4 * k + 4], {}, {}),
        ]
    start, size = scratch.ctypes.data, scratch[0].nbytes
    places = [((start + k * size, start + (k + 1) * size), (k, 2)) for k in range(2)]
    cutter = Cutter(8, 2, places)
    (section,) = schedule([piece for call in calls for piece in cutter.cut(call)], 2)
    assert [[piece.part for piece in part] for part in section] == [[0, 0], [1, 1]]
