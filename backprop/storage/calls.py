"""Objects as the calls that make them, for files: written down, and made again.

An object is written down as the call that makes it: its class's name and, for every argument of
the constructor, the attribute of that name. So a layer, loss, metric or schedule of one's own can
be saved if it keeps its arguments under their names; to load it, hand over its class in
``custom_objects``. Nothing is pickled, and a file cannot run code: classes are looked up by name in
the package and in ``custom_objects``, nowhere else.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

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
from backprop.core.descriptors import from_package
from backprop.core.errors import said
from backprop.core.lookup import arguments_of, if_plain, names_taken, own_arguments, takes
from backprop.core.walk import objects_in
from backprop.layers import Layer
from backprop.layers.block import walk
from backprop.losses import scikit
from backprop.optimizers import Optimizer
from backprop.storage.remade import check_remade, same

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

CLASS, FUNCTION, DTYPE, DICT = "class", "function", "dtype", "dict"
"""What an object is written down as: a dict with one of these keys."""


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
        FunctionType
        | BuiltinFunctionType
        | MethodType
        | np.ufunc
        | np.random.Generator
        | Enum
        | type,
    ):
        raise no_call(value, what)
    return call_of(value, what, known)


def no_call(value: Any, what: str) -> TypeError:
    """The error about a value that no call of ours could make again."""
    return TypeError(
        f"{what} cannot be saved: it holds {said(value)}. Write a number or text, a function "
        f"with a name, or an object that keeps its arguments."
    )


def call_of(made: Any, what: str, known: dict[str, Any]) -> dict[str, Any]:
    """The class of an object, and the arguments that its constructor takes from its attributes.

    Those that a class of the user's own takes by ``*args`` and ``**others``, where no attribute
    need have their names, are known from the call (see ``other_arguments``).
    """
    kind = type(made)
    try:
        names = arguments_of(made)
    except ValueError:
        raise no_call(made, what) from None
    others: tuple[list[Any], dict[str, Any]] | None = getattr(made, "_others", None)
    listed, passed = others or ([], {})
    if others is not None:
        names = [*(p.name for p in own_arguments(kind)), *passed]
    arguments: dict[str, Any] = {}
    for name in names:
        kept = hasattr(made, name) and (
            name not in passed or is_own(made, name) or takes(kind, name)
        )
        value = argument_of(made, name) if kept else passed.get(name, ...)
        if value is ...:
            raise TypeError(
                f"{what} cannot be saved: {kind.__name__} takes the argument {name!r}, but has no "
                f"attribute of that name: keep it as self.{name}."
            )
        arguments[name] = describe(value, f"{name} of {what}", known)
    found: dict[str, Any] = {CLASS: name_of(kind), "arguments": arguments}
    if isinstance(made, Layer):
        found |= {"name": made.name, "trainable": made._trainable}
    if "." in found[CLASS]:
        return found
    note(kind, known)
    if ... in listed:
        raise TypeError(
            f"{what} cannot be saved: {kind.__name__} takes arguments without names, one of which "
            f"is neither a number nor a text: give it a name, and keep it as an attribute."
        )
    if listed:
        found["given"] = listed
    again = remake(found, known, "the model")
    base = next(filter(from_package, kind.__mro__), object)
    more = [*arguments_of(made), *names_taken(base)[0]]
    more = [name for name in more if name not in arguments and name != "name"]
    if settings := changed_arguments(made, again, what, known, more):
        found["settings"] = settings  # changed since, and not what its constructor was given
    there = [name for name in arguments if hasattr(made, name)]
    given, new = ({n: argument_of(each, n) for n in there} for each in (made, again))
    check_remade(what, kind.__name__, given, new)
    return found


def is_own(made: Any, name: str) -> bool:
    """Whether an attribute is the object's, or one of the user's class: not just one of ours."""
    own = (each for each in type(made).__mro__ if not from_package(each))
    return name in vars(made) or any(name in vars(each) for each in own)


def changed_arguments(
    made: Any, other: Any, what: str, known: dict[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """The descriptions of those arguments of an object that are others in another of its class.

    What cannot be written down, or is or has layers, is not among them.
    """
    found: dict[str, Any] = {}
    for name in names:
        if not (hasattr(made, name) and hasattr(other, name)):
            continue
        mine, its = argument_of(made, name), argument_of(other, name)
        if mine is its or any(isinstance(part, Layer) for _, part in objects_in(mine)):
            continue
        with suppress(TypeError):
            told = describe(mine, f"{name} of {what}", known)
            if not same(told, describe(its, what, known)):
                found[name] = told
    return found


def inside(layers: Iterable[Layer], made: Iterable[Layer], known: dict[str, Any]) -> dict[str, Any]:
    """By the ways to layers in blocks, the settings that these have, but will not have again.

    They are those of layers that a block makes itself, and were changed since. What it makes when
    it is built, nothing can be compared with: of such layers all numbers and texts are listed.

    Args:
        layers: The layers.
        made: The same, made again from what is written down, and not built.
        known: Collects the classes and functions of the user's own by name.
    """
    there, found = dict(walk(made)), dict[str, Any]()
    for way, layer in walk(layers):
        if way in there:
            found[way] = changed_arguments(layer, there[way], way, known, arguments_of(layer))
            if layer._trainable != there[way]._trainable:
                found[way]["trainable"] = layer._trainable
        else:
            kept = {name: if_plain(getattr(layer, name, ...)) for name in arguments_of(layer)}
            found[way] = {name: value for name, value in kept.items() if value is not ...}
    return {way: settings for way, settings in found.items() if settings}


def set_inside(
    layers: Iterable[Layer], settings: Mapping[str, Any], custom: Mapping[str, Any], origin: str
) -> bool:
    """Gives layers in blocks the settings that ``inside`` has found; whether any had others.

    A built layer that had is to be built again.
    """
    different = False
    for way, layer in walk(layers):
        for name, told in settings.get(way, {}).items():
            if not same(told, describe(getattr(layer, name), way, {})):
                vars(layer)["input_shape"], different = None, True
                put(layer, name, remake(told, custom, origin), origin)
    return different


def put(made: Any, name: str, value: Any, origin: str) -> None:
    """Changes an argument of an object, or of the class of the package that its own goes back to.

    Raises:
        ValueError: It is none: a file may not put something into the place of a method, say.
    """
    base: Any = next(filter(from_package, type(made).__mro__), object)
    if not (name == "trainable" or takes(type(made), name) or takes(base, name)):
        raise ValueError(f"{origin} has a setting {name} for {said(made)}, which has none.")
    setattr(made, name, value)


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
            f"{said(known[name], None)} and {said(own, None)} have the same name, so that a file "
            f"cannot tell one from the other: rename one of them."
        )


def name_of(kind: type) -> str:
    """``layers.Dense`` for a class of the package, ``Scale`` for one of the user's own."""
    for family, module in FAMILIES.items():
        here = f"{kind.__module__}.".startswith(f"{module.__name__}.")
        if here and getattr(module, kind.__name__, None) is kind:
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
            f"{origin} holds the {base.__name__} {value[CLASS]}, but custom_objects has "
            f"{said(kind, None)} for it, which is none: pass the class that it was saved with."
        )
    given = remake(value.get("given", []), custom, origin)
    arguments = {k: remake(item, custom, origin) for k, item in value["arguments"].items()}
    try:
        made = kind(*given, **arguments)
    except Exception as error:  # what the code of others raises may be anything
        if value[CLASS] not in custom and not isinstance(error, TypeError | ValueError):
            raise
        named = [f"{k}={said(item)}" for k, item in arguments.items()]
        shown = ", ".join([*map(said, given), *named])
        raise ValueError(
            f"{origin} holds {value[CLASS]}({shown}), which cannot be made again: "
            f"{type(error).__name__}: {error}"
        ) from error
    if isinstance(made, Layer) and "name" in value:
        made.name = value["name"]
        made.trainable = value["trainable"]
    for name, item in value.get("settings", {}).items():
        put(made, name, remake(item, custom, origin), origin)
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
    if not (isinstance(kind, type) and from_package(kind)):
        raise ValueError(
            f"{origin} holds {name}, which this version of backprop does not have: update backprop."
        )
    return kind
