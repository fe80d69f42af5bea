"""Loss functions, with Keras's names, strings and formulas."""

from backprop.losses.base import Loss
from backprop.losses.binary_cross_entropy import BinaryCrossentropy
from backprop.losses.cross_entropy import CategoricalCrossentropy, CrossEntropy
from backprop.losses.distribution import KLDivergence, Poisson
from backprop.losses.formula import Formula
from backprop.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from backprop.losses.names import get
from backprop.losses.regression import (
    CosineSimilarity,
    HalfSquaredError,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
)
from backprop.losses.sparse_cross_entropy import SparseCategoricalCrossentropy

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "CrossEntropy",
    "Formula",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "get",
]
