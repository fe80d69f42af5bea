"""Looks into objects: at all that one holds, at its numbers, at where its class is from."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from backprop.core.descriptors import from_package
from backprop.core.parameters import Parameter


def objects_in(root: object) -> Iterator[tuple[str, Any]]:
    """Every object that can be reached from ``root``, each once, with the way to it.

    The way leads through attributes, lists, tuples and dicts: ``".layers[0]._rng"``. In the place
    of a generator whose draws are being recorded, by another thread perhaps, stands itself.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        path, part = waiting.pop()
        part = getattr(type(part), "_generator_of_tape", lambda same: same)(part)
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        inside = [(path + step, value) for step, value in members(part)]
        waiting.extend(reversed(inside))


def members(part: object) -> list[tuple[str, Any]]:
    """What an object holds directly, by the step that leads there."""
    if isinstance(part, dict):
        return [(f"[{key!r}]", value) for key, value in part.items()]
    if isinstance(part, list | tuple):
        return [(f"[{k}]", value) for k, value in enumerate(part)]
    if isinstance(part, Parameter):
        return [(f".{name}", getattr(part, name)) for name in Parameter.__slots__]
    if isinstance(part, type | ModuleType | np.ndarray) or not hasattr(part, "__dict__"):
        return []
    return [(f".{name}", value) for name, value in vars(part).items()]


SIMPLE = (bool, int, float, str, np.generic)
"""The types of values that hold no other objects."""


def numbers_of(part: object, kinds: tuple[type, ...] = SIMPLE) -> dict[str, Any]:
    """The public attributes that are of these kinds, or tuples and lists of such, as tuples."""
    return {
        name: as_tuples(value)
        for name, value in vars(part).items()
        if name[0] != "_" and holds_only(value, kinds)
    }


def holds_only(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of these kinds, or a tuple or list of such, or of None."""
    if isinstance(value, tuple | list):
        return all(each is None or holds_only(each, kinds) for each in value)
    return isinstance(value, kinds)


def is_still(before: object, now: object) -> bool:
    """Whether a setting is the same object, or the same number."""
    return before is now or (
        holds_only(before, SIMPLE) and holds_only(now, SIMPLE) and bool(before == now)
    )


def as_tuples(value: object) -> Any:
    """The value as it is now: tuples in the place of lists, which may be written into."""
    return tuple(map(as_tuples, value)) if isinstance(value, tuple | list) else value


def from_here(part: object) -> bool:
    """Whether it runs the package's own code alone, and none of its methods has been replaced."""
    kind = type(part)
    own = from_package(kind) and not getattr(kind, "runs_own_code", False)
    return own and not any(callable(getattr(kind, name, None)) for name in vars(part))


def is_changed(part: object) -> bool:
    """Whether a method of its class, one of the package's, has been replaced in an object."""
    kind = type(part)

    def is_other(name: str, value: object) -> bool:
        method = getattr(kind, name, None)
        return callable(method) and getattr(value, "__func__", value) is not method

    return from_package(kind) and any(is_other(*each) for each in vars(part).items())
