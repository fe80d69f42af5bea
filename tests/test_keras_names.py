"""Every name and argument of Keras is there, or the vocabulary says what stands in its place.

``data/keras_names.json`` holds Keras's names, arguments and defaults: facts, which
``data/make_keras_names.py`` wrote down.
"""

import ast
import inspect
import json
import re
from pathlib import Path

from constructors import ABSTRACT
from rows import each

import backprop as bp
from backprop.core.lookup import names_taken

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "tests" / "data" / name for name in ("keras_names.json",)]
KERAS = {
    f"{room}.{name}": arguments
    for file in FILES
    for room, names in json.loads(file.read_text(encoding="utf-8")).items()
    if room != "keras"  # its version
    for name, arguments in names.items()
}

PAGE = (ROOT / "notebooks" / "vocabulary.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Keras's names that are not here\n")[2].partition("\n## ")[0]
ROWS = [row.strip("| ").split(" | ") for row in SECTION.splitlines() if row.startswith("| `")]


def exceptions():
    """What the page says is not there: a name, or a name with arguments; and how to do without."""
    for listed, instead in ROWS:
        for name, arguments in re.findall(r"`(\w+)(?:\(([^`)]*)\))?`", listed):
            given = arguments.split(", ") if arguments else [""]
            yield from ((name, argument) for argument in given if instead.strip())


EXCEPTIONS = set(exceptions())


def ours(path):
    """The class of that name, or what its name as a string stands for; None if there is neither."""
    room, name = path.split(".")
    module = getattr(bp, room)
    if inspect.isclass(getattr(module, name, None)) or name == "get":
        return getattr(module, name)
    for get in (getattr(module, "get", None), bp.losses.get):
        try:
            return type(get(name)) if get else None
        except ValueError:
            continue
    return None


def excused(kind, argument):
    """The exceptions that say so of the class, or of one that it is derived from."""
    return {(base.__name__, argument) for base in kind.__mro__} & EXCEPTIONS


@each("path", KERAS)
def test_the_name_is_there_or_the_page_says_what_is(path):
    name = path.split(".")[1]
    assert (ours(path) is None) == ((name, "") in EXCEPTIONS)


WITH_ARGUMENTS = {
    path: (ours(path), arguments)
    for path, arguments in KERAS.items()
    if inspect.isclass(ours(path)) and not {"y_true", "y_pred"} & arguments.keys()
}


@each("path", WITH_ARGUMENTS)
def test_arguments_their_order_and_defaults_are_those_of_keras(path):
    kind, arguments = WITH_ARGUMENTS[path]
    taken = names_taken(kind)[0]
    parameters = {
        name: p
        for base in reversed(kind.__mro__)
        for name, p in inspect.signature(base).parameters.items()
    }
    own = inspect.signature(kind).parameters.values()
    positions = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    in_order = True
    for position, (name, default) in enumerate(arguments.items()):
        if excused(kind, name):
            in_order = False  # what comes after it is given by name
            continue
        assert name in taken, f"{path} has no {name}: build it, or say on the page what to do"
        if name in positions and in_order:
            assert positions[position] == name
        if kind in ABSTRACT:
            continue  # its subclasses have the defaults
        p = parameters[name]
        has_none = p.default is p.empty
        assert has_none == (not default), f"{path}({name}): whether it has a default"
        assert has_none or p.default == ast.literal_eval(default), f"{path}({name}={default})"


def test_no_exception_is_stale():
    needed = {(path.split(".")[1], "") for path in KERAS if ours(path) is None}
    for kind, arguments in WITH_ARGUMENTS.values():
        for name in arguments:
            needed |= excused(kind, name)
    assert EXCEPTIONS - needed == set()
