"""Mini-batches drawn from arrays into buffers that are used again and again."""

from __future__ import annotations  # numpy.random loads when the first model is made

from collections.abc import Iterator
from typing import Any

import numpy as np

from backprop.core.types import Array, is_sparse
from backprop.training.data import Data

CONVERT_BELOW = 1 << 26
"""Inputs of another dtype are converted once if that takes less than these 64 MiB."""


class Batches:
    """The batches of an epoch; iterate once for each epoch.

    Shuffled batches are copied into one buffer, valid until the next batch is drawn; unshuffled
    ones are views of the data where the dtype allows. The last batch may be shorter. Rows of a
    sparse matrix stay sparse.

    Args:
        data: Checked arrays.
        batch_size: Samples in a batch.
        dtype: The dtype that the model computes in.
        rng: Shuffles the samples anew in each epoch; None keeps their order.
        steps: The most batches that an epoch takes; all unless given.

    Attributes:
        sample_shape: The shape of one input sample.
        steps: Batches in an epoch.
        batch_size: Samples in a batch.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int,
        dtype: np.dtype[Any],
        rng: np.random.Generator | None = None,
        steps: int | None = None,
    ) -> None:
        X = data.X
        if is_sparse(X):
            X = X.astype(dtype)
        elif X.dtype != dtype and X.size * dtype.itemsize <= CONVERT_BELOW:
            X = np.ascontiguousarray(X, dtype)
        self._arrays = [X, data.y] + ([] if data.weight is None else [data.weight])
        dtypes = [dtype] + [array.dtype for array in self._arrays[1:]]
        self._size = self.batch_size = min(batch_size, len(data))
        self._buffers = [
            None if is_sparse(array) else np.empty((self._size, *array.shape[1:]), kind)
            for array, kind in zip(self._arrays, dtypes, strict=True)
        ]
        self._shorter: dict[int, list[Array | None]] = {}
        self._rng = rng
        self._n = len(data)
        self.sample_shape = tuple(X.shape[1:])
        whole = -(-self._n // self._size)
        self.steps = whole if steps is None else min(steps, whole)

    def __iter__(self) -> Iterator[tuple[Array, Array, Array | None]]:
        n, size = self._n, self._size
        order = None if self._rng is None else self._rng.permutation(n)
        for start in range(0, self.steps * size, size):
            stop = min(start + size, n)
            buffers = self._buffers if stop - start == size else self._first_rows(stop - start)
            if order is None:
                rows = [
                    pass_on(source[start:stop], out)
                    for source, out in zip(self._arrays, buffers, strict=True)
                ]
            else:
                index = order[start:stop]
                rows = [
                    draw(source, index, out)
                    for source, out in zip(self._arrays, buffers, strict=True)
                ]
            yield rows[0], rows[1], rows[2] if len(rows) > 2 else None

    def _first_rows(self, n: int) -> list[Array | None]:
        """The buffers of a shorter batch: the same arrays at every call."""
        if n not in self._shorter:
            self._shorter[n] = [None if out is None else out[:n] for out in self._buffers]
        return self._shorter[n]


def draw(source: Array, index: Array, out: Array | None) -> Array:
    """These rows of the source, in ``out`` unless they are sparse."""
    if out is None:
        return source[index]
    if source.dtype == out.dtype and source.flags.c_contiguous:
        # "clip" writes straight into out; the indices are in range by construction
        return source.take(index, 0, out, "clip")
    out[...] = source[index]
    return out


def pass_on(rows: Array, out: Array | None) -> Array:
    """The rows themselves, or in ``out`` if they have another dtype."""
    if out is None or rows.dtype == out.dtype:
        return rows
    out[...] = rows
    return out
