"""Archives of arrays, ``.npz``: written as NumPy does, and read without believing anything in them.

Only one form is read, the one that is written: members stand one behind the other from the first
byte of the file to the directory at its end, neither packed nor encrypted, each as long as its
array. So no file can make its reader take more memory than it is long, and no byte stays unread.
"""

import math
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedReader
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from backprop.core.types import Array

PIECE = 1 << 20
"""Bytes that are written at once."""

LONGEST_DIRECTORY = 1 << 24
"""Bytes of the longest directory, room for more than a hundred thousand arrays."""

END, END_64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q")
LOCATOR = struct.Struct("<4sIQI")
LISTED, LOCAL = struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s5H3I2H")
"""The parts of an archive; those for 2 GiB and more are called 64."""

FULL = 0xFFFFFFFF
"""In place of a number that stands elsewhere, as it may need 64 bits."""

UTF_8 = 0x800
"""The only flag that a member may have: its name is in UTF-8."""

FIELD_64 = 1
"""What begins an extra field of numbers of 64 bits."""

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


class Digest:
    """SHA-256 over the names of members and their bytes, which say dtypes and shapes too."""

    def __init__(self) -> None:
        import hashlib  # slow to load, as zipfile and zlib are, and only files need them

        self._sum = hashlib.sha256()

    def begin(self, name: str, size: int) -> None:
        """Goes on to the next member; the lengths keep the parts from running into each other."""
        encoded = name.encode()
        self._sum.update(struct.pack("<QQ", len(encoded), size) + encoded)

    def update(self, content: Any) -> None:
        """Takes more bytes of the member."""
        self._sum.update(content)

    def found(self) -> bytes:
        """The digest of everything so far."""
        return self._sum.digest()


# -------------------------------------------------------------------------------------- writing


class Writer:
    """Writes arrays into an archive, one behind the other, in a ``with`` statement.

    Args:
        file: An empty file to write to.
    """

    def __init__(self, file: BinaryIO) -> None:
        import zipfile

        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self.digest = Digest()

    def add(self, name: str, array: Array) -> None:
        """Writes an array as a member."""
        import zipfile

        start, content = array_bytes(array)
        size = len(start) + content.nbytes
        self.digest.begin(name, size)
        large = size >= zipfile.ZIP64_LIMIT
        with self._archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=large) as member:
            pieces = (content[place : place + PIECE] for place in range(0, content.nbytes, PIECE))
            for each in (start, *pieces):
                part = bytes(each)  # a copy, as another thread may train the model meanwhile
                member.write(part)
                self.digest.update(part)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            with suppress(OSError, ValueError):  # of a file that is given up
                self._archive.close()
            return
        self._archive.close()
        names = [len(info.filename.encode()) for info in self._archive.filelist]
        if sum(names) + 80 * len(names) > LONGEST_DIRECTORY:
            raise ValueError(f"{len(names)} arrays are too many for one file.")


def array_bytes(array: Array) -> tuple[bytes, memoryview]:
    """An array in the form of NumPy's files: its description, and its numbers."""
    order = array.flags.f_contiguous and not array.flags.c_contiguous
    told = f"{{'descr': '{array.dtype.str}', 'fortran_order': {order}, 'shape': {array.shape}, }}"
    room = -(len(told) + 11) % 64
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(told) + room + 1)
    numbers = np.ascontiguousarray(array.T if order else array).reshape(-1)
    return start + (told + " " * room + "\n").encode("latin-1"), memoryview(bytes_of(numbers))


def bytes_of(numbers: Array) -> Any:
    """The bytes of a contiguous vector, as a view."""
    return numbers.view(np.uint8)


# -------------------------------------------------------------------------------------- reading


def directory(file: BufferedReader, size: int) -> list[Member]:
    """The members of an archive, in their order.

    Args:
        file: The archive.
        size: Its length in bytes.

    Raises:
        Damage: It is not in the one form that is read.
    """
    start, stop, count = find_directory(file, size)
    file.seek(start)
    content, place, next_start = file.read(stop - start), 0, 0
    members: list[Member] = []
    while place < len(content):
        listed = unpack(LISTED, content, place, b"PK\x01\x02")
        flags, method, _, _, checksum, packed, length, named, extra, note, disk = listed[3:14]
        place += LISTED.size
        name, more = content[place : place + named], content[place + named : place + named + extra]
        place += named + extra
        if flags & ~UTF_8 or method or note or disk or len(name) + len(more) != named + extra:
            raise Damage("a member is packed, encrypted or described in another way")
        length, packed, offset = numbers_64((length, packed, listed[-1]), more)
        if packed != length or offset != next_start:
            raise Damage("members overlap, or there is something between them")
        begin = check_local(file, offset, listed, name, length)
        next_start = begin + length
        if next_start > start:
            raise Damage("a member is longer than the file")
        members.append(Member(array_name(name, flags), begin, length, checksum))
    if next_start != start or len(members) != count:
        raise Damage("there is something that the directory does not list")
    if len({member.name for member in members}) < len(members):
        raise Damage("two members have the same name")
    return members


def unpack(form: struct.Struct, content: bytes, place: int, mark: bytes) -> tuple[Any, ...]:
    """The numbers of a part of the archive, which must begin with this mark."""
    if len(content) - place < form.size or content[place : place + 4] != mark:
        raise Damage("a part of the archive is not where it should be")
    return form.unpack_from(content, place)


def find_directory(file: BufferedReader, size: int) -> tuple[int, int, int]:
    """Where the directory begins and ends, and how many members it lists."""
    length = min(size, END.size + LOCATOR.size + END_64.size)
    file.seek(size - length)
    tail = file.read(length)
    place = length - END.size
    _, disk, first, here, count, bytes_, start, note = unpack(END, tail, max(place, 0), b"PK\5\6")
    stop = size - END.size
    if tail[place - LOCATOR.size :].startswith(b"PK\6\7"):
        stop -= LOCATOR.size + END_64.size
        where = unpack(LOCATOR, tail, place - LOCATOR.size, b"PK\6\7")
        large = unpack(END_64, tail, place - LOCATOR.size - END_64.size, b"PK\6\6")
        if where[1:] != (0, stop, 1) or large[1] != END_64.size - 12:
            raise Damage("its end is not as it should be")
        if (count, bytes_, start) != tuple(map(min, large[7:], (0xFFFF, FULL, FULL))):
            raise Damage("its end contradicts itself")
        disk, first, here, count, bytes_, start = large[4:]
    if disk or first or note or here != count or start + bytes_ != stop:
        raise Damage("its end is not as it should be")
    if bytes_ > LONGEST_DIRECTORY:
        raise Damage("its directory is too long")
    return start, stop, count


def numbers_64(numbers: Iterable[int], field: bytes) -> list[int]:
    """These numbers, those taken from an extra field that do not fit into 32 bits."""
    found, large = list(numbers), []
    if field:
        if len(field) % 8 != 4 or struct.unpack("<HH", field[:4]) != (FIELD_64, len(field) - 4):
            raise Damage("a member has fields that are not expected")
        large = list(struct.unpack(f"<{len(field) // 8}Q", field[4:]))
    whole = [large.pop(0) if number == FULL and large else number for number in found]
    if large:
        raise Damage("a member has fields that are not expected")
    return whole


def check_local(
    file: BufferedReader, offset: int, listed: tuple[Any, ...], name: bytes, length: int
) -> int:
    """Checks that a member begins as the directory says; returns the first byte of its array."""
    file.seek(offset)
    local = unpack(LOCAL, file.read(LOCAL.size), 0, b"PK\x03\x04")
    _, _, flags, method, time, date, checksum, packed, size, named, extra = local
    found, field = file.read(named), file.read(extra)
    if (flags, method, time, date, checksum) != listed[3:8] or found != name:
        raise Damage("a member and the directory contradict each other")
    if field:  # both numbers of 64 bits, whether they are needed or not
        both = [*struct.unpack("<HHQQ", field)] if len(field) == 20 else []
        if both != [FIELD_64, 16, length, length]:
            raise Damage("a member has fields that are not expected")
    if any(number not in ((length, FULL) if field else (length,)) for number in (packed, size)):
        raise Damage("a member and the directory contradict each other")
    return int(offset + LOCAL.size + named + extra)


def array_name(name: bytes, flags: int) -> str:
    """The name of an array from that of its member."""
    if not name.endswith(b".npy"):
        raise Damage("there is a member that is no array")
    return name.removesuffix(b".npy").decode("utf-8" if flags & UTF_8 else "ascii")


def read_array(file: BufferedReader, member: Member, digest: Digest) -> Array:
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
    content = memoryview(bytes_of(numbers))
    whole = not len(content) or file.readinto(content) == len(content)
    if not whole or zlib.crc32(content, zlib.crc32(head)) != member.checksum:
        raise Damage(f"the checksum of {member.name} is another one")
    digest.begin(member.name, member.size)
    digest.update(head)
    digest.update(content)
    return numbers.reshape(shape[::-1]).T if columns_first else numbers.reshape(shape)
