"""The learning rate's callbacks, the logger, the live picture, functions as callbacks."""

import csv
import sys
import types

import numpy as np
import pytest
from scripts import line, play

import backprop as bp
from backprop.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    LivePlot,
    ReduceLROnPlateau,
    logging,
)
from backprop.callbacks.base import HOOKS
from backprop.layers import Dense, Softmax
from backprop.losses import MeanSquaredError
from backprop.optimizers import SGD
from backprop.schedules import ExponentialDecay
from backprop.storage import files

NAN = float("nan")


# ------------------------------------------------------------------------ ReduceLROnPlateau


def rates(values, name="val_loss", **arguments):
    """The learning rate that each epoch was trained with, and the one after the last."""
    reduce = ReduceLROnPlateau(monitor=name, **arguments)
    model, _, history = play(values, reduce, name=name)
    return [round(rate, 10) for rate in history.history["learning_rate"]] + [
        round(model.optimizer.learning_rate, 10)
    ]


def test_the_rate_is_lowered_after_patience_epochs_without_progress():
    # 3 is the best; the two epochs after it are the patience, and the next has the lower rate
    assert rates([4.0, 3.0, 3.0, 3.5, 3.0, 3.0], factor=0.5, patience=2) == [
        *(0.1, 0.1, 0.1, 0.1),
        *(0.05, 0.05),
        0.025,
    ]


def test_a_factor_of_0_goes_straight_to_the_lowest_rate():
    assert rates([1.0] * 2, patience=1, factor=0.0, min_lr=0.001)[-1] == 0.001


def test_plateaus_of_a_published_implementation():
    # PyTorch's ReduceLROnPlateau(factor=0.5, patience=2) lowers when *more* than 2 epochs were
    # bad, so that its patience is one less than Keras's; these are the rates after each epoch
    metric = [1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7]
    after = [0.1] * 4 + [0.05] * 4 + [0.025] * 4
    assert rates(metric, factor=0.5, patience=3)[1:] == after
    assert (
        rates(metric, factor=0.5, patience=2)[1:]
        == [0.1] * 3 + [0.05] * 4 + [0.025] * 2 + [0.0125] * 3
    )


def test_defaults_are_a_tenth_after_ten_epochs():
    assert rates([1.0] * 12) == [0.1] * 11 + [0.01] * 2


def test_progress_must_exceed_min_delta():
    falling = [1.0, 0.95, 0.9, 0.85]  # by 0.05 an epoch
    assert rates(falling, patience=2, min_delta=0.2)[-3:] == [0.1, 0.01, 0.01]
    assert rates(falling, patience=2, min_delta=0.01)[-1] == 0.1
    assert rates([1.0, 0.99995, 0.99992, 0.99991], patience=3)[-2:] == [0.1, 0.01]  # 1e-4


def test_cooldown_epochs_do_not_count():
    # patience 1: lowered after epochs 1, then 2 epochs of cooldown; epoch 3 counts again, as the
    # last epoch of a cooldown does
    flat = [1.0] * 6
    assert rates(flat, factor=0.5, patience=1, cooldown=0) == [
        *(0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625),
        0.003125,
    ]
    assert rates(flat, factor=0.5, patience=1, cooldown=2) == [
        *(0.1, 0.1, 0.05, 0.05, 0.025, 0.025),
        0.0125,
    ]


def test_the_rate_does_not_fall_below_min_lr():
    assert rates([1.0] * 5, patience=1, min_lr=0.004) == [0.1, 0.1, 0.01, 0.004, 0.004, 0.004]


@pytest.mark.parametrize(
    ("name", "mode", "last"),
    [
        ("val_loss", "auto", 0.01),
        ("val_loss", "max", 0.1),
        ("val_accuracy", "max", 0.1),
        ("val_accuracy", "min", 0.01),
    ],
)
def test_mode_says_which_way_is_better(name, mode, last):
    assert rates([1.0, 2.0, 3.0], name, mode=mode, patience=2)[-1] == last


def test_nan_is_a_plateau():
    assert rates([1.0, NAN, NAN], patience=2)[-1] == 0.01


def test_reduction_starts_anew_in_each_fit():
    reduce = ReduceLROnPlateau(patience=3)
    model, _, _ = play([1.0, 1.0, 1.0], reduce)
    play([5.0, 5.0, 5.0], reduce, model=model)
    assert model.optimizer.learning_rate == 0.1
    assert (reduce.best, reduce.wait) == (5.0, 2)
    play([NAN], reduce, model=model)
    assert (model.optimizer.learning_rate, reduce.wait) == (0.1, 1)
    calm = ReduceLROnPlateau(patience=1, cooldown=9)
    assert (calm.wait, calm.cooldown_counter, calm.best) == (0, 0, float("inf"))
    for _ in range(2):
        model, _, _ = play([1.0, 1.0], calm)
        assert model.optimizer.learning_rate == pytest.approx(0.01)


def test_reduction_is_told_when_asked_for(capsys):
    rates([1.0, 1.0], patience=1)
    assert capsys.readouterr().out == ""
    rates([1.0, 1.0], patience=1, verbose=1)
    assert capsys.readouterr().out == (
        "Epoch 2: no progress of val_loss, the learning rate is lowered to 0.01.\n"
    )
    rates([1.0] * 6, patience=1, verbose=1, min_lr=0.02)  # nothing to tell at the bottom
    assert capsys.readouterr().out.count("\n") == 1


def test_missing_number_is_warned_of_once():
    reduce = ReduceLROnPlateau(patience=1)
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="ReduceLROnPlateau watches 'val_loss'") as caught:
            model, _, _ = play([None, None], reduce)
        assert model.optimizer.learning_rate == 0.1
        assert len(caught) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1.0}, "factor must be 0 or more and below 1, but it is 1.0"),
        ({"factor": -0.1}, "factor must be"),
        ({"min_lr": -1.0}, "min_lr must be 0 or more"),
        ({"patience": -1}, "patience must be an integer of 0 or more"),
        ({"cooldown": 1.5}, "cooldown must be an integer of 0 or more"),
        ({"mode": "up"}, "mode must be"),
    ],
)
def test_mistakes_are_found_at_once(arguments, message):
    with pytest.raises(ValueError, match=message):
        ReduceLROnPlateau(**arguments)


# -------------------------------------------------------------------- LearningRateScheduler


def test_a_schedule_of_epoch_and_rate():
    asked = []

    def halve(epoch, rate):
        asked.append((epoch, rate))
        return rate / 2

    model, _, history = play([0.0] * 3, LearningRateScheduler(halve))
    assert asked == [(0, 0.1), (1, 0.05), (2, 0.025)]
    assert history.history["learning_rate"] == [0.05, 0.025, 0.0125]
    assert model.optimizer.learning_rate == 0.0125


def test_a_schedule_of_the_epoch_alone():
    _, _, history = play([0.0] * 3, LearningRateScheduler(lambda epoch: 0.3 / (1 + epoch)))
    assert history.history["learning_rate"] == [0.3, 0.15, 0.3 / 3]


def test_the_rate_of_the_schedule_is_the_one_that_is_trained_with():
    model, X, y = line()
    model.build((None, 1))
    before = model.parameters.values.copy()
    model.fit(X, y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.0)])
    np.testing.assert_array_equal(model.parameters.values, before)


def test_a_schedule_that_does_not_tell_its_arguments():
    _, _, history = play([0.0] * 3, LearningRateScheduler(max))  # of epoch and rate
    assert history.history["learning_rate"] == [0.1, 1.0, 2.0]


def test_type_error_inside_a_schedule_is_not_mistaken_for_one_argument():
    def broken(epoch, rate):
        return rate + "a"

    with pytest.raises(TypeError, match="unsupported operand"):
        play([0.0], LearningRateScheduler(broken))


def test_scheduler_messages_and_mistakes(capsys):
    play([0.0], LearningRateScheduler(lambda epoch: 0.25))
    assert capsys.readouterr().out == ""
    play([0.0], LearningRateScheduler(lambda epoch: 0.25, verbose=1))
    assert capsys.readouterr().out == "Epoch 1: the learning rate is 0.25.\n"
    with pytest.raises(
        TypeError, match="schedule returned for epoch 0 must be a number, but it is None"
    ):
        play([0.0], LearningRateScheduler(lambda epoch: None))
    with pytest.raises(TypeError, match="for epoch 0 must be a number, but it is True"):
        play([0.0], LearningRateScheduler(lambda epoch: True))
    with pytest.raises(
        ValueError, match="the learning_rate that schedule returned for epoch 0 must be 0 or more"
    ):
        play([0.0], LearningRateScheduler(lambda epoch: -1.0))
    with pytest.raises(TypeError, match="schedule must be a function of"):
        LearningRateScheduler(0.1)


@pytest.mark.parametrize("make", [lambda: LearningRateScheduler(abs), ReduceLROnPlateau])
def test_two_masters_of_the_rate_are_refused_before_training(make):
    callback = make()
    model, X, y = line()
    model.compile(SGD(ExponentialDecay(0.1, 10, 0.5)), "mse")
    model.build((None, 1))
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=f"{type(callback).__name__} sets the learning rate, but"):
        model.fit(X, y, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(model.parameters.values, before)


# -------------------------------------------------------------------------------- CSVLogger


def test_a_line_for_every_epoch(tmp_path):
    path = tmp_path / "log.csv"
    _, _, history = play([0.5, 0.25], CSVLogger(path), name="b_score")
    losses = history.history["loss"]
    assert path.read_bytes().decode() == (
        f"epoch,b_score,loss\n0,0.5,{losses[0]!r}\n1,0.25,{losses[1]!r}\n"
    )


def test_each_line_is_there_after_its_epoch(tmp_path):
    path, seen = tmp_path / "log.csv", []
    look = LambdaCallback(on_epoch_end=lambda *_: seen.append(path.read_text().count("\n")))
    play([1.0, 2.0, 3.0], CSVLogger(str(path)), look)
    assert seen == [2, 3, 4]


def test_a_number_that_is_missing_later(tmp_path):
    path = tmp_path / "log.csv"
    play([0.5, None, 0.25], CSVLogger(path), name="score")
    rows = [row.split(",") for row in path.read_text().splitlines()]
    assert [row[2] for row in rows] == ["score", "0.5", "NA", "0.25"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.5), "0.5"),
        ([np.float64(0.5), np.float32(0.25), 1], "[0.5, 0.25, 1]"),
        ((np.float64(0.5), True), "[0.5, True]"),
        (np.arange(2000.0), str(np.arange(2000.0).tolist())),
        (np.array([[0.5], [0.25]]), "[[0.5], [0.25]]"),
        (np.array(0.5), "0.5"),
        (np.True_, "True"),
        (np.nan, "nan"),
        (None, "NA"),
        ("a,b", "a,b"),
    ],
)
def test_what_a_callback_writes_into_the_logs_is_written_as_numbers(value, text, tmp_path):
    path = tmp_path / "log.csv"
    write = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=value))
    model, X, y = line()
    model.fit(X, y, verbose=0, callbacks=[write, CSVLogger(path)])
    with open(path, newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["extra"] == text


def test_a_number_that_comes_later(tmp_path):
    path = tmp_path / "log.csv"
    model, X, y = line()
    history = model.fit(
        *(X, y, 4, 3, 0, [CSVLogger(path)]), validation_data=(X, y), validation_freq=2
    ).history
    losses, (validation,) = history["loss"], history["val_loss"]
    assert path.read_text() == (
        f"epoch,loss,val_loss\n0,{losses[0]!r},NA\n1,{losses[1]!r},{validation!r}\n"
        f"2,{losses[2]!r},NA\n"
    )


def test_separator(tmp_path):
    path = tmp_path / "log.csv"
    play([0.5], CSVLogger(path, separator=";"))
    assert path.read_text().splitlines()[0] == "epoch;loss;val_loss"
    for wrong in (", ", "", 5, None):
        with pytest.raises(ValueError, match=f"separator must be one character, .* {wrong!r}"):
            CSVLogger(path, separator=wrong)


def test_an_old_file_is_replaced_or_continued(tmp_path):
    path = tmp_path / "log.csv"
    again, more = {}, {"append": True}
    for arguments, epochs in ((again, "01"), (again, "01"), (more, "0101"), (more, "010101")):
        play([0.5, 0.25], CSVLogger(path, **arguments))
        header, *rows = path.read_text().splitlines()
        assert header == "epoch,loss,val_loss"
        assert "".join(row[0] for row in rows) == epochs


def test_a_file_that_is_continued_keeps_its_columns_and_gets_new_ones(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('loss;"a;b";epoch\n0.25;3;0\n')
    _, _, history = play([0.5], CSVLogger(path, separator=";", append=True))
    assert path.read_text() == (
        f'loss;"a;b";epoch;val_loss\n0.25;3;0;NA\n{history.history["loss"][0]!r};NA;0;0.5\n'
    )
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_continuing_a_file_whose_last_line_was_cut_off(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,val_loss\n0,0.5,0.25\n1,0.")
    play([0.5], CSVLogger(path, append=True))
    assert path.read_text().splitlines()[:3] == ["epoch,loss,val_loss", "0,0.5,0.25", "1,0."]
    assert path.read_text().splitlines()[3].startswith("0,")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("epoch, loss", "0, 1.5"),
        (" epoch , loss ", "0 , 1.5"),
        ("\ufeffepoch,\tloss", "0,\t1.5"),
        ('epoch, "loss"', '0, "1.5"'),
        ("loss ; epoch", "1.5 ; 0"),
    ],
)
def test_spaces_around_the_columns_of_a_file_that_is_continued_do_not_count(header, row, tmp_path):
    path, separator = tmp_path / "log.csv", ";" if ";" in header else ","
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    _, _, history = play([0.5], CSVLogger(path, separator, append=True))
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    table = [[float(cell) for cell in line.split(separator)[:2]] for line in lines[1:]]
    first = 1 if ";" in header else 0
    assert [line[first] for line in table] == [0, 0]
    assert [line[1 - first] for line in table] == [1.5, *history.history["loss"]]
    assert len(lines) == 3


def test_continuing_a_file_that_is_not_there(tmp_path):
    play([0.5], CSVLogger(tmp_path / "log.csv", append=True))
    assert (tmp_path / "log.csv").read_text().startswith("epoch,loss,val_loss\n0,")


def test_a_byte_order_mark_stays_and_is_no_part_of_a_name(tmp_path):
    """A spreadsheet writes one, and a second column for the epochs was added."""
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbf"epoch","loss","val_loss"\r\n0,0.5,0.25\r\n\r\n')
    for more in (1, 2):
        play([0.5], CSVLogger(path, append=True))
        raw = path.read_bytes()
        assert raw.count(b"\xef\xbb\xbf") == 1
        header, *rows = raw.decode("utf-8-sig").splitlines()
        assert header == "epoch,loss,val_loss"
        assert rows[0] == "0,0.5,0.25"
        assert [row.split(",")[2] for row in rows[1:]] == ["0.5"] * more


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"epoch;loss\n0;0.5\n", r"its columns are \['epoch;loss'\], without 'epoch'"),
        (b"a,b\n", r"with separator=',' its columns are \['a', 'b'\], without 'epoch'"),
        ("epoch,точность\n".encode("utf-16"), "which is no table in UTF-8"),
        ("epoch,précision\n".encode("latin-1"), "which is no table in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "which is no table in UTF-8"),
    ],
)
def test_what_cannot_be_continued_is_found_before_training_and_left_as_it_is(
    tmp_path, content, message
):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        play([0.5], CSVLogger(path, append=True))
    assert path.read_bytes() == content


def test_names_in_any_script_are_written_and_read_again(tmp_path):
    path = tmp_path / "log.csv"
    for name in ("точность", "准确率", "a\udcffb"):
        play([0.5], CSVLogger(path), name=name)
        play(
            [0.25],
            CSVLogger(path, append=True),
            name=name.encode("utf-8", "backslashreplace").decode(),
        )
        header, *rows = path.read_bytes().decode("utf-8").splitlines()
        assert header.count("epoch") == 1
        assert len(rows) == 2


def test_a_table_that_was_removed_is_written_again(tmp_path):
    path = tmp_path / "log.csv"
    log = CSVLogger(path)
    log.on_train_begin()
    for epoch in range(3):
        log.on_epoch_end(epoch, {"loss": 0.5})
        if epoch == 1:
            path.unlink()
    assert path.read_text() == "epoch,loss\n0,0.5\n1,0.5\n2,0.5\n"


# --------------------------------------------------------------------------------- LivePlot


@pytest.fixture
def no_time(monkeypatch):
    """Pictures that take no time, so that none is left out."""
    monkeypatch.setattr(logging.time, "perf_counter", lambda: 0.0)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(("epoch", "cost"), [(0.003, 0.25), (0.1, 0.25), (10, 0.25)])
def test_drawing_takes_a_small_share_of_the_time(monkeypatch, every, epoch, cost):
    now, drawn = 0.0, []
    monkeypatch.setattr(logging.time, "perf_counter", lambda: now)

    def show(self):
        nonlocal now
        now += cost
        drawn.append(len(self.epoch))

    monkeypatch.setattr(LivePlot, "_show", show)
    live = LivePlot("a.png", every)
    live.on_train_begin()
    for number in range(2000):
        now += epoch
        live.on_epoch_end(number, {"loss": 1.0})
    live.on_train_end()
    assert drawn[0] == every
    assert drawn[-1] == 2000
    assert len(drawn) * cost <= 0.1 * now + 2 * cost
    assert len(drawn) >= min(2000 // every, 0.08 * now / cost)


def curves(figure):
    """The y values of each line of a figure by panel and label."""
    return {
        panel.get_title(): [list(drawn.get_ydata()) for drawn in panel.get_lines()]
        for panel in figure.axes
    }


def test_a_picture_is_rewritten_after_every_epoch(tmp_path, no_time):
    path, sizes = tmp_path / "training.png", []
    live = LivePlot(path)
    look = LambdaCallback(on_epoch_end=lambda *_: sizes.append(path.read_bytes()))
    _, _, history = play([1.0, 0.5, 0.7], live, look, name="score")
    assert len(set(sizes)) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in sizes)
    assert [file.name for file in tmp_path.iterdir()] == ["training.png"]
    assert curves(live.figure)["score"][0] == [1.0, 0.5, 0.7]
    assert curves(live.figure)["loss"][0] == history.history["loss"]


def test_every_few_epochs_and_the_last(tmp_path, no_time):
    drawn = []
    live = LivePlot(tmp_path / "a.png", every=2)
    look = LambdaCallback(
        on_epoch_end=lambda *_: drawn.append(live.figure), on_train_end=lambda _: drawn.append(0)
    )
    play([1.0] * 5, live, look)
    assert drawn[0] is None
    assert drawn[1] is drawn[2]
    assert drawn[3] is drawn[4] is not drawn[1]
    assert live.figure is not drawn[4]
    assert len(curves(live.figure)["loss"][0]) == 5


def test_only_the_quantities_asked_for(tmp_path):
    live = LivePlot(tmp_path / "a.png", keys=["score"])
    play([1.0, 2.0], live, name="score")
    assert list(curves(live.figure)) == ["score"]


def test_numbers_that_come_and_go_leave_gaps(tmp_path):
    live = LivePlot(tmp_path / "a.png", keys="score")
    play([2.0, None, None, 3.0], live, name="score")
    np.testing.assert_array_equal(curves(live.figure)["score"][0], [2.0, NAN, NAN, 3.0])
    late = LivePlot(tmp_path / "b.png")
    play([None, 3.0], late, name="score")
    np.testing.assert_array_equal(curves(late.figure)["score"][0], [NAN, 3.0])


def test_names_that_no_number_has_are_found_before_training(tmp_path):
    model, X, y = line()
    model.build((None, 1))
    before = model.parameters.values.copy()
    for keys in ("los", "loss[0]", ["loss", "val_loss"], "learning_rate"):
        live = LivePlot(tmp_path / "a.png", every=5, keys=keys)
        with pytest.raises(ValueError, match="is not among the numbers of this training: they are"):
            model.fit(X, y, epochs=2, verbose=0, callbacks=[live])
    np.testing.assert_array_equal(model.parameters.values, before)
    mine = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=1.0))
    for keys in ("mine", "loss", "learning_rate"):
        live = LivePlot(tmp_path / "a.png", keys=keys)
        rate = LearningRateScheduler(lambda epoch: 0.1)
        model.fit(X, y, epochs=2, verbose=0, callbacks=[mine, rate, live])
    with pytest.warns(RuntimeWarning, match="keys holds 'mne', which was not among"):
        model.fit(X, y, verbose=0, callbacks=[mine, LivePlot(tmp_path / "a.png", keys=["mne"])])


def test_the_number_of_one_class_is_drawn(tmp_path):
    model = bp.Sequential([bp.layers.Dense(2), bp.layers.Softmax()], seed=0)
    score = bp.metrics.F1Score(average=None)
    model.compile("sgd", "categorical_crossentropy", metrics=[score])
    live = LivePlot(tmp_path / "a.png", keys=[f"{score.name}[1]"])
    model.fit(np.eye(2), np.eye(2), epochs=2, verbose=0, callbacks=[live])
    assert len(live.figure.axes) == 1


def test_a_number_that_comes_later_is_drawn_from_then_on(tmp_path, no_time):
    model, X, y = line()
    live = LivePlot(tmp_path / "a.png", keys=["val_loss"])
    given = {"validation_data": (X, y), "validation_freq": 2, "callbacks": [live]}
    first, second = model.fit(X, y, epochs=4, verbose=0, **given).history["val_loss"]
    found = curves(live.figure)["val loss"]
    np.testing.assert_array_equal(found[-1], [NAN, first, NAN, second])


@pytest.mark.parametrize("value", ["warm-up", None, {"a": 1.0}, [1.0, [2.0]], np.eye(2)])
def test_what_is_no_number_is_left_out_of_pictures(value, tmp_path):
    live = LivePlot(tmp_path / "a.png")
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(note=value))
    model, X, y = line()
    history = model.fit(X, y, epochs=2, verbose=0, callbacks=[note, live])
    for figure in (live.figure, history.plot()):
        assert list(curves(figure)) == ["loss"]
    assert "note=" in repr(history)


def test_a_new_fit_begins_a_new_picture(tmp_path):
    live = LivePlot(tmp_path / "a.png", keys="score")
    play([1.0, 2.0], live, name="score")
    play([3.0, 4.0, 5.0], live, name="score")
    assert curves(live.figure)["score"][0] == [3.0, 4.0, 5.0]
    rare = LivePlot(tmp_path / "b.png", every=9, keys="score")
    play([1.0, 2.0, 3.0], rare, name="score")
    play([4.0, 5.0], rare, name="score")
    assert curves(rare.figure)["score"][0] == [4.0, 5.0]


class Handle:
    def __init__(self, shown):
        self.shown = shown

    def update(self, figure):
        self.shown.append(("update", figure))


@pytest.fixture
def notebook(monkeypatch):
    """IPython as a notebook has it, and what it was asked to show."""
    shown = []

    def display(figure, display_id):
        assert display_id is True
        shown.append(("display", figure))
        return Handle(shown)

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return shown


def test_in_a_notebook_one_picture_is_redrawn(notebook, no_time):
    live = LivePlot()
    play([1.0, 0.5, 0.7], live)
    assert [kind for kind, _ in notebook] == ["display", "update", "update"]
    assert notebook[-1][1] is live.figure
    assert live.figure._repr_png_().startswith(b"\x89PNG")
    play([1.0], live)
    assert notebook[-1][0] == "display"  # the next fit has a picture of its own


def test_outside_of_notebooks_a_path_is_needed(monkeypatch):
    with pytest.raises(ValueError, match=r"pass a path here, LivePlot\('training.png'\)"):
        LivePlot()
    terminal = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    for shell in (None, object()):  # none, or IPython on a terminal, which shows no pictures
        terminal.get_ipython = lambda shell=shell: shell
        with pytest.raises(ValueError, match="draws in notebooks only"):
            LivePlot()


def test_missing_folder_is_found_before_training(tmp_path):
    model, X, y = line()
    model.build((None, 1))
    before = model.parameters.values.copy()
    for callback in (LivePlot(tmp_path / "no" / "a.png"), CSVLogger(tmp_path / "no" / "a.csv")):
        with pytest.raises(FileNotFoundError):
            model.fit(X, y, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(model.parameters.values, before)


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_every_must_be_a_number_of_epochs(every):
    with pytest.raises(ValueError, match="every must be an integer of 1 or more"):
        LivePlot("a.png", every=every)


# ---------------------------------------------------------- functions, second names, messages


def test_there_are_the_sixteen_hooks_of_keras():
    kinds = ("train", "test", "predict")
    expected = {f"on_{kind}_{end}" for kind in kinds for end in ("begin", "end")}
    expected |= {f"on_{kind}_batch_{end}" for kind in kinds for end in ("begin", "end")}
    expected |= {f"on_{kind}_{end}" for kind in ("epoch", "batch") for end in ("begin", "end")}
    assert len(expected) == 16
    assert set(HOOKS) == expected


def test_functions_as_callbacks():
    seen = []
    callback = LambdaCallback(
        on_train_begin=lambda logs: seen.append("begin"),
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append(sorted(logs)),
        on_epoch_end=None,
        on_train_end=lambda logs: seen.append("end"),
    )
    play([1.0, 2.0], callback)
    assert seen == ["begin", 0, ["loss"], 1, ["loss"], "end"]
    assert CallbackList([callback], None, {}).overriding("on_test_begin") == []


def test_functions_for_hooks_that_do_not_exist():
    with pytest.raises(TypeError, match="there is no hook 'on_epoch': the hooks are on_train_begi"):
        LambdaCallback(on_epoch=print)
    with pytest.raises(
        TypeError, match=r"on_epoch_end must be a function of \(epoch, logs=None\), but it is 3"
    ):
        LambdaCallback(on_epoch_end=3)


def test_second_names_of_the_batch_hooks():
    class Short(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch, logs))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, sorted(logs)))

    class Both(Short):
        def on_train_batch_end(self, batch, logs=None):
            seen.append("only me")

    seen = []
    model, X, y = line()
    model.fit(X, y, 2, verbose=0, callbacks=[Short()])
    assert seen == [("begin", 0, {}), ("end", 0, ["loss"]), ("begin", 1, {}), ("end", 1, ["loss"])]
    seen = []
    model.fit(X, y, 4, verbose=0, callbacks=[Both()])
    assert seen == [("begin", 0, {}), "only me"]


def test_what_one_callback_writes_into_the_logs_the_next_and_the_history_see():
    write = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=epoch * 2.0))
    seen = []
    read = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["mine"]))
    _, _, history = play([1.0, 2.0], write, read)
    assert seen == history.history["mine"] == [0.0, 2.0]


def test_logs_of_a_batch_are_computed_once_for_all():
    seen = []
    hooks = [LambdaCallback(on_train_batch_end=lambda _, logs: seen.append(logs)) for _ in "ab"]
    play([1.0], *hooks)
    assert seen[0] is seen[1]
    assert set(seen[0]) == {"loss"}  # not those of the epoch


@pytest.mark.parametrize("separator", ['"', "\n", "\r", "\0", "", ",,", 5, None])
def test_a_separator_that_no_table_could_be_read_by_is_refused(separator):
    with pytest.raises(ValueError, match="separator must be one character"):
        CSVLogger("a.csv", separator=separator)


def continued(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_text(content)
    play([0.5], CSVLogger(path, append=True))
    return path.read_text().splitlines()


def test_a_line_that_was_cut_off_is_filled_up(tmp_path):
    lines = continued(tmp_path, "epoch,loss\n0,0.5\n1")
    assert lines[:3] == ["epoch,loss,val_loss", "0,0.5,NA", "1,NA,NA"]
    assert len(lines) == 4


def test_a_line_of_more_numbers_than_columns_is_refused(tmp_path):
    words = r"row 1 is \['0', '1', '2'\], but there are 2 columns: mend that row"
    with pytest.raises(ValueError, match=words):
        continued(tmp_path, "epoch,loss\n0,1,2\n")
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n0,1,2\n"


def test_a_device_is_not_read_as_a_log():
    with pytest.raises(OSError, match="device"):
        play([0.5], CSVLogger("/dev/zero", append=True))


def test_live_plot_does_not_call_epochs_without_a_validation_lost(tmp_path):
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    live, x, y = LivePlot(tmp_path / "a.png"), np.ones((8, 1)), np.ones(8)
    options = {"validation_data": (x, y), "validation_freq": 2, "verbose": 0}
    model.fit(x, y, epochs=3, callbacks=[live], **options)
    assert live.figure.axes[0].get_title() == "loss"
    assert live.history["val_loss"][::2] == [None, None]
    again = LivePlot(tmp_path / "b.png")
    files.write(tmp_path / "state", "backup", live.state())
    again.restore(files.read(tmp_path / "state", "backup"))
    assert again.history == live.history


def compiling(loss, y, then, **options):
    """Three epochs; after the first a callback compiles the model with another loss."""
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", loss)
    again = LambdaCallback(on_epoch_end=lambda epoch, logs: epoch or model.compile("sgd", then))
    x = np.eye(3)
    return model.fit(x, y, epochs=3, callbacks=[again], verbose=0, **options).history


def test_a_loss_compiled_on_the_way_takes_the_targets_or_is_refused():
    """Three class indices were broadcast against three outputs of three samples."""
    classes, rows = np.arange(3), np.eye(3)
    with pytest.raises(ValueError, match=r"MeanSquaredError: .* the targets have the shape \(3,\)"):
        compiling("sparse_categorical_crossentropy", classes, "mse")
    with pytest.raises(ValueError, match=r"was compiled during fit.*, and then fit again"):
        compiling("sparse_categorical_crossentropy", classes, Classes())
    for then in ("mse", "categorical_crossentropy"):
        losses = compiling("categorical_crossentropy", rows, then, validation_data=(rows, rows))
        assert len(losses["val_loss"]) == 3


class Classes(MeanSquaredError):
    """Takes class indices too, as rows."""

    def check_target(self, target, output_shape, dtype):
        return super().check_target(np.eye(3)[np.asarray(target)], output_shape, dtype)


@pytest.mark.parametrize("make", [CSVLogger, LivePlot])
def test_names_in_the_logs_need_be_no_text(make, tmp_path):
    told = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({3: 0.5}))
    path = tmp_path / {CSVLogger: "log.csv", LivePlot: "a.png"}[make]
    _, _, history = play([0.5, 0.25], told, make(path), name="loss")
    assert history.history[3] == [0.5, 0.5]
    if make is CSVLogger:
        assert path.read_text().splitlines()[0] == "epoch,3,loss"
