"""Archives of arrays, ``.npz``: written as NumPy does, and read without believing anything in them.

Only one form is read, the one that is written: members stand one behind the other from the first
byte of the file to the directory at its end, neither packed nor encrypted, each as long as its
array. So no file can make its reader take more memory than it is long.
"""

import math
import re
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BufferedReader
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from backprop.core.file_kinds import LONGEST_LIST
from backprop.core.types import Array

PIECE = 1 << 20
"""Bytes that are written at once."""

END = struct.Struct("<4s4H2IH")
"""What an archive ends with, the length of its directory among it."""

START, CHECKSUM = 30, 14
"""Bytes in front of a member, besides its name and perhaps the fields for sizes of 64 bits; and
where its checksum and its two sizes begin."""

FIELDS_64, FULL = 20, 0xFFFFFFFF
"""Bytes of these fields; and what may stand for both sizes in their place."""

UTF_8 = 0x800
"""The only flag that a member may have: its name is in UTF-8."""

ARRAY_START = re.compile(
    rb"\{'descr': '([<>|][biuf]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n"
)
"""How NumPy describes an array of numbers in its file."""


class Damage(ValueError):
    """What is wrong with an archive, in a few words that do not name the file."""


class Member(NamedTuple):
    """An array in an archive.

    Attributes:
        name: Its name, without ``.npy``.
        start: Its first byte in the file.
        size: Its bytes.
        checksum: Its CRC-32.
    """

    name: str
    start: int
    size: int
    checksum: int


def with_digest(pairs: Iterable[tuple[str, Array]]) -> tuple[dict[str, Array], bytes]:
    """Arrays by their names, and SHA-256 over names and bytes, which say dtypes and shapes too."""
    import hashlib  # slow to load, as zipfile and zlib are, and only files need them

    found, arrays = hashlib.sha256(), dict[str, Array]()
    for name, array in pairs:
        arrays[name] = array
        start, content = array_bytes(array)
        found.update(beginning(name, len(start) + content.nbytes))
        found.update(start)
        found.update(content)
    return arrays, found.digest()


def beginning(name: str, size: int) -> bytes:
    """What the digest has in front of a member: lengths keep parts from running into each other."""
    encoded = name.encode()
    return struct.pack("<QQ", len(encoded), size) + encoded


# -------------------------------------------------------------------------------------- writing


def write(file: BinaryIO, arrays: Mapping[str, Array], digest: str) -> None:
    """Writes arrays into an empty file, one behind the other, and last their digest.

    Args:
        file: The file.
        arrays: The arrays by their names.
        digest: The name of the digest.

    Raises:
        ValueError: They are too many.
    """
    import hashlib
    import zipfile

    if sum(len(name.encode()) + 80 for name in arrays) > LONGEST_LIST:
        raise ValueError(f"{len(arrays)} arrays are too many for one file.")
    new_archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
    found = hashlib.sha256()

    def add(name: str, array: Array) -> None:
        start, content = array_bytes(array)
        size = len(start) + content.nbytes
        found.update(beginning(name, size))
        large, info = size >= zipfile.ZIP64_LIMIT, zipfile.ZipInfo(f"{name}.npy")
        with new_archive.open(info, "w", force_zip64=large) as member:
            pieces = (content[place : place + PIECE] for place in range(0, content.nbytes, PIECE))
            for each in (start, *pieces):
                part = bytes(each)  # a copy, as another thread may train the model meanwhile
                member.write(part)
                found.update(part)

    try:
        for name, array in arrays.items():
            add(name, array)
        add(digest, np.frombuffer(found.digest(), np.uint8))
    except BaseException:
        with suppress(OSError, ValueError):  # of a file that is given up
            new_archive.close()
        raise
    new_archive.close()


def array_bytes(array: Array) -> tuple[bytes, memoryview]:
    """An array in the form of NumPy's files: its description, and its numbers."""
    order = array.flags.f_contiguous and not array.flags.c_contiguous
    told = f"{{'descr': '{array.dtype.str}', 'fortran_order': {order}, 'shape': {array.shape}, }}"
    room = -(len(told) + 11) % 64
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(told) + room + 1)
    numbers = np.ascontiguousarray(array.T if order else array).reshape(-1)
    return start + (told + " " * room + "\n").encode("latin-1"), bytes_of(numbers)


def bytes_of(numbers: Array) -> memoryview:
    """The bytes of a contiguous vector, as a view."""
    found: Any = numbers.view(np.uint8)
    return memoryview(found)


# -------------------------------------------------------------------------------------- reading


def directory(file: BufferedReader, size: int) -> list[Member]:
    """The members of an archive of this size, in their order.

    Raises:
        Damage: It is not in the one form that is read; zipfile has errors of its own.
    """
    import zipfile

    file.seek(max(0, size - END.size))
    mark, *_, length, _, _ = END.unpack(file.read(END.size).ljust(END.size))
    if mark != b"PK\5\6" or length > LONGEST_LIST:
        raise Damage("its directory is not where it should be, or too long")
    archive = zipfile.ZipFile(file)
    listed = archive.infolist()
    starts = [*(info.header_offset for info in listed), archive.start_dir]
    if starts[0]:
        raise Damage("there is something in front of it")
    members = []
    for info, (before, after) in zip(listed, pairwise(starts), strict=True):
        odd = info.compress_type or info.flag_bits & ~UTF_8 or info.comment or info.volume
        if odd or info.compress_size != info.file_size or not info.filename.endswith(".npy"):
            raise Damage("a member is packed, encrypted or described in another way")
        n = info.file_size
        start = after - n
        if start - before - START - len(info.filename.encode()) not in (0, FIELDS_64):
            raise Damage("members overlap, or there is something between them")
        file.seek(before + CHECKSUM)
        told = struct.unpack("<3I", file.read(12))
        if told not in ((info.CRC, n, n), (info.CRC, FULL, FULL)):
            raise Damage("a member and the directory contradict each other")
        name = info.filename.removesuffix(".npy")
        members.append(Member(name, start, n, info.CRC))
    if len({member.name for member in members}) < len(members):
        raise Damage("two members have the same name")
    return members


def read_array(file: BufferedReader, member: Member) -> Array:
    """An array of an archive, every byte of its member read.

    Raises:
        Damage: It has other bytes than were written.
    """
    import zlib

    file.seek(member.start)
    head = file.read(10)
    length = int.from_bytes(head[8:10], "little")
    if len(head) < 10 or head[:8] != b"\x93NUMPY\x01\x00" or length > member.size - 10:
        raise Damage(f"{member.name} is no array")
    head += file.read(length)
    told = ARRAY_START.fullmatch(head[10:])
    if told is None:
        raise Damage(f"{member.name} is no array of numbers")
    dtype, columns_first = np.dtype(told[1].decode()), told[2] == b"True"
    shape = tuple(int(number) for number in told[3].decode().replace(",", " ").split())
    if math.prod(shape) * dtype.itemsize != member.size - len(head):
        raise Damage(f"{member.name} is not as long as its shape says")
    numbers = np.empty(math.prod(shape), dtype)
    content = bytes_of(numbers)
    whole = not len(content) or file.readinto(content) == len(content)
    if not whole or zlib.crc32(content, zlib.crc32(head)) != member.checksum:
        raise Damage(f"the checksum of {member.name} is another one")
    return numbers.reshape(shape[::-1]).T if columns_first else numbers.reshape(shape)
