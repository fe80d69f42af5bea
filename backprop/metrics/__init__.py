"""Metrics, with Keras's names, strings and meanings: what training reports and never follows.

``update(prediction, target, sample_weight=None)`` takes a batch in, ``result()`` is the number over
all batches since ``reset()``, nan if there were none. Shapes: predictions ``(N, K)``; targets
``(N, K)``, or class indices ``(N,)``; weights ``(N,)``. Sequences and images have axes between.
Logarithms are natural: cross-entropies and likelihoods are in nats. ``update`` raises
``ShapeError``, a ``ValueError``, if predictions and targets do not fit. The ``name`` of a metric is
its key in logs and History.
"""

from backprop.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from backprop.metrics.base import MeanMetric, Metric
from backprop.metrics.classification import Precision, Recall
from backprop.metrics.confusion import confusion_matrix
from backprop.metrics.counts import FalseNegatives, FalsePositives, TrueNegatives, TruePositives
from backprop.metrics.errors import (
    ConcordanceCorrelation,
    CosineSimilarity,
    LogCoshError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
)
from backprop.metrics.f_scores import F1Score, FBetaScore
from backprop.metrics.function import FunctionMetric
from backprop.metrics.likelihoods import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from backprop.metrics.means import Mean, Sum
from backprop.metrics.names import get, get_all
from backprop.metrics.of_losses import LossMetric
from backprop.metrics.operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from backprop.metrics.overlap import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
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
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "FunctionMetric",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "LossMetric",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetric",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "confusion_matrix",
    "get",
    "get_all",
]
