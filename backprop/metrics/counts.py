"""The four counts of a confusion matrix, each as a metric."""

from collections.abc import Sequence

import numpy as np

from backprop.core.types import Array
from backprop.metrics.classification import DecisionMetric


class TruePositives(DecisionMetric):
    """How many outputs were chosen rightly, with the samples' weights.

    Of two classes it is the number of class 1 (see ``DecisionMetric``), else that of all outputs.

    Args:
        threshold: Every output above it is chosen; None takes the largest of K outputs. Of a list
            the result is a list, with a number for each.
        class_id: The class whose number it is.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.TruePositives()
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[1], [0], [0]]))
        >>> metric.result()
        1.0
    """

    def __init__(
        self,
        threshold: float | Sequence[float] | None = 0.5,
        class_id: int | None = None,
        name: str = "true_positives",
    ) -> None:
        super().__init__(name, threshold, class_id)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return hits

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """The number, over 1."""
        counts = self.count(hits, chosen, true, n)
        return counts, np.ones(counts.shape)


class TrueNegatives(TruePositives):
    """How many outputs were rightly not chosen (see ``TruePositives``).

    Args:
        threshold: Every output above it is chosen; None takes the largest of K outputs. Of a list
            the result is a list, with a number for each.
        class_id: The class whose number it is.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.TrueNegatives()
        >>> metric.update(np.array([[0.9], [0.3], [0.2]]), np.array([[1], [0], [0]]))
        >>> metric.result()
        2.0
    """

    def __init__(
        self,
        threshold: float | Sequence[float] | None = 0.5,
        class_id: int | None = None,
        name: str = "true_negatives",
    ) -> None:
        super().__init__(threshold, class_id, name)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return n - chosen - true + hits


class FalsePositives(TruePositives):
    """How many outputs were chosen wrongly (see ``TruePositives``).

    Args:
        threshold: Every output above it is chosen; None takes the largest of K outputs. Of a list
            the result is a list, with a number for each.
        class_id: The class whose number it is.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.FalsePositives()
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[0], [0], [0]]))
        >>> metric.result()
        2.0
    """

    better = "smaller"

    def __init__(
        self,
        threshold: float | Sequence[float] | None = 0.5,
        class_id: int | None = None,
        name: str = "false_positives",
    ) -> None:
        super().__init__(threshold, class_id, name)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return chosen - hits


class FalseNegatives(TruePositives):
    """How many outputs were wrongly not chosen (see ``TruePositives``).

    Args:
        threshold: Every output above it is chosen; None takes the largest of K outputs. Of a list
            the result is a list, with a number for each.
        class_id: The class whose number it is.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.FalseNegatives(threshold=0.95)
        >>> metric.update(np.array([[0.9], [0.8], [0.2]]), np.array([[1], [1], [1]]))
        >>> metric.result()
        3.0
    """

    better = "smaller"

    def __init__(
        self,
        threshold: float | Sequence[float] | None = 0.5,
        class_id: int | None = None,
        name: str = "false_negatives",
    ) -> None:
        super().__init__(threshold, class_id, name)

    def count(self, hits: Array, chosen: Array, true: Array, n: Array) -> Array:
        """The number for each class."""
        return true - hits
