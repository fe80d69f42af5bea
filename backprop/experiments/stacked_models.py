"""K models of one form in step: their θ are the rows of one matrix, their products one call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from backprop.callbacks import CallbackList
from backprop.core.types import Array
from backprop.data.samples import Data
from backprop.data.sources import Source
from backprop.experiments.stacked_guard import StackedGuard
from backprop.experiments.stacked_optimizers import StackedOptimizers
from backprop.experiments.stacked_scores import StackedScores
from backprop.experiments.stacked_step import Made, StackedStep, Table
from backprop.protocol import Model
from backprop.training.divergence import quiet
from backprop.training.evaluation import HELD_OUT, Evaluator, collect
from backprop.training.history import History
from backprop.training.interrupt import DelayedInterrupt

AfterEpoch = Callable[[int, int, "dict[str, float]"], None]
"""Is given an epoch, the number of a model and its numbers; may set its ``stop_training``."""


class StackedModels:
    """Trains K models on the same number of samples each.

    Args:
        models: Built and compiled models of one form; their optimizers are fresh or all of them
            have taken as many steps.
        data: The samples of all of them, checked, X in the models' dtype.
        rows: For each model the samples that it is trained on, shape ``(K, n)``.
        held_out: For each model what it is evaluated on after an epoch.
        batch_size: Samples in a step of each model.
        shuffle: Whether each shuffles its samples.
        on_divergence: What happens to a model that diverges (see ``Sequential.fit``).
        alpha: α of a penalty ½ α Σ w² / N, over the weights that decay and the samples of a batch.

    Raises:
        CannotStack: Their step has no form for many at once.
    """

    def __init__(
        self,
        models: Sequence[Model],
        data: Data,
        rows: Array,
        held_out: Sequence[Source | None],
        batch_size: int,
        shuffle: bool,
        on_divergence: str,
        alpha: float = 0.0,
    ) -> None:
        self.models, self.rows, self.held_out = models, rows, held_out
        self.size, self.shuffle = min(batch_size, rows.shape[1]), shuffle
        self.evaluators = [Evaluator(model) for model in models]
        self.generators = [model.generators["shuffle"] for model in models]
        self.theta = np.stack([model.parameters.values for model in models])
        self.made = made = Made(self.theta)
        made.g[...] = [model.parameters.gradients for model in models]
        self.scores, self._begun, self._y = StackedScores(models), False, data.y
        model, table, self.steps = copy.deepcopy(models[0]), Table(models[0], data), {}
        for size in sorted({self.size, rows.shape[1] % self.size} - {0}):  # none gets a part of
            example = rows[0, :size]  # the buffers of a larger one
            self.steps[size] = StackedStep(models, model, table, example, self.theta, made, alpha)
        self.optimizer = StackedOptimizers(models, self.theta, made.g)
        self.guard = StackedGuard(models, self.theta, made, self.optimizer, on_divergence)

    def fit(
        self, epochs: range, callbacks: CallbackList, after_epoch: AfterEpoch | None = None
    ) -> list[History]:
        """Trains; the callbacks see the means over the models."""
        histories = [History() for _ in self.models]
        for model, history in zip(self.models, histories, strict=True):
            history.set_params(callbacks.params)
            history.set_model(model)
            model.history = history
            model.stop_training, model.resume_at = False, (epochs.start, 0)
        active = self.guard.active  # gets shorter where a model diverges
        heard = bool(callbacks.overriding("on_epoch_end"))
        with DelayedInterrupt() as interrupt:
            callbacks.call("on_train_begin", {})
            try:
                for epoch in epochs:
                    callbacks.call("on_epoch_begin", epoch, {})
                    with quiet():
                        logs = self.epoch(epoch, interrupt)
                    self.show()
                    if not active:
                        break
                    self.validate(logs, interrupt)
                    for k in active:
                        histories[k].on_epoch_end(epoch, logs[k])
                    if heard:
                        callbacks.call("on_epoch_end", epoch, means([logs[k] for k in active]))
                    if after_epoch is not None:
                        for k in active:
                            after_epoch(epoch, k, logs[k])
                    self.guard.let_go()
                    if not active:
                        break
                    interrupt.check()
            finally:
                self.hand_back()
                callbacks.call("on_train_end", {})
        return histories

    def epoch(self, epoch: int, interrupt: DelayedInterrupt) -> list[dict[str, float]]:
        """A pass over the samples; the numbers of each model."""
        order = self.rows
        self.optimizer.find_rates()
        if self.shuffle:
            order = order.copy()
            for rng, row in zip(self.generators, order, strict=True):
                rng.shuffle(row)  # draws what a permutation draws
        scores, guard = self.scores, self.guard
        scores.begin()
        for number, index in enumerate(batches(order, self.size)):
            step = self.steps[index.shape[1]]
            step.draw(index)
            guard.keep()
            for call in step.calls:
                call()
            if not self._begun:
                self._begun = True
                scores.try_on(step, self._y, self.rows)
            scores.note(step, self.made.sums)
            guard.update(step, epoch, number)
            interrupt.check()
        return [
            collect(loss, 1, model.metrics)
            for loss, model in zip(scores.finish(), self.models, strict=True)
        ]

    def show(self) -> None:
        """Writes into the models that go on what may be looked at after an epoch: θ and η."""
        for k in self.guard.active:
            self.models[k].parameters.values[...] = self.theta[k]
        if self.optimizer.scheduled:
            self.optimizer.count()

    def hand_back(self) -> None:
        """Writes θ, g and the optimizers' state into the models."""
        for model, theta, g in zip(self.models, self.theta, self.made.g, strict=True):
            model.parameters.values[...] = theta
            model.parameters.gradients[...] = g
        self.optimizer.hand_back()
        self.guard.hand_back()

    def validate(self, logs: list[dict[str, float]], interrupt: DelayedInterrupt) -> None:
        """Adds the numbers of what was held out, and learning rates that a schedule determines."""
        for k in self.guard.active:
            evaluate, batches, mine = self.evaluators[k], self.held_out[k], logs[k]
            model = evaluate.model
            if batches is not None:
                name = "" if k else HELD_OUT  # one warning for all
                found = evaluate(interrupt.after_each(batches), name=name)
                mine |= {f"val_{key}": value for key, value in found.items()}
            if model.optimizer.schedule is not None:
                mine["learning_rate"] = model.optimizer.learning_rate


def batches(order: Array, size: int) -> Iterator[Array]:
    """Columns of a matrix, so many at a time, each of these a matrix without gaps."""
    rows, n = order.shape
    whole = n - n % size
    yield from np.ascontiguousarray(order[:, :whole].reshape(rows, -1, size).swapaxes(0, 1))
    if whole < n:
        yield np.ascontiguousarray(order[:, whole:])


def means(logs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each number over the models that have it; of lists, number by number."""
    names = dict.fromkeys(name for each in logs for name in each)
    return {
        name: np.mean([each[name] for each in logs if name in each], axis=0).tolist()
        for name in names
    }
