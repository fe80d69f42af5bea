"""Whether a part of the user's own, made again from its arguments, is as the part itself is."""

import dis
import functools
import math
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, NoneType
from typing import Any

import numpy as np

from backprop.core.settings import from_package
from backprop.core.walk import SIMPLE, holds_only

SHOWING = ("__init__", "__repr__", "__str__")
"""Methods that do not make a part what it is when it has been made."""

ANY = {"setattr", "vars", "__dict__"}
"""What a method may assign by to any attribute."""


def check_remade(
    what: str, made: Any, again: Any, given: Mapping[str, Any], found: Mapping[str, Any]
) -> None:
    """Refuses a part that a file would bring back as another one.

    Args:
        what: The part, for error messages.
        made: The part.
        again: What its class makes of its arguments.
        given: The arguments, from the attributes of the part.
        found: The same of what was made again.

    Raises:
        ValueError: An attribute has another value in what was made again.
    """
    kind = type(made).__name__
    for name, value in given.items():
        if not same(value, found[name]):
            raise ValueError(
                f"{what} cannot be saved: its {name} is {value!r:.60}, but {kind}({name}="
                f"{value!r:.60}) has {name} = {found[name]!r:.60}: keep the argument as it is in "
                f"self.{name}, and what is computed from it under another name."
            )
    for name, value in lasting(made).items():
        new = getattr(again, name, None)
        if name not in given and not same(value, new):
            raise ValueError(
                f"{what} cannot be saved: its {name} is {value!r:.60}, but would be {new!r:.60} in "
                f"a {kind} made again from its arguments: make {name} an argument of the "
                f"constructor, kept as self.{name}."
            )


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal up to rounding; of objects the kind alone is looked at."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype.kind in "fc" and one.shape == other.shape:
            return bool(np.allclose(one, other, equal_nan=True))
        return np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | np.floating) and isinstance(other, int | float | np.floating):
        return math.isclose(one, other, rel_tol=1e-6) or bool(one != one and other != other)
    if isinstance(one, (*SIMPLE, NoneType)):
        return isinstance(other, (*SIMPLE, NoneType)) and bool(one == other)
    return isinstance(other, type(one))


def lasting(made: Any) -> dict[str, Any]:
    """The plain public attributes that methods of the user's own read, but do not assign to.

    What they assign to is the part's working state, and begins anew; what nobody reads is a note.
    """
    names = read_alone(made.__class__)
    return {
        name: value
        for name, value in getattr(made, "__dict__", {}).items()
        if name[0] != "_" and name in names and holds_only(value, (*SIMPLE, NoneType))
    }


@functools.cache
def read_alone(kind: type) -> frozenset[str]:
    """The names that methods of the user's own read, and to which constructors alone assign."""
    read: set[str] = set()
    assigned: set[str] = set()
    for base in kind.__mro__[:-1]:
        own = not from_package(base)
        for name, held in vars(base).items():
            for each in (held, *(getattr(held, n, None) for n in ("__func__", "fget", "fset"))):
                if not isinstance(each, FunctionType) or (own and name in SHOWING):
                    continue
                for code in codes_in(each.__code__):
                    assigned |= stored(code)
                    read |= {*code.co_names} if own else set()
        assigned |= set() if own else vars(base).keys()
    return frozenset() if read & ANY else frozenset(read - assigned)


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and of those in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes_in(each)


def stored(code: CodeType) -> set[str]:
    """The attributes to which it assigns."""
    return {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_ATTR"}
