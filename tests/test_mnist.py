"""MNIST from every kind of source, whole and damaged, by download and from the cache."""

import gzip
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from measuring import peak

from backprop.core.errors import DataError
from backprop.datasets import download, load_mnist

REAL_MNIST = Path(__file__).parents[2] / "shared" / "data"

# ------------------------------------------------------------------------- MNIST: small doubles

TRAIN_LABELS, TEST_LABELS = [5, 0, 4, 1, 9], [7, 2, 1]


def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def arrays():
    rng = np.random.default_rng(11)
    return {
        "x_train": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_train": np.array(TRAIN_LABELS, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": np.array(TEST_LABELS, dtype=np.uint8),
    }


@pytest.fixture
def plain_files(arrays):
    """The four files unpacked, by the names that the packed ones have."""
    return {name: idx(array) for name, array in zip(download.SHA256, arrays.values(), strict=True)}


@pytest.fixture
def packed_files(plain_files):
    return {name: gzip.compress(data, mtime=0) for name, data in plain_files.items()}


def write(folder, files, rename=lambda name: name):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / rename(name)).write_bytes(data)
    return folder


def assert_is_the_double(parts, arrays):
    for (X, y), part in zip(parts, ("train", "test"), strict=True):
        images = arrays[f"x_{part}"]
        assert X.dtype == np.float32
        assert y.dtype == np.int64
        assert X.flags.c_contiguous
        assert X.flags.writeable
        assert X.shape == (len(images), 784)
        assert (X.min(), X.max()) == (0, 1)
        np.testing.assert_array_equal(y, arrays[f"y_{part}"])
        np.testing.assert_allclose(X.reshape(-1, 28, 28), images / 255, rtol=1e-7)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("ending", [".gz", ""])  # it need not say what is inside
@pytest.mark.parametrize("dotted", [False, True])
def test_folder_of_the_four_files(
    tmp_path, arrays, plain_files, packed_files, dotted, ending, packed
):
    def rename(name):
        plain = name.removesuffix(".gz") + ending
        return plain.replace("-idx", ".idx") if dotted else plain

    folder = write(tmp_path, packed_files if packed else plain_files, rename)
    for path in (folder, str(folder)):
        assert_is_the_double(load_mnist(path), arrays)


def test_npz_with_the_names_of_keras(tmp_path, arrays):
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert_is_the_double(load_mnist(tmp_path / "mnist.npz"), arrays)


def test_images_keep_their_axes(tmp_path, arrays):
    file = tmp_path / "mnist.npz"
    np.savez(file, **arrays)
    rows, images = load_mnist(file), load_mnist(file, images=True)
    for (X, y), (P, same) in zip(rows, images, strict=True):
        assert P.shape == (len(X), 28, 28, 1)
        np.testing.assert_array_equal(P.reshape(len(X), -1), X)
        np.testing.assert_array_equal(y, same)


def test_folder_with_one_npz_for_each_part(tmp_path, arrays):
    for file, part in (("mnist_train", "train"), ("mnist_t10k", "test")):
        np.savez_compressed(tmp_path / file, x=arrays[f"x_{part}"], y=arrays[f"y_{part}"])
    assert_is_the_double(load_mnist(tmp_path), arrays)


def test_tilde_means_home(tmp_path, monkeypatch, arrays, packed_files):
    write(tmp_path / "digits", packed_files)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert_is_the_double(load_mnist("~/digits"), arrays)


def test_conversion_needs_no_more_than_the_result_and_the_raw_bytes(tmp_path, arrays):
    images = np.full((4000, 28, 28), 255, dtype=np.uint8)
    labels = np.zeros(4000, dtype=np.uint8)
    files = {
        name: idx(array)
        for name, array in zip(
            download.SHA256, (images, labels, arrays["x_test"], arrays["y_test"]), strict=True
        )
    }
    folder = write(tmp_path, files, lambda name: name.removesuffix(".gz"))
    most = peak(lambda: load_mnist(folder))
    (X, y), _ = load_mnist(folder)
    assert most < X.nbytes + y.nbytes + images.nbytes + 500_000  # a float64 copy: 25 MB


# --------------------------------------------------------------------------- MNIST: wrong files


def test_path_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' does not exist: pass an \.npz file or a folder"):
        load_mnist(tmp_path / "nowhere")


def test_path_of_another_type():
    with pytest.raises(
        TypeError, match=r"path must be a path, a string or a pathlib\.Path, but it is 3"
    ):
        load_mnist(3)


def test_folder_that_lacks_files_names_them(tmp_path, packed_files):
    write(tmp_path, packed_files)
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-images-idx3-ubyte\.gz: pass a folder"):
        load_mnist(tmp_path)


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (IMAGES, lambda data: data[:1000], rf"{IMAGES} .*3936 bytes.*found 1000\b"),
        (LABELS, lambda data: data + b"\0", rf"{LABELS} .*13 bytes.*found 14\b"),
        (LABELS, lambda data: b"", rf"{LABELS} is truncated.* header of 8 bytes, found 0\b"),
        (f"{IMAGES}.gz", lambda data: data[:2000], r"gz is truncated.*3936 bytes.*ends early"),
        (f"{IMAGES}.gz", lambda data: data[:-8], r"gz is truncated.*3936 bytes.*ends early"),
        (
            f"{IMAGES}.gz",
            lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],  # in the checksum
            rf"{IMAGES}\.gz is damaged.*delete it",
        ),
        (
            f"{LABELS}.gz",
            lambda data: gzip.compress(idx(np.zeros((5, 28, 28), np.uint8))),
            rf"{LABELS}.* magic number 2051, expected 2049",
        ),
    ],
    ids=["cut", "longer", "empty", "half packed", "packed, cut", "flipped bit", "other magic"],
)
def test_damaged_file_is_named(tmp_path, plain_files, packed_files, name, change, message):
    if name.endswith(".gz"):
        folder = write(tmp_path, packed_files)
    else:
        folder = write(tmp_path, plain_files, lambda name: name.removesuffix(".gz"))
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(DataError, match=message):
        load_mnist(folder)


def test_npz_without_the_keys(tmp_path, arrays):
    del arrays["y_test"], arrays["x_test"]
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(DataError, match="has the arrays x_train, y_train but lacks x_test, y_test"):
        load_mnist(tmp_path / "mnist.npz")


@pytest.mark.parametrize("damage", ["text", "truncated", "flipped", "empty", "npy", "object"])
def test_npz_that_cannot_be_read(tmp_path, arrays, damage):
    file = tmp_path / "mnist.npz"
    if damage == "object":
        arrays["x_train"] = np.array([None])
    np.savez_compressed(file, **arrays)
    data = bytearray(file.read_bytes())
    if damage == "npy":
        np.save(tmp_path / "single", np.zeros(3))
        data = (tmp_path / "single.npy").read_bytes()
    elif damage == "flipped":
        data[1000] ^= 255
    file.write_bytes(
        {"text": b"<html>not found</html>", "truncated": data[:2000], "empty": b""}.get(
            damage, data
        )
    )
    with pytest.raises(DataError, match=r"mnist\.npz is not a readable \.npz file"):
        load_mnist(file)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x_train", np.zeros((5, 28, 28)), r"\(5, 28, 28\) and dtype float64, expected \(N, 28"),
        ("x_train", np.zeros((5, 784), dtype=np.uint8), r"images of shape \(5, 784\)"),
        ("x_test", np.zeros((3, 32, 32), dtype=np.uint8), r"images of shape \(3, 32, 32\)"),
        ("y_train", np.zeros(4, dtype=np.uint8), r"5 images, but its labels have shape \(4,\)"),
        ("y_train", np.zeros(5), "labels have shape .* dtype float64"),
        ("y_test", np.array([0, 1, 10]), "labels of .* run from 0 to 10, expected digits"),
        ("y_test", np.array([0, 1, -1]), "labels of .* run from -1 to 1, expected digits"),
    ],
)
def test_arrays_that_are_not_mnist(tmp_path, arrays, name, value, message):
    np.savez(tmp_path / "mnist.npz", **(arrays | {name: value}))
    with pytest.raises(DataError, match=message):
        load_mnist(tmp_path / "mnist.npz")


# --------------------------------------------------------------------- MNIST: cache and download


class FileHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        data = self.server.files.get(self.path.rpartition("/")[2])
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.server.sent])

    def log_message(self, *args):
        pass


@contextmanager
def mirror_of(files):
    """A mirror on this machine that has these files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), FileHandler) as mirror:
        mirror.files, mirror.requests, mirror.sent = files, [], None
        mirror.url = f"http://127.0.0.1:{mirror.server_port}/mnist/"
        thread = threading.Thread(target=mirror.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield mirror
        finally:
            mirror.shutdown()
            thread.join()


@pytest.fixture
def server(monkeypatch, packed_files):
    """The only mirror, whose files are the right ones."""
    with mirror_of(dict(packed_files)) as mirror:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(download, "MIRRORS", (mirror.url,))
        for name, data in packed_files.items():
            monkeypatch.setitem(download.SHA256, name, hashlib.sha256(data).hexdigest())
        yield mirror


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("BACKPROP_DATA", str(folder))
    return folder


def test_download_then_cache_without_the_server(server, cache, arrays, packed_files, capfd):
    assert_is_the_double(load_mnist(), arrays)
    assert sorted(server.requests) == sorted(f"/mnist/{name}" for name in packed_files)
    assert {file.name: file.read_bytes() for file in cache.iterdir()} == packed_files
    assert "train-images-idx3-ubyte.gz: 100%" in capfd.readouterr().err

    server.files.clear()
    server.requests.clear()
    assert_is_the_double(load_mnist(), arrays)
    assert server.requests == []


def test_only_missing_files_are_downloaded(server, cache, arrays, packed_files):
    write(cache, {name: data for name, data in packed_files.items() if "images" in name})
    assert_is_the_double(load_mnist(), arrays)
    assert len(server.requests) == 2
    assert all("labels" in path for path in server.requests)


def test_npz_files_in_the_cache_need_no_download(server, cache, arrays):
    cache.mkdir(parents=True)
    np.savez(cache / "mnist_train.npz", x=arrays["x_train"], y=arrays["y_train"])
    np.savez(cache / "mnist_t10k.npz", x=arrays["x_test"], y=arrays["y_test"])
    assert_is_the_double(load_mnist(), arrays)
    assert server.requests == []


def test_second_mirror_is_asked_when_the_first_fails(server, cache, arrays, monkeypatch):
    first = server.url.replace("/mnist/", "/gone/")
    server.files.pop("train-labels-idx1-ubyte.gz")
    labels = gzip.compress(idx(arrays["y_train"]), mtime=0)
    with mirror_of(server.files | {"train-labels-idx1-ubyte.gz": labels}) as other:
        monkeypatch.setattr(download, "MIRRORS", (first, other.url))
        assert_is_the_double(load_mnist(), arrays)
    assert other.requests == ["/mnist/train-labels-idx1-ubyte.gz"]


def test_wrong_checksum_leaves_nothing_behind(server, cache):
    wrong = gzip.compress(b"something else")
    server.files["train-images-idx3-ubyte.gz"] = wrong
    with pytest.raises(DataError) as caught:
        load_mnist()
    message = str(caught.value)
    assert f"{server.url}train-images-idx3-ubyte.gz: wrong checksum" in message
    assert download.SHA256["train-images-idx3-ubyte.gz"] in message
    assert hashlib.sha256(wrong).hexdigest() in message
    assert not cache.parent.exists()


def test_failure_in_the_middle_keeps_whole_files_only(server, cache, arrays, packed_files):
    server.files["t10k-images-idx3-ubyte.gz"] = b""
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: wrong checksum"):
        load_mnist()
    kept = {file.name: file.read_bytes() for file in cache.iterdir()}
    assert kept == {name: packed_files[name] for name in list(packed_files)[:2]}

    server.files.update(packed_files)
    assert_is_the_double(load_mnist(), arrays)


def test_truncated_download_names_the_sizes_and_leaves_nothing_behind(server, cache, packed_files):
    server.sent = 1000
    size = len(packed_files["train-images-idx3-ubyte.gz"])
    with pytest.raises(DataError, match=rf"truncated, expected {size} bytes, received 1000\b"):
        load_mnist()
    assert not cache.parent.exists()


def test_file_that_the_mirror_does_not_have(server, cache):
    server.files.clear()
    with pytest.raises(DataError, match="the server answered 404, Not Found"):
        load_mnist()
    assert not cache.parent.exists()


def test_refused_connection_names_urls_cache_and_what_to_do(server, cache, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), FileHandler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/mnist/"
    monkeypatch.setattr(download, "MIRRORS", (url,))
    with pytest.raises(DataError) as caught:
        load_mnist()
    message = str(caught.value)
    assert f"{url}train-images-idx3-ubyte.gz: Connection refused" in message
    assert str(cache) in message
    assert "by hand" in message
    assert "t10k-labels-idx1-ubyte.gz" in message
    assert "pass that folder as path" in message
    assert not cache.parent.exists()


def test_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("BACKPROP_DATA", str(blocked / "cache"))
    with pytest.raises(DataError, match=r"cannot be kept in the cache folder.*BACKPROP_DATA"):
        load_mnist()
    assert blocked.read_text() == "not a folder"


def test_no_partial_file_stays_when_writing_fails(server, cache, monkeypatch):
    def refuse(source, target):
        assert Path(source).parent == Path(target).parent  # else the move would not be atomic
        raise OSError("disk full")

    monkeypatch.setattr(download.os, "replace", refuse)
    with pytest.raises(DataError, match="disk full"):
        load_mnist()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "~/.cache/backprop"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/backprop"),
        ("darwin", {}, "~/Library/Caches/backprop"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/backprop"),
        ("linux", {"BACKPROP_DATA": "~/mine", "XDG_CACHE_HOME": "/x"}, "~/mine"),
    ],
)
def test_cache_folder(monkeypatch, platform, variables, expected):
    for name in ("BACKPROP_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(download.sys, "platform", platform)
    assert Path(download.cache_folder()) == Path(expected).expanduser()


# -------------------------------------------------------------------------------- the real MNIST


@pytest.mark.skipif(not (REAL_MNIST / "mnist_train.npz").exists(), reason="no real MNIST here")
def test_real_mnist_has_the_published_counts_and_moments():
    (X, y), (X_test, y_test) = load_mnist(REAL_MNIST)
    assert X.shape == (60000, 784)
    assert X_test.shape == (10000, 784)
    assert y[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (X.min(), X.max()) == (0, 1)
    np.testing.assert_allclose(X.mean(), 0.1307, atol=5e-5)
    np.testing.assert_allclose(X.std(), 0.3081, atol=5e-5)
