"""The cross-entropies: −log of the probability that the model gave to what came true."""

from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_number
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss, check_probabilities, row_dot

Partition = tuple[Array, Array] | None


class CrossEntropy(Loss):
    """The base of the three cross-entropies, on probabilities or on logits.

    On logits z, with a = σ(z) or softmax(z), all three are ``log-partition(z) − Σ_k y_k z_k``, and
    their gradient is a − y; nothing overflows there, and no probability is rounded to 0 first. On
    probabilities, log p continues as a straight line below p = e·10⁻⁷ (``functional.safe_log``).

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
    """

    label_smoothing = 0.0  # a; two of the three losses let users set it
    ending = "Softmax"  # the layer that makes such probabilities

    def __init__(self, from_logits: bool = False) -> None:
        super().__init__()
        self.from_logits = from_logits
        self._on_logits = from_logits

    def check_ending(self, last: Any) -> None:
        """Checks that probabilities are not expected of a layer that never makes any.

        Raises:
            ValueError: They are.
        """
        if last.linear and not self.from_logits:
            raise ValueError(
                f"{self} takes probabilities, but the model ends with {last}: end it with "
                f"{self.ending}(), or pass from_logits=True to the loss."
            )

    def has_classes(self, target: Array) -> bool:
        """Yes."""
        return True

    def smooth(self, target: Array, n_classes: int) -> Array:
        """The targets with the share a of every label spread over all classes."""
        a = self.label_smoothing
        if not a:
            return target
        Y = np.multiply(target, 1 - a, out=self.buffer("smooth", target))
        Y += a / n_classes
        return Y

    def probabilities(
        self, Z: Array, out: Array | None = None, likeliest: Array | None = None
    ) -> tuple[Array, Partition]:
        """softmax(z) and the terms of its log-partition, or σ(z).

        Args:
            Z: The logits.
            out: Where the probabilities are written.
            likeliest: What ``likeliest`` found, if it was asked.
        """
        return functional.softmax(Z, out, likeliest)

    def likeliest(self, Z: Array) -> Array | None:
        """The class of the largest logit in every row; None where that takes long to find."""
        return functional.row_argmax(Z)

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """ℓ for logits Z."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_values.")

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """∂ℓ/∂z, where a = σ(z) or softmax(z)."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_gradient.")

    def sample_losses(self, prediction: Array, target: Array) -> Array:
        """ℓ; keeps what ``backward`` needs."""
        if self.from_logits:
            A, partition = self.probabilities(prediction)
            return self.sample_losses_on_logits(prediction, A, partition, target)
        advice = f"end the model with a {self.ending}(), or pass from_logits=True."
        check_probabilities(prediction, f"{self}", advice)
        self._on_logits = False
        return super().sample_losses(prediction, target)

    def sample_losses_on_logits(
        self, Z: Array, A: Array, partition: Partition, target: Array
    ) -> Array:
        """ℓ for logits whose probabilities A are known; ``backward`` then returns ∂E/∂Z."""
        self._on_logits = True
        self._prediction, self._target = A, target
        return self.logit_values(Z, partition, target)

    def backward(self) -> Array:
        """∂E/∂prediction of the last ``forward``: by the logits if it was given logits."""
        if not self._on_logits or self._scale is None:
            return super().backward()
        delta = self.logit_gradient(self._prediction, self._target)
        delta *= self._scale
        return delta


class BinaryCrossentropy(CrossEntropy):
    """Cross-entropy of K independent yes/no targets, each in [0, 1].

        ℓ = −(1/K) Σ_k [y_k log p_k + (1 − y_k) log(1 − p_k)]
        ∂ℓ/∂p = (−y/p + (1 − y)/(1 − p)) / K

    and by the logits z, where p = σ(z):

        ℓ = (1/K) Σ_k [log(1 + e^{z_k}) − y_k z_k],   ∂ℓ/∂z = (p − y) / K

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: a in [0, 1): y (1 − a) + a/2 stands in for y in all formulas.
    """

    link = "sigmoid"
    ending = "Sigmoid"

    def has_classes(self, target: Array) -> bool:
        """For one output."""
        return target.ndim == 2 and bool(target.shape[1] == 1)

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)
        self.decision_threshold = 0.0 if from_logits else None

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets between 0 and 1 (see ``Loss.check_target``).

        Raises:
            ValueError: A target lies outside.
        """
        return check_shares(super().check_target(target, output_shape, dtype), f"{self}")

    def values(self, prediction: Array, target: Array) -> Array:
        """The mean over the outputs of −log of the probability given to what came true."""
        P, y = prediction, self.smooth(target, 2)
        total = row_dot(y, functional.safe_log(P)) + row_dot(1 - y, functional.safe_log(1 - P))
        total /= -P.shape[-1]
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(−y/p + (1 − y)/(1 − p)) / K."""
        P, y = prediction, self.smooth(target, 2)
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
        np.multiply(self.smooth(target, 2), Z, out=V)
        W -= V
        total += functional.row_sum(W)
        total /= Z.shape[-1]
        return total

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """(σ(z) − y) / K."""
        D = np.subtract(A, self.smooth(target, 2), out=self.buffer("delta", A))
        D *= 1 / A.shape[-1]
        return D


class CategoricalCrossentropy(CrossEntropy):
    """Cross-entropy of one of K classes; targets are one-hot rows, or any class probabilities.

        ℓ = −Σ_k y_k log q_k   with q = p / Σ_j p_j,      ∂ℓ/∂p_k = (Σ_j y_j − y_k / q_k) / Σ_j p_j

    As in Keras, a row that does not sum to 1 is divided by its sum first. Through a softmax the
    term Σ_j y_j drops out; by the logits z, where p = softmax(z):

        ℓ = Σ_k y_k (log Σ_j e^{z_j} − z_k),   ∂ℓ/∂z = p Σ_j y_j − y

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: a in [0, 1): y (1 − a) + a/K stands in for y in all formulas.
    """

    link = "softmax"

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets between 0 and 1 (see ``Loss.check_target``).

        Raises:
            ValueError: A target lies outside.
        """
        return check_shares(super().check_target(target, output_shape, dtype), f"{self}")

    def values(self, prediction: Array, target: Array) -> Array:
        """−Σ_k y_k log q_k."""
        Q = prediction / functional.row_sum(prediction)[..., np.newaxis]
        return -row_dot(self.smooth(target, target.shape[-1]), functional.safe_log(Q))

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(Σ_j s_j q_j − s_k) / Σ_j p_j, where s = y ⊙ d(log q)/dq."""
        total = functional.row_sum(prediction)[..., np.newaxis]
        Q = prediction / total
        S = self.smooth(target, target.shape[-1]) * functional.safe_log_slope(Q)
        gradient: Array = row_dot(S, Q)[..., np.newaxis] - S
        gradient /= total
        return gradient

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """Σ_k y_k (log Σ_j e^{z_j − m} + m − z_k)."""
        m, rest = partition_terms(partition)
        Y = self.smooth(target, target.shape[-1])
        total = functional.row_sum(Y)
        values: Array = total * rest + (total * m - row_dot(Y, Z))
        return values

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A Σ_j y_j − y."""
        Y = self.smooth(target, target.shape[-1])
        total = functional.row_sum(Y)[..., np.newaxis]  # 1 for one-hot targets
        D = np.multiply(A, total, out=self.buffer("delta", A))
        D -= Y
        return D

    def shape_hint(self, target: Array, output_shape: Shape) -> str:
        """Class indices belong to the sparse loss."""
        if target.shape[1:] == output_shape[:-1] or target.shape[1:] == (*output_shape[:-1], 1):
            return "class indices need loss='sparse_categorical_crossentropy'."
        return super().shape_hint(target, output_shape)


def check_shares(target: Array, loss: str) -> Array:
    """The targets, if they lie between 0 and 1.

    Raises:
        ValueError: One does not.
    """
    if target.size and (target.min() < 0 or target.max() > 1):
        raise ValueError(
            f"{loss}: targets are probabilities or 0 and 1, but they run from {target.min():.4g} "
            f"to {target.max():.4g}: write 0 for -1, or number more than two classes and take "
            f"loss='sparse_categorical_crossentropy'."
        )
    return target


def partition_terms(partition: Partition) -> tuple[Array, Array]:
    """M and log S = log Σ_j e^{z_j − m} of every row, without the last axis of 1."""
    assert partition is not None
    m, S = partition
    return m[..., 0], np.log(S[..., 0])
