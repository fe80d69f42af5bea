"""Batches: which rows come, in which order, in which memory."""

import numpy as np
import pytest

from backprop.data import batches as module
from backprop.data.batches import Batches
from backprop.data.samples import Data

FLOAT32 = np.dtype("float32")


def numbered(n, dtype="float32", weights=False):
    """Samples that say which they are: x = [i, −i], y = 10 i, w = 100 i."""
    i = np.arange(n)
    X = np.stack([i, -i], axis=1).astype(dtype)
    return Data(X, (10 * i)[:, None].astype(dtype), (100.0 * i).astype(dtype) if weights else None)


def epoch(batches):
    """The rows of one epoch, batch by batch; the arrays are buffers, so they are copied."""
    return [
        (X[:, 0].tolist(), y[:, 0].tolist(), None if w is None else w.tolist())
        for X, y, w, _ in batches
    ]


def test_without_shuffling_the_rows_come_in_order_and_the_last_batch_is_short():
    assert epoch(Batches(numbered(7, weights=True), 3, FLOAT32)) == [
        ([0, 1, 2], [0, 10, 20], [0, 100, 200]),
        ([3, 4, 5], [30, 40, 50], [300, 400, 500]),
        ([6], [60], [600]),
    ]


@pytest.mark.parametrize(("n", "size", "steps"), [(7, 3, 3), (6, 3, 2), (7, 1, 7), (7, 100, 1)])
def test_length_is_the_number_of_steps(n, size, steps):
    batches = Batches(numbered(n), size, FLOAT32)
    assert batches.steps == steps == len(epoch(batches))


def test_shuffled_rows_are_a_permutation_drawn_anew_in_each_epoch():
    batches = Batches(numbered(50), 8, FLOAT32, np.random.default_rng(3))
    same = np.random.default_rng(3)
    orders = [[i for X, _, _ in epoch(batches) for i in X] for _ in range(3)]
    assert orders == [same.permutation(50).tolist() for _ in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_shuffling_keeps_inputs_targets_and_weights_of_a_sample_together():
    for X, y, w in epoch(Batches(numbered(50, weights=True), 8, FLOAT32, np.random.default_rng(0))):
        assert y == [10 * i for i in X]
        assert w == [100 * i for i in X]


def test_without_weights_the_third_is_none():
    for rng in (None, np.random.default_rng(0)):
        assert [w for _, _, w, _ in Batches(numbered(5), 2, FLOAT32, rng)] == [None, None, None]


def test_unshuffled_batches_are_views_of_the_data():
    data = numbered(6)
    for X, y, _, _ in Batches(data, 4, FLOAT32):
        assert np.shares_memory(X, data.X)
        assert np.shares_memory(y, data.y)


def test_shuffled_batches_reuse_one_buffer_and_leave_the_data_alone():
    data = numbered(20)
    before = data.X.copy()
    batches = Batches(data, 8, FLOAT32, np.random.default_rng(0))
    addresses = {X.__array_interface__["data"][0] for _ in range(3) for X, _, _, _ in batches}
    assert len(addresses) == 1
    assert not any(np.shares_memory(X, data.X) for X, _, _, _ in batches)
    np.testing.assert_array_equal(data.X, before)


@pytest.mark.parametrize("convert_below", [0, 1 << 26], ids=["batch by batch", "at once"])
@pytest.mark.parametrize("rng", [None, 5], ids=["in order", "shuffled"])
@pytest.mark.parametrize("dtype", ["float64", "uint8", "bool", "float16"])
def test_inputs_of_any_dtype_come_in_the_dtype_of_the_model(monkeypatch, convert_below, rng, dtype):
    monkeypatch.setattr(module, "CONVERT_BELOW", convert_below)
    X = np.arange(20).reshape(10, 2).astype(dtype)
    data = Data(X, np.arange(10.0, dtype="float32")[:, None])
    batches = Batches(data, 4, FLOAT32, None if rng is None else np.random.default_rng(rng))
    order = np.arange(10) if rng is None else np.random.default_rng(rng).permutation(10)
    seen = [X.copy() for X, _, _, _ in batches]
    assert {rows.dtype for rows in seen} == {FLOAT32}
    np.testing.assert_array_equal(np.concatenate(seen), X[order].astype("float32"))


@pytest.mark.parametrize("rng", [None, 5], ids=["in order", "shuffled"])
def test_converted_batches_reuse_one_buffer(monkeypatch, rng):
    monkeypatch.setattr(module, "CONVERT_BELOW", 0)
    rng = None if rng is None else np.random.default_rng(rng)
    batches = Batches(numbered(20, "float64"), 8, FLOAT32, rng)
    addresses = {X.__array_interface__["data"][0] for _ in range(2) for X, _, _, _ in batches}
    assert len(addresses) == 1


@pytest.mark.parametrize("rng", [None, 5], ids=["in order", "shuffled"])
def test_non_contiguous_and_read_only_data(rng):
    whole = np.arange(60, dtype="float32").reshape(4, 15)
    X = whole.T[::-1, ::2]  # (15, 2), strides in both directions
    whole.flags.writeable = False
    y = np.arange(30)[::2]
    batches = Batches(Data(X, y), 4, FLOAT32, None if rng is None else np.random.default_rng(rng))
    order = np.arange(15) if rng is None else np.random.default_rng(rng).permutation(15)
    seen = [(X.copy(), y.copy()) for X, y, _, _ in batches]
    np.testing.assert_array_equal(np.concatenate([X for X, _ in seen]), X[order])
    np.testing.assert_array_equal(np.concatenate([y for _, y in seen]), y[order])


def test_large_memory_map_is_read_batch_by_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CONVERT_BELOW", 100)
    path = tmp_path / "X.npy"
    np.save(path, np.arange(400, dtype="uint8").reshape(100, 4))
    X = np.load(path, mmap_mode="r")
    batches = Batches(Data(X, np.zeros(100, "intp")), 10, FLOAT32, np.random.default_rng(0))
    assert batches._arrays[0] is X
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(np.concatenate([X.copy() for X, _, _, _ in batches]), X[order])


@pytest.mark.parametrize(
    ("X", "largest"),
    [
        (np.array([[True, False], [False, False]]), 1.0),
        (np.array([[-128, 5], [3, 4]], np.int8), 128.0),
        (np.array([[7, 5], [3, 4]], np.uint8), 7.0),
    ],
    ids=["bool", "int8", "uint8"],
)
@pytest.mark.parametrize("convert_below", [0, 1 << 26])
def test_the_largest_input_is_known_for_any_dtype(monkeypatch, X, largest, convert_below):
    monkeypatch.setattr(module, "CONVERT_BELOW", convert_below)
    batches = Batches(Data(X, np.zeros((2, 1), np.float32)), 2, FLOAT32)
    assert batches.largest == largest
