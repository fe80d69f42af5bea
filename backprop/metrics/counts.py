"""The four counts of a confusion matrix, each as a metric."""

from collections.abc import Sequence

import numpy as np

from backprop.core.types import Array
from backprop.metrics.classification import DecisionMetric


class TruePositives(DecisionMetric):
    """How many outputs were chosen rightly, with the samples' weights.

    Of two classes it is the number of class 1 (see ``DecisionMetric``), else that of all outputs.

    Args:
        thresholds: Every output above it is chosen; None is ½. Of a list the result is a list,
            with a number for each.
        name: Its key in logs and History.
        class_id: The class whose number it is.

    Example:
        >>> metric = bp.metrics.TruePositives()
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[1], [0], [0]]))
        >>> metric.result()
        1.0
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str = "true_positives",
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, thresholds, class_id)
        self.thresholds = self._thresholds

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return hits

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """The number, over 1."""
        counts = self.count(hits, chosen, true, n)
        return counts, np.ones(counts.shape)


class TrueNegatives(TruePositives):
    """How many outputs were rightly not chosen (see ``TruePositives``).

    Example:
        >>> metric = bp.metrics.TrueNegatives()
        >>> metric.update(np.array([[0.9], [0.3], [0.2]]), np.array([[1], [0], [0]]))
        >>> metric.result()
        2.0
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str = "true_negatives",
        class_id: int | None = None,
    ) -> None:
        super().__init__(thresholds, name, class_id)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return n - chosen - true + hits


class FalsePositives(TruePositives):
    """How many outputs were chosen wrongly (see ``TruePositives``).

    Example:
        >>> metric = bp.metrics.FalsePositives()
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[0], [0], [0]]))
        >>> metric.result()
        2.0
    """

    better = "smaller"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str = "false_positives",
        class_id: int | None = None,
    ) -> None:
        super().__init__(thresholds, name, class_id)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return chosen - hits


class FalseNegatives(TruePositives):
    """How many outputs were wrongly not chosen (see ``TruePositives``).

    Example:
        >>> metric = bp.metrics.FalseNegatives(thresholds=0.95)
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[1], [1], [1]]))
        >>> metric.result()
        3.0
    """

    better = "smaller"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str = "false_negatives",
        class_id: int | None = None,
    ) -> None:
        super().__init__(thresholds, name, class_id)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return true - hits
