"""The cross-entropies: −log of the probability that the model gave to what came true."""

from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss, check_probabilities, row_dot, row_sum


class CrossEntropy(Loss):
    """The base of the three cross-entropies, on probabilities or on logits.

    On logits z, with a = σ(z) or softmax(z), all three are ``log-partition(z) − Σ_k y_k z_k``, and
    their gradient is a − y; nothing overflows there, and no probability is rounded to 0 first. On
    probabilities, log p goes on as a straight line below p = e·10⁻⁷ (``functional.safe_log``).

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
    """

    label_smoothing = 0.0  # a: what the two losses on label distributions let users set

    def __init__(self, from_logits: bool = False) -> None:
        super().__init__()
        self.from_logits = from_logits
        self._on_logits = from_logits

    def smooth(self, target: Array, n_classes: int) -> Array:
        """The targets with the share a of every label spread over all classes."""
        a = self.label_smoothing
        if not a:
            return target
        Y = np.multiply(target, 1 - a, out=self.buffer("smooth", target))
        Y += a / n_classes
        return Y

    def link(self, Z: Array) -> tuple[Array, Array]:
        """(a, log-partition) for logits Z."""
        raise NotImplementedError(f"{type(self).__name__} must define link(Z).")

    def logit_values(self, Z: Array, log_partition: Array, target: Array) -> Array:
        """ℓ for logits Z."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_values.")

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """∂ℓ/∂z, where a = σ(z) or softmax(z)."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_gradient.")

    def compute(self, prediction: Array, target: Array, sample_weight: Array | None) -> float:
        """``forward`` for arrays that were checked before."""
        if self.from_logits:
            A, log_partition = self.link(prediction)
            return self.compute_on_logits(prediction, A, log_partition, target, sample_weight)
        end = "Sigmoid" if isinstance(self, BinaryCrossentropy) else "Softmax"
        advice = f"end the model with a {end}(), or pass from_logits=True."
        check_probabilities(prediction, f"{self}", advice)
        self._on_logits = False
        return super().compute(prediction, target, sample_weight)

    def compute_on_logits(
        self,
        Z: Array,
        A: Array,
        log_partition: Array | None,
        target: Array,
        sample_weight: Array | None,
    ) -> float:
        """E for logits whose probabilities A are known; ``backward`` then returns ∂E/∂Z."""
        if log_partition is None:
            log_partition = self.link(Z)[1]
        self._on_logits = True
        self._prediction, self._target = A, target
        return self.reduce(self.logit_values(Z, log_partition, target), sample_weight)

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

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.label_smoothing = check_label_smoothing(label_smoothing)

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

    def link(self, Z: Array) -> tuple[Array, Array]:
        """(σ(z), log(1 + eᶻ))."""
        return functional.sigmoid(Z), functional.softplus(Z)

    def logit_values(self, Z: Array, log_partition: Array, target: Array) -> Array:
        """(1/K) Σ_k [log(1 + e^{z_k}) − y_k z_k]."""
        total = row_sum(log_partition) - row_dot(self.smooth(target, 2), Z)
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

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits)
        self.label_smoothing = check_label_smoothing(label_smoothing)

    def values(self, prediction: Array, target: Array) -> Array:
        """−Σ_k y_k log q_k."""
        Q = prediction / row_sum(prediction)[..., np.newaxis]
        return -row_dot(self.smooth(target, target.shape[-1]), functional.safe_log(Q))

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(Σ_j s_j q_j − s_k) / Σ_j p_j, where s = y ⊙ d(log q)/dq."""
        total = row_sum(prediction)[..., np.newaxis]
        Q = prediction / total
        S = self.smooth(target, target.shape[-1]) * functional.safe_log_slope(Q)
        gradient: Array = row_dot(S, Q)[..., np.newaxis] - S
        gradient /= total
        return gradient

    def link(self, Z: Array) -> tuple[Array, Array]:
        """(softmax(z), log Σ_j e^{z_j})."""
        return functional.softmax(Z)

    def logit_values(self, Z: Array, log_partition: Array, target: Array) -> Array:
        """Σ_k y_k (log Σ_j e^{z_j} − z_k)."""
        Y = self.smooth(target, target.shape[-1])
        return row_sum(Y) * log_partition[..., 0] - row_dot(Y, Z)

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A Σ_j y_j − y."""
        Y = self.smooth(target, target.shape[-1])
        total = row_sum(Y)[..., np.newaxis]  # 1 for one-hot targets
        D = np.multiply(A, total, out=self.buffer("delta", A))
        D -= Y
        return D

    def shape_hint(self, target: Array, output_shape: Shape) -> str:
        """Class indices belong to the sparse loss."""
        if target.shape[1:] == output_shape[:-1] or target.shape[1:] == (*output_shape[:-1], 1):
            return "class indices need loss='sparse_categorical_crossentropy'."
        return super().shape_hint(target, output_shape)


class SparseCategoricalCrossentropy(CrossEntropy):
    """Cross-entropy of one of K classes; targets are class indices c in 0 … K − 1.

        ℓ = −log q_c   with q = p / Σ_j p_j,       ∂ℓ/∂p_k = (1 − [k = c] / q_c) / Σ_j p_j

    and by the logits z, where p = softmax(z): ℓ = log Σ_j e^{z_j} − z_c, ∂ℓ/∂z_k = p_k − [k = c].
    The same numbers as ``CategoricalCrossentropy`` on one-hot targets, without making them.
    """

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Class indices as integers, shape ``(N,)``.

        Raises:
            ShapeError: They are not one integer a sample.
            ValueError: An index is negative, K or more, or not whole.
        """
        target = np.asarray(target)
        n_classes = output_shape[-1]
        if target.shape[1:] == (*output_shape[:-1], 1):
            target = target[..., 0]  # (N, 1) -> (N,)
        if target.ndim == 0 or target.shape[1:] != output_shape[:-1]:
            hint = ""
            if target.shape[1:] == output_shape:
                hint = ": one-hot targets need loss='categorical_crossentropy'"
            raise ShapeError(
                f"{self}: targets must be class indices, one for each sample, but their shape is "
                f"{target.shape}{hint}."
            )
        if n_classes == 1:
            raise ShapeError(
                f"{self}: the model has one output, but it needs one for each class: use two "
                f"outputs and a Softmax(), or a Sigmoid() with loss='binary_crossentropy'."
            )
        if target.dtype.kind not in "fiub":
            raise TypeError(
                f"{self}: targets must be class indices, but their dtype is {target.dtype}: "
                f"number the classes, for example with np.unique(y, return_inverse=True)."
            )
        if target.dtype.kind == "f" and not np.array_equal(target, np.floor(target)):
            raise ValueError(f"{self}: class indices must be whole numbers.")
        if target.size and (target.min() < 0 or target.max() >= n_classes):
            wrong = target.flat[np.flatnonzero((target < 0) | (target >= n_classes))[0]]
            raise ValueError(
                f"{self}: class indices run from 0 to {n_classes - 1} for {n_classes} outputs, but "
                f"the targets hold {wrong}: number the classes from 0, or give the last layer more "
                f"units."
            )
        return target.astype(np.intp, copy=False)

    def at_target(self, P: Array, target: Array) -> tuple[Array, Array]:
        """The flat index of every sample's own class in P, and P as a flat view."""
        flat = P.reshape(-1)
        index = np.arange(0, flat.size, P.shape[-1])
        index += target.reshape(-1)
        return index, flat

    def values(self, prediction: Array, target: Array) -> Array:
        """−log q_c."""
        index, flat = self.at_target(prediction, target)
        Q = flat[index].reshape(target.shape) / row_sum(prediction)
        return -functional.safe_log(Q)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(s q_c − s [k = c]) / Σ_j p_j, where s = d(log q)/dq at q_c."""
        total = row_sum(prediction)[..., np.newaxis]
        index, flat = self.at_target(prediction, target)
        q = flat[index].reshape(total.shape) / total
        s = functional.safe_log_slope(q)
        D = np.zeros(prediction.shape, prediction.dtype)
        D += s * q
        D.reshape(-1)[index] -= s.reshape(-1)
        D /= total
        return D

    def link(self, Z: Array) -> tuple[Array, Array]:
        """(softmax(z), log Σ_j e^{z_j})."""
        return functional.softmax(Z)

    def logit_values(self, Z: Array, log_partition: Array, target: Array) -> Array:
        """Log Σ_j e^{z_j} − z_c."""
        index, flat = self.at_target(Z, target)
        return log_partition[..., 0] - flat[index].reshape(target.shape)

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A − [k = c]."""
        D = self.buffer("delta", A)
        np.copyto(D, A)
        index, flat = self.at_target(D, target)
        flat[index] -= 1
        return D


def check_label_smoothing(a: float) -> float:
    """The value as a float.

    Raises:
        ValueError: It is not a number in [0, 1).
    """
    if not isinstance(a, int | float | np.number) or not 0 <= a < 1:
        raise ValueError(f"label_smoothing must be 0 or more and below 1, but it is {a!r}.")
    return float(a)
