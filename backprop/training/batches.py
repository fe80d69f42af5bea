"""Mini-batches drawn from arrays into buffers that are used again and again."""

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
            if order is None:
                rows = [self._slice(k, start, stop) for k in range(len(self._arrays))]
            else:
                index = order[start:stop]
                rows = [self._draw(k, index) for k in range(len(self._arrays))]
            yield rows[0], rows[1], rows[2] if len(rows) > 2 else None

    def _draw(self, k: int, index: Array) -> Array:
        source, out = self._arrays[k], self._buffers[k]
        if out is None:
            return source[index]
        if len(index) < len(out):
            out = out[: len(index)]
        if source.dtype == out.dtype and source.flags.c_contiguous:
            # "clip" writes straight into out; the indices are in range by construction
            return source.take(index, 0, out, "clip")
        out[...] = source[index]
        return out

    def _slice(self, k: int, start: int, stop: int) -> Array:
        source, out = self._arrays[k][start:stop], self._buffers[k]
        if out is None or source.dtype == out.dtype:
            return source
        out = out[: len(source)]
        out[...] = source
        return out
