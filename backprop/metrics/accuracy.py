"""Accuracies: the share of predictions that are right."""

import math

import numpy as np

from backprop.core.checks import check_integer, check_number
from backprop.core.types import Array, Shape
from backprop.metrics.base import MeanMetric, Metric, as_arrays
from backprop.metrics.decisions import check_answers, check_by_hand


def check_rows(metric: Metric, output_shape: Shape, target: Array) -> None:
    """Checks that targets in rows name one class each.

    Raises:
        ValueError: One does not.
    """
    if output_shape[-1] > 1 and target.shape[1:] == output_shape:
        metric.largest(target)


class GuessMetric(MeanMetric):
    """An accuracy that can be given the guesses, if a matched head has found them already."""

    better = "larger"

    def update_guesses(self, guess: Array, target: Array) -> None:
        """Counts a batch by the classes guessed, ``(N,)``; the targets may be one-hot rows."""
        self.count(guess == (target if target.shape == guess.shape else target.argmax(-1)))

    def count(self, hits: Array) -> None:
        """Counts the right ones, in the way that is quickest for the few samples of a step."""
        self._total += hits.tobytes().count(1)
        self._weight += hits.size


class Accuracy(GuessMetric):
    """The share of correct predictions; what is correct follows from the loss and the shapes.

    - one output: the target's side of the threshold was hit (binary),
    - K outputs that answer K questions, after a binary cross-entropy: so each of them (binary),
    - K outputs and one-hot targets: the largest output is the largest target (categorical),
    - K outputs and class indices: the largest output is at that index (sparse categorical).

    This is as in Keras, except for the second case, where Keras compares the largest outputs.

    Of equal outputs the first one counts. In the training of a model that ends in a softmax the
    logits are compared, which tells apart probabilities that are rounded to the same number.

    Args:
        name: Its key in logs and History.
        threshold: Above it an output that is an answer means yes; 0 for a model that ends in
            logits.

    Example:
        >>> metric = bp.metrics.Accuracy()
        >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        >>> metric.update(np.array([[0.3, 0.7], [0.6, 0.4]]), np.array([1, 0]))
        >>> metric.result()  # three of four
        0.75
    """

    def __init__(self, name: str = "accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, f"{type(self).__name__}(threshold)", -math.inf)

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts the right ones of a batch."""
        prediction, target = as_arrays(prediction, target)
        shape = prediction.shape
        if shape[-1] == 1 or len(shape) == 1 or self.outputs == "answers":
            if target.shape != shape:
                prediction, target = self.paired(prediction, target)
            check_answers(self, prediction, self.threshold)
            check_by_hand(self, prediction, target)
            hits = (prediction > self.threshold) == (target > 0.5)
        else:
            guess = prediction.argmax(-1)
            if target.shape != guess.shape:
                one_hot = target.shape == shape
                target = self.largest(target) if one_hot else self.class_indices(prediction, target)
            hits = guess == target
        if sample_weight is not None:
            self.add(hits, sample_weight)
        else:
            self.count(hits)

    def check_targets(self, output_shape: Shape, target: Array) -> None:
        """Looks for rows that are not those of one class, if each is to have one."""
        if self.outputs != "answers":
            check_rows(self, output_shape, target)


class BinaryAccuracy(MeanMetric):
    """The share of outputs on the target's side of the threshold: K yes/no answers a sample.

    Args:
        name: Its key in logs and History.
        threshold: Above it an output means yes; 0 for a model that ends in logits.

    Example:
        >>> metric = bp.metrics.BinaryAccuracy(threshold=0.6)
        >>> metric.update(np.array([[0.55], [0.9]]), np.array([[0], [1]]))
        >>> metric.result()
        1.0
    """

    better = "larger"

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, f"{type(self).__name__}(threshold)", -math.inf)

    def values(self, prediction: Array, target: Array) -> Array:
        """Whether each output is right."""
        prediction, target = self.paired(prediction, target)
        check_answers(self, prediction, self.threshold)
        check_by_hand(self, prediction, target)
        hits: Array = (prediction > self.threshold) == (target > 0.5)
        return hits


class CategoricalAccuracy(GuessMetric):
    """The share of samples whose largest output is that of their class, of two or more.

    Example:
        >>> metric = bp.metrics.CategoricalAccuracy()
        >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([[0, 1], [0, 1]]))
        >>> metric.result()
        0.5
    """

    check_targets = check_rows

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(name)

    def values(self, prediction: Array, target: Array) -> Array:
        """Whether each prediction is right, for one-hot rows or class indices."""
        hits: Array = prediction.argmax(-1) == self.class_indices(prediction, target)
        return hits


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """``CategoricalAccuracy`` by the name that Keras gives it for class indices.

    Example:
        >>> metric = bp.metrics.SparseCategoricalAccuracy()
        >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        >>> metric.result()
        0.5
    """

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(name)


class TopKCategoricalAccuracy(MeanMetric):
    """The share of samples whose class is among the k largest outputs.

    A class is among them if fewer than k outputs are larger than its own: ties count in its favour.
    The targets may be one-hot rows or class indices.

    Args:
        k: How many guesses a prediction has.
        name: Its key in logs and History.

    Raises:
        ValueError: k is not a positive integer; and in use, that of K outputs all are guesses.

    Example:
        >>> metric = bp.metrics.TopKCategoricalAccuracy(k=2)
        >>> metric.update(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]))
        >>> metric.result()  # the second largest counts, the third does not
        0.5
    """

    better = "larger"
    check_targets = check_rows
    not_taken = {"top_k": "the name is k"}

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy") -> None:
        super().__init__(name)
        self.k = check_integer(k, f"{type(self).__name__}(k)")

    def values(self, prediction: Array, target: Array) -> Array:
        """Whether each class is among the first k."""
        n_classes = prediction.shape[-1]
        if 1 < n_classes <= self.k:
            raise ValueError(
                f"metric {self.name!r} has k={self.k} guesses and the model {n_classes} outputs, "
                f"so that it is always 1: pass {type(self).__name__}(k) with a smaller k."
            )
        c = self.checked_class_indices(prediction, target)[..., np.newaxis]
        # p > p_c fails for nan too: "not larger" is counted, so that nan is never a hit
        not_larger = prediction <= np.take_along_axis(prediction, c, axis=-1)
        return np.asarray(np.count_nonzero(not_larger, axis=-1) > n_classes - self.k)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """``TopKCategoricalAccuracy`` by the name that Keras gives it for class indices.

    Example:
        >>> metric = bp.metrics.SparseTopKCategoricalAccuracy(k=2)
        >>> metric.update(np.array([[0.5, 0.3, 0.2]]), np.array([1]))
        >>> metric.result()
        1.0
    """

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy") -> None:
        super().__init__(k, name)
