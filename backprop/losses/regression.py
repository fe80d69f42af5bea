"""Losses on numbers: the squared errors, their robust relatives, and the angle between vectors."""

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_positive
from backprop.core.functional import root
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import check_several_outputs, row_dot, row_mean

SMALLEST_NORM = 1e-7
"""The cosine similarity does not stretch vectors shorter than this to length 1."""


class MeanSquaredError(Loss):
    """ℓ = (1/K) Σ_k (ŷ_k − y_k)²,  ∂ℓ/∂ŷ = (2/K) (ŷ − y).

    Example:
        >>> loss = bp.losses.MeanSquaredError()
        >>> loss.forward(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]]))  # (0 + 3²) / 2
        4.5
        >>> loss.backward()
        array([[0., 3.]])
    """

    over_outputs = "mean"
    formula = Formula("({p}{i} − {y}{i})²", "{p} − {y}", times="2")

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


class RootMeanSquaredError(MeanSquaredError):
    """E = √((1/N) Σ_i w_i ℓ_i) with ℓ the squared errors' mean (1/K) Σ_k (ŷ_k − y_k)².

        ∂E/∂ŷ = w (ŷ − y) / (N K E),   0 where E = 0, which is a kink

    The root is taken of the mean over the whole batch. Unlike other losses, this one is therefore
    no mean over samples, and E of an epoch is not the mean of its batches' E. An epoch's ``"loss"``
    is that mean, a little below the root of the epoch's mean squared error.

    Example:
        >>> loss = bp.losses.RootMeanSquaredError()
        >>> loss.forward(np.array([[1.0], [7.0]]), np.zeros((2, 1)))  # √((1 + 49) / 2)
        5.0
    """

    formula = Formula(
        "√(Σ_ik {w}({p}_ik − {y}_ik)² / (N K))", "{w}({p} − {y}) / (N K {E})", per="batch"
    )

    def reduce(self, values: Array, sample_weight: Array | None) -> float:
        """E = √M with M the weighted mean; ∂E/∂ŷ = ∂M/∂ŷ / (2E)."""
        root = math.sqrt(super().reduce(values, sample_weight))
        self._scale = self._scale * (0.5 / root if root > 0 else 0.0)
        return root


class HalfSquaredError(Loss):
    """ℓ = ½ Σ_k (ŷ_k − y_k)²,  ∂ℓ/∂ŷ = ŷ − y: the quadratic cost of the textbooks.

    It differs from the mean squared error by the factor K/2: the two agree for two outputs only.
    Source: Nielsen, "Neural Networks and Deep Learning", chapter 1.

    Example:
        >>> loss = bp.losses.HalfSquaredError()
        >>> loss.forward(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]]))  # ½ (0 + 3²)
        4.5
        >>> loss.backward()
        array([[0., 3.]])
    """

    over_outputs = "sum"
    formula = Formula("½ ({p}{i} − {y}{i})²", "{p} − {y}")

    def values(self, prediction: Array, target: Array) -> Array:
        """Half the squared distance of each sample."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        return 0.5 * row_dot(D, D)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """ŷ − y."""
        return np.subtract(prediction, target, out=self.buffer("delta", prediction))


class MeanAbsoluteError(Loss):
    """ℓ = (1/K) Σ_k |ŷ_k − y_k|,  ∂ℓ/∂ŷ = sign(ŷ − y) / K, with sign(0) = 0 at the kink.

    Example:
        >>> loss = bp.losses.MeanAbsoluteError()
        >>> loss.forward(np.array([[1.0, 5.0]]), np.array([[1.0, 2.0]]))  # (0 + 3) / 2
        1.5
        >>> loss.backward()
        array([[0. , 0.5]])
    """

    over_outputs = "mean"
    formula = Formula("|{p}{i} − {y}{i}|", "sign({p} − {y})")

    def values(self, prediction: Array, target: Array) -> Array:
        """The mean of the absolute errors of each sample."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        return row_mean(np.abs(D, out=D))

    def gradient(self, prediction: Array, target: Array) -> Array:
        """sign(ŷ − y) / K."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        np.sign(D, out=D)
        D *= 1 / D.shape[-1]
        return D


class Huber(Loss):
    """Squared for small errors, linear for large ones; the slopes meet at ±δ.

        h(d) = ½ d² where |d| ≤ δ, else δ |d| − ½ δ²,   h′(d) = min(max(d, −δ), δ) = c
        ℓ = (1/K) Σ_k h(ŷ_k − y_k),   ∂ℓ/∂ŷ = h′(ŷ − y) / K

    Both branches are h = c d − ½ c². Source: Huber 1964, "Robust estimation of a location
    parameter".

    Args:
        delta: δ, positive.

    Raises:
        ValueError: δ is not a positive number.

    Example:
        >>> loss = bp.losses.Huber(delta=1.0)
        >>> loss.forward(np.array([[1.0]]), np.array([[0.0]]))  # ½ 1²
        0.5
        >>> loss.forward(np.array([[9.0]]), np.array([[0.0]]))  # 9 − ½
        8.5
    """

    over_outputs = "mean"
    formula = Formula(
        "h({p}{i} − {y}{i})",
        "c({p} − {y})",
        definition="h(d) = c(d) d − ½ c(d)², c(d) = min(max(d, −{self.delta:g}), {self.delta:g})",
    )

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = check_positive(delta, "Huber(delta)")

    def cut(self, D: Array) -> Array:
        """C: D cut off at ±δ."""
        C = np.maximum(D, -self.delta, out=self.buffer("cut", D))
        return np.minimum(C, self.delta, out=C)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k (c d − ½ c²)."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        C = self.cut(D)
        errors = row_dot(C, D) - 0.5 * row_dot(C, C)
        errors /= D.shape[-1]
        return errors

    def gradient(self, prediction: Array, target: Array) -> Array:
        """C / K."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        C = self.cut(D)
        C *= 1 / D.shape[-1]
        return C


class LogCosh(Loss):
    """ℓ = (1/K) Σ_k log cosh(ŷ_k − y_k),  ∂ℓ/∂ŷ = tanh(ŷ − y) / K.

    About ½ d² for small errors d and |d| − log 2 for large ones: a Huber loss without seams.

    Example:
        >>> loss = bp.losses.LogCosh()
        >>> round(loss.forward(np.array([[9.0]]), np.array([[0.0]])), 4)  # 9 − log 2
        8.3069
    """

    over_outputs = "mean"
    formula = Formula("ln cosh({p}{i} − {y}{i})", "tanh({p} − {y})")

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k [|d| + log(1 + ½ (e^−2|d| − 1))]: without overflow; small d keep digits."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        np.abs(D, out=D)
        L = np.multiply(D, -2, out=self.buffer("log", D))
        np.expm1(L, out=L)
        L *= 0.5
        np.log1p(L, out=L)
        L += D
        return row_mean(L)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """tanh(ŷ − y) / K."""
        D = np.subtract(prediction, target, out=self.buffer("delta", prediction))
        np.tanh(D, out=D)
        D *= 1 / D.shape[-1]
        return D


class CosineSimilarity(Loss):
    """ℓ = −cos ∠(ŷ, y) = −Σ_k u_k v_k with u = ŷ/‖ŷ‖ and v = y/‖y‖: −1 where they are parallel.

        ∂ℓ/∂ŷ = (−ℓ u − v) / ‖ŷ‖

    The negative sign is Keras's, so that minimising aligns the two. A norm below 10⁻⁷ counts as
    10⁻⁷; there ℓ is linear in ŷ and ∂ℓ/∂ŷ = −v/10⁻⁷.

    Example:
        >>> loss = bp.losses.CosineSimilarity()
        >>> round(loss.forward(np.array([[3.0, 4.0]]), np.array([[6.0, 8.0]])), 4)  # parallel
        -1.0
        >>> round(loss.forward(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]])), 4)  # −3/5
        -0.6
    """

    instead_of_one = "for a single number take loss='mse'."
    formula = Formula(
        "(−u{r} · v{r})",
        "((u{r} · v{r}) u{r} − v{r}) / ‖{p}{r}‖",
        per="sample",
        definition="u{r} = {p}{r} / ‖{p}{r}‖, v{r} = {y}{r} / ‖{y}{r}‖",
    )

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Vectors (see ``Loss.check_target``).

        Raises:
            ShapeError: They have one component, and so a direction that cannot be turned.
        """
        target = super().check_target(target, output_shape, dtype)
        check_several_outputs(self, output_shape)
        return target

    def values(self, prediction: Array, target: Array) -> Array:
        """−ŷ · y / (‖ŷ‖ ‖y‖)."""
        cosines = row_dot(prediction, target)
        cosines /= -norm(prediction) * norm(target)
        return cosines

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(−ℓ u − v) / ‖ŷ‖; the first term is left out where ‖ŷ‖ counts as 10⁻⁷."""
        n = norm(prediction)
        along = np.where(n > SMALLEST_NORM, -self.values(prediction, target) / n, 0)
        G = np.multiply(prediction, along[..., np.newaxis], out=self.buffer("delta", prediction))
        G -= target / norm(target)[..., np.newaxis]
        G /= n[..., np.newaxis]
        return G


def norm(A: Array) -> Array:
    """The length of every row, 10⁻⁷ at least."""
    lengths: Array = np.maximum(root(row_dot(A, A)), SMALLEST_NORM)
    return lengths
