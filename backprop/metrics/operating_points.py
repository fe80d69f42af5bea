"""Metrics at the best threshold: one rate, where another one is high enough."""

import numpy as np

from backprop.core.checks import check_share
from backprop.core.types import Array
from backprop.metrics.ranking import Ranking


class OperatingPoint(Ranking):
    """The base of the metrics that are the greatest rate where another one is at least a value.

    Every score that occurs is a threshold, and so is one above them all; Keras tries 200 of them
    between 0 and 1. The result is 0 where no threshold reaches the value.
    """

    def rates(self, hits: Array, misses: Array, p: float, n: float) -> tuple[Array, Array]:
        """Where the other rate is high enough, and the rate that is wanted.

        Args:
            hits: The weight of the positive samples above each threshold.
            misses: That of the negative ones.
            p: That of all positive ones.
            n: That of all negative ones.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rates(hits, misses, p, n).")

    def score(self, positive: Array, negative: Array) -> float:
        """The greatest rate wanted."""
        hits, misses = (np.cumsum([0.0, *counts[::-1]]) for counts in (positive, negative))
        reached, wanted = self.rates(hits, misses, hits[-1], misses[-1])
        return float(np.max(wanted, initial=0, where=reached))


class PrecisionAtRecall(OperatingPoint):
    """The greatest precision at a threshold with a recall of at least so much.

    Args:
        recall: The least recall, from 0 to 1.
        name: Its key in logs and History.
        class_id: The class whose precision it is, against all others.

    Example:
        >>> metric = bp.metrics.PrecisionAtRecall(1.0)
        >>> metric.update(np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0]))
        >>> round(metric.result(), 4)  # all true ones lie among the first three
        0.6667
    """

    def __init__(
        self, recall: float, name: str = "precision_at_recall", class_id: int | None = None
    ) -> None:
        super().__init__(name, class_id)
        self.recall = check_share(recall, "PrecisionAtRecall(recall)")

    def rates(self, hits: Array, misses: Array, p: float, n: float) -> tuple[Array, Array]:
        """Where recall ≥ the least, and precision."""
        return share(hits, p) >= self.recall, share(hits, hits + misses)


class RecallAtPrecision(OperatingPoint):
    """The greatest recall at a threshold with a precision of at least so much.

    Args:
        precision: The least precision, from 0 to 1.
        name: Its key in logs and History.
        class_id: The class whose recall it is, against all others.

    Example:
        >>> metric = bp.metrics.RecallAtPrecision(1.0)
        >>> metric.update(np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0]))
        >>> metric.result()  # the first one alone
        0.5
    """

    def __init__(
        self, precision: float, name: str = "recall_at_precision", class_id: int | None = None
    ) -> None:
        super().__init__(name, class_id)
        self.precision = check_share(precision, "RecallAtPrecision(precision)")

    def rates(self, hits: Array, misses: Array, p: float, n: float) -> tuple[Array, Array]:
        """Where precision ≥ the least, and recall."""
        return share(hits, hits + misses) >= self.precision, share(hits, p)


class SensitivityAtSpecificity(OperatingPoint):
    """The greatest sensitivity (recall) at a threshold with a specificity of at least so much.

    The specificity is the share of the negative samples that are not chosen.

    Args:
        specificity: The least specificity, from 0 to 1.
        name: Its key in logs and History.
        class_id: The class whose sensitivity it is, against all others.

    Example:
        >>> metric = bp.metrics.SensitivityAtSpecificity(1.0)
        >>> metric.update(np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0]))
        >>> metric.result()  # no wrong one is chosen if the first is alone
        0.5
    """

    def __init__(
        self,
        specificity: float,
        name: str = "sensitivity_at_specificity",
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, class_id)
        self.specificity = check_share(specificity, "SensitivityAtSpecificity(specificity)")

    def rates(self, hits: Array, misses: Array, p: float, n: float) -> tuple[Array, Array]:
        """Where specificity ≥ the least, and sensitivity."""
        return share(n - misses, n) >= self.specificity, share(hits, p)


class SpecificityAtSensitivity(OperatingPoint):
    """The greatest specificity at a threshold with a sensitivity (recall) of at least so much.

    Args:
        sensitivity: The least sensitivity, from 0 to 1.
        name: Its key in logs and History.
        class_id: The class whose specificity it is, against all others.

    Example:
        >>> metric = bp.metrics.SpecificityAtSensitivity(1.0)
        >>> metric.update(np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0]))
        >>> metric.result()  # one of two wrong ones is among the first three
        0.5
    """

    def __init__(
        self,
        sensitivity: float,
        name: str = "specificity_at_sensitivity",
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, class_id)
        self.sensitivity = check_share(sensitivity, "SpecificityAtSensitivity(sensitivity)")

    def rates(self, hits: Array, misses: Array, p: float, n: float) -> tuple[Array, Array]:
        """Where sensitivity ≥ the least, and specificity."""
        return share(hits, p) >= self.sensitivity, share(n - misses, n)


def share(part: Array, whole: Array | float) -> Array:
    """part / whole, 0 where the whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
