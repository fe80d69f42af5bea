"""Metrics on rankings: the areas under the ROC and the precision–recall curve, exactly."""

import math

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.types import Array
from backprop.metrics.base import Metric
from backprop.metrics.classification import check_class_id, rows

CURVES = ("ROC", "PR")


class AUC(Metric):
    """The area under a curve through all thresholds, over all samples: exact.

    ``"ROC"``: the chance that a positive sample scores higher than a negative one,

        AUC = Σ_{i positive, j negative} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / Σ_{i, j} w_i w_j

    ``"PR"``: average precision, with P_t and R_t at the t-th of the different scores from above,

        AP = Σ_t (R_t − R_{t−1}) P_t

    These are scikit-learn's ``roc_auc_score`` and ``average_precision_score``. Keras approximates
    the curves by 200 thresholds between 0 and 1; here all scores are kept, of any range, logits
    too. K outputs are counted together: every pair of a sample and a class counts as a sample.

    Args:
        curve: ``"ROC"`` or ``"PR"``.
        name: Its key in logs and History.
        class_id: The class whose area it is, against all others; None is all of them.

    Raises:
        ValueError: The curve is none of these.
    """

    def __init__(self, curve: str = "ROC", name: str = "auc", class_id: int | None = None) -> None:
        super().__init__(name)
        if curve not in CURVES:
            raise ValueError(f"AUC(curve) must be one of {CURVES}, but it is {curve!r}.")
        self.curve = curve
        self.class_id = None if class_id is None else check_integer(class_id, "AUC(class_id)", 0)
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        # for each batch the scores, and the weights of the positive and of the negative samples
        self._batches: list[tuple[Array, Array, Array]] = []

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Keeps the scores of a batch."""
        P, T, w = rows(self, prediction, target, sample_weight)
        check_class_id(self, self.class_id, P.shape[1])
        W = np.ones(P.shape) if w is None else w
        if self.class_id is not None:
            P, T, W = P[:, self.class_id], T[:, self.class_id], W[:, self.class_id]
        counted = W > 0
        self._batches.append((P[counted], (W * T)[counted], (W * ~T)[counted]))

    def result(self) -> float:
        """The area; nan without positive samples, and for ``"ROC"`` without negative ones."""
        if not self._batches:
            return float("nan")
        s, positive, negative = self._merge()
        p, n = positive.sum(), negative.sum()
        if p == 0 or (n == 0 and self.curve == "ROC") or math.isnan(s[-1]):
            return float("nan")
        if self.curve == "ROC":
            lower = np.cumsum(negative) - 0.5 * negative  # the tied ones count by half
            return float((positive * lower).sum() / (p * n))
        hits, misses = np.cumsum(positive[::-1]), np.cumsum(negative[::-1])
        return float((positive[::-1] * hits / (hits + misses)).sum() / p)

    def _merge(self) -> tuple[Array, Array, Array]:
        """The different scores, rising, and the weights of both kinds of samples at each."""
        s, positive, negative = (
            np.concatenate(parts) for parts in zip(*self._batches, strict=True)
        )
        order = np.argsort(s, kind="stable")  # quick where all but the last batch are in order
        s = s[order]
        if s.size:
            starts = np.flatnonzero(np.concatenate([[True], s[1:] != s[:-1]]))
            positive = np.add.reduceat(positive[order], starts)
            negative = np.add.reduceat(negative[order], starts)
            s = s[starts]
        self._batches = [(s, positive, negative)]
        return self._batches[0]
