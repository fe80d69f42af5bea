"""Metrics on decisions: precision and recall, and the base of the F-scores."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from backprop.core.checks import (
    check_choice,
    check_integer,
    check_list,
    check_number,
    is_row,
)
from backprop.core.types import Array, Shape
from backprop.metrics.base import Metric
from backprop.metrics.decisions import (
    are_two_classes,
    check_answers,
    check_class_id,
    has_one_true,
    rows,
)
from backprop.metrics.shapes import check_width

AVERAGES = ("auto", "micro", "macro", "weighted")


class DecisionMetric(Metric):
    """The base of precision, recall and the F-scores: a ratio of counts over all samples.

    For each class k it counts, with the samples' weights,

        hits_k    samples of the class that were chosen for it
        chosen_k  samples that were chosen for it
        true_k    samples of the class
        n_k       all samples

    and a subclass writes ``ratio``, the score's numerator and denominator. Targets are 0/1 for each
    output (−1/1 will do), or class indices.

    Two outputs of which exactly one is true in every sample are the two classes of one question:
    after a categorical loss, with class indices, or if all rows of the targets are such. Unless
    ``average`` says otherwise the score is then that of class 1, as scikit-learn's is. After a loss
    on class scores (logits) ½ would mean nothing: without thresholds the largest output is chosen.

    Args:
        name: Its key in logs and History.
        thresholds: Every output above it is chosen, each for itself; of a list the result is a list
            too. None is ½, or any number if ``top_k`` is given; in a class whose argument is called
            ``threshold`` it chooses the largest of K classes, and every answer above ½.
        class_id: The class whose score it is; None leaves it to ``average``.
        average: How the classes' scores become one: ``"micro"`` adds up the counts of all classes
            first, ``"macro"`` takes the mean of the scores, ``"weighted"`` the mean with weights
            true_k; ``"auto"`` is class 1 of two classes, and else the subclass's ``usual_average``;
            None, where a subclass takes it, gives a list with the score of each class.
        top_k: How many of the largest outputs are chosen, if they are above the threshold, should
            there be one. None leaves it to the threshold.

    Raises:
        ValueError: The average is none of these.
    """

    better: Literal["larger", "smaller"] = "larger"
    usual_average = "micro"
    by_class = False  # whether average may be None, and thresholds is one threshold
    not_taken = {
        "threshold": "the name is thresholds, and of K outputs top_k=1 takes the largest",
        "thresholds": "the name is threshold, and it is one number",
    }

    def __init__(
        self,
        name: str,
        thresholds: float | Sequence[float] | None,
        class_id: int | None,
        average: str | None = "auto",
        top_k: int | None = None,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        if top_k is not None:
            top_k = check_integer(top_k, f"{kind}(top_k)")
        argument = f"{kind}(threshold{'s' * (not self.by_class)})"
        if is_row(thresholds) and not self.by_class:
            each = check_list(thresholds, argument)
            thresholds = tuple(check_number(t, argument, -math.inf) for t in each)
            if not thresholds:
                raise ValueError(f"{argument} must hold a threshold, but it is empty.")
        elif thresholds is not None:
            thresholds = check_number(thresholds, argument, -math.inf)
        if class_id is not None:
            class_id = check_integer(class_id, f"{kind}(class_id)", 0)
        self._thresholds = thresholds
        self.class_id = class_id
        self.top_k = top_k
        if average is not None or not self.by_class:
            hint = ": use class_id for the score of one class"
            average = check_choice(average, f"{kind}(average)", AVERAGES, hint)
        self.average = average
        self.several = average is None or isinstance(thresholds, tuple)
        self.reset()

    def setting_changed(self, trial: Any) -> None:
        """Takes another threshold or average from now on."""
        self._thresholds, self.several = trial._thresholds, trial.several

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """The numerators and denominators of the classes' scores."""
        raise NotImplementedError(
            f"{type(self).__name__} must define ratio(hits, chosen, true, n)."
        )

    def reset(self) -> None:
        """Starts anew."""
        self._counts: Array | None = None  # (thresholds, 4, K)
        self._one_true = True  # in every sample so far

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        P, T, w = rows(self, prediction, target, sample_weight)
        check_width(self.name, None if self._counts is None else self._counts.shape[-1], P.shape[1])
        check_class_id(self, self.class_id, P.shape[1])
        if P.shape[1] == 1:
            check_answers(self, P, self._thresholds)
        one_true = has_one_true(T, w)
        if self.chooses_largest(P.shape[1]):
            self._check_one_true(one_true)
        self._one_true = self._one_true and one_true
        counts = np.stack([tally(chosen, T, w) for chosen in self._choices(P)])
        self._counts = counts if self._counts is None else self._counts + counts

    def _choices(self, P: Array) -> list[Array]:
        """Which outputs are chosen, by each of the thresholds."""
        among: Any = True
        if self.top_k is not None:
            K = P.shape[1]
            if self.top_k >= K and self._thresholds is None:
                advice = "pass a smaller top_k, or thresholds" if K > 1 else "leave it out"
                raise ValueError(
                    f"metric {self.name!r} has top_k={self.top_k}, and the model {K} "
                    f"output{'s' * (K > 1)}, so that all of them are chosen: {advice}."
                )
            largest = np.argsort(-P, axis=1, kind="stable")[:, : self.top_k]
            among = (largest[..., np.newaxis] == np.arange(P.shape[1])).any(axis=1)
        if self.chooses_largest(P.shape[1]):
            return [P.argmax(-1)[:, np.newaxis] == np.arange(P.shape[1])]
        if self._thresholds is None:
            return [among if self.top_k is not None else np.greater(P, 0.5)]
        one = not isinstance(self._thresholds, tuple)
        limits: Any = (self._thresholds,) if one else self._thresholds
        return [np.greater(P, t) & among for t in limits]

    def chooses_largest(self, n_outputs: int) -> bool:
        """Whether of so many outputs the largest is chosen, as no threshold is given."""
        if self.top_k is not None:
            return False
        unsaid = self._thresholds is None
        by_class = self.by_class and self.outputs != "answers"
        return n_outputs > 1 and unsaid and (by_class or self.outputs == "scores")

    def _check_one_true(self, one_true: bool) -> None:
        """Checks that the largest output may stand for all that is true.

        Raises:
            ValueError: It may not, as targets have several classes or none.
        """
        if not one_true and self.outputs is None:
            raise ValueError(
                f"metric {self.name!r} chooses the largest output, but there are targets with "
                f"several classes or none: pass a threshold, such as 0.5, above which each output "
                f"is chosen."
            )

    def check_targets(self, output_shape: Shape, target: Array) -> None:
        """Looks for targets with several classes where the largest output is chosen."""
        K = output_shape[-1]
        if self.chooses_largest(K) and target.shape[1:] == output_shape:
            self._check_one_true(self.weighted or has_one_true(target.reshape(-1, K) > 0.5, None))

    def add_counts(self, other: Any) -> None:
        """Adds the counts of other samples."""
        if other._counts is not None:
            self._counts = other._counts + (0 if self._counts is None else self._counts)
        self._one_true = self._one_true and other._one_true

    def result(self) -> Any:
        """The score: 0 where its denominator is 0; nan if nothing was counted.

        It is a list of scores if there is one for each class, or for each threshold.
        """
        if self._counts is None:
            thresholds = self._thresholds if isinstance(self._thresholds, tuple) else (0,)
            return [math.nan] * len(thresholds) if self.several else math.nan
        scores = [self._score(counts) for counts in self._counts]
        return scores if isinstance(self._thresholds, tuple) else scores[0]

    def _score(self, counts: Array) -> Any:
        """The score at one threshold, or those of the classes, of counts of shape ``(4, K)``."""
        class_id, average = self.class_id, self.average
        if average == "auto":
            average = self.usual_average
            if class_id is None and are_two_classes(self, counts.shape[1], self._one_true):
                class_id = 1
        if class_id is not None:
            counts = counts[:, class_id : class_id + 1]
        elif average == "micro":
            counts = counts.sum(axis=1, keepdims=True)
        hits, chosen, true, n = counts
        numerator, denominator = self.ratio(hits, chosen, true, n)
        scores = numerator / np.where(denominator > 0, denominator, 1)
        if average is None:
            return scores.tolist()
        if average == "weighted":
            return float(scores @ true / (true.sum() or 1.0))
        return float(scores.mean())


def tally(chosen: Array, T: Array, w: Array | None) -> Array:
    """hits, chosen, true and n of every class, shape ``(4, K)``, of decisions ``(rows, K)``."""
    sides = np.stack([chosen & T, chosen, T, np.ones_like(T)])  # (4, rows, K)
    counts: Array = sides.sum(axis=1) if w is None else np.einsum("nk,cnk->ck", w, sides)
    return counts


class Precision(DecisionMetric):
    """hits / chosen: how much of what was chosen is right; 0 if nothing was.

    As in Keras, each of K outputs is compared with the threshold, and all are counted together.
    After a softmax perhaps none is above ½: ``top_k=1`` takes the largest one.

    Args:
        thresholds: Every output above it is chosen; 0 for a model that ends in logits. Of a list
            the result is a list, with a number for each. None is ½, or any number with ``top_k``.
        top_k: So many of the largest outputs are chosen, of those above the threshold.
        class_id: The class whose precision it is.
        name: Its key in logs and History.
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes; ``"auto"`` is class 1
            of two classes, and ``"micro"`` otherwise.

    Example:
        >>> metric = bp.metrics.Precision()
        >>> metric.update(np.array([[0.9], [0.8], [0.7], [0.1]]), np.array([[1], [1], [0], [1]]))
        >>> round(metric.result(), 4)  # two of the three that were chosen
        0.6667
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "precision",
        average: str = "auto",
    ) -> None:
        super().__init__(name, thresholds, class_id, average, top_k)
        self.thresholds = self._thresholds

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """Hits of the chosen."""
        return hits, chosen


class Recall(DecisionMetric):
    """hits / true: how much of what should be chosen was; 0 if nothing should.

    The arguments are those of ``Precision``.

    Example:
        >>> metric = bp.metrics.Recall()
        >>> metric.update(np.array([[0.9], [0.8], [0.4], [0.1]]), np.array([[1], [1], [1], [1]]))
        >>> metric.result()  # two of the four that are true
        0.5
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "recall",
        average: str = "auto",
    ) -> None:
        super().__init__(name, thresholds, class_id, average, top_k)
        self.thresholds = self._thresholds

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """Hits of the true."""
        return hits, true
