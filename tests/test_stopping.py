"""Ending training early: every argument of EarlyStopping, with Keras 3's meaning of each."""

import math

import numpy as np
import pytest
from rows import each
from scripts import line, play

import backprop as bp
from backprop.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from backprop.layers import Dense
from backprop.metrics import AUC, Accuracy, MeanMetric, MeanSquaredError
from backprop.metrics import names as metrics_module

NAN = float("nan")
VALUES = [5.0, 4.0, 4.5, 4.2, 4.1, 3.0, 2.0]


def test_training_ends_after_patience_epochs_without_progress():
    stop = EarlyStopping(patience=2)
    _, _, history = play(VALUES, stop)
    assert history.epoch == [0, 1, 2, 3]
    assert (stop.stopped_epoch, stop.best_epoch, stop.best, stop.wait) == (3, 1, 4.0, 2)


@pytest.mark.parametrize("patience", [0, 1])  # as in Keras both end at the first such epoch
def test_without_patience_the_first_epoch_without_progress_is_the_last(patience):
    stop = EarlyStopping(patience=patience)
    assert play(VALUES, stop)[2].epoch == [0, 1, 2]
    assert stop.stopped_epoch == 2


@pytest.mark.parametrize("mode", ["min", "max"])
def test_equal_is_no_progress(mode):
    assert play([3.0, 3.0, 3.0], EarlyStopping(patience=1, mode=mode))[2].epoch == [0, 1]


def test_nothing_is_found_before_training():
    stop = EarlyStopping()
    assert (stop.best, stop.best_epoch, stop.stopped_epoch, stop.wait) == (math.inf, 0, 0, 0)
    assert EarlyStopping("val_accuracy", mode="max").best == -math.inf


def test_with_enough_patience_training_does_not_end():
    stop = EarlyStopping(patience=4)
    assert len(play(VALUES, stop)[2].epoch) == 7
    assert (stop.stopped_epoch, stop.best_epoch, stop.best, stop.wait) == (0, 6, 2.0, 0)


def test_progress_makes_patience_start_anew():
    values = [5.0, 6.0, 4.0, 6.0, 3.0, 6.0, 7.0]
    assert play(values, EarlyStopping(patience=2))[2].epoch == list(range(7))


@pytest.mark.parametrize("min_delta", [0.5, -0.5])
def test_min_delta_is_counted_from_the_best(min_delta):
    stop = EarlyStopping(min_delta=min_delta, patience=2)
    # 4.6 is not enough below 5, 4.4 is; then 4.0 is not enough below 4.4, nor is 3.95
    assert play([5.0, 4.6, 4.4, 4.0, 3.95, 3.0], stop)[2].epoch == [0, 1, 2, 3, 4]
    assert (stop.best, stop.best_epoch) == (4.4, 2)


def test_min_delta_of_a_number_that_rises():
    stop = EarlyStopping("val_accuracy", min_delta=0.5, patience=1, mode="max")
    assert play([1.0, 1.6, 2.0], stop, name="val_accuracy")[2].epoch == [0, 1, 2]
    assert stop.best == 1.6


@pytest.mark.parametrize(
    ("name", "mode", "epochs"),
    [
        ("val_loss", "auto", 2),
        ("val_accuracy", "min", 2),
        ("val_accuracy", "max", 3),
        ("val_loss", "max", 3),
    ],
)
def test_mode_says_which_way_is_better(name, mode, epochs):
    stop = EarlyStopping(name, mode=mode)
    assert len(play([1.0, 2.0, 1.5, 1.0], stop, name=name)[2].epoch) == epochs


def watching(monitor, kind=EarlyStopping, metrics=(), **options):
    """A callback that was told the model, whose metrics these are."""
    options |= {"filepath": "a.npz", "save_best_only": True} if kind is ModelCheckpoint else {}
    callback = kind(monitor=monitor, **options)
    model = line()[0]
    model.compile("sgd", "mse", metrics)
    callback.set_model(model)
    return callback


RISING = ("acc", "binary_acc", "binary_io", "categorical_acc", "sparse_categorical_acc", "auc")
RISING += ("top_k", "sparse_top_k", "precision", "recall", "r2", "true_", "cosine", "pearson")
RISING += ("f1_score", "fbeta_score", "concordance")

each_kind = pytest.mark.parametrize("kind", [EarlyStopping, ModelCheckpoint, ReduceLROnPlateau])


@each_kind
@each("prefix", ["", "val_"])
@each("name", metrics_module._BY_NAME)
def test_a_metric_says_which_way_is_better(name, prefix, kind):
    callback = watching(prefix + name, kind, [name])
    errors = not name.startswith(RISING)
    assert callback.rises != errors
    assert callback.best == callback.worst == (math.inf if errors else -math.inf)
    assert not watching(f"{prefix}loss", kind).rises


@each_kind
def test_a_metric_says_so_whatever_it_is_called(kind):
    known = [AUC(name="roc"), MeanSquaredError(name="accurate_error"), "acc", "acc"]
    for name, rises in (("roc", True), ("accurate_error", False), ("acc_1", True)):
        assert watching(name, kind, known).rises == rises

    class Distance(MeanMetric):
        better = "smaller"

    assert not watching("accumulated_accuracy", kind, [Distance("accumulated_accuracy")]).rises


@each_kind
def test_a_metric_with_another_formula_does_not_inherit_it(kind):
    class Misses(Accuracy):
        def result(self):
            return 1 - super().result()

    class Named(Accuracy):
        def update(self, prediction, target, sample_weight=None):
            super().update(prediction, target, sample_weight)

    with pytest.raises(ValueError, match="'misses', a metric that does not say which way"):
        watching("misses", kind, [Misses("misses")])
    assert watching("named", kind, [Named("named")]).rises
    Misses.better = "smaller"
    assert not watching("misses", kind, [Misses("misses")]).rises


@pytest.mark.parametrize("better", ["bigger", "max", True, 1])
def test_a_metric_says_it_by_one_of_two_words(better):
    class Distance(MeanMetric):
        pass

    Distance.better = better
    words = f"'far' must be 'larger' or 'smaller', or None where neither is, but it is {better!r}"
    with pytest.raises(ValueError, match=words):
        bp.Sequential([Dense(1)]).compile("sgd", "mse", metrics=[Distance("far")])


def accumulated_error(y_true, y_pred):
    return np.sum(np.abs(y_true - y_pred))


@each_kind
def test_what_does_not_say_which_way_is_better_is_asked_for_before_training(kind):
    message = "'accumulated_error', a metric that does not say .*: pass mode='max' .*mode='min'"
    with pytest.raises(ValueError, match=f"{kind.__name__} watches {message}"):
        watching("accumulated_error", kind, [accumulated_error])
    for mode in ("min", "max"):
        callback = watching("accumulated_error", kind, [accumulated_error], mode=mode)
        assert callback.rises == (mode == "max")


@each_kind
def test_numbers_that_the_model_does_not_have_are_told_before_training(kind):
    message = "watches 'val_auc', but the numbers of the model are 'loss', 'acc', and in a valid"
    with pytest.raises(ValueError, match=message):
        watching("val_auc", kind, ["acc"])


@each("hook", ["on_train_begin", "on_epoch_begin"])
@each_kind
def test_another_number_that_is_watched_in_the_middle_of_a_fit_says_its_way(kind, hook, tmp_path):
    files = {"filepath": tmp_path / "a.npz", "save_best_only": True}
    options = files if kind is ModelCheckpoint else {}
    watcher = kind(monitor="val_loss", **options)
    change = Callback()
    setattr(change, hook, lambda *_: setattr(watcher, "monitor", "val_r2_score"))
    model, X, y = line()
    model.compile("sgd", "mse", ["r2_score"])
    history = model.fit(
        X, y, epochs=3, verbose=0, validation_data=(X, y), callbacks=[change, watcher]
    )
    assert watcher.rises
    assert watcher.best == max(history.history["val_r2_score"])


def test_a_fit_that_asks_for_the_mode_has_changed_nothing():
    model, X, y = line()
    model.build((None, 1))
    before, history = model.parameters.values.copy(), model.history
    with pytest.raises(ValueError, match="pass mode='max' or mode='min'"):
        model.fit(X, y, verbose=0, callbacks=[EarlyStopping("score")], validation_data=(X, y))
    np.testing.assert_array_equal(model.parameters.values, before)
    assert model.history is history
    assert model.optimizer.iterations == 0


@each_kind
@pytest.mark.parametrize("monitor", [None, 5, b"loss"])
def test_what_cannot_be_a_name_is_refused(monitor, kind):
    with pytest.raises(TypeError, match="monitor must be the name of a number, but it is"):
        watching(monitor, kind)


def test_a_checkpoint_that_does_not_compare_asks_for_nothing():
    checkpoint = ModelCheckpoint("a.npz", monitor="score")
    checkpoint.set_model(line()[0])
    assert checkpoint.model is not None


def test_a_threshold_of_ones_own_stays_when_the_metric_says_which_way_is_better():
    assert watching("acc", ModelCheckpoint, ["acc"], initial_value_threshold=0.5).best == 0.5


@pytest.mark.filterwarnings("ignore:metric .roc. takes numbers above")  # its results are made up
def test_the_area_under_a_curve_of_another_name_stops_at_its_best_epoch():
    stop = EarlyStopping("roc", patience=2, restore_best_weights=True)
    model = line()[0]
    model.compile("sgd", "mse", [AUC(name="roc")])
    _, script, history = play([0.5, 0.9, 0.8, 0.7, 0.6], stop, name="roc", model=model)
    assert (len(history.epoch), stop.best, stop.best_epoch) == (4, 0.9, 1)
    np.testing.assert_array_equal(model.parameters.values, script.thetas[1])


def test_baseline_must_be_beaten_before_patience_starts_anew():
    values = [5.0, 4.0, 3.5, 3.6, 3.4]
    stop = EarlyStopping(patience=2, baseline=3.0)
    assert play(values, stop)[2].epoch == [0, 1, 2, 3]
    assert (stop.wait, stop.best) == (4, 3.5)  # every epoch counted
    assert play(values, EarlyStopping(patience=2))[2].epoch == list(range(5))
    beaten = EarlyStopping(patience=2, baseline=3.8)
    assert play(values, beaten)[2].epoch == list(range(5))
    assert beaten.wait == 0


def test_epochs_before_start_from_epoch_do_not_count():
    stop = EarlyStopping(patience=1, start_from_epoch=2)
    assert play([1.0, 2.0, 9.0, 8.0, 8.5], stop)[2].epoch == list(range(5))
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (8.0, 3, 4)


def test_nan_is_never_progress():
    stop = EarlyStopping(patience=2)
    assert play([5.0, 4.0, NAN, NAN, 1.0], stop)[2].epoch == list(range(4))
    assert (stop.best, stop.best_epoch) == (4.0, 1)


@pytest.mark.parametrize(
    ("numbers", "mode", "patience", "seen"),
    # Keras 3.15.1 was given the same numbers
    [
        ([math.inf, math.inf, math.inf, 1.0, 2.0], "min", 2, [0, 1, 2]),
        ([math.inf, 3.0, 2.0, 2.0, 2.0, 1.0], "min", 2, [0, 1, 2, 3, 4]),
        ([-math.inf, 3.0, 2.0, 2.0, 2.0], "min", 2, [0, 1, 2]),
        ([-math.inf, -math.inf, 3.0, 2.0], "max", 1, [0, 1]),
        ([NAN, 5.0, 4.0, 3.0], "min", 2, [0, 1, 2]),
        ([NAN, 5.0, 4.0, 3.0], "max", 3, [0, 1, 2, 3]),
    ],
)
def test_the_first_number_is_progress_whatever_it_is(numbers, mode, patience, seen):
    stop = EarlyStopping(patience=patience, mode=mode)
    assert play(numbers, stop)[2].epoch == seen


def test_nan_from_the_first_epoch_on():
    stop = EarlyStopping(patience=0, restore_best_weights=True)
    model, script, history = play([NAN, NAN, NAN], stop)
    assert history.epoch == [0, 1]  # never after the first epoch, as in Keras
    assert math.isnan(stop.best)
    np.testing.assert_array_equal(model.parameters.values, script.thetas[0])


# --------------------------------------------------------------------------- the best weights


def test_best_weights_are_put_back_when_training_is_ended():
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    model, script, _ = play(VALUES, stop)
    assert len(script.thetas) == 4
    np.testing.assert_array_equal(model.parameters.values, script.thetas[1])
    assert script.thetas[1] != script.thetas[3]


def test_best_weights_are_put_back_when_training_ends_by_itself():
    stop = EarlyStopping(patience=9, restore_best_weights=True)
    model, script, _ = play([5.0, 3.0, 4.0, 3.5], stop)
    assert stop.stopped_epoch == 0
    np.testing.assert_array_equal(model.parameters.values, script.thetas[1])


def test_without_restoring_the_last_weights_stay():
    model, script, _ = play(VALUES, EarlyStopping(patience=2))
    np.testing.assert_array_equal(model.parameters.values, script.thetas[3])


def test_best_weights_are_put_back_after_an_interrupt():
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    stop, thetas, model = EarlyStopping(patience=9, restore_best_weights=True), [], line()[0]
    keep = Callback()
    keep.on_epoch_end = lambda epoch, logs=None: thetas.append(model.parameters.values.copy())
    with pytest.raises(KeyboardInterrupt):
        play([5.0, 3.0, 4.0, 3.5], keep, stop, Interrupt(), model=model)
    np.testing.assert_array_equal(model.parameters.values, thetas[1])


def test_weights_of_an_epoch_that_does_not_beat_the_baseline_are_put_back_too():
    stop = EarlyStopping(patience=2, baseline=0.0, restore_best_weights=True)
    model, script, _ = play([5.0, 4.0, 4.5], stop)
    np.testing.assert_array_equal(model.parameters.values, script.thetas[1])


def test_an_object_can_be_used_again():
    stop = EarlyStopping(patience=1, restore_best_weights=True)
    play([1.0, 2.0], stop)
    model, script, history = play([9.0, 8.0, 8.5], stop)
    assert history.epoch == [0, 1, 2]
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (8.0, 1, 2)
    np.testing.assert_array_equal(model.parameters.values, script.thetas[1])


# ------------------------------------------------------------------------- messages, mistakes


def test_missing_number_is_warned_of_once_with_those_that_are_there():
    with pytest.warns(RuntimeWarning, match="'val_loss', which is not among") as caught:
        _, _, history = play([1.0, 2.0, 3.0], EarlyStopping(), name="other")
    assert history.epoch == [0, 1, 2]
    assert len(caught) == 1
    assert "there are 'loss', 'other'. Does fit have validation_data" in str(caught[0].message)
    assert caught[0].filename.endswith("scripts.py")  # where fit is called


def test_warning_comes_again_in_the_next_fit():
    stop = EarlyStopping("speed", mode="max")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="'speed'") as caught:
            play([1.0, 2.0], stop)
        assert "validation_data" not in str(caught[0].message)
        assert caught[0].filename.endswith("scripts.py")


@pytest.mark.parametrize("how", [3, [3], {2, 3}])
@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_not_this_epoch_is_not_never(kind, how):
    """Warnings are errors here."""
    model, X, y = line()
    callback = kind("val_loss", patience=9)
    model.fit(X, y, epochs=4, verbose=0, callbacks=[callback], validation_data=(X, y),
              validation_freq=how)  # fmt: skip
    assert callback.best == min(model.history.history["val_loss"])


@pytest.mark.parametrize(("how", "epochs"), [(3, range(2)), ([5], range(4)), ([1], range(1, 4))])
def test_a_validation_that_never_comes_is_warned_of(how, epochs):
    model, X, y = line()
    options = {"initial_epoch": epochs.start, "epochs": epochs.stop, "validation_freq": how}
    with pytest.warns(RuntimeWarning, match="is not among .*validation_data .* validation_freq"):
        model.fit(X, y, verbose=0, callbacks=[EarlyStopping()], validation_data=(X, y), **options)


def test_a_number_that_a_callback_writes_now_and_then():
    stop = EarlyStopping("score", mode="max", patience=1)
    _, _, history = play([None, 1.0, None, 3.0, None, 2.0, None], stop, name="score")
    assert history.epoch == list(range(6))


def test_a_number_that_only_a_callback_could_have_written_is_missed_in_the_end():
    with pytest.warns(RuntimeWarning, match="'val_acc', which is not among the numbers") as caught:
        play([1.0, 2.0], EarlyStopping("val_acc", mode="max"), name="other")
    assert "there are 'loss', 'other'" in str(caught[0].message)
    assert caught[0].filename.endswith("scripts.py")


def test_messages_are_printed_when_asked_for(capsys):
    play(VALUES, EarlyStopping(patience=2, restore_best_weights=True))
    assert capsys.readouterr().out == ""
    play(VALUES, EarlyStopping(patience=2, verbose=1, restore_best_weights=True))
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 4: no progress of val_loss in the last 2 epochs, training ends.",
        "The weights of epoch 2, the best, are put back.",
    ]
    play([2.0, 1.0], EarlyStopping(verbose=1))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "minimum"}, "mode must be 'auto', 'min' or 'max', but it is 'minimum'"),
        ({"patience": -1}, "patience must be an integer of 0 or more, but it is -1"),
        ({"patience": 2.5}, "patience must be an integer"),
        ({"patience": True}, "patience must be an integer"),
        ({"start_from_epoch": -1}, "start_from_epoch must be an integer of 0 or more"),
    ],
)
def test_mistakes_are_found_at_once(arguments, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**arguments)


# ----------------------------------------------------------------------------- TerminateOnNaN


@pytest.mark.parametrize("value", [NAN, math.inf])
def test_training_ends_at_the_step_in_which_the_loss_is_lost(value, capsys):
    class Poison(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 1:
                self.model.layers[0].W[...] = value

    model, X, y = line()
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="diverged"):
        history = model.fit(
            X, y, 1, epochs=3, verbose=0, callbacks=[Poison(), TerminateOnNaN()], shuffle=False
        )
    assert history.epoch == []  # the epoch is not whole
    assert model.optimizer.iterations == 1
    assert capsys.readouterr().out == f"Step 2: the loss is {value}, training ends.\n"


def test_finite_losses_do_not_end_training():
    assert play([1.0, 1.0], TerminateOnNaN())[2].epoch == [0, 1]


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau, ModelCheckpoint])
def test_what_is_watched_must_be_a_number(kind, tmp_path):
    class Writes(Callback):
        def __init__(self, written):
            self.written = written

        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = self.written

    options = (
        {"filepath": tmp_path / "a", "save_best_only": True} if kind is ModelCheckpoint else {}
    )
    for written in ("a", np.ones(3), [1], True):
        watcher = kind(monitor="mine", mode="max", **options)
        model = bp.Sequential([Dense(1)], seed=0)
        model.compile("sgd", "mse")
        with pytest.raises(TypeError, match="'mine' in the logs must be a number"):
            model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[Writes(written), watcher])


def two_numbers():
    model = bp.Sequential([Dense(3), bp.layers.Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, np.eye(4)[:, :3], np.array([0, 1, 2, 0])


@pytest.mark.parametrize(
    "how", [lambda: iter([2, 4]), lambda: (k for k in (2, 4))], ids=["iterator", "generator"]
)
def test_epochs_of_validation_may_come_from_what_gives_them_once(how):
    model, X, y = two_numbers()
    options = {"epochs": 4, "verbose": 0, "validation_data": (X, y)}
    history = model.fit(X, y, validation_freq=how(), callbacks=[EarlyStopping()], **options)
    assert len(history.history["val_loss"]) == 2
    assert history.params["validation"] is True


def test_a_number_that_a_later_callback_writes_is_told_as_such():
    model, X, y = two_numbers()
    writes = bp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(own=1.0))
    callbacks = [EarlyStopping("own", mode="min", patience=1), writes]
    with pytest.warns(RuntimeWarning, match="'own', which a later callback writes .* list that"):
        model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks)
    assert len(model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks[::-1]).epoch) == 2


def test_the_best_of_one_number_is_not_that_of_another(tmp_path):
    """A checkpoint goes on comparing in later fits, but a share with no loss of before."""
    model, X, y = two_numbers()
    save = ModelCheckpoint(tmp_path / "best.npz", "loss", save_best_only=True)
    model.fit(X, y, verbose=0, callbacks=[save])
    loss = save.best
    model.fit(X, y, verbose=0, callbacks=[save])
    assert save.best < loss
    save.monitor = "accuracy"
    history = model.fit(X, y, verbose=0, callbacks=[save]).history
    assert [save.best] == history["accuracy"]
    given = ModelCheckpoint(
        tmp_path / "b.npz", "accuracy", save_best_only=True, initial_value_threshold=2
    )
    model.fit(X, y, verbose=0, callbacks=[given])
    assert given.best == 2
