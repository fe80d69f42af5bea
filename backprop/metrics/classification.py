"""Metrics on decisions: precision, recall, F-scores and the confusion matrix."""

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_integer, check_number, check_positive
from backprop.core.errors import ShapeError
from backprop.core.types import Array
from backprop.metrics.base import Metric

AVERAGES = ("micro", "macro", "weighted")


class DecisionMetric(Metric):
    """The base of precision, recall and the F-scores: a ratio of counts over all samples.

    For each class k it counts, with the samples' weights,

        hits_k    samples of the class that were chosen for it
        chosen_k  samples that were chosen for it
        true_k    samples of the class

    and a subclass writes ``ratio``, the score's numerator and denominator. Targets are 0/1 for each
    output (−1/1 will do), or class indices.

    Args:
        name: Its key in logs and History.
        threshold: Every output above it is chosen, each for itself; None chooses the largest of K
            outputs, and a single one above ½.
        class_id: The class whose score it is; None is all of them.
        average: How the classes' scores become one: ``"micro"`` adds up the counts of all classes
            first, ``"macro"`` takes the mean of the scores, ``"weighted"`` the mean with weights
            true_k.

    Raises:
        ValueError: The average is none of these.
    """

    def __init__(
        self, name: str, threshold: float | None, class_id: int | None, average: str
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        if average not in AVERAGES:
            raise ValueError(
                f"{kind}(average) must be one of {AVERAGES}, but it is {average!r}: "
                f"logs hold one number a metric; use class_id for the score of one class."
            )
        if threshold is not None:
            threshold = check_number(threshold, f"{kind}(threshold)", -math.inf)
        if class_id is not None:
            class_id = check_integer(class_id, f"{kind}(class_id)", 0)
        self.threshold = threshold
        self.class_id = class_id
        self.average = average
        self.reset()

    def ratio(self, hits: Array, chosen: Array, true: Array) -> tuple[Array, Array]:
        """The numerators and denominators of the classes' scores."""
        raise NotImplementedError(f"{type(self).__name__} must define ratio(hits, chosen, true).")

    def reset(self) -> None:
        """Starts anew."""
        self._counts: Array | None = None  # (3, K)

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        P, T, w = rows(self, prediction, target, sample_weight)
        check_class_id(self, self.class_id, P.shape[1])
        if self.threshold is not None:
            chosen = np.greater(P, self.threshold)
        elif P.shape[1] == 1:
            chosen = P > 0.5
        else:
            chosen = P.argmax(-1)[:, np.newaxis] == np.arange(P.shape[1])
        sides = np.stack([chosen & T, chosen, T])  # (3, rows, K)
        counts = sides.sum(axis=1) if w is None else np.einsum("nk,cnk->ck", w, sides)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> float:
        """The score: 0 where its denominator is 0; nan if nothing was counted."""
        if self._counts is None:
            return float("nan")
        hits, chosen, true = self._counts
        if self.class_id is not None:
            hits, chosen, true = (c[self.class_id : self.class_id + 1] for c in self._counts)
        elif self.average == "micro":
            hits, chosen, true = self._counts.sum(axis=1, keepdims=True)
        numerator, denominator = self.ratio(hits, chosen, true)
        scores = numerator / np.where(denominator > 0, denominator, 1)
        if self.average == "weighted":
            return float(scores @ true / (true.sum() or 1.0))
        return float(scores.mean())


class Precision(DecisionMetric):
    """hits / chosen: how much of what was chosen is right; 0 if nothing was.

    As in Keras, each of K outputs is compared with the threshold, and all are counted together.
    After a softmax perhaps none is above ½: ``threshold=None`` takes the largest one.

    Args:
        threshold: Every output above it is chosen; 0 for a model that ends in logits; None takes
            the largest of K outputs.
        class_id: The class whose precision it is; None is all of them.
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes.
        name: Its key in logs and History.
    """

    def __init__(
        self,
        threshold: float | None = 0.5,
        class_id: int | None = None,
        average: str = "micro",
        name: str = "precision",
    ) -> None:
        super().__init__(name, threshold, class_id, average)

    def ratio(self, hits: Array, chosen: Array, true: Array) -> tuple[Array, Array]:
        """Hits of the chosen."""
        return hits, chosen


class Recall(DecisionMetric):
    """hits / true: how much of what should be chosen was; 0 if nothing should.

    Args:
        threshold: As for ``Precision``.
        class_id: The class whose recall it is; None is all of them.
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes.
        name: Its key in logs and History.
    """

    def __init__(
        self,
        threshold: float | None = 0.5,
        class_id: int | None = None,
        average: str = "micro",
        name: str = "recall",
    ) -> None:
        super().__init__(name, threshold, class_id, average)

    def ratio(self, hits: Array, chosen: Array, true: Array) -> tuple[Array, Array]:
        """Hits of the true."""
        return hits, true


class FBetaScore(DecisionMetric):
    """F_β = (1 + β²) hits / (chosen + β² true), the harmonic mean of precision and recall.

        F_β = (1 + β²) P R / (β² P + R): recall counts β times as much as precision

    Keras's default is one score for each class; logs hold one number, so here it is their mean. A
    single output is chosen above ½, where Keras would choose it always.

    Args:
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes.
        beta: β, positive.
        threshold: Every output above it is chosen; None takes the largest of K outputs.
        name: Its key in logs and History.
        class_id: The class whose score it is; None is all of them.

    Raises:
        ValueError: β is not a positive number.
    """

    def __init__(
        self,
        average: str = "macro",
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, threshold, class_id, average)
        self.beta = check_positive(beta, f"{type(self).__name__}(beta)")

    def ratio(self, hits: Array, chosen: Array, true: Array) -> tuple[Array, Array]:
        """(1 + β²) hits of chosen + β² true."""
        b2 = self.beta**2
        return (1 + b2) * hits, chosen + b2 * true


class F1Score(FBetaScore):
    """F₁ = 2 P R / (P + R): precision and recall count alike (see ``FBetaScore``).

    Args:
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes.
        threshold: Every output above it is chosen; None takes the largest of K outputs.
        name: Its key in logs and History.
        class_id: The class whose score it is; None is all of them.
    """

    def __init__(
        self,
        average: str = "macro",
        threshold: float | None = None,
        name: str = "f1_score",
        class_id: int | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, class_id)


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
    P, Y = np.asarray(prediction), np.asarray(target)
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


def confusion_matrix(y_true: Any, y_pred: Any, n_classes: int | None = None) -> Array:
    """C with C[i, j] the number of samples of class i that were predicted as class j.

    ``plotting.confusion_matrix`` draws it.

    Args:
        y_true: The true classes: indices ``(N,)`` or one-hot rows ``(N, K)``.
        y_pred: The predicted ones: likewise, or what ``model.predict`` returned. Of rows the
            largest entry counts; a single column of floats is class 1 above ½.
        n_classes: K; by default as many as the two need.

    Returns:
        Integers of shape ``(K, K)``.

    Raises:
        ShapeError: The two have different lengths, or are no rows at all.
        ValueError: An index is no whole number from 0 to K − 1.
    """
    true, guess = as_classes(y_true, "y_true"), as_classes(y_pred, "y_pred")
    if len(true) != len(guess):
        raise ShapeError(
            f"y_true and y_pred must be of one length, but they are {len(true)} and {len(guess)}."
        )
    widths = [np.shape(y)[1] for y in (y_true, y_pred) if np.ndim(y) == 2 and np.shape(y)[1] > 1]
    largest = max(true.max(initial=-1), guess.max(initial=-1))
    needed = int(max([largest + 1, *widths]))
    K = needed if n_classes is None else check_integer(n_classes, "n_classes")
    if largest >= K:
        raise ValueError(f"n_classes is {K}, but there is a class {largest}: it must be larger.")
    counts = np.bincount(true * K + guess, minlength=K * K)
    return counts.reshape(K, K)


def as_classes(y: Any, name: str) -> Array:
    """Class indices ``(N,)`` from indices or from rows."""
    Y = np.asarray(y)
    if Y.ndim == 2:
        if Y.shape[1] == 1:
            Y = Y[:, 0] > 0.5 if Y.dtype.kind == "f" else Y[:, 0]
        else:
            Y = Y.argmax(axis=1)
    if Y.ndim != 1:
        raise ShapeError(
            f"{name} must hold class indices (N,) or rows (N, K), but its shape is {Y.shape}."
        )
    if Y.dtype.kind not in "fiub" or not np.isfinite(Y).all() or (Y < 0).any() or (Y % 1).any():
        raise ValueError(
            f"{name} must hold class indices, whole numbers from 0 on: for probabilities of one "
            f"output pass (probabilities > 0.5)."
        )
    return Y.astype(np.intp)
