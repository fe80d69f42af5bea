"""Names that a class of the user's own takes although its base class keeps something under them.

Python would let the later of the two win without a word: a layer that keeps its own number in
``self.delta`` would compute with ∂E/∂Y instead, which a model writes there.
"""

import dis
import functools
import inspect
from itertools import pairwise
from types import FunctionType
from typing import Any

import numpy as np

from backprop.core.descriptors import from_package
from backprop.core.errors import said

PURPOSES = {
    "Activation": {
        "Z": "the inputs of the last training pass",
        "A": "the outputs of the last training pass",
    },
    "Layer": {
        "buffers": "the arrays that training computes in",
        "delta": "∂E/∂Y of the last backward pass, which a model writes there",
        "_rng": "the random generator that the model gives it",
        "dtype": "the dtype of the model, which build sets",
        "input_shape": "the shape of one sample, which build sets",
        "parameters": "what add_parameter makes, which build begins anew",
    },
    "Loss": {"buffers": "the arrays that it computes in"},
    "Metric": {
        "outputs": "what kind of outputs the model has, as compile says",
        "ignored": "the class that the loss ignores, as compile says",
    },
}
"""What is written from outside under a name, by the class that keeps it."""

AT_FIRST = ("dtype", "input_shape", "parameters")
"""Those that are written after the constructor, in which alone they are refused."""

OF_FORWARD = ("Z", "A")
"""Those that ``forward`` writes: who has another one may keep there what it likes."""

ALIKE = ("backward", "delta")
"""A method and a name to which it may assign: what it was given stands there already."""


def check_names(made: Any) -> None:
    """Checks that an object of the user's own takes none of the names of its base class.

    Raises:
        TypeError: A method assigns to an attribute of the base class's own, or something else
            stands where that has a method, or True or False.
    """
    kind: Any = type(made)
    base = next(filter(from_package, kind.__mro__))
    check_stores(kind, base)
    for name, ours in known_of(base).items():
        theirs = vars(made).get(name, getattr(kind, name, ours))
        right = callable(theirs) if callable(ours) else isinstance(theirs, bool | np.bool_)
        computed = hasattr(theirs, "__get__") and not callable(theirs)  # as by a property
        if not (right or computed):
            raise TypeError(
                f"{kind.__name__} has {said(theirs)} under the name {name}, but there "
                f"{base.__name__} has {'a method' if callable(ours) else 'True or False'}: give it "
                f"another name, such as own_{name}."
            )


@functools.cache
def check_stores(kind: Any, base: Any) -> None:
    """Checks to which attributes the methods of a class of the user's own assign.

    Raises:
        TypeError: One is the base class's own, and its method of that name does not assign to it.
    """
    kept = kept_by(base)
    if getattr(kind, "forward", None) is not getattr(base, "forward", None):
        kept = {name: kept[name] for name in kept.keys() - set(OF_FORWARD)}
    for each in kind.__mro__:
        for method, function in () if from_package(each) else vars(each).items():
            first = method == "__init__"
            free = set() if first else {*AT_FIRST, *stores_of(getattr(base, method, None))}
            for name in (stores_of(function) & kept.keys()) - free:
                if (method, name) != ALIKE:
                    raise TypeError(
                        f"{each.__name__}.{method} assigns to self.{name}, but under that name "
                        f"{base.__name__} keeps {kept[name]}: give yours another name, such as "
                        f"self.own_{name.strip('_')}."
                    )


@functools.cache
def known_of(base: type) -> dict[str, Any]:
    """The public methods of a base class, and what is True or False in it."""
    found = {name: inspect.getattr_static(base, name) for name in dir(base) if name[0] != "_"}
    return {name: each for name, each in found.items() if isinstance(each, FunctionType | bool)}


@functools.cache
def kept_by(base: type) -> dict[str, str]:
    """What a base class keeps of its own, by the name.

    The private names are those to which its constructors, ``build`` and ``reset`` assign.
    """
    found: dict[str, str] = {}
    for each in base.__mro__:
        made = [stores_of(vars(each).get(method)) for method in ("__init__", "build", "reset")]
        private = [name for name in set().union(*made) if name[0] == "_"]
        found = dict.fromkeys(private, "something of its own") | found
        found |= PURPOSES.get(each.__name__, {})
    return found


def stores_of(function: Any) -> set[str]:
    """The attributes of its first argument, ``self``, that a function assigns to."""
    function = inspect.unwrap(function) if isinstance(function, FunctionType) else None
    if function is None or not function.__code__.co_argcount:
        return set()
    own, found = function.__code__.co_varnames[0], set[str]()
    for load, store in pairwise(dis.get_instructions(function)):
        loaded = load.argval if isinstance(load.argval, tuple) else (load.argval,)  # two in one
        if store.opname == "STORE_ATTR" and loaded[-1:] == (own,):
            found.add(str(store.argval))
    return found
