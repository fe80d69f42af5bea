"""What takes part in a training step: the objects, their settings, what a step leaves in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import is_
from types import FunctionType, MethodType, NoneType
from typing import Any

import numpy as np

from backprop.core.buffers import Buffers
from backprop.core.lookup import arguments_of
from backprop.core.walk import SIMPLE, from_here, numbers_of
from backprop.layers.block import Block, walk
from backprop.layers.chain import checks_values, front
from backprop.losses import Loss
from backprop.protocol import Model

METHODS = (FunctionType, MethodType)  # a function may stand in the place of a method

UNCHANGED = {bool, int, float, str, list, NoneType}
"""The types of most attributes: they are neither arrays nor generators, nor hold any."""

LEFT = (np.ndarray, tuple, NoneType)
"""The types of what a step leaves in its parts."""


def parts(model: Model) -> Iterator[Any]:
    """Everything that takes part in a step: layers and those in them, losses, regularisers."""
    pending: list[Any] = [*model.layers, model.loss]
    while pending:
        part = pending.pop()
        yield part
        own = vars(part)  # a layer takes long to say that there is no such attribute
        inner = [own.get("loss"), own.get("buffers")]
        if isinstance(part, Block | Buffers):
            pending += part.children
        else:  # the parameters of a block are those of the layers in it
            inner += [p.regularizer for p in own.get("parameters", ())]
        pending += [each for each in inner if each is not None]


def replayable(model: Model) -> bool:
    """Whether a step is made by parts of this package alone, none of them changed by hand.

    Nor may any of them look at the numbers on the way, as a recording has no call that does so.
    """
    ours = all(map(from_here, (model, *parts(model))))
    return ours and type(model.loss).reduce is Loss.reduce and not checks_inside(model)


def checks_inside(model: Model) -> bool:
    """Whether a layer looks at numbers that are not those of x, which are looked at before."""
    asked, pending = set[int](), front(model.layers)
    while pending:
        layer = pending.pop()
        asked.add(id(layer))
        if isinstance(layer, Block):
            pending += layer.asked()
    inside = (layer for _, layer in walk(model.layers) if not isinstance(layer, Block))
    return any(checks_values(layer) and id(layer) not in asked for layer in inside)


def settings(model: Model) -> list[Any]:
    """What a recorded step has in it besides arrays: parts, their numbers, switches, methods."""
    found = [
        (
            *(part, getattr(part, "trainable", None), vars(part).get("_rng")),
            numbers_of(part, (*SIMPLE, *METHODS)),
        )
        for part in parts(model)
    ]
    trained = [p.trainable for p in model.parameters]
    others = numbers_of(model, METHODS), from_here(model.optimizer)
    return [*found, model.parameters, trained, *others]


class Known:
    """The settings of a model, and whether they are still the same.

    Comparing them takes longer than many a step. As long as the parts have the same objects in the
    same attributes, but for those in which a step leaves something, there is no need to.

    Args:
        model: A built and compiled model.

    Attributes:
        settings: Those that it had when this was made.
    """

    def __init__(self, model: Model) -> None:
        self._model, self.settings = model, settings(model)
        self._look()

    def still(self) -> bool:
        """Whether the settings are as they were."""
        if not self._untouched():
            if settings(self._model) != self.settings:
                return False
            self._look()
        return True

    def _look(self) -> None:
        self._parts = []
        self._lists = [(self._model.layers, [*self._model.layers])]
        for part in parts(self._model):
            given, held = {*arguments_of(part), "_rng", "_trainable", "_held"}, vars(part)
            names = [
                name
                for name, value in held.items()
                if name in given or (name[0] != "_" and not isinstance(value, np.ndarray))
            ]
            self._parts.append((held, len(held), names, [held[name] for name in names]))
            lists = (each for name in names for each in lists_in(held[name]))
            self._lists += [(each, [*each]) for each in lists]
        self._others = self._other_settings()

    def _untouched(self) -> bool:
        """Whether a look at the objects is enough to say that nothing has changed."""
        return (
            all(
                len(held) == n and all(map(is_, map(held.get, names), values))
                for held, n, names, values in self._parts
            )
            and all(
                len(now) == len(before) and all(map(is_, now, before))
                for now, before in self._lists
            )
            and self._others == self._other_settings()
        )

    def _other_settings(self) -> list[Any]:
        model, parameters = self._model, self._model.parameters
        flags = [(p.trainable, p.regularizer) for p in parameters]
        optimizer = model.optimizer
        held = optimizer, len(vars(optimizer)), numbers_of(model, METHODS)
        return [model.loss, parameters, flags, *held]


def lists_in(value: Any) -> Iterator[list[Any]]:
    """A list and those in it, which may be written into."""
    if isinstance(value, list):
        yield value
    if isinstance(value, tuple | list):
        for each in value:
            yield from lists_in(each)


def generators(model: Model) -> list[np.random.Generator]:
    """What the parts of a step may draw random numbers from."""
    found = [vars(part).get("_rng") for part in parts(model)]
    return list({id(rng): rng for rng in found if rng is not None}.values())


def form(model: Model) -> list[Any]:
    """What is the same in built models that differ in weights, names, seeds and learning rates."""
    found: list[Any] = [model.dtype]
    for p in model.parameters:
        penalty = p.regularizer
        found.append((p.trainable, type(penalty), numbers_of(penalty) if penalty else None))
    for part in (*parts(model), model.optimizer, *model.metrics):
        numbers, trainable = numbers_of(part), getattr(part, "trainable", None)
        lists = {n: len(v) for n, v in vars(part).items() if isinstance(v, list)}  # as of children
        numbers = {n: numbers[n] for n in numbers.keys() - {"name", "seed"}}
        found.append((type(part), trainable, numbers, lists))
    return found


def exchange(objects: list[Any], model: Model, change: Callable[[Any], Any]) -> None:
    """Changes every array and generator in these objects and in the model's parameters."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(inner) for key, inner in value.items()}
        if type(value) is tuple:
            return tuple(map(changed, value))
        return value if isinstance(value, list) else change(value)

    for each in objects:
        attributes = vars(each)
        for name, value in attributes.items():
            if type(value) not in UNCHANGED:
                attributes[name] = changed(value)
    for parameter in model.parameters:
        parameter.exchange(change)


def results_of(part: Any) -> dict[str, Any]:
    """What a step leaves in a part: arrays, tuples, None, and a loss's factor if it is a number.

    Arguments of its constructor are left out: users may change them between two steps.
    """
    given = arguments_of(part)
    return {
        name: value
        for name, value in vars(part).items()
        if (isinstance(value, LEFT) or (name[0] == "_" and isinstance(value, float)))
        and name not in given
    }
