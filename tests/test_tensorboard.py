"""``TensorBoard``: the files are read back; a small writer stands in where there is no package."""

import importlib.util
import os
import struct
import sys
import types

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback, LambdaCallback, TensorBoard
from backprop.callbacks import tensorboard as module
from backprop.layers import Dense, Softmax
from backprop.schedules import ExponentialDecay

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((12, 4)), RNG.integers(0, 3, 12)
INSTALLED = importlib.util.find_spec("tensorboardX") is not None


class Writer:
    """Keeps what it is given, by folder: ``(tag, step): number``."""

    written: dict

    def __init__(self, folder):
        self.mine = self.written.setdefault(str(folder), {})
        self.closed = False

    def add_scalar(self, tag, value, step):
        assert type(value) is float
        assert not self.closed
        self.mine[tag, step] = value

    def add_histogram(self, tag, values, step):
        self.mine[tag, step] = values.copy()

    def flush(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def written(monkeypatch):
    """What is written, by folder."""
    found: dict = {}
    monkeypatch.setattr(Writer, "written", found, raising=False)
    monkeypatch.setattr(module, "find_writer", lambda: Writer)
    return found


@pytest.fixture(autouse=True)
def folders_of_its_own(monkeypatch, tmp_path):
    """The callback makes its folders before training, also where a stand-in writes."""
    monkeypatch.chdir(tmp_path)


def network(optimizer="sgd", metrics=("accuracy",)):
    model = bp.Sequential([Dense(3), Softmax()], seed=0, dtype="float64")
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def fit(model, *callbacks, **arguments):
    data = {"epochs": 2, "batch_size": 4, "validation_data": (X, Y), "verbose": 0}
    return model.fit(X, Y, callbacks=list(callbacks), **data | arguments).history


def test_numbers_of_epochs(written):
    history = fit(network(), TensorBoard("logs"))
    train, held_out = written["logs/train"], written["logs/validation"]
    for epoch in (0, 1):
        assert train["epoch_loss", epoch] == history["loss"][epoch]
        assert train["epoch_accuracy", epoch] == history["accuracy"][epoch]
        assert train["epoch_learning_rate", epoch] == 0.01
        assert held_out["epoch_loss", epoch] == history["val_loss"][epoch]
        steps = 3 * (epoch + 1)
        assert held_out["evaluation_loss_vs_iterations", steps] == history["val_loss"][epoch]
    assert len(train) == 6
    assert len(held_out) == 8


def test_numbers_of_steps(written):
    seen = {}

    class Look(Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            seen["batch_loss", self.steps] = logs["loss"]

    fit(network(), TensorBoard("a", update_freq="batch"), Look())
    fit(network(), TensorBoard("b", update_freq=2))
    losses = {k: v for k, v in written["a/train"].items() if k[0] == "batch_loss"}
    assert losses == seen
    losses = {k: v for k, v in written["b/train"].items() if k[0] == "batch_loss"}
    assert losses == {k: v for k, v in seen.items() if k[1] % 2 == 0}
    assert ("batch_accuracy", 2) in written["b/train"]


def test_distributions_of_weights_and_gradients(written):
    model, kept = network(), {}

    def keep(epoch, logs=None):
        for p in model.parameters:
            kept[f"{p.name}/histogram", epoch] = p.value.ravel().copy()
            kept[f"{p.name}/gradient/histogram", epoch] = p.gradient.ravel().copy()

    model.build((None, 4))
    model.parameters["dense_1.b"].trainable = False
    fit(model, TensorBoard("logs", histogram_freq=2), LambdaCallback(on_epoch_end=keep), epochs=3)
    found = {k: v for k, v in written["logs/train"].items() if k[0].endswith("histogram")}
    names = ["dense_1.W/histogram", "dense_1.W/gradient/histogram", "dense_1.b/histogram"]
    assert list(found) == [(name, epoch) for epoch in (0, 2) for name in names]
    for key, values in found.items():
        np.testing.assert_array_equal(values, kept[key])


def test_metrics_of_several_numbers_and_schedules(written):
    rate = ExponentialDecay(0.1, 1, 0.5)
    board = TensorBoard("logs")
    fit(network(bp.optimizers.SGD(rate)), board)
    board.on_epoch_end(2, {"f1_score": np.array([0.25, 0.5, 1.0])})
    train = written["logs/train"]
    assert [train[f"epoch_f1_score_{k}", 2] for k in range(3)] == [0.25, 0.5, 1.0]
    assert train["epoch_learning_rate", 1] == rate(6)


def test_what_is_no_number_is_left_out(written):
    def note(epoch, logs):
        logs.update(text="warm-up", none=None, some=(1, 2), whole=np.int64(3))

    fit(network(metrics=()), LambdaCallback(on_epoch_end=note), TensorBoard("logs"), epochs=1)
    tags = {tag for tag, _ in written[os.path.join("logs", "train")]}
    expected = {"epoch_loss", "epoch_some_0", "epoch_some_1", "epoch_whole", "epoch_learning_rate"}
    assert tags == expected


def test_steps_are_counted_on_after_a_backup(written, tmp_path):
    def cut(epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    def run(*others):
        backup = BackupAndRestore(str(tmp_path))
        fit(network(), TensorBoard("logs", update_freq=1), backup, *others)

    with pytest.raises(KeyboardInterrupt):
        run(LambdaCallback(on_epoch_begin=cut))
    run()
    steps = [step for tag, step in written["logs/train"] if tag == "batch_loss"]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_gradients_that_a_backup_did_not_bring_back_are_no_gradients(written, tmp_path):
    def run(*others):
        backup = BackupAndRestore(str(tmp_path), save_freq=3)
        fit(network(), TensorBoard("logs", histogram_freq=1), backup, *others)
        return written.pop("logs/train")

    def cut(logs=None):
        raise KeyboardInterrupt

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        fit(
            network(),
            BackupAndRestore(str(tmp_path), save_freq=3),
            LambdaCallback(on_test_begin=cut),
        )
    rest = run()
    missing = {("dense_1.W/gradient/histogram", 0), ("dense_1.b/gradient/histogram", 0)}
    assert whole.keys() - rest.keys() == missing
    for key, numbers in rest.items():
        np.testing.assert_array_equal(numbers, whole[key])


# ---------------------------------------------------------------------------- the files themselves


def events(folder):
    """What the event files of a folder hold: ``(tag, step): number or histogram``."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir()):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack("<Q", content[at : at + 8])
            event = Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                found[value.tag, event.step] = getattr(value, kind)
    return found


@pytest.mark.skipif(not INSTALLED, reason="tensorboardX is not installed")
def test_event_files(tmp_path):
    model = network()
    history = fit(model, TensorBoard(tmp_path / "logs", histogram_freq=1, update_freq=1))
    train, held_out = (events(tmp_path / "logs" / name) for name in ("train", "validation"))
    for epoch in (0, 1):
        assert train["epoch_loss", epoch] == pytest.approx(history["loss"][epoch], rel=1e-6)
        expected = pytest.approx(history["val_accuracy"][epoch], rel=1e-6)
        assert held_out["epoch_accuracy", epoch] == expected
    assert train["batch_loss", 6] == pytest.approx(history["loss"][1], rel=1e-6)
    W, b = model.get_weights()
    for name, values in (("W", W), ("b", b)):
        found = train[f"dense_1.{name}/histogram", 1]
        assert found.num == values.size
        assert (found.min, found.max) == (values.min(), values.max())
        assert found.sum == pytest.approx(values.sum())


@pytest.mark.skipif(not INSTALLED, reason="tensorboardX is not installed")
def test_fits_of_one_second_write_files_of_their_own(tmp_path):
    model = network()
    for epoch in range(3):
        fit(model, TensorBoard(tmp_path), initial_epoch=epoch, epochs=epoch + 1)
    found = set(events(tmp_path / "train"))
    assert {("epoch_loss", epoch) for epoch in range(3)} <= found


@pytest.mark.skipif(not INSTALLED, reason="tensorboardX is not installed")
def test_an_epoch_that_is_over_is_in_the_files(tmp_path):
    seen = []

    def look(epoch, logs=None):
        seen.append(set(events(tmp_path / "train")))

    writes = TensorBoard(tmp_path, histogram_freq=1)
    fit(network(), writes, LambdaCallback(on_epoch_end=look), epochs=3)
    for epoch, found in enumerate(seen):
        expected = ["epoch_loss", "epoch_learning_rate", "dense_1.b/gradient/histogram"]
        assert {(tag, epoch) for tag in expected} <= found


@pytest.mark.skipif(not INSTALLED, reason="tensorboardX is not installed")
def test_the_steps_before_a_backup_are_in_the_files(tmp_path):
    seen = []

    def look(batch, logs=None):
        seen.append(set(events(tmp_path / "train")) if batch else set())

    backup = BackupAndRestore(tmp_path / "backup", save_freq=2)
    writes = TensorBoard(tmp_path, update_freq=1)
    fit(network(), writes, backup, LambdaCallback(on_train_batch_begin=look), epochs=1)
    assert {("batch_loss", 1), ("batch_loss", 2)} <= seen[2]


class Given:
    """A message as tensorboard's protocol has it, but for its bytes."""

    def __init__(self, **fields):
        vars(self).update(fields)


Given.Value = Given


def test_the_writer_of_tensorboard(monkeypatch):
    """Where it is installed and tensorboardX is not."""
    added = []

    class EventFileWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_event(self, event):
            added.append((self.folder, event))

        def flush(self):
            pass

        def close(self):
            added.append("closed")

    names = {
        "tensorboard.summary.writer.event_file_writer": {"EventFileWriter": EventFileWriter},
        "tensorboard.compat.proto.event_pb2": {"Event": Given},
        "tensorboard.compat.proto.summary_pb2": {"Summary": Given, "HistogramProto": Given},
    }
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    for name, contents in names.items():
        parts = name.split(".")
        for k in range(1, len(parts)):
            way = ".".join(parts[:k])
            monkeypatch.setitem(sys.modules, way, types.ModuleType(way))
        made = types.ModuleType(name)
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, name, made)
        setattr(sys.modules[name.rpartition(".")[0]], parts[-1], made)
    writer = module.find_writer()("logs")
    writer.add_scalar("loss", 0.5, 3)
    writer.add_histogram("W", np.array([1.0, 2.0, 4.0], np.float32), 4)
    writer.close()
    (folder, scalar), (_, histogram), closed = added
    assert (folder, closed) == ("logs", "closed")
    (value,) = scalar.summary.value
    assert (scalar.step, value.tag, value.simple_value) == (3, "loss", 0.5)
    (value,) = histogram.summary.value
    h = value.histo
    assert (h.min, h.max, h.num, h.sum, h.sum_squares) == (1, 4, 3, 7, 21)
    assert (sum(h.bucket), len(h.bucket), h.bucket_limit[-1]) == (3, len(h.bucket_limit), 4)


def test_without_either_package_it_says_what_to_install(monkeypatch):
    for name in ("tensorboardX", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        TensorBoard()


@pytest.mark.parametrize("bad", ["step", 0, -1, 2.5, None, True])
def test_frequencies_that_are_none(bad, written):
    with pytest.raises((ValueError, TypeError), match="update_freq"):
        TensorBoard(update_freq=bad)


@pytest.mark.parametrize("name", ["write_graph", "write_images", "profile_batch"])
def test_what_it_does_not_write(name, written):
    with pytest.raises(TypeError, match=name):
        TensorBoard(**{name: True})


def test_a_name_in_the_logs_need_be_no_text(written):
    told = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({3: 0.5}))
    fit(network(), told, TensorBoard("logs"))
    assert written["logs/train"]["epoch_3", 0] == 0.5


def test_another_folder_holds_from_the_moment_on_in_which_it_is_set(written):
    model, board = network(metrics=()), TensorBoard("a")
    fit(model, board)
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    board.log_dir = "b"
    fit(model, board)
    board.log_dir = "c"
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    assert [len(written[f"{folder}/validation"]) for folder in "abc"] == [4, 4, 1]
    epochs = [epoch for tag, epoch in written["b/train"] if tag == "epoch_loss"]
    assert epochs == [0, 1]

    def change(epoch, logs):
        if epoch == 1:
            board.log_dir = "d"

    fit(model, LambdaCallback(on_epoch_end=change), board, epochs=3)
    assert [step for tag, step in written["c/train"] if tag == "epoch_loss"] == [0]
    assert [step for tag, step in written["d/train"] if tag == "epoch_loss"] == [1, 2]
