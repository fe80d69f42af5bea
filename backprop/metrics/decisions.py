"""What the metrics on decisions share: which classes are true, and of which kind outputs are."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from backprop.core.errors import said
from backprop.core.types import Array, Interval
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
        check_by_hand(metric, P, Y)
        T = Y > 0.5
    K = P.shape[-1]
    w = None if sample_weight is None else metric.spread(sample_weight, P.shape).reshape(-1, K)
    return P.reshape(-1, K), T.reshape(-1, K), w


def check_by_hand(metric: Metric, P: Array, Y: Array) -> None:
    """Checks that a metric that is used by hand is given answers, and not the targets first.

    Raises:
        ValueError: No target means no, as of classes 1 and 2; or ``check_order`` says so.
    """
    if metric._tried is not None:  # training has tried it, and warns
        return
    if P.dtype.kind == "f" and P.size and 1 <= Y.min() < Y.max():
        raise ValueError(
            f"metric {metric.name!r}: targets above 0.5 mean yes, as all of these do, which run "
            f"from {Y.min():g} to {Y.max():g}: pass targets of 0 and 1."
        )
    check_order(metric, P, Y)


def check_order(metric: Metric, P: Array, Y: Array) -> None:
    """Checks that a metric that is used by hand is not given the targets first.

    Raises:
        ValueError: The predictions are all 0 and 1, and the targets many numbers between these.
    """
    if metric._tried is not None or not np.isin(P, (0, 1)).all():  # training has tried it
        return
    if len(np.unique(Y[(Y > 0) & (Y < 1)])) > 2:  # a label that is smoothed is one of two numbers
        raise ValueError(
            f"metric {metric.name!r}: the predictions are all 0 and 1, but the targets lie between "
            f"them: write metric.update(prediction, target), the predictions first."
        )


def check_answers(metric: Metric, P: Array, threshold: Any) -> None:
    """Checks that predictions can be answers, yes or no, and are no numbers of classes.

    Args:
        metric: Whose error it is.
        P: The predictions; floating-point numbers pass.
        threshold: Above it they mean yes; one that is chosen for them passes.

    Raises:
        ValueError: They are whole numbers above 1.
    """
    if P.dtype.kind in "iu" and threshold in (None, 0.5) and P.size and P.max() > 1:
        raise ValueError(
            f"metric {metric.name!r}: predictions are the outputs of a model, and of a single one "
            f"yes or no, but these are whole numbers up to {P.max()}, as those of classes are: "
            f"pass what model.predict returns, or count with bp.metrics.confusion_matrix."
        )


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
    return n_outputs == 2 and (one_true if metric.outputs is None else metric.outputs != "answers")


def check_class_id(metric: Metric, class_id: int | None, n_classes: int) -> None:
    """Checks that there is such a class.

    Raises:
        ValueError: There is none.
    """
    if class_id is not None and class_id not in range(n_classes):
        raise ValueError(
            f"metric {metric.name!r}: class_id must be one of the {n_classes} outputs, 0 to "
            f"{n_classes - 1}, but it is {said(class_id)}."
        )


def check_thresholds(metrics: Iterable[Metric], last: Any, interval: Interval | None) -> None:
    """Checks that outputs can lie on both sides of the metrics' thresholds.

    Args:
        metrics: The metrics.
        last: The layer that makes the outputs, for the error message.
        interval: What they lie between, if that is known. More than 0 and 1 says nothing.

    Raises:
        ValueError: A threshold lies outside.
    """
    if interval is None or not 0 <= interval[0] <= interval[1] <= 1:
        return
    low, high = interval
    for metric in (each for each in metrics if each.of_package):
        given = getattr(metric, "threshold", getattr(metric, "thresholds", None))
        for threshold in given if isinstance(given, tuple) else (given,):
            if threshold is not None and not low <= threshold <= high:
                raise ValueError(
                    f"metric {metric.name!r}: the threshold must lie between {low:g} and {high:g}, "
                    f"as the outputs of {last} do, but it is {threshold:g}: all outputs would be "
                    f"on one side of it."
                )
