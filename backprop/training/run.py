"""A run of training: what it works on, an epoch of mini-batches, and the end of any epoch."""

import math
import warnings
from itertools import islice

from backprop.engine.recorded import Steps
from backprop.protocol import Model
from backprop.training.batched_metrics import Tally
from backprop.training.evaluation import Evaluator, collect
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.plan import Plan
from backprop.training.progress import ProgressBar


class Run:
    """What a call of ``fit`` works on.

    Args:
        model: A built and compiled model.
        plan: What is to be done.
        interrupt: Keeps Ctrl-C waiting until a step is through.

    Attributes:
        logs: The numbers of the last epoch.
    """

    def __init__(self, model: Model, plan: Plan, interrupt: DelayedInterrupt) -> None:
        self.model, self.batches, self.validation = model, plan.batches, plan.validation
        self.callbacks, self.validate_after = plan.callbacks, plan.validate_after
        self.interrupt = interrupt
        self.logs: dict[str, float] = {}
        self.step = Steps(model)
        self._tally = Tally(model.metrics, model.loss)
        self._evaluate = Evaluator(model)
        self._before_batch = plan.callbacks.listeners("on_train_batch_begin")
        self._after_batch = plan.callbacks.listeners("on_train_batch_end")
        # a bar that is alone is told, and its numbers are computed, when it is to be redrawn
        bars = [
            callback for callback in plan.callbacks.callbacks if isinstance(callback, ProgressBar)
        ]
        self._bar = bars[0] if bars and len(self._after_batch) == 1 else None
        self._diverged = False

    def epoch(self, first_step: int) -> dict[str, float]:
        """A pass over the batches, a step each; returns the means over the epoch."""
        model, metrics, interrupt = self.model, self.model.metrics, self.interrupt
        total, seen = 0.0, 0
        self.step.refresh()
        if self._tally.metrics is not metrics:  # compiled anew on the way
            self._tally = Tally(metrics, model.loss)
        tally, bar = self._tally, self._bar
        before, after = self._before_batch, self._after_batch
        tally.reset()
        look_at = 0.0 if after else math.inf
        batch = first_step - 1
        batches = islice(self.batches, first_step, None) if first_step else self.batches
        for batch, (X, y, weight) in enumerate(batches, first_step):
            if before:
                self.before_step(batch)
            loss, prediction = self.step(X, y, weight)
            total += loss * len(y)  # the last batch may be shorter and counts for less
            seen += len(y)
            if metrics:
                tally.add(prediction, y, weight)
            if batch >= look_at:
                if bar is None or bar.due(batch):
                    self.after_step(batch, collect(total / seen, tally.counted()))
                look_at = batch if bar is None else bar.look_at
            if model.stop_training:
                break
            if interrupt.waiting:
                interrupt.check()
        if bar is not None:
            bar.done = batch + 1
        return collect(total / seen, tally.counted())

    def before_step(self, batch: int) -> None:
        """Tells the callbacks that a step begins."""
        for hook in self._before_batch:
            hook(batch, {})
        self.step.refresh()

    def after_step(self, batch: int, logs: dict[str, float]) -> None:
        """Tells the callbacks that a step is through."""
        for hook in self._after_batch:
            hook(batch, logs)
        if self._bar is None:
            self.step.refresh()

    def finish(self, epoch: int, logs: dict[str, float]) -> None:
        """Validates after an epoch, and tells the callbacks its numbers."""
        self.logs = logs
        if self.validation is not None and self.validate_after(epoch):
            held_out = self.interrupt.after_each(self.validation)
            found = self._evaluate(held_out, self.callbacks)
            logs |= {f"val_{key}": value for key, value in found.items()}
        if self.model.optimizer.schedule is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        if not (self._diverged or math.isfinite(logs["loss"])):
            self._diverged = True
            warn_of_divergence(logs["loss"], epoch)
        self.callbacks.params["steps"] = self.batches.steps  # a stream knows it after an epoch
        self.callbacks.call("on_epoch_end", epoch, logs)
        self.interrupt.check()


def warn_of_divergence(loss: float, epoch: int) -> None:
    """Says where Python shows warnings that the loss is no number any more."""
    warnings.warn(
        f"the loss became {loss} in epoch {epoch + 1}: training has diverged. Lower the learning "
        f"rate, or scale the inputs.",
        RuntimeWarning,
        stacklevel=5,  # the line that called fit
    )
