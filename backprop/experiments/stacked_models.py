"""K models of one form in step: their θ are the rows of one matrix, their products one call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backprop.callbacks import CallbackList
from backprop.core.types import Array
from backprop.data.batches import as_batch
from backprop.data.samples import Data
from backprop.data.sources import Source
from backprop.engine.recorded import RecordedStep, parts
from backprop.experiments.stacked_guard import StackedGuard
from backprop.experiments.stacked_optimizers import StackedOptimizers
from backprop.experiments.stacked_tape import CannotStack, StackedTape
from backprop.protocol import Model
from backprop.training.batched_metrics import COUNTED_AT_ONCE, is_a_sum, try_metrics, update_steps
from backprop.training.divergence import quiet
from backprop.training.evaluation import HELD_OUT, Evaluator, collect
from backprop.training.history import History
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.step import Step

LOSSES_AT_ONCE = 1000
"""Steps whose losses are added up together."""

AfterEpoch = Callable[[int, "list[dict[str, float]]"], bool]
"""Is given an epoch and the numbers of each model, and says whether to stop."""


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
        prepare: Is told the size of the batches before the step for them is made.

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
        prepare: Callable[[int], None] | None = None,
    ) -> None:
        self.models, self.data, self.rows, self.held_out = models, data, rows, held_out
        self.size, self.shuffle = min(batch_size, rows.shape[1]), shuffle
        self.evaluators = [Evaluator(model) for model in models]
        self.generators = [model.generators["shuffle"] for model in models]
        self.theta = np.stack([model.parameters.values for model in models])
        self.g = np.stack([model.parameters.gradients for model in models])
        self.unpenalised, self._begun = np.zeros(len(models)), False
        self.steps = {}
        for size in {self.size, rows.shape[1] % self.size} - {0}:
            if prepare is not None:
                prepare(size)
            self.steps[size] = StackedStep(models, data, rows[0, :size], self.theta, self.g)
        self.optimizer = StackedOptimizers(models, self.theta, self.g)
        self.guard = StackedGuard(models, self.theta, self.g, self.optimizer, on_divergence)

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
        with DelayedInterrupt() as interrupt:
            callbacks.call("on_train_begin", {})
            try:
                for epoch in epochs:
                    callbacks.call("on_epoch_begin", epoch, {})
                    with quiet():
                        logs = self.epoch(epoch, interrupt)
                    self.hand_back()
                    if not active:
                        break
                    self.validate(logs, interrupt)
                    for k in active:
                        histories[k].on_epoch_end(epoch, logs[k])
                    callbacks.call("on_epoch_end", epoch, means([logs[k] for k in active]))
                    if after_epoch is not None and after_epoch(epoch, logs):
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
            shuffled = [each.permutation(order.shape[1]) for each in self.generators]
            order = np.take_along_axis(order, np.stack(shuffled), axis=1)
        scores, guard = StackedScores(self.models), self.guard
        for number, index in enumerate(batches(order, self.size)):
            step = self.steps[index.shape[1]]
            step.draw(index)
            guard.keep()
            for call in step.calls:
                call()
            penalties = self.penalties(step)
            if not self._begun:
                self._begun = True
                scores.try_on(step, self.data.y, self.rows)
            scores.note(step, penalties)
            guard.update(step, penalties, epoch, number)
            interrupt.check()
        return [
            collect(loss, 1, model.metrics)
            for loss, model in zip(scores.finish(), self.models, strict=True)
        ]

    def penalties(self, step: StackedStep) -> Array:
        """Ω(θ) of each model, from its row of θ; 0 without regularisers."""
        if not step.penalised:
            return self.unpenalised
        total: Array
        total, *others = (penalties(rows, shape) for penalties, rows, shape in step.penalised)
        for each in others:
            total += each
        return total

    def hand_back(self) -> None:
        """Writes θ, g and the optimizers' state into the models."""
        for model, theta, g in zip(self.models, self.theta, self.g, strict=True):
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


class StackedStep:
    """Forward pass, loss and backward pass of all models on batches of one size.

    Args:
        models: The models.
        data: The samples of all of them.
        example: Which samples to record a step with: as many as are in a batch.
        theta: θ of each model in a row.
        g: Likewise ∂E/∂θ.

    Attributes:
        calls: Functions that make the step.
        penalised: Of each regulariser the function Ω, its part of every θ, and the shape of that.
        total: The sum of the losses of each model.
        size: How many losses there are in each.
        prediction: The output of each.
        X: The inputs that were drawn.
        y: The targets that were drawn.
        weight: The sample weights, if there are any.
    """

    def __init__(
        self, models: Sequence[Model], data: Data, example: Array, theta: Array, g: Array
    ) -> None:
        model = copy.deepcopy(models[0])  # what its step changes is thrown away
        self._arrays = [data.X, data.y] + ([] if data.weight is None else [data.weight])
        arrays = [array[example] for array in self._arrays]
        batch = as_batch(arrays, data.weight is not None, rounded=False)[:3]
        with quiet():
            Step(model).gradients(*batch)  # makes all buffers
            recorded = RecordedStep(model, *batch)
        if not recorded.works:
            raise CannotStack(recorded.tape.failure)
        self.penalised = [
            (p.regularizer.penalties, theta[:, slice(*bounds)], p.value.shape)
            for p, bounds in model.parameters.places()
            if p.regularizer is not None and p.trainable
        ]
        vectors = [(model.parameters.values, theta), (model.parameters.gradients, g)]
        stacked = StackedTape(recorded.tape.calls, len(models), vectors)
        self._drawn = [stacked.block(array) for array in arrays]
        self.X, self.y = self._drawn[:2]
        self.weight = self._drawn[2] if len(arrays) > 2 else None
        self.calls = stacked.bind(generators_of(model, models))
        self.total, self.size = stacked.block(recorded.total), recorded.size
        self.prediction = stacked.block(recorded.prediction)

    def draw(self, index: Array) -> None:
        """Draws a batch for each model: samples with these numbers, shape ``(K, size)``."""
        for array, out in zip(self._arrays, self._drawn, strict=True):
            array.take(index, 0, out, "clip")


class StackedScores:
    """Losses and metrics of an epoch.

    Args:
        models: The models.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = models
        self.totals, self.seen = np.zeros(len(models)), np.zeros(len(models))
        self._losses: list[tuple[Array, int, Array, Any]] = []  # Σ ℓ, how many ℓ, Ω, samples
        self._kept: list[tuple[Any, ...]] = []  # masks, predictions, targets, weights
        metrics = [metric for model in models for metric in model.metrics]
        self._scored, self._masked = bool(metrics), models[0].makes_mask
        self._ignored = models[0].loss.ignored
        self._at_once = COUNTED_AT_ONCE if all(map(is_a_sum, metrics)) else 1
        for metric in metrics:
            metric.reset()

    def try_on(self, step: StackedStep, y: Array, rows: Array) -> None:
        """Shows the metrics the first batch (see ``try_metrics``), and y in these rows."""
        masks, weights = self._masks(step.X), step.weight
        for k, model in enumerate(self.models):
            M, w = (None if each is None else each[k] for each in (masks, weights))
            try_metrics(model.metrics, M, step.prediction[k], step.y[k], w, y[rows[k]])

    def note(self, step: StackedStep, penalties: Array) -> None:
        """Counts a step, before the next one is made."""
        n, masks = step.y.shape[1], self._masks(step.X)
        counts = n if masks is None else masks.sum(axis=(1, 2))  # steps that are no padding
        if self._ignored is not None:
            known = step.y != self._ignored
            counts = (known if masks is None else known & masks).reshape(len(known), -1).sum(axis=1)
        self._losses.append((step.total.copy(), step.size, penalties, counts))
        if len(self._losses) == LOSSES_AT_ONCE:
            self._add_losses()
        if not self._scored:
            return
        weight = None if step.weight is None else step.weight.copy()
        self._kept.append((masks, step.prediction.copy(), step.y.copy(), weight))
        if len(self._kept) * n >= self._at_once:
            self._count()

    def _masks(self, X: Array) -> Array | None:
        """Which steps of the outputs are no padding, ``(K, N, T)``; None if all are."""
        if not self._masked:
            return None
        masks = [self.models[0].mask(each) for each in X]  # a mask depends on no weights
        found = [mask for mask in masks if mask is not None]
        return np.stack(found) if found else None

    def finish(self) -> list[float]:
        """The mean loss of each model; the metrics have counted everything."""
        if self._kept:
            self._count()
        self._add_losses()
        return [float(loss) for loss in self.totals / np.maximum(self.seen, 1)]

    def _add_losses(self) -> None:
        """Adds the losses of the steps that were noted, one after the other."""
        if not self._losses:
            return
        totals, sizes, penalties, counts = zip(*self._losses, strict=True)
        columns = np.array(sizes)[:, np.newaxis]
        samples = np.array(counts).reshape(len(counts), -1)  # a column if nothing is padded
        losses = (np.array(totals, np.float64) / columns + np.array(penalties)) * samples
        self.totals = np.add.reduce([self.totals, *losses], axis=0)
        self.seen += samples.sum(axis=0)
        self._losses.clear()

    def _count(self) -> None:
        masks, predictions, y, weights = map(joined, zip(*self._kept, strict=True))
        for k, model in enumerate(self.models):
            M, w = (None if each is None else each[k] for each in (masks, weights))
            update_steps(model.metrics, M, predictions[k], y[k], w)
        self._kept.clear()


def batches(order: Array, size: int) -> Iterator[Array]:
    """Columns of a matrix, so many at a time, each of these a matrix without gaps."""
    rows, n = order.shape
    whole = n - n % size
    yield from np.ascontiguousarray(order[:, :whole].reshape(rows, -1, size).swapaxes(0, 1))
    if whole < n:
        yield np.ascontiguousarray(order[:, whole:])


def joined(parts: Sequence[Any]) -> Any:
    """Arrays of several steps ``(K, N, …)`` as one, or None where there are none."""
    return None if parts[0] is None else np.concatenate(parts, axis=1)


def means(logs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each number over the models that have it; of lists, number by number."""
    names = dict.fromkeys(name for each in logs for name in each)
    return {
        name: np.mean([each[name] for each in logs if name in each], axis=0).tolist()
        for name in names
    }


def generators_of(model: Model, models: Sequence[Model]) -> dict[int, list[np.random.Generator]]:
    """The K generators in the place of each one of a copy's layers, by its id."""
    layers = [list(parts(each)) for each in models]
    return {
        id(rng): [vars(row[i])["_rng"] for row in layers]
        for i, part in enumerate(parts(model))
        if (rng := vars(part).get("_rng")) is not None
    }
