"""Metrics on numbers: squared and absolute errors, and the share of variance explained."""

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_choice, check_integer
from backprop.core.types import Array
from backprop.metrics.base import MeanMetric, Metric
from backprop.metrics.shapes import check_width


class MeanSquaredError(MeanMetric):
    """Σ (ŷ − y)² / (N K) over N samples of K outputs.

    Example:
        >>> metric = bp.metrics.MeanSquaredError()
        >>> metric.update(np.array([[1.0], [5.0]]), np.array([[1.0], [2.0]]))
        >>> metric.result()  # (0 + 3²) / 2
        4.5
    """

    better = "smaller"

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """(ŷ − y)², in float64."""
        P, Y = self.paired(prediction, target)
        D: Array = np.subtract(P, Y, dtype=np.float64)
        return np.square(D, out=D)


class RootMeanSquaredError(MeanSquaredError):
    """√(Σ (ŷ − y)² / (N K)): the root of the whole epoch's mean, in the unit of the targets.

    Example:
        >>> metric = bp.metrics.RootMeanSquaredError()
        >>> metric.update(np.array([[1.0]]), np.array([[0.0]]))
        >>> metric.update(np.array([[7.0]]), np.array([[0.0]]))
        >>> metric.result()  # √((1 + 49) / 2), not ½ (1 + 7)
        5.0
    """

    def __init__(self, name: str = "root_mean_squared_error") -> None:
        super().__init__(name)

    def result(self) -> float:
        """The root; nan if nothing was counted."""
        return math.sqrt(super().result())


class MeanAbsoluteError(MeanMetric):
    """Σ |ŷ − y| / (N K) over N samples of K outputs.

    Example:
        >>> metric = bp.metrics.MeanAbsoluteError()
        >>> metric.update(np.array([[1.0], [5.0]]), np.array([[1.0], [2.0]]))
        >>> metric.result()
        1.5
    """

    better = "smaller"

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """|ŷ − y|, in float64."""
        P, Y = self.paired(prediction, target)
        D: Array = np.subtract(P, Y, dtype=np.float64)
        return np.abs(D, out=D)


class R2Score(Metric):
    """R² = 1 − Σ_i w_i (y_i − ŷ_i)² / Σ_i w_i (y_i − ȳ)², the mean of it over the K outputs.

    1 is perfect, and 0 is what always predicting the mean ȳ would give. Where the targets do not
    vary R² counts as 1 if all predictions are exact and as 0 if not, as in scikit-learn.

    Args:
        class_aggregation: How the K outputs' scores become one: ``"uniform_average"`` or
            ``"variance_weighted_average"``, where those that vary more count more. None gives a
            list, the score of each output.
        num_regressors: p, for the adjusted 1 − (1 − R²)(n − 1)/(n − p − 1), with n = N K; 0 leaves
            it as it is. nan where n is too small.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.R2Score()
        >>> metric.update(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]))
        >>> metric.result()  # 1 − 1/2
        0.5
    """

    better = "larger"
    not_taken = {"multioutput": "the name is class_aggregation"}

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
    ) -> None:
        super().__init__(name)
        averages = ("uniform_average", "variance_weighted_average")
        if class_aggregation is not None:
            check_choice(class_aggregation, "R2Score(class_aggregation)", averages)
        self.class_aggregation = class_aggregation
        self.num_regressors = check_integer(num_regressors, "R2Score(num_regressors)", 0)
        self.several = class_aggregation is None
        self.reset()

    def setting_changed(self, trial: Any) -> None:
        """Takes another aggregation from now on."""
        self.several = trial.several

    def reset(self) -> None:
        """Starts anew."""
        self._origin: Array | None = None
        self._n = 0  # N K
        self._weight: Array = np.zeros(1)  # Σ w, of each output
        self._sum: Array = np.zeros(1)  # Σ w y′, with y′ = y − origin
        self._squares: Array = np.zeros(1)  # Σ w y′²
        self._residual: Array = np.zeros(1)  # Σ w (y − ŷ)²

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Adds the sums of a batch."""
        P, Y = self.paired(prediction, target)
        if not Y.size:
            return
        w = np.ones(P.shape) if sample_weight is None else self.spread(sample_weight, P.shape)
        check_width(self.name, None if self._origin is None else len(self._origin), P.shape[-1])
        rows = -1, P.shape[-1]
        w, P, Y = w.reshape(rows), P.reshape(rows), Y.reshape(rows)  # (N, T, K) -> (N T, K)
        Y = Y.astype(np.float64)
        E = P - Y
        self._n += Y.size
        if self._origin is None:
            # Σ y² − (Σ y)²/n loses digits where targets lie far from 0: measure them from the
            # first one, so that equal targets give exactly 0
            self._origin = Y[0].copy()
        Y -= self._origin
        self._weight = self._weight + w.sum(axis=0)
        self._sum = self._sum + np.einsum("nk,nk->k", w, Y)
        self._squares = self._squares + np.einsum("nk,nk->k", w, np.square(Y))
        self._residual = self._residual + np.einsum("nk,nk->k", w, np.square(E))

    def result(self) -> Any:
        """R², or a list with that of each output; nan if nothing was counted."""
        counted = self._weight > 0
        if not self.several and not counted.any():
            return math.nan
        variation = self._squares - self._sum**2 / np.where(counted, self._weight, 1)
        exact = self._residual == 0
        varies = variation > 0
        unexplained = self._residual / np.where(varies, variation, 1)
        scores = np.where(counted, np.where(varies, 1 - unexplained, exact), math.nan)
        if self.several:
            return [self._adjusted(float(score)) for score in scores]
        weights = variation[counted] if self.class_aggregation != "uniform_average" else None
        if weights is not None and not weights.any():
            weights = None
        return self._adjusted(float(np.average(scores[counted], weights=weights)))

    def _adjusted(self, score: float) -> float:
        """The score, lowered for the number of regressors."""
        if not self.num_regressors:
            return score
        n, free = self._n, self._n - self.num_regressors - 1
        return 1 - (1 - score) * (n - 1) / free if free > 0 else math.nan
