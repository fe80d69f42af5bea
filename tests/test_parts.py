"""Calls cut along the rows of a batch."""

import itertools

import numpy as np
import pytest

from backprop.engine import parts as parts_of
from backprop.engine import products
from backprop.engine.intervals import intervals
from backprop.engine.parts import Cutter, best_step, cut
from backprop.engine.products import layout, rows_at_once, same_bits
from backprop.engine.tape import Call

R = np.random.default_rng(0)
KEPT = {"dtype": None, "keepdims": False}


def numbers(*shape: int) -> np.ndarray:
    return R.standard_normal(shape)


def assert_cut(call: Call, n_rows: int, n: int, cutter: Cutter | None = None) -> None:
    """The pieces give the call's bits, each writes only what it says, and no two write the same."""
    start = call.out.copy()
    call.bind()()
    whole = call.out.copy()
    call.out[...] = start
    pieces = (cutter or Cutter(n_rows, n)).cut(call)
    assert [piece.part for piece in pieces] == list(range(n))
    written = sorted(interval for piece in pieces for interval in piece.writes)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(written))
    for piece in reversed(pieces):
        piece.function()
    np.testing.assert_array_equal(call.out, whole)


A, B = numbers(12, 5), numbers(12, 5)
CALLS = {
    "elementwise": (Call(np.add, (A, B), np.empty((12, 5)), {}, {}), 12),
    "a number": (Call(np.multiply, (A, np.array(2.0)), np.empty((12, 5)), {}, {}), 12),
    "broadcast": (Call(np.add, (A, numbers(5)), np.empty((12, 5)), {}, {}), 12),
    "a column": (Call(np.subtract, (A, numbers(12, 1)), np.empty((12, 5)), {}, {}), 12),
    "a row": (Call(np.subtract, (A, numbers(1, 5)), np.empty((12, 5)), {}, {}), 12),
    "in place": (Call(np.multiply, (A, A), A, {}, {}), 12),
    "columns": (Call(np.exp, (numbers(3, 12),), np.empty((3, 12)), {}, {}), 12),
    "copied columns": (Call("copy", (numbers(12, 3).T,), np.empty((3, 12)), {}, {}), 12),
    "images": (Call(np.tanh, (numbers(12, 4, 3),), np.empty((12, 4, 3)), {}, {}), 12),
    "product": (Call("dot", (A, numbers(5, 7)), np.empty((12, 7)), {}, {}), 12),
    "transposed": (Call("dot", (numbers(9, 12).T, numbers(9, 7)), np.empty((12, 7)), {}, {}), 9),
    "stack": (
        Call(np.matmul, (numbers(12, 2, 5), numbers(5, 4)), np.empty((12, 2, 4)), {}, {}),
        12,
    ),
    "sum of a row": (
        Call(
            "reduce", (A, np.add), np.empty(12), {"axis": -1, "dtype": None, "keepdims": False}, {}
        ),
        12,
    ),
    "largest of a column": (
        Call(
            "reduce",
            (numbers(3, 12), np.maximum),
            np.empty(12),
            {"axis": 0, **KEPT},
            {},
        ),
        12,
    ),
    "argmax": (Call("argmax", (A, -1), np.empty(12, np.intp), {}, {}), 12),
    "rows": (
        Call("take", (numbers(30, 5), R.integers(0, 30, 12), 0, "clip"), np.empty((12, 5)), {}, {}),
        12,
    ),
}


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("name", CALLS)
def test_calls_that_compute_row_by_row_are_cut(name: str, n: int) -> None:
    call, n_rows = CALLS[name]
    assert_cut(call, n_rows, n)


@pytest.mark.parametrize(("n", "sizes"), [(2, [72, 56]), (3, [56, 32, 40]), (4, [32] * 4)])
def test_the_first_part_may_be_larger(n: int, sizes: list[int]) -> None:
    call = Call(np.tanh, (numbers(128, 3),), np.empty((128, 3)), {}, {})
    cutter = Cutter(128, n, ahead=0.2 if n < 4 else 0.0, step=8)
    assert_cut(call, 128, n, cutter)
    assert [sum(b - a for a, b in piece.writes) // 24 for piece in cutter.cut(call)] == sizes
    few = Call(np.tanh, (numbers(12, 3),), np.empty((12, 3)), {}, {})
    same = [sum(b - a for a, b in p.writes) // 24 for p in Cutter(12, n, (), 0.2, 8).cut(few)]
    assert same == [12 // n] * n


def reduced(A: np.ndarray, axis: object, out: np.ndarray) -> Call:
    return Call("reduce", (A, np.add), out, {"axis": axis, **KEPT}, {})


@pytest.mark.parametrize(
    "call",
    [
        reduced(numbers(12, 5), None, np.empty(())),
        reduced(numbers(12, 3, 2), 0, np.empty((3, 2))),
        reduced(numbers(12), 0, np.empty(())),
        Call("dot", (np.ones(12), numbers(12, 5)), np.empty(5), {}, {}),
        Call("at", (np.array([1, 1]), numbers(2), np.add), numbers(12), {}, {}),
        Call("put", (np.arange(12), numbers(12), "clip"), numbers(60), {}, {}),
        Call("draw", (np.random.default_rng(0), "random"), np.empty((12, 5)), {}, {}),
        Call(np.add, (A, B), np.empty((12, 5)), {"where": A > 0}, {}),
        Call(np.add, (numbers(3), numbers(3)), np.empty(3), {}, {}),
    ],
)
def test_other_calls_stay_whole(call: Call) -> None:
    (piece,) = Cutter(12, 2).cut(call)
    assert piece.part is None


def test_an_element_of_each_row_is_taken_and_put_part_by_part() -> None:
    starts = np.arange(0, 60, 5)
    starts.setflags(write=False)
    index = np.empty(12, np.intp)
    P = numbers(12, 5)
    for make in (
        lambda: Call("take", (P.reshape(-1), index, None, "clip"), np.empty(12), {}, {}),
        lambda: Call("put", (index, numbers(12), "clip"), P.reshape(-1), {}, {}),
    ):
        cutter = Cutter(12, 2)
        added = Call(np.add, (starts, R.integers(0, 5, 12)), index, {}, {})
        for piece in cutter.cut(added):
            piece.function()
        assert_cut(make(), 12, 2, cutter)
        first, second = cutter.cut(make())
        assert max(stop for _, stop in first.reads if stop <= intervals(P)[0][1]) <= min(
            start for start, _ in second.reads if start >= intervals(P[6:])[0][0]
        )


def test_a_product_that_would_change_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_of, "same_bits", lambda *_: False)
    (piece,) = Cutter(12, 2).cut(CALLS["product"][0])
    assert piece.part is None


def test_other_bits_are_noticed() -> None:
    """A product of few rows that sums in another order shows on random numbers."""
    A, B = numbers(64, 2000).astype("f4"), numbers(2000, 3).astype("f4")

    def backwards(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
        np.matmul(A[:, ::-1].copy(), B[::-1].copy(), out=out)

    same_bits.cache_clear()
    assert not same_bits(backwards, layout(A), layout(B), (32, 32), ("dot", "dot"))
    same_bits.cache_clear()


@pytest.mark.parametrize("rows", [8, 12, 16, 24])
def test_the_rows_that_blas_computes_at_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "same_bits", lambda *given: given[3][0] % rows == 0)
    assert rows_at_once.__wrapped__() == rows


@pytest.mark.parametrize(("m", "k", "n"), [(128, 784, 512), (784, 128, 512), (256, 100, 30)])
def test_products_keep_their_bits_where_they_are_cut(m: int, k: int, n: int) -> None:
    """On every machine: else no step would be shared out to threads."""
    A, B = numbers(m, k).astype("f4"), numbers(k, n).astype("f4")
    sizes = tuple(b - a for a, b in itertools.pairwise(cut(m, 2, rows_at_once(), 0.05)))
    assert same_bits("dot", layout(A), layout(B), sizes, ("dot", "dot"))


@pytest.mark.parametrize(
    ("edge", "rows", "times", "step"),
    [(12, 128, [1], 12), (8, 128, [1], 1), (12, 32, [32], 3), (8, 32, [32], 1), (12, 32, [], 1),
     (12, 100, [32, 1], 12), (12, 32, [1], 1)],
)  # fmt: skip
def test_samples_are_cut_so_that_products_keep_their_bits(
    edge: int, rows: int, times: list[int], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_of, "rows_at_once", lambda: edge)
    calls = [
        Call("dot", (numbers(rows * each, 5), numbers(5, 4)), np.empty((rows * each, 4)), {}, {})
        for each in times
    ]
    assert best_step(calls, rows, 2, 0.0) == step


def test_stacks_of_products_are_cut_where_the_samples_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product of this one is of two samples of four rows: else one part waits for another."""
    monkeypatch.setattr(parts_of, "rows_at_once", lambda: 12)
    dense = Call("dot", (numbers(160, 5), numbers(5, 4)), np.empty((160, 4)), {}, {})
    stack = Call(np.matmul, (numbers(20, 8, 5), numbers(5, 4)), np.empty((20, 8, 4)), {}, {})
    step = best_step([stack, dense], 40, 2, 0.0)
    assert step == 6
    rows = [np.ptp(piece.writes) // 8 for piece in Cutter(40, 2, (), 0.0, step).cut(stack)]
    assert rows == [12 * 8 * 4, 8 * 8 * 4]


def test_columns_of_a_wide_array_are_intervals_row_by_row() -> None:
    wide = np.zeros((3, 100))
    assert len(intervals(wide[:, :50])) == 3
    assert len(intervals(wide)) == len(intervals(wide.T)) == 1
    by_key = np.zeros((6, 4, 5)).transpose(1, 2, 0)  # samples lie along the second axis in memory
    assert intervals(by_key[:2])[0][1] <= intervals(by_key[2:])[0][0]
    assert len(intervals(by_key[:2])) == 6
    assert intervals(2.0) == intervals(np.empty(0)) == ()
