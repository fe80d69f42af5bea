"""Trees of arrays and plain values as one ``.npz``, of which no damaged one is ever believed.

A tree is made of dicts, lists, tuples, arrays, numbers, strings, dates, True, False and None. Its
arrays are stored under the way that leads to them, ``weights/dense_1.W``, so that NumPy alone can
read them; all the rest is a JSON text beside them. Nothing is ever pickled.

What is promised: a file comes back as it was written, or ``CorruptFileError`` says what is wrong
with it. A SHA-256 covers the names, shapes, dtypes and bytes of everything; it is checked before
anything is used. No more memory is taken than the file is long, and members that do not belong
there are not read at all.
"""

import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from io import BufferedReader
from itertools import chain
from traceback import walk_tb
from typing import Any

import numpy as np

from backprop.core.durable import FilePath, check_file, check_path, replacing
from backprop.core.errors import CorruptFileError, said
from backprop.core.file_kinds import DAMAGED, check_regular, kind_of_file
from backprop.core.types import Array
from backprop.storage import archive
from backprop.storage.archive import Damage

VERSION = 2
"""The version of the form that files are written in; older ones can be read, newer ones cannot."""

TEXT, DIGEST = "backprop.json", "backprop.sha256"
"""Where in a file the tree without its arrays stands, and the SHA-256 of all the rest."""

CONTENT, CONTENT_1 = "content", "tree"
"""The tree's key in the text, another one in version 1: no newer file can pass for one of those."""

ARRAY, TUPLE, ITEMS, FLOAT, DATE = "__array__", "__tuple__", "__items__", "__float__", "__date__"
"""What JSON does not know, as dicts of one key."""

DEEPEST = 200
"""How many dicts and lists may lie in each other, far below what Python can do."""

LONGEST_TEXT = 1 << 24
"""Bytes that the tree without its arrays may have."""

WRONG_TYPES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, SystemError)
"""What Python raises where a value is of another type or form than was believed."""

AWKWARD = re.compile("[\0\\\\\ud800-\udfff]")
"""Characters that names in archives may not have."""


def write(path: FilePath, kind: str, tree: dict[str, Any]) -> None:
    """Writes a tree as one file, durably and whole or not at all (see ``core.durable``).

    Args:
        path: The file; one that is there is replaced.
        kind: What it holds, ``"model"`` or ``"weights"``, checked by ``read``.
        tree: What to write.

    Raises:
        TypeError: The tree holds something else than the module's first lines name.
        ValueError: It is nested too deeply, or too long.
        OSError: The file cannot be written.
    """
    import json  # slow to load, and only files need it

    arrays: dict[str, Array] = {}
    content = pack(tree, "", arrays)
    header = {"backprop": kind, "version": VERSION, CONTENT: content}
    text = json.dumps(header, allow_nan=False).encode()
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{len(text)} bytes of plain values are too many for one file.")
    named = {TEXT: np.frombuffer(text, np.uint8), **arrays}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        archive.write(file, named, DIGEST)


def read(path: FilePath, *kinds: str) -> dict[str, Any]:
    """The tree of a file of one of these kinds.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: It is no file of ours, or damaged.
        ValueError: It is of another kind, or of a newer version.
    """
    name = check_file(path)
    try:
        check_regular(name)
        with open(name, "rb") as file:
            kind, version, tree = read_open(file)
    except (OSError, MemoryError, CorruptFileError):
        raise
    except Exception as error:  # whatever NumPy, json and struct make of other files
        told = kind_of_file(name, f"{TEXT}.npy")
        if told == DAMAGED and isinstance(error, Damage):
            told += f" ({error})"
        raise CorruptFileError(
            f"{name!r} is no file that backprop saved, or it is damaged: {told}."
        ) from error
    if version > VERSION:
        raise ValueError(
            f"{name!r} was written by a newer backprop, in version {version} of the form, but this "
            f"one reads versions up to {VERSION}: update backprop."
        )
    if kind not in kinds:
        advice = ": make the model and call model.load_weights(path)" if kind == "weights" else ""
        needed = " or ".join(article(each) for each in kinds)
        raise ValueError(f"{name!r} holds {article(kind)}, but {needed} is needed{advice}.")
    return tree


def article(kind: str) -> str:
    """``a model``, ``weights``."""
    return kind if kind.endswith("s") else f"a {kind}"


def read_open(file: BufferedReader) -> tuple[str, int, dict[str, Any]]:
    """The kind, version and tree of an open file; of a newer version without the tree."""
    import json  # slow to load, and only files need it

    members = archive.directory(file, os.fstat(file.fileno()).st_size)
    if not members or members[0].name != TEXT or members[0].size > LONGEST_TEXT + 128:
        raise Damage(f"{TEXT} is not where it should be")
    first, *others = members
    text = archive.read_array(file, first)
    header = json.loads(text.tobytes())
    kind, version = header["backprop"], header["version"]
    if type(kind) is not str or type(version) is not int or version < 1:
        raise Damage(f"{TEXT} says neither what it holds nor how")
    if version > VERSION:
        return kind, version, {}
    content = header.pop(CONTENT if version > 1 else CONTENT_1)
    last = others.pop() if version > 1 and others and others[-1].name == DIGEST else None
    if version > 1 and last is None:
        raise Damage("its SHA-256 is missing")
    expected: set[str] = set()
    check(content, expected, finite=version > 1)
    if len(header) != 2 or {member.name for member in others} != expected:
        raise Damage("its arrays are not those that its text names")
    read = ((member.name, archive.read_array(file, member)) for member in others)
    arrays, digest = archive.with_digest(chain([(TEXT, text)], read))
    if last and archive.read_array(file, last).tobytes() != digest:
        raise Damage("its SHA-256 is another one")
    tree = unpack(content, arrays)
    if not isinstance(tree, dict):
        raise Damage(f"{TEXT} holds no tree")
    return kind, version, tree


@contextmanager
def belief(path: FilePath) -> Iterator[None]:
    """Code that takes the tree of a file for what it should be.

    Raises:
        CorruptFileError: It is not: something is missing in it, or is of another type.
    """
    name = repr(check_path(path, "path"))  # as the errors of what is read call it
    try:
        yield
    except WRONG_TYPES as error:
        if isinstance(error, ValueError) and name in str(error):
            raise  # it says already what is wrong with which file
        if comes_from_others(error):
            raise  # a class of the user's own, which the file is not to blame for
        raise CorruptFileError(
            f"{name} is damaged, or of a version that was never published: what it "
            f"holds does not fit together ({type(error).__name__}: {error})."
        ) from error


def comes_from_others(error: BaseException) -> bool:
    """Whether code raised it, or called what did, that is neither ours nor NumPy's or Python's."""
    frames = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    known = {"backprop", "numpy", *sys.stdlib_module_names}
    return any(name.partition(".")[0] not in known for name in frames)


# ------------------------------------------------------------------- trees as JSON, and back


def pack(value: Any, way: str, arrays: dict[str, Array], depth: int = 0) -> Any:
    """The value as JSON knows it, its arrays moved into ``arrays``."""
    if depth > DEEPEST:
        raise ValueError(f"{way[:80]}… cannot be saved: it is nested more than {DEEPEST} deep.")
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        name = AWKWARD.sub("_", way)[:1000]
        while name in arrays or name in (TEXT, DIGEST):  # several ways may lead to the same name
            name += "'"
        arrays[name] = value
        return {ARRAY: name}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            start = f"{way}/" if way else ""
            return {
                key: pack(item, f"{start}{key}", arrays, depth + 1) for key, item in value.items()
            }
        return {ITEMS: pack([list(item) for item in value.items()], way, arrays, depth + 1)}
    if isinstance(value, list | tuple):
        items = [pack(item, f"{way}/{k}", arrays, depth + 1) for k, item in enumerate(value)]
        return {TUPLE: items} if isinstance(value, tuple) else items
    if isinstance(value, date) and date_of(value.isoformat()) == value:  # pandas's are these too
        return {DATE: value.isoformat()}
    raise TypeError(f"{way} cannot be saved: it is {said(value)}.")


def date_of(text: str) -> date:
    """A date, or one with a time, which has a T in front of it."""
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def as_column(values: list[Any]) -> Any:
    """Numbers as an array, which takes less room in a file than a list; others as they are."""
    return np.array(values) if all(type(value) is float for value in values) else values


def as_list(values: Any) -> list[Any]:
    """The inverse of ``as_column``."""
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def holds(value: Any) -> bool:
    """Whether a value can be saved."""
    try:
        pack(value, "", {})
    except (TypeError, ValueError):
        return False
    return True


def check(value: Any, names: set[str], finite: bool, depth: int = 0) -> None:
    """Looks through what ``pack`` made, and collects the names of its arrays.

    Raises:
        Damage: It is nested too deeply, or a number is not finite though it should be.
    """
    if depth > 2 * DEEPEST + 2:  # a tuple takes two levels
        raise Damage("its text is nested too deeply")
    if isinstance(value, dict):
        if value.keys() == {ARRAY}:
            names.add(value[ARRAY])
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            check(item, names, finite, depth + 1)
    elif finite and isinstance(value, float) and not math.isfinite(value):
        raise Damage("its text holds a number that is not finite")


def unpack(value: Any, arrays: dict[str, Array]) -> Any:
    """The inverse of ``pack``."""
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, item),) = value.items()
        if key == ARRAY:
            return arrays[item]
        if key == TUPLE:
            return tuple(unpack(item, arrays))
        if key == ITEMS:
            return dict(unpack(item, arrays))
        if key == FLOAT:
            return float(item)
        if key == DATE:
            return date_of(item)
    return {key: unpack(item, arrays) for key, item in value.items()}
