"""Products on one thread have the bits that they have on several."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

import backprop as bp
from backprop.callbacks import LambdaCallback
from backprop.engine import one_thread
from backprop.engine import recorded as replay
from backprop.engine import threads as core_threads
from backprop.engine.one_thread import blocks, candidates, in_blocks, layout, on_one_thread
from backprop.engine.tape import Call
from backprop.engine.thread_choice import ThreadChoice
from backprop.engine.threads import WORTH_THREADS, blas_threads, several, use
from backprop.layers import Dense, Dropout, Input, ReLU, Softmax

LAYOUTS = [  # rows, inner, columns: with and without sums that OpenBLAS takes in blocks
    (128, 784, 512),
    (96, 1000, 320),
    (100, 1312, 64),
    (300, 129, 192),
    (7, 5000, 3),
]


def numpys_pool() -> Any:
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    return next(pool for pool in pools if "numpy.libs" in pool.filepath)


def numpys_threads() -> int:
    return numpys_pool().num_threads


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many threads there are, which nobody has chosen."""
    monkeypatch.setattr(core_threads, "CHOSEN", False)
    if numpys_threads() < 2:
        pytest.skip("one core")
    return numpys_threads()


@pytest.fixture
def large(free: int) -> Iterator[int]:
    """A loop with large products: how many threads these have."""
    with blas_threads(2 * WORTH_THREADS):
        yield several()
    blocks.cache_clear()


def given(found: Any) -> Any:
    """What was found; other processors and more cores may have other bits, however it is cut."""
    tried = numpys_pool().architecture == "SkylakeX" and os.cpu_count() == 2
    if not found and found != () and not tried:
        pytest.skip("on this processor one thread has other bits")
    return found


def factors(rows, inner, columns, dtype, which, rng):
    """The factors of a forward product, of a gradient of weights, and of one of inputs."""
    A = rng.standard_normal((inner, rows) if which == "XT" else (rows, inner)).astype(dtype)
    B = rng.standard_normal((columns, inner) if which == "WT" else (inner, columns)).astype(dtype)
    return A.T if which == "XT" else A, B.T if which == "WT" else B


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("which", ["", "XT", "WT"])
@pytest.mark.parametrize("shape", LAYOUTS)
def test_blocks_on_one_thread_have_the_bits_of_several(large, shape, which, dtype, rng) -> None:
    A, B = factors(*shape, dtype, which, rng)
    ends = given(blocks(layout(A), layout(B), large))
    expected, out = np.dot(A, B), np.empty((shape[0], shape[2]), dtype)
    use(1)
    for function in in_blocks(A, B, out, ends):
        function()
    assert np.array_equal(out, expected)
    assert np.allclose(out, A.astype("f8") @ B, rtol=0, atol=1e-3)


def test_a_product_with_a_vector(large, rng) -> None:
    A, B = rng.random(300), rng.random((300, 400))
    assert given(blocks(layout(A), layout(B), large)) == ()
    expected = np.dot(A, B)
    use(1)
    assert np.array_equal(np.dot(A, B), expected)


def test_a_sum_in_blocks_is_the_whole_sum(rng) -> None:
    A, B = rng.integers(-9, 9, (3, 10)).astype("f4"), rng.integers(-9, 9, (10, 2)).astype("f4")
    for ends in ((), (4,), (1, 5), (2, 3, 9)):
        out = np.full((3, 2), np.nan, "f4")
        for function in in_blocks(A, B, out, ends):
            function()
        assert np.array_equal(out, A @ B)


def test_candidates_follow_openblas() -> None:
    assert candidates(64) == [()]
    assert (392,) in candidates(784)  # halves of one block
    assert (448, 724) in candidates(1000)  # a block of 448, then halves of what is left
    for inner in (1, 2, 129, 783, 4096):
        for ends in candidates(inner):
            assert list(ends) == sorted(set(ends))
            assert all(0 < end < inner for end in ends)


def test_other_bits_are_noticed(large, monkeypatch) -> None:
    monkeypatch.setattr(one_thread, "candidates", lambda inner: [(1,), (inner // 3, inner // 2)])
    A, B = np.zeros((128, 784), "f4"), np.zeros((784, 512), "f4")
    assert blocks(layout(A), layout(B), large) is None
    assert several() == large  # they came back
    call = Call("dot", (A, B), np.empty((128, 512), "f4"), {}, {})
    assert on_one_thread([call]) is None


@pytest.mark.parametrize(("ends", "kept"), [((), True), ((3,), False), (None, False)])
def test_a_stack_of_products_is_made_as_it_is_or_not_at_all(ends, kept, monkeypatch, rng) -> None:
    A, B, out = (rng.standard_normal(s) for s in ((5, 2, 8, 6), (6, 4), (5, 2, 8, 4)))
    asked = []

    def blocks(*layouts: Any) -> Any:
        asked.append(layouts[:2])
        return ends

    monkeypatch.setattr(one_thread, "blocks", blocks)
    found = on_one_thread([Call(np.matmul, (A, B), out, {}, {})])
    assert asked == [(layout(A[0, 0]), layout(B))]
    assert (found is not None) == kept
    if found:
        found[0]()
        assert np.array_equal(out, A @ B)


def test_other_bits_are_noticed_in_a_single_number(large, monkeypatch) -> None:
    monkeypatch.setattr(one_thread, "candidates", lambda inner: [(inner // 2,)])
    a = layout(np.zeros(600, "f4"))
    assert blocks(a, a, large) is None


def test_the_layout_says_how_an_array_stands(rng) -> None:
    for A in (np.zeros(5), np.zeros((3, 4), "f4"), np.zeros((3, 4)).T, np.zeros((9, 9), "f4").T):
        like = one_thread.random(rng, layout(A))
        assert like.dtype == A.dtype
        assert like.strides == A.strides
        assert np.unique(like).size == A.size
    assert layout(np.zeros((4, 6))[:, :3])[2] is False


def test_the_threads_come_back_after_an_error(large, monkeypatch) -> None:
    monkeypatch.setattr(one_thread, "in_blocks", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        blocks(((64, 64), np.dtype("f4"), False), ((64, 64), np.dtype("f4"), False), large)
    assert several() == large


def fitted(
    dtype: str, one: bool, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[bp.Sequential, int]:
    """A model after a fit that tries one thread in some steps, and in how many it was used."""
    steps, used, before = [], [], numpys_threads()

    def use(threads: int) -> None:
        used.append(threads)
        core_threads.use(threads)

    def took(pace: ThreadChoice, seconds: float, busy: float) -> None:
        assert 0 < seconds < 5
        assert 0 <= busy < 5
        steps.append(pace.one_thread)
        assert numpys_threads() == before  # they come back after each step
        pace.one_thread = one and len(steps) % 3 > 0

    monkeypatch.setattr(ThreadChoice, "took", took)
    monkeypatch.setattr(replay, "use", use)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 784)), rng.integers(0, 10, 300)
    hidden = [Dense(320), ReLU(), Dropout(0.2), Dense(256), ReLU()]
    model = bp.Sequential([Input(784), *hidden, Dense(10), Softmax()], seed=0, dtype=dtype)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, y, batch_size=128, epochs=5, verbose=0, **options)
    # the first goes by the layers, the second is recorded; the shorter batches are not timed
    assert len(steps) in (0, 5 * 2 - 2)
    assert used == [1, before] * (len(used) // 2)
    return model, len(used) // 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fit_leaves_the_same_bits(dtype, free, monkeypatch) -> None:
    expected, none = fitted(dtype, False, monkeypatch)
    found, some = fitted(dtype, True, monkeypatch)
    assert np.array_equal(found.parameters.values, expected.parameters.values)
    assert found.history.history == expected.history.history
    assert none == 0
    assert given(some) >= 4


def test_a_step_with_other_bits_on_one_thread_stays_on_several(free, monkeypatch) -> None:
    monkeypatch.setattr(replay, "on_one_thread", lambda calls: None)
    assert fitted("float32", True, monkeypatch)[1] == 0


def test_beside_another_loop_no_threads_are_taken(free, monkeypatch) -> None:
    other = blas_threads(2 * WORTH_THREADS)
    begin = LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == 2 and other.__enter__())
    try:
        _, some = fitted("float32", True, monkeypatch, callbacks=[begin])
    finally:
        other.__exit__(None, None, None)
    _, more = fitted("float32", True, monkeypatch)
    assert 0 < given(some) < more


def test_where_the_user_has_chosen_nothing_is_watched(monkeypatch) -> None:
    monkeypatch.setattr(core_threads, "CHOSEN", True)
    assert fitted("float32", True, monkeypatch)[1] == 0
