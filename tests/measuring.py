"""What a metric says of one batch, and how much memory something takes."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def measure(metric: Any, prediction: Any, target: Any, weight: Any = None) -> Any:
    metric.reset()
    metric.update(prediction, target, weight)
    return metric.result()


def column(array: Any) -> Any:
    return np.asarray(array)[:, np.newaxis]


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-15)


def peak(action: Callable[[], Any]) -> int:
    """The most memory that an action takes beside what was there."""
    tracemalloc.start()
    try:
        kept = action()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del kept
    return most


def peak_of_a_step(layer: Any, X: Any, delta: Any) -> int:
    """What a training step takes after a first one.

    NumPy converts and broadcasts through buffers of 8192 numbers, whatever the arrays' size.
    """

    def step() -> None:
        layer.forward(X, training=True)
        layer.backward(delta)

    step()
    return peak(step)
