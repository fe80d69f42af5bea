"""Threads that each do a part of a step, and sleep in between.

A thread that waits for a lock costs nothing, and wakes some 20 µs after the lock was released.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

Calls = Sequence[Callable[[], Any]]

NOTHING = contextvars.Context()

TRIALS, IDLE = 16, 300e-6
"""How often it is tried how late a thread begins, since other processes disturb some of the trials;
and the seconds for which it sleeps before, as in a step: after a moment it would begin sooner."""


class Member:
    """One thread besides the one that trains; it is started when it is first needed.

    It ends with the process.
    """

    def __init__(self) -> None:
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._calls: Calls = ()
        self._context = NOTHING
        self._error: BaseException | None = None

    def start(self, calls: Calls) -> None:
        """Lets it make these calls, with the caller's treatment of floating-point errors."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="backprop", daemon=True)
            self._thread.start()
        self._done.acquire(blocking=False)  # what an interrupted wait may have left
        self._calls, self._context = calls, contextvars.copy_context()
        self._busy = True
        self._go.release()

    def wait(self) -> BaseException | None:
        """Returns when the calls are made; an exception that interrupts the wait comes then, too.

        Returns:
            What one of the calls raised, if one did.
        """
        interrupt: BaseException | None = None
        while self._busy:
            try:
                while self._busy:
                    self._done.acquire()
            except BaseException as error:  # Ctrl-C: the thread must not be left at work
                interrupt = error
        found, self._error = self._error or interrupt, None
        self._calls, self._context = (), NOTHING  # with which memory is held
        return found

    def _run(self) -> None:
        while True:
            self._go.acquire()
            try:
                self._context.run(make, self._calls)
            except BaseException as error:
                self._error = error
            self._busy = False
            self._done.release()


class Team:
    """The threads of the process; only one step at a time has them."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begins with no threads: those of the parent, and its locks, are not a forked child's."""
        self._free = threading.Lock()
        self._members: list[Member] = []
        self._lateness = 0.0

    def lateness(self) -> float:
        """Seconds until a thread that was waiting begins, measured once.

        Where cores are lent it takes several times as long as elsewhere.
        """
        if not self._lateness:
            times = []
            with self._free:  # else another step might have the threads meanwhile
                for _ in range(TRIALS):
                    until = perf_counter() + IDLE
                    while (start := perf_counter()) < until:
                        pass
                    self._make((), [(perf_counter,)])  # begins there, and then wakes this thread
                    times.append((perf_counter() - start) / 2)
            self._lateness = sorted(times)[TRIALS // 4]
        return self._lateness

    def make(self, parts: Sequence[Calls]) -> None:
        """Makes the calls of each part, in order, each part on a thread of its own.

        If another step has the threads, the parts are made one after the other.
        """
        first, *others = parts
        if not self._free.acquire(blocking=False):
            for calls in parts:
                make(calls)
            return
        try:
            self._make(first, others)
        finally:
            self._free.release()

    def _make(self, first: Calls, others: Sequence[Calls]) -> None:
        """The same for who has the threads."""
        while len(self._members) < len(others):
            self._members.append(Member())
        started: list[Member] = []
        error: BaseException | None = None
        try:
            for member, calls in zip(self._members, others, strict=False):
                if calls:
                    member.start(calls)
                    started.append(member)
            make(first)
        finally:
            for member in started:
                error = member.wait() or error
        if error is not None:
            raise error


def make(calls: Calls) -> None:
    """Makes calls one after the other."""
    for call in calls:
        call()


team = Team()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.renew)
