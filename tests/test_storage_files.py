"""Files that appear whole or not at all, and what can be in them."""

import hashlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from backprop.core.durable import replacing
from backprop.core.errors import CorruptFileError
from backprop.storage import archive, files


def names(folder):
    return sorted(os.listdir(folder))


def test_the_new_file_takes_the_place_of_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("new")
        assert path.read_text() == "old"
        assert temporary.endswith(".txt")
        assert os.path.dirname(temporary) == str(tmp_path)
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with replacing(path) as temporary:
            with open(temporary, "w") as file:
                file.write("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as temporary, open(temporary, "w") as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_name_without_a_folder_is_in_the_present_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write("a.npz", "thing", {"x": 1})
    assert names(tmp_path) == ["a.npz"]
    assert files.read("a.npz", "thing") == {"x": 1}


def test_a_tree_comes_back_as_it_was(tmp_path):
    tree = {
        "numbers": [1, -2.5, True, None, float("inf"), 1e-300, 2**130],
        "text": "∂E/∂W",
        "tuples": ((1, 2), [(3,)], ()),
        "keys": {1: "one", (2, 3): "pair", "__array__": "not one"},
        "like a marker": [{"__array__": "x"}, {"__tuple__": [1]}, {"__items__": 1}],
        "empty": [{}, []],
        "one": {"key": {"a": 1}},
        "scalars": [np.float32(0.1), np.int64(3), np.bool_(True)],
    }
    files.write(tmp_path / "a", "thing", tree)
    found = files.read(tmp_path / "a", "thing")
    assert found == {**tree, "scalars": [float(np.float32(0.1)), 3, True]}
    assert type(found["tuples"]) is tuple
    assert type(found["tuples"][1]) is list
    assert found["numbers"][2] is True


def test_arrays_come_back_with_their_dtypes_and_shapes(tmp_path):
    tree = {
        "a": np.arange(6, dtype="float32").reshape(2, 3).T,
        "b": [np.array(2.5), {"c": np.zeros((0, 3), "uint8")}],
        "x/0": np.array([1]),
        "x": [np.array([2])],  # leads to the same name
        "yes": np.array([True]),
    }
    files.write(tmp_path / "a", "thing", tree)
    found = files.read(tmp_path / "a", "thing")
    pairs = [
        (found["a"], tree["a"]),
        (found["b"][0], tree["b"][0]),
        (found["b"][1]["c"], tree["b"][1]["c"]),
        (found["x/0"], tree["x/0"]),
        (found["x"][0], tree["x"][0]),
        (found["yes"], tree["yes"]),
    ]
    for mine, its in pairs:
        np.testing.assert_array_equal(mine, its, strict=True)
    with np.load(tmp_path / "a") as archive:
        assert {"a", "b/0", "b/1/c"} <= set(archive.files)


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", 1j, np.array([None]), np.array(["text"]), len, np.complex64(1j)],
)
def test_other_values_are_refused_before_anything_is_written(tmp_path, value):
    with pytest.raises(TypeError, match="a/0 cannot be saved: it is"):
        files.write(tmp_path / "a", "thing", {"a": [value]})
    assert names(tmp_path) == []


def test_a_newer_form_is_said_to_be_newer_also_if_it_cannot_be_read(tmp_path):
    header = b'{"backprop": "thing", "version": 3, "tree": {"__array__": "elsewhere"}}'
    np.savez(tmp_path / "a.npz", **{files.TEXT: np.frombuffer(header, np.uint8)})
    with pytest.raises(ValueError, match="was written by a newer backprop, in version 3"):
        files.read(tmp_path / "a.npz", "thing")
    for version in (b"2,", b"1,"):
        older = header.replace(b"3,", version)
        np.savez(tmp_path / "a.npz", **{files.TEXT: np.frombuffer(older, np.uint8)})
        with pytest.raises(CorruptFileError, match="or it is damaged"):
            files.read(tmp_path / "a.npz", "thing")


@pytest.mark.parametrize("limit", [0, 400, 100_000])
def test_archives_of_more_than_two_gigabytes(tmp_path, monkeypatch, limit):
    """The numbers of 64 bits that they need are written into small ones."""
    tree = {"a": np.arange(100.0), "b": [np.arange(50, dtype="uint8"), np.ones((3, 2))]}
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    files.write(tmp_path / "a", "thing", tree)
    found = files.read(tmp_path / "a", "thing")
    np.testing.assert_array_equal(found["a"], tree["a"])
    np.testing.assert_array_equal(found["b"][1], tree["b"][1])
    content = (tmp_path / "a").read_bytes()
    assert (b"PK\x06\x06" in content) == (limit < 1000)
    for k in range(len(content) - 200, len(content)):
        (tmp_path / "a").write_bytes(content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :])
        try:
            again = files.read(tmp_path / "a", "thing")  # a date or a system may be another one
        except CorruptFileError:
            continue
        np.testing.assert_array_equal(again["a"], tree["a"])


def test_awkward_names_and_depths(tmp_path):
    odd = "a\0b\\c\ud800" + "x" * 70_000
    tree = {odd: np.ones(2), "backprop.json": np.ones(3), "backprop.sha256": np.ones(1)}
    files.write(tmp_path / "a", "thing", tree)
    found = files.read(tmp_path / "a", "thing")
    assert {key: len(value) for key, value in found.items()} == {
        key: len(value) for key, value in tree.items()
    }
    deep: list = []
    for _ in range(files.DEEPEST - 1):
        deep = [deep]
    files.write(tmp_path / "a", "thing", {"deep": deep})
    assert files.read(tmp_path / "a", "thing") == {"deep": deep}
    tuples = ()
    for _ in range(files.DEEPEST - 1):
        tuples = (tuples,)
    files.write(tmp_path / "a", "thing", {"deep": tuples})
    assert files.read(tmp_path / "a", "thing") == {"deep": tuples}
    with pytest.raises(ValueError, match="nested more than 200 deep"):
        files.write(tmp_path / "a", "thing", {"deep": [deep]})


def test_what_is_too_long_for_a_file_is_refused_when_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_TEXT", 100)
    with pytest.raises(ValueError, match="bytes of plain values are too many"):
        files.write(tmp_path / "a", "thing", {"text": "x" * 100})
    monkeypatch.undo()
    monkeypatch.setattr(archive, "LONGEST_LIST", 500)
    with pytest.raises(ValueError, match="7 arrays are too many for one file"):
        files.write(tmp_path / "a", "thing", {"a": [np.ones(1)] * 5})
    assert names(tmp_path) == []


def test_the_same_tree_makes_the_same_bytes(tmp_path):
    for name in "ab":
        files.write(tmp_path / name, "thing", {"x": np.arange(3.0), "y": [1, "two"]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def hdf5(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))


def zipped(*members):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            for name in members:
                file.writestr(name, "{}")

    return write


def cut_off(path):
    files.write(path, "thing", {"x": np.arange(100.0)})
    path.write_bytes(path.read_bytes()[:-40])


OTHERS = {
    "pickle": (lambda path: path.write_bytes(pickle.dumps([1])), "a pickle, which is never opened"),
    "text": (lambda path: path.write_text("hello"), "no .npz archive"),
    "nothing": (lambda path: path.write_bytes(b""), "it is empty"),
    "page": (lambda path: path.write_text("<html></html>"), "a web page"),
    "HDF5": (hdf5, "an HDF5 file, as Keras writes them: .*load_weights"),
    "gzip": (lambda path: path.write_bytes(b"\x1f\x8b\x08"), "packed by gzip"),
    "Keras": (zipped("config.json", "metadata.json", "model.weights.h5"), "Keras saved"),
    "PyTorch": (zipped("archive/data.pkl"), "a file of PyTorch"),
    "other archive": (zipped("readme.txt"), "an archive of something else"),
    "arrays": (
        lambda path: np.savez(path, W=np.ones(3), b=np.ones(1)),
        "it holds the arrays W, b, which np.load reads",
    ),
    "one array": (lambda path: np.save(path, np.ones(3)), "a single array, which np.load reads"),
    "objects": (
        lambda path: np.savez(path, b=np.ones(1), a=np.array([None])),
        "it holds the arrays b, a, with a pickle of Python objects, which is never opened",
    ),
    "one array of objects": (
        lambda path: np.save(path, np.array([None])),
        "it holds a pickle of Python objects, which is never opened here",
    ),
    "cut off": (cut_off, "it was cut off"),
}


@pytest.mark.parametrize(("write", "words"), OTHERS.values(), ids=OTHERS)
def test_what_a_file_is_that_cannot_be_read_is_said_in_our_words(tmp_path, write, words):
    path = tmp_path / "a.npy"
    write(path)
    made = next(each for each in tmp_path.iterdir())
    with pytest.raises(ValueError, match=words) as caught:
        files.read(made, "thing")
    message = str(caught.value)
    assert message.startswith(f"{str(made)!r} is no file that backprop saved, or it is damaged: ")
    for foreign in ("allow_pickle", "zipfile", "zlib", "BadZip", "magic", "CRC", "not a zip"):
        assert foreign not in message


def test_a_file_that_cannot_be_written_is_called_by_its_own_name(tmp_path, monkeypatch):
    def refuse(path, *rest):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(PermissionError) as caught:
        files.write(tmp_path / "a.npz", "thing", {})
    assert caught.value.filename == str(tmp_path / "a.npz")


def test_kinds_are_told_apart(tmp_path):
    files.write(tmp_path / "a", "thing", {})
    assert files.read(tmp_path / "a", "other", "thing") == {}
    with pytest.raises(ValueError, match="holds a thing, but a model or weights is needed"):
        files.read(tmp_path / "a", "model", "weights")


def test_an_array_that_another_thread_changes_meanwhile_makes_a_whole_file(monkeypatch):
    """As a model does that is saved while ``fit`` runs: each byte is looked at once."""
    monkeypatch.setattr(archive, "PIECE", 24)
    array = np.zeros(20)

    class Changing(io.BytesIO):
        def write(self, part):
            array[:] += 1
            return super().write(part)

    file = Changing()
    archive.write(file, {"a": array}, "digest")
    with zipfile.ZipFile(file) as found:
        content, digest = (found.read(f"{name}.npy") for name in ("a", "digest"))  # and checksums
    expected = hashlib.sha256(archive.beginning("a", len(content)) + content).digest()
    assert np.load(io.BytesIO(digest)).tobytes() == expected
    assert np.load(io.BytesIO(content)).shape == (20,)
