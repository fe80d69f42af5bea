"""Weights of a PyTorch model in a safetensors file, for the same layers here.

PyTorch calls its arrays by the way to their module, ``0.weight``. Those of a ``Sequential``, also
of one in another, are numbered: they are matched with the layers that have weights in their order.
Other names must be those of our layers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.errors import ShapeError
from backprop.core.types import Array
from backprop.layers import (
    Bidirectional,
    Block,
    Chain,
    Dense,
    GroupNormalization,
    Layer,
    LayerNormalization,
    Normalization,
    PReLU,
    Reshape,
    Residual,
    RMSNormalization,
    SeparableConv2D,
    TimeDistributed,
)
from backprop.storage import safetensors
from backprop.storage.snapshot import misfit
from backprop.storage.torch_layers import conversion_of
from backprop.storage.torch_order import BY_FEATURE, FIRST, FREE, UNCLEAR, Order

RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh))_l(\d+)(_reverse)?")
"""The arrays of the k-th of the layers that PyTorch has in one recurrent module."""


class Module(NamedTuple):
    """A module of PyTorch with arrays of its own.

    Attributes:
        name: The way to it.
        arrays: Its arrays by their names in it.
    """

    name: str
    arrays: dict[str, Array]


def read(layers: Sequence[Layer], path: FilePath) -> dict[str, Array]:
    """The weights of a file by the names of the parameters of these built layers.

    Raises:
        FileNotFoundError: There is no such file.
        ShapeError: The layers differ; the message names them.
        CorruptFileError: It is damaged, or no safetensors file.
        ValueError: It holds numbers of a kind that is not read.
    """
    loading = Loading(modules_of(safetensors.read(path)))
    loading.chain(layers, "")
    loading.end()
    loading.faults += [
        f"the model has no layer for its {module.name!r} ({shapes_of(module.arrays)})"
        for module in loading.modules.values()
    ]
    if loading.faults:
        raise ShapeError(misfit(repr(os.fsdecode(path)), loading.faults))
    return loading.found


def modules_of(arrays: dict[str, Array]) -> dict[tuple[str, ...], Module]:
    """The modules by the ways to them, without what all ways begin with."""
    found: dict[tuple[str, ...], Module] = {}
    for key, value in arrays.items():
        *way, name = key.split(".")
        if way[-1:] == ["out_proj"] and ".".join([*way[:-1], "in_proj_weight"]) in arrays:
            name = f"{way.pop()}.{name}"
        shown = ".".join(way)
        if told := RECURRENT.fullmatch(name):
            name, number = told[1] + (told[3] or ""), told[2]
            if number != "0" or key.replace("_l0", "_l1") in arrays:
                way.append(number)
                shown = f"{shown} layer {number}"
        found.setdefault(tuple(way), Module(shown, {})).arrays[name] = value
    different = (k for k, parts in enumerate(zip(*found, strict=False)) if len({*parts}) > 1)
    common = next(different, min(map(len, found), default=0))
    return {way[common:]: module for way, module in found.items()}


def shapes_of(arrays: dict[str, Array]) -> str:
    """``weight (3, 4), bias (3,)``."""
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items())


class Loading:
    """Goes through layers and modules side by side.

    Attributes:
        found: The weights by the names of the parameters.
        faults: What does not fit.
        modules: The modules that no layer has taken so far, by the ways to them.
    """

    def __init__(self, modules: dict[tuple[str, ...], Module]) -> None:
        self.found: dict[str, Array] = {}
        self.faults: list[str] = []
        self.order = Order()
        self.numbered = all(part.isdigit() for way in modules for part in way)
        if self.numbered:
            ways = sorted(modules, key=lambda way: [int(part) for part in way])
            modules = {way: modules[way] for way in ways}
        self.modules = modules

    def take(self, way: str) -> Module | None:
        """The next module, or that of this name, also of its end: blocks need not be modules."""
        if self.numbered:
            return self.modules.pop(next(iter(self.modules)), None) if self.modules else None
        parts = tuple(way.split("."))
        ends = (parts[k:] for k in range(len(parts)))
        return self.modules.pop(next((end for end in ends if end in self.modules), ()), None)

    def chain(self, layers: Sequence[Layer], way: str) -> None:
        """Layers in their order; ``way`` leads to them, with a dot at its end."""
        for layer in layers:
            name = f"{way}{layer.name}"
            if isinstance(layer, Chain):
                self.chain(layer.children, f"{name}.")
            elif isinstance(layer, TimeDistributed):
                self.branches(layer, name)
                self.order.through(layer)
            elif isinstance(layer, Block) and not isinstance(layer, Bidirectional):
                self.branches(layer, name)
            else:
                if layer.parameters:
                    self.layer(layer, name)
                self.order.through(layer)

    def end(self) -> None:
        """Behind the last layer, whose outputs should be those of PyTorch in its order."""
        order = self.order
        if order.rows is not None or isinstance(order.doubt, Reshape):
            self.faults.append(
                f"the outputs behind {order.doubt or 'the last Flatten'} have another order than "
                f"PyTorch's, which has channels first: leave out the layers from there on"
            )

    def branches(self, block: Block, way: str) -> None:
        """The layers of a block with several ways, whose outputs must have the order of PyTorch."""
        doubt = self.order.doubt if self.order.rows is None else self.order.doubt or block
        layout, ways = self.order.layout, [[child] for child in block.children]
        if isinstance(block, Residual):
            ways = [block.layers, [] if block.shortcut is None else [block.shortcut]]
        for layers in ways:
            self.order = Order()
            self.order.layout, self.order.doubt = layout, doubt
            self.chain(layers, f"{way}.")
            if self.order.rows is not None:
                self.order.doubt, self.order.rows = self.order.doubt or block, None
            doubt = self.order.doubt

    def layer(self, layer: Layer, way: str) -> None:
        """A layer with weights."""
        if isinstance(layer, Normalization) and layer.mean is not None:
            self.found |= {p.name: p.value for p in layer.parameters}  # what it was given
            return
        self.order.enter(layer)
        if self.order.doubt is not None:
            self.faults.append(
                f"{layer} stands behind {self.order.doubt}, of whose numbers nothing tells in "
                f"which order PyTorch has them, with channels first: hand the arrays to set_weights"
            )
        theirs: dict[str, Array] = {}
        names: list[str] = []
        parts = ("depthwise", "pointwise") if isinstance(layer, SeparableConv2D) else ("",)
        for part in parts:
            module = self.take(f"{way}.{part}".rstrip("."))
            if module is None:
                hint = "" if self.numbered else f": give layers the names of modules, {self.left()}"
                self.faults.append(f"it has no weights for {layer}{hint}")
                return
            names.append(repr(module.name))
            theirs |= {f"{part}.{name}".lstrip("."): a for name, a in module.arrays.items()}
        self.convert(layer, way, " and ".join(names), theirs)

    def left(self) -> str:
        """The names of modules that are left."""
        return ", ".join(repr(".".join(way)) for way in self.modules) or "none are left"

    def convert(self, layer: Layer, way: str, name: str, theirs: dict[str, Array]) -> None:
        """The arrays of a module, turned into the weights of a layer, if they fit."""
        held, why = shapes_of(theirs), ""
        try:
            made = self.in_order(layer, conversion_of(layer)(layer, theirs))
        except (LookupError, ValueError) as error:
            made, why = {}, f" ({error})" if not isinstance(error, KeyError) else ""
        expected = {p.name.removeprefix(f"{way}."): p for p in layer.parameters}
        shapes = {key: p.shape for key, p in expected.items()}
        if theirs or {key: value.shape for key, value in made.items()} != shapes:
            needed = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
            self.faults.append(f"{layer} has {needed}, but its {name} has {held}{why}")
            return
        self.found |= {p.name: np.ascontiguousarray(made[key]) for key, p in expected.items()}

    def in_order(self, layer: Layer, made: dict[str, Array]) -> dict[str, Array]:
        """The weights for the order in which the layer gets its inputs here.

        Raises:
            ValueError: Nothing tells how PyTorch has them.
        """
        axes, layout, rows = len(layer.input_shape or ()), self.order.layout, self.order.rows
        if isinstance(layer, PReLU):
            if axes > 1 and layout not in (FREE, FIRST) and np.ptp(made["alpha"]):
                raise ValueError("PyTorch has the channels in the first axis of a sample")
        elif isinstance(layer, LayerNormalization | RMSNormalization) and any(
            value.ndim > 1 for value in made.values()
        ):
            if layout == UNCLEAR or (layout == FREE and axes == 2):
                raise ValueError("nothing tells in which axis PyTorch has the channels")
            if layout in (FREE, FIRST):
                made = {key: np.moveaxis(value, 0, -1) for key, value in made.items()}
        if rows is None or not isinstance(layer, BY_FEATURE):
            return made
        if isinstance(layer, GroupNormalization) and layer.groups not in (1, -1):
            raise ValueError("behind a Flatten, PyTorch's groups are of other numbers")
        if isinstance(layer, Dense):
            return made | {"W": made["W"][rows]}
        return {key: value[rows] if len(value) > 1 else value for key, value in made.items()}
