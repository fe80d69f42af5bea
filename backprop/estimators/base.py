"""What all estimators share: the networks behind them, and what the two tasks make of these."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting
from backprop.core.arrays import as_numbers
from backprop.core.durable import FilePath
from backprop.core.types import Array, is_sparse
from backprop.estimators.given import as_given, check_given
from backprop.estimators.labels import Labels
from backprop.estimators.samples import Samples
from backprop.estimators.scikit import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    check_classification_targets,
    check_is_fitted,
    column_or_1d,
    type_of_target,
    unique_labels,
    validate_data,
)
from backprop.layers import Parallel
from backprop.sequential import Sequential
from backprop.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPARSE = ["csr", "csc"]
SEVERAL_OUTPUTS = "with a loss that takes more, such as Quantile, compare columns of predict(X)"


class Estimator(BaseEstimator):
    """The base of the four estimators: one network, or several whose mean is predicted.

    Attributes:
        models_: The networks.
        history_: The History of the first one's last fit.
        n_features_in_: Columns of X.
        feature_names_in_: Their names, if X was a frame.
    """

    models_: list[Any]
    history_: History
    n_features_in_: int

    # ------------------------------------------------------------------ what a task says of itself

    _sees_labels: bool

    def _weigh(self, y: Any, weight: Array | None, incremental: bool = False) -> Array | None:
        """The weights of the samples, those of their classes among them."""
        return weight

    def _finish(self, samples: Samples) -> None:
        """Takes note of how well the trained networks do on samples, held-out ones if possible."""

    # ------------------------------------------------------------------------- what goes in and out

    def _checked(self, X: Any, y: Any, reset: bool, **rules: Any) -> tuple[Any, Any]:
        """Inputs and targets as arrays.

        Args:
            X: Samples in rows.
            y: Their targets.
            reset: Whether the columns of X are those of the estimator from now on.
            **rules: What else scikit-learn is to check.
        """
        X, y = as_given(X, "X"), as_given(y, "y", numbers=not self._sees_labels)
        if is_sparse(y) and not self._sees_labels:
            as_numbers(y, "y")  # which says what to pass
        rules |= {"accept_sparse": SPARSE, "multi_output": True, "reset": reset}
        X, y = validate_data(self, X, y, y_numeric=not self._sees_labels, **rules)
        return X, one_axis(y if self._sees_labels else as_numbers(y, "y"))

    @property
    def model_(self) -> Any:
        """The network, a ``Sequential``; of several the first."""
        check_is_fitted(self)
        return self._networks()[0]

    def _networks(self) -> list[Any]:
        """The networks as they are to predict."""
        return self.models_

    def _columns(self) -> tuple[str, ...] | None:
        """The columns of the frame that was trained on, which the networks are to know, too."""
        return tuple(getattr(self, "feature_names_in_", ())) or None

    def _outputs(self, X: Any) -> list[Array]:
        """The outputs of each network, ``(N, K)``."""
        check_is_fitted(self)
        X = validate_data(self, as_given(X, "X"), accept_sparse=SPARSE, reset=False)
        return [model.predict(X) for model in self._networks()]

    def _output(self, X: Any) -> Array:
        """The mean of the networks' outputs."""
        outputs = self._outputs(X)
        return outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)

    def export(self, path: FilePath, logits: bool = False) -> None:
        """Writes the outputs of the network as an ONNX file; of several networks their mean.

        Those of a classifier are probabilities, in the order of ``classes_``; of two classes it may
        be that of the second alone, as in an MLP. ``Sequential.export`` tells of the file and the
        errors.

        Args:
            path: The file, for example ``"digits.onnx"``.
            logits: Whether to leave out the Softmax or Sigmoid at the end, of one network.
        """
        check_is_fitted(self)
        networks = self._networks()
        network = networks[0]
        if len(networks) > 1:
            ways = [[layer.copy() for layer in each.layers] for each in networks]
            network = Sequential([Parallel(ways, "average")], dtype=network.dtype)
            network.build((None, *networks[0].input_shape))
        network.export(path, logits)

    def plot_loss_curve(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draws the loss by epoch, and that of the validation data if there were any.

        Args:
            path: Where to save the picture as well, for example ``"loss.png"``.

        Returns:
            The matplotlib figure.
        """
        check_is_fitted(self)
        return plotting.loss_curves(self._curves(), keys=["loss"], path=path)

    def _curves(self) -> Any:
        """What ``plot_loss_curve`` draws."""
        return self.history_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")  # a fit that failed may have left other attributes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


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
        check_given(sample_weight, "sample_weight")
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
        self._labels = Labels(self.classes_, multilabel, not isinstance(y, np.ndarray))

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
        """The label of each sample; for several labels a 0 or 1 for each, shape ``(N, K)``."""
        probabilities = self._output(X)  # says first whether there has been a fit
        return self._labels.decode(probabilities)

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

    noise_: Array
    _sees_labels = False

    def _finish(self, samples: Samples) -> None:
        """Takes note of how far the targets scatter around the mean of several networks."""
        networks, n_targets = self._networks(), math.prod(samples.y.shape[1:])
        self.__dict__.pop("noise_", None)  # that of another fit
        if len(networks) > 1 and networks[0].output_shape == (n_targets,):
            mean = np.mean([model.predict(samples.X) for model in networks], axis=0)
            error = (samples.y.reshape(mean.shape) - mean) ** 2
            self.noise_ = np.sqrt(np.average(error, axis=0, weights=samples.weight))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predicted numbers; see ``Scores``."""
        y = as_given(y, "y", numbers=True)
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
        outputs = self._outputs(X)
        if not return_std:
            mean = outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)
            return without_axis(mean)
        if len(outputs) == 1:
            raise ValueError(
                "return_std=True needs several networks, whose predictions differ: fit with "
                "n_members=10."
            )
        if not hasattr(self, "noise_"):
            raise ValueError(f"return_std=True needs one output a target: {SEVERAL_OUTPUTS}.")
        variance = np.var(outputs, axis=0, ddof=1) + self.noise_**2
        return without_axis(np.mean(outputs, axis=0)), without_axis(np.sqrt(variance))


def check_members(estimator: Any) -> None:
    """Raises ValueError if there are fewer or more networks to go on with than members."""
    there = len(estimator.models_)
    if estimator.n_members != there:
        raise ValueError(
            f"n_members is {estimator.n_members}, but the last fit trained {there}, with which "
            f"this one goes on: let n_members be {there}, or fit without warm_start."
        )


def without_axis(outputs: Array) -> Array:
    """(N, 1) as (N,)."""
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs


def one_axis(y: Any) -> Any:
    """The same for targets, of which a warning says that they should have had that shape."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
