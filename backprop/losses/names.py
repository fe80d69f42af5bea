"""Losses by Keras's strings."""

from collections.abc import Callable

from backprop.core.lazy import makers
from backprop.core.lookup import resolve
from backprop.core.signatures import check_methods
from backprop.losses.base import Loss

METHODS = dict.fromkeys(("values", "gradient"), "prediction, target")
"""What is called of a loss, and how."""

_CLASSES = {
    "mse": "MeanSquaredError",
    "mean_squared_error": "MeanSquaredError",
    "rmse": "RootMeanSquaredError",
    "root_mean_squared_error": "RootMeanSquaredError",
    "half_squared_error": "HalfSquaredError",
    "mae": "MeanAbsoluteError",
    "mean_absolute_error": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "logcosh": "LogCosh",
    "cosine_similarity": "CosineSimilarity",
    "bce": "BinaryCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "categorical_generalized_cross_entropy": "CategoricalGeneralizedCrossEntropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "poisson": "Poisson",
    "kld": "KLDivergence",
    "kl_divergence": "KLDivergence",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
    "categorical_hinge": "CategoricalHinge",
    "circle": "Circle",
    "dice": "Dice",
    "tversky": "Tversky",
    "quantile": "Quantile",
    "gaussian_negative_log_likelihood": "GaussianNegativeLogLikelihood",
}
"""The classes by Keras's strings; their files are loaded when one is asked for."""

_BY_NAME: dict[str, Callable[[], Loss]] = makers("backprop.losses", _CLASSES)

_KERAS = {kind: name for name, kind in _CLASSES.items()}
_KERAS |= {name.upper(): name for name in ("mse", "mae", "mape", "msle", "bce", "kld")}
"""What Keras's other strings, the names of classes and capitals, stand for."""


def is_known(name: str) -> bool:
    """Whether a loss has that name."""
    return name in _BY_NAME or name in _KERAS


def get(loss: str | Loss) -> Loss:
    """The loss of that name, or the object itself; without the activation that it is joined with.

    Raises:
        ValueError: No loss has that name.
        TypeError: It is neither a name nor a loss.

    Example:
        >>> bp.losses.get("mse")
        MeanSquaredError()
        >>> bp.losses.get(bp.losses.Huber(delta=2.0))
        Huber(delta=2.0)
    """
    own = "values(prediction, target) and, below it, gradient(prediction, target)"
    found = resolve(loss, Loss, _BY_NAME, "loss", own, _KERAS)
    check_methods(found, METHODS, "buffers", keeps=True)
    return found.unjoined  # of model.loss, which another compile may be given
