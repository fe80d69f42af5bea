"""Files written while a model is trained: checkpoints, and backups that training goes on from."""

import errno
import os
import shutil

import numpy as np
import pytest
from scripts import classes, classifier, line, play

import backprop as bp
from backprop.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    LambdaCallback,
    LivePlot,
    ModelCheckpoint,
    TensorBoard,
)
from backprop.layers import Dense, ReLU, Softmax
from backprop.optimizers import SGD, Adam

NAN = float("nan")


def weight(path):
    """The one weight of the model that ``play`` trains."""
    return float(np.load(path)["weights/dense_1.W"][0, 0])


def names(folder):
    return sorted(os.listdir(folder))


# ---------------------------------------------------------------------------- ModelCheckpoint


def test_every_epoch_is_saved_under_its_number_and_logs(tmp_path):
    path = tmp_path / "{epoch:02d}-{val_loss:.2f}.npz"
    model, script, _ = play([3.0, 2.5, 2.754], ModelCheckpoint(path))
    assert names(tmp_path) == ["01-3.00.npz", "02-2.50.npz", "03-2.75.npz"]
    for name, theta in zip(names(tmp_path), script.thetas, strict=True):
        assert weight(tmp_path / name) == theta[0]
        assert bp.load_model(tmp_path / name).parameters.values == theta
    assert model.parameters.values == script.thetas[2]


def test_one_name_is_written_again_and_again(tmp_path):
    path = tmp_path / "last.npz"
    _, script, _ = play([3.0, 2.0, 4.0], ModelCheckpoint(str(path)))
    assert names(tmp_path) == ["last.npz"]
    assert weight(path) == script.thetas[2][0]


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "saved"),
    [
        ("val_loss", "auto", [3.0, 2.0, 2.5, 2.0, 1.5], ["1", "2", "5"]),
        ("val_loss", "auto", [NAN, 2.0, NAN, 1.0], ["2", "4"]),
        ("val_accuracy", "max", [0.3, 0.5, 0.4, 0.6], ["1", "2", "4"]),
        ("speed", "max", [3.0, 2.0, 3.5], ["1", "3"]),
        ("val_accuracy", "min", [0.3, 0.5, 0.2], ["1", "3"]),
    ],
)
def test_only_the_best_are_saved(tmp_path, monitor, mode, values, saved):
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}", monitor=monitor, mode=mode, save_best_only=True
    )
    play(values, checkpoint, name=monitor)
    assert names(tmp_path) == saved
    assert checkpoint.best == values[int(saved[-1]) - 1]


def test_a_number_of_a_callback_that_is_not_there_in_every_epoch(tmp_path):
    """Training ended by a KeyError."""
    model, X, y = line()
    added = LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update({"own": 1} if epoch else {})
    )
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch} {own}", monitor="own", mode="max", save_best_only=True
    )
    model.fit(X, y, 4, 3, 0, [added, checkpoint])
    assert names(tmp_path) == ["1 nan", "2 1"]


def test_the_first_file_must_be_better_than_the_threshold(tmp_path):
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}", save_best_only=True, initial_value_threshold=2.2
    )
    play([3.0, 2.2, 2.1, 2.15], checkpoint)
    assert names(tmp_path) == ["3"]


def test_epochs_without_a_validation_are_not_saved_as_the_best(tmp_path):
    """They wrote over the best model."""
    model, X, y = line()
    for name, options in (("{epoch}", {}), ("s{epoch}", {"monitor": "val_score", "mode": "max"})):
        checkpoint = ModelCheckpoint(tmp_path / name, save_best_only=True, **options)
        score = LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update({"val_score": epoch} if epoch % 2 else {})
        )
        model.fit(X, y, 4, 6, 0, [score, checkpoint], validation_data=(X, y), validation_freq=2)
    # of a number that may never come the first epoch is better saved than not
    assert names(tmp_path) == ["2", "4", "6", "s1", "s2", "s4", "s6"]


def test_a_name_with_a_number_that_is_not_there_in_every_epoch(tmp_path):
    """Training ended after the first epoch."""
    model, X, y = line()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.3f}")
    model.fit(X, y, 4, 3, 0, [checkpoint], validation_data=(X, y), validation_freq=2)
    second = model.history.history["val_loss"][0]
    assert names(tmp_path) == ["1-nan", f"2-{second:.3f}", "3-nan"]
    with pytest.raises(ValueError, match="the numbers there are epoch, loss"):
        model.fit(X, y, 4, 1, 0, [checkpoint])


def test_a_validation_has_no_numbers_after_a_step(tmp_path):
    model, X, y = line()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True, save_freq=1)
    with pytest.warns(RuntimeWarning, match="'val_loss', which is not among .* there are 'loss'"):
        model.fit(X, y, 4, 2, 0, [checkpoint], validation_data=(X, y))
    assert names(tmp_path) == ["1", "2"]


def test_a_second_fit_is_compared_with_the_best_of_the_first(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{val_loss}", save_best_only=True)
    play([3.0, 2.0], checkpoint)
    play([2.5, 1.0], checkpoint)
    assert names(tmp_path) == ["1.0", "2.0", "3.0"]


def test_missing_number_is_warned_of_once_and_every_epoch_saved(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True)
    with pytest.warns(RuntimeWarning, match="ModelCheckpoint watches 'val_loss'") as caught:
        play([1.0, 2.0], checkpoint, name="speed")
    assert names(tmp_path) == ["1", "2"]
    assert len(caught) == 1
    assert caught[0].filename.endswith("scripts.py")


def test_weights_alone(tmp_path):
    _, script, _ = play([3.0], ModelCheckpoint(tmp_path / "w.npz", save_weights_only=True))
    with pytest.raises(
        ValueError, match=r"holds weights, but a model is needed: .*model\.load_weights"
    ):
        bp.load_model(tmp_path / "w.npz")
    other, _, _ = line()
    other.build((None, 1))
    other.load_weights(tmp_path / "w.npz")
    assert other.parameters.values == script.thetas[0]


def test_every_so_many_steps_are_counted_through_the_epochs(tmp_path):
    model, X, y = line()  # 4 samples
    thetas, keep = [], Callback()
    keep.on_train_batch_end = lambda batch, logs=None: thetas.append(model.parameters.values[0])
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=3)
    model.fit(X, y, 1, epochs=3, verbose=0, callbacks=[keep, checkpoint])
    steps = {"1-3": 3, "2-2": 6, "3-1": 9, "3-4": 12}  # of 4 an epoch
    assert {name: weight(tmp_path / name) for name in names(tmp_path)} == {
        name: thetas[step - 1] for name, step in steps.items()
    }


def test_the_logs_of_a_step_can_be_in_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, X, y = line(learning_rate=0.0)
    checkpoint = ModelCheckpoint("{epoch}-{batch}-{loss:.3f}", save_freq=4)
    model.fit(X, y, 1, epochs=2, verbose=0, callbacks=[checkpoint])
    loss = model.evaluate(X, y)
    assert names(tmp_path) == [f"1-4-{loss:.3f}", f"2-4-{loss:.3f}"]


def test_steps_with_the_best_loss_only(tmp_path):
    class Losses(Callback):
        def on_train_batch_end(self, batch, logs=None):
            logs["loss"] = [4.0, 2.0, 3.0, 1.0][batch]

    model, X, y = line()
    checkpoint = ModelCheckpoint(
        tmp_path / "{batch}", monitor="loss", save_best_only=True, save_freq=1
    )
    model.fit(X, y, 1, verbose=0, callbacks=[Losses(), checkpoint])
    assert names(tmp_path) == ["1", "2", "4"]


def test_a_batch_hook_is_there_only_where_it_is_needed(tmp_path):
    listed = bp.callbacks.CallbackList([ModelCheckpoint("a"), BackupAndRestore("b")], None, {})
    assert listed.overriding("on_train_batch_end") == []
    steps = ModelCheckpoint("a", save_freq=2)
    listed = bp.callbacks.CallbackList([steps], None, {})
    assert len(listed.overriding("on_train_batch_end")) == 1


@pytest.mark.parametrize("make", [ModelCheckpoint, TensorBoard])
def test_a_folder_that_cannot_be_made_is_found_before_training(make, tmp_path):
    (tmp_path / "file").write_text("")
    model = bp.Sequential([bp.layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 2))
    before = model.parameters.values.copy()
    with pytest.raises(OSError, match=r"(filepath|log_dir): the folder .* name another one"):
        model.fit(
            np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[make(tmp_path / "file" / "a" / "b")]
        )
    np.testing.assert_array_equal(model.parameters.values, before)


def test_folders_of_events_are_made_before_training(tmp_path):
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
        with pytest.raises(OSError, match=f"log_dir: the folder .*{name}' cannot be made"):
            steps_of(small_model(), TensorBoard(tmp_path / name), validation_split=0.5)


def test_a_file_that_cannot_be_written_is_found_before_training(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("kept")
    path.chmod(0o444)
    for filepath, error in ((path, PermissionError), (os.devnull, OSError)):
        save = ModelCheckpoint(filepath, monitor="loss", save_best_only=True)
        with pytest.raises(error, match="name a"):
            steps_of(small_model(), save)
    assert path.read_text() == "kept"


@pytest.mark.parametrize("make", [
    lambda folder: ModelCheckpoint(folder / "a.npz"),
    lambda folder: ModelCheckpoint(folder / "{epoch}.npz", save_weights_only=True),
    lambda folder: ModelCheckpoint(folder / "{epoch}" / "a.npz", save_freq=1),
    lambda folder: LivePlot(folder / "a.png"),
    lambda folder: CSVLogger(folder / "a.csv"),
    lambda folder: BackupAndRestore(folder),
])  # fmt: skip
def test_a_folder_that_is_protected_is_found_before_training(make, tmp_path, monkeypatch):
    def refused(path, flags, mode=0o777):
        if flags & os.O_CREAT:  # what the system does whoever runs the test
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path, flags, mode)

    opened = os.open
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError, match=r"Permission denied") as caught:
        steps_of(small_model(), make(tmp_path))
    assert ".backprop-" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_folder_is_tried_without_a_trace(tmp_path):
    steps_of(small_model(), ModelCheckpoint(tmp_path / "{epoch}.npz"), LivePlot(tmp_path / "a.png"))
    assert names(tmp_path) == ["1.npz", "a.png"]


def test_a_name_of_another_format_is_found_before_training(tmp_path):
    with pytest.raises(ValueError, match=r"what its name says: model\.export\(path\) writes ONNX"):
        steps_of(small_model(), ModelCheckpoint(tmp_path / "{epoch}.onnx"))


def test_a_model_that_cannot_be_saved_is_found_before_training(tmp_path):
    model = small_model()
    model.compile("sgd", "mse", metrics=[lambda y, p: np.abs(p - y).mean(axis=-1)])
    with pytest.raises(TypeError, match="metric"):
        steps_of(model, ModelCheckpoint(tmp_path / "{epoch}.npz", save_freq=1000))
    steps_of(model, ModelCheckpoint(tmp_path / "a.npz", save_weights_only=True))
    assert names(tmp_path) == ["a.npz"]


class Sized(bp.Sequential):
    """A model that is made from a number, which no file could know."""

    def __init__(self, units):
        super().__init__([bp.Input(2), bp.layers.Dense(units)], seed=0)


def test_a_model_class_that_cannot_be_made_again_is_found_before_training(tmp_path):
    model = Sized(1)
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="a Sized cannot be saved"):
        steps_of(model, ModelCheckpoint(tmp_path / "{epoch}.npz", save_freq=1000))


def test_a_model_that_saves_in_its_own_way_is_left_to_it(tmp_path):
    class Own(Sized):
        def save(self, path):
            self.save_weights(path)

    model = Own(1)
    model.compile("sgd", "mse")
    steps_of(model, ModelCheckpoint(tmp_path / "a.npz"))
    assert names(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("name", ["{loss:d}.npz", "{f1_score:.2f}.npz", "{}.npz"])
def test_a_form_that_fits_no_number_is_found_before_training(name, tmp_path):
    model = bp.Sequential([bp.layers.Dense(3), bp.layers.Softmax()], seed=0)
    metrics = [bp.metrics.F1Score(average=None), "mae"]
    model.compile("sgd", "categorical_crossentropy", metrics=metrics)
    model.build((None, 2))
    before = model.parameters.values.copy()
    save = ModelCheckpoint(tmp_path / name)
    with pytest.raises(ValueError, match="cannot be filled in"):
        model.fit(np.ones((3, 2)), np.eye(3), verbose=0, callbacks=[save])
    np.testing.assert_array_equal(model.parameters.values, before)


def steps_of(model, *callbacks, **options):
    before = model.get_weights()
    try:
        model.fit(np.ones((6, 2)), np.ones(6), verbose=0, callbacks=list(callbacks), **options)
    except (ValueError, TypeError, OSError):
        for mine, its in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, its)
        raise


def small_model(rate=0.1):
    model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("{nothing}.npz", "epoch, loss, mae"),
        ("runs/{val_mae:.2f}.npz", "epoch, loss, mae"),
        ("{batch}.npz", "epoch, loss, mae"),
        ("{learning_rate}.npz", "epoch, loss, mae"),
    ],
)
def test_a_number_that_never_comes_is_found_before_training(name, numbers, tmp_path):
    save = ModelCheckpoint(tmp_path / name)
    with pytest.raises(ValueError, match=rf"cannot be filled in .* there are {numbers}\."):
        steps_of(small_model(), save)
    assert names(tmp_path) == []


def test_numbers_that_come_are_not_refused(tmp_path):
    steps_of(small_model(), ModelCheckpoint(tmp_path / "{val_mae:.0f}.npz"), validation_split=0.5)
    steps_of(small_model(), ModelCheckpoint(tmp_path / "step {batch}.npz", save_freq=1))
    by_schedule = small_model(bp.schedules.ExponentialDecay(0.5, 1000, 0.5))
    steps_of(by_schedule, ModelCheckpoint(tmp_path / "a {learning_rate:.1f}.npz"))
    reduce = bp.callbacks.ReduceLROnPlateau("loss")
    steps_of(small_model(0.2), reduce, ModelCheckpoint(tmp_path / "b {learning_rate:.1f}.npz"))

    class Mine(bp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            logs["mine"] = 7

    also = bp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(also=8))
    for callback, name in ((Mine(), "mine"), (also, "also")):
        steps_of(small_model(), callback, ModelCheckpoint(tmp_path / f"{{{name}}}.npz"))
    assert {"a 0.5.npz", "b 0.2.npz", "7.npz", "8.npz", "step 1.npz"} < set(names(tmp_path))


@pytest.mark.parametrize(
    "make",
    [
        bp.callbacks.CSVLogger,
        BackupAndRestore,
        bp.callbacks.TensorBoard,
        bp.callbacks.LivePlot,
    ],
)
def test_names_without_numbers_have_no_fields(make, tmp_path):
    for field in ("{nothing}", "{epoch:02d}"):
        with pytest.raises(ValueError, match=rf"has the field {field}, but there are none"):
            make(tmp_path / f"{field}.png")
    for name in ("{3F2504E0-4F89}", "a{b", "{}"):  # names as others give them
        make(tmp_path / name)


def test_missing_folders_are_made(tmp_path):
    play([1.0], ModelCheckpoint(tmp_path / "runs" / "{epoch}" / "model.npz"))
    assert names(tmp_path / "runs" / "1") == ["model.npz"]


def test_checkpoint_messages(tmp_path, capsys):
    play([2.0, 3.0], ModelCheckpoint(tmp_path / "m", verbose=1, save_best_only=True))
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: val_loss is 2, better than inf.",
        f"Epoch 1: saved to {tmp_path / 'm'}.",
        "Epoch 2: val_loss is 3, no better than 2.",
    ]
    play([2.0, 3.0], ModelCheckpoint(tmp_path / "m", save_best_only=True))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "template", ["{val_acc:.2f}", "{}", "{loss:d}", "{epoch", "{epoch.x}", "{loss[0]}"]
)
def test_name_that_cannot_be_filled_in(tmp_path, template):
    with pytest.raises(ValueError, match=r"cannot be filled in .* there are epoch, loss"):
        play([1.0], ModelCheckpoint(tmp_path / template))
    assert names(tmp_path) == []


@pytest.mark.parametrize("save_freq", ["batch", 0, -1, 1.5, True, None])
@pytest.mark.parametrize("kind", [ModelCheckpoint, BackupAndRestore])
def test_frequency_must_be_epoch_or_a_number(kind, save_freq):
    with pytest.raises(ValueError, match="save_freq, if it is not 'epoch', must be an integer"):
        kind("x", save_freq=save_freq)


# --------------------------------------------------------------------------- BackupAndRestore


class PowerCut(Exception):
    """What ends a training that a test interrupts."""


class CutAt(Callback):
    """Raises after the batch of that number in that epoch; batch None is in the validation."""

    def __init__(self, epoch, batch):
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise PowerCut

    def on_test_begin(self, logs=None):
        if (self.epoch, None) == self.at:
            raise PowerCut


def train(model, *callbacks, epochs=5, batch_size=8, n=50):
    X, y = classes(n)  # 7 steps an epoch
    return model.fit(
        X,
        y,
        batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
        validation_data=(X[:5], y[:5]),
    )


def interrupted(backup, at, **arguments):
    """A model whose training was cut off, and is dead."""
    with pytest.raises(PowerCut):
        train(classifier(), backup, CutAt(*at), **arguments)


@pytest.fixture(scope="module")
def whole():
    """The model and the history of a training that nothing interrupts."""
    model = classifier()
    return model, train(model)


@pytest.mark.parametrize("at", [(0, 3), (2, 0), (3, 4), (4, 6), (4, None)])
def test_training_goes_on_at_the_epoch_that_was_cut_off_with_the_same_bits(tmp_path, whole, at):
    interrupted(BackupAndRestore(tmp_path / "b"), at)
    resumed = classifier(seed=99)  # other weights, shuffling and noise: all must come back
    history = train(resumed, BackupAndRestore(tmp_path / "b"))
    model, full = whole
    assert history.epoch == list(range(5))
    np.testing.assert_array_equal(resumed.parameters.values, model.parameters.values)
    assert history.history == full.history
    velocity = resumed.optimizer.state["velocity"]
    np.testing.assert_array_equal(velocity, model.optimizer.state["velocity"])
    assert resumed.optimizer.iterations == model.optimizer.iterations == 35
    assert not os.path.exists(tmp_path / "b")
    # and so would a further fit
    again = classifier()
    train(again)
    for one in (again, resumed):
        train(one, epochs=2)
    np.testing.assert_array_equal(resumed.parameters.values, again.parameters.values)


@pytest.mark.parametrize(
    ("save_freq", "at", "epoch", "step"),
    [
        (3, (1, 3), 1, 2),  # after 11 steps: the backup is from the 9th, the 2nd of epoch 1
        (3, (2, 2), 2, 1),
        (1, (3, 2), 3, 2),  # the backup of that step is made after all other callbacks
        (7, (2, 5), 1, 7),  # at the end of an epoch: its validation comes first
        (14, (1, 5), 0, 0),  # cut off before the first: that of the beginning
        (7, (1, None), 1, 7),  # after the last step, in the validation
    ],
)
def test_training_goes_on_in_the_middle_of_an_epoch(tmp_path, whole, save_freq, at, epoch, step):
    interrupted(BackupAndRestore(tmp_path / "b", save_freq=save_freq), at)
    resumed = classifier(seed=99)
    seen = []
    keep = Callback()
    keep.on_train_batch_begin = lambda batch, logs=None: seen.append(batch)
    history = train(resumed, keep, BackupAndRestore(tmp_path / "b", save_freq=save_freq))
    assert history.epoch == list(range(5))
    assert seen == [*range(step, 7), *(list(range(7)) * (4 - epoch))]
    model, full = whole
    np.testing.assert_array_equal(resumed.parameters.values, model.parameters.values)
    assert history.history == full.history


def test_a_reduced_learning_rate_comes_back(tmp_path):
    class Reduce(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate /= 2

    with pytest.raises(PowerCut):
        train(classifier(), Reduce(), BackupAndRestore(tmp_path), CutAt(2, 1))
    resumed = classifier()
    train(resumed, BackupAndRestore(tmp_path), epochs=3)
    assert resumed.optimizer.learning_rate == 0.1 / 4


def test_the_same_model_goes_on_in_the_same_program(tmp_path, whole):
    model = classifier()
    with pytest.raises(PowerCut):
        train(model, BackupAndRestore(tmp_path), CutAt(2, 4))
    assert train(model, BackupAndRestore(tmp_path)).history == whole[1].history
    np.testing.assert_array_equal(model.parameters.values, whole[0].parameters.values)
    assert model.optimizer.iterations == 35


def test_two_cuts_in_a_row(tmp_path, whole):
    interrupted(BackupAndRestore(tmp_path), (1, 2))
    with pytest.raises(PowerCut):
        train(classifier(), BackupAndRestore(tmp_path), CutAt(1, 5))
    with pytest.raises(PowerCut):
        train(classifier(), BackupAndRestore(tmp_path), CutAt(3, 0))
    resumed = classifier()
    assert train(resumed, BackupAndRestore(tmp_path)).history == whole[1].history
    np.testing.assert_array_equal(resumed.parameters.values, whole[0].parameters.values)


def test_two_cuts_in_the_same_epoch(tmp_path, whole):
    def backup():
        return BackupAndRestore(tmp_path / "b", save_freq=1)

    interrupted(backup(), (2, 1))
    with pytest.raises(PowerCut):
        train(classifier(seed=98), backup(), CutAt(2, 3))
    resumed = classifier(seed=99)
    assert train(resumed, backup()).history == whole[1].history
    np.testing.assert_array_equal(resumed.parameters.values, whole[0].parameters.values)


def test_an_object_can_be_used_again(tmp_path, whole):
    backup = BackupAndRestore(tmp_path / "b", save_freq=2)
    train(classifier(), backup, epochs=3)  # 21 steps
    interrupted(backup, (1, 3), epochs=2)
    resumed, steps = classifier(seed=99), []
    keep = Callback()
    keep.on_train_batch_begin = lambda batch, logs=None: steps.append(batch)
    assert train(resumed, backup, keep).history == whole[1].history
    assert steps[0] == 3  # the backup was made after step 10 of the fit
    np.testing.assert_array_equal(resumed.parameters.values, whole[0].parameters.values)


def test_backup_is_there_meanwhile_and_deleted_at_the_end(tmp_path):
    folder, seen = tmp_path / "b", []
    look = Callback()
    look.on_epoch_end = lambda epoch, logs=None: seen.append(names(folder))
    train(classifier(), BackupAndRestore(folder), look, epochs=2)
    assert seen == [["latest.npz"]] * 2
    assert not folder.exists()


def test_a_fit_of_no_epochs_needs_no_backup(tmp_path):
    assert train(classifier(), BackupAndRestore(tmp_path / "b"), epochs=0).epoch == []
    assert names(tmp_path) == []


def test_only_the_backup_itself_is_deleted(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    train(classifier(), BackupAndRestore(tmp_path), epochs=1)
    assert names(tmp_path) == ["mine.txt"]


def test_backup_is_deleted_when_a_callback_ends_training(tmp_path):
    stop = Callback()
    stop.on_epoch_end = lambda epoch, logs=None: setattr(stop.model, "stop_training", True)
    assert train(classifier(), stop, BackupAndRestore(tmp_path / "b")).epoch == [0]
    assert not (tmp_path / "b").exists()


def test_kept_backup_of_a_finished_training_leaves_nothing_to_do(tmp_path, whole):
    train(classifier(), BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert names(tmp_path) == ["latest.npz"]
    again = classifier()
    history = train(again, BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert history.history == whole[1].history
    np.testing.assert_array_equal(again.parameters.values, whole[0].parameters.values)
    more = BackupAndRestore(tmp_path, delete_checkpoint=False)
    assert train(again, more, epochs=7).epoch == list(range(7))
    assert again.optimizer.iterations == 49


def test_double_checkpoint_keeps_the_one_before_for_the_case_of_damage(tmp_path, whole):
    interrupted(BackupAndRestore(tmp_path, double_checkpoint=True), (3, 1))
    assert names(tmp_path) == ["latest.npz", "previous.npz"]
    (tmp_path / "latest.npz").write_bytes(b"half a file")
    resumed = classifier(seed=99)
    backup = BackupAndRestore(tmp_path, double_checkpoint=True)
    assert train(resumed, backup).history == whole[1].history
    np.testing.assert_array_equal(resumed.parameters.values, whole[0].parameters.values)
    assert not tmp_path.exists()


def test_a_cut_between_the_two_files_is_no_loss(tmp_path, whole):
    interrupted(BackupAndRestore(tmp_path, double_checkpoint=True), (3, 1))
    os.remove(tmp_path / "latest.npz")
    resumed = classifier()
    backup = BackupAndRestore(tmp_path, double_checkpoint=True)
    assert train(resumed, backup).history == whole[1].history
    np.testing.assert_array_equal(resumed.parameters.values, whole[0].parameters.values)


def test_damaged_backup_is_an_error_and_not_a_new_beginning(tmp_path):
    interrupted(BackupAndRestore(tmp_path), (2, 1))
    assert names(tmp_path) == ["latest.npz"]
    (tmp_path / "latest.npz").write_bytes(b"half a file")
    model = classifier()
    model.build((None, 4))
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match="is no file that backprop saved, or it is damaged"):
        train(model, BackupAndRestore(tmp_path))
    np.testing.assert_array_equal(model.parameters.values, before)


def test_backup_of_another_model_is_refused(tmp_path):
    interrupted(BackupAndRestore(tmp_path), (2, 1))
    other = bp.Sequential([Dense(3), Softmax()], seed=0)
    other.compile(SGD(0.1), "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"the backup in .* does not fit the model") as error:
        train(other, BackupAndRestore(tmp_path))
    assert "its 'dense_1.W' has the shape (4, 8), but the model's has (4, 3)" in str(error.value)
    assert "the model has no 'dense_2.W'" in str(error.value)
    quiet = bp.Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)
    quiet.compile(SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="belongs to a model with other random layers than <Sequ"):
        train(quiet, BackupAndRestore(tmp_path))
    adaptive = classifier()
    adaptive.compile(Adam(), "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"with the optimizer SGD, but the model is .* Adam"):
        train(adaptive, BackupAndRestore(tmp_path))


def test_arguments_of_the_optimizer_are_those_of_the_backup(tmp_path, whole):
    interrupted(BackupAndRestore(tmp_path), (2, 1))
    plain = classifier(momentum=0.0)
    assert train(plain, BackupAndRestore(tmp_path)).history == whole[1].history
    assert plain.optimizer.momentum == 0.9


def test_backup_from_the_middle_of_an_epoch_of_other_data_is_refused(tmp_path):
    interrupted(BackupAndRestore(tmp_path, save_freq=3), (1, 4))
    with pytest.raises(ValueError, match="an epoch of 7 steps, but an epoch has 5 now"):
        train(classifier(), BackupAndRestore(tmp_path), n=40)
    # between two epochs the data may change
    shutil.rmtree(tmp_path)
    interrupted(BackupAndRestore(tmp_path), (1, 4))
    model = classifier()
    assert train(model, BackupAndRestore(tmp_path), n=40).epoch == list(range(5))
    assert model.optimizer.iterations == 7 + 4 * 5


def test_a_stream_of_batches_goes_on_too(tmp_path):
    X, y = classes()

    def batches():
        for start in range(0, 50, 8):
            yield X[start : start + 8], y[start : start + 8]

    def fit(model, *callbacks):
        return model.fit(batches, epochs=3, verbose=0, callbacks=callbacks)

    whole, resumed = classifier(), classifier(seed=99)
    history = fit(whole).history
    for at in ((0, 3), (0, 6), (1, 6), (2, 1)):  # of unknown length at first
        backup = BackupAndRestore(tmp_path / "b", save_freq=1)
        with pytest.raises(PowerCut):
            fit(classifier(), backup, CutAt(*at))
    assert fit(resumed, BackupAndRestore(tmp_path / "b", save_freq=1)).history == history
    np.testing.assert_array_equal(resumed.parameters.values, whole.parameters.values)


def test_backup_needs_a_folder():
    with pytest.raises(ValueError, match="backup_dir must be a path"):
        BackupAndRestore("")


def test_a_threshold_that_is_set_later(tmp_path):
    save = ModelCheckpoint(tmp_path / "a.npz", "loss", save_best_only=True)
    save.initial_value_threshold = -1.0  # which no loss is below
    model = classifier()
    model.fit(*classes(), epochs=1, verbose=0, callbacks=[save])
    assert not (tmp_path / "a.npz").exists()
    save.initial_value_threshold = None
    model.fit(*classes(), epochs=1, verbose=0, callbacks=[save])
    assert (tmp_path / "a.npz").exists()
    best = save.best
    save.initial_value_threshold = best + 1
    assert save.best == best  # there has been a better one
    save.mode = "max"
    assert save.best == best + 1


def test_a_checkpoint_of_ones_own_with_a_threshold(tmp_path):
    class Own(ModelCheckpoint):
        def __init__(self):
            self.initial_value_threshold = 0.5  # before there is anything
            super().__init__(tmp_path / "a.npz", "loss", initial_value_threshold=0.25)

    own = Own()
    assert own.best == 0.25
    own.initial_value_threshold = 0.125
    assert own.best == 0.125
