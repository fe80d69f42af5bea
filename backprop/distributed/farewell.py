"""How workers hear that one of them has left, and will never come to what they wait for."""

from __future__ import annotations

import atexit
from typing import Any

import numpy as np

FOR_GOOD = 0
"""Stands for all meetings: a program that ends leaves these, and those that follow."""

TAG = 7


class Farewell:
    """What a worker tells all others when it leaves the ``with`` statement or its program ends.

    It says which meeting it leaves, the first ``with`` of the program or a later one, and how many
    exchanges it has been in. All workers count these alike. So one that waits in an exchange that
    another, which has left, was not in knows that it waits in vain. Steps send nothing.

    Args:
        mpi: The module ``mpi4py.MPI``.
        world: The communicator of all workers; every one must make this object at the same time.

    Attributes:
        meetings: How often the workers have met.
        exchanges: How many exchanges this worker has been in, the one in hand included.
    """

    def __init__(self, mpi: Any, world: Any) -> None:
        self.meetings = self.exchanges = 0
        self._mpi = mpi
        self._worlds = world.Dup(), world.Dup()
        self._apart = world.Dup()  # on which nothing else is said
        self._heard: dict[tuple[int, int], int] = {}  # exchanges by worker and what it left
        self._able = mpi.Query_thread() == mpi.THREAD_MULTIPLE  # to listen while others compute
        self._sent: list[Any] = []  # must live until it has arrived
        atexit.register(self.tell, FOR_GOOD)

    def meet(self) -> tuple[int, Any]:
        """The number of the next meeting, and its communicator.

        It is not that of the one before: a worker that left that one early exchanges nothing with
        those who are still there.
        """
        self.meetings += 1
        return self.meetings, self._worlds[self.meetings % 2]

    def tell(self, meeting: int) -> None:
        """Tells all others that this worker leaves a meeting."""
        if self._mpi.Is_finalized():
            return
        self._sent = [(said, sent) for said, sent in self._sent if not sent.Test()]
        said = np.array([meeting, self.exchanges], np.int64)
        for k in range(self._apart.Get_size()):
            if k != self._apart.Get_rank():
                try:
                    self._sent.append((said, self._apart.Isend(said, k, TAG)))
                except self._mpi.Exception:  # that one has died
                    continue

    def missing(self, meeting: int) -> list[int]:
        """The workers that have left and will never come to the exchange in hand.

        Called by a thread of its own while this worker waits.

        Args:
            meeting: The one that this worker waits in.
        """
        others = set(range(self._apart.Get_size())) - {self._apart.Get_rank()}
        said = np.empty(2, np.int64)
        for k in others if self._able else ():
            try:
                while self._apart.Iprobe(k, TAG):
                    self._apart.Recv(said, k, TAG)
                    self._heard[k, int(said[0])] = int(said[1])
            except self._mpi.Exception:  # that one has died
                continue
        return sorted(
            k
            for k in others
            if any(
                self._heard.get((k, left), self.exchanges) < self.exchanges
                for left in (meeting, FOR_GOOD)
            )
        )


_made: list[Farewell] = []


def farewell(mpi: Any, world: Any) -> Farewell:
    """The one of this program, made when its workers meet for the first time."""
    if not _made:
        _made.append(Farewell(mpi, world))
    return _made[0]
