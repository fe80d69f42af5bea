"""What a model's metrics are given in training and evaluation."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.losses import Loss
from backprop.losses.helpers import with_axes
from backprop.metrics import FunctionMetric, LossMetric, Metric
from backprop.metrics.accuracy import GuessMetric

COUNTED_AT_ONCE = 1024
"""Samples that metrics count in one go."""

SMALL = 2048
"""Bytes of a prediction up to which a copy takes less time than a look at it."""


def update_metrics(
    metrics: Iterable[Metric], prediction: Array, y: Array, weight: Array | None
) -> None:
    """Counts a batch; the weights of its samples are for the weighted metrics alone."""
    for metric in metrics:
        P, Y, w = prediction, y, weight
        if metric.ignored is not None:
            P, Y, w = known(P, Y, w, metric.ignored)
            if not len(Y):
                continue
        given: Any = (P, Y, w) if metric.weighted else (P, Y)
        if not metric.of_package:  # it may write into what it gets, which others go on with
            given = (None if each is None else each.copy() for each in given)
        metric.update(*given)


def known(
    prediction: Array, y: Array, weight: Array | None, ignored: int
) -> tuple[Array, Array, Array | None]:
    """The targets that are not of the class that the loss ignores, each as a sample."""
    keep = y != ignored
    if weight is not None:
        weight = weight.reshape(*weight.shape, *[1] * (keep.ndim - weight.ndim))
        weight = np.broadcast_to(weight, keep.shape)[keep]
    return prediction[keep], y[keep], weight


def count_known(y: Array, mask: Array | None, ignored: int) -> int:
    """How many targets the mean of a batch is over: not ignored, and not padding."""
    keep = y != ignored
    return int(np.count_nonzero(keep if mask is None else keep & mask))


def try_metrics(
    metrics: Iterable[Metric],
    mask: Array | None,
    prediction: Array,
    y: Array,
    weight: Array | None,
    targets: Array | None,
) -> None:
    """Shows the metrics the first batch, and all targets if they are at hand, before its step."""
    if mask is not None:
        for metric in metrics:
            if isinstance(metric, LossMetric):
                metric.try_steps(prediction, y)
        prediction, y, weight = shown_steps(mask, prediction, y, weight)
        targets = None
    if len(prediction):
        for metric in metrics:
            if isinstance(metric, FunctionMetric):
                metric.try_on(prediction, y, weight if metric.weighted else None, targets)
            else:
                metric.try_on(prediction, y)


def shown_steps(
    mask: Array, prediction: Array, y: Array, weight: Array | None
) -> tuple[Array, Array, Array | None]:
    """Those steps of sequences that are no padding, each as a sample."""
    if weight is not None:
        weight = with_axes(weight, mask.ndim)
        weight = np.broadcast_to(weight, mask.shape + weight.shape[mask.ndim :])[mask]
    return prediction[mask], y[mask], weight


def update_steps(
    metrics: Iterable[Metric],
    mask: Array | None,
    prediction: Array,
    y: Array,
    weight: Array | None,
) -> int:
    """``update_metrics`` for those steps of sequences that are no padding, each as a sample.

    Returns:
        How many samples that were.
    """
    if mask is not None:
        prediction, y, weight = shown_steps(mask, prediction, y, weight)
    if len(prediction):
        update_metrics(metrics, prediction, y, weight)
    return len(prediction)


def is_a_sum(metric: Metric) -> bool:
    """Whether a metric gives the same for batches together as for one after the other.

    What a user's own metric gives may depend on which samples it is shown at once.
    """
    return from_here(metric) and not isinstance(metric, FunctionMetric)


class BatchedMetrics:
    """Counts the batches of epochs for a model's metrics, many small ones at once.

    A metric takes longer to look at a small batch than a copy of it takes to be made. Metrics of
    the user's own see every batch by itself, as they may depend on what a batch is.

    Where the loss has found the likeliest classes itself, accuracies are told them.

    Args:
        metrics: The metrics.
        loss: The loss that the model learns by.
    """

    def __init__(self, metrics: list[Metric], loss: Loss) -> None:
        self.metrics = metrics
        self._gathers = all(map(is_a_sum, metrics))
        # the loss, if it makes the guesses and the metrics ask for nothing else
        alone = all(isinstance(m, GuessMetric) and m.ignored is None for m in metrics)
        self._guesser = loss if alone else None
        self._n = -1  # samples in the batches that are gathered
        self._dtype: Any = None  # of their targets
        self._steps: Any = None  # the shape of each of these
        self._y: Any = None  # the array of the last one's
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
        if (y is not self._y or weight is not None) and not self._gathered(prediction, y, weight):
            update_metrics(self.metrics, prediction, y, weight)
            return
        noted: Any = prediction if self._guesser is None else self._guesser.guess
        self._predictions.append(noted.tobytes())
        self._targets.append(y.tobytes())
        if len(self._predictions) == self._most:
            self.counted()

    def _gathered(self, prediction: Array, y: Array, weight: Array | None) -> bool:
        """Whether a batch is gathered, as it is small and like the first one that was."""
        if weight is not None:
            return False
        if self._n < 0:
            self._begin(prediction, y)
        if len(y) != self._n or y.dtype is not self._dtype or y.shape[1:] != self._steps:
            return False
        self._y = y
        return True

    def _begin(self, prediction: Array, y: Array) -> None:
        """Notes what batches are like that are gathered from now on, if this one is small."""
        noted = None if self._guesser is None else self._guesser.guess
        if noted is None or prediction.shape[-1] == 1:  # a single output is no guess
            self._guesser, noted = None, prediction
        most = COUNTED_AT_ONCE // max(1, len(y))
        if self._gathers and noted.nbytes <= SMALL and most >= 4:
            self._n, self._dtype, self._most = len(y), y.dtype, most
            self._steps = y.shape[1:]
            self._like = noted[:0].copy(), y[:0].copy()

    def counted(self) -> list[Metric]:
        """The metrics, when they have counted everything."""
        if self._predictions:
            self._count(self.metrics)
            self._predictions.clear()
            self._targets.clear()
        return self.metrics

    def glance(self) -> list[Metric]:
        """What ``counted`` would give; the batches that are gathered stay so.

        For whoever looks when the clock says so: where sums are cut decides their last digits.
        """
        if not self._predictions:
            return self.metrics
        metrics = copy.deepcopy(self.metrics)
        self._count(metrics)
        return metrics

    def _count(self, metrics: list[Metric]) -> None:
        P, Y = map(joined, (self._predictions, self._targets), self._like)
        if self._guesser is None:
            update_metrics(metrics, P, Y, None)
            return
        for metric in metrics:  # then there are no others
            if isinstance(metric, GuessMetric):
                metric.update_guesses(P, Y)


def joined(pieces: list[bytes], like: Array) -> Array:
    """The array whose rows these are the bytes of, one after the other."""
    return np.frombuffer(b"".join(pieces), like.dtype).reshape(-1, *like.shape[1:])
