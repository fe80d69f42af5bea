"""Mini-batches drawn from arrays into buffers that are used again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from backprop.core.buffers import new_array
from backprop.core.ranges import check_finite
from backprop.core.types import Array, is_sparse
from backprop.data.samples import Data

CONVERT_BELOW = 1 << 26
"""Inputs of another dtype are converted once if that takes less than these 64 MiB."""

Batch = tuple[Array, Array, Array | None, Array]
"""Inputs, targets, weights if there are any, and the targets as they were given, for metrics."""


class Batches:
    """The batches of an epoch; iterate once for each epoch.

    Shuffled batches are copied into one buffer, valid until the next batch is drawn; unshuffled
    ones are views of the data where the dtype allows. The last batch may be shorter. Rows of a
    sparse matrix stay sparse. Inputs in a memory map, which nobody has read yet, are checked for
    nan, infinity and overflow as they are drawn, until all have been.

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
        n_samples: How many samples there are.
        asked: The batch size and the steps as they were given.
        unread: Whether inputs are going to be checked as they are drawn.
        repeats: Whether the next pass has the order of the last one.
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
        on_disk = isinstance(X, np.memmap)
        if is_sparse(X):
            X = X.astype(dtype)
        elif (X.dtype != dtype or not (on_disk or X[:1].flags.c_contiguous)) and (
            X.size * dtype.itemsize <= CONVERT_BELOW  # rows in one piece are gathered faster, too
        ):
            if on_disk:
                check_finite(X, f"{data.name} holds", dtype, data.first_row)
            X = np.ascontiguousarray(X, dtype)
        self.unread, self._dtype = isinstance(X, np.memmap), dtype
        self._holds, self._first_row = f"{data.name} holds", data.first_row
        self._arrays = [X, data.y]
        self._places = data.weight is not None, data.given is not data.y
        self._arrays += [] if data.weight is None else [data.weight]
        self._arrays += [] if data.given is data.y else [data.given]
        dtypes = [dtype] + [array.dtype for array in self._arrays[1:]]
        self.asked = batch_size, steps
        self._size = self.batch_size = min(batch_size, len(data))
        self._buffers = [
            None if is_sparse(array) else new_array((self._size, *array.shape[1:]), kind)
            for array, kind in zip(self._arrays, dtypes, strict=True)
        ]
        self._shorter: dict[int, list[Array | None]] = {}
        self._made: dict[tuple[int, bool], list[Callable[[Array], Array]]] = {}
        self._rng = rng
        self._order: Array | None = None
        self.repeats = False
        self._n = self.n_samples = len(data)
        self.sample_shape = tuple(X.shape[1:])
        whole = -(-self._n // self._size)
        self.steps = whole if steps is None else min(steps, whole)
        self._whole = self.steps == whole

    def __iter__(self) -> Iterator[Batch]:
        batches = self._in_order() if self._rng is None else self._shuffled(self._rng)
        return self._read(batches) if self.unread else batches

    def _read(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; afterwards a whole memory map has been looked at."""
        yield from batches
        self.unread = not self._whole

    @property
    def named_arrays(self) -> list[tuple[str, Array]]:
        """Inputs, if they are not sparse, targets, and weights if there are any."""
        named = zip(
            ("x", "y", "sample or class weight"), self._arrays[: 2 + self._places[0]], strict=False
        )
        return [(name, array) for name, array in named if not is_sparse(array)]

    @property
    def largest(self) -> float | None:
        """The largest size of a number in the inputs; None if finding it takes long."""
        X = self._arrays[0]
        if is_sparse(X) or self.unread or not X.size:
            return None
        low, high = np.minimum.reduce(X, axis=None), np.maximum.reduce(X, axis=None)
        return max(abs(float(low)), abs(float(high)))  # neither bool nor int8 has its own −x

    @property
    def targets(self) -> Array | None:
        """The targets as they were given, of as many samples as an epoch has."""
        y = self._arrays[-1 if self._places[1] else 1]
        return y[: self.steps * self._size]

    def owns(self, array: Array) -> bool:
        """Whether it is one of the buffers, which are nobody's when the last pass is over."""
        return any(array is each for each in chain(self._buffers, *self._shorter.values()))

    def inputs(self, size: int) -> Iterator[Array]:
        """All inputs in order, so many at a time; nothing is drawn at random."""
        for start in range(0, self._n, size):
            if self.unread:
                self._look_at(start, start + size)
            yield self._arrays[0][start : start + size]

    def _look_at(self, start: int, stop: int) -> None:
        """Checks rows of a memory map, which are named as those of all samples."""
        X = self._arrays[0][start:stop]
        check_finite(X, self._holds, self._dtype, self._first_row + start)

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """Where each batch begins and ends."""
        for start in range(0, self.steps * self._size, self._size):
            yield start, min(start + self._size, self._n)

    def _in_order(self) -> Iterator[Batch]:
        for start, stop in self._cuts():
            rows = zip(self._arrays, self._first_rows(stop - start), strict=True)
            if self.unread:
                self._look_at(start, stop)
            drawn = [pass_on(source[start:stop], out) for source, out in rows]
            yield as_batch(drawn, *self._places)

    def _shuffled(self, rng: np.random.Generator) -> Iterator[Batch]:
        size = self._size
        if not self.repeats or self._order is None:
            self._order = rng.permutation(self._n)[: self.steps * size]
        order, self.repeats = self._order, False
        rest = len(order) % size
        draws = self._draws(size)
        for start in range(0, len(order) - rest, size):
            index = order[start : start + size]
            if len(draws) == 2:
                X, y = draws[0](index), draws[1](index)
                yield X, y, None, y
            else:
                yield as_batch([draw(index) for draw in draws], *self._places)
        if rest:
            draws = self._draws(rest)
            yield as_batch([draw(order[-rest:]) for draw in draws], *self._places)

    def _draws(self, n: int) -> list[Callable[[Array], Array]]:
        """What draws a batch of that size: the same functions at every call."""
        key = n, self.unread
        if key not in self._made:
            buffers = self._first_rows(n)
            draws = self._made[key] = list(map(drawing, self._arrays, buffers))
            if self.unread:
                draws[0] = checking(self._arrays[0], buffers[0], self._holds, self._first_row)
        return self._made[key]

    def _first_rows(self, n: int) -> list[Array | None]:
        """The buffers of a batch of that size: the same arrays at every call."""
        if n == self._size:
            return self._buffers
        if n not in self._shorter:
            self._shorter[n] = [None if out is None else out[:n] for out in self._buffers]
        return self._shorter[n]


def as_batch(arrays: list[Array], weighted: bool, rounded: bool) -> Batch:
    """A batch of arrays in this order: inputs, targets, weights, targets as they were given.

    Args:
        arrays: The arrays.
        weighted: Whether weights are among them.
        rounded: Whether the targets as given are, since they have more digits.
    """
    X, y = arrays[:2]
    return X, y, arrays[2] if weighted else None, arrays[-1] if rounded else y


def checking(source: Array, out: Any, what: str, first_row: int) -> Callable[[Array], Array]:
    """``drawing`` of inputs that nobody has looked at yet, with what errors say of them."""

    def draw(index: Array) -> Array:
        rows = source[index]
        check_finite(rows, what, out.dtype, first_row + index)
        out[...] = rows
        drawn: Array = out
        return drawn

    return draw


def drawing(source: Array, out: Array | None) -> Callable[[Array], Array]:
    """What draws rows of the source by their indices: into ``out`` unless they are sparse."""
    if out is None:
        return lambda index: source[index]
    if source.dtype == out.dtype and source.flags.c_contiguous:
        # "clip" writes straight into out; the indices are in range by construction
        return lambda index: source.take(index, 0, out, "clip")

    def copy(index: Array) -> Array:
        out[...] = source[index]
        return out

    return copy


def pass_on(rows: Array, out: Array | None) -> Array:
    """The rows themselves, or in ``out`` if they have another dtype."""
    if out is None or rows.dtype == out.dtype:
        return rows
    out[...] = rows
    return out
