"""Every public class, function and verb has an example in its docstring, which runs as printed."""

import doctest
import inspect
import types
from pathlib import Path

import numpy as np
import pytest

import backprop as bp
from backprop import estimators
from backprop.training.history import History

ROOMS = {"": bp, "estimators": estimators} | {
    name: room for name in bp.__all__ if isinstance(room := getattr(bp, name), types.ModuleType)
}
VERBS_OF_OTHERS = {"backpropagate", "check_setting", "infer", "mask", "setting_changed", "weigh"}
VERBS_OF_OTHERS |= {"changing", "note_setting"}
OF_OTHERS = {"distributed.WorkersLoop", "distributed.shared_plan"}
OF_OTHERS |= {f"Sequential.{name}" for name in VERBS_OF_OTHERS}
"""What other rooms call, and users do not."""


def is_documented(thing: object) -> bool:
    """Whether it is a class or a function, and no module, constant or alias of a type."""
    return type(thing) is not types.GenericAlias and isinstance(thing, type | types.FunctionType)


def names_of(room: types.ModuleType) -> list[str]:
    """What a room offers: all that is defined in it, where it has no ``__all__``."""
    if hasattr(room, "__all__"):
        return list(room.__all__)
    own = (name for name, thing in vars(room).items() if is_documented(thing))
    return [name for name in own if vars(room)[name].__module__ == room.__name__ and name[0] != "_"]


def collect() -> dict[str, object]:
    """Every public object by the name that it is first met under."""
    found: dict[str, object] = {}
    for prefix, room in ROOMS.items():
        for name in names_of(room):
            thing = getattr(room, name)
            if is_documented(thing) and not any(thing is other for other in found.values()):
                found[f"{prefix}.{name}".strip(".")] = thing
    for name, method in inspect.getmembers(bp.Sequential, inspect.isfunction):
        if name[0] != "_":
            found[f"Sequential.{name}"] = method
    found["Sequential.__call__"] = bp.Sequential.__call__
    found["History.every_epoch"] = History.every_epoch
    return found


PUBLIC = {name: thing for name, thing in collect().items() if name not in OF_OTHERS}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_what_is_collected():
    assert {"Sequential", "layers.Dense", "initializers.fans", "Sequential.fit"} <= PUBLIC.keys()
    assert {"estimators.MLPClassifier", "distributed.Workers", "plotting.saliency"} <= PUBLIC.keys()
    assert "callbacks.Logs" not in PUBLIC
    assert collect().keys() >= OF_OTHERS


@pytest.mark.parametrize("name", PUBLIC)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(PUBLIC[name]) or ""
    names = {"np": np, "bp": bp}
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert test.examples, f"{name} has no example in its docstring."
    assert not any(option == doctest.SKIP for e in test.examples for option in e.options)
    report: list[str] = []
    with np.errstate(all="warn", under="ignore"):  # as a reader has it, and warnings are errors
        results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert not results.failed, "".join(report)
