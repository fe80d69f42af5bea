"""Metrics on numbers that are losses too: relative and logarithmic errors, and directions."""

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.types import Array
from backprop.metrics.base import MeanMetric, Metric

EPSILON = 1e-7
"""As in Keras, what is smaller counts for this."""


class MeanAbsolutePercentageError(MeanMetric):
    """100 Σ |ŷ − y| / max(|y|, 10⁻⁷) / (N K) over N samples of K outputs.

    Example:
        >>> metric = bp.metrics.MeanAbsolutePercentageError()
        >>> metric.update(np.array([110.0, 8.0]), np.array([100.0, 10.0]))
        >>> metric.result()  # 10 % and 20 %
        15.0
    """

    better = "smaller"

    def __init__(self, name: str = "mean_absolute_percentage_error") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """100 |ŷ − y| / max(|y|, 10⁻⁷), in float64."""
        P, Y = paired(self, prediction, target)
        return np.asarray(np.abs(P - Y) * (100 / np.maximum(np.abs(Y), EPSILON)))


class MeanSquaredLogarithmicError(MeanMetric):
    """The mean of (log(1 + ŷ) − log(1 + y))², where both count as 10⁻⁷ at least.

    Example:
        >>> metric = bp.metrics.MeanSquaredLogarithmicError()
        >>> metric.update(np.array([1.0]), np.array([3.0]))
        >>> round(metric.result(), 4)  # (log 2)²
        0.4805
    """

    better = "smaller"

    def __init__(self, name: str = "mean_squared_logarithmic_error") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """The squares, in float64."""
        P, Y = paired(self, prediction, target)
        return np.asarray(
            np.square(np.log1p(np.maximum(P, EPSILON)) - np.log1p(np.maximum(Y, EPSILON)))
        )


class LogCoshError(MeanMetric):
    """The mean of log cosh(ŷ − y) over N samples of K outputs.

    Example:
        >>> metric = bp.metrics.LogCoshError()
        >>> metric.update(np.array([9.0]), np.array([0.0]))
        >>> round(metric.result(), 4)  # 9 − log 2
        8.3069
    """

    better = "smaller"

    def __init__(self, name: str = "logcosh") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """|d| + log(1 + e^−2|d|) − log 2, in float64: without overflow."""
        P, Y = paired(self, prediction, target)
        D = np.abs(P - Y)
        return np.asarray(D + np.log1p(0.5 * np.expm1(-2 * D)))


class CosineSimilarity(MeanMetric):
    """The mean cosine of the angle between ŷ and y: 1 where they are parallel, as in Keras.

    The loss of that name is its negative.

    Example:
        >>> metric = bp.metrics.CosineSimilarity()
        >>> metric.update(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]]))
        >>> round(metric.result(), 4)
        0.6
    """

    better = "larger"

    def __init__(self, name: str = "cosine_similarity") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """ŷ · y / (‖ŷ‖ ‖y‖), where a norm below 10⁻⁷ counts as 10⁻⁷."""
        P, Y = several(self, *paired(self, prediction, target))
        return cosine(P, Y)


class PearsonCorrelation(MeanMetric):
    """The mean correlation of a sample's K outputs with its targets, as in Keras.

    0 where all of them are equal. For the correlation over the samples take ``"r2_score"``.

    Example:
        >>> metric = bp.metrics.PearsonCorrelation()
        >>> metric.update(np.array([[1.0, 2.0, 3.0]]), np.array([[30.0, 20.0, 10.0]]))
        >>> round(metric.result(), 4)
        -1.0
    """

    better = "larger"

    def __init__(self, name: str = "pearson_correlation") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """The cosine of the distances from their means."""
        P, Y = several(self, *paired(self, prediction, target))
        return cosine(*(A - A.mean(axis=-1, keepdims=True) for A in (P, Y)))


class ConcordanceCorrelation(MeanMetric):
    """How well a sample's K outputs agree with its targets: correlated, and of one size.

        ρ = 2 s_ŷy / (s_ŷ² + s_y² + (m_ŷ − m_y)² + 10⁻⁷)

    with m the means over the K, s² the variances and s_ŷy the covariance; the result is the mean
    of ρ over the samples, as in Keras. Source: Lin 1989, "A concordance correlation coefficient to
    evaluate reproducibility".

    Example:
        >>> metric = bp.metrics.ConcordanceCorrelation()
        >>> metric.update(np.array([[3.0, 4.0, 5.0]]), np.array([[1.0, 2.0, 3.0]]))
        >>> round(metric.result(), 4)  # 2 · ⅔ / (⅔ + ⅔ + 2²), where the correlation is 1
        0.25
    """

    better = "larger"

    def __init__(self, name: str = "concordance_correlation") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """2 s_ŷy / (s_ŷ² + s_y² + (m_ŷ − m_y)² + 10⁻⁷)."""
        P, Y = several(self, *paired(self, prediction, target))
        M = P.mean(axis=-1, keepdims=True), Y.mean(axis=-1, keepdims=True)
        covariance = np.mean((P - M[0]) * (Y - M[1]), axis=-1)
        spread = P.var(axis=-1) + Y.var(axis=-1) + np.square(M[0] - M[1])[..., 0]
        return np.asarray(2 * covariance / (spread + EPSILON))


def paired(metric: Metric, prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both in float64 and of one shape (see ``Metric.paired``)."""
    P, Y = metric.paired(prediction, target)
    return P.astype(np.float64), Y.astype(np.float64)


def several(
    metric: Metric, P: Array, Y: Array, instead: str = "'r2_score' or 'mae'"
) -> tuple[Array, Array]:
    """Both, if there are outputs to compare with each other.

    Args:
        metric: Whose errors they are.
        P: The predictions.
        Y: The targets.
        instead: What to take where there is one output, for the error message.

    Raises:
        ShapeError: There is one alone.
    """
    if P.shape[-1] == 1:
        raise ShapeError(
            f"metric {metric.name!r} compares the outputs of a sample with each other, but there "
            f"is one: take {instead}."
        )
    return P, Y


def cosine(A: Array, B: Array) -> Array:
    """The cosine of every row with the other; a norm below 10⁻⁷ counts as 10⁻⁷."""
    norms = [np.maximum(np.linalg.norm(M, axis=-1), EPSILON) for M in (A, B)]
    return np.asarray(np.vecdot(A, B) / (norms[0] * norms[1]))
