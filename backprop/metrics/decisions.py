"""What the metrics on decisions share: which classes are true, and of which kind outputs are."""

import numpy as np

from backprop.core.types import Array
from backprop.metrics.base import Metric, as_arrays


def rows(
    metric: Metric, prediction: Array, target: Array, sample_weight: Array | None
) -> tuple[Array, Array, Array | None]:
    """Predictions and targets with one row for each decision and one column for each class.

    Args:
        metric: Whose errors they are.
        prediction: The network's output, shape ``(N, …, K)``.
        target: Of the same shape, or class indices ``(N, …)``.
        sample_weight: Shape ``(N,)``, or as ``Metric.spread`` takes it, or None.

    Returns:
        The predictions ``(rows, K)``, whether each class is true ``(rows, K)``, and the weights
        ``(rows, K)`` or None.
    """
    P, Y = as_arrays(prediction, target)
    n_classes = P.shape[-1]
    if P.ndim > 1 and n_classes > 1 and Y.shape != P.shape:
        c = metric.checked_class_indices(P, Y)
        T = c[..., np.newaxis] == np.arange(n_classes)
    else:
        P, Y = metric.paired(P, Y)
        T = Y > 0.5
    K = P.shape[-1]
    w = None if sample_weight is None else metric.spread(sample_weight, P.shape).reshape(-1, K)
    return P.reshape(-1, K), T.reshape(-1, K), w


def has_one_true(T: Array, w: Array | None) -> bool:
    """Whether exactly one class is true in every row that counts.

    Args:
        T: Whether each class is true, shape ``(rows, K)``.
        w: The weights, of the same shape, or None.
    """
    one = np.count_nonzero(T, axis=1) == 1
    return bool((one if w is None else one | ~w.any(axis=1)).all())


def are_two_classes(metric: Metric, n_outputs: int, one_true: bool) -> bool:
    """Whether two outputs are the two classes of one question, and not two answers.

    Args:
        metric: A metric that may know it from the loss.
        n_outputs: K.
        one_true: Whether exactly one is true in every sample.
    """
    known = None if metric.outputs is None else metric.outputs != "answers"
    return n_outputs == 2 and (one_true if known is None else known)


def check_class_id(metric: Metric, class_id: int | None, n_classes: int) -> None:
    """Checks that there is such a class.

    Raises:
        ValueError: There is none.
    """
    if class_id is not None and class_id not in range(n_classes):
        raise ValueError(
            f"metric {metric.name!r}: class_id must be one of the {n_classes} outputs, 0 to "
            f"{n_classes - 1}, but it is {class_id!r}."
        )
