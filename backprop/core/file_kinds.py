"""What a file is that cannot be read, so that errors can say it in our words."""

import os
import stat
from typing import Any

from backprop.core.errors import CorruptFileError

DAMAGED = "it was cut off, or changed after it was written"
"""What is said of a file that was ours, or that of somebody else, before it was damaged."""

NOT_OPENED = "which is never opened here, since reading one may run any code"

STARTS = {
    b"": "it is empty",
    b"\x80": f"it is a pickle, {NOT_OPENED}",
    b"\x93NUMPY": "it holds a single array, which np.load reads",
    b"\x89HDF": "it is an HDF5 file, as Keras writes them: make the model here and call "
    "model.load_weights(path)",
    b"\x1f\x8b": "it is packed by gzip",
    b"<": "it is a web page or another text",
    b"version h": "it is what Git LFS leaves in the place of a file: fetch that by git lfs pull",
    b"{": "it is a text, JSON perhaps",
    b"[": "it is a text, JSON perhaps",
}
"""What the first bytes of a file say."""

OURS = {
    "backprop.json.npy": (
        "it is a file of backprop's own, and bp.load_model(path) or, of weights alone, "
        "model.load_weights(path) reads those"
    ),
    "vocabulary.npy": "it is a vocabulary, and datasets.Vocabulary.load(path) reads those",
}
"""What archives of ours are by a member of theirs, where another kind is wanted."""

LONGEST_LIST = 1 << 22
"""Bytes of the list of an archive's members up to which it is looked at."""


def check_ending(path: Any, endings: tuple[str, ...], advice: str) -> None:
    """Checks that the name of a file to be written does not end as those of another format do.

    Raises:
        ValueError: It does.
    """
    name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    if name.lower().endswith(endings):
        raise ValueError(f"{name!r} would not hold what its name says: {advice}.")


def kind_of_file(path: str | os.PathLike[str], ours: str | None = None) -> str:
    """What a file seems to be that is none of ours, or what is wrong with it.

    Args:
        path: A file that is there and cannot be read as what it should be.
        ours: The member that an archive of ours would have.
    """
    found = foreign_kind(path, ours)
    if not found and os.fspath(path).lower().endswith(".onnx"):
        return "it is an ONNX file by its name, and bp.load_onnx(path) reads those"
    return found or "it is no .npz archive"


def foreign_kind(path: str | os.PathLike[str], ours: str | None = None) -> str:
    """What a file seems to be by its first bytes; empty if they say nothing (see above)."""
    with open(path, "rb") as file:
        head = file.read(100)
    start = head[:9]
    if start.startswith(b"PK"):
        return kind_of_archive(path, ours)
    if b"'descr': '|O'" in head:
        return f"it holds a pickle of Python objects, {NOT_OPENED}"
    for bytes_, kind in STARTS.items():
        if start == bytes_ or (bytes_ and start.startswith(bytes_)):
            return kind
    if start[8:] == b"{":
        return "it is a safetensors file, whose arrays model.load_weights(path) reads"
    return ""


def kind_or_damage(
    path: str | os.PathLike[str], right: tuple[bytes, ...], damage: object = DAMAGED
) -> str:
    """What a file seems to be; its damage if it begins as it should, or what it is is not known.

    Args:
        path: A file that is there and cannot be read as what it should be.
        right: How such files begin; those of safetensors so behind eight bytes.
        damage: What is wrong with it then.
    """
    with open(path, "rb") as file:
        start = file.read(9)
    begins = start.startswith(right) or start[8:].startswith(right)
    return str(damage) if begins else foreign_kind(path) or str(damage)


def check_regular(path: str) -> None:
    """Checks that a path is no device, reading which might wait for ever, or never end.

    Raises:
        CorruptFileError: It is one.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CorruptFileError(f"{path!r} is a device or a pipe, and no file.")


def kind_of_archive(path: str | os.PathLike[str], ours: str | None = None) -> str:
    """Likewise, of a zip archive."""
    import zipfile  # slow to load, and needed for an error alone

    size = os.path.getsize(path)
    try:
        with open(path, "rb") as file:
            file.seek(max(0, size - 10))
            if int.from_bytes(file.read(4), "little") > LONGEST_LIST:
                return DAMAGED
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                # what would grow without bounds is not unpacked just to say what it is
                small = sum(member.file_size for member in archive.infolist()) <= 20 * size
                whole = small and ours not in names and archive.testzip() is None
                objects = whole and any(b"'descr': '|O'" in archive.read(n)[:100] for n in names)
    except Exception:  # whatever zipfile and zlib make of damage
        names, whole, objects = [], False, False
    if not whole:
        return DAMAGED
    if {"config.json", "metadata.json"} <= set(names):
        return (
            "it is a model that Keras saved: make the model here and call model.load_weights(path)"
        )
    if any(name.endswith("data.pkl") for name in names):
        return (
            "it is a file of PyTorch, a pickle, which is never opened here: save the arrays there "
            "by safetensors.torch.save_file(model.state_dict(), path)"
        )
    for member, kind in OURS.items():
        if member in names:
            return kind
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    shown = ", ".join(arrays[:5]) + (", …" if len(arrays) > 5 else "")
    if not arrays:
        return "it is an archive of something else"
    if objects:
        return f"it holds the arrays {shown}, with a pickle of Python objects, {NOT_OPENED}"
    return f"it holds the arrays {shown}, which np.load reads"
