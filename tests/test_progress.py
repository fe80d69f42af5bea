"""What ``fit`` shows: nothing, a line an epoch, or a bar, looked at in a terminal of its own."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
import types

import numpy as np
import pytest
from programs import environment, run
from rows import each

import backprop as bp
from backprop.callbacks import Callback, LambdaCallback
from backprop.layers import Dense, Softmax
from backprop.training.progress import (
    REFRESH,
    ProgressBar,
    ProgressLines,
    describe,
    epoch_title,
    progress,
    show_number,
)

LINE = re.compile(
    r"Epoch (?P<epoch> ?\d+)/10 3/3, +([\d.]+ m?s|\d\.\d s), loss: (?P<loss>\S+), "
    r"accuracy: (?P<accuracy>\S+), val_loss: (?P<val_loss>\S+), val_accuracy: (?P<val_accuracy>\S+)"
)


@pytest.fixture
def data(rng):
    return rng.normal(size=(12, 3)), rng.integers(0, 2, 12)


def fit(data, epochs=10, **options):
    model = bp.Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(*data, 3, epochs=epochs, validation_split=0.25, **options)


# ------------------------------------------------------------------------------ 0, 2 and "auto"


def test_silence(data, capsys):
    fit(data, verbose=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{"verbose": 2}, {"verbose": "auto"}, {}])
def test_one_line_an_epoch_where_no_terminal_is(data, capsys, options):
    history = fit(data, **options).history
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.split("\n")
    assert lines.pop() == ""
    found = [LINE.fullmatch(line) for line in lines]
    assert [match["epoch"] for match in found] == [f"{epoch:2d}" for epoch in range(1, 11)]
    for key, values in history.items():
        assert [match[key] for match in found] == [f"{value:.4f}" for value in values]


def test_auto_is_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert [type(callback) for callback in progress("auto")] == [ProgressBar]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert [type(callback) for callback in progress("auto")] == [ProgressLines]
    assert progress(0) == []
    assert [type(callback) for callback in progress(True)] == [ProgressBar]


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_a_notebook_keeps_all_that_is_drawn_and_so_gets_lines(monkeypatch, verbose):
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert [type(callback) for callback in progress(verbose)] == [ProgressLines]
    ipython.get_ipython = lambda: types.SimpleNamespace()  # IPython on a terminal
    assert [type(callback) for callback in progress(1)] == [ProgressBar]


@pytest.mark.parametrize("verbose", [3, -1, None, "yes", np.array([0, 1])])
def test_what_verbose_cannot_be(verbose):
    with pytest.raises(ValueError, match="verbose must be 0, 1, 2 or 'auto', but it is"):
        progress(verbose)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.5, "0.5000"),
        (1, "1.0000"),
        (0.0012345, "0.0012"),
        (0.00012345, "1.234e-04"),
        (-2.5, "-2.5000"),
        (9999.0, "9999.0000"),
        (12345.6, "1.235e+04"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (True, "True"),
        (np.True_, "True"),
        (None, "None"),
        (np.timedelta64(3, "s"), "3 seconds"),
        ((np.float64(0.5), 1), "[0.5000, 1.0000]"),
        (np.array([[0.5, 0.25]]), "[[0.5000, 0.2500]]"),
    ],
)
def test_numbers(value, text):
    assert show_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "  0 ms"), (0.0204, " 20 ms"), (0.123, "123 ms"), (0.9994, "999 ms"),
     (0.9996, " 1.0 s"), (12.34, "12.3 s"), (123.4, "123.4 s")],
)  # fmt: skip
def test_times_have_a_width_that_stays(seconds, text):
    assert describe(seconds, {}) == text
    assert describe(seconds, {"loss": 0.5, "acc": 1}) == f"{text}, loss: 0.5000, acc: 1.0000"


def test_titles_are_aligned():
    assert epoch_title(0, {"epochs": 3}) == "Epoch 1/3"
    assert epoch_title(4, {"epochs": 100}) == "Epoch   5/100"


def test_a_bar_does_not_look_at_the_clock_at_every_step(rng, monkeypatch, capsys):
    looks, clock = [], time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: looks.append(clock()) or looks[-1])
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(400, 1)), np.zeros(400), 1, epochs=2, verbose=1)
    assert 2 <= len(looks) < 200
    assert capsys.readouterr().err == ""


def test_numbers_for_a_bar_alone_are_computed_when_it_is_redrawn(rng, capsys):
    class Counted(bp.metrics.MeanSquaredError):
        results = 0

        def result(self):
            self.results += 1
            return super().result()

    class Listener(Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert list(logs) == ["loss", "mean_squared_error"]

    X = rng.normal(size=(400, 1))
    for callbacks, enough in (([], range(1, 100)), ([Listener()], range(400, 500))):
        model, metric = bp.Sequential([Dense(1)], seed=0), Counted()
        model.compile("sgd", "mse", metrics=[metric])
        model.fit(X, X, 1, verbose=1, callbacks=callbacks)
        assert metric.results in enough
    assert capsys.readouterr().err == ""


def test_the_clock_is_looked_at_some_times_in_every_interval_of_redrawing(monkeypatch, capsys):
    now, looks = 0.0, []

    def clock():
        looks.append(now)
        return now

    monkeypatch.setattr(time, "perf_counter", clock)
    bar = ProgressBar()
    bar.set_params({"epochs": 1, "steps": 20_000})
    for first in (0, 9_000):  # from the beginning, and where an interrupted epoch goes on
        bar.on_epoch_begin(0)
        looks.clear()
        shown, begun = 0, now
        for batch in range(first, 20_000):
            now += 20e-6 if batch < 15_000 else 2e-3  # it becomes slower
            if bar.due(batch):
                bar.on_train_batch_end(batch, {"loss": 0.5})
                shown += 1
        assert len(looks) < 30 * (now - begun) / REFRESH
        assert shown == pytest.approx((now - begun) / REFRESH, rel=0.15)
        bar.on_epoch_end(0, {"loss": 0.5})
    capsys.readouterr()


@pytest.mark.parametrize(("encoding", "full"), [("utf-8", "█"), ("ascii", "#")])
def test_epochs_that_are_over_at_once_get_their_line_alone(monkeypatch, encoding, full):
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding, newline=""))
    monkeypatch.setenv("COLUMNS", "100")
    bar = ProgressBar()
    bar.set_params({"epochs": 5, "steps": 100})
    for epoch, seconds in enumerate((0.05, 0.09, 0.5, 0.05, 0.05)):
        bar.on_epoch_begin(epoch)
        for batch in range(100):
            now += seconds / 100
            if bar.due(batch):
                bar.on_train_batch_end(batch, {"loss": 0.25})
        bar.on_epoch_end(epoch, {"loss": 0.5})
    sys.stdout.seek(0)
    *lines, rest = sys.stdout.read().split("\n")
    assert rest == ""
    for epoch, line in enumerate(lines):
        last = line.split("\r")[-1]
        pattern = rf"Epoch {epoch + 1}/5 100/100 {full}{{24}}, +[\d.]+ m?s, loss: 0.5000 *"
        assert re.fullmatch(pattern, last), last
    # the first has a bar, and those that are not over soon or come after such a one
    assert ["\r" in line for line in lines] == [True, False, True, True, False]
    drawn = [text for text in lines[2].split("\r") if "loss: 0.2500" in text]
    assert len(drawn) in (3, 4)
    assert full in drawn[0]  # a bar that comes late begins where the epoch is


def test_bar_is_closed_when_training_is_interrupted(data, capsys):
    class Interrupt(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data, verbose=1, callbacks=[Interrupt()])
    print("the next line")
    assert capsys.readouterr().out.split("\n")[-2] == "the next line"


def test_what_is_printed_at_the_end_of_an_epoch_has_its_own_line(data, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "160")
    end = LambdaCallback(on_epoch_end=lambda epoch, logs: print("end", epoch))
    fit(data, epochs=1, verbose=1, callbacks=[end])
    printed, line, rest = capsys.readouterr().out.split("\n")
    drawn, *cleared, text = printed.split("\r")[1:]
    assert drawn.startswith("Epoch 1/1")  # the bar, which is taken away before
    assert not "".join(cleared[1:]).strip()
    assert text == "end 0"
    assert line.startswith("Epoch 1/1 3/3 ")
    assert rest == ""


# ------------------------------------------------------------------------------ 1, on a terminal

PROGRAM = """
import sys, time
import numpy as np
import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import Dense, Softmax

class Wait(Callback):
    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.04)

split, verbose = float(sys.argv[1]), sys.argv[2]
X, y = np.random.default_rng(0).normal(size=(1600, 4)), np.arange(1600) % 2
model = bp.Sequential([Dense(2), Softmax()], seed=0)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
verbose = {} if verbose == "default" else {"verbose": int(verbose)}
history = model.fit(X, y, 200, epochs=2, validation_split=split, callbacks=[Wait()], **verbose)
print("after")
print(*(f"{value:.4f}" for e in range(2) for value in (v[e] for v in history.history.values())))
"""


def run_on_a_terminal(columns, *arguments, program=PROGRAM, **variables):
    """What a program writes to a terminal of that many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = environment(PYTHONIOENCODING="utf-8").items()
    variables = {k: v for k, v in inherited if k not in ("COLUMNS", "LINES")} | variables
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=variables, start_new_session=True
    ) as process:
        os.close(slave)
        written = b""
        try:
            while piece := os.read(master, 65536):
                written += piece
        except OSError:  # the other end is closed
            pass
        os.close(master)
    assert process.returncode == 0, written.decode()
    return written.decode()


def screen(written, columns):
    """The rows that such a terminal shows in the end, and all states of each while it was drawn."""
    rows, states, column = [""], [[]], 0
    for character in written:
        if character == "\r":
            states[-1].append(rows[-1].rstrip())
            column = 0
            continue
        if character == "\n" or column == columns:  # at the edge the text goes on below
            rows.append("")
            states.append([])
            column = 0
        if character != "\n":
            assert character.isprintable(), "an escape sequence, which this terminal cannot read"
            rows[-1] = rows[-1][:column] + character + rows[-1][column + 1 :]
            column += 1
    return [row.rstrip() for row in rows], states


@pytest.mark.parametrize(
    ("columns", "split", "pattern"),
    [
        (120, 0.25, r"Epoch {e}/2 6/6 █+, +[\d.]+ m?s, loss: {}, accuracy: {}, val_loss: {}, v.*"),
        (80, 0.25, r"{e}/2 +[\d.]+ m?s loss {} accuracy {} val_loss {} val_accuracy {}"),
        (80, 0.0, r"Epoch {e}/2 8/8 █+, +[\d.]+ m?s, loss: {}, accuracy: {}"),
    ],
)  # fmt: skip
def test_bar_leaves_one_whole_line_an_epoch(columns, split, pattern):
    rows, states = screen(run_on_a_terminal(columns, split, "default"), columns)
    assert rows[2] == "after"
    assert rows[4:] == [""]
    numbers = rows[3].split()
    per_epoch = len(numbers) // 2
    for epoch in range(2):
        assert len(rows[epoch]) < columns
        expected = pattern.replace("{e}", str(epoch + 1))
        for value in numbers[epoch * per_epoch : (epoch + 1) * per_epoch]:
            expected = expected.replace("{}", re.escape(value), 1)
            assert value in rows[epoch]
        assert re.fullmatch(expected, rows[epoch]), rows[epoch]
        # on its way it showed the steps, a growing bar and the loss so far
        drawn = [s for s in states[epoch] if "█" in s and "val" not in s]
        steps = [int(re.match(r"Epoch \d/2 (\d)/\d ", state)[1]) for state in drawn]
        assert len(set(steps)) >= 2
        assert steps == sorted(steps)
        assert all(re.search(r"s, loss: \d\.\d{4}, accuracy: \d\.\d{4}$", s) for s in drawn)


def test_a_terminal_that_does_not_know_its_width_has_80_columns():
    unknown, _ = screen(run_on_a_terminal(0, 0.0, "default"), 80)
    known, _ = screen(run_on_a_terminal(80, 0.0, "default"), 80)
    times = r" *[\d.]+ m?s"
    assert [re.sub(times, "", row) for row in unknown] == [re.sub(times, "", row) for row in known]
    assert "█" in unknown[0]


def test_numbers_are_shown_in_characters_that_every_terminal_has():
    program = PROGRAM.replace('["accuracy"]', '[bp.metrics.Accuracy("точность {1}")]')
    written = run_on_a_terminal(80, 0.0, "1", program=program, PYTHONIOENCODING="ascii")
    rows, _ = screen(written, 80)
    for epoch in (1, 2):
        pattern = rf"Epoch {epoch}/2 8/8 #+, +[\d.]+ m?s, loss: \d\.\d+, \?{{8}} \{{1\}}: 0\.\d+"
        assert re.fullmatch(pattern, rows[epoch - 1]), rows[epoch - 1]


def test_wide_characters_are_counted_as_the_terminal_shows_them():
    program = PROGRAM.replace('["accuracy"]', '[bp.metrics.Accuracy("准确率" * 7)]')
    written = run_on_a_terminal(80, 0.0, "1", program=program)
    last = written.replace("\r\n", "\n").split("\n")[0].split("\r")[-1]
    assert re.search(r"准确率 \d\.\d{4} *$", last), last
    assert "█" not in last  # the name alone takes 42 of the 80 columns


@pytest.mark.parametrize("setting", ["TQDM_ASCII", "TQDM_GUI"])
def test_settings_of_tqdm_in_the_environment_end_no_training(setting):
    """With TQDM_ASCII=1 tqdm itself divides by 0, as its bars then have a single character."""
    program = """
import numpy as np
import backprop as bp
model = bp.Sequential([bp.layers.Dense(1)], seed=0)
model.compile("sgd", "mse")
model.fit(np.ones((5000, 2)), np.ones(5000), 1, 2, verbose=1)
"""
    made = run("-c", program, **{setting: "1"})
    assert made.returncode == 0, made.stderr
    assert "Epoch 2/2 5000/5000" in made.stdout


@pytest.mark.parametrize("setting", [{"TQDM_DELAY": "9"}, {"TQDM_POSITION": "3"}])
def test_settings_of_tqdm_leave_the_lines_whole(setting):
    written = run_on_a_terminal(80, 0.0, "1", **setting)
    rows, _ = screen(written, 80)
    for epoch in (1, 2):
        assert re.match(rf"Epoch {epoch}/2 8/8 ", rows[epoch - 1]), rows


@pytest.mark.parametrize("file", ["sys.stdout", "__import__('io').StringIO()"])
def test_bars_of_others_stay_whole_below_the_lines(file):
    program = PROGRAM.replace(
        "history = model.fit",
        f"""from tqdm import trange
for run in trange(2, desc="outer", ncols=80, file={file}):
    history = model.fit""",
    )
    written = run_on_a_terminal(80, 0.0, "1", program=program)
    rows, row, column = [[" "] * 81 for _ in range(20)], 0, 0
    for piece in re.findall(r"\x1b\[A|[\s\S]", written):
        if piece == "\x1b[A":
            row -= 1
        elif piece == "\n":
            row, column = row + 1, 0
        elif piece == "\r":
            column = 0
        else:
            rows[row][column], column = piece, column + 1
    shown = [text for text in ("".join(row).rstrip() for row in rows) if text]
    outer = file == "sys.stdout"
    assert len(shown) == 6 + outer
    for epoch, text in zip((1, 2, 1, 2), shown, strict=False):
        assert re.fullmatch(
            rf"Epoch {epoch}/2 8/8 █+, +[\d.]+ m?s, loss: [\d.]+, accuracy: [\d.]+", text
        )
    assert not outer or re.fullmatch(r"outer: 100%\|█+\| 2/2 \[.*\]", shown[4])


def test_narrow_terminal_wraps_the_line_and_loses_no_number():
    rows, _ = screen(run_on_a_terminal(60, 0.25, "1"), 60)
    assert rows[4] == "after"
    numbers = rows[5].split()
    for epoch in range(2):
        text = rows[2 * epoch].ljust(60) + rows[2 * epoch + 1]
        assert re.findall(r"\d\.\d{4}", text) == numbers[4 * epoch : 4 * epoch + 4]
        assert text.startswith(f"{epoch + 1}/2 ")
        assert "{" not in text


@each("columns", range(20, 140))
def test_line_is_whole_at_every_width(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = ProgressBar()
    bar.set_params({"epochs": 30, "steps": 1875, "verbose": 1})
    bar.on_train_begin()
    for epoch in (0, 29):
        bar.on_epoch_begin(epoch)
        logs = {"loss": 0.1234, "accuracy": 0.9612, "val_loss": 0.2345, "val_accuracy": 0.9501}
        bar.on_train_batch_end(0, {**logs, "{": 1.0})  # a brace means something to tqdm
        bar.on_epoch_end(epoch, logs)
    bar.on_train_end()
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 3
    for line in lines[:2]:
        last = line.rstrip("\r").split("\r")[-1].rstrip()
        assert re.findall(r"0\.\d{4}", last) == ["0.1234", "0.9612", "0.2345", "0.9501"]
        assert "{" not in last
        assert len(last) < columns or columns < 79


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("written", ["a", None, np.ones(3), [1, 2], True, np.float32(0.5), {}])
def test_whatever_a_callback_writes_into_the_logs_is_shown(written, verbose, capsys):
    class Writes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = written

    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=verbose, callbacks=[Writes()])
    assert "mine" in capsys.readouterr().out
