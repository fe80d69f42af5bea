"""Ctrl-C in the middle of training: the batch in hand is finished first."""

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class DelayedInterrupt:
    """Keeps a first Ctrl-C waiting until a batch is through; a second one interrupts at once.

    Inside the ``with`` statement KeyboardInterrupt is raised by ``check`` and between the batches
    of ``after_each``, and at the latest when the statement ends. Where Ctrl-C does something else
    than raise KeyboardInterrupt, and outside the main thread, nothing is changed.
    """

    def __init__(self) -> None:
        self.waiting = False
        self._installed = False

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._receive)
            self._installed = True
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.waiting = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.waiting:
            raise KeyboardInterrupt

    def after_each(self, batches: Iterable[T]) -> Iterator[T]:
        """The same batches; KeyboardInterrupt is raised when one is through, not within it."""
        for batch in batches:
            yield batch
            self.check()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if error is None:
            self.check()
