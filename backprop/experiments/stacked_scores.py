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
        sums = np.concatenate(totals).reshape(len(counts), -1).astype(np.float64)
        omegas = np.concatenate(penalties).reshape(sums.shape)
        losses = (sums / columns + omegas) * samples
        self.totals = np.add.reduce(np.concatenate((self.totals[np.newaxis], losses)), axis=0)
        self.seen += samples.sum(axis=0)
        self._losses.clear()

    def _count(self) -> None:
        masks, predictions, y, weights = map(joined, zip(*self._kept, strict=True))
        for k, model in enumerate(self.models):
            M, w = (None if each is None else each[k] for each in (masks, weights))
            update_steps(model.metrics, M, predictions[k], y[k], w)
        self._kept.clear()


def joined(parts: Sequence[Any]) -> Any:
    """Arrays of several steps ``(K, N, …)`` as one, or None where there are none."""
    return None if parts[0] is None else np.concatenate(parts, axis=1)
