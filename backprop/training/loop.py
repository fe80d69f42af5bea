"""The training loop: epoch after epoch, batch after batch, one step each."""

import math
from functools import partial

from backprop.training.batched_metrics import count_known, try_metrics, update_steps
from backprop.training.divergence import quiet, warn_of_scale
from backprop.training.surroundings import Surroundings


class Loop(Surroundings):
    """What a call of ``fit`` works on: epochs of batches, a step for each batch.

    ``fit`` stands in ``Surroundings``: it finds the epoch to begin with, calls ``run``, and sees to
    it that the callbacks hear of the end, however it comes.

    Args:
        model: A built and compiled model.
        plan: What is to be done.
        step: Makes the training steps.
        on_divergence: ``"warn"`` or ``"raise"``.
        together: Adds up what several workers have seen.

    Attributes:
        logs: The numbers of the last epoch.
    """

    def run(self, epochs: range, first_step: int) -> None:
        """Trains for these epochs, unless a callback or a metric stops it.

        Args:
            epochs: Their numbers.
            first_step: The step of the first epoch to begin with.
        """
        for epoch in epochs:
            self.callbacks.call("on_epoch_begin", epoch, {})
            with quiet():
                logs = self.late.epoch(partial(self.epoch, epoch, first_step))
            self.end_epoch(epoch, logs)
            first_step = 0
            if self.model.stop_training:
                break

    def epoch(self, epoch: int, first_step: int) -> dict[str, float]:
        """A pass over the batches, a step each; returns the means over the epoch.

        The steps before the first were made before a crash: their sums are in ``plan.means``. If
        training had been stopped there too, no other follows.

        Raises:
            DivergenceError: A loss or g is not finite; the weights are as before that step.
        """
        model, step, interrupt, means = self.model, self.step, self.interrupt, self.plan.means
        batches = self.begin_epoch(first_step)
        metrics, counts, masked = self._metrics, bool(model.metrics), model.makes_mask
        total, seen, ignored = means.total, means.seen, model.loss.ignored
        before, hear, guard = self._before, self._hear, self.guard
        isfinite, averages = math.isfinite, guard.averages
        begun = self._begun or epoch > self.plan.epochs.start  # an epoch may be made again
        for batch, (X, y, weight, given) in enumerate(batches, first_step):
            if before:
                self.before_step(batch)
            if averages:
                guard.keep()
            mask = model.mask(X) if masked else None  # which may depend on the weights
            loss, prediction = step.gradients(X, y, weight)
            if not begun:
                try_metrics(model.metrics, mask, prediction, given, weight, self.targets)
            if step.scheduled and not step.late:
                step.find_limit()
            if isfinite(loss) and step.square < step.limit:
                step.update()
            else:
                self.in_doubt(loss, (X, y, weight), epoch, batch)
            if not begun:
                begun = self._begun = True
                warn_of_scale(model, X, y, loss)
            n = len(y)
            if masked:
                n = update_steps(metrics.metrics, mask, prediction, given, weight)
            elif counts and n:
                metrics.add(prediction, given, weight)
            if ignored is not None:
                n = count_known(y, mask, ignored)
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
        return self.numbers(epoch, total, seen, metrics.counted())

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Validates after an epoch, and tells the callbacks its numbers."""
        self.logs = logs
        if self.plan.validation is not None and self.plan.validate_after(epoch):
            found = self.validate(epoch, self.plan.validation)
            logs |= {f"val_{key}": value for key, value in found.items()}
        if self.model.optimizer.schedule is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        self.after_epoch(epoch, logs)
        self.interrupt.check()
