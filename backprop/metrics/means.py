"""The mean and the sum of numbers as they come, such as the outputs of a model."""

import numpy as np

from backprop.core.arrays import as_numbers
from backprop.core.types import Array
from backprop.metrics.base import MeanMetric


class Mean(MeanMetric):
    """Σ w v / Σ w of the numbers v that it is shown, in training the outputs of the model.

    Example:
        >>> metric = bp.metrics.Mean()
        >>> metric.update([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
        >>> metric.result()
        2.0
    """

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)

    def update(
        self, prediction: Array, target: Array | None = None, sample_weight: Array | None = None
    ) -> None:
        """Counts numbers.

        Args:
            prediction: The numbers, of any shape.
            target: Nothing is compared with it.
            sample_weight: How often each counts, of the shape of the first axes; once if None.
        """
        self.add(np.atleast_1d(as_numbers(prediction, "prediction")), sample_weight)


class Sum(Mean):
    """Σ w v of the numbers v that it is shown (see ``Mean``); 0 if there were none.

    Example:
        >>> metric = bp.metrics.Sum()
        >>> metric.update(np.array([1.0, 2.0]))
        >>> metric.update(np.array([3.0]))
        >>> metric.result()
        6.0
    """

    def __init__(self, name: str = "sum") -> None:
        super().__init__(name)

    def result(self) -> float:
        """The sum."""
        return float(self._total)
