"""What a model's metrics are given in training and evaluation."""

from collections.abc import Iterable

from backprop.core.types import Array
from backprop.losses import BinaryCrossentropy, Hinge, Loss
from backprop.metrics import Metric


def update_metrics(
    metrics: Iterable[Metric], prediction: Array, y: Array, weight: Array | None
) -> None:
    """Counts a batch; the weights of its samples are for the weighted metrics alone."""
    for metric in metrics:
        if metric.weighted:
            metric.update(prediction, y, weight)
        else:
            metric.update(prediction, y)


def decision_threshold(loss: Loss) -> float | None:
    """Above what an output means yes: 0 for logits and for the scores of a hinge loss.

    None leaves it to the metrics, which say ½ for one output.
    """
    on_logits = isinstance(loss, BinaryCrossentropy) and loss.from_logits
    return 0.0 if on_logits or isinstance(loss, Hinge) else None
