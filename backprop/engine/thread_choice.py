"""Whether the steps of a training are quicker on several threads or on one, as they go.

With the cores for itself, a step with large products is quicker on several threads. While another
process holds one of the cores, those threads wait for the one that has none, and a step can take
four times as long; on one thread it takes what it always does.
"""

import math

LOOK = 0.02
"""Seconds for which several threads are timed: several turns of an operating system."""

SETTLE = 0.15
"""Seconds for which one thread is timed at first: the others spin for a while before they sleep."""

STAY = 1.0
RARELY = 16
"""Seconds for which steps stay on one thread that is quicker, and how many times as long as the
last look at several they do at least: that look may be slow."""

SLOWER = 1.5
"""One thread is tried when steps take so many times as long as at best."""

IDLE = 0.8
COUNTED = 0.1
"""And when several threads run for less than that part of the time that they would on cores of
their own, over so many seconds at least: a system counts it in ticks of some milliseconds."""


class ThreadChoice:
    """Says how to make the next step, from the times of those before.

    Once one thread has been tried, it is used whenever several take longer than it did; they are
    tried again from time to time.

    Args:
        threads: How many threads several are.

    Attributes:
        one_thread: Whether the next step is to be made on one.
    """

    def __init__(self, threads: int) -> None:
        self.one_thread = False
        self._threads = threads
        self._best = math.inf  # seconds of a step on several threads, averaged
        self._several = 0.0  # the same, when they were timed last
        self._one = 0.0  # seconds of a step on one thread; 0 before it was tried
        self._least, self._stay = LOOK, STAY  # seconds of steps before the next decision
        self._together = self._busy = 0.0  # seconds on several threads; of all of these
        self._begin()

    def _begin(self) -> None:
        self._steps, self._seconds, self._fastest = 0, 0.0, math.inf

    def took(self, seconds: float, busy: float) -> None:
        """Takes note of a step.

        Args:
            seconds: How long it took.
            busy: For how long all threads of the process together were running meanwhile.
        """
        self._steps += 1
        self._fastest = min(self._fastest, seconds)
        self._seconds += seconds
        if not self.one_thread:
            self._together += seconds
            self._busy += busy
        if self._seconds < self._least:
            return
        if self.one_thread:
            self._one = self._fastest
            if self._one < self._several and self._seconds < self._stay:
                return
            self.one_thread = False
            self._least = LOOK
        elif self._is_crowded():
            self.one_thread = True
            self._least, self._stay = SETTLE, max(STAY, RARELY * self._seconds)
        self._begin()

    def _is_crowded(self) -> bool:
        """Whether the steps on several threads took too long."""
        mean = self._several = self._seconds / self._steps
        self._best = min(self._best, mean)
        if self._one:
            return mean > self._one
        idle = self._busy < IDLE * self._threads * self._together
        return mean > SLOWER * self._best or (idle and self._together >= COUNTED)
