"""What a model's metrics are given in training and evaluation."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.losses import BinaryCrossentropy, Hinge, Loss
from backprop.metrics import FunctionMetric, Metric
from backprop.training.replay import from_here

COUNTED_AT_ONCE = 1024
"""Samples that metrics count in one go."""

SMALL = 2048
"""Bytes of a prediction up to which a copy takes less time than a look at it."""


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
        self._dtype: Any = None  # of their targets
        # copied as bytes, which is quicker than into a place in an array
        self._predictions: list[bytes] = []
        self._targets: list[bytes] = []

    def reset(self) -> None:
        """Starts anew, at the beginning of an epoch."""
        self._predictions.clear()
        self._targets.clear()
        for metric in self.metrics:
            metric.reset()

    def add(self, prediction: Array, y: Array, weight: Array | None) -> None:
        """Takes note of a batch, whose arrays the next one may overwrite."""
        alike = len(y) == self._n and y.dtype is self._dtype and weight is None
        if not alike and not self._can_gather(prediction, y, weight):
            update_metrics(self.metrics, prediction, y, weight)
            return
        kept = self._predictions
        kept.append(prediction.tobytes())
        self._targets.append(y.tobytes())
        if len(kept) == self._most:
            self.counted()

    def _can_gather(self, prediction: Array, y: Array, weight: Array | None) -> bool:
        """Whether batches like this one are gathered; the first one says what they are like."""
        most = COUNTED_AT_ONCE // max(1, len(y))
        fits = prediction.nbytes <= SMALL and most >= 4 and weight is None
        if self._n >= 0 or not self._gathers or not fits:
            return False
        self._n, self._dtype, self._most = len(y), y.dtype, most
        self._like = prediction[:0].copy(), y[:0].copy()
        return True

    def counted(self) -> list[Metric]:
        """The metrics, when they have counted everything."""
        if self._predictions:
            P, Y = map(joined, (self._predictions, self._targets), self._like)
            update_metrics(self.metrics, P, Y, None)
            self._predictions.clear()
            self._targets.clear()
        return self.metrics


def joined(pieces: list[bytes], like: Array) -> Array:
    """The array whose rows these are the bytes of, one after the other."""
    return np.frombuffer(b"".join(pieces), like.dtype).reshape(-1, *like.shape[1:])


def decision_threshold(loss: Loss) -> float | None:
    """Above what an output means yes: 0 for logits and for the scores of a hinge loss.

    None leaves it to the metrics, which say ½ for one output.
    """
    on_logits = isinstance(loss, BinaryCrossentropy) and loss.from_logits
    return 0.0 if on_logits or isinstance(loss, Hinge) else None
