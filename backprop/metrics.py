"""Metrics: numbers that people compare, collected over an epoch and never differentiated."""

from typing import Any

import numpy as np

from backprop.core.lookup import resolve
from backprop.core.types import Array


class Metric:
    """A number over all samples seen since the last ``reset``.

    A subclass writes ``update``, ``result`` and ``reset``.

    Args:
        name: Its key in logs and History.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def reset(self) -> None:
        """Starts anew, at the beginning of an epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define reset().")

    def update(self, prediction: Array, target: Array) -> None:
        """Counts a batch of predictions ``(N, K)`` and their targets."""
        raise NotImplementedError(f"{type(self).__name__} must define update(prediction, target).")

    def result(self) -> float:
        """The number over all samples counted so far; nan if there were none."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class Accuracy(Metric):
    """The share of correct predictions; what is correct follows from the shapes, as in Keras.

    - one output: the target's side of the threshold was hit (binary),
    - K outputs and one-hot targets: the largest output is the largest target (categorical),
    - K outputs and class indices: the largest output is at that index (sparse categorical).

    Args:
        name: Its key in logs and History.
        threshold: Above it a single output means class 1.
    """

    def __init__(self, name: str = "accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self._correct = 0
        self._seen = 0

    def update(self, prediction: Array, target: Array) -> None:
        """Counts the correct ones of a batch."""
        hit: Any
        if prediction.shape[-1] == 1:
            hit = (prediction > self.threshold) == (target > 0.5)
        elif target.ndim == prediction.ndim:
            hit = prediction.argmax(axis=-1) == target.argmax(axis=-1)
        else:
            hit = prediction.argmax(axis=-1) == target
        self._correct += int(np.count_nonzero(hit))
        self._seen += hit.size

    def result(self) -> float:
        """The share of correct predictions."""
        return self._correct / self._seen if self._seen else float("nan")


def get(metric: str | Metric) -> Metric:
    """The metric of that name, or the object itself; a string stays its name in the History."""
    names = {key: lambda key=key: Accuracy(name=key) for key in ("accuracy", "acc")}
    return resolve(metric, Metric, names, "metric")
