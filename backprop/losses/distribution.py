"""Losses on the parameters of distributions: counts with their rates, and class probabilities."""

from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.types import POSITIVE, UNIT, Array, Shape
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import check_several_outputs, row_dot
from backprop.losses.probabilities import check_shares

EPSILON = 1e-7
"""Keras adds it to a rate, and takes no probability in a target for less."""


class Poisson(Loss):
    """−log-likelihood of counts y at rates ŷ, without the constant log y!.

        ℓ = (1/K) Σ_k [ŷ_k − y_k log(ŷ_k + ε)],   ∂ℓ/∂ŷ = (1 − y / (ŷ + ε)) / K,   ε = 10⁻⁷

    Rates are positive: end the model with an ``Exponential`` or a ``Softplus``.

    Example:
        >>> loss = bp.losses.Poisson()
        >>> round(loss.forward(np.array([[1.0]]), np.array([[5.0]])), 4)  # 1 − 5 log 1
        1.0
        >>> loss.backward().round(4)  # 1 − 5/1
        array([[-4.]])
    """

    domain = POSITIVE
    ending = "Exponential() or a Softplus()"
    over_outputs = "mean"
    formula = Formula("[{p}{i} − {y}{i} ln({p}{i} + 1e−7)]", "1 − {y}/({p} + 1e−7)")

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Counts, not negative.

        Raises:
            ValueError: A target is negative or not finite.
        """
        target = super().check_target(target, output_shape, dtype)
        if target.size and target.min() < 0:
            raise ValueError(f"{self}: targets are counts, but one is {target.min():.4g}.")
        return target

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k [ŷ − y log(ŷ + ε)]."""
        L = np.add(prediction, EPSILON, out=self.buffer("delta", prediction))
        np.log(L, out=L)
        cost = functional.row_sum(prediction) - row_dot(target, L)
        cost /= L.shape[-1]
        return cost

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(1 − y / (ŷ + ε)) / K."""
        G = np.add(prediction, EPSILON, out=self.buffer("delta", prediction))
        np.divide(target, G, out=G)
        np.subtract(1, G, out=G)
        G *= 1 / G.shape[-1]
        return G


class KLDivergence(Loss):
    """Kullback–Leibler divergence of the predicted distribution p from the target's y.

        ℓ = Σ_k y_k log(y_k / p_k),   ∂ℓ/∂p = −y / p

    0 where p = y. As in Keras, a target below 10⁻⁷ counts as 10⁻⁷ and p is not divided by its sum.
    Below e·10⁻⁷, log p continues as a straight line (``functional.safe_log``): at 0 it has Keras's
    value, but a slope. Source: Kullback & Leibler 1951, "On information and sufficiency".

    Example:
        >>> loss = bp.losses.KLDivergence()
        >>> round(loss.forward(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]])), 4)  # log 4
        1.3863
    """

    outputs = "classes"
    domain = UNIT
    ending = "Softmax()"
    instead_of_one = "for one probability take loss='binary_crossentropy'."
    formula = Formula("{y}{i} ln({y}{i}/{p}{i})", "−{y}/{p}")

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Probabilities.

        Raises:
            ShapeError: There is one output alone: its probability would be 1.
            ValueError: A target lies outside [0, 1].
        """
        target = super().check_target(target, output_shape, dtype)
        check_several_outputs(self, output_shape)
        return check_shares(target, self)

    def values(self, prediction: Array, target: Array) -> Array:
        """Σ_k y_k (log y_k − log p_k)."""
        Y = np.maximum(target, EPSILON, out=self.buffer("delta", prediction))
        L = np.log(Y, out=self.buffer("log", prediction))
        L -= functional.safe_log(prediction)
        return row_dot(Y, L)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−y / p."""
        G: Array = np.maximum(target, EPSILON, out=self.buffer("delta", prediction))
        G *= functional.safe_log_slope(prediction)
        return np.negative(G, out=G)
