"""Loss functions, with Keras's names, strings and formulas."""

from backprop.losses.base import Loss
from backprop.losses.binary_cross_entropy import BinaryCrossentropy
from backprop.losses.cross_entropy import CategoricalCrossentropy, CrossEntropy
from backprop.losses.distribution import KLDivergence, Poisson
from backprop.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from backprop.losses.formula import Formula
from backprop.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from backprop.losses.names import get
from backprop.losses.overlap import Dice, Tversky
from backprop.losses.regression import (
    CosineSimilarity,
    HalfSquaredError,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
)
from backprop.losses.relative import MeanAbsolutePercentageError, MeanSquaredLogarithmicError
from backprop.losses.sparse_cross_entropy import SparseCategoricalCrossentropy
from backprop.losses.uncertainty import GaussianNegativeLogLikelihood, Quantile

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "CrossEntropy",
    "Dice",
    "Formula",
    "GaussianNegativeLogLikelihood",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "Quantile",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "get",
]
