"""Loss functions, with Keras's names, strings and formulas.

Each gives ℓ of one sample with K outputs ŷ (or p, where they are probabilities) and targets y, and
its derivative. ``forward(prediction, target)`` returns E, the mean of ℓ over the batch, and
``backward()`` ∂E/∂ŷ, which is ∂ℓ/∂ŷ divided by N. Shapes: predictions ``(N, K)``, or ``(N, T, K)``
and ``(N, H, W, K)``; targets likewise, or without the last axis where they are class indices.
Logarithms are natural: cross-entropies and likelihoods are in nats.

``forward`` raises ``ShapeError``, a ``ValueError``, if predictions and targets do not fit, as
nothing is broadcast, and ``ValueError`` for targets that the loss is not made for; ``backward``
raises ``NoForwardError``, a ``ValueError``, if no ``forward`` came before.
"""

from backprop.losses.base import Loss
from backprop.losses.binary_cross_entropy import BinaryCrossentropy
from backprop.losses.circle import Circle
from backprop.losses.cross_entropy import CategoricalCrossentropy, CrossEntropy
from backprop.losses.distribution import KLDivergence, Poisson
from backprop.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from backprop.losses.formula import Formula
from backprop.losses.generalized import CategoricalGeneralizedCrossEntropy
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
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
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
