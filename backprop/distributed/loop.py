"""The training loop of several workers, which hear the same numbers and decide alike."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from itertools import compress
from typing import Any, TypeVar

import numpy as np

from backprop.callbacks.checkpoints import with_state
from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.distributed.agreement import check_same
from backprop.distributed.heir import Heir
from backprop.distributed.job import Workers
from backprop.distributed.metrics import gathered, together
from backprop.distributed.step import WorkersStep
from backprop.distributed.survival import WorkerLost
from backprop.losses import Loss
from backprop.metrics import Metric
from backprop.protocol import Model
from backprop.storage import snapshot
from backprop.training.batched_metrics import BatchedMetrics
from backprop.training.evaluation import Evaluator, collect, so_far
from backprop.training.loop import Loop
from backprop.training.plan import Plan
from backprop.training.settings import settings_of
from backprop.training.step import Step

T = TypeVar("T")


class WorkersLoop(Loop):
    """The loop of one worker.

    Weights, optimizer and generators begin as those of worker 0. After every call of callbacks what
    these may have changed is made equal again. Noise layers draw other numbers on each worker:
    worker k's are 2¹²⁷ k further on in the stream of worker 0's, anew from every epoch on.

    Args:
        model: A built and compiled model.
        plan: What is to be done, shared out by ``shared_plan``.
        step: The step of this worker alone.
        workers: The workers.
        on_divergence: ``"warn"`` or ``"raise"``.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        step: Step,
        workers: Workers,
        on_divergence: str = "warn",
    ) -> None:
        self.workers = workers
        self._own = WorkersStep(step, workers, plan.batches)
        super().__init__(model, plan, self._own, on_divergence, partial(together, workers))
        self.evaluate = WorkersEvaluator(model, self.together)
        self.heir = Heir(self)
        self.position = plan.epochs.start, 0  # epoch and steps that are through
        hooks = ("on_train_batch_begin", "on_train_batch_end")
        users = [each for hook in hooks for each in plan.callbacks.overriding(hook)]
        changing = any(not from_here(each) for each in users)
        begin = bool(plan.callbacks.overriding("on_epoch_begin"))
        self._heard, self._changing, self._begun = workers.any(bool(users), changing, begin)
        self._hear = self._heard or workers.elastic

    def fit(self) -> None:
        """Trains as planned."""
        try:
            with self.heir:
                super().fit()
                self._agree()
                self._generators_of_first(jump=False)
        finally:
            self._own.leave()

    def new_metrics(self) -> BatchedMetrics:
        """What counts this worker's batches for the metrics."""
        return BatchedMetrics(gathered(self.model.metrics), self.model.loss)

    def begin(self) -> tuple[int, int]:
        """Tells the callbacks, and begins with the model as it is on worker 0 then."""
        super().begin()
        model = self.model
        # worker 0 alone reads a backup; the sums of an epoch in hand stay those of its own samples
        told = [each for each in self.callbacks.everyone if not each.writes]
        others = with_state([each for each in told if each is not self.plan.means])

        def of_first() -> Any:
            states = {name: each.state() for name, each in others}
            mine = snapshot.take(model), model.resume_at, model.stop_training, states
            return self.workers.of_first(mine)

        state, found, stopped, states = self.attempt(of_first)
        if self.workers.rank:
            snapshot.put_back(model, state, "the state of worker 0")
            for name, each in others:
                if states.get(name):
                    each.restore(states[name])
            model.resume_at, model.stop_training = found, stopped
        self.heir.begin(model.resume_at[0])
        return model.resume_at

    def epoch(self, epoch: int, first_step: int) -> dict[str, float]:
        """This worker's part of a pass over the batches; the means over all samples."""
        self.position = epoch, first_step
        if self._begun:
            self._agree()
        self._generators_of_first(jump=True)
        batches: Any = self.plan.batches  # those of ``shared_plan``
        while True:
            try:
                return super().epoch(*self.position)
            except WorkerLost:  # the step that was not through is made by those who are left
                self.guard.put_back()
                batches.again(self.position[1])

    def attempt(self, function: Callable[[], T]) -> T:
        """What a function returns after exchanges in which no worker was lost."""
        return self.workers.whole(function)

    def in_doubt(self, loss: float, batch: tuple[Any, ...], epoch: int, number: int) -> None:
        """Looks closely at a step; each worker repeats its own part, perhaps not all of it."""
        self._own.leave()
        try:
            super().in_doubt(loss, batch, epoch, number)
        finally:
            self._own.enter()

    def add_up(self, gradient: Array) -> Array:
        """Σ n g over all workers."""
        return self.workers.add(gradient)

    def after_step(
        self, batch: int, total: float, seen: int, logs: dict[str, float] | None = None
    ) -> None:
        """Tells the callbacks of a step if it is time to tell one of any worker's."""
        self.position = self.position[0], batch + 1
        if not self._heard:
            return
        told = [callback for callback in self._after if callback.due(batch)]
        model = self.model
        wanted, model.stop_training = self.workers.any(bool(told), model.stop_training)
        if wanted:
            self._even_out_averages()
            if not all(callback.repeatable for callback in told):
                self._metrics.counted()
            if logs is None:
                sums = self.together(total, seen, self._metrics.glance())
                logs = collect(*sums, result=so_far)
            for callback in told:
                callback.on_train_batch_end(batch, logs)
            self.step.refresh()
        if wanted or self._changing:
            self._agree(weights=self._changing)

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Validates after an epoch, each worker its share, and tells the callbacks."""
        self._even_out_averages()
        super().end_epoch(epoch, logs)
        self.position, self.heir.ended = (epoch + 1, 0), (epoch, logs)
        self._agree()
        self.heir.begin(epoch + 1)

    def _agree(self, weights: bool = True) -> None:
        """Makes equal again what a callback has changed on some workers, or everywhere in its way.

        If one says that training is to end it ends; worker 0's weights and learning rate count.

        Raises:
            ValueError: Something else was changed on some workers only; raised on all of them.
        """
        model, workers = self.model, self.workers
        settings = settings_of(model)
        optimizer, theta = model.optimizer, model.parameters.values
        rate = None if optimizer.schedule else optimizer.learning_rate
        found = workers.gather(
            (
                model.stop_training,
                rate,
                zlib.crc32(theta.data) if weights else 0,
                zlib.crc32(repr(settings).encode()),
            )
        )
        if len({crc for *_, crc in found}) > 1:
            check_same(workers, settings, ": a callback must change it on all of them")
        model.stop_training = any(stop for stop, *_ in found)
        if rate is not None and rate != found[0][1]:
            optimizer.learning_rate = found[0][1]
        if len({crc for _, _, crc, _ in found}) > 1:
            workers.copy_first(theta)

    def _even_out_averages(self) -> None:
        """Makes moving averages, of which each worker has those of its samples, those of all."""
        workers = self.workers
        averages = [p for p in self.model.parameters if not p.learned]
        if not averages:
            return
        found = workers.gather([zlib.crc32(p.value.tobytes()) for p in averages])
        batches: Any = self.plan.batches
        differ = [len(set(crcs)) > 1 for crcs in zip(*found, strict=True)]

        def means() -> list[Array]:
            return [
                workers.add(np.multiply(p.value, batches.share, dtype=np.float64))
                for p in compress(averages, differ)
            ]

        for p, mean in zip(compress(averages, differ), self.attempt(means), strict=True):
            p.value = mean

    def _generators_of_first(self, jump: bool) -> None:
        """Brings all generators into the state of worker 0's, and those of noise k jumps further.

        Args:
            jump: Whether they are to jump.
        """
        generators, rank = self.model.generators, self.workers.rank
        if len(generators) == 1:  # that of the shuffling, which all workers use alike
            return
        states = {way: rng.bit_generator.state for way, rng in generators.items()}
        states = self.workers.of_first(states)
        for way, rng in generators.items():
            bits: Any = rng.bit_generator
            bits.state = states[way]
            if jump and rank and way != "shuffle":
                bits.state = bits.jumped(rank).state


class WorkersEvaluator(Evaluator):
    """Evaluates a model on what all workers have."""

    def _copies(self) -> tuple[Loss, list[Metric]]:
        loss, metrics = super()._copies()
        return loss, gathered(metrics)
