"""Metrics, with Keras's names, strings and meanings: what training reports and never follows."""

from backprop.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from backprop.metrics.base import MeanMetric, Metric
from backprop.metrics.classification import F1Score, FBetaScore, Precision, Recall
from backprop.metrics.confusion import confusion_matrix
from backprop.metrics.function import FunctionMetric
from backprop.metrics.names import get, get_all
from backprop.metrics.ranking import AUC
from backprop.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "F1Score",
    "FBetaScore",
    "FunctionMetric",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "confusion_matrix",
    "get",
    "get_all",
]
