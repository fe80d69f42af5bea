"""Who takes over when worker 0 has died, which wrote and showed what all of them had computed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

from backprop.callbacks import Callback
from backprop.callbacks.checkpoints import with_state
from backprop.core import console


class Heir:
    """Keeps a worker ready to take the place of worker 0; a context around a training.

    Until then nothing is printed here, and callbacks that only write are not called.

    Args:
        loop: The loop of this worker.

    Attributes:
        ended: The number and the logs of an epoch whose end the callbacks have been told, while
            nobody but worker 0 knows what its writers have made of it.
    """

    def __init__(self, loop: Any) -> None:
        self._loop, self._workers = loop, loop.workers
        self._first = self._workers.rank == 0
        self._epoch: int | None = None  # the one in hand; None before the first
        self._shuffle: Any = None  # the state of the shuffling's generator when it began
        self._states: dict[str, dict[str, Any]] = {}  # those of the writers then
        self.ended: tuple[int, dict[str, float]] | None = None
        self._muted = ExitStack()
        self._outer = self._workers.when_lost  # of a fit that this one is a part of
        self._workers.when_lost = self._take_over

    def __enter__(self) -> Self:
        self._muted.enter_context(console.muted(not self._first))
        return self

    def __exit__(self, *error: object) -> None:
        self._muted.close()
        self._workers.when_lost = self._outer

    def begin(self, epoch: int) -> None:
        """Takes note of what an epoch begins with, also of the writers on worker 0."""
        self._epoch = epoch
        self._shuffle = self._loop.model.generators["shuffle"].bit_generator.state
        if self._workers.elastic:
            self._states = self._loop.attempt(lambda: self._workers.of_first(self._mine()))
        self.ended = None

    def _mine(self) -> dict[str, dict[str, Any]]:
        return {name: each.state() for name, each in self._writers()} if self._first else {}

    def _writers(self) -> list[tuple[str, Callback]]:
        return with_state([each for each in self._loop.callbacks.everyone if each.writes])

    def _take_over(self) -> str:
        """Does what is to be done when a worker was lost; says where training is."""
        self._outer()
        workers, told = self._workers, self._loop.callbacks
        told.params.update(worker=workers.rank, workers=workers.size)
        if workers.rank == 0 and not self._first:
            self._first = True
            self._muted.close()
            told.call_writers(True)
            self._loop.listen()
            self._go_on([each for each in told.callbacks if each.writes])
        (epoch, step), steps = self._loop.position, self._loop.plan.batches.steps
        if step == steps:
            return f" at the end of epoch {epoch + 1}"
        return f" from epoch {epoch + 1}, step {step + 1}"

    def _go_on(self, writers: list[Callback]) -> None:
        """Brings what writes to where training is."""
        if self._epoch is None:
            for each in writers:
                each.on_train_begin({})
            return
        names = {id(each): name for name, each in self._writers()}
        shuffling = self._loop.model.generators["shuffle"].bit_generator
        now, shuffling.state = shuffling.state, self._shuffle
        for each in writers:
            each.take_over(self._states.get(names.get(id(each), ""), {}))
            each.on_epoch_begin(self._epoch, {})
        shuffling.state = now
        if self.ended is not None:
            for each in writers:
                each.on_epoch_end(*self.ended)
