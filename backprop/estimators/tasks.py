"""What classification and regression make of the networks: labels, probabilities, numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.types import Array, is_sparse
from backprop.estimators.arguments import Spread
from backprop.estimators.given import as_given, check_dense
from backprop.estimators.labels import Labels
from backprop.estimators.samples import Samples
from backprop.estimators.scikit import (
    ClassifierMixin,
    RegressorMixin,
    check_classification_targets,
    check_is_fitted,
    type_of_target,
    unique_labels,
)

SEVERAL_OUTPUTS = "with a loss that takes more, such as Quantile, compare columns of predict(X)"


class Scores:
    """Scikit-learn's score, which would read what is masked as if it were not."""

    _sees_labels: bool

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of ``predict(X)``, or the R² of predicted numbers.

        Args:
            X: Samples in rows.
            y: Their targets.
            sample_weight: Their weights.
        """
        y = as_given(y, "y", numbers=not self._sees_labels)
        sample_weight = as_given(sample_weight, "sample_weight")
        if not getattr(getattr(self, "_labels", None), "multilabel", False):  # else y may be sparse
            check_dense(y, "y")
        check_dense(sample_weight, "sample_weight")
        if not self._sees_labels:  # else scikit-learn makes whole numbers what predictions are
            y = to_array(y, "y").astype(np.float64)
        mixin: Any = super()
        found: float = mixin.score(X, y, sample_weight)
        return found


class Classifies(Scores, ClassifierMixin):
    """Labels in, labels and probabilities out.

    Attributes:
        classes_: The classes in order.
    """

    classes_: Array
    class_weight: Mapping[Any, float] | Sequence[Mapping[int, float]] | str | None
    _labels: Labels
    _sees_labels = True

    def _learn_labels(self, y: Any) -> None:
        """Finds the classes.

        Raises:
            ValueError: y are no labels.
        """
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Multioutput target data is not supported with label binarization: pass one label "
                "for each sample, or a 0 or 1 for each class."
            )
        multilabel = kind == "multilabel-indicator"
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            check_classification_targets(y)  # raises
        self.classes_ = unique_labels(y)
        self._labels = Labels(self.classes_, multilabel, is_sparse(y))
        if multilabel:
            rows = y if is_sparse(y) else np.asarray(y)
            self._labels.one_each = bool((rows.sum(axis=1) == 1).all())

    def _weigh(self, y: Any, weight: Array | None, incremental: bool = False) -> Array | None:
        """The weights of the samples times those of their classes.

        Raises:
            ValueError: All are 0, or those of classes are to be balanced, but only a part of the
                samples is there.
        """
        if self.class_weight is None:
            return weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all samples at once: give partial_fit a dict with '
                "the weight of each class."
            )
        found = self._labels.weights(self.class_weight, y)
        found = found if weight is None else found * weight
        if not (found.any() or incremental):
            raise ValueError(f"all sample weights are 0 with class_weight={self.class_weight}.")
        return found

    def predict(self, X: Any) -> Any:
        """The label of each sample; for several labels a 0 or 1 for each, shape ``(N, K)``.

        Of a network whose classes compete, as by a Softmax, one is chosen for each sample if the
        fit had one-hot rows.
        """
        probabilities = self._output(X)  # says first whether there has been a fit
        return self._labels.decode(probabilities, self._compete())

    def _compete(self) -> bool:
        """Whether the outputs were trained as those of classes of which one is right."""
        return False

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape ``(N, n_classes)``, in the order of ``classes_``."""
        probabilities: Array = self._output(X)
        if probabilities.shape[1] == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of ``predict_proba``."""
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):  # 0 becomes −∞
            return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regresses(Scores, RegressorMixin):
    """Numbers in, numbers out.

    Attributes:
        noise_: Of several networks, how far the targets scatter around their mean: the root of the
            mean squared error, for each output, on the samples that were held out, or, which is a
            little too small, on those of the training if none were.
    """

    noise_: Any = Spread()
    _sees_labels = False

    def _finish(self, samples: Samples) -> None:
        """Takes note of how far the targets scatter around the mean of several networks."""
        networks, n_targets = self._networks(), math.prod(samples.y.shape[1:])
        self.__dict__.pop("noise_", None)  # that of another fit
        if len(networks) > 1 and networks[0].output_shape == (n_targets,):
            mean = np.mean([model.predict(samples.X) for model in networks], axis=0)
            error = (samples.y.reshape(mean.shape) - mean) ** 2
            noise = np.sqrt(np.average(error, axis=0, weights=samples.weight))
            self.__dict__["noise_"] = noise

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predicted numbers; see ``Scores``."""
        y = as_given(y, "y", numbers=True)
        check_dense(y, "y")
        check_is_fitted(self)
        n_outputs, n_targets = map(math.prod, (self.models_[0].output_shape, np.shape(y)[1:]))
        if n_outputs != n_targets:
            raise ValueError(
                f"score compares a prediction with each target, but there are {n_outputs} outputs "
                f"for {n_targets} in y: {SEVERAL_OUTPUTS}."
            )
        return super().score(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The predicted numbers, shape ``(N,)``, or ``(N, n_outputs)`` for several outputs.

        Args:
            X: Samples in rows.
            return_std: Whether to return their standard deviations too, as Gaussian processes do:
                √(s² + ``noise_``²), where s² is the variance of the networks' predictions (divided
                by their number less one). It is that of a new target, and needs ``n_members`` of 2
                or more.

        Raises:
            ValueError: ``return_std`` is asked of one network alone.
        """
        if not return_std:
            return without_axis(self._output(X))
        outputs = self._outputs(X)
        if len(outputs) == 1:
            raise ValueError(
                "return_std=True needs several networks, whose predictions differ: fit with "
                "n_members=10."
            )
        if not hasattr(self, "noise_"):
            raise ValueError(f"return_std=True needs one output a target: {SEVERAL_OUTPUTS}.")
        variance = np.var(outputs, axis=0, ddof=1) + self.noise_**2
        return without_axis(np.mean(outputs, axis=0)), without_axis(np.sqrt(variance))


def without_axis(outputs: Array) -> Array:
    """(N, 1) as (N,)."""
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs
