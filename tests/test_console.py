"""What is shown is never worth a training: no stdout, or one that knows ASCII alone."""

import io
import os
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import programs
import pytest
from programs import environment

import backprop as bp
from backprop import __main__, plotting
from backprop.core import console

EVERYTHING = """
import sys
import types
import numpy as np
import backprop as bp
from backprop.callbacks import *
from backprop.layers import Dense, ReLU, Softmax

X, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2

def make():
    model = bp.Sequential([Dense(3), ReLU(), Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", [bp.metrics.Accuracy("точность")])
    return model

def run(folder):
    model = make()
    model.summary()
    plateau = ReduceLROnPlateau("loss", patience=1, min_delta=9, verbose=1)
    told = [
        EarlyStopping("loss", patience=2, min_delta=9, verbose=1, restore_best_weights=True),
        ModelCheckpoint(folder + "/{epoch}.npz", "loss", 1, save_best_only=True),
        CSVLogger(folder + "/log.csv"),
        plateau,
    ]
    for verbose in ("auto", 1, 2):
        model.fit(X, y, epochs=2, verbose=verbose, validation_split=0.2)
    model.fit(X, y, epochs=4, callbacks=told)
    model.fit(X, y, callbacks=[LearningRateScheduler(lambda epoch: 0.1, verbose=1)])
    with np.errstate(all="ignore"):
        import warnings
        warnings.simplefilter("ignore")
        hot = make()
        hot.optimizer.learning_rate = 1e30
        hot.fit(X, y, 1, 3, callbacks=[TerminateOnNaN()])
    with np.errstate(all="ignore"):
        hot.fit(X, y, epochs=1)
    for verbose in ("auto", 1):
        model.evaluate(X, y, verbose=verbose)
        bp.fit_many([make(), make()], X, y, epochs=2, verbose=verbose)
        bp.cross_validate(make, X, y, folds=2, verbose=verbose, epochs=2)
    return len(model.history.history["loss"])
"""


def run(program, folder, *, command=(sys.executable,), shell="", **variables):
    """A program in a process of its own; its stdout, or what ``shell`` makes of it."""
    path = folder / "program.py"
    path.write_text(EVERYTHING + program, encoding="utf-8")
    line = " ".join([*command, str(path), str(folder), shell])
    return subprocess.run(
        line, shell=True, env=environment(**variables), capture_output=True, timeout=120
    )


ENDED = 'open(folder + "/ended", "w").write(str(run(folder)))\n'
WITHOUT = [
    "sys.stdout = None",
    "sys.stdout = sys.stderr = None",
    "sys.stdout.close()",
    "sys.stdout.close(); sys.stderr.close()",
    "del sys.stdout",
    "class W:\n  def write(self, text): pass\nsys.stdout = W()",  # no flush, no isatty
    "class W:\n  def write(self, text): raise RuntimeError\nsys.stdout = W()",
]
ENCODINGS = ["ascii", "latin-1", "cp1252", "cp437", "cp932", "utf-8"]


def run_after(each, tmp_path):
    """A process of its own after each, forked from one, as importing takes longer than the rest.

    Every one has ended without printing anything; their folders.
    """
    forked = f"""
import os
import concurrent.futures, threadpoolctl, tqdm  # which each would import by itself
for k, before in enumerate({each}):
    if os.fork():
        os.wait()
    else:
        folder = sys.argv[1] + f"/{{k}}"
        os.mkdir(folder)
        exec(before)
        {ENDED}
        break
"""
    made = run(forked, tmp_path)
    assert b"Traceback" not in made.stderr, made.stderr.decode()
    assert made.stdout == b""
    folders = [tmp_path / str(k) for k in range(len(each))]
    for before, folder in zip(each, folders, strict=True):
        assert (folder / "ended").read_text() == "1", before
    return folders


def test_training_without_stdout(tmp_path):
    run_after(WITHOUT, tmp_path)


@pytest.mark.parametrize(
    "shell",
    [
        ">&-",  # closed by whoever started it
        ">&- 2>&- <&-",
        "| true",  # the reader has gone
        "> /dev/full",
    ],
)
def test_training_without_stdout_from_the_start(tmp_path, shell):
    made = run("folder = sys.argv[1]\n" + ENDED, tmp_path, shell=shell)
    assert b"Traceback" not in made.stderr, made.stderr.decode()
    assert (tmp_path / "ended").read_text() == "1"
    assert made.stdout == b""


def test_characters_that_stdout_lacks_are_replaced(tmp_path):
    opened = "sys.stdout = open(folder + '/shown', 'w', encoding={!r})"
    folders = run_after([opened.format(encoding) for encoding in ENCODINGS], tmp_path)
    for encoding, folder in zip(ENCODINGS, folders, strict=True):
        text = (folder / "shown").read_text(encoding=encoding)
        assert ("точность: " in text) == (encoding in ("utf-8", "cp932"))
        assert "loss: " in text
        rule = "─" * 40 if encoding in ("utf-8", "cp437", "cp932") else "-" * 40
        assert f"Sequential\n{rule}" in text
        assert (folder / "log.csv").read_bytes().decode().startswith("epoch,loss,точность\n")


def test_files_are_utf_8_whatever_the_system_thinks(tmp_path):
    program = "import locale\nassert locale.getencoding() != 'UTF-8'\nrun(sys.argv[1])\n"
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    made = run(program, tmp_path, **settings)
    assert made.returncode == 0, made.stderr.decode()
    header = (tmp_path / "log.csv").read_bytes().decode("utf-8").splitlines()[0]
    assert header == "epoch,loss,точность"


def test_the_demo_of_the_readme_on_a_terminal_that_knows_ascii_alone(tmp_path):
    arguments = ["-m", "backprop", "--epochs", "1", "--output", tmp_path]
    for more in ([], ["--help"]):
        made = programs.run(*arguments, *more, cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert made.returncode == 0, made.stderr
        assert made.stdout.isascii()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["digits.png", "training.png"]


@pytest.mark.parametrize("where", ["/proc/nope", "file", "file/inside", "locked"])
def test_a_folder_that_cannot_be_written_is_found_before_training(
    tmp_path, where, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    (tmp_path / "locked").mkdir(mode=0o500)
    if where == "locked" and os.access(tmp_path / "locked", os.W_OK):
        return  # whoever runs the tests may write everywhere
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        __main__.main(["--output", where])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert f"--output {where}: no pictures can be written there: " in printed.err
    assert printed.out == ""


def test_what_is_written_in_place_of_what_an_encoding_lacks():
    assert console.encodable("─×→é☃", "ascii") == "-x>??"
    assert console.encodable("─×→é☃", "latin-1") == "-×>é?"
    assert console.encodable("a\udcffb", "utf-8") == "a?b"  # of a path that is no text


def test_texts_are_printed_above_bars(monkeypatch):
    from tqdm import tqdm

    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    with tqdm(total=2, file=shown, ncols=40) as bar:
        bar.update()
        console.write("between")
        mine = console.new_bar(console.STDOUT, total=3)
        console.write("again")
        mine.close()
    pieces = re.split(r"\r|\n|\x1b\[A", shown.getvalue())
    assert {"between", "again"} <= set(pieces)


def test_nothing_else_in_the_package_prints():
    """Neither ``print`` nor stdout, nor a text file without a word on its encoding."""
    folder = Path(bp.__file__).parent
    found = []
    for file in folder.rglob("*.py"):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            code = line.split("#")[0]
            example = code.lstrip().startswith((">>>", "..."))
            opened = re.search(r"(?<!\w)(?<!\bos\.)(?<!_archive\.)open\(", code) and not any(
                known in code for known in ('"rb"', '"wb"', '"ab"', "encoding=")
            )
            other = any(
                word in code for word in ("sys.stdout", "sys.stderr", "write_text(", "tqdm.w")
            )
            printed = code.lstrip().startswith("print(") or " print(" in code.split('"')[0]
            if (opened or other or printed) and file.name != "console.py" and not example:
                found.append(f"{file.relative_to(folder)}:{number} {line.strip()}")
    assert found == []


def test_the_demo_prints_and_draws_the_same_count(tmp_path, monkeypatch, capsys):
    drawn = []
    grid = plotting.predictions_grid

    def keep(*arguments):
        drawn.append(grid(*arguments))
        return drawn[0]

    monkeypatch.setattr(plotting, "predictions_grid", keep)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    __main__.main(["--epochs", "1", "--output=~/demo"])  # which bash leaves as it is
    assert (tmp_path / "demo" / "digits.png").exists()
    printed = re.search(r"\((\d+ of 359 unseen digits)\)", capsys.readouterr().out)[1]
    (figure,) = drawn
    assert printed in figure.axes[0].get_title()
    assert not re.search(r"of 50\b", figure.axes[0].get_title() + figure.get_suptitle())


# ------------------------------------------------------------------------------------------ names


def named_function(y_true, y_pred):
    return 1.0


@pytest.mark.parametrize("odd", ["a\udcff", "\ud800", "a\nb", "a\rb", "a\0", "\x1b[31m"])
def test_names_that_nothing_can_show_are_refused(odd):
    """Saving, explaining, plotting and TensorBoard would end in other libraries' words."""
    layer, metric = bp.layers.Dense(1), bp.metrics.Accuracy()
    built = bp.layers.Dense(1)
    built.build((2,))

    def rename(part):
        part.name = odd

    def own_name():
        function = types.FunctionType(named_function.__code__, {}, "f")
        function.__name__ = odd
        bp.metrics.FunctionMetric(function)

    calls = [
        lambda: bp.layers.Dense(1, name=odd),
        lambda: bp.metrics.Accuracy(odd),
        lambda: bp.metrics.FunctionMetric(named_function, odd),
        own_name,
        lambda: rename(layer),
        lambda: rename(metric),
        lambda: built.add_parameter(odd, (1,), "zeros"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="cannot be shown: leave it out") as caught:
            call()
        assert repr(odd) in str(caught.value)
    for fine in ("точность", "日本", "a b", "\N{ZERO WIDTH JOINER}"):
        assert bp.metrics.Accuracy(fine).name == fine


def test_numbers_of_any_name_are_kept(tmp_path):
    """A callback of the user's may write what it likes into the logs."""
    odd = "a\udcff"
    logger = bp.callbacks.CSVLogger(tmp_path / "log.csv")
    board = bp.callbacks.TensorBoard(tmp_path / "board")

    class Adds(bp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs[odd] = 1.0

    model = bp.Sequential([bp.layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    history = model.fit([[1.0]], [[1.0]], epochs=2, callbacks=[Adds(), logger, board], verbose=1)
    assert history.history[odd] == [1.0, 1.0]
    assert (tmp_path / "log.csv").read_text(encoding="utf-8").startswith("epoch,a\\udcff,loss\n")


@pytest.mark.parametrize("advice", ["errors='replace'", "encoding='utf-8'"])
def test_what_users_print_on_a_terminal_that_knows_ascii_alone_follows_advice(tmp_path, advice):
    program = f"""
made = make()
texts = made.explain(X[:2], y[:2]), made.check_gradients(X, y)
try:
    print(texts[0])
except UnicodeEncodeError:
    sys.stdout.reconfigure({advice})
    print(*texts)
    print("ended")
"""
    made = run(program, tmp_path, PYTHONIOENCODING="ascii")
    assert made.stdout.decode().splitlines()[-1] == "ended", made.stderr.decode()


def test_ctrl_c_ends_the_demo_without_a_traceback(tmp_path, monkeypatch):
    def press(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(bp.Sequential, "fit", press)
    monkeypatch.setattr(sys, "argv", ["backprop", "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(__main__.__file__, run_name="__main__")
    assert ended.value.code == 130


DIVERGES = """
import contextlib, sys
import numpy as np
import backprop as bp
model = bp.Sequential([bp.layers.Dense(1, name="выход")], seed=0)
model.compile(bp.optimizers.SGD(1e30), "mse")
X = np.arange(12.0).reshape(6, 2)
with open(sys.argv[1], "w", encoding="cp1252") as file, contextlib.redirect_stderr(file):
    model.fit(X, X[:, 0], epochs=3, verbose=0)  # выход
"""


def test_a_warning_is_shown_where_stderr_lacks_a_character(tmp_path):
    programs.run("-c", DIVERGES, tmp_path / "log", check=True)
    assert "training has diverged" in (tmp_path / "log").read_text(encoding="cp1252")
