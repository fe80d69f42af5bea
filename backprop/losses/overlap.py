"""Losses on how far two regions overlap, for images whose pixels are classified."""

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_number
from backprop.core.errors import ShapeError
from backprop.core.functional import row_sum
from backprop.core.types import UNIT, Array, Shape
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import row_dot
from backprop.losses.probabilities import check_shares


class Tversky(Loss):
    """1 − the Tversky index of the predicted region p and the target's y.

        ℓ = 1 − H/D   with H = Σ_k p_k y_k, D = H + α Σ_k (1 − p_k) y_k + β Σ_k p_k (1 − y_k) + ε
        ∂ℓ/∂p_k = (H (β + (1 − α − β) y_k) / D − y_k) / D,   ε = 10⁻⁷

    The sums run over all outputs of a sample, those of images over pixels and channels, so that E
    is a mean over samples. Keras's default ``axis=None`` pools the batch instead; Keras's
    ``axis=(1, 2, 3)`` is what stands here.

    Source: Salehi et al. 2017, "Tversky loss function for image segmentation".

    Args:
        alpha: α, what a part of the target's region that is missed costs, as in Keras.
        beta: β, what a part outside of it costs.

    Example:
        >>> loss = bp.losses.Tversky(alpha=1.0, beta=0.0)  # 1 − recall
        >>> p, y = np.array([[1.0, 0.0, 1.0]]), np.array([[1.0, 1.0, 0.0]])
        >>> round(loss.forward(p, y), 4)
        0.5
    """

    outputs = "answers"
    domain = UNIT
    ending = "Sigmoid(), or several outputs with a Softmax()"
    not_taken = {**Loss.not_taken, "axis": "the sums run over all outputs of a sample"}
    smallest = 1e-7  # ε
    formula = Formula(
        "(1 − ({p}{r} · {y}{r}) / d{r})",
        "(({p}{r} · {y}{r}) / d{r} ({self.beta:g} + (1 − {self.alpha:g} − {self.beta:g}) {y}{r}) "
        "− {y}{r}) / d{r}",
        per="sample",
        definition="d{r} = {self.alpha:g} Σ_j {y}_j + {self.beta:g} Σ_j {p}_j "
        "+ (1 − {self.alpha:g} − {self.beta:g}) ({p}{r} · {y}{r}) + {self.smallest:g}",
    )

    def __init__(self, alpha: float = 0.5, beta: float = 0.5) -> None:
        super().__init__()
        self.alpha = check_number(alpha, f"{type(self).__name__}(alpha)", below=math.inf)
        self.beta = check_number(beta, f"{type(self).__name__}(beta)", below=math.inf)
        self._shape: Shape = ()  # of the predictions

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets between 0 and 1 (see ``Loss.check_target``)."""
        return check_shares(super().check_target(target, output_shape, dtype), self)

    def check_weight(self, weight: Array, n: int, output_shape: Shape, dtype: Any) -> Array:
        """A number for each sample: its parts have no ℓ of their own."""
        return super().check_weight(weight, n, (math.prod(output_shape),), dtype)

    def sample_losses(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ, shape ``(N,)`` whatever the axes; keeps what ``backward`` needs."""
        rows = len(prediction), -1  # (N, H, W, C) -> (N, H W C)
        values = super().sample_losses(prediction.reshape(rows), target.reshape(rows))
        self._shape = prediction.shape
        return values

    def as_prediction(self, delta: Array) -> Array:
        """∂E/∂prediction in the shape of the prediction."""
        return delta.reshape(self._shape)

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; keeps w/N for ``backward``.

        Raises:
            ShapeError: There are weights for parts of a sample, as those of padded steps.
        """
        if sample_weight is not None and sample_weight.ndim > 1:
            raise ShapeError(
                f"{self} gives one number for all steps of a sample, so that none of them can be "
                f"left out or weighted: take loss='binary_crossentropy'."
            )
        return super().total(values, sample_weight)

    def values(self, prediction: Array, target: Array) -> Array:
        """1 − H/D."""
        H, D = self.overlap(prediction, target)
        return 1 - H / D

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(H (β + (1 − α − β) y) / D − y) / D."""
        H, D = self.overlap(prediction, target)
        G = np.multiply(target, 1 - self.alpha - self.beta, out=self.buffer("delta", prediction))
        G += self.beta
        G *= (H / D)[:, np.newaxis]
        G -= target
        G /= D[:, np.newaxis]
        return G

    def overlap(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """H and D = α Σ_k y_k + β Σ_k p_k + (1 − α − β) H + ε of every sample."""
        H = row_dot(prediction, target)
        D = self.alpha * row_sum(target) + self.beta * row_sum(prediction)
        D += (1 - self.alpha - self.beta) * H
        D += self.smallest
        return H, D


class Dice(Tversky):
    """1 − the Dice coefficient of the predicted region p and the target's y, twice their overlap.

        ℓ = 1 − 2 Σ_k p_k y_k / (Σ_k p_k + Σ_k y_k + ε),   ε = 10⁻⁷

    That is Tversky's loss with α = β = ½. The sums run over all outputs of a sample (see there).
    Source: Dice 1945, "Measures of the amount of ecologic association between species".

    Example:
        >>> p, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 1.0]])
        >>> round(bp.losses.Dice().forward(p, y), 4)  # 1 − 2 · 1 / (1 + 3)
        0.5
    """

    smallest = 0.5e-7  # of half the denominator

    def __init__(self) -> None:
        super().__init__(0.5, 0.5)
