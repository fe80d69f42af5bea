"""Arrays in files that are larger than memory, read in blocks while the steps go on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.errors import ShapeError
from backprop.core.ranges import check_finite, check_weights
from backprop.core.readable import is_shaped
from backprop.core.types import Array, is_sparse
from backprop.data.inputs import check_rows

BLOCK_BYTES = 1 << 22
"""Bytes of the inputs that are read at once: one contiguous read of 4 MiB."""

BUFFER_BYTES = 1 << 26
"""Bytes of the inputs, 64 MiB, whose rows are shuffled together: some blocks from anywhere."""


def on_disk(x: Any) -> bool:
    """Whether x is a large array in a file: of h5py, PyTables, zarr, netCDF4, and the like.

    It has ``shape``, ``dtype`` and slices by rows, is read only when asked for them, and is larger
    than 64 MiB; a smaller one is simply read.

    Raises:
        ValueError: Its file is closed.
    """
    if isinstance(x, np.ndarray | np.generic | list | tuple) or is_sparse(x):
        return False
    if not hasattr(type(x), "__getitem__"):
        return False
    if any(hasattr(x, name) for name in ("__array_interface__", "__dlpack__", "iloc")):
        return False  # its numbers are in memory
    try:
        shaped = is_shaped(x)
    except ValueError as error:  # h5py's
        raise ValueError(
            f"a {type(x).__name__} cannot be read ({error}): is its file closed? Use it inside of "
            f"the block that opens the file."
        ) from error
    return shaped and math.prod(x.shape) * x.dtype.itemsize > BUFFER_BYTES


class RowsOnDisk:
    """Batches of arrays in files, again in every epoch; call it for each.

    The blocks come in another order in each epoch, and the rows of as many blocks as make 64 MiB
    are shuffled together. A thread reads the next ones meanwhile. So at most twice that is in
    memory, and a row can only meet those of its buffer in a batch: data in which neighbours are
    alike, such as rows sorted by class, are better shuffled on disk once.

    Args:
        arrays: Inputs, targets and perhaps weights, on disk or in memory, with a row for each
            sample.
        names: Their names, for error messages.
        batch_size: Samples in a batch; the last one of an epoch may be smaller.
        rng: Shuffles the rows; None keeps their order.
        rows: Which of the rows are used; all unless given.

    Attributes:
        waited: Seconds for which steps have waited for rows so far.

    Raises:
        ShapeError: They have different lengths, or none, or inputs have one axis alone.
    """

    def __init__(
        self,
        arrays: list[Any],
        names: list[str],
        batch_size: int,
        rng: np.random.Generator | None = None,
        rows: range | None = None,
    ) -> None:
        check_rows(np.broadcast_to(0, arrays[0].shape), names[0], arrays[0])
        lengths = [array.shape[0] for array in arrays]
        if len(set(lengths)) > 1 or not lengths[0]:
            found = ", ".join(f"{name} has {n}" for name, n in zip(names, lengths, strict=True))
            raise ShapeError(f"there must be as many rows of each, and at least one, but {found}.")
        self._arrays, self._names, self._size, self._rng = arrays, names, batch_size, rng
        self.waited, self._drawn = 0.0, ([range(0)], slice(0))
        self._rows = range(lengths[0]) if rows is None else rows
        row = max(math.prod(arrays[0].shape[1:]) * arrays[0].dtype.itemsize, 1)
        self._block = -(-BLOCK_BYTES // (row * batch_size)) * batch_size  # of whole batches
        self._buffer = max(1, BUFFER_BYTES // (row * self._block))  # in blocks

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._rows) // self._size)

    def __call__(self) -> Iterator[tuple[Array, ...]]:
        """The batches of an epoch."""
        from concurrent.futures import ThreadPoolExecutor  # which takes long to load

        reader = ThreadPoolExecutor(1, "backprop-reads")
        try:
            groups = self._groups()
            ahead = reader.submit(self._read, groups[0])
            for group, following in zip(groups, [*groups[1:], None], strict=True):
                start = perf_counter()
                rows = ahead.result()
                self.waited += perf_counter() - start
                if following is not None:
                    ahead = reader.submit(self._read, following)
                n = len(rows[0])
                order = None if self._rng is None else self._rng.permutation(n)
                for first in range(0, n, self._size):
                    some: Any = slice(first, first + self._size)
                    some = some if order is None else order[some]
                    self._drawn = group, some
                    yield tuple(array[some] for array in rows)
        finally:
            # an epoch that an error cut off is collected on any thread, even on that of zarr or
            # under the lock of h5py, for which the reader waits: it must not wait for the reader
            reader.shutdown(wait=False, cancel_futures=True)

    def go_on(self, epochs: int) -> None:
        """Does nothing: the orders come from the model's generator, which goes on by itself."""

    def refuse(self, batch: Sequence[Array], dtype: Any) -> None:
        """Refuses numbers of the last batch as ``fit`` does, but names their rows in the file.

        Raises:
            ValueError: They are not finite in that dtype, or are negative weights.
        """
        blocks, some = self._drawn
        rows = np.concatenate(blocks)[some]
        for array, name in zip(batch, self._names, strict=True):
            check_finite(array, f"{name} holds", dtype, rows)
        if len(batch) > 2:
            check_weights(batch[2], dtype, self._names[2], rows)

    def _groups(self) -> list[list[range]]:
        """The blocks that are read into the buffer together; the shorter one is always last."""
        starts = range(0, len(self._rows), self._block)
        blocks = [self._rows[start : start + self._block] for start in starts]
        if self._rng is not None:
            order = self._rng.permutation(len(blocks) - 1)
            blocks = [*(blocks[k] for k in order), blocks[-1]]
        size = self._buffer
        return [blocks[k : k + size] for k in range(0, len(blocks), size)]

    def _read(self, blocks: list[range]) -> list[Array]:
        """The rows of some blocks, a block at a time."""
        found = []
        for array, name in zip(self._arrays, self._names, strict=True):
            rows = np.empty((sum(map(len, blocks)), *array.shape[1:]), array.dtype)
            stop = 0
            for block in blocks:
                start, stop = stop, stop + len(block)
                what = f"{name}[{block.start}:{block.stop}]"  # where something is masked
                some = to_array(array[block.start : block.stop], what)
                if len(some) != len(block):
                    raise ShapeError(
                        f"the rows {block.start} to {block.stop - 1} of {name} are {len(some)} "
                        f"rows now: the file has become shorter since the training began."
                    )
                if array is self._arrays[0]:
                    check_finite(some, f"{name} holds", first_row=block.start)
                rows[start:stop] = some
            found.append(rows)
        return found
