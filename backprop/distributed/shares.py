"""Each worker's share of the batches of a training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from backprop.core.ranges import check_finite
from backprop.data.batches import Batch, Batches, as_batch, pass_on
from backprop.data.streams import Stream


class SharedBatches(Batches):
    """One worker's rows of every batch; iterate once for each epoch.

    Where all workers have the same data, each takes an equal part of the same shuffled order. Where
    worker k has L_k of L samples of its own, it takes the part L_k / L of every batch from them, to
    a row. Either way each sample comes once in an epoch, and a worker may have no row of a batch.

    Args:
        whole: The batches that one process would be trained on.
        rank: Which worker this is.
        lengths: The number of samples that each worker has.
        shards: Whether these are data of its own.

    Attributes:
        n: The samples of the last batch on all workers.
        share: The part of all samples that this worker has.
        fewest: The fewest samples of a batch here.
    """

    def __init__(self, whole: Batches, rank: int, lengths: list[int], shards: bool) -> None:
        vars(self).update(vars(whole))
        size, steps = self.asked
        total = sum(lengths) if shards else self.n_samples
        self.batch_size = size = min(size, total)
        n_steps = -(-total // size)
        self.steps = n_steps if steps is None else min(steps, n_steps)
        self.n, self._all_read = 0, shards and self.steps == n_steps
        ends = [min(s * size, total) for s in range(self.steps + 1)]
        self._sizes = [b - a for a, b in pairwise(ends)]
        if shards:
            mine = [lengths[rank] * end // total for end in ends]
            starts, stops = mine[:-1], mine[1:]
        else:
            K = len(lengths)
            starts = [a + n * rank // K for a, n in zip(ends, self._sizes, strict=False)]
            stops = [a + n * (rank + 1) // K for a, n in zip(ends, self._sizes, strict=False)]
        self._cuts = list(zip(starts, stops, strict=True))
        self.fewest = min(stop - start for start, stop in self._cuts)
        self.share = lengths[rank] / total if shards else 1 / len(lengths)

    def _read(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        yield from batches
        self._unread = not self._all_read

    def _in_order(self) -> Iterator[Batch]:
        for (start, stop), n in zip(self._cuts, self._sizes, strict=True):
            self.n = n
            if self._unread:
                check_finite(self._arrays[0][start:stop], "x holds", self._dtype, start)
            rows = zip(self._arrays, self._first_rows(stop - start), strict=True)
            yield as_batch([pass_on(all_[start:stop], out) for all_, out in rows], *self._places)

    def _shuffled(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(self._n)
        draws: dict[int, Any] = {}
        for (start, stop), n in zip(self._cuts, self._sizes, strict=True):
            self.n, size = n, stop - start
            if size not in draws:
                draws[size] = self._draws(self._first_rows(size))
            index = order[start:stop]
            yield as_batch([draw(index) for draw in draws[size]], *self._places)


class SharedStream:
    """One worker's rows of every batch that a stream makes; iterate once for each epoch.

    Args:
        whole: The stream; where all workers have the same one they must make the same batches.
        rank: Which worker this is.
        size: How many workers there are.
        shards: Whether this worker's stream makes batches of its own: then it takes all rows.

    Attributes:
        n: The samples of the last batch on all workers; None where they are not known.
        share: The part of all samples that this worker has.
    """

    def __init__(self, whole: Stream, rank: int, size: int, shards: bool) -> None:
        self._whole, self._rank, self._size, self._shards = whole, rank, size, shards
        self.n: int | None = None
        self.share = 1 / size
        self.sample_shape, self.batch_size = whole.sample_shape, whole.batch_size

    @property
    def steps(self) -> int | None:
        """Batches in an epoch; None while that is not known."""
        return self._whole.steps

    def go_on(self, times: int) -> None:
        """Goes on after so many epochs."""
        self._whole.go_on(times)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._whole:
            if self._shards:
                yield batch
                continue
            self.n = n = len(batch[1])
            rows = slice(n * self._rank // self._size, n * (self._rank + 1) // self._size)
            X, y, weight, given = batch
            part = y[rows]
            weight = None if weight is None else weight[rows]
            yield X[rows], part, weight, part if given is y else given[rows]
