"""The contract of a metric, and the many that are a mean of one value for each sample.

Losses and metrics of this package take ``(prediction, target)``; functions that users write take
``(y_true, y_pred)``, as in Keras.
"""

import copy
import math
import warnings
from contextlib import suppress
from typing import Any, Literal, Self

import numpy as np

from backprop.core.arrays import as_numbers
from backprop.core.checks import check_flag, check_shown
from backprop.core.descriptors import Checked
from backprop.core.errors import ON_THE_LAST_AXIS, ShapeError
from backprop.core.ranges import are_classes, check_finite, check_one_class, check_weights
from backprop.core.settings import Settings
from backprop.core.types import Array, Outputs, Shape
from backprop.core.walk import from_here
from backprop.metrics.attributes import check_better, check_free_name, check_ignored, check_outputs
from backprop.metrics.returned import TOO_FEW, check_result, check_values, copied
from backprop.metrics.shapes import are_exchanged, show_shapes
from backprop.metrics.verbs import KnowsVerbs


class Metric(KnowsVerbs, Settings):
    """A number over all samples seen since the last ``reset``.

    It is the number of all those samples together. Where that is not the mean over the batches, as
    for a root, a ratio or a ranking, the subclass keeps what it needs. Predictions may lie in a
    buffer that the next batch overwrites: keep copies.

    A subclass writes ``update``, ``result`` and ``reset``; a ``MeanMetric`` its formula alone.

    Args:
        name: Its key in logs and History.

    Attributes:
        better: ``"larger"`` or ``"smaller"``: which results are better, for callbacks that watch
            it; None where nobody says, as of a formula of one's own: they ask for it then.
        several: Whether the result is a list of numbers, such as one for each class; History keeps
            it, and callbacks that watch a number refuse it. Training finds out if it is.
        weighted: Whether training gives it the sample weights; ``compile`` sets it.
        outputs: What the model's outputs are (see ``core.types.Outputs``), as its loss says;
            ``compile`` sets it. None leaves it to the shapes and the targets.
        ignored: The class that the loss ignores, which training does not show it; set likewise.

    Example:
        >>> class Worst(bp.metrics.Metric):
        ...     def reset(self):
        ...         self.worst = 0.0
        ...     def update(self, prediction, target, sample_weight=None):
        ...         self.worst = max(self.worst, float(abs(prediction - target).max()))
        ...     def result(self):
        ...         return self.worst
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
        >>> model.compile("sgd", "mse", metrics=[Worst("worst")])
        >>> model.evaluate(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]), return_dict=True)
        {'loss': 4.5, 'worst': 3.0}
    """

    better: Literal["larger", "smaller"] | None = None
    several = False
    name: Any = Checked(check_free_name)
    weighted: Any = Checked(check_flag)
    outputs: Outputs | None = None
    ignored: int | None = None
    _assignable = {"better": check_better, "ignored": check_ignored, "outputs": check_outputs}
    _tried: tuple[Any, ...] | None = None
    _told: Any = None  # what the model that ``compile`` was last called of tells it

    def __init__(self, name: str) -> None:
        self.name = check_shown(name, f"{type(self).__name__}(name)")
        self.weighted = False

    def reset(self) -> None:
        """Starts anew, at the beginning of an epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define reset().")

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch.

        Args:
            prediction: The network's output, shape ``(N, K)``.
            target: What it should have been: of the same shape, or class indices ``(N,)``.
            sample_weight: How often each sample counts, shape ``(N,)``; once if it is None. Where a
                metric has a number for each step ``(N, T)`` or output ``(N, K)``, these may have
                weights of their own.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(prediction, target).")

    def add_counts(self, other: Any) -> None:
        """Adds what another metric of its kind has counted; for metrics that are ratios of sums.

        Args:
            other: The metric of another worker, which has seen other samples.
        """
        raise NotImplementedError(f"{type(self).__name__} must define add_counts(other).")

    def result(self) -> float:
        """The number over all samples counted so far; nan if there were none."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def apart(self) -> Self:
        """The same metric with counts of its own, which are none yet; evaluations count in one."""
        twin = copy.copy(self) if from_here(self) else copied(self, self.name)
        twin.reset()
        return twin

    def check(self, output_shape: Shape, target: Array, sample_weight: Array | None = None) -> None:
        """Tries ``update`` on a copy of itself, so that misfits show before the first step.

        What was tried is not tried again; ``check_targets`` looks at all targets every time.

        Args:
            output_shape: The shape of one prediction.
            target: All targets, shape ``(N, …)``.
            sample_weight: All weights, if there are any.
        """
        if self.ignored is not None:
            target = np.where(target == self.ignored, 0, target)
        self.check_targets(output_shape, target)
        parts = () if sample_weight is None or not self.weighted else sample_weight.shape[1:]
        form = output_shape, target.shape[1:], self.weighted, parts, self.outputs
        if form == self._tried:
            return
        trial = self.apart()
        trial._tried = form  # it is not used by hand
        weight = (np.ones((1, *parts)),) if self.weighted else ()
        trial.update(np.full((1, *output_shape), 0.5), target[:1].copy(), *weight)
        if not self.of_package:
            with suppress(*TOO_FEW):
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    returned = trial.result()
                check_result(returned, self.name)
                if np.ndim(returned):
                    vars(self)["several"] = True  # whatever it says; it may be a property
        self._tried = form

    def try_on(self, prediction: Array, target: Array) -> None:
        """Shown the first batch before its step changes a weight; does nothing by default."""

    def check_targets(self, output_shape: Shape, target: Array) -> None:
        """Looks for targets that ``update`` would refuse; finds none unless overridden."""

    def check_setting(self, name: str) -> None:
        """After a change what was tried is tried again."""
        self._tried = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"

    def paired(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """Both as arrays of one shape ``(N, …, K)``; ``(N,)`` will do for one output.

        Raises:
            ShapeError: There is not exactly one target for each output. Nothing is ever broadcast.
        """
        P, Y = as_arrays(prediction, target)
        if P.ndim == 1:
            P = P[:, np.newaxis]  # (N,) -> (N, 1)
        if P.shape[-1:] == (1,) and Y.shape == P.shape[:-1]:
            Y = Y[..., np.newaxis]
        if P.shape != Y.shape or P.ndim == 0:
            raise self.misfit(P, Y, "there must be one target for each output")
        return P, Y

    def class_indices(self, prediction: Array, target: Array) -> Array:
        """The true classes ``(N, …)`` from targets that are class indices or one-hot rows.

        Raises:
            ShapeError: They are neither, or there is one output alone.
            ValueError: A row is not that of one class.
        """
        shape = prediction.shape
        if are_exchanged(prediction, target):
            raise self.misfit(prediction, target, "there must be a row of outputs for each sample")
        if len(shape) < 2:
            raise ShapeError(
                f"metric {self.name!r} needs a row of outputs for each sample, a number for each "
                f"class, but the predictions have the shape {shape}: pass them before argmax."
            )
        if shape[-1] == 1:
            raise ShapeError(
                f"metric {self.name!r} compares outputs with each other, but there is one: take "
                f"{self._of_one}, or a model with an output for each class."
            )
        if target.shape == shape:
            return self.largest(target)
        if target.shape == shape[:-1]:
            return target
        if target.shape == (*shape[:-1], 1):
            return target[..., 0]  # (N, 1) -> (N,)
        raise self.misfit(
            prediction, target, "there must be a class index or a one-hot row for each sample"
        )

    def largest(self, target: Array) -> Array:
        """The classes ``(N, …)`` of one-hot rows, or of rows with a probability for each class.

        Raises:
            ValueError: A row is not that of one class, and the loss does not say that it is.
        """
        if self.outputs not in ("classes", "scores"):
            advice = "for an answer from each output take 'binary_accuracy'."
            check_one_class(target, f"metric {self.name!r}, targets", advice)
        return np.asarray(target.argmax(-1))

    def checked_class_indices(self, prediction: Array, target: Array) -> Array:
        """``class_indices`` as integers, each of them the index of an output.

        Raises:
            ShapeError: They are neither indices nor one-hot rows.
            ValueError: There is no such output.
        """
        c = self.class_indices(prediction, target)
        n_classes = prediction.shape[-1]
        if not are_classes(c, n_classes):
            raise ValueError(
                f"metric {self.name!r}: class indices are whole numbers from 0 to {n_classes - 1} "
                f"for {n_classes} outputs, but the targets run from {c.min():g} to {c.max():g}."
            )
        return c.astype(np.intp, copy=False)

    def spread(self, sample_weight: Array, shape: Shape) -> Array:
        """The weight of each value: weights ``(N,)`` or ``(N, …)`` as an array of that shape.

        Raises:
            ShapeError: There is not one weight for each sample, or for each of its parts.
            ValueError: A weight is negative or not finite.
        """
        w = as_numbers(sample_weight, "sample_weight")
        if w.ndim > 1 and w.shape != shape[: w.ndim] and w.shape[-1] == 1:
            w = w[..., 0]  # (N, 1) -> (N,)
        if w.ndim == 0 or w.shape != shape[: w.ndim]:
            whole, one_each, found = show_shapes(shape, shape[:1], w.shape)
            more = f", or for each of their values, shape {whole}" if len(shape) > 1 else ""
            raise ShapeError(
                f"metric {self.name!r}: sample_weight must hold one number for each of the "
                f"{one_each[1:-2]} samples, shape {one_each}{more}, but its shape is {found}."
            )
        w = check_weights(w, np.float64)
        return np.broadcast_to(w.reshape(*w.shape, *[1] * (len(shape) - w.ndim)), shape)

    def misfit(self, prediction: Array, target: Array, rule: str) -> ShapeError:
        """The error that says that predictions and targets cannot be compared."""
        found, given = show_shapes(prediction.shape, target.shape)
        reshape = ", or reshape the targets" * (prediction.size == target.size)
        advice = f"choose another metric{reshape}"
        if prediction.ndim > 2 and target.ndim < 3:
            advice = ON_THE_LAST_AXIS
        if are_exchanged(prediction, target):
            advice = "write metric.update(prediction, target), the predictions first"
        return ShapeError(
            f"metric {self.name!r}: {rule}, but the predictions have the shape {found} and the "
            f"targets {given}: {advice}."
        )


def as_arrays(prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both as arrays of numbers.

    Raises:
        TypeError: One holds something else, or is sparse.
        ValueError: One is masked, or has gaps; a target is nan or infinite.
    """
    P, Y = as_numbers(prediction, "prediction"), as_numbers(target, "target")
    if Y.dtype.kind == "f" and not math.isfinite(np.vdot(Y, Y)):
        check_finite(np.atleast_1d(Y), "target holds")
    return P, Y


class MeanMetric(Metric):
    """Σ_i w_i v_i / Σ_i w_i, the mean of a value v_i of each sample i (w_i = 1 unless given).

    A subclass writes ``values``, the formula for the samples of one batch.

    Example:
        >>> class Cubes(bp.metrics.MeanMetric):
        ...     def values(self, prediction, target):
        ...         return np.sum(abs(prediction - target) ** 3, axis=-1)
        >>> metric = Cubes("cubes")
        >>> metric.update(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
        >>> metric.result()  # (0 + 2³) / 2
        4.0
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.reset()

    def values(self, prediction: Array, target: Array) -> Array:
        """v, shape ``(N,)`` or ``(N, …)``: then the mean is over the further axes too."""
        raise NotImplementedError(f"{type(self).__name__} must define values(prediction, target).")

    def reset(self) -> None:
        """Starts anew."""
        self._total: float = 0
        self._weight: float = 0

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch."""
        P, Y = as_arrays(prediction, target)
        v = self.values(P, Y)
        if not self.of_package:
            check_values(v, self.name, len(P))
        self.add(v, sample_weight)

    def add(self, values: Array, sample_weight: Array | None) -> None:
        """Adds Σ w v and Σ w of a batch."""
        if sample_weight is None:
            self._total += float(np.add.reduce(values, axis=None, dtype=np.float64))
            self._weight += values.size
        else:
            w = self.spread(sample_weight, values.shape)
            self._total += float(np.add.reduce(w * values, axis=None))
            self._weight += float(np.add.reduce(w, axis=None))

    def add_counts(self, other: Any) -> None:
        """Adds Σ w v and Σ w of other samples."""
        self._total += other._total
        self._weight += other._weight

    def result(self) -> float:
        """The mean; nan if nothing was counted."""
        return self._total / self._weight if self._weight else float("nan")
