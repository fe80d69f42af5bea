"""Losses and metrics of K models trained in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.experiments.stacked_step import StackedStep
from backprop.protocol import Model
from backprop.training.batched_metrics import COUNTED_AT_ONCE, is_a_sum, try_metrics, update_steps

LOSSES_AT_ONCE = 1000
"""Steps whose losses are added up together."""


class StackedScores:
    """Losses and metrics of an epoch.

    Args:
        models: The models.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = models
        self.totals, self.seen = np.zeros(len(models)), np.zeros(len(models))
        # of each step the sums that ``Made`` has, how many losses are in one, and how many samples
        self._sums = np.empty((LOSSES_AT_ONCE, 3, len(models)), models[0].dtype)
        self._sizes = np.empty((LOSSES_AT_ONCE, 1))
        self._counts = np.empty((LOSSES_AT_ONCE, len(models)))
        self._noted = 0
        self._kept: list[tuple[Any, ...]] = []  # masks, predictions, targets, weights
        metrics = [metric for model in models for metric in model.metrics]
        self._metrics, self._masked = metrics, models[0].makes_mask
        self._ignored = models[0].loss.ignored
        self._at_once = COUNTED_AT_ONCE if all(map(is_a_sum, metrics)) else 1

    def begin(self) -> None:
        """Begins an epoch."""
        self.totals[...] = self.seen[...] = 0
        for metric in self._metrics:
            metric.reset()

    def try_on(self, step: StackedStep, y: Array, rows: Array) -> None:
        """Shows the metrics the first batch (see ``try_metrics``), and y in these rows."""
        masks, weights = self._masks(step.X), step.weight
        for k, model in enumerate(self.models):
            M, w = (None if each is None else each[k] for each in (masks, weights))
            try_metrics(model.metrics, M, step.prediction[k], step.y[k], w, y[rows[k]])

    def note(self, step: StackedStep, sums: Array) -> None:
        """Counts a step, whose sums are those of ``Made``, before the next one is made."""
        n = step.y.shape[1]
        masks = self._masks(step.X) if self._masked else None
        counts = n if masks is None else masks.sum(axis=(1, 2))  # steps that are no padding
        if self._ignored is not None:
            known = step.y != self._ignored
            counts = (known if masks is None else known & masks).reshape(len(known), -1).sum(axis=1)
        k = self._noted
        self._sums[k], self._sizes[k], self._counts[k] = sums, step.size, counts
        self._noted = k + 1
        if self._noted == LOSSES_AT_ONCE:
            self._add_losses()
        if not self._metrics:
            return
        weight = None if step.weight is None else step.weight.copy()
        self._kept.append((masks, step.prediction.copy(), step.y.copy(), weight))
        if len(self._kept) * n >= self._at_once:
            self._count()

    def _masks(self, X: Array) -> Array | None:
        """Which steps of the outputs are no padding, ``(K, N, T)``; None if all are."""
        masks = [self.models[0].mask(each) for each in X]  # a mask depends on no weights
        found = [mask for mask in masks if mask is not None]
        return np.stack(found) if found else None

    def finish(self) -> list[float]:
        """The mean loss of each model; the metrics have counted everything."""
        if self._kept:
            self._count()
        self._add_losses()
        means: list[float] = (self.totals / np.maximum(self.seen, 1)).tolist()
        return means

    def _add_losses(self) -> None:
        """Adds the losses of the steps that were noted, one after the other."""
        n, self._noted = self._noted, 0
        if n == 0:
            return
        sums, omegas, decays = self._sums[:n].astype(np.float64).swapaxes(0, 1)
        losses = (sums / self._sizes[:n] + (omegas + 0.5 * decays)) * self._counts[:n]
        losses[0] += self.totals
        self.totals = np.add.reduce(losses, axis=0)
        self.seen += np.add.reduce(self._counts[:n], axis=0)

    def _count(self) -> None:
        masks, predictions, y, weights = map(joined, zip(*self._kept, strict=True))
        for k, model in enumerate(self.models):
            M, w = (None if each is None else each[k] for each in (masks, weights))
            update_steps(model.metrics, M, predictions[k], y[k], w)
        self._kept.clear()


def joined(parts: Sequence[Any]) -> Any:
    """Arrays of several steps ``(K, N, …)`` as one, or None where there are none."""
    return None if parts[0] is None else np.concatenate(parts, axis=1)
