"""Model files: one ``.npz`` with all that a model is, from which training goes on.

An object is written down as the call that makes it: its class's name and, for every argument of
the constructor, the attribute of that name. So a layer, loss, metric or schedule of one's own can
be saved if it keeps its arguments under their names; to load it, hand over its class in
``custom_objects``. Nothing is pickled, and a file cannot run code: classes are looked up by name in
the package and in ``custom_objects``, nowhere else.
"""

from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from backprop import (
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from backprop.core.durable import FilePath, check_file
from backprop.core.lookup import arguments_of
from backprop.core.settings import Settings
from backprop.core.transfer import check_none_kept
from backprop.layers import Layer
from backprop.losses import Loss, scikit
from backprop.metrics import Metric
from backprop.optimizers import Optimizer
from backprop.storage import files, snapshot
from backprop.storage.remade import check_model_class, check_remade

M = TypeVar("M")

FAMILIES = {
    "layers": layers,
    "losses": losses,
    "scikit": scikit,
    "optimizers": optimizers,
    "metrics": metrics,
    "initializers": initializers,
    "regularizers": regularizers,
    "constraints": constraints,
    "schedules": schedules,
}
"""Where the package's own classes are looked up: ``layers.Dense``."""

BASES: dict[str, type] = {
    "optimizer": Optimizer,
    "loss": Loss,
    "metrics": Metric,
    "weighted_metrics": Metric,
}
"""What the arguments of ``compile`` are."""

CLASS, FUNCTION, DTYPE, DICT = "class", "function", "dtype", "dict"
"""What an object is written down as: a dict with one of these keys."""


def save(model: Any, path: FilePath, include_optimizer: bool = True) -> None:
    """Writes a model as one file: architecture, weights and how it is trained.

    The file is whole or not there, also after a crash or a power cut (see ``core.durable``), and
    has the permissions of the one whose place it takes.

    Args:
        model: A ``Sequential``.
        path: The file, for example ``"digits.npz"``; one that is there is replaced.
        include_optimizer: Whether the optimizer's state goes into the file too: vectors as long as
            θ, one of SGD with momentum, two of Adam. Without them the loaded model predicts the
            same, and its optimizer begins as if it had not made a step.

    Raises:
        TypeError: A part of the model cannot be written down; the message says which and why.
        ValueError: A part could not be made again from what would be written down, or would be
            another one.
        NotBuiltError: The model is not built, but has copies of layers with their weights.
        OSError: The file cannot be written; the one that was there is still there.
    """
    tree = description(model)
    if model.input_shape is None:
        check_none_kept(model.layers)
    else:
        tree |= snapshot.take(model, include_optimizer)
    files.write(path, "model", tree)


def description(model: Any) -> dict[str, Any]:
    """All of a model but its numbers.

    Raises:
        TypeError: A part of the model cannot be written down; the message says which and why.
        ValueError: A part could not be made again from what would be written down.
    """
    known: dict[str, Any] = {}
    check_model_class(type(model))
    tree: dict[str, Any] = {
        "class": type(model).__name__,
        "layers": [describe(layer, str(layer), known) for layer in model.layers],
        "seed": model.seed,
        "dtype": model.dtype.name,
        "input_shape": model.input_shape,
        "compiled": None,
    }
    if model.compiled:
        tree["compiled"] = {
            "optimizer": describe(model.optimizer, "the optimizer", known),
            "loss": describe(model._given_loss, "the loss", known),
            "metrics": metrics_of(model, False, known),
            "weighted_metrics": metrics_of(model, True, known),
        }
    # what could not be made again is to be found now, not when the file is needed
    for part in (tree["layers"], *(tree["compiled"] or {}).values()):
        remake(part, known, "the model")
    return tree


def metrics_of(model: Any, weighted: bool, known: dict[str, Any]) -> list[Any]:
    """The descriptions of those metrics that follow the sample weights, or of the others."""
    found = [metric for metric in model.metrics if metric.weighted == weighted]
    return [describe(metric, f"metric {metric.name!r}", known) for metric in found]


def load(
    model_class: type[M],
    path: FilePath,
    custom_objects: Mapping[str, Any] | None = None,
) -> M:
    """The model that ``save`` wrote: predicting and training give the same bits.

    Args:
        model_class: ``Sequential``.
        path: The file.
        custom_objects: Classes and functions of one's own by name: ``{"Scale": Scale}``.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: The file is none of ours, or damaged.
        ValueError: It holds something else, or is of a newer version; or a class is not known, or
            cannot be made as it was.
        TypeError: ``custom_objects`` is no dict, or holds an object in the place of its class.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(
            f"custom_objects must be a dict such as {{'Scale': Scale}}, not {custom_objects!r:.60}."
        )
    origin, custom = repr(check_file(path)), custom_objects or {}
    for name, given in custom.items():
        if isinstance(given, Settings):
            raise TypeError(
                f"custom_objects[{name!r}] must be the class, but it is an object of it, "
                f"{given!r:.60}: leave out the parentheses."
            )
    tree = files.read(path, "model")
    kind: Any = model_class
    with files.belief(path):
        if tree["class"] != kind.__name__:
            kind = find(tree["class"], custom, origin)
        made = [remake(layer, custom, origin, Layer) for layer in tree["layers"]]
        model = kind(made, seed=tree["seed"], dtype=tree["dtype"])
        if tree["compiled"] is not None:
            parts = tree["compiled"].items()
            model.compile(**{k: remake(v, custom, origin, BASES[k]) for k, v in parts})
        if tree["input_shape"] is not None:
            model.build((None, *tree["input_shape"]))
            snapshot.put_back(model, tree, origin)
    loaded: M = model
    return loaded


# ------------------------------------------------------------------- objects as calls, and back


def describe(value: Any, what: str, known: dict[str, Any]) -> Any:
    """A value, or an object as the call that makes it, as a tree for ``core.files``.

    Args:
        value: What is to be written down.
        what: What it is, for error messages.
        known: Collects the classes and functions of the user's own by name.

    Raises:
        TypeError: It cannot be written down.
    """
    if value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray):
        return value
    if isinstance(value, list):
        return [describe(item, what, known) for item in value]
    if isinstance(value, tuple):
        return tuple(describe(item, what, known) for item in value)
    if isinstance(value, dict):
        return {DICT: {key: describe(item, what, known) for key, item in value.items()}}
    if isinstance(value, np.dtype):
        return {DTYPE: value.name}
    if isinstance(value, FunctionType) and value.__name__ != "<lambda>":
        note(value, known)
        return {FUNCTION: value.__name__}
    if isinstance(
        value,
        FunctionType | BuiltinFunctionType | MethodType | np.ufunc | np.random.Generator | type,
    ):
        raise TypeError(
            f"{what} cannot be saved: it holds {value!r}. Write a function with a name, or an "
            f"object that keeps its arguments."
        )
    return call_of(value, what, known)


def call_of(made: Any, what: str, known: dict[str, Any]) -> dict[str, Any]:
    """The class of an object, and the arguments that its constructor takes from its attributes."""
    kind = type(made)
    try:
        names = arguments_of(made)
    except ValueError:
        raise TypeError(f"{what} cannot be saved: it holds {made!r}.") from None
    arguments: dict[str, Any] = {}
    for name in names:
        if not hasattr(made, name):
            raise TypeError(
                f"{what} cannot be saved: {kind.__name__} takes the argument {name!r}, but has no "
                f"attribute of that name: keep it as self.{name}."
            )
        arguments[name] = describe(argument_of(made, name), f"{name} of {what}", known)
    found: dict[str, Any] = {CLASS: name_of(kind), "arguments": arguments}
    if isinstance(made, Layer):
        found |= {"name": made.name, "trainable": made._trainable}
    if "." not in found[CLASS]:
        note(kind, known)
        again = remake(found, known, "the model")
        given, new = ({n: argument_of(each, n) for n in names} for each in (made, again))
        check_remade(what, kind.__name__, given, new)
    return found


def argument_of(made: Any, name: str) -> Any:
    """The argument of that name of an object's constructor: its attribute of that name."""
    value = getattr(made, name)
    scheduled = isinstance(made, Optimizer) and name == "learning_rate"
    return made.schedule or value if scheduled else value


def note(own: Any, known: dict[str, Any]) -> None:
    """Adds a class or function of the user's own to those known by name.

    Raises:
        TypeError: Another one has that name.
    """
    name = own.__name__
    if known.setdefault(name, own) is not own:
        raise TypeError(
            f"{known[name]!r} and {own!r} have the same name, so that a file cannot tell one from "
            f"the other: rename one of them."
        )


def name_of(kind: type) -> str:
    """``layers.Dense`` for a class of the package, ``Scale`` for one of the user's own."""
    for family, module in FAMILIES.items():
        if getattr(module, kind.__name__, None) is kind:
            return f"{family}.{kind.__name__}"
    return kind.__name__


def remake(value: Any, custom: Mapping[str, Any], origin: str, base: type = object) -> Any:
    """The inverse of ``describe``.

    Args:
        value: What ``describe`` made.
        custom: Classes and functions of the user's own by name.
        origin: The file, for error messages.
        base: What the class in the file, or each in a list, was derived from.

    Raises:
        ValueError: A class is not known, or does not take the arguments that it took.
    """
    if isinstance(value, list | tuple):
        return type(value)(remake(item, custom, origin, base) for item in value)
    if not isinstance(value, dict):
        return value
    if DICT in value:
        return {key: remake(item, custom, origin) for key, item in value[DICT].items()}
    if DTYPE in value:
        return np.dtype(value[DTYPE])
    if FUNCTION in value:
        return find(value[FUNCTION], custom, origin)
    kind = find(value[CLASS], custom, origin)
    if value[CLASS] in custom and not (isinstance(kind, type) and issubclass(kind, base)):
        raise ValueError(
            f"{origin} holds the {base.__name__} {value[CLASS]}, but custom_objects has {kind!r} "
            f"for it, which is none: pass the class that it was saved with."
        )
    arguments = {k: remake(item, custom, origin) for k, item in value["arguments"].items()}
    try:
        made = kind(**arguments)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{k}={item!r}" for k, item in arguments.items())
        raise ValueError(
            f"{origin} holds {value[CLASS]}({shown}), which cannot be made again: {error}"
        ) from error
    if isinstance(made, Layer) and "name" in value:
        made.name = value["name"]
        made.trainable = value["trainable"]
    return made


def find(name: str, custom: Mapping[str, Any], origin: str) -> Any:
    """A class of the package, or a class or function of the user's own.

    Raises:
        ValueError: There is none of that name.
    """
    family, dot, last = name.partition(".")
    if not dot:
        if name not in custom:
            raise ValueError(
                f"{origin} holds {name!r}, which is not backprop's: pass "
                f"custom_objects={{{name!r}: {name}}}."
            )
        return custom[name]
    kind = getattr(FAMILIES.get(family), last, None)
    if not isinstance(kind, type) or kind.__module__.partition(".")[0] != "backprop":
        raise ValueError(
            f"{origin} holds {name}, which this version of backprop does not have: update backprop."
        )
    return kind
