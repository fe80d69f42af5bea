"""The training loop: epoch after epoch, batch after batch, one step each."""

import math
from itertools import islice

from backprop.core import console
from backprop.core.types import Array
from backprop.data.streams import GoesOn
from backprop.protocol import Model
from backprop.training import full_batch
from backprop.training.batched_metrics import BatchedMetrics, update_steps
from backprop.training.evaluation import Evaluator, Together, alone, collect
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.plan import Plan
from backprop.training.step import Step


class Loop:
    """What a call of ``fit`` works on.

    Args:
        model: A built and compiled model.
        plan: What is to be done.
        step: Makes the training steps.
        together: Adds up what several workers have seen.

    Attributes:
        logs: The numbers of the last epoch.
    """

    def __init__(self, model: Model, plan: Plan, step: Step, together: Together = alone) -> None:
        self.model, self.plan, self.step, self.together = model, plan, step, together
        self.callbacks = plan.callbacks
        self.logs: dict[str, float] = {}
        self.interrupt = DelayedInterrupt()  # Ctrl-C waits until a step is through
        self._counted, self._metrics = model.metrics, self.new_metrics()
        self.evaluate = Evaluator(model, together)
        self._before = plan.callbacks.listeners("on_train_batch_begin")
        self._after = [
            (each.due, each.on_train_batch_end)
            for each in plan.callbacks.overriding("on_train_batch_end")
        ]
        self._hear = bool(self._after)  # whether anybody is told of steps that are through
        self._diverged = False

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
                    self.end_epoch(epoch, self.epoch(first_step))
                    first_step = 0
                    if model.stop_training:
                        break
                model.optimizer.finalize(model.parameters)
                model.resume_at = epochs.stop, 0  # nothing raised: the end is reached
            finally:
                self.callbacks.call("on_train_end", self.logs)

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

    def epoch(self, first_step: int) -> dict[str, float]:
        """A pass over the batches, a step each; returns the means over the epoch.

        The steps before the first were made before a crash: their sums are in ``plan.means``. If
        training had been stopped there too, no other follows.
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
        before, hear = self._before, self._hear
        stopped = bool(first_step) and model.stop_training
        batches = islice(self.plan.batches, first_step, first_step if stopped else None)
        for batch, (X, y, weight, given) in enumerate(batches, first_step):
            if before:
                self.before_step(batch)
            loss, prediction = step.gradients(X, y, weight)
            step.update()
            n = len(y)
            if masked:
                n = update_steps(metrics.metrics, model.mask(X), prediction, given, weight)
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

    def add_up(self, gradient: Array) -> Array:
        """Σ n g over all workers: the same, as one process has seen all samples."""
        return gradient

    def before_step(self, batch: int) -> None:
        """Tells the callbacks that a step begins."""
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
                hook(batch, logs)
        if logs is not None:
            self.step.refresh()

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Validates after an epoch, and tells the callbacks its numbers."""
        self.logs = logs
        validation = self.plan.validation
        if validation is not None and self.plan.validate_after(epoch):
            found = self.evaluate(self.interrupt.after_each(validation), self.callbacks)
            logs |= {f"val_{key}": value for key, value in found.items()}
        if self.model.optimizer.schedule is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        if not (self._diverged or math.isfinite(logs["loss"])):
            self._diverged = True
            warn_of_divergence(logs["loss"], epoch, self.model.optimizer.full_batch)
        self.callbacks.params["steps"] = self.plan.batches.steps  # a stream knows it by now
        self.callbacks.call("on_epoch_end", epoch, logs)
        self.interrupt.check()


def warn_of_divergence(loss: float, epoch: int, full_batch: bool = False) -> None:
    """Says where Python shows warnings that the loss is no number any more."""
    advice = "Begin with other weights" if full_batch else "Lower the learning rate"
    console.warn(
        f"the loss became {loss} in epoch {epoch + 1}: training has diverged. {advice}, or scale "
        f"the inputs."
    )
