"""Losses by Keras's strings."""

from backprop.core.lookup import resolve
from backprop.losses.base import Loss
from backprop.losses.cross_entropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from backprop.losses.regression import HalfSquaredError, MeanSquaredError

_BY_NAME: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "half_squared_error": HalfSquaredError,
    "bce": BinaryCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(loss: str | Loss) -> Loss:
    """The loss of that name, or the object itself (see ``core.lookup.resolve`` for the errors)."""
    return resolve(loss, Loss, _BY_NAME, "loss")
