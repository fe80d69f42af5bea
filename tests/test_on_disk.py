"""Arrays in files: read block by block, every row once in an epoch."""

import threading

import h5py
import numpy as np
import pytest
from measuring import peak

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.data import on_disk as disk
from backprop.data.on_disk import RowsOnDisk, on_disk
from backprop.layers import Dense, Normalization, ReLU, Softmax

N = 1000


class Lazy:
    """What h5py, zarr and netCDF4 have in common; it notes what is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read = []

    def __getitem__(self, which):
        self.read.append((which.start, which.stop))
        return self.array[which]

    shape = dtype = None


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of some 30 rows of 4, buffers of four blocks."""
    monkeypatch.setattr(disk, "BLOCK_BYTES", 480)
    monkeypatch.setattr(disk, "BUFFER_BYTES", 1920)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 4)).astype("float32")
    return X, (X[:, 0] > 0).astype(int)


def classifier():
    model = bp.Sequential([Dense(8), ReLU(), Dense(2), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_what_is_on_disk(tmp_path, data, monkeypatch):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        large, text = file.create_dataset("X", data=data[0]), file.create_dataset("t", data=b"a")
        assert on_disk(large)
        assert not on_disk(text)
        monkeypatch.setattr(disk, "BUFFER_BYTES", 1 << 26)
        assert not on_disk(large)  # it is small
    assert on_disk(Lazy(np.zeros((1 << 20, 100)))) is True
    for other in (data[0], data[0].tolist(), np.float32(1), "text", None, range(3)):
        assert not on_disk(other)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 100, 2000])
def test_every_row_comes_once_with_its_target(batch_size, data):
    X, y = np.arange(4 * N).reshape(N, 4), np.arange(N)
    rows = RowsOnDisk([Lazy(X), y], ["x", "y"], batch_size, np.random.default_rng(0))
    for _ in range(2):
        batches = list(rows())
        assert len(batches) == len(rows)
        assert [len(b) for _, b in batches[:-1]] == [batch_size] * (len(batches) - 1)
        x, found = (np.concatenate(part) for part in zip(*batches, strict=True))
        np.testing.assert_array_equal(x, X[found])
        np.testing.assert_array_equal(np.sort(found), y)
        assert not np.array_equal(found, y)


def test_rows_are_mixed_over_the_whole_file():
    rows = RowsOnDisk([Lazy(np.zeros((N, 4))), np.arange(N)], "xy", 20, np.random.default_rng(0))
    ranges = [y.max() - y.min() for _, y in rows()]
    assert np.median(ranges) > N / 4


def test_reads_are_contiguous_blocks_in_any_order(data):
    X = Lazy(data[0])
    list(RowsOnDisk([X, data[1]], ["x", "y"], 10, np.random.default_rng(0))())
    assert all(stop - start in (30, 10) for start, stop in X.read)
    assert sorted(X.read) == [(s, min(s + 30, N)) for s in range(0, N, 30)]
    assert sorted(X.read) != X.read


def test_in_order_the_batches_are_those_of_the_array(data):
    rows = RowsOnDisk([Lazy(data[0]), data[1]], ["x", "y"], 64)
    for k, (x, y) in enumerate(rows()):
        np.testing.assert_array_equal(x, data[0][64 * k : 64 * k + 64])
        np.testing.assert_array_equal(y, data[1][64 * k : 64 * k + 64])


def test_fit_without_shuffling_is_that_of_the_array(data):
    X, y = data
    one, other = classifier(), classifier()
    options = {"batch_size": 50, "epochs": 3, "shuffle": False, "verbose": 0}
    w = np.linspace(0.5, 1.5, N)
    a = one.fit(X, y, sample_weight=w, **options).history
    b = other.fit(Lazy(X), Lazy(y), sample_weight=w, **options).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-6)
    np.testing.assert_array_equal(a["accuracy"], b["accuracy"])
    for p, q in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)


def test_every_verb_reads_a_file(tmp_path, data):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        X, y = file.create_dataset("X", data=data[0]), file.create_dataset("y", data=data[1])
        model = classifier()
        history = model.fit(X, y, epochs=20, validation_split=0.2, verbose=0)
        assert history.history["val_accuracy"][-1] > 0.95
        assert history.params["steps"] == 25
        assert model.evaluate(X, y) == pytest.approx(model.evaluate(*data), rel=1e-6)
        np.testing.assert_allclose(model.predict(X), model.predict(data[0]), rtol=1e-5)
        assert model.predict(X, batch_size=10, steps=3).shape == (30, 2)
        model.fit(X, y, validation_data=(X, y), steps_per_epoch=3, verbose=0)


def test_the_held_out_rows_are_the_last(data):
    X, y = Lazy(data[0]), data[1].copy()
    y[800:] = 1 - y[800:]  # nothing like the others
    model = classifier()
    history = model.fit(X, y, epochs=20, validation_split=0.2, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["val_accuracy"][-1] < 0.05


def test_mistakes_are_found_before_the_first_step(data):
    X, y = Lazy(data[0]), data[1]
    model = classifier()
    with pytest.raises(ShapeError, match=r"as many rows of each.*x has 1000, y has 999"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match="y is missing"):
        model.fit(X)
    with pytest.raises(ValueError, match="sample_weight or class_weight"):
        model.fit(X, y, sample_weight=np.ones(N), class_weight={0: 1, 1: 2})
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(X, y, validation_split=1.5)
    with pytest.raises(ValueError, match=r"^validation_batch_size must be an integer"):
        model.fit(Lazy(X), y, validation_split=0.2, validation_batch_size=0)
    with pytest.raises(ValueError, match="leaves no sample for training"):
        model.fit(X, y, validation_split=0.9999)
    assert not X.read
    waiting = bp.Sequential([Normalization(), Dense(2), Softmax()])
    waiting.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="adapt"):
        waiting.fit(X, y)
    data[0][500, 2] = np.nan
    for shuffle in (False, True):
        with pytest.raises(ValueError, match=r"x holds nan .* in row 500, column 2"):
            model.fit(X, y, shuffle=shuffle, verbose=0)
    with pytest.raises(ValueError, match=r"x holds nan .* in row 500, column 2"):
        model.evaluate(X, y, batch_size=100)
    with pytest.raises(ValueError, match=r"x holds nan .* in row 500, column 2"):
        model.predict(X, batch_size=100)


VERBS = {
    "fit": lambda m, X, y, w: m.fit(X, y, sample_weight=w, verbose=0),
    "in order": lambda m, X, y, w: m.fit(X, y, shuffle=False, sample_weight=w, verbose=0),
    "held out": lambda m, X, y, w: m.fit(X, y, None, 1, 0, None, 0.5, sample_weight=w),
    "evaluate": lambda m, X, y, w: m.evaluate(X, y, sample_weight=w),
    "validation": lambda m, X, y, w: m.fit(X[:9], y[:9], validation_data=(X, y, w), verbose=0),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("which", "bad", "words"), [
    ("x", 1e39, r"x holds 1e\+39 in row 777, column 2"),
    ("y", np.nan, "y holds nan .* in row 777"),
    ("y", -1e39, r"y holds -1e\+39 in row 777"),
    ("sample_weight", -1.0, "sample_weight must hold .* but holds -1 in row 777"),
])  # fmt: skip
def test_rows_of_mistakes_are_those_in_the_file(data, which, bad, words, verb):
    X, y, w = data[0].astype(float), data[0][:, 1].astype(float), np.ones(N)
    {"x": X[:, 2], "y": y, "sample_weight": w}[which][777] = bad
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    prefix = "^validation " if verb == "validation" else "^"
    with pytest.raises(ValueError, match=prefix + words):
        VERBS[verb](model, Lazy(X), y, w)


def test_memory_is_bounded_by_two_buffers(monkeypatch):
    monkeypatch.setattr(disk, "BLOCK_BYTES", 1 << 18)
    monkeypatch.setattr(disk, "BUFFER_BYTES", 1 << 20)
    X = np.zeros((100_000, 50), "float32")  # 20 MB
    rows = RowsOnDisk([Lazy(X), np.zeros(len(X))], ["x", "y"], 100, np.random.default_rng(0))
    assert peak(lambda: sum(1 for _ in rows())) < 4 << 20


def test_an_error_while_reading_reaches_the_user(data):
    class Broken(Lazy):
        def __getitem__(self, which):
            if which.start > 500:
                raise OSError("the disk is gone")
            return super().__getitem__(which)

    with pytest.raises(OSError, match="the disk is gone"):
        classifier().fit(Broken(data[0]), data[1], shuffle=False, verbose=0)


def test_what_is_masked_is_refused_by_its_rows(data):
    class Masked(Lazy):
        def __getitem__(self, which):
            rows = super().__getitem__(which)
            return np.ma.masked_where(np.arange(which.start, which.stop)[:, None] == 777, rows)

    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    X = np.ones((N, 1), "float32")
    verbs = [lambda x: model.fit(x, X, verbose=0), lambda x: model.evaluate(x, X), model.predict]
    for verb in verbs:
        with pytest.raises(ValueError, match=r"x\[.*:.*\] is masked, first in row .*: leave out"):
            verb(Masked(X))


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_one_axis_is_told_to_be_two(verb):
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    column = Lazy(np.ones(N, "float32"))
    arguments = [column] if verb == "predict" else [column, column]
    with pytest.raises(ShapeError, match=r"a row for each sample.*np.asarray\(x\).reshape\(-1, 1"):
        getattr(model, verb)(*arguments)


def test_a_file_that_becomes_shorter_is_said(data):
    class Shorter(Lazy):
        def __getitem__(self, which):
            return super().__getitem__(slice(which.start, min(which.stop, 700)))

    with pytest.raises(ShapeError, match=r"rows 690 to 719 of x are 10 rows now: the file has bec"):
        classifier().fit(Shorter(data[0]), data[1], batch_size=30, shuffle=False, verbose=0)


def test_a_file_that_was_closed_is_said(tmp_path, data):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        X = file.create_dataset("x", data=data[0])
    model, (x, y) = classifier(), data
    for verb in (
        model.predict,
        lambda X: model.evaluate(X, y),
        lambda X: model.fit(X, y),
        lambda X: model.fit(x, y, validation_data=(X, y)),
    ):
        with pytest.raises(ValueError, match=r"Dataset cannot be read .* is its file closed\? Use"):
            verb(X)


def test_an_epoch_that_is_cut_off_waits_for_no_reader():
    """It is collected on any thread, such as that of zarr, for which the reader waits."""
    reading, going_on = threading.Event(), threading.Event()

    class Slow(Lazy):
        def __getitem__(self, which):
            if which.start >= 60:  # of the second three blocks, which are read ahead
                reading.set()
                going_on.wait(60)
            return super().__getitem__(which)

    rows = RowsOnDisk([Slow(np.zeros((N, 4)))], ["x"], 10)
    batches = iter(rows())
    next(batches)
    assert reading.wait(20)
    collector = threading.Thread(target=batches.close)
    collector.start()
    collector.join(20)
    waits = collector.is_alive()
    going_on.set()
    collector.join()
    assert not waits


class Slices:
    """What PyTables' arrays are like: they are not offered as arrays to NumPy."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, which):
        return self.array[which]

    def __iter__(self):
        return self

    def __next__(self):
        raise AssertionError("it gives its items one by one")


@pytest.mark.parametrize("large", [True, False])
def test_what_has_slices_alone_is_read_by_them(large, data, monkeypatch):
    """NumPy would ask for its items one by one; it was refused."""
    monkeypatch.setattr(disk, "BUFFER_BYTES", 1920 if large else 1 << 26)
    X, y, weight = *data, np.linspace(1, 2, N)
    stored = [Slices(each) for each in (X, y, weight)]
    assert on_disk(stored[0]) is large

    def numbers(X, y, weight):
        model = classifier()
        model.fit(X, y, sample_weight=weight, shuffle=False, verbose=0, validation_data=(X, y))
        return [model.history.history, model.evaluate(X, y), model.predict(X).tolist()]

    assert numbers(*stored) == numbers(X, y, weight)
    if not large:
        model = classifier()
        model.compile("lbfgs", "sparse_categorical_crossentropy")
        model.fit(*stored[:2], verbose=0, epochs=2)
    folds = [bp.cross_validate(classifier, *given, folds=2).scores for given in (stored[:2], data)]
    assert folds[0]["loss"].tolist() == folds[1]["loss"].tolist()
    np.testing.assert_array_equal(
        bp.datasets.standardize(stored[0])[0], bp.datasets.standardize(X)[0]
    )
