"""The circle loss, which compares the samples of a batch with each other."""

from typing import Any

import numpy as np

from backprop.core.checks import check_flag, check_number, check_positive
from backprop.core.errors import ShapeError
from backprop.core.functional import sigmoid, softplus
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss

LOWEST = -1e30
"""What stands for −∞ among exponents."""

LARGEST = 2.0**53
"""Up to it every whole number is a float64."""


class Circle(Loss):
    """Brings samples of a class together, and those of different classes apart.

    With d_ij = max(1 − ŷ_i · ŷ_j, 0), the distance of two outputs of length 1, m the margin, and P
    the other samples j of i's class, Q those of all other classes:

        ℓ_i = log(1 + Σ_{j ∈ P} exp(γ (d_ij² − m²)) Σ_{j ∈ Q} exp(γ a_ij (1 − m − d_ij)))
        a_ij = max(1 + m − d_ij, 0)

        ∂E/∂ŷ_i = −Σ_j (G_ij + G_ji) ŷ_j   with G_ij = w_i/N ∂ℓ_i/∂d_ij, 0 where d_ij = 0
        ∂ℓ_i/∂d_ij = (1 − e^−ℓ_i) s_ij (2 γ d_ij in P, or −2 γ (1 − d_ij) in Q)

    where s_ij is the share of j in its sum. E is the mean over the samples for which both sums have
    a term, as in Keras, so that batches must hold several samples of a class. The loss of an epoch
    is the mean of its batches'.

    Targets are the numbers of the classes, ``(N,)``, any whole numbers; outputs ``(N, K)`` should
    have the length 1. Source: Sun et al. 2020, "Circle loss: a unified perspective of pair
    similarity optimization".

    Args:
        gamma: γ, above 0.
        margin: m, 0 or more.
        remove_diagonal: Whether a sample is none of its own class's others.

    Example:
        >>> P = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
        >>> loss = bp.losses.Circle(gamma=1.0, margin=0.0)
        >>> round(loss.forward(P, [7, 7, 5]), 4)  # of two: the third has no P
        0.9737
    """

    compares_samples = True

    def __init__(
        self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True
    ) -> None:
        super().__init__()
        self.gamma = check_positive(gamma, "gamma")
        self.margin = check_number(margin, "margin")
        self.remove_diagonal = check_flag(remove_diagonal, "remove_diagonal")
        self._paired: Any = None  # whether a sample has both kinds of others
        self._slopes: Any = None  # ∂ℓ_i/∂d_ij
        self._share: Any = None  # w_i/N

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Whole numbers, shape ``(N,)``.

        Raises:
            ShapeError: They are not one for each sample, or the outputs have more axes.
            ValueError: One is not whole.
        """
        if len(output_shape) != 1:
            raise ShapeError(
                f"{self} compares samples with a row of outputs each, shape (N, K), but the "
                f"predictions have {len(output_shape) + 1} axes: put Flatten() at the end."
            )
        Y = np.asarray(target)
        if Y.ndim == 2 and Y.shape[1] > 1:
            raise ShapeError(
                f"{self}: targets must be numbers of classes, one for each sample, but their shape "
                f"is {Y.shape}: of one-hot rows pass np.argmax(y, axis=-1)."
            )
        numbers = super().check_target(Y, (1,), np.float64)[..., 0]
        if Y.dtype.kind != "f":  # as they are: float64 has not all digits of large ones
            return Y.reshape(-1).astype(np.intp)
        if (numbers % 1).any() or (np.abs(numbers) > LARGEST).any():
            raise ValueError(
                f"{self}: targets must be numbers of classes, whole numbers up to 2⁵³ if they are "
                f"floats."
            )
        return numbers.astype(np.intp)

    def values(self, prediction: Array, target: Array) -> Array:
        """ℓ; keeps ∂ℓ_i/∂d_ij."""
        gamma, m = self.gamma, self.margin
        D = np.maximum(1 - np.dot(prediction, prediction.T), 0)
        same = target[:, np.newaxis] == target
        other = ~same
        if self.remove_diagonal:
            np.fill_diagonal(same, False)
        near, S = log_sum(gamma * (np.square(D) - m * m), same)
        far, T = log_sum(gamma * np.maximum(1 + m - D, 0) * (1 - m - D), other)
        S *= 2 * gamma * D
        T *= 2 * gamma * (D - 1) * np.less(D, 1 + m)
        X = near + far
        self._slopes = sigmoid(X)[:, np.newaxis] * (S + T) * (D > 0)
        self._paired = same.any(axis=1) & other.any(axis=1)
        return softplus(X)

    @property
    def counted(self) -> Any:
        """Whether a sample has both kinds of others."""
        return self._paired

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−(G + Gᵀ) ŷ: what no sample's own weight can be applied to later is in it already."""
        G = self._slopes * self._share
        G += G.T.copy()
        gradient: Array = -np.dot(G, prediction)
        return gradient

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ N / (how many samples have both kinds of others); keeps w/N for ``backward``."""
        W = self._paired.astype(values.dtype)
        W *= values.size / max(float(W.sum()), 1.0)
        if sample_weight is not None:
            W *= sample_weight
        total = super().total(values, W)
        self._share, self._scale = self._scale, 1.0
        return total


def log_sum(X: Array, chosen: Array) -> tuple[Array, Array]:
    """log Σ_j exp(x_ij) over the chosen j of every row (−10³⁰ of none), and the share of each."""
    X = np.where(chosen, X, LOWEST)
    m = X.max(axis=1)
    E = np.exp(X - m[:, np.newaxis])
    S = E.sum(axis=1)
    E /= S[:, np.newaxis]
    return m + np.log(S), E
