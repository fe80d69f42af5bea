"""scikit-learn's losses where our own differ by a factor or a constant: for the ``estimators``."""

from typing import Any

import numpy as np

from backprop.core.functional import row_sum
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss
from backprop.losses.binary_cross_entropy import BinaryCrossentropy
from backprop.losses.cross_entropy import Partition
from backprop.losses.formula import Formula
from backprop.losses.regression import MeanSquaredError


class HalfMeanSquaredError(MeanSquaredError):
    """ℓ = (1/2K) Σ_k (ŷ_k − y_k)²,  ∂ℓ/∂ŷ = (ŷ − y) / K."""

    formula = Formula("½ ({p}{i} − {y}{i})²", "{p} − {y}")

    def values(self, prediction: Array, target: Array) -> Array:
        """Half the mean of the squared errors of each sample."""
        squares = super().values(prediction, target)
        squares *= 0.5
        return squares

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(ŷ − y) / K."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        D *= 1 / D.shape[-1]
        return D


class HalfPoissonDeviance(Loss):
    """ℓ = Σ_k [y_k log(y_k / ŷ_k) − y_k + ŷ_k],  ∂ℓ/∂ŷ = 1 − y/ŷ, for rates ŷ above 0.

    The term y log y − y does not depend on ŷ; with it ℓ is 0 where ŷ = y.
    """

    over_outputs = "sum"
    formula = Formula("[{y}{i} ln({y}{i}/{p}{i}) − {y}{i} + {p}{i}]", "1 − {y}/{p}")

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Counts or rates, 0 or more (see ``Loss.check_target``).

        Raises:
            ValueError: One is negative.
        """
        target = super().check_target(target, output_shape, dtype)
        if target.size and target.min() < 0:
            raise ValueError(
                f"loss='poisson' needs targets of 0 or more, but one is {target.min():.4g}."
            )
        return target

    def values(self, prediction: Array, target: Array) -> Array:
        """Σ_k [y log(y/ŷ) − y + ŷ], with y log y = 0 for y = 0."""
        P, tiny = prediction, np.finfo(prediction.dtype).tiny
        L: Array = np.maximum(target, tiny, out=self.buffer("delta", P))
        L /= np.maximum(P, tiny, out=self.buffer("rates", P))
        np.log(L, out=L)
        L *= target
        L -= target
        L += P
        total: Array = row_sum(L)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        """1 − y/ŷ."""
        P = np.maximum(
            prediction, np.finfo(prediction.dtype).tiny, out=self.buffer("rates", prediction)
        )
        G: Array = np.divide(target, P, out=self.buffer("delta", P))
        np.subtract(1, G, out=G)
        return G


class SummedBinaryCrossentropy(BinaryCrossentropy):
    """The cross-entropies of K yes/no targets added up: K times their mean.

    ℓ = −Σ_k [y_k log p_k + (1 − y_k) log(1 − p_k)];  by the logits ∂ℓ/∂z = p − y.
    """

    link = "sigmoid"
    over_outputs = "sum"
    formula = BinaryCrossentropy.formula
    logit_formula = BinaryCrossentropy.logit_formula

    def values(self, prediction: Array, target: Array) -> Array:
        """The sum over the outputs."""
        total: Array = super().values(prediction, target) * prediction.shape[-1]
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−y/p + (1 − y)/(1 − p)."""
        G = super().gradient(prediction, target)
        G *= G.shape[-1]
        return G

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """Σ_k [log(1 + e^{z_k}) − y_k z_k]."""
        values = super().logit_values(Z, partition, target)
        values *= Z.shape[-1]
        return values

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """``logit_values``, with each output as a sample of its own."""
        parts = super().logit_parts(Z, target)
        parts *= Z.shape[-1]
        return parts

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """σ(z) − y."""
        return np.subtract(A, self.smooth(target), out=self.buffer("delta", A))
