"""Batches of tables and images that stay in their files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from backprop.core.array_errors import refuse_gap
from backprop.core.arrays import as_numbers
from backprop.core.checks import check_flag, check_integer, check_list, is_row
from backprop.core.durable import FilePath, check_file, check_path
from backprop.core.errors import CorruptFileError, said
from backprop.core.file_kinds import check_regular, foreign_kind, kind_or_damage
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.datasets.orders import Orders

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""The files in a folder that are taken for images."""


class Parquet(Orders):
    """Batches ``(x, y)`` of a Parquet file's rows; ``fit`` begins anew in every epoch.

    Made by ``from_parquet``.
    """

    def __init__(
        self, path: FilePath, columns: Sequence[str], target: str, batch_size: int, seed: int | None
    ) -> None:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise ImportError("Parquet files need pyarrow: pip install pyarrow") from error
        self._parquet = parquet
        names = check_list(columns, "columns") if is_row(columns) else []
        if not names:
            raise TypeError(
                f"columns must be a list of names of columns, but it is {said(columns)}."
            )
        self.path, self.columns, self.target = check_file(path), names, target
        self.batch_size = check_integer(batch_size, "batch_size")
        super().__init__(seed)
        check_regular(self.path)
        with self._opened() as file:
            known, groups = file.schema_arrow.names, range(file.num_row_groups)
            self._sizes = [file.metadata.row_group(k).num_rows for k in groups]
        missing = [name for name in [*self.columns, target] if name not in known]
        if missing:
            raise ValueError(
                f"{self.path} has no column {missing[0]!r}: it has {', '.join(known)}."
            )

    @property
    def column_names(self) -> list[str]:
        """The columns of the inputs: a model that was trained on them refuses others."""
        return self.columns

    def __len__(self) -> int:
        """Batches in an epoch."""
        return sum(-(-n // self.batch_size) for n in self._sizes)

    def __call__(self) -> Iterator[tuple[Array, Array]]:
        """The batches of an epoch: groups of rows in another order, their rows shuffled."""
        groups, rng = np.arange(len(self._sizes)), self._next_rng()
        if rng is not None:
            rng.shuffle(groups)
        names = [*self.columns, self.target]
        with self._opened() as file:
            for group in groups.tolist():
                with self._reading():
                    table = file.read_row_group(group, columns=names)
                first = sum(self._sizes[:group])
                x = np.column_stack([numbers_in(table, name, first) for name in self.columns])
                y = numbers_in(table, self.target, first)
                n = len(y)
                order = np.arange(n) if rng is None else rng.permutation(n)
                for start in range(0, n, self.batch_size):
                    some = order[start : start + self.batch_size]
                    yield x[some], y[some]

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The open file."""
        with open(self.path, "rb") as stream:
            with self._reading():
                file = self._parquet.ParquetFile(stream, page_checksum_verification=True)
            yield file

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Tells errors of the reader in our words.

        Raises:
            CorruptFileError: It is no Parquet file, or damaged.
        """
        try:
            yield
        except (ValueError, OSError) as error:  # pyarrow's are derived from these
            why = kind_or_damage(self.path, (b"PAR1",), str(error).strip().rstrip("."))
            raise CorruptFileError(
                f"{self.path!r} is no Parquet file, or it is damaged: {why}."
            ) from error


@answered
def from_parquet(
    path: FilePath,
    columns: Sequence[str],
    target: str,
    batch_size: int = 1024,
    seed: int | None = None,
) -> Parquet:
    """Batches of a Parquet file that may be larger than memory, for ``fit`` and ``evaluate``.

    One group of rows is in memory at a time. ``model.fit(from_parquet(path, ["a", "b"], "y"))``.
    A damaged page of numbers is noticed if it has a checksum, which pyarrow writes only when asked:
    ``pyarrow.parquet.write_table(…, write_page_checksum=True)``.

    Args:
        path: The file.
        columns: The columns of the inputs, in this order.
        target: The column of the targets.
        batch_size: Rows in a batch; the last of each group of rows may be smaller.
        seed: Shuffles the groups of rows, and the rows in each, anew in every epoch, and in every
            ``predict`` too; None keeps their order.

    Raises:
        ImportError: pyarrow is not installed.
        CorruptFileError: It is no Parquet file, or damaged.
        ValueError: The file has no such column.

    Example:
        >>> import pandas as pd
        >>> pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "y": [0, 1]}).to_parquet("t.parquet")
        >>> batches = bp.datasets.from_parquet("t.parquet", ["a", "b"], "y")
        >>> next(iter(batches()))
        (array([[1., 3.],
               [2., 4.]]), array([0, 1]))
    """
    return Parquet(path, columns, target, batch_size, seed)


def numbers_in(table: Any, name: str, first: int) -> Array:
    """A column as an array, its decimal fractions as floats.

    Args:
        table: Some rows of the file.
        name: The column.
        first: The number of the first of these rows.

    Raises:
        TypeError: It holds something else than numbers, such as texts or times.
        ValueError: A number is missing.
    """
    what, column = f"the column {name!r}", table[name].to_numpy()
    if column.dtype.kind in "mM":
        raise TypeError(
            f"{what} must hold numbers, but its dtype is {column.dtype}: write it into the file as "
            f"numbers first."
        )
    if table[name].null_count:
        row = first + int(np.argmax(table[name].is_null().to_numpy()))
        refuse_gap(what, "None", f"row {row}")
    return as_numbers(column, what)


class ImageFolder(Orders):
    """Batches ``(x, y)`` of images in folders; ``fit`` begins anew in every epoch.

    Made by ``from_image_folder``.

    Attributes:
        classes: The names of the folders in alphabetical order; y holds their numbers. Folders and
            files whose names begin with a dot do not count.
    """

    def __init__(
        self, path: FilePath, size: tuple[int, int], batch_size: int, grey: bool, seed: int | None
    ) -> None:
        try:
            from PIL.Image import open as read_image
        except ImportError as error:
            raise ImportError("image files need Pillow: pip install pillow") from error
        self._read_image = read_image
        place = check_path(path, "path")
        if not os.path.isdir(place):
            raise NotADirectoryError(f"path is {place!r}: name a folder that holds the images.")
        inside = [each for each in Path(place).iterdir() if each.name[0] != "."]
        folders = sorted(each for each in inside if each.is_dir())
        self.classes = [folder.name for folder in folders]
        self._files = [
            (file, k)
            for k, folder in enumerate(folders)
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in SUFFIXES and file.is_file()
            if not any(part[0] == "." for part in file.relative_to(folder).parts)
        ]
        if not self._files:
            raise ValueError(
                f"{place} holds no images: it needs a folder for each class, with files that end "
                f"in {', '.join(SUFFIXES)}."
            )
        lengths = [check_integer(length, "size") for length in size] if is_row(size) else []
        if len(lengths) != 2:
            raise ValueError(f"size must be (height, width), but it is {said(size)}.")
        height, width = lengths
        self.path, self.size, self.grey = place, (height, width), check_flag(grey, "grey")
        self.batch_size = check_integer(batch_size, "batch_size")
        super().__init__(seed)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._files) // self.batch_size)

    def __call__(self) -> Iterator[tuple[Array, Array]]:
        """The batches of an epoch."""
        n, rng = len(self._files), self._next_rng()
        order = np.arange(n) if rng is None else rng.permutation(n)
        for start in range(0, n, self.batch_size):
            some = [self._files[k] for k in order[start : start + self.batch_size]]
            x = np.stack([self._read(file) for file, _ in some])
            yield x, np.array([k for _, k in some])

    def _read(self, file: Path) -> Array:
        """An image as numbers from 0 to 1, shape ``(height, width, channels)``."""
        height, width = self.size
        try:
            with self._read_image(file) as image:
                deep = image.mode[:4] == "I;16" or (image.mode, image.format) == ("I", "PNG")
                if image.mode in ("I", "F") and not deep:
                    raise ValueError(
                        f"its mode is {image.mode!r}, numbers of no known range: save it with 8 or "
                        f"16 bits for each channel."
                    )
                read = image.convert("F" if deep else "L" if self.grey else "RGB").resize(
                    (width, height)
                )
        except Exception as error:  # of Pillow's many kinds
            why = (foreign_kind(file) if file.is_file() else "") or str(error).rstrip(".")
            raise OSError(f"{file} cannot be read as an image: {why}.") from error
        white = 65535 if deep else 255
        pixels = np.asarray(read, np.float32).reshape(height, width, -1).clip(0, white) / white
        return pixels.repeat(3, -1) if deep and not self.grey else pixels


@answered
def from_image_folder(
    path: FilePath,
    size: tuple[int, int],
    batch_size: int = 32,
    grey: bool = False,
    seed: int | None = 0,
) -> ImageFolder:
    """Batches of images ``(N, height, width, channels)`` from 0 to 1, and the numbers of classes.

    ``model.fit(from_image_folder("cats_and_dogs", (64, 64)), epochs=5)``.

    Args:
        path: A folder that holds a folder of images for each class.
        size: The height and width that every image is brought to.
        batch_size: Images in a batch.
        grey: Whether the images get one channel instead of red, green and blue.
        seed: Shuffles the images anew in every epoch, and in every ``predict`` too; None keeps the
            order of their names.

    Raises:
        ImportError: Pillow is not installed.
        NotADirectoryError: There is no such folder.
        OSError: A file is damaged, or holds numbers of no known range (32 bits, or floating point).
        ValueError: There are no images.

    Example:
        >>> import os
        >>> from PIL import Image
        >>> for name in ("cats", "dogs"):
        ...     os.makedirs(f"pets/{name}")
        ...     Image.new("RGB", (32, 24)).save(f"pets/{name}/1.png")
        >>> X, y = next(iter(bp.datasets.from_image_folder("pets", (8, 8))()))
        >>> X.shape, y.shape
        ((2, 8, 8, 3), (2,))
    """
    return ImageFolder(path, size, batch_size, grey, seed)
