"""Reads the folders and arrays of a file of weights that Keras 3 wrote, and believes nothing in it.

Such a file is an HDF5 file, ``model.weights.h5``, or an archive ``model.keras`` in which one lies.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array

MEMBER = "model.weights.h5"
"""Where the weights stand in a ``.keras`` file."""

DEEPEST = 60
"""How many folders of a file may lie in each other."""


class Stored(NamedTuple):
    """What a file holds of a layer.

    Attributes:
        folder: What its folder is called.
        arrays: Its arrays, in their order.
        parts: The folders in its folder.
        notes: Where its name in Keras stands. HDF5 may crash on a damaged one, so that it is read
            where it is needed alone.
    """

    folder: str
    arrays: list[Any]
    parts: dict[str, "Stored"]
    notes: Any

    @property
    def name(self) -> str:
        """What the layer was called in Keras."""
        return str(self.notes.get("name", ""))


def content_of(name: str) -> io.BytesIO:
    """The HDF5 file, taken out of a ``.keras`` archive."""
    with open(name, "rb") as file:
        content = file.read()
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(MEMBER).file_size > 20 * len(content):
                raise ValueError("it would unpack to more than 20 times its size")
            content = archive.read(MEMBER)  # which checks its CRC-32
    return io.BytesIO(content)


def stored_in(folder: Any, h5py: Any, depth: int = 0) -> Stored:
    """What a folder of an HDF5 file holds.

    Raises:
        ValueError: It refers to other files, or is nested too deeply.
    """
    if depth > DEEPEST:
        raise ValueError("its folders are nested too deeply")
    parts: dict[str, Stored] = {}
    arrays: dict[int, Any] = {}
    notes: Any = {}
    for key in folder:
        inner = folder[key] if folder.get(key, getlink=True, getclass=True) is h5py.HardLink else 0
        if key == "vars" and isinstance(inner, h5py.Group):
            notes = inner.attrs
            arrays = {int(number): inner[number] for number in inner}
        elif isinstance(inner, h5py.Group):
            parts[key.lstrip("_")] = stored_in(inner, h5py, depth + 1)
        else:
            raise ValueError(f"{key!r} is no folder")
    for array in arrays.values():
        if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external:
            raise ValueError("an array stands in another file")
    if sorted(arrays) != list(range(len(arrays))):
        raise ValueError("an array is missing")
    path = folder.name.removeprefix("/layers/")
    return Stored(path, [arrays[number] for number in sorted(arrays)], parts, notes)


def as_numbers(dataset: Any) -> Array:
    """The array of a dataset.

    Raises:
        ValueError: It does not hold numbers.
    """
    if dataset.dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16":
        found: Array = (np.asarray(dataset[()]).view("<u2").astype("<u4") << 16).view("<f4")
        return found
    if dataset.dtype.kind not in "fiu":
        raise ValueError(f"{dataset.name} holds {dataset.dtype}, and no numbers")
    return np.asarray(dataset[()])


def arrays_in(stored: Stored) -> Iterator[Any]:
    """All arrays of a layer, but for the states of generators."""
    yield from stored.arrays
    for name, part in stored.parts.items():
        if not name.startswith("seed_generator"):
            yield from arrays_in(part)


def has_arrays(stored: Stored) -> bool:
    """Whether a layer has arrays."""
    return any(True for _ in arrays_in(stored))
