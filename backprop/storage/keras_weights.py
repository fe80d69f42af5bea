"""Weights that Keras 3 wrote, ``model.weights.h5`` or ``model.keras``, for the same layers here.

In such a file a model is a folder ``layers``. In it stands a folder for each layer, called by its
class, ``dense``, ``dense_1``, …, and in that its arrays by number, in the order of ``get_weights``.
A model in a model is such a layer itself, ``sequential``. So layers are matched class by class, in
their order. Of a ``Residual``, a ``Parallel`` or a ``TransformerBlock``, which Keras does not have,
the layers stand in the model around it.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from zipfile import BadZipFile

from backprop.core.durable import FilePath
from backprop.core.errors import CorruptFileError, ShapeError
from backprop.core.file_kinds import kind_or_damage
from backprop.core.lookup import default_name
from backprop.core.types import Array
from backprop.layers import (
    Bidirectional,
    Block,
    Chain,
    Layer,
    MultiHeadAttention,
    Normalization,
    Parallel,
    Residual,
    TimeDistributed,
)
from backprop.layers.recurrent import Recurrent
from backprop.storage.keras_files import (
    Stored,
    arrays_in,
    as_numbers,
    content_of,
    has_arrays,
    stored_in,
)
from backprop.storage.snapshot import misfit

PARTS: dict[type[Layer], tuple[str, ...]] = {
    Recurrent: ("cell",),
    MultiHeadAttention: ("query_dense", "key_dense", "value_dense", "output_dense"),
}
"""The parts of a layer in which Keras keeps its arrays, in their order."""


class Place(NamedTuple):
    """A layer, and where it stands in blocks whose layers have no order among each other.

    Attributes:
        layer: The layer.
        branches: The number of the branch that it is in, for each such block.
    """

    layer: Layer
    branches: dict[int, int]


def read(layers: Sequence[Layer], path: FilePath) -> dict[str, Array]:
    """The weights of a file by the names of the parameters of these built layers.

    Raises:
        ShapeError: The layers differ, and the message names them; or it is in Keras's old form.
        CorruptFileError: It is damaged, or no file of Keras 3.
        ImportError: h5py is not installed.
    """
    name = os.fsdecode(path)
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{name!r} is a file of Keras, which needs the package h5py, which is not installed: "
            f"pip install h5py."
        ) from error
    try:
        with h5py.File(content_of(name), "r") as file:
            return weights_in(file, layers, repr(name), h5py)
    except (ShapeError, FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # whatever h5py, HDF5 and zipfile make of damage
        foreign = isinstance(error, OSError | BadZipFile)  # whose words say little
        why = kind_or_damage(name, (b"\x89HDF", b"PK")) if foreign else error
        raise CorruptFileError(
            f"{name!r} is no file of weights that Keras 3 wrote, or it is damaged: {why}."
        ) from error


def weights_in(file: Any, layers: Sequence[Layer], origin: str, h5py: Any) -> dict[str, Array]:
    """The weights of an open file.

    Raises:
        ShapeError: The layers differ, or it is in Keras's old form.
        ValueError: It is no such file.
    """
    if "layer_names" in file.attrs or "model_weights" in file:
        raise ShapeError(
            f"{origin} is in Keras's old form: load it in Keras 3, and write it there by "
            f"model.save_weights('model.weights.h5')."
        )
    stored = stored_in(file, h5py)
    if "layers" not in stored.parts:
        if has_arrays(stored):
            names = ", ".join(map(repr, stored.parts))
            raise ShapeError(
                f"{origin} is of a model whose class is its user's own in Keras, under the names "
                f"of its attributes ({names}): take model.get_weights() there, and hand it to "
                f"model.set_weights(…) here."
            )
        raise ValueError("it holds no layers")
    matching = Matching()
    matching.model(layers, stored)
    if matching.faults:
        raise ShapeError(misfit(origin, matching.faults))
    return {name: as_numbers(array) for name, array in matching.found.items()}


class Matching:
    """Goes through layers and the folders of a file side by side.

    Attributes:
        found: The arrays, not yet read, by the names of the parameters.
        faults: What does not fit.
    """

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.faults: list[str] = []

    def model(self, layers: Sequence[Layer], stored: Stored) -> None:
        """The layers of a model, and its folder."""
        parts = stored.parts["layers"].parts
        nested = "sequential" in parts or "functional" in parts
        mine: dict[str, list[Place]] = {}
        for place in places(layers, nested, {}):
            mine.setdefault(keras_name(place.layer, parts), []).append(place)
        for kind, found in mine.items():
            theirs = [parts[key] for key in numbered(kind, len(parts)) if key in parts]
            self.pair(found, theirs)
        for key, rest in parts.items():
            known = key in mine or re.sub(r"_\d+$", "", key) in mine
            if not known and has_arrays(rest):
                self.faults.append(f"the model has no layer for its {rest.folder!r}")

    def pair(self, mine: list[Place], theirs: list[Stored]) -> None:
        """The layers of a class in their order, or by their names if these are the same."""
        names = [place.layer.name for place in mine]
        kind = type(mine[0].layer).__name__
        if len(mine) != len(theirs):
            told = ", ".join(map(repr, names))
            if any(place.layer.parameters for place in mine) or any(map(has_arrays, theirs)):
                self.faults.append(
                    f"it has {len(theirs)} of the kind {kind}, but the model {len(mine)} ({told})"
                )
            return
        own = not any(is_automatic(place.layer) for place in mine)
        beside = alike_in_branches(mine)
        by_name = {each.name: each for each in theirs} if own or beside else {}
        named = sorted(map(str, names)) == sorted(by_name)
        if named and (own or not all(may_be_ours(name, len(mine)) for name in by_name)):
            for place in mine:
                self.layer(place.layer, by_name[str(place.layer.name)])
        elif beside:
            advice = (
                "hand what model.get_weights() gives in Keras to model.set_weights(…) here, in the "
                "order of model.parameters"
                if named
                else f"give the layers {kind} the names that they have in Keras, "
                f"{', '.join(map(repr, by_name))}"
            )
            self.faults.append(
                f"{beside[0]} and {beside[1]} stand in branches of a block, so that nothing tells "
                f"which weights are whose: {advice}"
            )
        else:
            for place, each in zip(mine, theirs, strict=True):
                self.layer(place.layer, each)

    def layer(self, layer: Layer, stored: Stored) -> None:
        """A layer and its folder."""
        if isinstance(layer, Bidirectional):
            for child, part in zip(
                layer.children, ("forward_layer", "backward_layer"), strict=True
            ):
                self.layer(child, stored.parts[part])
        elif isinstance(layer, TimeDistributed):
            self.layer(layer.layer, stored.parts["layer"])
        elif isinstance(layer, Chain) and "layers" in stored.parts:
            self.model(layer.children, stored)
        else:
            self.arrays(layer, stored)

    def arrays(self, layer: Layer, stored: Stored) -> None:
        """The arrays of a layer that holds no layers."""
        own = next((parts for kind, parts in PARTS.items() if isinstance(layer, kind)), None)
        arrays = stored.arrays if own is None else []
        for part in own or ():
            arrays = arrays + (stored.parts[part].arrays if part in stored.parts else [])
        if isinstance(layer, Normalization) and layer.mean is not None and not arrays:
            self.found |= {p.name: p.value for p in layer.parameters}  # what it was given
            return
        mine, theirs = [p.shape for p in layer.parameters], [array.shape for array in arrays]
        if mine == theirs and len(arrays) == len(list(arrays_in(stored))):
            self.found |= {p.name: a for p, a in zip(layer.parameters, arrays, strict=True)}
            return
        expected = ", ".join(f"{p.name} {p.shape}" for p in layer.parameters)
        held = ", ".join(str(array.shape) for array in arrays_in(stored)) or "none"
        self.faults.append(
            f"{layer} has {expected or 'no weights'}, but its {stored.folder!r} has {held}"
        )


def places(layers: Sequence[Layer], nested: bool, branches: dict[int, int]) -> Iterator[Place]:
    """The layers of one model of Keras; ``nested`` if a ``Chain`` is a model of its own there."""
    for layer in layers:
        whole = isinstance(layer, Bidirectional | TimeDistributed) or not isinstance(layer, Block)
        if whole or (nested and type(layer) is Chain):
            yield Place(layer, branches)
        else:
            split = isinstance(layer, Parallel) or (
                isinstance(layer, Residual) and layer.shortcut is not None
            )
            for number, child in enumerate(layer.children):
                if isinstance(layer, Residual):
                    number = int(child is layer.shortcut)
                inside = branches | {id(layer): number} if split else branches
                yield from places([child], nested, inside)


def keras_name(layer: Layer, parts: dict[str, Stored]) -> str:
    """What Keras calls a layer's class in files: ``p_re_lu``."""
    if type(layer) is Chain:
        return "sequential" if "sequential" in parts else "functional"
    split = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    return re.sub("([a-z])([A-Z])", r"\1_\2", split).lower()


def numbered(kind: str, count: int) -> Iterator[str]:
    """The folders of a class: ``dense``, ``dense_1``, and so on."""
    yield kind
    yield from (f"{kind}_{k}" for k in range(1, count + 1))


def is_automatic(layer: Layer) -> bool:
    """Whether it has its name from us, ``dense_1``, or has one that looks so."""
    return re.fullmatch(rf"{default_name(layer)}(_\d+)?", layer.name or "") is not None


def may_be_ours(name: str, count: int) -> bool:
    """Whether we may have numbered a layer so, as one of so many of its class."""
    number = name.rpartition("_")[2]
    return number.isdigit() and 1 <= int(number) <= count


def alike_in_branches(found: list[Place]) -> tuple[Layer, Layer] | None:
    """Two layers with weights in different branches of a block that shapes do not tell apart."""
    for k, first in enumerate(found):
        for second in found[:k]:
            shared = first.branches.keys() & second.branches.keys()
            shapes = [[p.shape for p in place.layer.parameters] for place in (first, second)]
            if shapes[0] == shapes[1] != [] and any(
                first.branches[block] != second.branches[block] for block in shared
            ):
                return second.layer, first.layer
    return None
