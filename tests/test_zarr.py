"""Arrays of zarr: chunked and compressed, in both of its formats, equal to the same in memory."""

from typing import Any

import numpy as np
import pytest
import zarr

import backprop as bp
from backprop.data import on_disk as disk
from backprop.data.on_disk import RowsOnDisk, on_disk
from backprop.layers import Dense, ReLU, Softmax

N = 1000
KINDS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2, "chunks": (130, 4)},
    "format 3": {"zarr_format": 3, "chunks": (130, 3)},
    "format 3 in shards": {"zarr_format": 3, "chunks": (50, 2), "shards": (200, 4)},
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of 96 rows of 4, which are no chunks, and buffers of four blocks."""
    monkeypatch.setattr(disk, "BLOCK_BYTES", 1500)
    monkeypatch.setattr(disk, "BUFFER_BYTES", 6200)


@pytest.fixture(params=KINDS)
def stored(request, tmp_path):
    """X and y in memory, and both in files."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 4)).astype("float32")
    X[:, 3] = 0  # which is compressed well
    y = (X[:, 0] > 0).astype(int)
    kind = KINDS[request.param]
    x_file = zarr.create_array(tmp_path / "x.zarr", shape=X.shape, dtype=X.dtype, **kind)
    y_file = zarr.create_array(
        tmp_path / "y.zarr", shape=y.shape, dtype=y.dtype, zarr_format=kind["zarr_format"]
    )
    x_file[:], y_file[:] = X, y
    assert x_file.compressors
    assert x_file.nbytes_stored() < X.nbytes
    return X, y, zarr.open_array(tmp_path / "x.zarr", mode="r"), y_file


def classifier():
    model = bp.Sequential([Dense(8), ReLU(), Dense(2), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_training_in_order_is_that_in_memory(stored):
    X, y, x_file, y_file = stored
    assert on_disk(x_file)
    one, other = classifier(), classifier()
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    expected = one.fit(X, y, validation_data=(X, y), **options).history
    found = other.fit(x_file, y_file, validation_data=(x_file, y_file), **options).history
    assert found == expected
    np.testing.assert_array_equal(other.parameters.values, one.parameters.values)
    assert other.evaluate(x_file, y_file) == one.evaluate(X, y)
    np.testing.assert_array_equal(other.predict(x_file), one.predict(X))


def test_rows_are_shuffled_by_blocks_and_stay_with_their_targets(stored):
    X, _, x_file, _ = stored
    rows = RowsOnDisk([x_file, np.arange(N)], ["x", "y"], 32, np.random.default_rng(0))
    for _ in range(2):
        x, found = (np.concatenate(part) for part in zip(*rows(), strict=True))
        np.testing.assert_array_equal(x, X[found])
        np.testing.assert_array_equal(np.sort(found), np.arange(N))
        assert not np.array_equal(found, np.arange(N))
    history = classifier().fit(x_file, stored[3], epochs=15, validation_split=0.2, verbose=0)
    assert history.history["val_accuracy"][-1] > 0.95


def test_what_the_file_has_wrong_is_named(stored):
    X, y, _, _ = stored
    broken = zarr.create_array({}, shape=X.shape, dtype=X.dtype, chunks=(130, 4))
    broken[:] = X
    broken[500, 2] = np.nan
    with pytest.raises(ValueError, match=r"x holds nan .* in row 500, column 2"):
        classifier().fit(broken, y, verbose=0)


def test_small_arrays_are_simply_read(stored, monkeypatch):
    X, y, x_file, y_file = stored
    monkeypatch.setattr(disk, "BUFFER_BYTES", 1 << 26)
    assert not on_disk(x_file)
    one, other = classifier(), classifier()
    one.fit(X, y, epochs=2, verbose=0)
    other.fit(x_file, y_file, epochs=2, verbose=0)
    np.testing.assert_array_equal(other.predict(x_file), one.predict(X))
