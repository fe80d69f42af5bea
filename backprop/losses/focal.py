"""The focal cross-entropies: what is right already counts less."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_flag, check_number, check_share, is_row
from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape
from backprop.losses.binary_cross_entropy import BinaryCrossentropy
from backprop.losses.cross_entropy import CategoricalCrossentropy, Partition, partition_terms
from backprop.losses.formula import Formula
from backprop.losses.helpers import row_dot, row_mean


class BinaryFocalCrossentropy(BinaryCrossentropy):
    """The binary cross-entropy h of each output, times (1 − t)^γ, where t is what y got.

        ℓ = (1/K) Σ_k c_k (1 − t_k)^γ h_k   with t = y p + (1 − y)(1 − p)
        ∂ℓ/∂p = c (1 − t)^γ (∂h/∂p + γ (1 − 2y) h / (1 − t)) / K

    and by the logits z, where p = σ(z): ∂h/∂z = p − y and ∂t/∂z = (2y − 1) p (1 − p). Here c is 1,
    or α y + (1 − α)(1 − y) with ``apply_class_balancing``.

    Source: Lin et al. 2017, "Focal loss for dense object detection".

    Args:
        apply_class_balancing: Whether targets of 1 count α and those of 0 count 1 − α.
        alpha: α, between 0 and 1.
        gamma: γ, 0 or more: with 0 it is the cross-entropy.
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: As for ``BinaryCrossentropy``.

    Example:
        >>> loss = bp.losses.BinaryFocalCrossentropy()
        >>> round(loss.forward(np.array([[0.9]]), np.array([[1.0]])), 6)  # 0.1² · 0.105361
        0.001054
    """

    link = "sigmoid"
    over_outputs = "mean"
    formula = Formula(
        "c{i} (1 − t{i})^γ h{i}",
        "c ⊙ (1 − t)^γ ⊙ (−{y}/{p} + (1 − {y})/(1 − {p}) + γ (1 − 2 {y}) ⊙ h / (1 − t))",
        definition="t = {y} ⊙ {p} + (1 − {y}) ⊙ (1 − {p}), "
        "h = −{y} ⊙ ln {p} − (1 − {y}) ⊙ ln(1 − {p}), "
        "c = {self.shares[0]:g} {y} + {self.shares[1]:g} (1 − {y}), γ = {self.gamma:g}",
    )
    logit_formula = Formula(
        "c{i} (1 − t{i})^γ h{i}",
        "c ⊙ (1 − t)^γ ⊙ ({a} − {y} + γ (1 − 2 {y}) ⊙ {a} ⊙ (1 − {a}) ⊙ h / (1 − t))",
        activation="σ",
        definition="t = {y} ⊙ σ({p}) + (1 − {y}) ⊙ (1 − σ({p})), h = ln(1 + exp({p})) − {y} ⊙ {p}, "
        "c = {self.shares[0]:g} {y} + {self.shares[1]:g} (1 − {y}), γ = {self.gamma:g}",
    )
    _cost: Any = None  # h of the last logits

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(from_logits, label_smoothing)
        self.apply_class_balancing = check_flag(apply_class_balancing, "apply_class_balancing")
        self.alpha = check_share(alpha, "alpha")
        self.gamma = check_number(gamma, "gamma")

    @property
    def shares(self) -> tuple[float, float]:
        """What targets of 1 and of 0 count."""
        return (self.alpha, 1 - self.alpha) if self.apply_class_balancing else (1.0, 1.0)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k c (1 − t)^γ h."""
        F, _ = self.focus(prediction, self.smooth(target))
        F *= self.cost(prediction, self.smooth(target))
        return row_mean(F)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """c (1 − t)^γ (−y/p + (1 − y)/(1 − p) + γ (1 − 2y) h / (1 − t)) / K."""
        P, y = prediction, self.smooth(target)
        F, M = self.focus(P, y)
        G = self.cost(P, y)
        G *= self.gamma * (1 - 2 * y)
        G /= M
        G += (1 - y) * functional.safe_log_slope(1 - P)
        G -= y * functional.safe_log_slope(P)
        G *= F
        G *= 1 / G.shape[-1]
        return G

    def cost(self, P: Array, y: Array) -> Array:
        """h = −y log p − (1 − y) log(1 − p)."""
        H: Array = -y * functional.safe_log(P)
        H -= (1 - y) * functional.safe_log(1 - P)
        return H

    def focus(self, P: Array, y: Array) -> tuple[Array, Array]:
        """c (1 − t)^γ, and 1 − t = y + p − 2 y p, which is not quite 0."""
        M = np.multiply(y, -2, out=self.buffer("miss", P))
        M += 1
        M *= P
        M += y
        np.maximum(M, np.finfo(P.dtype).eps, out=M)
        F = np.power(M, self.gamma, out=self.buffer("focus", P))
        if self.apply_class_balancing:
            positive, negative = self.shares
            F *= negative + (positive - negative) * y
        return F, M

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """(1/K) Σ_k c (1 − t)^γ h with h = max(z, 0) − y z + log(1 + e^−|z|)."""
        y = self.smooth(target)
        H = np.abs(Z, out=self.buffer("cost", Z))
        np.negative(H, out=H)
        np.exp(H, out=H)
        np.log1p(H, out=H)
        H += np.maximum(Z, 0)
        H -= y * Z
        self._cost = H
        F, _ = self.focus(functional.sigmoid(Z), y)
        F *= H
        return row_mean(F)

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """c (1 − t)^γ (a − y + γ (1 − 2y) a (1 − a) h / (1 − t)) / K."""
        y = self.smooth(target)
        F, M = self.focus(A, y)
        D = np.subtract(1, A, out=self.buffer("delta", A))
        D *= A
        D *= self.gamma * (1 - 2 * y)
        D *= self._cost
        D /= M
        D += A
        D -= y
        D *= F
        D *= 1 / D.shape[-1]
        return D


class CategoricalFocalCrossentropy(CategoricalCrossentropy):
    """The cross-entropy, each class times α (1 − q)^γ.

        ℓ = −α Σ_k y_k (1 − q_k)^γ log q_k   with q = p / Σ_j p_j
        ∂ℓ/∂p_k = (Σ_j u_j − u_k / q_k) / Σ_j p_j
        u = α y (1 − q)^γ (1 − γ q log q / (1 − q))

    and by the logits z, where p = softmax(z): ∂ℓ/∂z = p Σ_j u_j − u. Source: as for the binary one.

    Args:
        alpha: α, 0 or more: one number, or a list of one for each class.
        gamma: γ, 0 or more: with 0 it is α times the cross-entropy.
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: As for ``CategoricalCrossentropy``.

    Example:
        >>> loss = bp.losses.CategoricalFocalCrossentropy(alpha=1.0)
        >>> round(loss.forward(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])), 4)  # ½² · 0.6931
        0.1733
        >>> loss = bp.losses.CategoricalFocalCrossentropy(alpha=[1.0, 3.0])  # of a rarer class
    """

    link = "softmax"
    formula = Formula(
        "(−α {y}{i} (1 − q{i})^γ ln q{i})",
        "(Σ_j u_j − u/q) / Σ_j {p}_j",
        definition="q = {p} / Σ_j {p}_j, α = {self.shown}, γ = {self.gamma:g}, "
        "u = α {y} ⊙ (1 − q)^γ ⊙ (1 − γ q ⊙ ln q / (1 − q))",
    )
    logit_formula = Formula(
        "(−α {y}{i} (1 − q{i})^γ ln q{i})",
        "{a} Σ_j u_j − u",
        activation="softmax",
        definition="q = softmax({p}), α = {self.shown}, γ = {self.gamma:g}, "
        "u = α {y} ⊙ (1 − q)^γ ⊙ (1 − γ q ⊙ ln q / (1 − q))",
    )
    _logarithms: Any = None  # log q of the last logits

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(from_logits, label_smoothing)
        given: Any = alpha
        self.alpha: float | tuple[float, ...] = (
            tuple(check_number(each, "alpha") for each in given)
            if is_row(given)
            else check_number(given, "alpha")
        )
        self.gamma = check_number(gamma, "gamma")

    @property
    def shown(self) -> str:
        """α as explanations write it."""
        a = self.alpha
        return f"({', '.join(f'{each:g}' for each in a)})" if isinstance(a, tuple) else f"{a:g}"

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """As of all losses on classes; a list of α must have one for each.

        Raises:
            ShapeError: It has not.
        """
        found = super().check_target(target, output_shape, dtype)
        if isinstance(self.alpha, tuple) and len(self.alpha) != output_shape[-1]:
            raise ShapeError(
                f"{self}(alpha) must be one number, or one for each of the {output_shape[-1]} "
                f"classes, but it has {len(self.alpha)}."
            )
        return found

    def values(self, prediction: Array, target: Array) -> Array:
        """−α Σ_k y_k (1 − q_k)^γ log q_k."""
        return functional.row_sum(self.probability_parts(prediction, target))

    def probability_parts(self, prediction: Array, target: Array) -> Array:
        """−α y_k (1 − q_k)^γ log q_k."""
        Q = prediction / functional.row_sum(prediction)[..., np.newaxis]
        F, _ = self.focus(Q, target)
        return -F * functional.safe_log(Q)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(Σ_j s_j q_j − s_k) / Σ_j p_j, where s = α y (1 − q)^γ (1/q − γ log q / (1 − q))."""
        total = functional.row_sum(prediction)[..., np.newaxis]
        Q = prediction / total
        F, M = self.focus(Q, target)
        S = functional.safe_log_slope(Q)
        S -= self.gamma * functional.safe_log(Q) / M
        S *= F
        gradient: Array = row_dot(S, Q)[..., np.newaxis] - S
        gradient /= total
        return gradient

    def focus(self, Q: Array, target: Array) -> tuple[Array, Array]:
        """α y (1 − q)^γ, and 1 − q, which is not quite 0."""
        M = np.subtract(1, Q, out=self.buffer("miss", Q))
        np.maximum(M, np.finfo(Q.dtype).eps, out=M)
        F = np.power(M, self.gamma, out=self.buffer("focus", Q))
        F *= self.smooth(target)
        F *= self.alpha
        return F, M

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """−α Σ_k y_k (1 − q_k)^γ log q_k, by log q_k = z_k − m − log Σ_j e^{z_j − m}."""
        m, rest = partition_terms(partition)
        L = np.subtract(Z, m[..., np.newaxis], out=self.buffer("logarithms", Z))
        L -= rest[..., np.newaxis]
        self._logarithms = L
        F, _ = self.focus(np.exp(L), target)
        values: Array = -row_dot(F, L)
        return values

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """−α y_k (1 − q_k)^γ log q_k."""
        A, partition = self.probabilities(Z)
        self.logit_values(Z, partition, target)
        parts: Array = -self.focus(A, target)[0] * self._logarithms
        return parts

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A Σ_j u_j − u."""
        U, M = self.focus(A, target)
        D: Array = np.multiply(A, self._logarithms, out=self.buffer("delta", A))
        D *= -self.gamma
        D /= M
        D += 1
        U *= D
        total = functional.row_sum(U)[..., np.newaxis]
        np.multiply(A, total, out=D)
        D -= U
        return D
