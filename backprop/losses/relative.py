"""Losses on how large an error is beside its target: in per cent, and by logarithms."""

from typing import Any

import numpy as np

from backprop.core.functional import row_sum
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import row_dot

EPSILON = 1e-7
"""As in Keras, a smaller target is taken for this one."""


class MeanAbsolutePercentageError(Loss):
    """The mean absolute error in per cent of the target.

        ℓ = (100/K) Σ_k |ŷ_k − y_k| / s_k,   ∂ℓ/∂ŷ = 100 sign(ŷ − y) / (K s),   s = max(|y|, 10⁻⁷)

    Targets of 0 count 10⁷ times as much as those of 1: it is of use where there are none.

    Example:
        >>> loss = bp.losses.MeanAbsolutePercentageError()
        >>> loss.forward(np.array([[110.0], [8.0]]), np.array([[100.0], [10.0]]))  # 10 % and 20 %
        15.0
    """

    over_outputs = "mean"
    formula = Formula(
        "100 |{p}{i} − {y}{i}| / s{i}",
        "sign({p} − {y}) / s",
        times="100",
        definition="s = max(|{y}|, 1e−7)",
    )

    def values(self, prediction: Array, target: Array) -> Array:
        """(100/K) Σ_k |ŷ − y| / s."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        np.abs(D, out=D)
        D /= self.size(target)
        errors = row_sum(D)
        errors *= 100 / D.shape[-1]
        return errors

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(100/K) sign(ŷ − y) / s."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        np.sign(D, out=D)
        D /= self.size(target)
        D *= 100 / D.shape[-1]
        return D

    def size(self, target: Array) -> Array:
        """S: max(|y|, 10⁻⁷)."""
        S = np.abs(target, out=self.buffer("size", target))
        return np.maximum(S, EPSILON, out=S)


class MeanSquaredLogarithmicError(Loss):
    """The mean squared error of the logarithms, for targets that are not negative.

        ℓ = (1/K) Σ_k l_k²,   l = log(1 + max(ŷ, ε)) − log(1 + max(y, ε)),   ε = 10⁻⁷
        ∂ℓ/∂ŷ = (2/K) l / (1 + ŷ) where ŷ > ε, else 0

    As in Keras a prediction below ε counts as ε, and has no slope: end the model with an
    ``Exponential`` or a ``Softplus``.

    Example:
        >>> loss = bp.losses.MeanSquaredLogarithmicError()
        >>> round(loss.forward(np.array([[1.0]]), np.array([[3.0]])), 4)  # (log 2)²
        0.4805
    """

    over_outputs = "mean"
    formula = Formula(
        "l{i}²",
        "l / (1 + {p}) ⊙ [{p} > 1e−7]",
        times="2",
        definition="l = ln(1 + max({p}, 1e−7)) − ln(1 + max({y}, 1e−7))",
    )

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Sizes, not negative (see ``Loss.check_target``).

        Raises:
            ValueError: A target is negative.
        """
        target = super().check_target(target, output_shape, dtype)
        if target.size and target.min() < 0:
            raise ValueError(
                f"{self}: targets must not be negative, but one is {target.min():.4g}: take "
                f"loss='mse' or loss='mae'."
            )
        return target

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k l²."""
        L = self.logarithms(prediction, target)
        squares = row_dot(L, L)
        squares /= L.shape[-1]
        return squares

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(2/K) l / (1 + ŷ) where ŷ > ε."""
        G = self.logarithms(prediction, target)
        S = np.maximum(prediction, EPSILON, out=self.buffer("size", prediction))
        S += 1
        G /= S
        G *= np.greater(prediction, EPSILON, out=S)
        G *= 2 / G.shape[-1]
        return G

    def logarithms(self, prediction: Array, target: Array) -> Array:
        """L: log(1 + max(ŷ, ε)) − log(1 + max(y, ε))."""
        L = np.maximum(prediction, EPSILON, out=self.buffer("delta", prediction))
        np.log1p(L, out=L)
        T = np.maximum(target, EPSILON, out=self.buffer("target", prediction))
        L -= np.log1p(T, out=T)
        return L
