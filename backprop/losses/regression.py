"""Losses on numbers: the squared errors."""

import numpy as np

from backprop.core.types import Array
from backprop.losses.base import Loss, row_dot


class MeanSquaredError(Loss):
    """ℓ = (1/K) Σ_k (ŷ_k − y_k)²,  ∂ℓ/∂ŷ = (2/K) (ŷ − y)."""

    def values(self, prediction: Array, target: Array) -> Array:
        """The mean of the squared errors of each sample."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        squares = row_dot(D, D)
        squares /= D.shape[-1]
        return squares

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(2/K) (ŷ − y)."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        D *= 2 / D.shape[-1]
        return D


class HalfSquaredError(Loss):
    """ℓ = ½ Σ_k (ŷ_k − y_k)²,  ∂ℓ/∂ŷ = ŷ − y: the quadratic cost of the textbooks.

    It differs from the mean squared error by the factor K/2: the two agree for two outputs only.
    Source: Nielsen, "Neural Networks and Deep Learning", chapter 1.
    """

    def values(self, prediction: Array, target: Array) -> Array:
        """Half the squared distance of each sample."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        return 0.5 * row_dot(D, D)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """ŷ − y."""
        return np.subtract(prediction, target, out=self.buffer("delta", prediction))
