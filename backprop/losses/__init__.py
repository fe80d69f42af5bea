"""Loss functions, with Keras's names, strings and formulas."""

from backprop.losses.base import Loss
from backprop.losses.cross_entropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CrossEntropy,
    SparseCategoricalCrossentropy,
)
from backprop.losses.names import get
from backprop.losses.regression import HalfSquaredError, MeanSquaredError

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CrossEntropy",
    "HalfSquaredError",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]
