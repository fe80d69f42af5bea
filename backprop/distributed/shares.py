"""Each worker's share of the batches of a training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.data.batches import Batch, Batches, as_batch
from backprop.data.streams import Stream
from backprop.distributed.job import Workers
from backprop.distributed.objects import gather_number


class SharedBatches(Batches):
    """One worker's rows of every batch; iterate once for each epoch.

    Where all workers have the same data, each takes an equal part of the same shuffled order. Where
    worker k has L_k of L samples of its own, it takes the part L_k / L of every batch from them, to
    a row. Either way each sample comes once in an epoch, and a worker may have no row of a batch.

    Args:
        whole: The batches that one process would be trained on.
        workers: The workers; if fewer are left, these share the next batch.
        lengths: The number of samples that each worker has.

    Attributes:
        n: The samples of the last batch on all workers.
        fewest: The fewest samples of a batch here.
    """

    def __init__(self, whole: Batches, workers: Workers, lengths: list[int]) -> None:
        vars(self).update(vars(whole))
        self._workers, shards = workers, workers.shards
        size, steps = self.asked
        total = sum(lengths) if shards else self.n_samples
        self.batch_size = size = min(size, total)
        n_steps = -(-total // size)
        self.steps = n_steps if steps is None else min(steps, n_steps)
        self.n, self._whole = 0, shards and self.steps == n_steps
        ends = [min(s * size, total) for s in range(self.steps + 1)]
        self._whole_cuts = list(pairwise(ends))
        self._mine, self._total = lengths[workers.rank] if shards else 0, total
        self.fewest = min(stop - start for start, stop in self._cuts())
        self._before: Any = None  # the state of the shuffling's generator before the epoch

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """This worker's rows of each batch."""
        for start, stop in self._whole_cuts:
            self.n = n = stop - start
            if self._workers.shards:
                yield self._mine * start // self._total, self._mine * stop // self._total
            else:
                k, K = self._workers.rank, self._workers.size
                yield start + n * k // K, start + n * (k + 1) // K

    @property
    def targets(self) -> Array | None:
        """Those of all samples; None where other workers have others."""
        return None if self._workers.shards else super().targets

    @property
    def share(self) -> float:
        """The part of all samples that this worker has."""
        shards = self._workers.shards
        return self._mine / self._total if shards else 1 / self._workers.size

    def again(self, steps: int) -> None:
        """Lets the next pass be the same epoch once more, of which so many steps are through."""
        if self._rng is not None:
            self._rng.bit_generator.state = self._before

    def _shuffled(self, rng: np.random.Generator) -> Iterator[Batch]:
        self._before = rng.bit_generator.state
        order = rng.permutation(self._n)
        for start, stop in self._cuts():
            index = order[start:stop]
            yield as_batch([draw(index) for draw in self._draws(stop - start)], *self._places)


class SharedStream(Stream):
    """One worker's rows of every batch that a stream makes; iterate once for each epoch.

    Args:
        whole: The stream; where all workers have the same one they must make the same batches.
            With shards this worker's stream makes batches of its own: then it takes all rows.
        workers: The workers; if fewer are left, these share the next batch.

    Attributes:
        n: The samples of the last batch on all workers; None where they are not known.
    """

    def __init__(self, whole: Stream, workers: Workers) -> None:
        vars(self).update(vars(whole))
        self._workers = workers
        self.n: int | None = None
        self._rest: Iterator[Batch] | None = None  # of an epoch that is gone on with

    @property
    def share(self) -> float:
        """The part of all samples that this worker has."""
        return 1 / self._workers.size

    def again(self, steps: int) -> None:
        """Lets the next pass go on with the last batch, after as many others as were through."""
        self._rest = chain(repeat(self._last, steps + 1), self._source)

    def __iter__(self) -> Iterator[Batch]:
        self._source, self._rest = self._rest or super().__iter__(), None
        while True:
            batch = next(self._source, None)
            n = 0 if batch is None else len(batch[1])
            if not self._workers.shards:
                check_sizes(self._workers.exchange(partial(gather_number, number=n)))
            if batch is None:
                return
            self._last = batch
            if self._workers.shards:
                yield batch
                continue
            self.n = n
            k, K = self._workers.rank, self._workers.size
            rows = slice(n * k // K, n * (k + 1) // K)
            X, y, weight, given = batch
            part = y[rows]
            weight = None if weight is None else weight[rows]
            yield X[rows], part, weight, part if given is y else given[rows]


def check_sizes(sizes: list[int]) -> None:
    """Checks that all workers' next batch, of which each takes its part, has the same size.

    Args:
        sizes: The samples of that batch on each worker; 0 where there is none.

    Raises:
        ValueError: They differ.
    """
    for k, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(
                f"the stream must make the same batches on all workers, but the next one has "
                f"{sizes[0]} samples on worker 0 and {size} on worker {k} (0 where it ends): give "
                f"the same seed and files to what makes them, or pass Workers(shards=True) with "
                f"steps_per_epoch."
            )
