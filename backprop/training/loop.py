"""The training loop: epoch after epoch, batch after batch, one step each."""

import math
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.data.streams import GoesOn
from backprop.protocol import Model
from backprop.training import full_batch
from backprop.training.batched_metrics import BatchedMetrics, update_steps
from backprop.training.divergence import Guard, quiet, warn_of_overflow, warn_of_scale
from backprop.training.evaluation import Evaluator, Together, alone, collect
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.plan import Plan
from backprop.training.step import Step

T = TypeVar("T")


class Loop:
    """What a call of ``fit`` works on.

    Args:
        model: A built and compiled model.
        plan: What is to be done.
        step: Makes the training steps.
        on_divergence: ``"warn"`` or ``"raise"``.
        together: Adds up what several workers have seen.

    Attributes:
        logs: The numbers of the last epoch.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        step: Step,
        on_divergence: str = "warn",
        together: Together = alone,
    ) -> None:
        self.model, self.plan, self.step, self.together = model, plan, step, together
        self.on_divergence = on_divergence
        self.callbacks = plan.callbacks
        self.logs: dict[str, float] = {}
        self.interrupt = DelayedInterrupt()  # Ctrl-C waits until a step is through
        self._counted, self._metrics = model.metrics, self.new_metrics()
        self.evaluate = Evaluator(model, together)
        self._told_of_overflow = False
        self.listen()
        self._hear = bool(self._after)  # whether anybody is told of steps that are through
        self._errors: Any = np.geterr()
        self.guard = Guard(model)

    def listen(self) -> None:
        """Finds the callbacks that are to be told of steps."""
        self._before = self.callbacks.listeners("on_train_batch_begin")
        self._after = [
            (each.due, each.on_train_batch_end)
            for each in self.callbacks.overriding("on_train_batch_end")
        ]

    def new_metrics(self) -> BatchedMetrics:
        """What counts the batches of an epoch for the metrics."""
        return BatchedMetrics(self.model.metrics, self.model.loss)

    def fit(self) -> None:
        """Trains as planned; the callbacks collect and show the numbers.

        A callback may set ``model.resume_at`` in ``on_train_begin`` to start later.
        """
        model, epochs = self.model, self.plan.epochs
        start = epochs.start, 0
        model.stop_training, model.resume_at = False, start
        self._metrics.reset()
        if not model.optimizer.full_batch:
            model.optimizer.begin(model.parameters)
        diverged: DivergenceError | None = None
        with self.interrupt:
            first, first_step = self.begin()
            if model.resume_at is not start:  # also for its first step: generators have changed
                self.go_on(range(epochs.start, first))
            try:
                if model.optimizer.full_batch:
                    full_batch.minimize(self, first, first_step)
                    first = epochs.stop
                for epoch in range(first, epochs.stop):
                    self.callbacks.call("on_epoch_begin", epoch, {})
                    with quiet():
                        logs = self.epoch(epoch, first_step)
                    self.end_epoch(epoch, logs)
                    first_step = 0
                    if model.stop_training:
                        break
                model.optimizer.finalize(model.parameters)
                model.resume_at = epochs.stop, 0  # nothing raised: the end is reached
            except DivergenceError as error:
                model.stop_training, diverged = True, error
            finally:
                self.callbacks.call("on_train_end", self.logs)
        if diverged is not None:
            if self.on_divergence == "raise":
                raise diverged
            console.warn(str(diverged))

    def go_on(self, epochs: range) -> None:
        """Brings streams to where they are after these epochs."""
        validated = sum(map(self.plan.validate_after, epochs))
        for source, times in ((self.plan.batches, len(epochs)), (self.plan.validation, validated)):
            if isinstance(source, GoesOn):
                source.go_on(times)

    def begin(self) -> tuple[int, int]:
        """Tells the callbacks that training begins; the epoch and the step to begin with."""
        self.callbacks.call("on_train_begin", {})
        return self.model.resume_at

    def epoch(self, epoch: int, first_step: int) -> dict[str, float]:
        """A pass over the batches, a step each; returns the means over the epoch.

        The steps before the first were made before a crash: their sums are in ``plan.means``. If
        training had been stopped there too, no other follows.

        Raises:
            DivergenceError: A loss or g is not finite; the weights are as before that step.
        """
        model, step, interrupt = self.model, self.step, self.interrupt
        if self._counted is not model.metrics:  # compiled anew on the way
            self._counted, self._metrics = model.metrics, self.new_metrics()
        metrics, counts, masked = self._metrics, bool(model.metrics), model.makes_mask
        means = self.plan.means
        if not first_step:
            metrics.reset()
            means.total, means.seen = 0.0, 0
        step.refresh()
        total, seen, means.in_epoch = means.total, means.seen, True
        before, hear, guard = self._before, self._hear, self.guard
        isfinite, averages, begun = math.isfinite, guard.averages, epoch > self.plan.epochs.start
        stopped = bool(first_step) and model.stop_training
        batches = islice(self.plan.batches, first_step, first_step if stopped else None)
        for batch, (X, y, weight, given) in enumerate(batches, first_step):
            if before:
                self.before_step(batch)
            if averages:
                guard.keep()
            mask = model.mask(X) if masked else None  # which may depend on the weights
            loss, prediction = step.gradients(X, y, weight)
            if isfinite(loss) and step.square < step.limit:
                step.update()
            else:
                self.in_doubt(loss, (X, y, weight), epoch, batch)
            if not begun:
                begun = True
                warn_of_scale(model, X, loss)
            n = len(y)
            if masked:
                n = update_steps(metrics.metrics, mask, prediction, given, weight)
            elif counts and n:
                metrics.add(prediction, given, weight)
            total += loss * n  # the last batch may be shorter and counts for less
            seen += n
            if hear:
                means.total, means.seen = total, seen
                self.after_step(batch, total, seen)
            if model.stop_training:
                break
            if interrupt.waiting:
                interrupt.check()
        means.in_epoch = False
        return collect(*self.together(total, seen, metrics.counted()))

    def attempt(self, function: Callable[[], T]) -> T:
        """What a function returns; several workers call it again if one was lost on the way."""
        return function()

    def add_up(self, gradient: Array) -> Array:
        """Σ n g over all workers: the same, as one process has seen all samples."""
        return gradient

    def in_doubt(self, loss: float, batch: tuple[Any, ...], epoch: int, number: int) -> None:
        """Looks closely at a step before it is allowed to change the weights.

        Raises:
            DivergenceError: It may not; the callbacks have been told the loss.
        """
        try:
            when = f"in epoch {epoch + 1}, step {number + 1}"
            self.guard.update(self.step, loss, batch, when)
        except DivergenceError:
            self.after_step(number, loss, 1)
            raise

    def before_step(self, batch: int) -> None:
        """Tells the callbacks that a step begins."""
        with np.errstate(**self._errors):
            for hook in self._before:
                hook(batch, {})
        self.step.refresh()

    def after_step(
        self, batch: int, total: float, seen: int, logs: dict[str, float] | None = None
    ) -> None:
        """Tells those callbacks that a step is through for which it is time to hear of it.

        Args:
            batch: The step.
            total: The sum of the losses so far.
            seen: How many there are.
            logs: The numbers of the moment, if they are known.
        """
        for due, hook in self._after:
            if due(batch):
                if logs is None:
                    logs = collect(*self.together(total, seen, self._metrics.counted()))
                with np.errstate(**self._errors):
                    hook(batch, logs)
        if logs is not None:
            self.step.refresh()

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Validates after an epoch, and tells the callbacks its numbers."""
        self.logs = logs
        validation = self.plan.validation
        if validation is not None and self.plan.validate_after(epoch):
            found = self.attempt(
                lambda: self.evaluate(self.interrupt.after_each(validation), self.callbacks)
            )
            logs |= {f"val_{key}": value for key, value in found.items()}
            if not math.isfinite(found["loss"]) and not self._told_of_overflow:
                self._told_of_overflow = True
                warn_of_overflow(f"val_loss is {found['loss']} in epoch {epoch + 1}", self.model)
        if self.model.optimizer.schedule is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        self.callbacks.params["steps"] = self.plan.batches.steps  # a stream knows it by now
        history = self.plan.history
        try:
            self.callbacks.call("on_epoch_end", epoch, logs)
        except BaseException:  # of a callback: the epoch is whole nevertheless
            if history.epoch[-1:] != [epoch]:
                history.on_epoch_end(epoch, logs)
            raise
        self.interrupt.check()
