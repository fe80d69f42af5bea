"""Finds arrays and numbers that a layer computes with and that are none of its parameters."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np

from backprop.core.descriptors import from_package
from backprop.core.lookup import takes
from backprop.core.types import Array
from backprop.core.walk import objects_in
from backprop.layers import Layer
from backprop.layers.block import walk
from backprop.layers.unregistered import (
    Made,
    arrays_in,
    differs,
    integers_with_gradients,
    is_called_after,
    is_weight,
    made_by,
    makes_others,
)


def unregistered(layer: Layer, X: Array) -> list[str]:
    """The arrays and numbers that ``forward`` reads and that are no parameters.

    Each is changed, to see whether the output changes: in a copy of the layer, but for those that
    its class or module holds, which are put back.

    Args:
        layer: A built layer.
        X: A batch of inputs.
    """
    if not any(each.of_user for _, each in walk([layer])):
        return []  # the package's own keep their weights in parameters
    layer = copy.deepcopy(layer)
    layer.forward(X.copy(), True)  # which may make an array
    expected = made_by(layer, X)
    found = []
    for path, _ in arrays_in(layer):
        trial = copy.deepcopy(layer)
        if differs(trial, X, dict(objects_in(trial))[path], expected):
            found.append(f"self{path}")
    found += (f"self{path}" for path in integers_with_gradients(layer, X, bool(found)))
    found += (f"self.{name}" for name in numbers_with_gradients(layer, X, expected))
    layers = [part for _, part in objects_in(layer) if isinstance(part, Layer)]
    for kind in dict.fromkeys(map(type, layers)):
        for path, part in shared_by(kind):
            tried = is_weight(part) and not isinstance(part, np.memmap)  # no file is changed
            if tried and differs(copy.deepcopy(layer), X, part, expected):
                found.append(path)
    return found


def numbers_with_gradients(layer: Layer, X: Array, expected: Made) -> Iterator[str]:
    """Weights of one number: ``forward`` reads them, and ``backward`` leaves numbers beside them.

    Arguments of the constructor, such as a slope, and integers, which count, are such weights if
    one of those numbers is called after them: ``d_slope``, ``slope_grad``.
    """
    twin = copy.deepcopy(layer)
    with suppress(Exception), np.errstate(all="ignore"):  # of the user's code: it may be any
        Y = twin.forward(X.copy(), True)
        before = numbers_of(twin)
        twin.backward(np.ones_like(Y))
        gradients = [name for name, v in numbers_of(twin).items() if before.get(name) != v]
        for name, value in before.items() if gradients else ():
            named = any(is_called_after(g, name) for g in gradients)
            free = not takes(type(layer), name) and not isinstance(value, int)
            if name in gradients or not (named or free):
                continue
            trial = copy.deepcopy(layer)
            for change in (1, -1):
                vars(trial)[name] = value + change
                if makes_others(trial, X, expected):
                    yield name
                    break


def numbers_of(layer: Layer) -> dict[str, Any]:
    """The attributes of a layer that are numbers, or arrays of one."""
    return {
        name: value.item() if isinstance(value, np.generic | np.ndarray) else value
        for name, value in vars(layer).items()
        if isinstance(value, int | float | np.number) or (is_weight(value) and value.size == 1)
        if not isinstance(value, bool)
    }


def shared_by(kind: type) -> Iterator[tuple[str, Any]]:
    """What the classes of one's own share among their layers, and globals that they read."""
    seen: set[object] = set()
    for base in kind.__mro__:
        if from_package(base) or base is object:
            continue
        for name, held in list(vars(base).items()):
            for each in (held, getattr(held, "__func__", None), getattr(held, "fget", None)):
                if isinstance(each, FunctionType):
                    yield from read_by(each, seen)
            for path, part in objects_in(held) if name[:2] != "__" else ():
                yield f"{base.__name__}.{name}{path}", part


def read_by(function: FunctionType, seen: set[object]) -> Iterator[tuple[str, Any]]:
    """What a function finds outside itself, and what functions beside it find that it calls."""
    if function in seen:
        return
    seen.add(function)
    given = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    cells = [(name, cell) for name, cell in given if cell != CellType()]  # an empty one
    names = [name for name in names_in(function.__code__) if name in function.__globals__]
    found = [(f"the global {name}", function.__globals__[name]) for name in names]
    found += [(f"{name} of the function around it", cell.cell_contents) for name, cell in cells]
    found.append((f"the defaults of {function.__name__}", function.__defaults__))
    for name, value in found:
        if isinstance(value, FunctionType) and value.__module__ == function.__module__:
            yield from read_by(value, seen)
        else:
            yield from ((f"{name}{path}", part) for path, part in objects_in(value))


def names_in(code: CodeType) -> set[str]:
    """The names that a function, or one inside it, looks up."""
    inside = [names_in(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inside)
