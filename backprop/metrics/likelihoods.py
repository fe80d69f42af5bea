"""Metrics that are losses too: cross-entropies, divergence, counts, and the hinges."""

import math

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_flag, check_integer, check_number
from backprop.core.types import Array
from backprop.metrics.accuracy import check_rows
from backprop.metrics.base import MeanMetric, as_arrays
from backprop.metrics.decisions import check_by_hand, check_order
from backprop.metrics.errors import EPSILON, paired, several


class OfProbabilities(MeanMetric):
    """The base of those that take probabilities: some of them logits, if they are told so."""

    better = "smaller"
    check_by_hand = check_order

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        if self._tried is None and not getattr(self, "from_logits", False):  # it is used by hand
            self.check_by_hand(*as_arrays(prediction, target))
        super().update(prediction, target, sample_weight)

    def try_on(self, prediction: Array, target: Array) -> None:
        """Checks the first predictions before a step changes a weight."""
        if not getattr(self, "from_logits", False):
            probabilities(self, prediction)


class BinaryCrossentropy(OfProbabilities):
    """−log of the probability given to what came true, the mean over K yes/no answers.

    Args:
        name: Its key in logs and History.
        from_logits: Whether predictions are logits; else they are probabilities.
        label_smoothing: The share of every label that is spread over all classes.

    Example:
        >>> metric = bp.metrics.BinaryCrossentropy()
        >>> metric.update(np.array([[0.5]]), np.array([[1.0]]))
        >>> round(metric.result(), 4)  # −log ½
        0.6931
    """

    check_by_hand = check_by_hand

    def __init__(
        self,
        name: str = "binary_crossentropy",
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name)
        self.from_logits = check_flag(from_logits, "from_logits")
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)

    def values(self, prediction: Array, target: Array) -> Array:
        """−y log p − (1 − y) log(1 − p), or log(1 + e^z) − y z."""
        P, Y = paired(self, prediction, target)
        Y = Y * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.from_logits:
            return functional.softplus(P) - Y * P
        P = probabilities(self, P)
        return -Y * functional.safe_log(P) - (1 - Y) * functional.safe_log(1 - P)


class CategoricalCrossentropy(OfProbabilities):
    """−log of the probability given to the class that came true, for one-hot rows.

    The arguments are those of ``BinaryCrossentropy``.

    Example:
        >>> metric = bp.metrics.CategoricalCrossentropy()
        >>> metric.update(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        >>> round(metric.result(), 4)  # −log ¼
        1.3863
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name)
        self.from_logits = check_flag(from_logits, "from_logits")
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", below=1)

    def values(self, prediction: Array, target: Array) -> Array:
        """−Σ_k y_k log q_k, where q is p / Σ_j p_j or softmax(z)."""
        P, Y = several(self, *paired(self, prediction, target), "'binary_crossentropy'")
        Y = Y * (1 - self.label_smoothing) + self.label_smoothing / Y.shape[-1]
        return np.asarray(-np.vecdot(Y, log_shares(self, P, self.from_logits)))


class SparseCategoricalCrossentropy(OfProbabilities):
    """−log of the probability given to the class that came true, for class indices.

    Args:
        name: Its key in logs and History.
        from_logits: Whether predictions are logits; else they are probabilities.
        ignore_class: A target that says that there is none: the mean is over the others, as it is
            in the loss. (Keras counts them as 0 in the mean, unless there are weights.)

    Example:
        >>> metric = bp.metrics.SparseCategoricalCrossentropy(from_logits=True)
        >>> metric.update(np.array([[0.0, np.log(3)]]), np.array([0]))
        >>> round(metric.result(), 4)  # −log ¼
        1.3863
    """

    check_targets = check_rows
    _of_one = "'binary_crossentropy'"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        from_logits: bool = False,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name)
        self.from_logits = check_flag(from_logits, "from_logits")
        if ignore_class is not None:
            ignore_class = check_integer(ignore_class, "ignore_class", -math.inf)
        self.ignore_class = ignore_class

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        if self.ignore_class is None:
            super().update(prediction, target, sample_weight)
            return
        P, Y = as_arrays(prediction, target)
        c = self.class_indices(P, Y)
        known = c != self.ignore_class
        w = 1.0 if sample_weight is None else self.spread(sample_weight, c.shape)
        self.add(self.values(P, np.where(known, c, 0)), known * w)

    def values(self, prediction: Array, target: Array) -> Array:
        """−log q_c, where q is p / Σ_j p_j or softmax(z)."""
        c = self.checked_class_indices(prediction, target)[..., np.newaxis]
        L = log_shares(self, prediction.astype(np.float64), self.from_logits)
        return np.asarray(-np.take_along_axis(L, c, axis=-1)[..., 0])


class KLDivergence(OfProbabilities):
    """Kullback–Leibler divergence of the predicted distribution p from the target's y.

    Example:
        >>> metric = bp.metrics.KLDivergence()
        >>> metric.update(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))
        >>> round(metric.result(), 4)
        0.0
    """

    def __init__(self, name: str = "kl_divergence") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """Σ_k y_k log(y_k / p_k), where y counts as 10⁻⁷ at least."""
        P, Y = several(self, *paired(self, prediction, target), "'binary_crossentropy'")
        Y = np.maximum(Y, EPSILON)
        return np.asarray(np.vecdot(Y, np.log(Y) - functional.safe_log(probabilities(self, P))))


class Poisson(MeanMetric):
    """−log-likelihood of counts y at rates ŷ, without the constant log y!.

    Example:
        >>> metric = bp.metrics.Poisson()
        >>> metric.update(np.array([[1.0], [2.0]]), np.array([[5.0], [0.0]]))
        >>> round(metric.result(), 4)  # ½ (1 − 5 log 1 + 2)
        1.5
    """

    better = "smaller"

    def __init__(self, name: str = "poisson") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """ŷ − y log(ŷ + 10⁻⁷)."""
        P, Y = paired(self, prediction, target)
        return np.asarray(P - Y * np.log(P + EPSILON))

    def try_on(self, prediction: Array, target: Array) -> None:
        """Checks the first predictions before a step changes a weight."""
        if prediction.size and prediction.min() < 0:
            raise ValueError(
                f"metric {self.name!r} takes rates from 0 on, but there is an output of "
                f"{prediction.min():.4g}: end the model with Exponential() or Softplus()."
            )


class Hinge(MeanMetric):
    """The mean of max(1 − t ŷ, 0); targets −1/+1, or 0/1 where 0 stands for t = −1.

    Example:
        >>> metric = bp.metrics.Hinge()
        >>> metric.update(np.array([[0.25], [3.0]]), np.array([[1], [1]]))
        >>> metric.result()  # ½ (¾ + 0)
        0.375
    """

    better = "smaller"

    def __init__(self, name: str = "hinge") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """max(1 − t ŷ, 0)."""
        P, Y = paired(self, prediction, target)
        return np.asarray(np.maximum(1 - (Y - (Y == 0)) * P, 0))


class SquaredHinge(Hinge):
    """The mean of max(1 − t ŷ, 0)²; targets as for ``Hinge``.

    Example:
        >>> metric = bp.metrics.SquaredHinge()
        >>> metric.update(np.array([[-1.0]]), np.array([[1]]))
        >>> metric.result()
        4.0
    """

    def __init__(self, name: str = "squared_hinge") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """max(1 − t ŷ, 0)²."""
        return np.asarray(np.square(super().values(prediction, target)))


class CategoricalHinge(MeanMetric):
    """The mean of max(1 + max_k (1 − y_k) ŷ_k − Σ_k y_k ŷ_k, 0), for one-hot rows.

    Example:
        >>> metric = bp.metrics.CategoricalHinge()
        >>> metric.update(np.array([[1.0, 1.5]]), np.array([[0, 1]]))
        >>> metric.result()  # 1 + 1 − 1.5
        0.5
    """

    better = "smaller"

    def __init__(self, name: str = "categorical_hinge") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """What is missing to a margin of 1 before the other classes."""
        P, Y = several(self, *paired(self, prediction, target), "'hinge'")
        others = np.max((1 - Y) * P, axis=-1)
        return np.asarray(np.maximum(1 + others - np.vecdot(Y, P), 0))


def probabilities(metric: MeanMetric, P: Array) -> Array:
    """P, if they may be probabilities.

    Raises:
        ValueError: They are not.
    """
    if P.size and not (P.min() >= 0 and P.max() <= 1.0001):
        raise ValueError(
            f"metric {metric.name!r}: predictions must be probabilities between 0 and 1, but they "
            f"run from {P.min():.4g} to {P.max():.4g}: end the model with a Softmax() or a "
            f"Sigmoid(), or pass from_logits=True to the metric."
        )
    return P


def log_shares(metric: MeanMetric, P: Array, from_logits: bool) -> Array:
    """log of p / Σ_j p_j, or of softmax(z)."""
    if from_logits:
        m, S = functional.softmax(P)[1]
        return np.asarray(P - m - np.log(S))
    P = probabilities(metric, P)
    return functional.safe_log(P / P.sum(axis=-1, keepdims=True))
