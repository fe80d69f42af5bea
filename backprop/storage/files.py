"""Files that appear whole or not at all, and trees of arrays and plain values as one ``.npz``.

A tree is made of dicts, lists, tuples, arrays, numbers, strings, True, False and None. Its arrays
are stored under the way that leads to them, ``weights/dense_1.W``, so that NumPy alone can read
them; all the rest is a JSON text beside them. Nothing is ever pickled.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from backprop.core.file_kinds import kind_of_file
from backprop.core.types import Array

VERSION = 1
"""The version of the form that files are written in; older ones can be read, newer ones cannot."""

TEXT = "backprop.json"
"""Where in a file the tree without its arrays stands."""

ARRAY, TUPLE, ITEMS = "__array__", "__tuple__", "__items__"
"""What JSON does not know, as dicts of one key."""


def check_target(path: str | os.PathLike[str]) -> str:
    """Where a file is to be written: the path, or what it links to.

    Raises:
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: ``path`` is a folder.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"path is {os.fspath(path)!r}: create the folder {folder!r} first.")
    if os.path.isdir(target):
        raise IsADirectoryError(f"path is {os.fspath(path)!r}, a folder: name a file.")
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
    """A path in the same folder to write to; its file takes the place of ``path`` at the end.

    Whoever reads ``path`` meanwhile, or after a crash, finds the old file whole. If the body raises
    nothing is left behind.

    Raises:
        OSError: The file cannot be written, see ``check_target``.
    """
    target = check_target(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{os.getpid()}-{name}")  # the ending may say the format
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        if error.filename == temporary:  # a name that says nothing to the user
            error.filename = os.fspath(path)
        raise
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


def write(path: str | os.PathLike[str], kind: str, tree: dict[str, Any]) -> None:
    """Writes a tree as one file, atomically.

    Args:
        path: The file; one that is there is replaced.
        kind: What it holds, ``"model"`` or ``"weights"``, checked by ``read``.
        tree: What to write.

    Raises:
        TypeError: The tree holds something else than the module's first lines name.
    """
    import json  # slow to load, and only files need it

    arrays: dict[str, Array] = {}
    header = {"backprop": kind, "version": VERSION, "tree": pack(tree, "", arrays)}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{TEXT: text}, **arrays)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str], *kinds: str) -> dict[str, Any]:
    """The tree of a file of one of these kinds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no file of ours, damaged, of another kind, or of a newer version.
    """
    import json  # slow to load, and only files need it

    name = os.fspath(path)
    tree: dict[str, Any] = {}
    try:
        # given a name, np.load would leave the file open if it is no archive
        with open(name, "rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {key: found[key] for key in found.files}
        header = json.loads(arrays.pop(TEXT).tobytes())
        kind, version = header["backprop"], header["version"]
        if version <= VERSION:
            tree = unpack(header["tree"], arrays)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever zipfile, NumPy and json make of other files
        raise ValueError(
            f"{name!r} is no file that backprop saved, or it is damaged: {kind_of_file(name)}."
        ) from error
    if version > VERSION:
        raise ValueError(
            f"{name!r} was written by a newer backprop, in version {version} of the form, but this "
            f"one reads versions up to {VERSION}: update backprop."
        )
    if kind not in kinds:
        raise ValueError(f"{name!r} holds a {kind}, but a {' or a '.join(kinds)} is needed.")
    return tree


def pack(value: Any, way: str, arrays: dict[str, Array]) -> Any:
    """The value as JSON knows it, its arrays moved into ``arrays``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        while way in arrays:  # names with a slash in them may lead to the same way
            way += "'"
        arrays[way] = value
        return {ARRAY: way}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            start = f"{way}/" if way else ""
            return {key: pack(item, f"{start}{key}", arrays) for key, item in value.items()}
        return {ITEMS: pack([list(item) for item in value.items()], way, arrays)}
    if isinstance(value, list | tuple):
        items = [pack(item, f"{way}/{k}", arrays) for k, item in enumerate(value)]
        return {TUPLE: items} if isinstance(value, tuple) else items
    raise TypeError(f"{way} cannot be saved: it is {value!r}.")


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
    return {key: unpack(item, arrays) for key, item in value.items()}
