"""What the cross-entropies share besides their formulas: checks, and remarks for ``explain``."""

from typing import Any

import numpy as np

from backprop.core.own_functions import interval_of
from backprop.core.ranges import are_classes
from backprop.core.types import UNIT, Array, Shape
from backprop.losses.base import Loss
from backprop.losses.helpers import are_indices, as_rows, check_several_outputs

DIVIDED = "The loss divides each row of `{p}` by its sum, as Keras does."

DIVIDED_BY_1 = (
    "The loss divides each row of `{p}` by its sum first, as Keras does; hence the + 1, which "
    "textbooks leave out. Through a softmax it makes no difference."
)

ONE_ANSWER = (
    "for two classes take two outputs and a Softmax(), or one and a Sigmoid() with "
    "loss='binary_crossentropy'."
)
"""What to do about a single output."""

NO_CLASSES = "numbers to be predicted as such take loss='mse' and a single output."
"""What to do about targets that are not whole numbers where classes are wanted."""


class OfProbabilities(Loss):
    """The base of ``CrossEntropy``: which endings of a model go with it, and single outputs.

    Attributes:
        from_logits: Whether predictions are logits; else they are probabilities.
    """

    ending = "Softmax(), or pass from_logits=True to the loss"
    from_logits: Any

    def check_setting(self, name: str) -> None:
        """Refuses to change ``from_logits`` and ``ignore_class``, which ``compile`` goes by."""
        if name in ("from_logits", "ignore_class"):
            raise AttributeError(
                f"{name} of {self} cannot be changed, since compile goes by it: make a new "
                f"{self}({name}=…), and compile."
            )

    def check_ending(self, last: Any) -> None:
        """Refuses outputs that are no probabilities, or that are if logits are expected."""
        super().check_ending(last)
        if self.from_logits and interval_of(last) == UNIT:
            raise ValueError(
                f"{self}(from_logits=True) takes logits, but the model ends with {last}, whose "
                f"outputs lie between 0 and 1: drop one of the two."
            )

    def has_classes(self, target: Array) -> bool:
        """Yes."""
        return True

    def parts(self, prediction: Array, target: Array) -> Array:
        """What each output adds to ℓ, for probabilities or logits."""
        if self.from_logits:
            return self.logit_parts(prediction, target)
        return self.probability_parts(prediction, target)

    def probability_parts(self, prediction: Array, target: Array) -> Array:
        """What each output adds to ℓ for probabilities."""
        return super().parts(prediction, target)

    def logit_parts(self, Z: Array, target: Array) -> Array:
        """What each output adds to ℓ for logits Z."""
        raise NotImplementedError(f"{type(self).__name__} must define logit_parts(Z, target).")


class OneHotTargets(Loss):
    """Targets of ``CategoricalCrossentropy``: a row of shares for each sample."""

    instead_of_one = ONE_ANSWER

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets between 0 and 1; refuses a single output, which would always be right."""
        target = super().check_target(target, output_shape, dtype)
        check_several_outputs(self, output_shape)
        return check_shares(target, self)

    def shape_hint(self, target: Array, output_shape: Shape) -> str:
        """Class indices belong to the sparse loss, or are made rows; other numbers are neither."""
        if are_indices(target, output_shape):
            numbers = target[np.isfinite(target)]
            if (numbers != np.floor(numbers)).any():
                return NO_CLASSES
            rows, sparse = as_rows(target, output_shape), "loss='sparse_categorical_crossentropy'"
            if not rows:
                several = f"more than {output_shape[-1]} classes need more outputs"
                return f"{several}, and {sparse}; {NO_CLASSES}"
            if are_classes(numbers, output_shape[-1]):
                return f"class indices need {sparse}, or rows, {rows}."
            return f"of these classes {rows} makes rows."
        return super().shape_hint(target, output_shape)


def check_shares(target: Array, loss: Any) -> Array:
    """The targets, if they lie between 0 and 1.

    Raises:
        ValueError: One does not.
    """
    if target.size and (target.min() < 0 or target.max() > 1):
        advice, values = "numbers to be predicted as such take loss='mse'", np.unique(target)
        if len(values) == 2 or values.max() == -1:
            wrong = [f"{k} for {value:g}" for k, value in enumerate(values) if value != k]
            advice = f"write {' and '.join(wrong)}"
        elif (values == np.floor(values)).all():
            advice = (
                "for classes take an output for each, Softmax() and "
                "loss='sparse_categorical_crossentropy'"
            )
        if target[0].size > 1 and target.min() >= 0:  # the pixels of an autoencoder
            advice = (
                "divide by the largest number that there may be, 255 of images, or if they number "
                "classes take loss='sparse_categorical_crossentropy'"
            )
        elif has_marks(target) and (target.shape[-1] == 1 or loss.weighs_outputs()):
            advice = (
                "where -1 marks an answer that is not known, write 0 and give it the weight 0, "
                "np.maximum(y, 0) with sample_weight=np.greater_equal(y, 0)"
            )
        elif target.shape[-1] > 1 and (abs(target) != 1).any():
            advice = (
                "numbers to be predicted as such take loss='mse', and a factor for each sample "
                "goes into sample_weight, which must not be negative"
            )
        raise ValueError(
            f"{loss}: targets are probabilities or 0 and 1, but they run from {target.min():.4g} "
            f"to {target.max():.4g}: {advice}."
        )
    return target


def has_marks(target: Array) -> bool:
    """Whether samples hold 0, 1 and −1, which marks what is missing: no one-hot rows."""
    several = np.count_nonzero(target, axis=-1) != 1
    found = (target == 0).any() and np.isin(target, (-1, 0, 1)).all()
    return bool(target[0].size > 1 and found and several.any())
