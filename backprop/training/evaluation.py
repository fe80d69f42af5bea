"""The loss and the metrics over batches, without learning from them."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from backprop.callbacks import CallbackList
from backprop.core.descriptors import from_package
from backprop.core.spare import same_memory
from backprop.core.types import Array
from backprop.data.batches import Batch
from backprop.data.samples import warn_if_none_counts
from backprop.layers.block import forward_through
from backprop.layers.returned import collected
from backprop.losses import Loss
from backprop.metrics import FunctionMetric, Metric
from backprop.protocol import Model
from backprop.training.batched_metrics import count_known, try_metrics, update_steps
from backprop.training.divergence import quietly

Together = Callable[[float, int, list[Metric]], tuple[float, int, list[Metric]]]
"""Makes of Σ n E, Σ n = N and the metrics those over all workers, where several train a model."""

HELD_OUT = "the validation data"
"""What a fit's validation is called in warnings."""


def alone(total: float, seen: int, metrics: list[Metric]) -> tuple[float, int, list[Metric]]:
    """The same numbers: one process has seen all samples."""
    return total, seen, metrics


class Evaluator:
    """Evaluates a model, as often as it is called, without changing anything in it.

    What a training step left in the layers and in the loss is still there afterwards: the loss and
    the metrics are copies.

    Args:
        model: A built and compiled model.
        together: Adds up what several workers have seen.
    """

    def __init__(self, model: Model, together: Together = alone) -> None:
        self.model, self.together = model, together
        self._told = False  # that nothing counted
        self._own_forward = not from_package(model.forward)

    @quietly
    @same_memory()
    def __call__(
        self,
        batches: Iterable[Batch],
        callbacks: CallbackList | None = None,
        name: str = "",
    ) -> dict[str, float]:
        """The loss and the metrics over all batches.

        Warns once if all is padding, where the batches have a ``name`` to be called by.
        """
        model = self.model
        if callbacks:
            callbacks.call("on_test_begin", {})
        # with what was set of them there
        before = callbacks.overriding("on_test_batch_begin") if callbacks else []
        after = callbacks.overriding("on_test_batch_end") if callbacks else []
        loss, metrics = self._copies()
        penalty = model.penalty()
        total, seen = 0.0, 0
        for batch, (X, y, weight, given) in enumerate(batches):
            for callback in before:
                callback.on_test_batch_begin(batch, {})
            output, added = self.infer(X)
            prediction = loss.predict(output, training=True)
            mask = model.mask(X)
            weighed = weight if mask is None else loss.weigh_steps(mask, weight, model.dtype)
            if not batch:
                targets = getattr(batches, "targets", None)
                try_metrics(metrics, mask, prediction, given, weight, targets)
            n = update_steps(metrics, mask, prediction, given, weight)
            if loss.ignored is not None:
                n = count_known(y, mask, loss.ignored)
            if n:
                total += (loss.compute(prediction, y, weighed) + added) * n
            seen += n
            for callback in after:
                logs = collect(*self.together(total, seen, metrics), penalty, so_far)
                callback.on_test_batch_end(batch, logs)
        total, seen, metrics = self.together(total, seen, metrics)
        logs = collect(total, seen, metrics, penalty)
        if callbacks:
            callbacks.call("on_test_end", logs)
        if not seen and name and loss.ignored is None and not self._told:
            self._told = True
            warn_if_none_counts(False, name)
        return logs

    def infer(self, X: Array) -> tuple[Array, float]:
        """The output for a batch, and the penalties on what passes through the layers."""
        if not self.model.penalizes and not self._own_forward:
            return self.model.infer(X), 0.0
        with collected() as penalties:
            if self._own_forward:  # it may do more than the layers
                return self.model.forward(X), sum(penalties)
            return forward_through(self.model.body, X), sum(penalties)

    def _copies(self) -> tuple[Loss, list[Metric]]:
        """Copies of the loss and the metrics, for whose sake nothing of the model's is touched."""
        loss = self.model.loss.unjoined if self._own_forward else self.model.loss
        return loss.apart(), [metric.apart() for metric in self.model.metrics]


def collect(
    total: float,
    seen: int,
    metrics: list[Metric],
    penalty: float = 0.0,
    result: Callable[[Metric], Any] = lambda metric: metric.result(),
) -> dict[str, float]:
    """The mean loss, with a penalty, and the metrics' results by name."""
    loss = total / max(seen, 1) + penalty
    return {"loss": loss, **{metric.name: now(result(metric)) for metric in metrics}}


def so_far(metric: Metric) -> Any:
    """A metric's result on the way; nan where a function says that the samples are too few yet."""
    if not isinstance(metric, FunctionMetric):
        return metric.result()
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metric.result()
    return math.nan


def now(result: Any) -> Any:
    """A metric's result as it is now, in Python's numbers, as json and the like need them.

    A metric of one's own may return a number of NumPy's, or an array that it goes on with.
    """
    if isinstance(result, list | tuple | np.ndarray | np.generic):
        return np.asarray(result).tolist()
    return result


def unwrap(logs: Mapping[str, float]) -> float | list[float]:
    """The loss alone, or ``[loss, metrics…]``."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
