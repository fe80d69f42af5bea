"""Metrics by Keras's strings, and the names under which their numbers are kept."""

from collections.abc import Callable, Iterable
from typing import Any

from backprop.core.lazy import makers
from backprop.core.lookup import is_function, resolve, takes
from backprop.core.signatures import check_methods
from backprop.core.types import Array, Outputs
from backprop.metrics.attributes import check_better, check_free_name
from backprop.metrics.base import MeanMetric, Metric
from backprop.metrics.function import FunctionMetric
from backprop.metrics.means import Mean

_CLASSES = {
    "accuracy": "Accuracy",
    "acc": "Accuracy",
    "binary_accuracy": "BinaryAccuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1_score": "F1Score",
    "fbeta_score": "FBetaScore",
    "true_positives": "TruePositives",
    "true_negatives": "TrueNegatives",
    "false_positives": "FalsePositives",
    "false_negatives": "FalseNegatives",
    "binary_io_u": "BinaryIoU",
    "categorical_accuracy": "CategoricalAccuracy",
    "sparse_categorical_accuracy": "SparseCategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
    "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    "auc": "AUC",
    "mse": "MeanSquaredError",
    "mean_squared_error": "MeanSquaredError",
    "rmse": "RootMeanSquaredError",
    "root_mean_squared_error": "RootMeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mean_absolute_error": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "log_cosh": "LogCoshError",
    "logcosh": "LogCoshError",
    "cosine_similarity": "CosineSimilarity",
    "pearson_correlation": "PearsonCorrelation",
    "concordance_correlation": "ConcordanceCorrelation",
    "bce": "BinaryCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "kld": "KLDivergence",
    "kl_divergence": "KLDivergence",
    "poisson": "Poisson",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
    "categorical_hinge": "CategoricalHinge",
    "r2_score": "R2Score",
    "r2": "R2Score",
}
"""The classes by Keras's strings; their files are loaded when one is asked for."""

_BY_NAME: dict[str, Callable[[], Metric]] = makers("backprop.metrics", _CLASSES)

_KERAS = {kind: name for name, kind in _CLASSES.items()}
_KERAS |= {name.upper(): name for name in ("mse", "mae", "mape", "msle", "bce", "kld")}
_KERAS |= {"f_beta_score": "fbeta_score", "log_cosh_error": "log_cosh"}
"""What Keras's other strings, the names of classes and capitals, stand for."""

METHODS = {"reset": "", "update": "prediction, target", "result": ""}
"""What is called of a metric, and how; of a weighted one with the weights too."""


def is_known(name: str) -> bool:
    """Whether a metric has that name."""
    return name in _BY_NAME or name in _KERAS


def get(
    metric: str | Metric | Callable[[Array, Array], Any], threshold: float | None = None
) -> Metric:
    """The metric of that name, the object itself, or a function as a ``FunctionMetric``.

    A string stays the metric's name as it was written, as in Keras: ``"Accuracy"``, ``"acc"``.

    Args:
        metric: A name, an object or a function ``f(y_true, y_pred)``, in Keras's order.
        threshold: Above it an output means yes, for the metrics on decisions that were given by
            name: 0 where the outputs are logits; None leaves the metrics' own default.

    Raises:
        ValueError: There is no metric of that name.
        TypeError: It is a class, or nothing that could be a metric.

    Example:
        >>> bp.metrics.get("auc")
        AUC(name='auc')
        >>> bp.metrics.get(lambda y_true, y_pred: abs(y_true - y_pred).max())
        FunctionMetric(name='<lambda>')
    """
    if is_function(metric) and not isinstance(metric, Metric | type):
        return FunctionMetric(metric)
    given: Any = metric
    found: Metric = resolve(given, Metric, _BY_NAME, "metric", others=_KERAS)
    if isinstance(given, str):
        found.name = given
        for argument in ("threshold", "thresholds"):
            if threshold is not None and takes(type(found), argument):
                setattr(found, argument, threshold)
    methods = METHODS | ({"values": "prediction, target"} if isinstance(found, MeanMetric) else {})
    check_methods(found, methods, "" if isinstance(found.name, str) else "name", keeps=True)
    check_better(found.better, f"better of the metric {found.name!r}")
    return found


def get_all(
    metrics: Iterable[Any],
    weighted_metrics: Iterable[Any] = (),
    threshold: float | None = None,
    outputs: Outputs | None = None,
    ignored: int | None = None,
) -> list[Metric]:
    """The metrics of a model, each with a name of its own, ``weighted`` and ``outputs`` set.

    As in Keras, the second ``"accuracy"`` is ``"accuracy_1"`` in the logs, and a weighted one
    beside an unweighted one is ``"weighted_accuracy"``. Their objects are renamed.

    Args:
        metrics: Those that count all samples alike, as for ``get``.
        weighted_metrics: Those that follow the sample weights, likewise.
        threshold: As for ``get``.
        outputs: What the outputs are, as the model's loss says.
        ignored: The class that the loss ignores: what compares classes does not count it either.

    Raises:
        ValueError: An object stands there twice, or a name would hide another number of the logs.

    Example:
        >>> [metric.name for metric in bp.metrics.get_all(["mae", "accuracy"], ["accuracy"])]
        ['mae', 'accuracy', 'weighted_accuracy']
    """
    plain = [get(metric, threshold) for metric in metrics]
    weighted = [get(metric, threshold) for metric in weighted_metrics]
    for metric in weighted:
        check_methods(metric, {"update": "prediction, target, sample_weight=None"})
    found = plain + weighted
    names: list[str] = []
    for position, metric in enumerate(found):
        name = metric.name
        if any(metric is other for other in found[:position]):
            raise ValueError(
                f"metrics and weighted_metrics hold the same object {metric!r} twice: make a "
                f"second one."
            )
        check_free_name(name, "name")
        if position >= len(plain) and name in names:
            name = f"weighted_{name}"
        names.append(free_name(name, names))
    for position, (metric, name) in enumerate(zip(found, names, strict=True)):
        metric.name = name
        metric.weighted = position >= len(plain)
        metric.outputs = outputs
        own = not metric.of_package or isinstance(metric, FunctionMetric | Mean)
        metric.ignored = None if own else ignored
    return found


def free_name(name: str, taken: list[str]) -> str:
    """The name, with the first of _1, _2, … that makes it a new one if it is taken."""
    candidate, n = name, 0
    while candidate in taken:
        n += 1
        candidate = f"{name}_{n}"
    return candidate
