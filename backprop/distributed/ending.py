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
from backprop.distributed.survival import started_to_survive


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

    def watch(self, mpi: Any) -> None:
        """From now on ends the job if nobody catches an exception, or this worker waits too long.

        Args:
            mpi: The module ``mpi4py.MPI``.
        """
        self._mpi = mpi
        sys.excepthook = lambda kind, error, trace: self.fail(error)
        self._left.clear()
        threading.Thread(target=self._watch, name="backprop workers", daemon=True).start()

    def leave(self) -> None:
        """Watches the waiting no longer."""
        self._left.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Says that what is done inside waits for other workers."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None

    def _watch(self) -> None:
        """Ends the job when this worker has waited too long; runs in a thread of its own."""
        limit = self._workers.time_limit
        while not self._left.wait(min(1.0, limit / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > limit:
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
