"""The loop: batches through the layers and back, epoch after epoch."""

import copy
import math
import warnings
from collections.abc import Iterable
from itertools import islice

from backprop.callbacks import CallbackList
from backprop.core.types import Array
from backprop.layers import Layer
from backprop.metrics import Metric
from backprop.training.batches import Batches
from backprop.training.head import MatchedPair
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.protocol import Model

EVALUATION_BATCH = 1024
"""Samples in a batch where no gradient is needed, unless the user says otherwise."""


def train_step(model: Model, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
    """The five steps on a batch: forward, loss, backward, gradients, update.

    Returns:
        E before the update, and the prediction that it was computed from.
    """
    prediction = model.forward(X, training=True)
    loss = model.loss.compute(prediction, y, weight) + model.penalty()
    model.backward()
    model.optimizer.step(model.parameters)
    return loss, prediction


def fit(
    model: Model,
    batches: Batches,
    validation: Batches | None,
    callbacks: CallbackList,
    epochs: range,
) -> None:
    """Trains a built model for these epochs; the callbacks collect and show the numbers.

    A callback may set ``model.resume_at`` in ``on_train_begin`` to start later.
    """
    before_batch = callbacks.listeners("on_train_batch_begin")
    after_batch = callbacks.listeners("on_train_batch_end")
    metrics = model.metrics
    model.stop_training = False
    model.resume_at = epochs.start, 0
    logs: dict[str, float] = {}
    diverged = False
    with DelayedInterrupt() as interrupt:
        callbacks.call("on_train_begin", {})
        first, step = model.resume_at
        try:
            for epoch in range(first, epochs.stop):
                callbacks.call("on_epoch_begin", epoch, {})
                total, seen = 0.0, 0
                for metric in metrics:
                    metric.reset()
                steps = interrupt.after_each(islice(batches, step, None))
                for batch, (X, y, weight) in enumerate(steps, step):
                    for hook in before_batch:
                        hook(batch, {})
                    loss, prediction = train_step(model, X, y, weight)
                    total += loss * len(X)  # the last batch may be shorter and counts for less
                    seen += len(X)
                    for metric in metrics:
                        metric.update(prediction, y)
                    if after_batch:
                        so_far = collect(total / seen, metrics)
                    for hook in after_batch:
                        hook(batch, so_far)
                    if model.stop_training:
                        break
                step = 0
                logs = collect(total / seen, metrics)
                if validation is not None:
                    found = evaluate(model, interrupt.after_each(validation), callbacks)
                    logs |= {f"val_{key}": value for key, value in found.items()}
                if not (diverged or math.isfinite(logs["loss"])):
                    diverged = True
                    warn_of_divergence(logs["loss"], epoch)
                callbacks.call("on_epoch_end", epoch, logs)
                interrupt.check()
                if model.stop_training:
                    break
        finally:
            callbacks.call("on_train_end", logs)


def collect(loss: float, metrics: list[Metric]) -> dict[str, float]:
    """The loss and the metrics' results by name."""
    return {"loss": loss, **{metric.name: metric.result() for metric in metrics}}


def warn_of_divergence(loss: float, epoch: int) -> None:
    """Says where Python shows warnings that the loss is no number any more."""
    warnings.warn(
        f"the loss became {loss} in epoch {epoch + 1}: training has diverged. Lower the learning "
        f"rate, or scale the inputs.",
        RuntimeWarning,
        stacklevel=4,  # the line that called fit
    )


def evaluate(
    model: Model,
    batches: Iterable[tuple[Array, Array, Array | None]],
    callbacks: CallbackList | None = None,
) -> dict[str, float]:
    """The loss and the metrics over all batches, without changing anything in the model."""
    # what a training step left in the layers and in the loss is still there afterwards
    loss, metrics = copy.deepcopy((model.loss, model.metrics))
    body = model.layers[:-1] if isinstance(loss, MatchedPair) else model.layers
    for metric in metrics:
        metric.reset()
    before = callbacks.listeners("on_test_batch_begin") if callbacks else []
    after = callbacks.listeners("on_test_batch_end") if callbacks else []
    if callbacks:
        callbacks.call("on_test_begin", {})
    penalty = model.penalty()
    total, seen = 0.0, 0
    for batch, (X, y, weight) in enumerate(batches):
        for hook in before:
            hook(batch, {})
        prediction = forward(body, X)
        if isinstance(loss, MatchedPair):
            prediction = loss.activation.forward(prediction, training=True)
        total += loss.compute(prediction, y, weight) * len(X)
        seen += len(X)
        for metric in metrics:
            metric.update(prediction, y)
        for hook in after:
            hook(batch, collect(total / seen + penalty, metrics))
    logs = collect(total / seen + penalty, metrics)
    if callbacks:
        callbacks.call("on_test_end", logs)
    return logs


def forward(layers: Iterable[Layer], X: Array) -> Array:
    """The inference pass through these layers."""
    for layer in layers:
        X = layer.forward(X)
    return X
