"""The cross-entropy for yes/no targets."""

from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_number
from backprop.core.types import Array, Interval, Shape
from backprop.losses.cross_entropy import CrossEntropy, Partition
from backprop.losses.formula import Formula
from backprop.losses.helpers import row_dot
from backprop.losses.probabilities import check_shares


class BinaryCrossentropy(CrossEntropy):
    """Cross-entropy of K independent yes/no targets, each in [0, 1].

        ℓ = −(1/K) Σ_k [y_k log p_k + (1 − y_k) log(1 − p_k)]
        ∂ℓ/∂p = (−y/p + (1 − y)/(1 − p)) / K

    and by the logits z, where p = σ(z):

        ℓ = (1/K) Σ_k [log(1 + e^{z_k}) − y_k z_k],   ∂ℓ/∂z = (p − y) / K

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: a in [0, 1): y (1 − a) + a/2 stands in for y in all formulas.

    Example:
        >>> loss = bp.losses.BinaryCrossentropy()
        >>> round(loss.forward(np.array([[0.5]]), np.array([[1.0]])), 4)  # −log ½
        0.6931
        >>> loss.backward()
        array([[-2.]])
    """

    link = "sigmoid"
    ending = "Sigmoid(), or pass from_logits=True to the loss"
    outputs = "answers"
    over_outputs = "mean"
    n_labels = 2
    target_formula = "(1 − a) {y} + a/2"
    formula = Formula(
        "[−{y}{i} ln {p}{i} − (1 − {y}{i}) ln(1 − {p}{i})]",
        "−{y}/{p} + (1 − {y})/(1 − {p})",
    )
    logit_formula = Formula("[ln(1 + exp({p}{i})) − {y}{i} {p}{i}]", "{a} − {y}", activation="σ")

    def has_classes(self, target: Array) -> bool:
        """For one output."""
        return target.ndim == 2 and bool(target.shape[1] == 1)

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.decision_threshold = 0.0 if from_logits else None  # of logits, where σ is ½
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)

    def advise_ending(self, interval: Interval) -> str:
        """Numbers of one sign are no logits: σ of them is never below ½, or never above."""
        if interval[0] >= 0 or interval[1] <= 0:
            return "end it with Sigmoid() in its place"
        return super().advise_ending(interval)

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets between 0 and 1 (see ``Loss.check_target``).

        Raises:
            ValueError: A target lies outside.
        """
        return check_shares(super().check_target(target, output_shape, dtype), self)

    def values(self, prediction: Array, target: Array) -> Array:
        """The mean over the outputs of −log of the probability given to what came true."""
        P, y = prediction, self.smooth(target)
        total = row_dot(y, functional.safe_log(P)) + row_dot(1 - y, functional.safe_log(1 - P))
        total /= -P.shape[-1]
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(−y/p + (1 − y)/(1 − p)) / K."""
        P, y = prediction, self.smooth(target)
        slope = functional.safe_log_slope
        G = slope(1 - P)
        G *= 1 - y
        G -= y * slope(P)
        G *= 1 / P.shape[-1]
        return G

    def probabilities(
        self, Z: Array, out: Array | None = None, likeliest: Array | None = None
    ) -> tuple[Array, Partition]:
        """σ(z)."""
        return functional.sigmoid(Z, out), None

    def likeliest(self, Z: Array) -> Array | None:
        """None: the outputs are K answers, not one of K."""
        return None

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """(1/K) Σ_k [max(z_k, 0) − y_k z_k + log(1 + e^−|z_k|)]: no large terms cancel."""
        V, W = self.buffer("values", Z), self.buffer("terms", Z)
        np.abs(Z, out=V)
        np.negative(V, out=V)
        np.exp(V, out=V)
        np.log1p(V, out=V)
        np.maximum(Z, 0, out=W)
        total = functional.row_sum(V)
        np.multiply(self.smooth(target), Z, out=V)
        W -= V
        total += functional.row_sum(W)
        total /= Z.shape[-1]
        return total

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """``logit_values``, with each output as a sample of its own."""
        alone = self.logit_values(Z[..., np.newaxis], None, target[..., np.newaxis])
        alone /= Z.shape[-1]
        return alone

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """(σ(z) − y) / K."""
        D = np.subtract(A, self.smooth(target), out=self.buffer("delta", A))
        D *= 1 / A.shape[-1]
        return D
