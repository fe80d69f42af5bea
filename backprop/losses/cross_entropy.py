"""The cross-entropies: −log of the probability that the model gave to what came true."""

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_flag, check_number
from backprop.core.types import UNIT, Array
from backprop.losses.formula import Formula
from backprop.losses.helpers import row_dot
from backprop.losses.probabilities import DIVIDED, DIVIDED_BY_1, OfProbabilities, OneHotTargets

Partition = tuple[Array, Array] | None


class CrossEntropy(OfProbabilities):
    """The base of the three cross-entropies, on probabilities or on logits.

    On logits z, with a = σ(z) or softmax(z), all three are ``log-partition(z) − Σ_k y_k z_k``, and
    their gradient is a − y; nothing overflows there, and no probability is rounded to 0 first. On
    probabilities, log p continues as a straight line below p = e·10⁻⁷ (``functional.safe_log``).

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.

    Example:
        >>> loss = bp.losses.CategoricalCrossentropy(from_logits=True)
        >>> round(loss.forward(np.array([[0.0, np.log(3)]]), np.array([[1.0, 0.0]])), 4)  # −log ¼
        1.3863
        >>> loss.backward()  # a − y
        array([[-0.75,  0.75]])
    """

    n_labels: int | None = None  # over how many classes labels are smoothed, if not over all K
    target_formula = "(1 − a) {y} + a/{K}"
    logit_formula: Formula | None = None

    def __init__(self, from_logits: bool = False) -> None:
        super().__init__()
        self.from_logits = check_flag(from_logits, "from_logits")
        self.domain = None if self.from_logits else UNIT
        if self.from_logits:
            self.formula = self.logit_formula
            if self.outputs == "classes":
                self.outputs = "scores"
        self._on_logits = self.from_logits

    def smooth(self, target: Array) -> Array:
        """The targets with the share a of every label spread over all classes."""
        a: float = self.label_smoothing
        if not a:
            return target
        Y = np.multiply(target, 1 - a, out=self.buffer("smooth", target))
        Y += a / (self.n_labels or target.shape[-1])
        return Y

    def probabilities(
        self, Z: Array, out: Array | None = None, likeliest: Array | None = None
    ) -> tuple[Array, Partition]:
        """softmax(z), into ``out``, and the terms of its log-partition; or σ(z).

        ``likeliest`` is what the method of that name found, if it was asked.
        """
        return functional.softmax(Z, out, likeliest)

    def likeliest(self, Z: Array) -> Array | None:
        """The class of the largest logit in every row; None where that takes long to find."""
        return functional.row_argmax(Z)

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """ℓ for logits Z."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_values(Z, …).")

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """∂ℓ/∂z, where a = σ(z) or softmax(z)."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_gradient(A, y).")

    def sample_losses(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ; keeps what ``backward`` needs."""
        if self.from_logits:
            A, partition = self.probabilities(prediction)
            return self.sample_losses_on_logits(prediction, A, partition, target, each)
        values = super().sample_losses(prediction, target, each)
        self._on_logits = False
        return values

    def sample_losses_on_logits(
        self, Z: Array, A: Array, partition: Partition, target: Array, each: bool = False
    ) -> Array:
        """ℓ for logits whose probabilities A are known; ``backward`` then returns ∂E/∂Z."""
        self._on_logits, self._each = True, each
        if each:
            Z, A, target = Z[..., np.newaxis], A[..., np.newaxis], target[..., np.newaxis]
        self._prediction, self._target = A, target
        return self.logit_values(Z, partition, target)

    def backward(self) -> Array:
        """∂E/∂prediction of the last ``forward``: by the logits if it was given logits."""
        if not (self._on_logits and self.ready):
            return super().backward()
        delta = self.logit_gradient(self._prediction, self._target)
        delta *= self._scale
        return self.as_prediction(delta)


class CategoricalCrossentropy(OneHotTargets, CrossEntropy):
    """Cross-entropy of one of K classes; targets are one-hot rows, or any class probabilities.

        ℓ = −Σ_k y_k log q_k   with q = p / Σ_j p_j,      ∂ℓ/∂p_k = (Σ_j y_j − y_k / q_k) / Σ_j p_j

    As in Keras, a row that does not sum to 1 is divided by its sum first. Through a softmax the
    term Σ_j y_j drops out; by the logits z, where p = softmax(z):

        ℓ = Σ_k y_k (log Σ_j e^{z_j} − z_k),   ∂ℓ/∂z = p Σ_j y_j − y

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: a in [0, 1): y (1 − a) + a/K stands in for y in all formulas.

    Example:
        >>> loss = bp.losses.CategoricalCrossentropy()
        >>> round(loss.forward(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]])), 4)  # −log ¼
        1.3863
    """

    link = "softmax"
    outputs = "classes"
    formula = Formula(
        "(−{y}{i} ln q{i})",
        "(Σ_j {y}_j − {y}_k/q_k) / Σ_j {p}_j",
        definition="q = {p} / Σ_j {p}_j",
        remark=DIVIDED,
        normalised=Formula("(−{y}{i} ln {p}{i})", "−{y}/{p} + 1", remark=DIVIDED_BY_1),
    )
    logit_formula = Formula(
        "{y}{i} (ln Σ_j exp({p}_j) − {p}{i})",
        "{a} Σ_j {y}_j − {y}",
        activation="softmax",
        normalised=Formula(
            "{y}{i} (ln Σ_j exp({p}_j) − {p}{i})", "{a} − {y}", activation="softmax"
        ),
    )

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)

    def values(self, prediction: Array, target: Array) -> Array:
        """−Σ_k y_k log q_k."""
        return -row_dot(self.smooth(target), self.log_shares(prediction))

    def probability_parts(self, prediction: Array, target: Array) -> Array:
        """−y_k log q_k."""
        return -self.smooth(target) * self.log_shares(prediction)

    def log_shares(self, prediction: Array) -> Array:
        """The logarithms of q."""
        total = functional.row_sum(prediction)[..., np.newaxis]
        return functional.safe_log(prediction / total)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(Σ_j s_j q_j − s_k) / Σ_j p_j, where s = y ⊙ d(log q)/dq."""
        total = functional.row_sum(prediction)[..., np.newaxis]
        Q = prediction / total
        S = self.smooth(target) * functional.safe_log_slope(Q)
        gradient: Array = row_dot(S, Q)[..., np.newaxis] - S
        gradient /= total
        return gradient

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """Σ_k y_k (log Σ_j e^{z_j − m} + m − z_k)."""
        m, rest = partition_terms(partition)
        Y = self.smooth(target)
        total = functional.row_sum(Y)
        values: Array = total * rest + (total * m - row_dot(Y, Z))
        return values

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """y_k (log Σ_j e^{z_j − m} + m − z_k)."""
        m, rest = partition_terms(self.probabilities(Z)[1])
        parts: Array = rest[..., np.newaxis] + (m[..., np.newaxis] - Z)
        parts *= self.smooth(target)
        return parts

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A Σ_j y_j − y."""
        Y = self.smooth(target)
        total = functional.row_sum(Y)[..., np.newaxis]  # 1 for one-hot targets
        D = np.multiply(A, total, out=self.buffer("delta", A))
        D -= Y
        return D


def partition_terms(partition: Partition) -> tuple[Array, Array]:
    """M and log S = log Σ_j e^{z_j − m} of every row, without the last axis of 1."""
    assert partition is not None
    m, S = partition
    return m[..., 0], np.log(S[..., 0])
