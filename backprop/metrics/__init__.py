"""Metrics, with Keras's names, strings and meanings: what training reports and never follows.

``update(prediction, target, sample_weight=None)`` takes a batch in, ``result()`` is the number over
all batches since ``reset()``, nan if there were none. Shapes: predictions ``(N, K)``; targets
``(N, K)``, or class indices ``(N,)``; weights ``(N,)``. Sequences and images have axes between.
Logarithms are natural: cross-entropies and likelihoods are in nats. ``update`` raises
``ShapeError``, a ``ValueError``, if predictions and targets do not fit. The ``name`` of a metric is
its key in logs and History.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.metrics.accuracy import Accuracy as Accuracy
    from backprop.metrics.accuracy import BinaryAccuracy as BinaryAccuracy
    from backprop.metrics.accuracy import CategoricalAccuracy as CategoricalAccuracy
    from backprop.metrics.accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
    from backprop.metrics.accuracy import (
        SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy,
    )
    from backprop.metrics.accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
    from backprop.metrics.base import MeanMetric as MeanMetric
    from backprop.metrics.base import Metric as Metric
    from backprop.metrics.classification import Precision as Precision
    from backprop.metrics.classification import Recall as Recall
    from backprop.metrics.confusion import confusion_matrix as confusion_matrix
    from backprop.metrics.counts import FalseNegatives as FalseNegatives
    from backprop.metrics.counts import FalsePositives as FalsePositives
    from backprop.metrics.counts import TrueNegatives as TrueNegatives
    from backprop.metrics.counts import TruePositives as TruePositives
    from backprop.metrics.errors import ConcordanceCorrelation as ConcordanceCorrelation
    from backprop.metrics.errors import CosineSimilarity as CosineSimilarity
    from backprop.metrics.errors import LogCoshError as LogCoshError
    from backprop.metrics.errors import MeanAbsolutePercentageError as MeanAbsolutePercentageError
    from backprop.metrics.errors import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
    from backprop.metrics.errors import PearsonCorrelation as PearsonCorrelation
    from backprop.metrics.f_scores import F1Score as F1Score
    from backprop.metrics.f_scores import FBetaScore as FBetaScore
    from backprop.metrics.function import FunctionMetric as FunctionMetric
    from backprop.metrics.likelihoods import BinaryCrossentropy as BinaryCrossentropy
    from backprop.metrics.likelihoods import CategoricalCrossentropy as CategoricalCrossentropy
    from backprop.metrics.likelihoods import CategoricalHinge as CategoricalHinge
    from backprop.metrics.likelihoods import Hinge as Hinge
    from backprop.metrics.likelihoods import KLDivergence as KLDivergence
    from backprop.metrics.likelihoods import Poisson as Poisson
    from backprop.metrics.likelihoods import (
        SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
    )
    from backprop.metrics.likelihoods import SquaredHinge as SquaredHinge
    from backprop.metrics.means import Mean as Mean
    from backprop.metrics.means import Sum as Sum
    from backprop.metrics.names import get as get
    from backprop.metrics.names import get_all as get_all
    from backprop.metrics.of_losses import LossMetric as LossMetric
    from backprop.metrics.operating_points import PrecisionAtRecall as PrecisionAtRecall
    from backprop.metrics.operating_points import RecallAtPrecision as RecallAtPrecision
    from backprop.metrics.operating_points import (
        SensitivityAtSpecificity as SensitivityAtSpecificity,
    )
    from backprop.metrics.operating_points import (
        SpecificityAtSensitivity as SpecificityAtSensitivity,
    )
    from backprop.metrics.overlap import BinaryIoU as BinaryIoU
    from backprop.metrics.overlap import IoU as IoU
    from backprop.metrics.overlap import MeanIoU as MeanIoU
    from backprop.metrics.overlap import OneHotIoU as OneHotIoU
    from backprop.metrics.overlap import OneHotMeanIoU as OneHotMeanIoU
    from backprop.metrics.ranking import AUC as AUC
    from backprop.metrics.regression import MeanAbsoluteError as MeanAbsoluteError
    from backprop.metrics.regression import MeanSquaredError as MeanSquaredError
    from backprop.metrics.regression import R2Score as R2Score
    from backprop.metrics.regression import RootMeanSquaredError as RootMeanSquaredError
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        accuracy=[
            "Accuracy",
            "BinaryAccuracy",
            "CategoricalAccuracy",
            "SparseCategoricalAccuracy",
            "SparseTopKCategoricalAccuracy",
            "TopKCategoricalAccuracy",
        ],
        base=["MeanMetric", "Metric"],
        classification=["Precision", "Recall"],
        confusion=["confusion_matrix"],
        counts=["FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"],
        errors=[
            "ConcordanceCorrelation",
            "CosineSimilarity",
            "LogCoshError",
            "MeanAbsolutePercentageError",
            "MeanSquaredLogarithmicError",
            "PearsonCorrelation",
        ],
        f_scores=["F1Score", "FBetaScore"],
        function=["FunctionMetric"],
        likelihoods=[
            "BinaryCrossentropy",
            "CategoricalCrossentropy",
            "CategoricalHinge",
            "Hinge",
            "KLDivergence",
            "Poisson",
            "SparseCategoricalCrossentropy",
            "SquaredHinge",
        ],
        means=["Mean", "Sum"],
        names=["get", "get_all"],
        of_losses=["LossMetric"],
        operating_points=[
            "PrecisionAtRecall",
            "RecallAtPrecision",
            "SensitivityAtSpecificity",
            "SpecificityAtSensitivity",
        ],
        overlap=["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"],
        ranking=["AUC"],
        regression=["MeanAbsoluteError", "MeanSquaredError", "R2Score", "RootMeanSquaredError"],
    )
