"""Reads files of named arrays in the safetensors form, and believes nothing in them.

Such a file is eight bytes that say how long the header is, the header in JSON, and the bytes of the
arrays. The header names for every array its dtype, its shape, and where its bytes begin and end
behind the header. The form has no checksum: what was changed inside an array cannot be noticed.
"""

import json
import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.errors import CorruptFileError
from backprop.core.file_kinds import kind_or_damage
from backprop.core.types import Array

LONGEST_HEADER = 1 << 24
"""Bytes of the longest header that is read."""

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "BOOL": "|b1",
    **{f"I{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
}
"""The dtypes that NumPy can hold, and BF16, the upper half of a float32."""


def read(path: FilePath) -> dict[str, Array]:
    """The arrays of a file by their names.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: It is none of that form, or damaged.
        ValueError: It holds numbers of a kind that is not read.
    """
    name = os.fsdecode(path)
    with open(name, "rb") as file:
        try:
            start, entries = header(file, os.fstat(file.fileno()).st_size)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            why = kind_or_damage(name, (b"{",), error)
            raise CorruptFileError(
                f"{name!r} is no safetensors file, or it is damaged: {why}."
            ) from error
        for key, (kind, _, _) in entries.items():
            if kind not in DTYPES:
                raise ValueError(
                    f"{name!r} holds {key!r} as {kind}, which NumPy has no numbers for: save it as "
                    f"float32."
                )
        return {key: array(file, start, *entry) for key, entry in entries.items()}


Entry = tuple[str, tuple[int, ...], int]
"""The dtype of an array, its shape, and where it begins behind the header."""


def header(file: BinaryIO, size: int) -> tuple[int, dict[str, Entry]]:
    """Where the arrays begin in a file of that size, and what stands in its header.

    Raises:
        ValueError: The header is not as it must be; so do TypeError and LookupError.
    """
    if size < 8:
        raise ValueError("it is too short")
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(size - 8, LONGEST_HEADER):
        raise ValueError("its header would be longer than the file")
    told = json.loads(file.read(length).decode(), object_pairs_hook=without_twins)
    told.pop("__metadata__", None)
    entries: dict[str, Entry] = {}
    stop = 0
    for key, entry in sorted(told.items(), key=lambda item: item[1]["data_offsets"]):
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if any(type(number) is not int or number < 0 for number in (*shape, begin, end)):
            raise ValueError(f"the shape or place of {key!r} is impossible")
        if begin != stop or type(kind) is not str or len(entry) != 3:
            raise ValueError(f"{key!r} is not described as it must be")
        if kind in DTYPES and math.prod(shape) * np.dtype(DTYPES[kind]).itemsize != end - begin:
            raise ValueError(f"{key!r} is not as long as its shape says")
        entries[key], stop = (kind, tuple(shape), begin), end
    if 8 + length + stop != size:
        raise ValueError("it was cut off, or something was added to it")
    return 8 + length, entries


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of JSON, in which no name may stand twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return found


def array(file: BinaryIO, start: int, kind: str, shape: tuple[int, ...], begin: int) -> Array:
    """An array whose entry was checked."""
    file.seek(start + begin)
    dtype = np.dtype(DTYPES[kind])
    numbers = np.frombuffer(file.read(math.prod(shape) * dtype.itemsize), dtype)
    if kind == "BF16":
        numbers = (numbers.astype("<u4") << 16).view("<f4")
    return numbers.reshape(shape)
