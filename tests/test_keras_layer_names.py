"""Keras's layers, activations and their arguments, by name: each is here, or the page says why not.

``data/keras_layer_names.json`` is made by ``data/make_keras_layer_names.py`` with Keras 3.15. The
exceptions are the first column of the tables under "What Keras has beside these" of
``notebooks/vocabulary.md``: a class or function ``Conv3D``, an argument wherever it occurs,
``data_format``, or arguments of one class, ``Lambda(mask, arguments)``.
"""

import inspect
import json
import re
from pathlib import Path

from rows import each

from backprop import layers
from backprop.core.lookup import names_taken

HERE = Path(__file__).parent
KERAS = json.loads((HERE / "data" / "keras_layer_names.json").read_text(encoding="utf-8"))
PAGE = (HERE.parent / "notebooks" / "vocabulary.md").read_text(encoding="utf-8")
TABLES = PAGE.split("\n## What Keras has beside these\n")[1].split("\n## ")[0]


def exceptions() -> dict[str, str]:
    """The reasons by what they are for: ``Conv3D``, ``data_format`` or ``Lambda.mask``."""
    found = {}
    for row in re.findall(r"^\| (`.*) \|$", TABLES, re.MULTILINE):
        names, reason = row.split(" | ")
        for name, arguments in re.findall(r"`(\w+)(?:\((.*?)\))?`", names):
            each = [f"{name}.{argument}" for argument in arguments.split(", ")]
            found |= dict.fromkeys(each if arguments else [name], reason)
    return found


EXCEPTIONS = exceptions()
CLASSES = {name.lower(): name for name in layers.__all__}


def mine(name: str) -> type | None:
    """The class of a layer's name, or of a function's: ``hard_silu`` is ``HardSiLU``."""
    found = CLASSES.get(name.replace("_", "").lower())
    return getattr(layers, found) if found == name or (name.islower() and found) else None


PARTS = {**KERAS["layers"], **KERAS["activations"]}
SHARED = {name: arguments for name, arguments in PARTS.items() if mine(name)}


def missing() -> set[str]:
    """What Keras has and the package has not."""
    found = {name for name in PARTS if not mine(name)}
    for name, arguments in SHARED.items():
        taken = (*names_taken(mine(name))[0], "x")  # of a function x is the input
        found |= {f"{name}.{argument}" for argument in arguments if argument not in taken}
    return found


def unexplained() -> set[str]:
    """What of it the page does not name."""
    return {name for name in missing() if not {name, name.split(".")[-1]} & EXCEPTIONS.keys()}


def test_each_name_is_here_or_the_page_says_why_not():
    assert unexplained() == set()


def test_no_exception_is_one_any_longer():
    gone = missing() | {name.split(".")[-1] for name in missing() if "." in name}
    assert EXCEPTIONS.keys() - gone == set()
    assert min(map(len, EXCEPTIONS.values())) > 10


@each("name", [name for name in KERAS["layers"] if name in SHARED])
def test_arguments_have_the_order_and_the_defaults_of_keras(name):
    """A number may stand for a tuple of equal ones, and strings in small letters for others.

    What Keras must be given may have a default here.
    """
    given = inspect.signature(mine(name)).parameters
    common = [argument for argument in SHARED[name] if argument in given]
    by_position = [argument for argument in given if argument in common]
    if all(given[argument].kind is not given[argument].KEYWORD_ONLY for argument in common):
        assert by_position == common
    for argument in common:
        ours, theirs = repr(given[argument].default), SHARED[name][argument]
        equal = {theirs, theirs.lower(), *re.findall(r"^\(*(\d), \(*\1", theirs)}
        assert not theirs or ours in equal or f"{name}.{argument}" in OTHER_DEFAULTS


OTHER_DEFAULTS = {
    "Input.shape": "without a shape there is nothing to begin with",
    "RandomErasing.fill_value": "Keras draws noise for None",
}


def test_a_name_that_nobody_knows_is_found_missing(monkeypatch):
    monkeypatch.setitem(PARTS, "Conv4D", {})
    monkeypatch.setitem(SHARED["Dense"], "salt", "0")
    monkeypatch.delitem(EXCEPTIONS, "Conv3D")
    monkeypatch.delitem(EXCEPTIONS, "Lambda.mask")
    assert unexplained() == {"Conv3D", "Conv4D", "Dense.salt", "Lambda.mask"}
