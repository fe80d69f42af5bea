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

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.losses.base import Loss as Loss
    from backprop.losses.binary_cross_entropy import BinaryCrossentropy as BinaryCrossentropy
    from backprop.losses.circle import Circle as Circle
    from backprop.losses.cross_entropy import CategoricalCrossentropy as CategoricalCrossentropy
    from backprop.losses.cross_entropy import CrossEntropy as CrossEntropy
    from backprop.losses.distribution import KLDivergence as KLDivergence
    from backprop.losses.distribution import Poisson as Poisson
    from backprop.losses.focal import BinaryFocalCrossentropy as BinaryFocalCrossentropy
    from backprop.losses.focal import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
    from backprop.losses.formula import Formula as Formula
    from backprop.losses.generalized import (
        CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
    )
    from backprop.losses.hinge import CategoricalHinge as CategoricalHinge
    from backprop.losses.hinge import Hinge as Hinge
    from backprop.losses.hinge import SquaredHinge as SquaredHinge
    from backprop.losses.names import get as get
    from backprop.losses.overlap import Dice as Dice
    from backprop.losses.overlap import Tversky as Tversky
    from backprop.losses.regression import CosineSimilarity as CosineSimilarity
    from backprop.losses.regression import HalfSquaredError as HalfSquaredError
    from backprop.losses.regression import Huber as Huber
    from backprop.losses.regression import LogCosh as LogCosh
    from backprop.losses.regression import MeanAbsoluteError as MeanAbsoluteError
    from backprop.losses.regression import MeanSquaredError as MeanSquaredError
    from backprop.losses.regression import RootMeanSquaredError as RootMeanSquaredError
    from backprop.losses.relative import MeanAbsolutePercentageError as MeanAbsolutePercentageError
    from backprop.losses.relative import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
    from backprop.losses.sparse_cross_entropy import (
        SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
    )
    from backprop.losses.uncertainty import (
        GaussianNegativeLogLikelihood as GaussianNegativeLogLikelihood,
    )
    from backprop.losses.uncertainty import Quantile as Quantile
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        base=["Loss"],
        binary_cross_entropy=["BinaryCrossentropy"],
        circle=["Circle"],
        cross_entropy=["CategoricalCrossentropy", "CrossEntropy"],
        distribution=["KLDivergence", "Poisson"],
        focal=["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"],
        formula=["Formula"],
        generalized=["CategoricalGeneralizedCrossEntropy"],
        hinge=["CategoricalHinge", "Hinge", "SquaredHinge"],
        names=["get"],
        overlap=["Dice", "Tversky"],
        regression=[
            "CosineSimilarity",
            "HalfSquaredError",
            "Huber",
            "LogCosh",
            "MeanAbsoluteError",
            "MeanSquaredError",
            "RootMeanSquaredError",
        ],
        relative=["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"],
        scikit=[],
        sparse_cross_entropy=["SparseCategoricalCrossentropy"],
        uncertainty=["GaussianNegativeLogLikelihood", "Quantile"],
    )
