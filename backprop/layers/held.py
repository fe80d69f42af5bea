"""Looks at what layers hold: parameters by their names, arrays, layers with weights of no one."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from backprop.core import console
from backprop.core.parameters import Parameter
from backprop.core.types import DTypeLike, Shape
from backprop.core.walk import objects_in
from backprop.layers.base import Layer
from backprop.layers.block import Block, entrance, two_layers, walk
from backprop.layers.chain import Chain

T = TypeVar("T")


def look_at_held(layers: Sequence[Layer]) -> None:
    """Looks at what layers of the user's own hold, as they have just been built.

    Raises:
        ValueError: One keeps an array of a parameter, or a parameter of an earlier build.
    """
    check_arrays(layers)
    check_parameters(layers)
    warn_of_held(layers)


def make(chain: Chain, shape: Shape, seed: Any, dtype: DTypeLike) -> None:
    """Builds the layers of a model, whose weights are drawn from a seed."""
    check_names(chain.layers)
    chain.build(shape, np.random.default_rng(seed), dtype)
    look_at_held(chain.layers)


def append(chain: Chain, layer: Layer | Sequence[Layer]) -> None:
    """Appends a layer, or a list of them, to the chain of a model.

    One that cannot be built behind the others is not kept: chain and layer stay as they were.

    Raises:
        ValueError: It belongs to a model already, does not fit, or keeps an array of a parameter.
        TypeError: It is no layer.
    """
    n, before = len(chain.layers), {**vars(chain), "parameters": [*chain.parameters]}
    if chain.input_shape is not None:  # else nothing is drawn
        before["_rng"] = copy.deepcopy(chain._rng)
    try:
        chain.append(layer)
        check_arrays(chain.layers[n:])
        check_parameters(chain.layers)
    except BaseException:
        for _, each in walk(chain.layers[n:]):
            vars(each).update(input_shape=None)
        list.__delitem__(chain.layers, slice(n, None))
        vars(chain).update(before)
        raise


def some(layers: Sequence[Layer], what: str) -> Sequence[Layer]:
    """The layers of a model, of which something is to be set.

    Raises:
        AttributeError: There are none yet.
    """
    if not layers:
        raise AttributeError(f"{what} is that of the layers, and there are none: add some first.")
    return layers


def take_in(layers: Sequence[Layer]) -> list[Layer]:
    """Notes in layers that a model has them; those whose ∂E/∂X serves no gradient are returned."""
    for _, layer in walk(layers):
        vars(layer).update(_in_model=True, _is_entrance=False, needs_input_gradient=True)
    found = entrance(layers)
    for layer in first_of(found):
        vars(layer)["_is_entrance"] = True
    for layer in found:
        layer.want_input_gradient(layer._asked_for_gradient is True)
    return found


def first_of(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers, and those that stand first in them."""
    for layer in layers:
        yield layer
        yield from first_of(layer.entrances() if isinstance(layer, Block) else ())


def check_arrays(layers: Iterable[Layer]) -> None:
    """Refuses layers of the user's own that keep the array of a parameter, or a view of it.

    A model moves all parameters into θ, and their gradients into g: what a layer has kept would be
    neither trained nor read.

    Raises:
        ValueError: There is such a layer.
    """
    for _, layer in walk(layers):
        for name, kept in () if layer.of_package else kept_in(layer, np.ndarray):
            for p in layer.parameters:
                for what in ("value", "gradient"):
                    if np.may_share_memory(kept, getattr(p, what)):
                        raise ValueError(
                            f"{layer} keeps the {what} of its parameter {p.name!r} in "
                            f"self.{name}, an array that a model's training does not change, as "
                            f"it moves all parameters into one vector: keep what add_parameter "
                            f"returns, and write .{what} wherever it is needed."
                        )


def check_parameters(layers: Iterable[Layer]) -> None:
    """Refuses layers of the user's own that keep a parameter which no layer of the model has.

    It would be neither trained nor saved. That happens where a layer is built again, as a copy is
    and all are by ``reset``, and does not replace what it kept.

    Raises:
        ValueError: There is such a layer.
    """
    own = [layer for _, layer in walk(layers) if layer.input_shape and not layer.of_package]
    known = {id(p) for _, layer in walk(layers if own else ()) for p in layer.parameters}
    for layer in own:
        for name, p in kept_in(layer, Parameter):
            if id(p) not in known and p.trainable:
                name = name.removeprefix("_") if hasattr(layer, name.removeprefix("_")) else name
                raise ValueError(
                    f"{layer} keeps in self.{name} a parameter {p.name!r} that is not the model's, "
                    f"but that of an earlier build perhaps: whenever make_parameters is called it "
                    f"must add each parameter, and replace what it kept: self.{name} = …"
                )


def kept_in(layer: Layer, kind: type[T]) -> Iterator[tuple[str, T]]:
    """What of a kind is among a layer's attributes, and in lists and dicts there, by attributes."""
    for name, held in vars(layer).items():
        inside = held.values() if isinstance(held, dict) else held
        for each in inside if isinstance(held, dict | list | tuple) else [held]:
            if isinstance(each, kind):
                yield name, each


def warn_of_held(layers: Iterable[Layer]) -> None:
    """Warns of layers that one of the user's own holds in attributes alone, with their weights.

    Those of a layer elsewhere in the model, and those that are frozen, may be used in this way.

    Args:
        layers: All layers of a model that is built.
    """
    known = {id(parameter) for layer in layers for parameter in layer.parameters}
    for _, layer in walk(layers):
        for way, held in objects_in(layer) if not layer.of_package else ():
            if held is not layer and isinstance(held, Layer) and has_others(held, known):
                where = f"self{way.split('._')[0]}"
                console.warn(
                    f"{layer} holds {held} in {where}, whose weights are not among those of the "
                    f"model: they are neither trained nor saved. Derive the class from Block, "
                    f"adopt(…) the layer in __init__ and build_child(…) it in make_parameters; "
                    f"freeze it if it is to stay as it is."
                )
                break


def distinct(parameters: Sequence[Parameter]) -> Sequence[Parameter]:
    """The parameters, no two of which may have one name: files go by that.

    Raises:
        ValueError: Two have.
    """
    names: set[str] = set()
    for parameter in parameters:
        if parameter.name in names:
            raise ValueError(
                f"two parameters of the model are called {parameter.name!r}: give each layer a "
                f"name of its own."
            )
        names.add(parameter.name)
    return parameters


def has_others(layer: Layer, known: set[int]) -> bool:
    """Whether it learns parameters other than the known ones, or will make some."""
    if isinstance(layer, Block) or not layer.trainable:
        return False  # the layers in a block are asked themselves
    if layer.input_shape is None:
        return type(layer).make_parameters is not Layer.make_parameters
    return not known.issuperset(map(id, layer.parameters))


@contextmanager
def as_it_was(parts: Sequence[Any]) -> Iterator[None]:
    """Puts back the attributes of objects where an error, as of an initializer, ends the block."""
    before = [vars(part).copy() for part in parts]
    try:
        yield
    except BaseException:
        for part, attributes in zip(parts, before, strict=True):
            vars(part).clear()
            vars(part).update(attributes)
        raise


def check_names(layers: Sequence[Layer]) -> None:
    """Checks that the layers of a model, and those of each block, have names of their own still.

    Raises:
        ValueError: Two were given the same one after they had been put together.
    """
    blocks = [layer for _, layer in walk(layers) if isinstance(layer, Block)]
    for siblings in (layers, *(block.children for block in blocks)):
        taken: set[str | None] = set()
        for layer in siblings:
            if layer.name in taken:
                raise two_layers(layer)
            taken |= {layer.name} - {None}  # which is numbered when it is built


def follow(parameters: Iterable[Parameter], former: Iterable[Parameter]) -> None:
    """Has the parameters of a model that was made anew take the places of those before."""
    by_name = {p.name: p for p in former}
    for p in parameters:
        if p.name in by_name:
            p.follow(by_name[p.name])
