"""Metrics on rankings: what holds at all thresholds, and the areas under two curves, exactly."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_choice, check_flag, check_integer, check_list, check_number
from backprop.core.errors import ShapeError
from backprop.core.types import Array
from backprop.metrics.base import Metric
from backprop.metrics.decisions import are_two_classes, check_class_id, has_one_true, rows
from backprop.metrics.shapes import check_width

CURVES = ("ROC", "PR")

Scores = tuple[Array, Array, Array]


class Ranking(Metric):
    """The base of what is found at all thresholds: it keeps the scores of all samples.

    Of two classes the score is that of class 1 (see ``DecisionMetric``). Otherwise K outputs are
    counted together: every pair of a sample and a class counts as a sample. After a loss on class
    scores (logits) they are ranked by their probabilities, softmax(z), which rows have in common.

    Args:
        name: Its key in logs and History.
        class_id: The class whose score it is, against all others.
        multi_label: Whether the K outputs count each for itself: the score is the mean of theirs.
    """

    better = "larger"
    label_weights: Any = None  # how much each output counts; all alike if it is None

    def __init__(self, name: str, class_id: int | None, multi_label: bool = False) -> None:
        super().__init__(name)
        kind = type(self).__name__
        self.class_id = (
            None if class_id is None else check_integer(class_id, f"{kind}(class_id)", 0)
        )
        self.multi_label = check_flag(multi_label, f"{kind}(multi_label)")
        self.reset()

    def score(self, positive: Array, negative: Array) -> float:
        """The score from the weights of both kinds of samples at each score, rising."""
        raise NotImplementedError(f"{type(self).__name__} must define score(positive, negative).")

    def reset(self) -> None:
        """Starts anew."""
        # for each batch the scores, and the weights of the positive and of the negative samples;
        # those of two outputs apart, until it is known whether they are two classes
        self._columns: list[list[Scores]] = []
        self._n_outputs: int | None = None
        self._one_true = True  # in every sample so far

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Keeps the scores of a batch."""
        P, T, w = rows(self, prediction, target, sample_weight)
        check_class_id(self, self.class_id, P.shape[1])
        W = np.ones(P.shape) if w is None else w
        K = P.shape[1]
        check_width(self.name, self._n_outputs, K)
        self._n_outputs = K
        self._one_true = self._one_true and has_one_true(T, w)
        V = self.label_weights
        if V is not None and len(V) != K:
            raise ShapeError(
                f"metric {self.name!r}: label_weights must hold a number for each of the {K} "
                f"outputs, but there are {len(V)}."
            )
        if V is not None and not self.multi_label:
            W = W * np.array(V)
        if K > 1 and self.outputs == "scores":
            P = log_odds(P)
        if self.class_id is not None:
            P, T, W = (A[:, self.class_id : self.class_id + 1] for A in (P, T, W))
        apart = self.multi_label or P.shape[1] == 2
        parts = [slice(k, k + 1) for k in range(P.shape[1])] if apart else [slice(None)]
        self._columns = self._columns or [[] for _ in parts]
        for column, k in zip(self._columns, parts, strict=True):
            p, t, weight = P[:, k], T[:, k], W[:, k]
            counted = weight > 0
            column.append((p[counted], (weight * t)[counted], (weight * ~t)[counted]))

    def result(self) -> float:
        """The score; nan if nothing was counted, or a score is nan."""
        if not self._columns:
            return float("nan")
        columns = self._columns
        if not self.multi_label and are_two_classes(self, len(columns), self._one_true):
            columns = columns[1:]
        for column in columns:
            column[:] = [merged(column)]
        parts = [column[0] for column in columns]
        if not self.multi_label:
            parts = [parts[0] if len(parts) == 1 else merged(parts)]
        V = [1.0] * len(parts)
        if self.multi_label and self.label_weights is not None:
            V = list(self.label_weights)
        pairs = [(v, part) for v, part in zip(V, parts, strict=True) if v]
        if any(not s.size or math.isnan(s[-1]) for _, (s, *_) in pairs):
            return float("nan")
        return math.fsum(v * self.score(*counts) for v, (_, *counts) in pairs) / math.fsum(V)


class AUC(Ranking):
    """The area under a curve through all thresholds, over all samples: exact.

    ``"ROC"``: the chance that a positive sample scores higher than a negative one,

        AUC = Σ_{i positive, j negative} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / Σ_{i, j} w_i w_j

    ``"PR"``: average precision, with P_t and R_t at the t-th of the different scores from above,

        AP = Σ_t (R_t − R_{t−1}) P_t

    These are scikit-learn's ``roc_auc_score`` and ``average_precision_score``. Keras approximates
    the curves by 200 thresholds between 0 and 1; here all scores are kept, of any range, logits
    too. Of two classes the area is that of class 1; otherwise K outputs are counted together.
    Source: Hanley & McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".

    Args:
        curve: ``"ROC"`` or ``"PR"``.
        name: Its key in logs and History.
        class_id: The class whose area it is, against all others.
        multi_label: Whether it is the mean of the areas of the K outputs, each for itself.
        label_weights: How much each of the K outputs counts: its area in that mean, or else its
            samples among all.

    Raises:
        ValueError: The curve is none of these, or all weights are 0.

    Example:
        >>> metric = bp.metrics.AUC()
        >>> metric.update(np.array([[0.9], [0.8], [0.7], [0.1]]), np.array([[1], [0], [1], [0]]))
        >>> metric.result()  # three of four pairs are in order
        0.75
    """

    not_taken = {
        **dict.fromkeys(("thresholds", "num_thresholds"), "every score is a threshold"),
        "from_logits": "scores may lie in any range, and compile says what they are",
    }

    def __init__(
        self,
        curve: str = "ROC",
        name: str = "auc",
        class_id: int | None = None,
        multi_label: bool = False,
        label_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(name, class_id, multi_label)
        self.curve = check_choice(curve, "AUC(curve)", CURVES)
        if label_weights is not None:
            label_weights = check_list(label_weights, "AUC(label_weights)")
            label_weights = tuple(check_number(v, "AUC(label_weights)") for v in label_weights)
            if not any(label_weights):
                raise ValueError("AUC(label_weights) must hold a number above 0.")
        self.label_weights = label_weights

    def score(self, positive: Array, negative: Array) -> float:
        """The area; nan without positive samples, and for ``"ROC"`` without negative ones."""
        p, n = positive.sum(), negative.sum()
        if p == 0 or (n == 0 and self.curve == "ROC"):
            return float("nan")
        if self.curve == "ROC":
            lower = np.cumsum(negative) - 0.5 * negative  # the tied ones count by half
            return float((positive * lower).sum() / (p * n))
        hits, misses = np.cumsum(positive[::-1]), np.cumsum(negative[::-1])
        return float((positive[::-1] * hits / (hits + misses)).sum() / p)


def log_odds(Z: Array) -> Array:
    """log p_k/(1 − p_k) = z_k − log Σ_{j≠k} e^{z_j} with p = softmax(z), which may be rounded to 1.

    It rises with p; of two logits it is their distance.
    """
    first = Z.argmax(axis=-1)[:, np.newaxis]
    D = Z.astype(np.float64) - np.take_along_axis(Z, first, axis=-1)
    found: Array = D.copy()
    np.put_along_axis(D, first, -math.inf, axis=-1)
    rest = np.logaddexp.reduce(D, axis=-1, keepdims=True)  # without the largest one, which is 0
    found -= np.log1p(np.exp(rest) - np.exp(D))
    np.put_along_axis(found, first, -rest, axis=-1)
    return found


def merged(batches: list[Scores]) -> Scores:
    """The different scores, rising, and the weights of both kinds of samples at each."""
    s, positive, negative = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    order = np.argsort(s, kind="stable")  # quick where all but the last batch are in order
    s = s[order]
    if s.size:
        starts = np.flatnonzero(np.concatenate([[True], s[1:] != s[:-1]]))
        positive = np.add.reduceat(positive[order], starts)
        negative = np.add.reduceat(negative[order], starts)
        s = s[starts]
    return s, positive, negative
