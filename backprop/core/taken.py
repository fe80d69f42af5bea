"""Names that a class of the user's own takes although its base class keeps something under them.

Python would let the later of the two win without a word: a layer that keeps its own number in
``self.delta`` would compute with ∂E/∂Y instead, which a model writes there.
"""

import dis
import functools
import inspect
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from backprop.core.settings import from_package

PURPOSES = {
    "delta": "∂E/∂Y of the last backward pass, which a model writes there",
    "_rng": "the random generator that the model gives it",
    "dtype": "the dtype of the model, which build sets",
    "input_shape": "the shape of one sample, which build sets",
    "parameters": "what add_parameter makes, which build begins anew",
    "outputs": "what kind of outputs the model has, as compile says",
    "ignored": "the class that the loss ignores, as compile says",
}
"""What stands under a name."""

ALWAYS = {
    "Layer": {"delta"},
    "Metric": {"outputs", "ignored"},
    "MeanMetric": {"outputs", "ignored"},
}
"""Public names that are written from outside at any time, by base class."""

ALIKE = ("backward", "delta")
"""A method and a name to which it may assign: what it was given stands there already."""

AT_FIRST = {"Layer": {"dtype", "input_shape", "parameters"}}
"""Those that are written from outside after the constructor."""


def check_names(made: Any, base: type) -> None:
    """Checks that an object of the user's own takes none of the names of its base class.

    Args:
        made: The object.
        base: The class of the package that it is derived from.

    Raises:
        TypeError: A method assigns to an attribute of the base class's own, or something else
            stands where that has a method, or True or False.
    """
    kind: Any = type(made)
    check_class(kind, base)
    known, given = known_of(base), vars(made)
    for name in known.keys() & given.keys():
        check_kind(made, name, base, known[name], given[name])


@functools.cache
def check_class(kind: Any, base: Any) -> None:
    """The same for what its class has.

    Raises:
        TypeError: As ``check_names``.
    """
    for method, name in own_stores(kind):
        if (method, name) == ALIKE:
            continue
        first = method == "__init__"
        kept = kept_by(base) | (AT_FIRST.get(base.__name__, set()) if first else set())
        if name in kept and (first or name not in stores_of(getattr(base, method, None))):
            raise TypeError(
                f"{kind.__name__}.{method} assigns to self.{name}, but under that name "
                f"{base.__name__} keeps {PURPOSES.get(name, 'something of its own')}: give yours "
                f"another name, such as self.own_{name.strip('_')}."
            )
    for name, ours in known_of(base).items():
        theirs = inspect.getattr_static(kind, name, ours)
        computed = hasattr(theirs, "__get__") and not isinstance(theirs, FunctionType)
        if theirs is not ours and not computed:
            check_kind(kind, name, base, ours, theirs)


@functools.cache
def known_of(base: Any) -> dict[str, Any]:
    """The public methods of a base class, and what is True or False in it."""
    found = {name: inspect.getattr_static(base, name) for name in dir(base) if name[0] != "_"}
    return {name: each for name, each in found.items() if isinstance(each, FunctionType | bool)}


def check_kind(made: Any, name: str, base: type, ours: Any, theirs: Any) -> None:
    """Checks that what stands under a name is of the kind that stands there in the base class.

    Raises:
        TypeError: It is not.
    """
    if isinstance(ours, bool):
        right, what = isinstance(theirs, bool | np.bool_), "has True or False"
    else:
        right, what = callable(theirs), "has a method"
    if not right:
        kind = made if isinstance(made, type) else type(made)
        raise TypeError(
            f"{kind.__name__} has {theirs!r:.60} under the name {name}, but there "
            f"{base.__name__} {what}: give it another name, such as own_{name}."
        )


@functools.cache
def own_stores(kind: type) -> list[tuple[str, str]]:
    """The methods of the user's own in a class, with each name that they assign to."""
    own = (each for each in kind.__mro__ if not from_package(each))
    return [(method, name) for each in own for method, name in stored_in(vars(each))]


@functools.cache
def kept_by(base: type) -> frozenset[str]:
    """The names under which a base class keeps its own things at any time.

    The private ones are those to which its constructors, ``build`` and ``reset`` assign.
    """
    made = [(method, name) for each in base.__mro__ for method, name in stored_in(vars(each))]
    private = {n for m, n in made if m in ("__init__", "build", "reset") and n[0] == "_"}
    return frozenset(private | ALWAYS.get(base.__name__, set()))


def stored_in(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The methods among these attributes of a class, with each name that they assign to."""
    for method, value in attributes.items():
        for name in stores_of(value):
            yield method, name


def stores_of(function: Any) -> set[str]:
    """The attributes of its first argument, ``self``, that a function assigns to."""
    function = inspect.unwrap(function) if isinstance(function, FunctionType) else None
    if function is None or not function.__code__.co_argcount:
        return set()
    found, before = set[str](), None
    for each in dis.get_instructions(function):
        if each.opname == "STORE_ATTR":
            last: Any = before[-1] if isinstance(before, tuple) else before  # of two in one go
            if last == function.__code__.co_varnames[0]:
                found.add(str(each.argval))
        before = each.argval
    return found
