"""What a model's metrics are given in training and evaluation."""

from collections.abc import Iterable

import numpy as np

from backprop.core.types import Array
from backprop.losses import BinaryCrossentropy, Hinge, Loss
from backprop.metrics import FunctionMetric, Metric
from backprop.training.replay import from_here

COUNTED_AT_ONCE = 1024
"""Samples that metrics count in one go."""


def update_metrics(
    metrics: Iterable[Metric], prediction: Array, y: Array, weight: Array | None
) -> None:
    """Counts a batch; the weights of its samples are for the weighted metrics alone."""
    for metric in metrics:
        if metric.weighted:
            metric.update(prediction, y, weight)
        else:
            metric.update(prediction, y)


def is_a_sum(metric: Metric) -> bool:
    """Whether a metric gives the same for batches together as for one after the other.

    What a user's own metric gives may depend on which samples it is shown at once.
    """
    return from_here(metric) and not isinstance(metric, FunctionMetric)


class Tally:
    """Counts the batches of epochs for a model's metrics, many small ones at once.

    A metric takes longer to look at a small batch than a copy of it takes to be made. Metrics of
    the user's own see every batch by itself, as they may depend on what a batch is.

    Args:
        metrics: The metrics.
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics
        self._gathers = all(map(is_a_sum, metrics))
        self._n = -1  # samples in the batches that are gathered
        self._kept = 0

    def reset(self) -> None:
        """Starts anew, at the beginning of an epoch."""
        self._kept = 0
        for metric in self.metrics:
            metric.reset()

    def add(self, prediction: Array, y: Array, weight: Array | None) -> None:
        """Takes note of a batch, whose arrays the next one may overwrite."""
        if len(y) != self._n and not self._can_gather(prediction, y, weight):
            update_metrics(self.metrics, prediction, y, weight)
            return
        kept_prediction, kept_y = self._places[self._kept]
        kept_prediction[...] = prediction
        kept_y[...] = y
        self._kept += 1
        if self._kept == len(self._places):
            self.counted()

    def _can_gather(self, prediction: Array, y: Array, weight: Array | None) -> bool:
        """Whether batches like this one are gathered; the first one makes room for them."""
        places = COUNTED_AT_ONCE // max(1, len(y))
        if self._n >= 0 or not self._gathers or places < 4 or weight is not None:
            return False
        self._n = len(y)
        self._predictions = np.empty((places, *prediction.shape), prediction.dtype)
        self._targets = np.empty((places, *y.shape), y.dtype)
        self._places = list(zip(self._predictions, self._targets, strict=True))
        return True

    def counted(self) -> list[Metric]:
        """The metrics, when they have counted everything."""
        if self._kept:
            P, Y = self._predictions[: self._kept], self._targets[: self._kept]
            # (batches, N, …) -> (batches · N, …)
            P, Y = P.reshape(-1, *P.shape[2:]), Y.reshape(-1, *Y.shape[2:])
            update_metrics(self.metrics, P, Y, None)
            self._kept = 0
        return self.metrics


def decision_threshold(loss: Loss) -> float | None:
    """Above what an output means yes: 0 for logits and for the scores of a hinge loss.

    None leaves it to the metrics, which say ½ for one output.
    """
    on_logits = isinstance(loss, BinaryCrossentropy) and loss.from_logits
    return 0.0 if on_logits or isinstance(loss, Hinge) else None
