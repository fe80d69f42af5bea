"""The hinge losses: they ask for the right side of 0 by a margin of 1, and for no more."""

from typing import Any

import numpy as np

from backprop.core.types import Array, Shape, as_array
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import check_several_outputs, row_dot, row_mean


class Hinge(Loss):
    """The cost of a score on the wrong side of 0, or on the right side by less than 1.

        ℓ = (1/K) Σ_k max(1 − t_k ŷ_k, 0),   ∂ℓ/∂ŷ = −t/K where t ŷ < 1, else 0 (also at the kink)

    Targets y are −1/+1, or 0/1 as in Keras, where 0 stands for t = −1. Predictions are scores of
    any size: end the model with a Dense layer or a Tanh. Source: Cortes & Vapnik 1995,
    "Support-vector networks".

    Example:
        >>> bp.losses.Hinge().forward(np.array([[0.25], [3.0]]), np.array([[1.0], [1.0]]))
        0.375
    """

    formula = Formula(
        "max(1 − t{i} {p}{i}, 0)",
        "−t ⊙ [t ⊙ {p} < 1]",
        definition="t = {y} − [{y} = 0]",
    )

    over_outputs = "mean"

    decision_threshold = 0.0  # the middle of −1 and 1

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Labels of two kinds.

        Raises:
            ValueError: They are neither all −1 or 1 nor all 0 or 1.
        """
        target = super().check_target(target, output_shape, dtype)
        if not any(np.isin(target, labels).all() for labels in ((-1, 1), (0, 1))):
            raise ValueError(f"{self}: targets must be -1 and 1, or 0 and 1, and nothing else.")
        return target

    def signs(self, target: Array) -> Array:
        """T: the targets with −1 in place of 0."""
        T = np.equal(target, 0, out=self.buffer("signs", target))
        return np.subtract(target, T, out=T)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k max(1 − t ŷ, 0)."""
        return row_mean(self.shortfall(prediction, self.signs(target)))

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−t/K where t ŷ < 1."""
        T = self.signs(target)
        G = np.sign(self.shortfall(prediction, T), out=self.buffer("delta", prediction))
        G *= T
        G *= -1 / G.shape[-1]
        return G

    def shortfall(self, prediction: Array, T: Array) -> Array:
        """M = max(1 − t ŷ, 0): what is missing to a margin of 1."""
        M = np.multiply(prediction, T, out=self.buffer("delta", prediction))
        np.subtract(1, M, out=M)
        return np.maximum(M, 0, out=M)


class SquaredHinge(Hinge):
    """The hinge squared, so that its slope has no jump; targets as for ``Hinge``.

    ℓ = (1/K) Σ_k max(1 − t_k ŷ_k, 0)²,   ∂ℓ/∂ŷ = −(2/K) t max(1 − t ŷ, 0)

    Example:
        >>> bp.losses.SquaredHinge().forward(np.array([[-1.0]]), np.array([[1.0]]))
        4.0
    """

    over_outputs = "mean"
    formula = Formula(
        "max(1 − t{i} {p}{i}, 0)²",
        "−t ⊙ max(1 − t ⊙ {p}, 0)",
        times="2",
        definition="t = {y} − [{y} = 0]",
    )

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k max(1 − t ŷ, 0)²."""
        M = self.shortfall(prediction, self.signs(target))
        costs = row_dot(M, M)
        costs /= prediction.shape[-1]
        return costs

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−(2/K) t max(1 − t ŷ, 0)."""
        T = self.signs(target)
        G = self.shortfall(prediction, T)
        G *= T
        G *= -2 / G.shape[-1]
        return G


class CategoricalHinge(Loss):
    """The true class's score must exceed every other one by 1; targets are one-hot rows.

        ℓ = max(1 + n − Σ_k y_k ŷ_k, 0)   with n = max_k (1 − y_k) ŷ_k, at k = j

        ∂ℓ/∂ŷ_k = (1 − y_k) [k = j] − y_k where ℓ > 0, else 0 (also at the kink)

    As in Keras, n is taken over all classes: for the true one (1 − y) ŷ is 0, so that n is never
    negative. Of equal ones the first counts. Source: Crammer & Singer 2001, "On the algorithmic
    implementation of multiclass kernel-based vector machines".

    Example:
        >>> y = np.array([[0.0, 1.0, 0.0]])
        >>> bp.losses.CategoricalHinge().forward(np.array([[1.0, 1.5, 0.0]]), y)  # 1 + 1 − 1.5
        0.5
    """

    outputs = "scores"
    instead_of_one = "for yes or no take loss='hinge'."
    formula = Formula(
        "max(1 + n{r} − {p}{r} · {y}{r}, 0)",
        "((1 − {y}) ⊙ [k = j] − {y}) ⊙ [ℓ > 0]",
        per="sample",
        definition="n{r} = max((1 − {y}{r}) ⊙ {p}{r})",
        remark="`j` is the output that `n` is taken from, and `ℓ` the sample's own loss.",
    )

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """One-hot rows (see ``Loss.check_target``).

        Raises:
            ShapeError: There is one output alone, which has no other class to exceed.
        """
        target = super().check_target(target, output_shape, dtype)
        check_several_outputs(self, output_shape)
        return target

    def has_classes(self, target: Array) -> bool:
        """Yes."""
        return True

    def values(self, prediction: Array, target: Array) -> Array:
        """max(1 + n − Σ_k y_k ŷ_k, 0)."""
        others = self.others(prediction, target)
        cost = 1 + np.maximum.reduce(others, axis=-1) - row_dot(prediction, target)
        return as_array(np.maximum(cost, 0))

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(1 − y_k) [k = j] − y_k where ℓ > 0."""
        active = (self.values(prediction, target) > 0)[..., np.newaxis]
        j = self.others(prediction, target).argmax(axis=-1)[..., np.newaxis]
        G: Array = np.negative(target, out=self.buffer("delta", prediction))
        np.put_along_axis(G, j, 1 - 2 * np.take_along_axis(target, j, axis=-1), axis=-1)
        G *= active
        return G

    def others(self, prediction: Array, target: Array) -> Array:
        """(1 − y) ŷ."""
        M = np.subtract(1, target, out=self.buffer("delta", prediction))
        M *= prediction
        return M
