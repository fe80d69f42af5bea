"""Every way in which a file can be damaged, or made to hurt, for the tests of model files."""

import io
import json
import struct
import warnings
import zipfile
import zlib
from functools import cache

import numpy as np

LIST_ENTRY, LOCAL_ENTRY, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def members(content):
    """The members of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(pairs, method=zipfile.ZIP_STORED, comment=b""):
    """An archive whose checksums are all right."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # of two members with one name
        for name, data in pairs:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = comment
    return file.getvalue()


def as_array(text):
    """A text as the member of an archive."""
    file = io.BytesIO()
    np.save(file, np.frombuffer(text, np.uint8))
    return file.getvalue()


def described(told, data=b""):
    """A member that says of itself what it likes."""
    start = told.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(start)) + start + data


def text_of(content):
    """The JSON text of a file, as bytes."""
    found = members(content)["backprop.json.npy"]
    return np.load(io.BytesIO(found)).tobytes()


def with_text(content, text):
    """The same file with another text, its checksums right."""
    found = members(content)
    found["backprop.json.npy"] = as_array(text)
    return packed(found.items())


# Each takes the generator, the file and another good one, and gives the damaged one.


def truncated(rng, content, other):
    return content[: rng.integers(len(content))]


def flipped(rng, content, other):
    return flip(rng, content, 0, len(content))


def flipped_in_the_start_of_a_member(rng, content, other):
    starts = [k for k in range(len(content)) if content.startswith(b"\x93NUMPY", k)]
    start = int(rng.choice(starts))
    return flip(rng, content, start, start + 128)


def flipped_in_the_structure(rng, content, other):
    marks = (LIST_ENTRY, LOCAL_ENTRY, END)
    starts = [k for k in range(len(content)) if content.startswith(marks, k)]
    start = int(rng.choice(starts))
    return flip(rng, content, start, min(start + 60, len(content)))


def flip(rng, content, start, stop):
    changed = bytearray(content)
    changed[rng.integers(start, stop)] ^= 1 << rng.integers(8)
    return bytes(changed)


def overwritten(rng, content, other):
    start, length = rng.integers(len(content)), int(rng.integers(1, 200))
    return (content[:start] + rng.bytes(length) + content[start + length :])[: len(content)]


def zeroed(rng, content, other):
    start, length = rng.integers(len(content)), int(rng.integers(1, 4096))
    return content[:start] + bytes(length) + content[start + length :]


def bytes_removed(rng, content, other):
    start, length = rng.integers(len(content)), int(rng.integers(1, 300))
    return content[:start] + content[start + length :]


def bytes_inserted(rng, content, other):
    start = rng.integers(len(content) + 1)
    return content[:start] + rng.bytes(int(rng.integers(1, 300))) + content[start:]


def spliced_bytes(rng, content, other):
    place = rng.integers(min(len(content), len(other)))
    return content[:place] + other[place:]


def member_removed(rng, content, other):
    found = members(content)
    found.pop(str(rng.choice(list(found))))
    return packed(found.items())


def members_swapped(rng, content, other):
    found = members(content)
    one, two = map(str, rng.choice(list(found), 2, replace=False))
    found[one], found[two] = found[two], found[one]
    return packed(found.items())


def names_swapped(rng, content, other):
    found = list(members(content).items())
    one, two = rng.choice(range(1, len(found) - 1), 2, replace=False)
    names = found[two][0], found[one][0]
    found[one], found[two] = (names[0], found[one][1]), (names[1], found[two][1])
    return packed(found)


def member_spliced(rng, content, other):
    found, others = members(content), members(other)
    name = str(rng.choice(list(found)))
    found[name] = others.get(name, b"")
    return packed(found.items())


def member_doubled(rng, content, other):
    found = list(members(content).items())
    name, data = found[rng.integers(len(found))]
    found.insert(int(rng.integers(len(found) + 1)), (name, members(other).get(name, data)))
    return packed(found)


def member_renamed(rng, content, other):
    found = list(members(content).items())
    k = rng.integers(len(found))
    found[k] = (rng.choice(["x.npy", "../x.npy", "weights/x.npy", found[k][0][:-4]]), found[k][1])
    return packed(found)


def member_added(rng, content, other):
    name = rng.choice(["more.npy", "readme.txt", "weights/z.npy", "backprop.sha512.npy", "/etc/x"])
    return packed([*members(content).items(), (name, as_array(rng.bytes(30)))])


def member_changed(rng, content, other):
    """Its checksum is right."""
    found = members(content)
    name = str(rng.choice(list(found)))
    found[name] = flip(rng, found[name], 0, len(found[name]))
    return packed(found.items())


def text_changed(rng, content, other):
    """Its checksum is right, and it is often still JSON."""
    text = bytearray(text_of(content))
    digits = [k for k, byte in enumerate(text) if chr(byte).isdigit()]
    text[int(rng.choice(digits))] = ord(str(rng.integers(10)))
    if b'"version": 2' not in text:
        return flip(rng, content, 0, len(content))
    return with_text(content, bytes(text))


def passed_off_as_old(rng, content, other):
    header = json.loads(text_of(content))
    header["version"] = 1
    if rng.random() < 0.5:
        header["tree"] = header.pop("content")
        header["tree"]["seed"] = 12345
    found = members(with_text(content, json.dumps(header).encode()))
    if rng.random() < 0.5:
        data = found.pop("backprop.sha256.npy")
        if "tree" in header or rng.random() < 0.5:
            found["backprop.sha1.npy"] = data
    return packed(found.items())


def hostile_text(rng, content, other):
    start = b'{"backprop": "model", "version": 2, "content": '
    texts = [
        start + b"[" * 100_000 + b"]" * 100_000 + b"}",
        start + b'{"a":' * 700 + b"1" + b"}" * 700 + b"}",
        start + b'{"class": NaN}}',
        start + b'{"class": 1e999}}',
        start + b"9" * 100_000 + b"}",
        start + b'{"__array__": ["x"]}}',
        start + b'{"__tuple__": 3}}',
        b'{"backprop": "model", "version": "2", "content": {}}',
        b'{"backprop": "model", "version": -1, "tree": {}}',
        b'{"backprop": null, "version": 2}',
        b"[]",
        b"",
        b"\xff\xfe",
    ]
    return with_text(content, texts[rng.integers(len(texts))])


@cache
def zeros(n):
    return zlib.compress(bytes(n))


def bomb(rng, content, other):
    """Half a megabyte that would become half a gigabyte, or says that it has ten."""
    found = members(content)
    name = str(rng.choice(list(found)))
    if rng.random() < 0.5:
        found[name] = described(
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (2684354560,), }"
        )
        return packed(found.items())
    if rng.random() < 0.5:
        found[name] = described(
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 99999999), }"
        )
        return packed(found.items())
    listed = [pair for pair in found.items() if pair[0] != name]
    return packed([(name, bytes(20_000_000)), *listed], zipfile.ZIP_DEFLATED)


def compressed(rng, content, other):
    return packed(members(content).items(), zipfile.ZIP_DEFLATED)


def commented(rng, content, other):
    return packed(members(content).items(), comment=rng.bytes(int(rng.integers(1, 50))))


def hostile_member(rng, content, other):
    found = members(content)
    name = str(rng.choice(list(found)))
    told = [
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 99 + b"), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        b"{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 9000 + b"), }",
        b"{'descr': __import__('os').system('true'), 'shape': ()}",
        b"",
    ]
    found[name] = described(told[rng.integers(len(told))], bytes(4))
    return packed(found.items())


def encrypted_or_elsewhere(rng, content, other):
    """A number in a member's entry of the list is another one."""
    changed = bytearray(content)
    starts = [k for k in range(len(content)) if content.startswith(LIST_ENTRY, k)]
    place = int(rng.choice(starts)) + int(rng.choice([8, 10, 20, 24, 28, 30, 32, 34, 42]))
    changed[place : place + 2] = rng.bytes(2)
    return bytes(changed)


def in_front(rng, content, other):
    """Another program may take the file for something else."""
    return rng.choice([b"#!/bin/sh\n", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", other]) + content


def of_nothing(rng, content, other):
    return [b"", bytes(1000), rng.bytes(2000), END + bytes(18), b"PK"][rng.integers(5)]


def long_list(rng, content, other):
    """A list of members longer than the file, or one that takes long to read."""
    entry = content[content.index(LIST_ENTRY) :][:46]
    listed = entry[:28] + bytes(18)
    count = int(rng.choice([1, 1000, 100_000]))
    end = struct.pack("<4s4H2IH", END, 0, 0, 9, 9, 46 * count, len(content), 0)
    return content + listed * count + end


DAMAGES = {
    name: made
    for name, made in list(globals().items())
    if callable(made)
    and getattr(made, "__code__", None)
    and made.__code__.co_varnames[:3] == ("rng", "content", "other")
}
