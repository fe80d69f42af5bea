"""What surrounds a training: who is told of it, where it begins, how it ends, and wrong numbers."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.data.sources import check_same_every_time
from backprop.data.streams import Stream
from backprop.metrics import Metric
from backprop.metrics.returned import check_different
from backprop.protocol import Model
from backprop.training import full_batch
from backprop.training.batched_metrics import BatchedMetrics
from backprop.training.divergence import Guard, warn_of_nothing, warn_of_overflow
from backprop.training.evaluation import HELD_OUT, Evaluator, Together, alone, collect, so_far
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.late import LateLook
from backprop.training.plan import Plan
from backprop.training.step import Step

T = TypeVar("T")


def warn_if_unmoved(model: Model, theta: Array) -> None:
    """Warns if an optimizer of the user's own has left θ or its state as they were, and g is not 0.

    A slot may have its turn every so many steps, so that only a state of which nothing was ever
    written tells of a mistake.
    """
    optimizer, parameters = model.optimizer, model.parameters
    free = [p for p in parameters if p.trainable and np.any(p.gradient)]
    if not (free and optimizer.learning_rate):
        return
    kind, slots = type(optimizer).__name__, optimizer.used_slots()
    if slots and all(np.all(optimizer.state[n] == optimizer.initial_state) for n in slots):
        name = slots[0]
        console.warn(
            f"{kind} has never written into its slot {name!r} in this fit: its update must change "
            f"{name} in place, as by {name} *= …; {name} = … makes another array."
        )
    if np.array_equal(theta, parameters.values):
        console.warn(
            f"{kind} has changed no weight in this fit: its update must change theta in place, as "
            f"by theta -= …; theta = … makes another array."
        )


class Surroundings:
    """The base of ``Loop``, which says what the arguments are."""

    run: Callable[[range, int], None]

    def __init__(
        self,
        model: Model,
        plan: Plan,
        step: Step,
        on_divergence: str = "warn",
        together: Together = alone,
    ) -> None:
        self.model, self.plan, self.step, self.together = model, plan, step, together
        step.owns = getattr(plan.batches, "owns", step.owns)
        step.epochs = plan.epochs.stop - plan.epochs.start
        step.planned = step.epochs * (plan.batches.steps or 0)
        self.on_divergence = on_divergence
        self.callbacks = plan.callbacks
        self.logs: dict[str, float] = {}
        self.interrupt = DelayedInterrupt()  # Ctrl-C waits until a step is through
        self._counted, self._metrics = model.metrics, self.new_metrics()
        self.evaluate = Evaluator(model, together)
        self._told_of_overflow = self._begun = False
        self.listen()
        self._hear = bool(self._after)  # whether anybody is told of steps that are through
        self._errors: Any = np.geterr()
        self.guard = Guard(model)
        repeatable = all(each.repeatable for each in self._after)
        seen = self._before or self.guard.averages or not repeatable
        self.late = LateLook(model, plan.batches, not seen)

    def listen(self) -> None:
        """Finds the callbacks that are to be told of steps."""
        self._before = self.callbacks.overriding("on_train_batch_begin")
        self._after = self.callbacks.overriding("on_train_batch_end")

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
        if model.optimizer.full_batch:
            check_same_every_time(model.layers, None)  # once more: layers are built now
        else:
            model.optimizer.begin(model.parameters)
        diverged: DivergenceError | None = None
        with self.interrupt, self.callbacks.hearing():
            first, first_step = self.begin()
            made = model.optimizer.iterations
            theta = None if model.optimizer.of_package else model.parameters.values.copy()
            if model.resume_at is not start:  # also for its first step: generators have changed
                self.go_on(range(epochs.start, first))
            try:
                if model.optimizer.full_batch:
                    self.minimize(first, first_step)
                    first = epochs.stop
                self.run(range(first, epochs.stop), first_step)
                model.optimizer.finalize(model.parameters)
                if theta is not None and model.optimizer.iterations > made:
                    warn_if_unmoved(model, theta)
                model.resume_at = epochs.stop, 0  # nothing raised: the end is reached
            except DivergenceError as error:
                model.stop_training, diverged = True, error
            except Exception:
                if model.optimizer.iterations == made:  # refused at the first step
                    self.guard.put_back()
                raise
            finally:
                if model.resume_at != (epochs.stop, 0):
                    self.leave()
                self.callbacks.call("on_train_end", self.logs)
        if diverged is not None:
            if self.on_divergence == "raise":
                raise diverged
            console.warn(str(diverged))

    def minimize(self, first: int, first_step: int) -> None:
        """Trains by a full-batch optimizer; see ``full_batch.minimize``."""
        full_batch.minimize(self, first, first_step)

    def begin(self) -> tuple[int, int]:
        """Tells the callbacks that training begins; the epoch and the step to begin with."""
        self.callbacks.call("on_train_begin", {})
        return self.model.resume_at

    def go_on(self, epochs: range) -> None:
        """Brings streams to where they are after these epochs."""
        validated = sum(map(self.plan.validate_after, epochs))
        for source, times in ((self.plan.batches, len(epochs)), (self.plan.validation, validated)):
            if isinstance(source, Stream):
                source.go_on(times)

    def leave(self) -> None:
        """Tells streams that training was cut off."""
        for source in (self.plan.batches, self.plan.validation):
            if isinstance(source, Stream):
                source.leave()

    def begin_epoch(self, first_step: int) -> Iterator[Any]:
        """Brings metrics, sums and the step to where an epoch begins; the batches of the epoch."""
        model, means = self.model, self.plan.means
        metrics = model.metrics  # which looks at each of them
        if self._counted is not metrics:  # compiled anew on the way
            self._counted, self._metrics = metrics, self.new_metrics()
            self.check_targets()
        check_different([metric.name for metric in metrics])
        if not first_step:
            self._metrics.reset()
            means.total, means.seen = 0.0, 0
        self.step.refresh()
        self.late.begin(self.step)
        means.in_epoch = True
        stopped = bool(first_step) and model.stop_training
        return islice(self.plan.batches, first_step, first_step if stopped else None)

    def check_targets(self) -> None:
        """Checks that a loss which a callback compiled takes the targets as the first one got them.

        Raises:
            ValueError: It does not.
        """
        loss, dtype = self.model.loss, self.model.dtype
        for source in (self.plan.batches, self.plan.validation):
            targets: Array | None = getattr(source, "targets", None)
            if targets is not None:
                found = loss.check_target(targets, self.model.output_shape, dtype)
                if (found.shape, found.dtype.kind) != (targets.shape, targets.dtype.kind):
                    raise ValueError(
                        f"{loss.unjoined} was compiled during fit, but takes targets of another "
                        f"form than the loss before: call compile, and then fit again."
                    )

    @property
    def targets(self) -> Array | None:
        """All targets, if they are at hand."""
        found: Array | None = getattr(self.plan.batches, "targets", None)
        return found

    def numbers(
        self, epoch: int, total: float, seen: int, counted: list[Metric]
    ) -> dict[str, float]:
        """The means over an epoch of what all workers have seen."""
        total, seen, counted = self.together(total, seen, counted)
        if epoch == self.plan.epochs.start:
            warn_of_nothing(self.model, total, seen)
        return collect(total, seen, counted)

    def validate(self, epoch: int, validation: Any) -> dict[str, float]:
        """The numbers on what is held out; warns once if they are not finite."""
        found = self.attempt(
            lambda: self.evaluate(self.interrupt.after_each(validation), self.callbacks, HELD_OUT)
        )
        if not math.isfinite(found["loss"]) and not self._told_of_overflow:
            self._told_of_overflow = True
            what = f"val_loss is {found['loss']} in epoch {epoch + 1}"
            warn_of_overflow(what, self.model, validation)
        return found

    def after_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Tells the callbacks that an epoch is through."""
        self.callbacks.params["steps"] = self.plan.batches.steps  # a stream knows it by now
        history = self.plan.history
        try:
            self.callbacks.call("on_epoch_end", epoch, logs)
        except BaseException:  # of a callback: the epoch is whole nevertheless
            if history.epoch[-1:] != [epoch]:
                history.on_epoch_end(epoch, logs)
            raise

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
            for callback in self._before:
                callback.on_train_batch_begin(batch, {})
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
        for callback in self._after:
            if callback.due(batch):
                if not callback.repeatable:
                    self._metrics.counted()
                if logs is None:
                    sums = self.together(total, seen, self._metrics.glance())
                    logs = collect(*sums, result=so_far)
                with np.errstate(**self._errors):
                    callback.on_train_batch_end(batch, logs)
        if logs is not None:
            self.step.refresh()

    def tell_of(self, loss: float) -> None:
        """Tells the callbacks the loss of a step that ends training, and asks no other worker."""
        with np.errstate(**self._errors):
            for callback in self._after:
                callback.on_train_batch_end(0, {"loss": loss})

    def attempt(self, function: Callable[[], T]) -> T:
        """What a function returns; several workers call it again if one was lost on the way."""
        return function()

    def add_up(self, gradient: Array) -> Array:
        """Σ n g over all workers: the same, as one process has seen all samples."""
        return gradient
