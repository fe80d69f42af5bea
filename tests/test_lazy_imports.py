"""What loads when: little at ``import backprop``, and the rest when one of its names is used."""

import inspect
import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from programs import run
from rows import each

import backprop as bp
from backprop.core.lazy import ELSEWHERE, lazy_names

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    *("inspection", "explain", "experiments", "distributed", "layers"),
    *("plotting", "datasets", "callbacks", "schedules", "losses", "metrics", "optimizers"),
)
EAGER = {
    *(f"backprop.{folder}" for folder in FOLDERS),
    *(
        "backprop.callbacks.base",
        "backprop.callbacks.listed",
        "backprop.callbacks.misspelt",
        "backprop.datasets.orders",
        "backprop.schedules.base",
    ),
    *(f"backprop.layers.{file}" for file in ("base", "checked", "input", "block", "chain")),
    *(f"backprop.layers.{file}" for file in ("held", "returned", "unregistered")),
    *(f"backprop.layers.{file}" for file in ("embedding", "scaling", "standardization")),
    *("backprop.layers.along_axes", "backprop.layers.attributes"),
    *(f"backprop.losses.{file}" for file in ("base", "checked", "formula", "heads", "helpers")),
    *(f"backprop.losses.{file}" for file in ("cross_entropy", "names", "probabilities")),
    "backprop.losses.last_pass",
    *(f"backprop.metrics.{file}" for file in ("base", "names", "returned", "shapes", "verbs")),
    "backprop.metrics.attributes",
    *(f"backprop.metrics.{file}" for file in ("accuracy", "decisions", "function", "means")),
    *(f"backprop.optimizers.{file}" for file in ("base", "blocks", "bookkeeping", "options")),
    *("backprop.metrics.of_losses", "backprop.optimizers.by_parameter"),
    "backprop.optimizers.vectors",
}
"""All that ``import backprop`` loads of those folders."""

SLOW = {"csv", "gzip", "http.client", "urllib.request", "zipfile", "tempfile"}
SLOW |= {"numpy.random", "json", "shutil", "hashlib", "zlib", "logging", "concurrent.futures"}
PUBLIC = [(folder, name) for folder in FOLDERS for name in getattr(bp, folder).__all__]


def in_a_new_process(code: str) -> Any:
    """What the code prints, from JSON."""
    return json.loads(run("-c", code, check=True, MPLBACKEND="agg").stdout)


def test_importing_loads_what_training_needs_and_no_more():
    loaded = in_a_new_process(
        "import sys, numpy; before = set(sys.modules); import backprop;"
        "loaded = sorted(set(sys.modules) - before); import json; print(json.dumps(loaded))"
    )
    rooms = {name for name in loaded if name.split(".")[1:2] and name.split(".")[1] in FOLDERS}
    assert "backprop.sequential.model" in loaded
    assert rooms == EAGER
    assert SLOW & set(loaded) == set()


def test_training_loads_no_picture_and_no_tool_either():
    loaded = in_a_new_process(
        "import sys, json, numpy as np, backprop as bp\n"
        "model = bp.Sequential([bp.layers.Dense(2)], seed=0)\n"
        "model.compile('adam', 'mse', metrics=['mae'])\n"
        "model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)\n"
        "model.evaluate(np.ones((4, 3)), np.ones((4, 2)))\n"
        "print(json.dumps(sorted(m for m in sys.modules if m.startswith('backprop.'))))"
    )
    rooms = {name for name in loaded if name.split(".")[1] in FOLDERS}
    used = {"layers.dense", "losses.regression", "metrics.regression"}
    used |= {
        f"metrics.{file}" for file in ("classification", "overlap", "ranking")
    }  # compared with
    used |= {"optimizers.adam", "optimizers.names"}
    assert rooms == EAGER | {f"backprop.{file}" for file in used}
    assert not any(name.startswith("backprop.storage.") for name in loaded)


def test_an_estimator_loads_what_its_network_is_made_of_and_no_more():
    loaded = in_a_new_process(
        "import sys, json, numpy as np\n"
        "from backprop.estimators import MLPClassifier\n"
        "MLPClassifier((4,), max_iter=12).fit(np.eye(8), np.arange(8) % 3)\n"
        "print(json.dumps(sorted(m for m in sys.modules if m.startswith('backprop.'))))"
    )
    rooms = {name for name in loaded if name.split(".")[1] in (*FOLDERS, "storage")}
    used = {"layers.dense", "layers.activations", "layers.activation_options", "storage"}
    used |= {"losses.sparse_cross_entropy", "optimizers.adam", "optimizers.names"}
    assert rooms == EAGER | {f"backprop.{file}" for file in used | {"experiments.checked"}}


def test_names_are_not_hidden_by_files_that_are_loaded_first():
    files = [
        f"backprop.{folder}.{file.name}"
        for folder in FOLDERS
        for file in pkgutil.iter_modules(getattr(bp, folder).__path__)
    ]
    hidden = in_a_new_process(
        "import importlib, json, types, backprop as bp\n"
        f"for file in {files}: importlib.import_module(file)\n"
        f"found = {{(f, n): getattr(getattr(bp, f), n) for f, n in {PUBLIC}}}\n"
        "print(json.dumps([key for key, v in found.items() if isinstance(v, types.ModuleType)]))"
    )
    assert len(files) > 30
    assert hidden == []


@pytest.mark.parametrize("use", ["bp.explain.explain", "bp.plotting.loss_curves"])
def test_threads_may_use_a_name_first_at_the_same_time(use):
    found = in_a_new_process(
        "import threading, json, backprop as bp\n"
        "together, found = threading.Barrier(8), []\n"
        f"def first():\n    together.wait()\n    found.append(id({use}))\n"
        "threads = [threading.Thread(target=first) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(json.dumps(found))"
    )
    assert len(found) == 8
    assert len(set(found)) == 1


@each(("folder", "name"), PUBLIC)
def test_every_public_name_is_found_and_listed(folder, name):
    room = getattr(bp, folder)
    value = getattr(room, name)
    assert not inspect.ismodule(value)
    assert name in dir(room)
    assert value is getattr(room, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__name__ == name
        assert value.__module__.startswith(f"backprop.{folder}.")


@pytest.mark.parametrize("folder", FOLDERS)
def test_star_imports_bring_every_name(folder):
    names: dict[str, Any] = {}
    exec(f"from backprop.{folder} import *", names)
    assert set(getattr(bp, folder).__all__) <= set(names)


def test_star_import_of_the_package_brings_its_folders():
    names: dict[str, Any] = {}
    exec("from backprop import *", names)
    assert {*FOLDERS, "Sequential"} <= set(names)
    assert set(bp.__all__) <= {*names, *dir(bp)}
    assert names["explain"].explain is import_module("backprop.explain.explanation").explain


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_that_is_not_there_is_an_ordinary_error(folder):
    room = getattr(bp, folder)
    assert not hasattr(room, "no_such_name")
    with pytest.raises(AttributeError, match=f"'backprop.{folder}' has no attribute 'no_such_name"):
        _ = room.no_such_name
    with pytest.raises(ImportError, match="cannot import name 'no_such_name'"):
        exec(f"from backprop.{folder} import no_such_name")


def test_a_table_loads_the_file_of_the_name_alone(tmp_path, monkeypatch):
    folder = tmp_path / "a_folder"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text("first = 1\n")
    (folder / "two.py").write_text("second = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("a_folder")
    find, names, public = lazy_names("a_folder", one=["first"], two=["second"])
    assert public == ["first", "second"]
    assert {"first", "second", "__name__"} <= set(names())
    assert names() == sorted(names())
    assert "a_folder.one" not in sys.modules
    assert find("first") == 1
    assert "a_folder.one" in sys.modules
    assert "a_folder.two" not in sys.modules
    assert "one" in names()
    assert "two" not in names()
    assert not hasattr(module, "two")
    assert find("two") is import_module("a_folder.two")
    with pytest.raises(AttributeError, match="module 'a_folder' has no attribute 'third'"):
        find("third")


@pytest.mark.parametrize(("place", "name", "here"), [
    (bp.layers, "MaxPool2D", "layers.MaxPooling2D"),
    (bp.layers, "GlobalAvgPool1D", "layers.GlobalAveragePooling1D"),
    (bp.layers, "ConvTranspose2d", "layers.Conv2DTranspose"),
    (bp.layers, "BatchNorm2d", "layers.BatchNormalization"),
    (bp.layers, "Linear", "layers.Dense"),
    (bp.layers, "ReLu", "layers.ReLU"),
    (bp.layers, "Sequential", "Sequential"),
    (bp.losses, "CrossEntropyLoss", "losses.SparseCategoricalCrossentropy"),
    (bp.optimizers, "schedules", "schedules"),
    (bp, "SGD", "optimizers.SGD"),
    (bp, "Model", "Sequential"),
    (bp, "nn", "layers"),
])  # fmt: skip
def test_names_of_other_libraries_are_answered(place, name, here):
    words = rf"'{place.__name__}' has no attribute '{name}': write backprop\.{here}$"
    with pytest.raises(AttributeError, match=words):
        getattr(place, name)
    assert eval(f"bp.{here}") is not None


@pytest.mark.parametrize("name", ["ConvLSTM2D", "relu", "_ipython_display_"])
def test_what_there_is_nothing_like_gets_no_advice(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'$"):
        getattr(bp.layers, name)


def test_all_names_of_other_libraries_lead_to_one_that_there_is():
    there = {*bp.__all__, *(name for _, name in PUBLIC), *vars(bp.constraints)}
    assert set(ELSEWHERE.values()) <= there
