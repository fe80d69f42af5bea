"""What a training that goes on takes back: everything or nothing, of callbacks of one's own too."""

import collections
import copy
import datetime
import json
import os
import shutil

import numpy as np
import pytest
from constructors import public_classes
from programs import run
from scripts import classes, classifier, line

import backprop as bp
from backprop.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    LivePlot,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backprop.core.errors import ShapeError
from backprop.datasets.orders import Orders
from backprop.layers import Dense, Softmax, Tanh
from backprop.optimizers import LBFGS, SGD, Optimizer
from backprop.storage import files, snapshot


class PowerCut(Exception):
    """What ends a training that a test interrupts."""


def cut(hook, at):
    """A callback that raises when that hook is called for the time with that number."""
    callback, calls = Callback(), []

    def count(*arguments):
        calls.append(arguments)
        if len(calls) == at:
            raise PowerCut

    setattr(callback, hook, count)
    return callback


def fit(model, *callbacks, epochs=6, **options):
    X, y = classes(30)
    options = {"validation_data": (X[:9], y[:9]), **options}
    return model.fit(X, y, 10, epochs=epochs, verbose=0, callbacks=callbacks, **options)


# ------------------------------------------------------------------------- everything or nothing


def everything(model):
    optimizer = model.optimizer
    return copy.deepcopy(
        (
            model.parameters.values.tolist(),
            {key: vector.tolist() for key, vector in optimizer.state.items()},
            {k: v for k, v in vars(optimizer).items() if isinstance(v, int | float)},
            {way: rng.bit_generator.state for way, rng in model.generators.items()},
        )
    )


def set_in(state, value, *way):
    for key in way[:-1]:
        state = state[key]
    state[way[-1]] = value


NUMBERS = ("optimizer", "numbers")
WRONG = {
    "learning rate nan": (float("nan"), *NUMBERS, "_learning_rate"),
    "learning rate below 0": (-0.1, *NUMBERS, "_learning_rate"),
    "steps below 0": (-1, *NUMBERS, "iterations"),
    "no number": ("0.9", *NUMBERS, "momentum"),
    "unknown number": (1.0, *NUMBERS, "speed"),
    "another generator": ({"bit_generator": "MT19937"}, "generators", "shuffle"),
    "a generator of nothing": (None, "generators", "shuffle"),
    "a generator too many": ({}, "generators", "more"),
    "weights of another shape": (np.ones(3), "weights", "dense_1.b"),
    "weights that overflow": (np.full(8, 1e300), "weights", "dense_1.b"),
    "a vector too short": (np.ones(3), "optimizer", "vectors", "velocity"),
    "another vector": (np.ones(67), "optimizer", "vectors", "speed"),
    "another optimizer": ("Adam", "optimizer", "class"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("epochs", [0, 1])
def test_what_cannot_be_put_back_changes_nothing(wrong, epochs):
    source, model = classifier(1), classifier(2)
    fit(source, epochs=2)
    fit(model, epochs=epochs)
    before = everything(model)
    state = copy.deepcopy(snapshot.take(source))
    set_in(state, *wrong)
    with pytest.raises(ValueError, match="here"):
        snapshot.put_back(model, state, "the file here")
    assert everything(model) == before
    snapshot.put_back(model, snapshot.take(source), "it")
    assert everything(model) == everything(source)


class Mine(Optimizer):
    """Keeps numbers that are none of the package's business."""

    def __init__(self, learning_rate=0.1):
        super().__init__(learning_rate)
        self.lowest = float("inf")

    def update(self, theta, g, scratch):
        self.lowest = min(self.lowest, float(np.abs(g).sum()))
        self.late = float("nan")
        theta -= 0.1 * g


def test_numbers_of_an_optimizer_of_ones_own_are_not_judged(tmp_path):
    model, X, y = line()
    model.compile(Mine(), "mse")
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "m")
    loaded = bp.load_model(tmp_path / "m", {"Mine": Mine})
    assert loaded.optimizer.lowest == model.optimizer.lowest


def test_a_backup_of_another_model_changes_no_callback(tmp_path):
    with pytest.raises(PowerCut):
        fit(classifier(), BackupAndRestore(tmp_path), cut("on_epoch_end", 3))
    other, count = bp.Sequential([Dense(3), Softmax()], seed=0), Count()
    other.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError):
        fit(other, BackupAndRestore(tmp_path), count)
    assert count.epochs == []


# ----------------------------------------------------------------------- callbacks of one's own


class Count(Callback):
    """A callback of one's own with a state."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, logs["loss"]))

    def state(self):
        return {"epochs": self.epochs, "array": np.arange(3), "nan": float("nan")}

    def restore(self, state):
        self.epochs = state["epochs"]
        self.restored = state


def test_callbacks_of_ones_own_take_part(tmp_path):
    whole = fit(classifier(), one := Count())
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    with pytest.raises(PowerCut):
        fit(classifier(), Count(), backup, Count(), cut("on_epoch_end", 4))
    first, second, late = Count(), Count(), Count()
    history = fit(classifier(9), first, second, backup, late)
    assert first.epochs == second.epochs == one.epochs
    assert late.epochs == one.epochs[3:]  # one that is new begins where training goes on
    assert history.history == whole.history
    np.testing.assert_array_equal(first.restored["array"], np.arange(3))
    assert np.isnan(first.restored["nan"])


def test_attributes_that_are_called_like_the_methods_are_left_alone(tmp_path):
    class Own(Callback):
        state = "idle"

    class Other(Callback):
        def __init__(self):
            self.state = {"a": object()}

    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    fit(classifier(), Own(), Other(), backup, epochs=1)
    assert set(files.read(tmp_path / "latest.npz", "backup")["callbacks"]) == {
        "History",
        "EpochMeans",
        "Evaluations",
    }


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_backup_is_made_after_all_others_wherever_it_stands(tmp_path, place):
    calls = []

    class Named(Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(len(names_in(tmp_path)))
            kept = files.read(tmp_path / "latest.npz", "backup")
            assert kept["epoch"] == epoch

    callbacks = [Named(), Named()]
    callbacks.insert(place, BackupAndRestore(tmp_path))
    fit(classifier(), *callbacks, epochs=3)
    assert len(calls) == 6


def names_in(folder):
    return sorted(os.listdir(folder))


# ------------------------------------------------------------------------ those of the package


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_test_begin", "on_train_batch_end"])
@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_every_callback_goes_on_as_if_nothing_had_happened(tmp_path, hook, save_freq, monkeypatch):
    monkeypatch.setattr(LivePlot, "_show", lambda self: None)

    def made(folder):
        folder.mkdir(exist_ok=True)
        return [
            EarlyStopping(patience=4, restore_best_weights=True, start_from_epoch=1),
            ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.2, cooldown=1),
            BackupAndRestore(folder / "backup", save_freq, delete_checkpoint=False),
            CSVLogger(folder / "log.csv"),
            ModelCheckpoint(folder / "best.npz", save_best_only=True),
            LivePlot(folder / "x.png"),
        ]

    def result(model, history, callbacks, folder):
        stop, plateau, _, _, best, plot = callbacks
        return (
            model.parameters.values.tolist(),
            model.optimizer.learning_rate,
            (stop.best, stop.wait, stop.best_epoch, stop.stopped_epoch, model.stop_training),
            (plateau.best, plateau.wait, plateau.cooldown_counter),
            (best.best, best._steps),
            (plot.epoch, repr(plot.history)),
            (history.epoch, repr(history.history), history._when),
            (folder / "log.csv").read_text(),
            (folder / "best.npz").read_bytes(),
        )

    whole, callbacks = classifier(), made(tmp_path / "whole")
    expected = result(whole, fit(whole, *callbacks, epochs=9), callbacks, tmp_path / "whole")
    for at in (2, 3, 1, 2):
        with pytest.raises(PowerCut):
            fit(classifier(), *made(tmp_path / "cut"), cut(hook, at), epochs=9)
    resumed, callbacks = classifier(), made(tmp_path / "cut")
    found = result(resumed, fit(resumed, *callbacks, epochs=9), callbacks, tmp_path / "cut")
    assert found == expected
    again, callbacks = classifier(), made(tmp_path / "cut")  # it has been over since
    assert result(again, fit(again, *callbacks, epochs=9), callbacks, tmp_path / "cut") == expected


def test_a_worse_model_does_not_replace_the_best_one_after_a_restart(tmp_path):
    def callbacks():
        best = ModelCheckpoint(tmp_path / "best.npz", "speed", save_best_only=True, mode="max")
        return [score, best, BackupAndRestore(tmp_path / "b")]

    class Score(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["speed"] = [1.0, 9.0, 3.0, 4.0, 5.0, 6.0][epoch]

    score = Score()
    with pytest.raises(PowerCut):
        fit(classifier(), *callbacks(), cut("on_epoch_end", 3))
    kept = (tmp_path / "best.npz").read_bytes()
    fit(classifier(), *callbacks())
    assert (tmp_path / "best.npz").read_bytes() == kept


def test_a_schedule_of_epochs_is_asked_once_for_an_epoch_that_was_cut_off(tmp_path):
    def trained(*more):
        model = classifier()
        halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
        fit(model, halve, BackupAndRestore(tmp_path, save_freq=1), *more)
        return model.optimizer.learning_rate

    with pytest.raises(PowerCut):
        trained(cut("on_train_batch_end", 8))
    assert trained() == 0.1 / 2**6


def test_an_early_stop_that_was_cut_off_is_still_one(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    model = classifier()
    with pytest.raises(PowerCut):  # after the last backup
        fit(model, Stop(), BackupAndRestore(tmp_path), cut("on_train_end", 1))
    resumed = classifier(5)
    assert fit(resumed, BackupAndRestore(tmp_path)).epoch == [0, 1]
    assert resumed.stop_training
    np.testing.assert_array_equal(resumed.parameters.values, model.parameters.values)


def test_a_step_that_stopped_training_is_still_the_last(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.model.optimizer.iterations == 5

    whole = classifier()
    expected = fit(whole, Stop())
    with pytest.raises(PowerCut):
        fit(classifier(), Stop(), BackupAndRestore(tmp_path, 1), cut("on_test_begin", 2))
    resumed = classifier(5)
    history = fit(resumed, BackupAndRestore(tmp_path, 1))
    assert history.history == expected.history
    assert resumed.optimizer.iterations == 5
    mine, its = (m.generators["shuffle"].bit_generator.state for m in (resumed, whole))
    assert mine == its


# ----------------------------------------------------------------------- what cannot be read


def a_folder(path):
    path.unlink()
    path.mkdir()


UNREADABLE = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "a folder": a_folder,
    "another kind": lambda path: files.write(path, "model", {}),
    "newer": lambda path: np.savez(
        path, **{"backprop.json": np.frombuffer(b'{"backprop": "backup", "version": 9}', np.uint8)}
    ),
}


@pytest.mark.parametrize("spoil", UNREADABLE.values(), ids=UNREADABLE)
def test_the_backup_before_is_used_whatever_is_wrong_with_the_last(tmp_path, spoil, capsys):
    whole = fit(classifier())
    backup = BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    with pytest.raises(PowerCut):
        fit(classifier(), backup, cut("on_epoch_end", 4))
    spoil(tmp_path / "latest.npz")
    if (tmp_path / "latest.npz").is_dir():  # what cannot be replaced is the user's to remove
        with pytest.raises(IsADirectoryError, match="name a file"):
            fit(classifier(5), backup)
        return
    assert fit(classifier(5), backup).history == whole.history
    printed = capsys.readouterr().out
    assert str(tmp_path / "latest.npz") in printed
    assert printed.endswith("Training goes on from the backup before it.\n")


def test_a_damaged_backup_does_not_take_the_place_of_the_one_before(tmp_path, monkeypatch):
    backup = BackupAndRestore(tmp_path, double_checkpoint=True)
    with pytest.raises(PowerCut):
        fit(classifier(), backup, cut("on_epoch_end", 4))
    (tmp_path / "latest.npz").write_bytes(b"PK")

    def fail(*arguments):
        raise PowerCut

    with monkeypatch.context() as broken:
        broken.setattr(files, "write", fail)
        with pytest.raises(PowerCut):
            fit(classifier(5), BackupAndRestore(tmp_path, double_checkpoint=True))
    history = fit(classifier(5), BackupAndRestore(tmp_path, double_checkpoint=True))
    assert history.history == fit(classifier()).history


def test_two_damaged_backups_are_an_error(tmp_path):
    backup = BackupAndRestore(tmp_path, double_checkpoint=True)
    with pytest.raises(PowerCut):
        fit(classifier(), backup, cut("on_epoch_end", 4))
    for name in names_in(tmp_path):
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(bp.CorruptFileError, match=r"previous.npz"):
        fit(classifier(), backup)


# -------------------------------------------------------------------------------------- streams


class Shuffled:
    """Batches by number."""

    def __len__(self):
        return 5

    def __getitem__(self, k):
        X, y = classes(50)
        return X[k * 10 : k * 10 + 10], y[k * 10 : k * 10 + 10]


class Rewinding:
    """An iterator that begins anew when it has said that it is at its end: after five batches."""

    at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == 5:
            self.at = 0
            raise StopIteration
        self.at += 1
        return Shuffled()[self.at - 1]


def endless():
    rng = np.random.default_rng(1)
    while True:
        yield rng.normal(size=(6, 4)), rng.integers(0, 3, 6)


@pytest.mark.parametrize(
    "at", [5, 8, *(pytest.param(at, marks=pytest.mark.long) for at in (3, 9, 13))]
)
@pytest.mark.parametrize("save_freq", ["epoch", 1, 2])
@pytest.mark.parametrize("kind", ["by number", "generator", "iterator", "rewinding", "shared"])
def test_streams_go_on_with_the_batches_that_would_have_come(tmp_path, at, save_freq, kind):
    def fit(model, *callbacks):
        x = made.get(kind, endless)()
        if kind == "iterator":  # of which nobody knows whether it has begun: its owner turns it on
            x = iter([next(x) for _ in range(20)][4 * skipped :])
        others = x if kind == "shared" else endless()
        held_out = {} if kind == "iterator" else {"validation_data": others}
        options = {"steps_per_epoch": 4, "validation_steps": 2, "validation_freq": 2, **held_out}
        return model.fit(x, epochs=4, verbose=0, callbacks=callbacks, **options)

    skipped, made = 0, {"by number": Shuffled, "rewinding": Rewinding, "shared": Rewinding}
    whole, resumed = classifier(), classifier(9)
    expected = fit(whole)
    backup = BackupAndRestore(tmp_path / "b", save_freq)
    with pytest.raises(PowerCut):
        fit(classifier(), backup, cut("on_train_batch_end", at))
    if kind == "iterator":
        skipped = files.read(tmp_path / "b" / "latest.npz", "backup")["epoch"]
    assert fit(resumed, backup).history == expected.history
    np.testing.assert_array_equal(resumed.parameters.values, whole.parameters.values)


def test_a_generator_that_goes_on_in_the_same_program_is_where_it_was(tmp_path):
    drawn = []

    def numbered():
        for k, batch in enumerate(endless()):
            drawn.append(k)
            yield batch

    x, model = numbered(), classifier()
    for callbacks in ([cut("on_epoch_end", 2)], []):
        try:
            callbacks = [BackupAndRestore(tmp_path / "b"), *callbacks]
            model.fit(x, steps_per_epoch=4, epochs=3, verbose=0, callbacks=callbacks)
        except PowerCut:
            assert drawn == list(range(8))
    assert drawn == list(range(16))  # the second epoch was made once more, with new batches


def test_a_fit_that_is_refused_draws_nothing():
    model = classifier()
    before = model.generators["shuffle"].bit_generator.state
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="target"):
        model.fit(Shuffled(), verbose=0)
    assert model.generators["shuffle"].bit_generator.state == before


# -------------------------------------------------------------------------- L-BFGS, two programs


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_test_begin", "on_epoch_end"])
@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
def test_l_bfgs_goes_on_with_all_that_it_knows_of_its_way(tmp_path, hook, save_freq):
    """Its θ has the 53 bits of float64, that of the model 24."""

    def trained(*callbacks):
        model = bp.Sequential([Dense(5), Tanh(), Dense(3), Softmax()], seed=0)
        model.compile(LBFGS(max_iterations=25), "sparse_categorical_crossentropy", ["accuracy"])
        try:
            fit(model, *callbacks, epochs=40)
        except PowerCut:
            return None
        optimizer = model.optimizer
        return model.history.history, model.get_weights(), optimizer.iterations, optimizer.message

    history, weights, iterations, message = trained()
    assert iterations == 25
    for at in (3, 8, 5):
        assert trained(BackupAndRestore(tmp_path, save_freq), cut(hook, at)) is None
    found = trained(BackupAndRestore(tmp_path, save_freq))
    assert found[0] == history
    assert found[2:] == (iterations, message)
    for mine, its in zip(found[1], weights, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_l_bfgs_does_not_go_on_where_it_would_go_another_way(tmp_path):
    def network():
        model = bp.Sequential([Dense(4), Tanh(), Dense(3), Softmax()], seed=0)
        model.compile(LBFGS(), "sparse_categorical_crossentropy")
        return model

    with pytest.raises(PowerCut):
        fit(network(), BackupAndRestore(tmp_path), cut("on_epoch_end", 5))
    tree = files.read(tmp_path / "latest.npz", "backup")
    tree["callbacks"]["Evaluations"]["gradients"][2] *= 1.5
    files.write(tmp_path / "latest.npz", "backup", tree)
    with pytest.raises(ValueError, match="go on with the same SciPy, or delete the backup"):
        fit(network(), BackupAndRestore(tmp_path))


def test_without_backups_l_bfgs_keeps_no_gradients():
    X, y = classes(30)
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile(LBFGS(), "sparse_categorical_crossentropy")
    kept = []

    class Look(Callback):
        def set_others(self, callbacks):
            self.others = callbacks

        def on_epoch_end(self, epoch, logs=None):
            kept.extend(each.gradients for each in self.others if hasattr(each, "gradients"))

    model.fit(X, y, epochs=3, verbose=0, callbacks=[Look()])
    assert kept == [[], [], []]


OPTIMIZERS = list(public_classes("optimizers").values())

SECOND_FIT = """
import json, sys
import numpy as np
import backprop as bp
from scripts import classes
for path in sys.argv[1:]:
    model = bp.load_model(path)
    history = model.fit(*classes(), 8, epochs=2, verbose=0)
    model.save(path)
    print(json.dumps(history.history))
"""


def test_two_fits_in_two_programs_are_those_in_one(tmp_path):
    """For every optimizer, with and without an average of the weights."""
    expected, firsts, paths = [], [], []
    for k, kind in enumerate([*OPTIMIZERS, *OPTIMIZERS]):
        options = {"use_ema": True} if k >= len(OPTIMIZERS) and kind is not LBFGS else {}
        model = bp.Sequential([Dense(6), Tanh(), Dense(3), Softmax()], seed=2)
        model.compile(kind(**options), "sparse_categorical_crossentropy", ["accuracy"])
        firsts.append(model.fit(*classes(), 8, epochs=2, verbose=0))
        paths.append(tmp_path / f"{k}.npz")
        model.save(paths[-1])
        second = model.fit(*classes(), 8, epochs=2, verbose=0)
        model.save(tmp_path / "whole.npz")
        expected.append((second.history, (tmp_path / "whole.npz").read_bytes()))
    found = run("-c", SECOND_FIT, *paths, check=True).stdout.splitlines()
    for path, text, (history, content) in zip(paths, found, expected, strict=True):
        assert json.loads(text) == history
        assert path.read_bytes() == content


def test_histories_join():
    model, other = classifier(), classifier()
    first = fit(model, epochs=2, validation_freq=2)
    second = fit(model, epochs=3, validation_freq=2)
    whole = fit(other, epochs=5, validation_freq=[2, 4])
    joined = first + second
    assert joined.epoch == whole.epoch == list(range(5))
    assert joined.history == whole.history
    assert joined._when == whole._when
    assert joined.params == second.params
    numbered = first + fit(classifier(), epochs=5, initial_epoch=3)
    assert numbered.epoch == [0, 1, 3, 4]
    assert (first.epoch, len(first.history["loss"])) == ([0, 1], 2)
    with pytest.raises(TypeError):
        first + 1


def test_a_backup_that_was_kept_is_not_in_the_way_of_a_copy(tmp_path):
    """What ``state`` returns is written at once: later epochs do not change it."""
    count = Count()
    backup = BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    with pytest.raises(PowerCut):
        fit(classifier(), count, backup, cut("on_epoch_end", 3))
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    fit(classifier(), Count(), backup)
    early = Count()
    fit(classifier(), early, BackupAndRestore(tmp_path / "c"), epochs=2)
    assert len(early.epochs) == 2


def test_rates_that_a_schedule_makes_come_back(tmp_path):
    def network():
        model = bp.Sequential([Dense(3), Softmax()], seed=0)
        rates = bp.schedules.ExponentialDecay(0.5, 3, 0.9)
        model.compile(SGD(rates), "sparse_categorical_crossentropy")
        return model

    whole = fit(network())
    with pytest.raises(PowerCut):
        fit(network(), BackupAndRestore(tmp_path, 2), cut("on_train_batch_begin", 11))
    assert fit(network(), BackupAndRestore(tmp_path, 2)).history == whole.history


# ---------------------------------------------------------------- metrics in the middle of an epoch


class Composed(bp.metrics.Metric):
    """A metric that is made of others."""

    def __init__(self):
        super().__init__("own")
        self.right, self.others = bp.metrics.Accuracy(), [bp.metrics.F1Score(), bp.metrics.AUC()]

    def reset(self):
        for each in (self.right, *self.others):
            each.reset()

    def update(self, prediction, target, sample_weight=None):
        for each in (self.right, *self.others):
            each.update(prediction, target)

    def result(self):
        return self.right.result() + sum(each.result() for each in self.others)


class Guesses(bp.metrics.Metric):
    """A metric that counts in a dict of a class of its own."""

    def __init__(self):
        super().__init__("own")
        self.counts = collections.Counter()

    def reset(self):
        self.counts.clear()

    def update(self, prediction, target, sample_weight=None):
        self.counts.update(prediction.argmax(axis=-1).tolist())

    def result(self):
        return float(self.counts[0] - self.counts[1])


@pytest.mark.parametrize("make", [Composed, Guesses])
@pytest.mark.parametrize("at", [2, 5])
def test_metrics_of_ones_own_go_on_in_the_middle_of_an_epoch(make, at, tmp_path):
    def model():
        made = classifier()
        made.compile("sgd", "sparse_categorical_crossentropy", metrics=[make()])
        return made

    expected = fit(model(), epochs=3).history
    backup, power_cut = BackupAndRestore(tmp_path, 1), cut("on_train_batch_begin", at + 1)
    with pytest.raises(PowerCut):
        fit(model(), backup, power_cut, epochs=3)
    assert fit(model(), BackupAndRestore(tmp_path, 1), epochs=3).history == expected


@pytest.mark.parametrize("stop", [1, 5])
def test_a_stream_that_is_resumed_in_its_first_epoch_begins_once(stop, tmp_path):
    X = np.random.default_rng(0).standard_normal((64, 4))

    def source():
        rng = np.random.default_rng(7)
        return lambda: ((X[rows], X[rows, :1]) for rows in np.split(rng.permutation(64), 8))

    def fit(*callbacks):
        model = bp.Sequential([bp.Input(4), bp.layers.Dense(1)], seed=0)
        model.compile("adam", "mse")
        model.fit(source(), epochs=1, verbose=0, callbacks=list(callbacks))
        return model.parameters.values

    def leave(batch, logs):
        if batch == stop:
            raise KeyError

    expected = fit()
    with pytest.raises(KeyError):
        fit(
            bp.callbacks.BackupAndRestore(tmp_path / "b", 1),
            bp.callbacks.LambdaCallback(on_train_batch_end=leave),
        )
    resumed = fit(bp.callbacks.BackupAndRestore(tmp_path / "b", 1))
    np.testing.assert_array_equal(resumed, expected)


@pytest.mark.parametrize("stop", [3, 9, 13])
def test_files_that_are_shuffled_go_on_in_the_order_of_the_epoch(stop, tmp_path):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(10):
            pixels = rng.integers(0, 256, (2, 2, 3), np.uint8)
            image.fromarray(pixels).save(tmp_path / name / f"{k}.png")

    def fit(*callbacks):
        images = bp.datasets.from_image_folder(tmp_path, (2, 2), batch_size=4)
        layers = [bp.layers.Rescaling(1 / 255), bp.layers.Flatten(), bp.layers.Dense(2)]
        model = bp.Sequential([bp.Input((2, 2, 3)), *layers, bp.layers.Softmax()], seed=0)
        model.compile("adam", "sparse_categorical_crossentropy")
        history = model.fit(images, epochs=3, verbose=0, callbacks=list(callbacks))
        return [model.parameters.values.tolist(), history.history]

    steps = []

    def leave(batch, logs):
        steps.append(batch)
        if len(steps) == stop:
            raise KeyError

    expected = fit()
    backup = tmp_path.parent / f"{tmp_path.name}.backup"
    with pytest.raises(KeyError):
        fit(
            bp.callbacks.BackupAndRestore(backup, 1),
            bp.callbacks.LambdaCallback(on_train_batch_end=leave),
        )
    assert fit(bp.callbacks.BackupAndRestore(backup, 1)) == expected


class Changing:
    """A data set that has another order and another length in each epoch."""

    def __init__(self):
        self.rng, self.ended = np.random.default_rng(5), 0
        self.X, self.y = classes(60)

    def __len__(self):
        return 3 + self.ended % 3

    def __getitem__(self, k):
        return self.X[k * 10 : k * 10 + 10], self.y[k * 10 : k * 10 + 10]

    def on_epoch_end(self):
        order = self.rng.permutation(60)
        self.X, self.y, self.ended = self.X[order], self.y[order], self.ended + 1


class Told(Changing):
    """The same, which can find out by itself where an epoch begins."""

    def go_on(self, epochs):
        for _ in range(epochs):
            self.on_epoch_end()


def assert_goes_on(fit, at, path, save_freq):
    """A training that was cut off after so many steps ends as one that was not."""
    whole, resumed = classifier(), classifier(9)
    expected = fit(whole)
    with pytest.raises(PowerCut):
        fit(classifier(), BackupAndRestore(path, save_freq), cut("on_train_batch_end", at))
    assert fit(resumed, BackupAndRestore(path, save_freq)) == expected
    np.testing.assert_array_equal(resumed.parameters.values, whole.parameters.values)


@pytest.mark.parametrize("make", [Changing, Told])
@pytest.mark.parametrize(
    "at", [5, 11, *(pytest.param(at, marks=pytest.mark.long) for at in (1, 3, 7, 9, 13, 15))]
)
@pytest.mark.parametrize("save_freq", ["epoch", 1])
def test_a_data_set_that_changes_from_epoch_to_epoch_goes_on(at, save_freq, make, tmp_path):
    def fit(model, *callbacks):
        options = {"validation_data": make(), "validation_freq": 2, "verbose": 0}
        return model.fit(make(), epochs=4, callbacks=callbacks, **options).history

    assert_goes_on(fit, at, tmp_path / "b", save_freq)


def test_what_no_file_can_hold_ends_no_training_and_comes_back_as_text(tmp_path):
    times = [datetime.timedelta(minutes=minutes) for minutes in (1, 2, 3)]
    days = [datetime.date(2026, 11, day) for day in (1, 2, 3)]

    def write(epoch, logs):
        logs["time"], logs["day"] = times[epoch], days[epoch]

    written = bp.callbacks.LambdaCallback(on_epoch_end=write)
    stop = cut("on_train_batch_begin", 7)
    with pytest.raises(PowerCut):
        fit(classifier(), written, BackupAndRestore(tmp_path / "b"), stop, epochs=3)
    history = fit(classifier(), written, BackupAndRestore(tmp_path / "b"), epochs=3).history
    assert history["time"] == [*map(str, times[:2]), times[2]]
    assert history["day"] == days


class OwnOrder:
    """Batches in another order in each epoch, from a generator of its own."""

    def __init__(self):
        self.rng, self.drawn = np.random.default_rng(5), 0
        self.X, self.y = classes(60)

    def order(self):
        return self.rng.permutation(60)

    def __iter__(self):
        for rows in np.split(self.order(), 6):
            self.drawn += 1
            noise = self.rng.normal(size=(10, 1)) * 0.1  # drawn batch by batch
            yield self.X[rows] + noise, self.y[rows]


class SameOrder(OwnOrder):
    """The same batches in every epoch."""

    def __iter__(self):
        self.rng = np.random.default_rng(5)
        return super().__iter__()


@pytest.mark.parametrize("form", [lambda source: source, lambda source: source.__iter__])
@pytest.mark.parametrize("steps", [None, 4])
@pytest.mark.parametrize("save_freq", ["epoch", 1])
@pytest.mark.parametrize(
    "at", [5, 16, *(pytest.param(at, marks=pytest.mark.long) for at in (2, 7, 13))]
)
def test_batches_in_an_order_of_their_own_go_on(form, steps, save_freq, at, tmp_path):
    def fit(model, *callbacks):
        options = {"validation_data": form(OwnOrder()), "validation_freq": 2, "verbose": 0}
        options |= {"epochs": 4, "steps_per_epoch": steps, "validation_steps": steps}
        return model.fit(form(OwnOrder()), callbacks=callbacks, **options).history

    assert_goes_on(fit, at, tmp_path / "b", save_freq)


@pytest.mark.parametrize(("make", "drawn"), [(SameOrder, 6 + 6 + 6), (OwnOrder, 6 * 6)])
def test_epochs_that_are_alike_are_not_all_drawn_once_more(make, drawn, tmp_path):
    options = {"epochs": 6, "verbose": 0}
    stop = cut("on_train_batch_end", 31)
    with pytest.raises(PowerCut):
        classifier().fit(make(), callbacks=[BackupAndRestore(tmp_path / "b"), stop], **options)
    source = make()
    classifier().fit(source, callbacks=[BackupAndRestore(tmp_path / "b")], **options)
    assert source.drawn == drawn


@pytest.mark.parametrize("at", [8, 14, 16])
def test_epochs_that_only_begin_alike_are_drawn_once_more(at, tmp_path):
    class Late(OwnOrder):
        def __iter__(self):
            yield self.X[:10], self.y[:10]
            yield from super().__iter__()

    def fit(model, *callbacks):
        return model.fit(Late(), epochs=3, callbacks=callbacks, verbose=0).history

    assert_goes_on(fit, at, tmp_path / "b", 1)


class Reordered(Changing):
    """A data set that changes its order alone."""

    def __len__(self):
        return 5


class Seeded(Orders):
    """What shuffles files: the seed and the number of the epoch determine an order."""

    def __init__(self):
        super().__init__(seed=3)

    def __call__(self):
        (X, y), rng = classes(60), self._next_rng()
        for rows in np.split(rng.permutation(60), 6):
            yield X[rows], y[rows]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("make", "save_freq"), [(Changing, "epoch"), (Reordered, 1), (Seeded, "epoch"), (Seeded, 1)]
)
@pytest.mark.parametrize(
    "at", [5, 12, *(pytest.param(at, marks=pytest.mark.long) for at in (2, 9))]
)
def test_a_data_set_that_goes_on_in_the_same_program_is_where_it_was(
    first, make, save_freq, at, tmp_path
):
    whole, source, backup = make(), make(), BackupAndRestore(tmp_path / "b", save_freq)
    if first:  # another fit has drawn from it before
        for each in (whole, source):
            classifier().fit(each, epochs=2, verbose=0)
    expected = classifier().fit(whole, epochs=4, verbose=0).history
    stop = cut("on_train_batch_end", at)
    with pytest.raises(PowerCut):
        classifier().fit(source, epochs=4, verbose=0, callbacks=[backup, stop])
    found = classifier().fit(source, epochs=4, verbose=0, callbacks=[backup])
    assert found.history == expected


@pytest.mark.parametrize("at", [3, 9, 14])
def test_files_that_are_trained_and_validated_on_go_on(at, tmp_path):
    def fit(model, *callbacks):
        x = Seeded()
        return model.fit(x, validation_data=x, epochs=3, verbose=0, callbacks=callbacks).history

    assert_goes_on(fit, at, tmp_path / "b", 1)


@pytest.mark.parametrize("kind", ["generator", "data set", "iterable", "peeked", "files"])
@pytest.mark.parametrize("at", [3, 9])
def test_the_second_fit_on_a_stream_goes_on_in_another_program(kind, at, tmp_path):
    def program(*callbacks):
        made = {"data set": Changing, "iterable": OwnOrder, "files": Seeded}
        x = made.get(kind, endless)()
        if kind == "peeked":
            next(x)
        model, steps = classifier(), 4 if kind in ("generator", "peeked") else None
        model.fit(x, epochs=2, steps_per_epoch=steps, verbose=0)
        history = model.fit(x, epochs=3, steps_per_epoch=steps, verbose=0, callbacks=callbacks)
        return history.history, model.parameters.values.tolist()

    expected = program()
    with pytest.raises(PowerCut):
        program(BackupAndRestore(tmp_path / "b", 1), cut("on_train_batch_end", at))
    assert program(BackupAndRestore(tmp_path / "b", 1)) == expected
