"""The cross-entropy for class indices."""

import math
from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.array_errors import numbering
from backprop.core.checks import check_integer
from backprop.core.errors import ShapeError
from backprop.core.lookup import takes
from backprop.core.ranges import check_finite
from backprop.core.types import Array, Shape, as_array
from backprop.losses.cross_entropy import CrossEntropy, Partition, partition_terms
from backprop.losses.formula import Formula
from backprop.losses.helpers import (
    at_each_step,
    check_several_outputs,
    extra_axes,
    show_shape,
    weighted_steps,
)
from backprop.losses.probabilities import DIVIDED, DIVIDED_BY_1, NO_CLASSES, ONE_ANSWER


class SparseCategoricalCrossentropy(CrossEntropy):
    """Cross-entropy of one of K classes; targets are class indices c in 0 … K − 1.

        ℓ = −log q_c   with q = p / Σ_j p_j,       ∂ℓ/∂p_k = (1 − [k = c] / q_c) / Σ_j p_j

    and by the logits z, where p = softmax(z): ℓ = log Σ_j e^{z_j} − z_c, ∂ℓ/∂z_k = p_k − [k = c].
    The numbers are those of ``CategoricalCrossentropy`` on one-hot targets, which are never made.

    Args:
        from_logits: Whether predictions are logits; else they are probabilities.
        ignore_class: A target, such as −1 or 255, that says that there is none: E is then the mean
            over the others of the batch, as in Keras, and over those that no mask hides.

    Example:
        >>> loss = bp.losses.SparseCategoricalCrossentropy()
        >>> round(loss.forward(np.array([[0.25, 0.75]]), np.array([0])), 4)  # −log ¼
        1.3863
    """

    link = "softmax"
    outputs = "classes"
    instead_of_one = ONE_ANSWER
    formula = Formula(
        "(−[k = c] ln q{i})",
        "(1 − [k = c]/q_c) / Σ_j {p}_j",
        definition="q = {p} / Σ_j {p}_j",
        remark=DIVIDED,
        normalised=Formula("(−[k = c] ln {p}{i})", "−[k = c]/{p}_c + 1", remark=DIVIDED_BY_1),
    )
    logit_formula = Formula(
        "[k = c] (ln Σ_j exp({p}_j) − {p}{i})", "{a}_k − [k = c]", activation="softmax"
    )
    _known: Any = None  # whether a target is not the ignored one
    _shown: Any = (None, None)  # the last weights of padded sequences, and their mask
    _index: Any = None  # where in the flat logits the samples' own classes stand

    def __init__(self, from_logits: bool = False, ignore_class: int | None = None) -> None:
        super().__init__(from_logits)
        if ignore_class is not None:
            ignore_class = check_integer(ignore_class, "ignore_class", -math.inf)
        self.ignore_class = ignore_class

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Class indices as integers, shape ``(N,)``.

        Raises:
            ShapeError: They are not one integer a sample, or there is one output alone.
            ValueError: An index is negative, K or more, or not whole.
        """
        target = np.asarray(target)
        n_classes = output_shape[-1]
        if target.shape[1:] == (*output_shape[:-1], 1):
            target = target[..., 0]  # (N, 1) -> (N,)
        if target.ndim == 0 or target.shape[1:] != output_shape[:-1]:
            hint = extra_axes(target, output_shape)
            if hint and target.ndim == 1:
                raise ShapeError(
                    f"{self}: the targets, of shape {target.shape}, have a class for each sample, "
                    f"but the predictions have the shape {show_shape(output_shape)}, for {hint}"
                )
            if hint:
                hint = f"the predictions have the shape {show_shape(output_shape)}, for {hint}"
            indices = target.ndim > 2 and target.shape[-1] == 1  # (N, T, 1): with an axis of one
            if target.shape[1:] == output_shape:
                hint = rows_hint(target)
            elif not hint and target.ndim > len(output_shape) + 1:
                hint = at_each_step(target.shape[1])
            elif not hint and not indices and target.ndim == len(output_shape) + 1:
                hint = (
                    f"one-hot targets need an output for each of their {target.shape[-1]} classes "
                    f"and loss='categorical_crossentropy', or pass np.argmax(y, axis=-1)."
                )
                if target.ndim == 2 and target.dtype.kind in "fiu":
                    one_hot = np.isclose(target.sum(axis=-1), 1).all()
                    hint = hint if one_hot else at_each_step(target.shape[1])
            elif not hint and len(output_shape) > 1:
                hint = f"outputs {show_shape(output_shape)} need {show_shape(output_shape[:-1])}."
            raise ShapeError(
                f"{self}: targets must be class indices, one for each sample, but their shape is "
                f"{target.shape}{': ' if hint else '.'}{hint}"
            )
        check_several_outputs(self, output_shape)
        if target.dtype.kind not in "fiub":
            raise TypeError(
                f"{self}: targets must be class indices, but their dtype is {target.dtype}: "
                f"number the classes, for example with {numbering(target, 'y')}."
            )
        check_finite(target, f"{self}: the targets hold")
        if target.dtype.kind == "f" and not np.array_equal(target, np.floor(target)):
            wrong = target.flat[np.flatnonzero(target != np.floor(target))[0]]
            raise ValueError(
                f"{self}: class indices must be whole numbers, but the targets hold {wrong:g}: "
                f"{NO_CLASSES}"
            )
        unknown = (target < 0) | (target >= n_classes)
        if self.ignore_class is not None:
            unknown &= target != self.ignore_class
        if unknown.any():
            wrong = target.flat[np.flatnonzero(unknown)[0]]
            instead = "give the last layer more units"
            alone = wrong > n_classes and (target[unknown] == wrong).all()  # 255 in masks of images
            if (wrong < 0 or alone) and not takes(type(self), "ignore_class"):
                instead = "where it marks what is not to count, write 0 and the sample_weight 0"
            elif wrong < 0 or alone:
                instead = (
                    f"if it marks what is not to count, pass ignore_class={wrong:g} to the loss"
                )
            raise ValueError(
                f"{self}: class indices run from 0 to {n_classes - 1} for {n_classes} outputs, but "
                f"the targets hold {wrong}: number the classes from 0, or {instead}."
            )
        return target.astype(np.intp, copy=False)

    def at_target(self, P: Array, target: Array) -> tuple[Array, Array]:
        """The flat index of every sample's own class in P, and P as a flat view."""
        out = self.buffer("index", target).reshape(-1)
        return functional.flat_index(P, target.reshape(-1), out), P.reshape(-1)

    def sample_losses(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ; keeps what ``backward`` needs."""
        if not self.from_logits:
            target = self.known(target)
        return super().sample_losses(prediction, target, each)

    def sample_losses_on_logits(
        self, Z: Array, A: Array, partition: Partition, target: Array, each: bool = False
    ) -> Array:
        """ℓ for logits whose probabilities A are known; ``backward`` then returns ∂E/∂Z."""
        return super().sample_losses_on_logits(Z, A, partition, self.known(target), each)

    def known(self, target: Array) -> Array:
        """The targets with class 0 in the place of those that are ignored, whose weight is 0."""
        if self.ignore_class is None:
            return target
        self._known = np.not_equal(target, self.ignore_class)
        return as_array(target * self._known)

    @property
    def ignored(self) -> int | None:
        """``ignore_class``."""
        found: int | None = self.ignore_class
        return found

    @property
    def counted(self) -> Array | None:
        """Where the targets are not those that are ignored."""
        return None if self.ignore_class is None else self._known

    def weigh_steps(self, mask: Array, weight: Array | None, dtype: Any) -> Array:
        """Those of all losses; where targets are ignored w ⊙ m, as the steps are counted later."""
        if self.ignore_class is None:
            return super().weigh_steps(mask, weight, dtype)
        M = weighted_steps(self.shown_steps(mask, dtype), weight)
        self._shown = M, mask
        return M

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; keeps w/N for ``backward``. Of N targets only those count that are not ignored."""
        if self.ignore_class is not None:
            sample_weight = self.weigh_known(values, sample_weight)
        return super().total(values, sample_weight)

    def weigh_known(self, values: Array, weight: Array | None) -> Array:
        """w N / (how many targets are not ignored or hidden); 0 for those that are."""
        W: Array = np.multiply(self._known, np.ones((), values.dtype))
        if weight is not None and weight is self._shown[0]:
            W *= self._shown[1]
        W *= np.divide(values.size, np.maximum(np.add.reduce(W, axis=None), 1))
        if weight is not None:
            W *= self.spread(weight, values)
        return W

    def values(self, prediction: Array, target: Array) -> Array:
        """−log q_c."""
        index, flat = self.at_target(prediction, target)
        Q = flat.take(index, mode="clip").reshape(target.shape) / functional.row_sum(prediction)
        return -functional.safe_log(Q)

    def probability_parts(self, prediction: Array, target: Array) -> Array:
        """−log q_c at the sample's class, 0 at the others."""
        return at_classes(self.values(prediction, target), prediction, target)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(s q_c − s [k = c]) / Σ_j p_j, where s = d(log q)/dq at q_c."""
        total = functional.row_sum(prediction)[..., np.newaxis]
        index, flat = self.at_target(prediction, target)
        q = flat.take(index, mode="clip").reshape(total.shape) / total
        s = functional.safe_log_slope(q)
        D = self.buffer("delta", prediction)
        np.copyto(D, s * q)
        subtract_at(D, index, s.reshape(-1))
        D /= total
        return D

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """log Σ_j e^{z_j − m} + m − z_c."""
        m, rest = partition_terms(partition)
        index, flat = self.at_target(Z, target)
        self._index = index
        values: Array = rest + (m - flat.take(index, mode="clip").reshape(target.shape))
        return values

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """Log Σ_j e^{z_j − m} + m − z_c at the sample's class, 0 at the others."""
        values = self.logit_values(Z, self.probabilities(Z)[1], target)
        return at_classes(values, Z, target)

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """A − [k = c]."""
        D = self.buffer("delta", A)
        np.copyto(D, A)
        subtract_at(D, self._index, 1)  # where logit_values found the classes
        return D


def at_classes(values: Array, like: Array, target: Array) -> Array:
    """Rows ``(N, K)`` with each sample's value at its class, and 0 elsewhere."""
    rows: Array = np.zeros_like(like)
    np.put_along_axis(rows, target[..., np.newaxis], values[..., np.newaxis], axis=-1)
    return rows


def subtract_at(D: Array, index: Array, amount: Array | float) -> None:
    """Subtracts from the elements of D at these flat indices, which all differ."""
    flat = D.reshape(-1)
    flat.put(index, flat.take(index, mode="clip") - amount, mode="clip")


def rows_hint(target: Array) -> str:
    """What to do about a row of targets for each sample, where there should be one class index."""
    if target.dtype.kind in "iufb" and not np.isclose(target.sum(axis=-1), 1).all():
        if np.isin(target, (0, 1)).all():
            return (
                "several classes at once, or none, take Sigmoid() and loss='binary_crossentropy'."
            )
        if not np.isin(target, (-1, 1)).all():
            return "numbers to be predicted as such take loss='mse'."
    return "one-hot targets need loss='categorical_crossentropy', or np.argmax(y, axis=-1)."
