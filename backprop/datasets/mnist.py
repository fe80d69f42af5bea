"""MNIST from files that are already there, or downloaded once, verified, and kept in a cache."""

import math
import os
import zlib

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.durable import FilePath, check_path
from backprop.core.errors import DataError
from backprop.core.file_kinds import kind_of_file
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.datasets.download import SHA256, cache_folder, download
from backprop.datasets.splitting import Parts, as_images

IMAGES_MAGIC = 0x00000803  # the last byte of an IDX magic number is the number of axes
LABELS_MAGIC = 0x00000801


@answered
def load_mnist(path: FilePath | None = None, images: bool = False) -> Parts:
    """70,000 handwritten digits, images of 28×28 pixels: 60,000 for training, 10,000 for the test.

    The rows are flattened images; with ``images=True`` they are ``(N, H, W, C)``, for convolutions.
    Class ``c`` is the digit ``c``. ``path`` names one of

    - an ``.npz`` file with the arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` (Keras's
      ``mnist.npz``);
    - a folder with the four original files ``train-images-idx3-ubyte.gz``,
      ``train-labels-idx1-ubyte.gz``, ``t10k-images-idx3-ubyte.gz`` and
      ``t10k-labels-idx1-ubyte.gz``, packed or unpacked (without ``.gz``), also spelt
      ``train-images.idx3-ubyte``;
    - a folder with ``mnist_train.npz`` and ``mnist_t10k.npz``, each with the arrays ``x``, ``y``.

    Without a path it is the cache folder: that named by the environment variable
    ``BACKPROP_DATA``, else ``backprop`` in the system's place for caches (``~/.cache`` on Linux).
    Original files that are missing there are downloaded first (11.6 MB), checked by their SHA-256.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning applied
    to document recognition, Proceedings of the IEEE 86(11), 2278–2324,
    https://doi.org/10.1109/5.726791. Y. LeCun and C. Cortes hold the copyright of the set and
    offer it under CC BY-SA 3.0; it is no part of this package.

    Args:
        path: The file or folder to read, or None for the cache and the download.
        images: Whether the samples are images.

    Returns:
        ``(X, y), (X_test, y_test)``: X float32 ``(N, 784)``, or ``(N, 28, 28, 1)`` with ``images``,
        in [0, 1], y int64 ``(N,)``.

    Raises:
        TypeError: ``path`` is not a path.
        DataError: The path does not exist, a file is missing, truncated or not what it should be,
            or the download failed.

    Example:
        >>> X, y = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
        >>> np.savez("mnist.npz", x_train=X, y_train=y, x_test=X, y_test=y)
        >>> (X, y), (X_test, y_test) = bp.datasets.load_mnist("mnist.npz")
        >>> X.shape
        (1, 784)
    """
    if path is None:
        place = cache_folder()
        for name in _missing(place):
            download(name, place)
    else:
        place = check_path(path, "path")
    parts = _read(place)
    return as_images(parts, (28, 28, 1)) if check_flag(images, "images") else parts


def _read(place: str) -> Parts:
    """Read both parts of MNIST from a file or a folder."""
    if os.path.isfile(place):
        return _read_npz(place, "x_train", "y_train"), _read_npz(place, "x_test", "y_test")
    if not os.path.isdir(place):
        raise DataError(
            f"path {place!r} does not exist: pass an .npz file or a folder that holds MNIST, or "
            f"no path to download it."
        )
    if missing := _missing(place):
        raise DataError(
            f"The folder {place!r} lacks {', '.join(missing)}: pass a folder that holds these "
            f"four files of MNIST (with or without .gz), or mnist_train.npz and mnist_t10k.npz; "
            f"or no path to download them."
        )
    train_npz, test_npz = _npz_pair(place)
    if os.path.isfile(train_npz):
        return _read_npz(train_npz, "x", "y"), _read_npz(test_npz, "x", "y")
    return _read_idx_pair(place, "train"), _read_idx_pair(place, "t10k")


def _npz_pair(folder: str) -> tuple[str, str]:
    return os.path.join(folder, "mnist_train.npz"), os.path.join(folder, "mnist_t10k.npz")


def _missing(folder: str) -> list[str]:
    """The original files that the folder lacks; none if it holds the pair of npz files."""
    if all(map(os.path.isfile, _npz_pair(folder))):
        return []
    return [name for name in SHA256 if not os.path.isfile(_find(folder, name))]


def _find(folder: str, name: str) -> str:
    """The path of an original file, in that of the usual spellings which is there."""
    plain = name.removesuffix(".gz")
    spellings = (plain, plain.replace("-idx", ".idx"))
    files = [os.path.join(folder, f"{each}{end}") for each in spellings for end in ("", ".gz")]
    return next(filter(os.path.isfile, files), files[0])


def _read_idx_pair(folder: str, part: str) -> tuple[Array, Array]:
    images = _find(folder, f"{part}-images-idx3-ubyte.gz")
    labels = _find(folder, f"{part}-labels-idx1-ubyte.gz")
    return _to_samples(_read_idx(images, IMAGES_MAGIC), _read_idx(labels, LABELS_MAGIC), images)


def _read_idx(file: str, magic: int) -> Array:
    """Reads an IDX file: magic number, sizes of the axes (big-endian, 4 bytes each), uint8 values.

    Raises:
        DataError: The magic number is another, or the file is not as long as its header says.
    """
    with open(file, "rb") as stream:
        data = stream.read()
    whole = True
    if data.startswith(b"\x1f\x8b"):  # gzip, whatever the file is called
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data)
        except zlib.error as error:
            raise DataError(f"{file} is damaged: delete it and download it again.") from error
        whole = unpacker.eof
    n_axes = magic & 0xFF
    header = 4 * (1 + n_axes)
    if len(data) < header:
        raise DataError(
            f"{file} is truncated: expected a header of {header} bytes, found {len(data)} in "
            f"all. Delete it and download it again."
        )
    numbers = [int.from_bytes(data[i : i + 4], "big") for i in range(0, header, 4)]
    if numbers[0] != magic:
        raise DataError(
            f"{file} has the magic number {numbers[0]}, expected {magic} for IDX data with "
            f"{n_axes} axes: this is another file than its name says, download it again."
        )
    size = header + math.prod(numbers[1:])
    if len(data) != size or not whole:
        ending = "" if whole else ", and the gzip stream ends early"
        raise DataError(
            f"{file} is truncated or damaged: its header promises {size} bytes (unpacked), found "
            f"{len(data)}{ending}. Delete it and download it again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(numbers[1:])


def _read_npz(file: str, x_name: str, y_name: str) -> tuple[Array, Array]:
    """Reads one part of MNIST from two arrays of an npz file.

    Raises:
        DataError: The file is no npz, damaged, or has no such arrays.
    """
    import zipfile  # np.load needs it anyway; nothing else in the package does

    try:
        # NumPy does not close a file that it opened itself and could not read.
        with open(file, "rb") as stream:
            archive = np.load(stream)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            if missing := {x_name, y_name} - set(archive.files):
                raise DataError(
                    f"{file} has the arrays {', '.join(archive.files) or '(none)'} but lacks "
                    f"{', '.join(sorted(missing))}: pass an .npz of MNIST with these names."
                )
            x, y = archive[x_name], archive[y_name]
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"{file} is not a readable .npz file: {kind_of_file(file)}. Download it again, or, for "
            f"the four original files of MNIST, pass the folder that holds them."
        ) from error
    return _to_samples(x, y, file)


def _to_samples(images: Array, labels: Array, file: str) -> tuple[Array, Array]:
    """Flattens and scales images, ``(N, 28, 28)`` uint8 -> ``(N, 784)`` float32 in [0, 1].

    Raises:
        DataError: Images or labels are not those of MNIST.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(
            f"{file} has images of shape {images.shape} and dtype {images.dtype}, expected "
            f"(N, 28, 28) and uint8: pass the files of MNIST."
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DataError(
            f"{file} has {len(images)} images, but its labels have shape {labels.shape} and dtype "
            f"{labels.dtype}, expected one integer an image: take both from the same source."
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() <= 9):
        raise DataError(
            f"The labels of {file} run from {labels.min()} to {labels.max()}, expected digits "
            f"from 0 to 9: pass the files of MNIST."
        )
    # This division converts block by block, without a second array of floats.
    X: Array = np.divide(images.reshape(len(images), 784), 255, dtype=np.float32)
    return X, labels.astype(np.int64)
