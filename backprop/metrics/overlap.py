"""Metrics on how far regions overlap: intersection over union."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_integer, check_list, check_number
from backprop.core.errors import check_room, said
from backprop.core.ranges import are_classes
from backprop.core.types import Array, Shape
from backprop.metrics.accuracy import check_rows
from backprop.metrics.base import Metric, as_arrays
from backprop.metrics.decisions import are_two_classes, check_answers, has_one_true, rows


class IoU(Metric):
    """Intersection over union of each class, the mean over some classes.

        IoU_k = C_kk / (Σ_j C_kj + Σ_j C_jk − C_kk)

    with C the confusion matrix over all samples (and pixels), weighted. A class that neither occurs
    nor is predicted is left out of the mean. The prediction is the class of the largest output;
    targets are class indices or one-hot rows. Source: Jaccard 1912, "The distribution of the flora
    in the alpine zone".

    Args:
        num_classes: K, the number of outputs.
        target_class_ids: The classes that the mean is over.
        name: Its key in logs and History.
        ignore_class: A target that says that there is none.

    Example:
        >>> metric = bp.metrics.IoU(num_classes=2, target_class_ids=[1])
        >>> metric.update(np.array([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]]), np.array([1, 0, 0]))
        >>> metric.result()  # one of two
        0.5
    """

    better = "larger"
    check_targets = check_rows
    _of_one = "BinaryIoU()"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str = "io_u",
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        self.num_classes = K = check_integer(num_classes, f"{kind}(num_classes)", 2)
        check_room((K, K), f"{kind}(num_classes={K}) counts in an array")
        ids = check_list(target_class_ids, f"{kind}(target_class_ids)")
        ids = [check_integer(k, f"{kind}(target_class_ids)", 0) for k in ids]
        self.target_class_ids = tuple(ids)
        if not ids or max(ids) >= num_classes:
            raise ValueError(
                f"{kind}(target_class_ids) must hold classes from 0 to {num_classes - 1}, but it "
                f"is {said(target_class_ids)}."
            )
        if ignore_class is not None:
            ignore_class = check_integer(ignore_class, f"{kind}(ignore_class)", -math.inf)
        self.ignore_class = ignore_class
        self.reset()

    def setting_changed(self, trial: Any) -> None:
        """Starts anew if there are more classes now, or fewer."""
        if self._counts.shape != trial._counts.shape:
            vars(self)["target_class_ids"] = trial.target_class_ids
            self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self._counts = np.zeros((self.num_classes, self.num_classes))

    def classes(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """The classes predicted and the true ones, of one shape."""
        K = self.num_classes
        c = self.class_indices(prediction, target)
        if prediction.shape[-1] != K:
            raise ValueError(
                f"metric {self.name!r} has num_classes={K}, but the model "
                f"{prediction.shape[-1]} outputs."
            )
        return prediction.argmax(-1), c

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch.

        Raises:
            ValueError: There is no such class.
        """
        K = self.num_classes
        guess, c = self.classes(*as_arrays(prediction, target))
        w = np.ones(c.shape) if sample_weight is None else self.spread(sample_weight, c.shape)
        if self.ignore_class is not None:
            w = w * (c != self.ignore_class)
            c = np.where(c == self.ignore_class, 0, c)
        if not are_classes(c, K):
            raise ValueError(
                f"metric {self.name!r}: classes are whole numbers from 0 to {K - 1}, but the "
                f"targets run from {c.min():g} to {c.max():g}."
            )
        cells = (c.astype(np.intp) * K + guess).reshape(-1)
        self._counts += np.bincount(cells, w.reshape(-1), K * K).reshape(K, K)

    def counts(self) -> Array:
        """C."""
        return self._counts

    def result(self) -> float:
        """The mean; nan if nothing was counted."""
        C = self.counts()
        hits = np.diagonal(C)
        unions = C.sum(axis=0) + C.sum(axis=1) - hits
        ids = list(self.target_class_ids)
        hits, unions = hits[ids], unions[ids]
        there = unions > 0
        return float((hits[there] / unions[there]).mean()) if there.any() else float("nan")


class MeanIoU(IoU):
    """The mean of ``IoU`` over all classes.

    Args:
        num_classes: K, the number of outputs.
        name: Its key in logs and History.
        ignore_class: A target that says that there is none.

    Example:
        >>> metric = bp.metrics.MeanIoU(num_classes=2)
        >>> metric.update(np.array([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]]), np.array([1, 0, 0]))
        >>> metric.result()  # ½ of each class
        0.5
    """

    def __init__(
        self, num_classes: int, name: str = "mean_io_u", ignore_class: int | None = None
    ) -> None:
        kind = type(self).__name__
        num_classes = check_integer(num_classes, f"{kind}(num_classes)", 2)
        check_room((num_classes, num_classes), f"{kind}(num_classes) counts in an array")
        super().__init__(num_classes, range(num_classes), name, ignore_class)


class OneHotIoU(IoU):
    """``IoU`` under Keras's name for targets that are one-hot rows.

    Example:
        >>> metric = bp.metrics.OneHotIoU(num_classes=2, target_class_ids=[1])
        >>> metric.update(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([[0, 1], [1, 0]]))
        >>> metric.result()
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str = "one_hot_io_u",
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, ignore_class)


class OneHotMeanIoU(MeanIoU):
    """``MeanIoU`` under Keras's name for targets that are one-hot rows.

    Example:
        >>> metric = bp.metrics.OneHotMeanIoU(num_classes=2)
        >>> metric.update(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([[0, 1], [1, 0]]))
        >>> metric.result()
        1.0
    """

    def __init__(
        self, num_classes: int, name: str = "one_hot_mean_io_u", ignore_class: int | None = None
    ) -> None:
        super().__init__(num_classes, name, ignore_class)


class BinaryIoU(IoU):
    """``IoU`` of yes/no answers: class 1 is what an output of at least the threshold means.

    Of a model with the two classes of one question as outputs that is what the second one says.

    Args:
        target_class_ids: The classes that the mean is over, of 0 and 1.
        threshold: From it on an output means yes; 0 for a model that ends in logits.
        name: Its key in logs and History.

    Example:
        >>> metric = bp.metrics.BinaryIoU(target_class_ids=[1])
        >>> metric.update(np.array([[0.9], [0.8], [0.3]]), np.array([[1], [0], [0]]))
        >>> metric.result()
        0.5
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str = "binary_io_u",
    ) -> None:
        super().__init__(2, target_class_ids, name)
        self.threshold = check_number(threshold, "BinaryIoU(threshold)", -math.inf)

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        self._second = np.zeros((2, 2))  # the counts of the second of two outputs
        self._one_true, self._width = True, 1

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        P, Y = as_arrays(prediction, target)
        if P.shape[-1:] != (2,):  # classes of more outputs are no answers
            P, Y = self.paired(P, Y)
        check_answers(self, P, self.threshold)
        P, T, w = rows(self, P, Y, sample_weight)
        w = np.ones(P.shape) if w is None else w
        self._one_true = self._one_true and has_one_true(T, w)
        cells = 2 * T + (self.threshold <= P)
        self._counts += np.bincount(cells.reshape(-1), w.reshape(-1), 4).reshape(2, 2)
        self._second += np.bincount(cells[:, -1], w[:, -1], 4).reshape(2, 2)
        self._width = P.shape[-1]

    def counts(self) -> Array:
        """The confusion matrix: of all outputs, or of the second of two classes."""
        two = are_two_classes(self, self._width, self._one_true)
        return self._second if two else self._counts

    def check_targets(self, output_shape: Shape, target: Array) -> None:
        """Takes any: every target is the answer to a question of its own."""
