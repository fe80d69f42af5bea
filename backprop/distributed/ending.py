"""How a job of several workers ends when one of them fails, or waits for others too long."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from backprop.core import console
from backprop.distributed.farewell import Farewell
from backprop.distributed.survival import started_to_survive

LISTEN_AFTER = 1.0
"""Seconds that a worker waits before it looks whether others have left."""


class Ending:
    """Ends all workers together, since those who are left would wait for ever.

    Args:
        workers: The workers.
    """

    def __init__(self, workers: Any) -> None:
        self._workers = workers
        self._mpi: Any = None
        self._waiting_since: float | None = None
        self._left = threading.Event()
        self._watcher: threading.Thread | None = None
        self._farewell: Farewell | None = None
        self._meeting = 0

    def watch(self, mpi: Any) -> None:
        """From now on ends the job if nobody catches an exception, or this worker waits too long.

        Args:
            mpi: The module ``mpi4py.MPI``.
        """
        self._mpi = mpi
        sys.excepthook = lambda kind, error, trace: self.fail(error)
        self._left.clear()
        self._watcher = threading.Thread(target=self._watch, name="backprop workers", daemon=True)
        self._watcher.start()

    def meet(self, farewell: Farewell) -> Any:
        """From now on listens for workers that leave; the communicator of those who meet."""
        self._farewell = farewell
        self._meeting, world = farewell.meet()
        return world

    def leave(self) -> None:
        """Tells the others so, and watches the waiting no longer."""
        self._left.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        if self._farewell is not None:
            self._farewell.tell(self._meeting)
            self._farewell = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Says that what is done inside waits for other workers; counts it."""
        if self._farewell is not None:
            self._farewell.exchanges += 1
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None

    def _watch(self) -> None:
        """Ends the job when this worker waits in vain, or too long; runs in a thread of its own."""
        while not self._left.wait(min(1.0, self._workers.time_limit / 4)):
            since, limit = self._waiting_since, self._workers.time_limit  # it may be changed
            if since is None or time.monotonic() - since < min(LISTEN_AFTER, limit / 4):
                continue
            said, meeting = self._farewell, self._meeting
            missing = [] if said is None else said.missing(meeting)
            if missing and self._waiting_since == since:
                ones = "worker" if len(missing) == 1 else "workers"
                self._end(
                    f"{self._name()} waits for {ones} {', '.join(map(str, missing))}, which left: "
                    f"by sys.exit or the end of the program, or by an exception that was caught "
                    f"there alone. This ends the job. All workers must run the same fits."
                )
            if time.monotonic() - since > limit:
                self._end(
                    f"{self._name()} has waited {limit:g} s for the others, and ends the job: one "
                    f"of them is stopped, or busy, or was told to do something else. "
                    f"Workers(time_limit=…) sets the limit."
                )

    def fail(self, error: BaseException) -> NoReturn:
        """Prints an exception, and ends the job."""
        text = "".join(traceback.format_exception(error))
        code = error.code if isinstance(error, SystemExit) else 1
        text += f"{self._name()} failed, which ends the job."
        self._end(text, code if isinstance(code, int) else 1)

    def _name(self) -> str:
        return f"worker {self._workers.rank} of {self._workers.size}"

    def _end(self, message: str, code: int = 1) -> NoReturn:
        """Ends all workers."""
        console.last_words(message)
        if self._workers.size > 1:  # else mpiexec takes that for success
            if started_to_survive():  # when two end it at once, such an mpiexec waits for ever
                time.sleep(min(0.5 * self._workers.rank, 5))
            self._mpi.COMM_WORLD.Abort(code)
        os._exit(code)
