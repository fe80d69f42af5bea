"""What is no path, or the path of a folder, is refused by every function that takes one."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from explained import Scale
from mistakes import C, X, assert_speaks, classifier

import backprop as bp
from backprop import datasets, plotting
from backprop.callbacks import BackupAndRestore, CSVLogger, LivePlot, ModelCheckpoint
from backprop.core.errors import ShapeError
from backprop.inspection import Recorder

MODEL = classifier()
RECORDER = Recorder()
HISTORY = MODEL.fit(X, C, epochs=2, verbose=0, callbacks=[RECORDER])
EXPLANATION = MODEL.explain(X[:1], C[:1])


def fit_with(callback):
    MODEL.fit(X, C, epochs=1, verbose=0, callbacks=[callback])


READERS = {
    "load_model": bp.load_model,
    "load_weights": MODEL.load_weights,
    "load_onnx": bp.load_onnx,
    "Vocabulary.load": datasets.Vocabulary.load,
    "from_parquet": lambda path: datasets.from_parquet(path, ["a"], "b"),
}
PICTURES = {
    "History.plot": HISTORY.plot,
    "Explanation.plot": EXPLANATION.plot,
    "Recorder.plot_weights": RECORDER.plot_weights,
    "loss_curves": lambda path: plotting.loss_curves(HISTORY, None, path),
    "confusion_matrix": lambda path: plotting.confusion_matrix([[2, 1], [0, 3]], path=path),
    "LivePlot": lambda path: fit_with(LivePlot(path)),
}
WRITERS = {
    "save": MODEL.save,
    "save_weights": MODEL.save_weights,
    "export": MODEL.export,
    "Vocabulary.save": datasets.Vocabulary("ab", "characters").save,
    "Explanation.save": EXPLANATION.save,
    "Recorder.save": RECORDER.save,
    "CSVLogger": lambda path: fit_with(CSVLogger(path)),
    "CSVLogger, continued": lambda path: fit_with(CSVLogger(path, append=True)),
    "ModelCheckpoint": lambda path: fit_with(ModelCheckpoint(path)),
}
FILES = {**READERS, **PICTURES, **WRITERS}
FOLDERS = {
    "BackupAndRestore": lambda path: fit_with(BackupAndRestore(path)),
    "from_image_folder": lambda path: datasets.from_image_folder(path, (2, 2)),
}
DATA = {**READERS, **FOLDERS, "load_mnist": datasets.load_mnist}
NO_PATHS = [5, 1.5, True, ["a"], math.nan, "", b"", "a\0b", b"a\0b", "\ud800"]


@pytest.mark.parametrize("call", [*FILES.values(), *FOLDERS.values()], ids=[*FILES, *FOLDERS])
def test_what_is_no_path_is_refused(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for wrong in NO_PATHS + [None] * (call not in PICTURES.values()):
        with pytest.raises((TypeError, ValueError), match=r"path|filename|backup_dir") as caught:
            call(wrong)
        assert_speaks(caught, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", READERS.values(), ids=READERS)
def test_a_device_is_no_file(call, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # reading one waits for ever
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(bp.CorruptFileError, match="is a device or a pipe, and no file"):
            call(path)


@pytest.mark.parametrize("call", WRITERS.values(), ids=WRITERS)
def test_a_folder_that_is_missing_is_not_left_out_of_a_path(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = MODEL.parameters.values.copy()
    path = os.path.join("missing", "..", "model.txt" if call == EXPLANATION.save else "a.html")
    if call == WRITERS["ModelCheckpoint"]:
        call(path)  # which makes folders
        assert os.path.isfile(path)
        return
    with pytest.raises(FileNotFoundError, match=r"create the folder 'missing/\.\.' first"):
        call(path)
    np.testing.assert_array_equal(MODEL.parameters.values, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", FILES.values(), ids=FILES)
def test_a_folder_is_no_file(call, tmp_path):
    before = MODEL.parameters.values.copy()
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="a folder: name a file") as caught:
        call(folder)
    assert_speaks(caught, [])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    np.testing.assert_array_equal(MODEL.parameters.values, before)


@pytest.mark.parametrize("call", FILES.values(), ids=FILES)
def test_a_folder_that_is_not_there_is_no_file_either(call, tmp_path, monkeypatch):
    """``save("models/")`` wrote a file ``models``, which ``load_model("models/")`` did not find."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="path is 'models/', a folder: name a file"):
        call("models/")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    """A folder cannot be created where a file stands."""
    (tmp_path / "models").touch()
    with pytest.raises(NotADirectoryError, match="models', which is no folder: name another one"):
        MODEL.save(tmp_path / "models" / "digits.npz")


@pytest.mark.parametrize("call", PICTURES.values(), ids=PICTURES)
def test_a_picture_of_an_unknown_format_is_refused_before_training(call, tmp_path):
    before = MODEL.parameters.values.copy()
    with pytest.raises(ValueError, match=r"pictures end with one of .*\.png, ") as caught:
        call(tmp_path / "training.npz")
    assert_speaks(caught, [])
    np.testing.assert_array_equal(MODEL.parameters.values, before)


@pytest.mark.parametrize("call", [*FILES.values(), *DATA.values()], ids=[*FILES, *DATA])
def test_a_path_that_the_system_cannot_write_is_told_what_to_do(call, tmp_path, monkeypatch):
    """As on a system whose names of files are ASCII."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsencode", lambda path: path.encode("ascii", "surrogateescape"))
    with pytest.raises(ValueError, match="точность") as caught:
        call("точность")
    assert_speaks(caught, ["ASCII", "lacks 'т'", "PYTHONUTF8=1"])
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "file"
    file.touch()
    calls = {
        "backup_dir": lambda: fit_with(BackupAndRestore(file)),
        "filepath": lambda: fit_with(ModelCheckpoint(file / "model.npz")),
        "path": lambda: FOLDERS["from_image_folder"](file),
    }
    for name, call in calls.items():
        with pytest.raises(OSError, match=rf"^{name}.*'{file}'"):
            call()


@pytest.mark.parametrize("name", [*PICTURES, *WRITERS, "BackupAndRestore"])
def test_a_tilde_is_the_home_folder(name, tmp_path, monkeypatch):
    """Else there was a folder called "~" where the program runs, or advice to make one."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    endings = {"export": ".onnx", "Explanation.save": ".html", "Recorder.save": ".html"}
    ending = endings.get(name, ".png" if name in PICTURES else ".npz")
    {**FILES, **FOLDERS}[name](f"~/new{ending}")
    assert os.listdir(elsewhere) == []
    if name != "BackupAndRestore":  # which removes what it wrote in a fit that has ended
        assert os.listdir(home) == [f"new{ending}"]


def test_files_are_read_from_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    MODEL.save(tmp_path / "m.npz")
    MODEL.export(tmp_path / "m.onnx")
    expected = MODEL.predict(X)
    np.testing.assert_array_equal(bp.load_model("~/m.npz").predict(X), expected)
    np.testing.assert_allclose(bp.load_onnx("~/m.onnx").predict(X), expected, rtol=1e-5)
    MODEL.load_weights("~/m.npz")


def test_what_is_wrong_with_a_file_in_the_home_folder_is_told(tmp_path, monkeypatch):
    """It was called damaged, as its name was another one in the error."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    model = bp.Sequential([Scale()])
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"^'[^']*' holds 'Scale', .* custom_objects=\{'Scale'"):
        bp.load_model("~/m.npz")
    bp.load_model("~/m.npz", custom_objects={"Scale": Scale})
    MODEL.save_weights(tmp_path / "w.npz")
    model = bp.Sequential([bp.Input(3), bp.layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"w\.npz' does not fit the model: "):
        model.load_weights("~/w.npz")


BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
OPTIONS = {
    "run.py --output FILE": "--output: nothing can be written into",
    "bench_gradient_cost.py --output FILE/x": "--output: nothing can be written into",
    "bench_mnist.py --output FILE": "--output: nothing can be written into",
    "bench_mnist.py --seed -1": "--seed: must be 0 or more, but it is -1",
    "bench_mnist.py --data FILE": "--data: .* is not a readable .npz file: it is empty",
    "bench_mnist1d.py --seeds 0": "--seeds: must be 1 or more, but it is 0",
}


@pytest.mark.parametrize(("command", "words"), OPTIONS.items(), ids=OPTIONS)
def test_benchmarks_try_their_options_before_they_measure(command, words, tmp_path):
    (tmp_path / "FILE").touch()
    program, *arguments = command.split()
    run = [sys.executable, BENCHMARKS / program, *arguments]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert re.search(words, done.stderr.replace("\n", " "))
    assert "Traceback" not in done.stderr
