"""What every loss does besides its formulas: checks of targets and weights, masks, what it says."""

import copy
import math
from typing import Any, NoReturn, Self

import numpy as np

from backprop.core.array_errors import NO_NUMBERS, numbering, refuse_kind
from backprop.core.arrays import as_numbers, to_array
from backprop.core.buffers import Buffers
from backprop.core.descriptors import SettingWithDefault
from backprop.core.errors import ON_THE_LAST_AXIS, ShapeError, rearranged
from backprop.core.lookup import show_call
from backprop.core.own_functions import interval_of
from backprop.core.ranges import check_finite, check_weights
from backprop.core.returned import is_array, misshaped
from backprop.core.types import Array, Interval, Outputs, Shape
from backprop.losses.formula import Formula
from backprop.losses.helpers import (
    extra_axes,
    for_each_output,
    show_domain,
    show_interval,
    show_shape,
    weighted_steps,
)
from backprop.losses.last_pass import LastPass


class CheckedLoss(LastPass):
    """The base of ``Loss``, with what the package asks losses about."""

    not_taken = {"weight": "fit takes class_weight and sample_weight"}
    buffers: Buffers
    _prediction: Any
    over_outputs: str | None

    domain: Interval | None = None
    """What predictions must lie between; None if they may be any numbers."""

    ending = "a layer that makes such numbers"
    """The layers that make such predictions, for error messages."""

    outputs: Outputs | None = None
    """Which kind of outputs it takes (see ``core.types.Outputs``); None if it does not say."""

    instead_of_one = ""
    """What to do about a model with one output; empty unless the loss needs two or more."""

    decision_threshold: float | None = None
    """An output above it means yes; None leaves it to the metrics, which take ½ for one."""

    compares_samples = False
    """Whether ℓ of a sample depends on the others of its batch."""

    formula: Formula | None = None
    """What ``explain`` prints; without it the loss is called by its name."""

    label_smoothing = SettingWithDefault("label_smoothing", 0.0)
    """a: the share of every label that is spread over all classes."""

    target_formula = ""
    """What ``smooth`` makes of the targets, as ``explain`` prints it: ``(1 − a) {y} + a/{K}``."""

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """Losses have verbs, and are not called."""
        raise TypeError(
            f"{self} is not called: write loss.forward(prediction, target), the prediction first, "
            f"and loss.backward() for its gradient; model.evaluate(x, y) computes it for a model."
        )

    def apart(self) -> Self:
        """The same loss with memory of its own: what it computes changes nothing in this one."""
        return copy.copy(self) if self.of_package else copy.deepcopy(self)

    def checked(
        self, prediction: Array, target: Array, sample_weight: Array | None
    ) -> tuple[Array, Array, Array | None]:
        """The arguments of ``forward``, if they are arrays that fit each other."""
        prediction = as_numbers(prediction, "prediction")
        target = to_array(target, "target")
        if prediction.ndim < 2:
            raise ShapeError(
                f"{self}: predictions must have a row for each sample, shape (N, K), but their "
                f"shape is {prediction.shape}."
            )
        if not len(prediction):
            raise ShapeError(f"{self}: there are no samples: the predictions are empty.")
        if prediction.dtype.kind != "f":
            prediction = prediction.astype(np.float64)
        target = self.check_target(target, prediction.shape[1:], prediction.dtype)
        if len(target) != len(prediction):
            raise ShapeError(
                f"{self}: there are {len(prediction)} predictions but {len(target)} targets."
            )
        if sample_weight is not None:
            n, *output_shape = prediction.shape
            weight = as_numbers(sample_weight, "sample_weight")
            sample_weight = self.check_weight(weight, n, tuple(output_shape), prediction.dtype)
        self._judged = prediction, target
        return prediction, target, sample_weight

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Targets as the formulas need them: checked, and converted to ``dtype``.

        Args:
            target: All targets, shape ``(N, *output_shape)``; ``(N,)`` will do for one output.
            output_shape: The shape of one prediction.
            dtype: The dtype that the model computes in.

        Raises:
            ShapeError: The shapes differ. Nothing is ever broadcast.
            ValueError: The targets are not finite.
        """
        target = np.asarray(target)
        if target.dtype.kind not in "fiub":
            if target.dtype.kind in "OUST" and self.outputs is None:  # no classes to be numbered
                refuse_kind(target, f"{self}: targets must be numbers, but ", "y")
            advice = f"number classes, for example with {numbering(target, 'y')}"
            raise TypeError(
                f"{self}: targets must be numbers, but their dtype is {target.dtype}: "
                f"{NO_NUMBERS.get(target.dtype.kind, advice)}."
            )
        if output_shape[-1] == 1 and target.shape[1:] == output_shape[:-1]:
            target = target[..., np.newaxis]  # (N,) -> (N, 1)
        if target.shape[1:] != output_shape:
            further = extra_axes(target, output_shape)
            hint = further or self.shape_hint(target, output_shape)
            if not further and target.ndim == 2 < len(output_shape) + 1:
                hint = f"{hint} If they are right, {ON_THE_LAST_AXIS}."
            if code := rearranged("np.asarray(y)", target.shape, output_shape):
                hint = f"bring them into that shape, {code}."
                if further and math.prod(output_shape[:-1]) == 1:
                    hint = f"{further} Or {hint}"
            raise ShapeError(
                f"{self}: the predictions have the shape {show_shape(output_shape)}, but the "
                f"targets have the shape {target.shape}: {hint}"
            )
        check_finite(target, f"{self}: the targets hold", dtype)
        return target.astype(dtype, copy=False)

    def check_weight(self, weight: Array, n: int, output_shape: Shape, dtype: Any) -> Array:
        """Sample weights in ``dtype``: a number for each of n samples, or for parts of it.

        Args:
            weight: Shape ``(n,)``; or for outputs ``(T, K)`` also ``(n, T)``; or where
                ``over_outputs`` allows it that of the predictions. A last axis of 1 may be added.
            n: The number of samples.
            output_shape: The shape of one prediction.
            dtype: The dtype that the model computes in.

        Raises:
            ShapeError: It has another shape. Nothing is ever broadcast.
            ValueError: A weight is negative, not finite, or overflows.
        """
        weight = np.asarray(weight)
        whole = (n, *output_shape)
        allowed = [whole[:k] for k in range(1, len(whole))]
        if self.weighs_outputs() and output_shape[-1] > 1:
            allowed.append(whole)
        if weight.shape not in allowed and weight.shape[:-1] in allowed and weight.shape[-1] == 1:
            weight = weight[..., 0]  # (N, 1) -> (N,)
        if weight.shape not in allowed:
            shapes = " or ".join(map(str, allowed))
            why = ""
            if weight.ndim == len(whole) > 1 and not self.weighs_outputs():
                why = (
                    f": {self} gives one number for all outputs of a sample, so that they cannot "
                    f"have weights of their own"
                )
            raise ShapeError(
                f"sample_weight must hold one number for each of the {n} samples, shape {shapes}, "
                f"but its shape is {weight.shape}{why}."
            )
        return check_weights(weight, dtype)

    def weighs_outputs(self) -> bool:
        """Whether outputs may have weights: who overrides ``values`` must say ``over_outputs``."""
        classes = type(self).__mro__
        names = [next(k for k in classes if name in vars(k)) for name in ("over_outputs", "values")]
        return self.over_outputs is not None and issubclass(*names)

    def shape_hint(self, target: Array, output_shape: Shape) -> str:
        """What to do about targets whose shape is not that of the predictions."""
        return for_each_output(target, output_shape)

    def given(self) -> tuple[Array, Array]:
        """The predictions and targets of a batch; a loss of the user's own may write into them."""
        if self.of_package:
            return self._prediction, self._target
        return self._prediction.copy(), self._target.copy()

    def checked_values(self, values: Array) -> Array:
        """What ``values`` returned, looked at if the loss is the user's own.

        Raises:
            TypeError: It is no array of numbers.
            ShapeError: It has no row for each sample.
        """
        if not self.of_package:
            shape, n_axes = self._prediction.shape, getattr(values, "ndim", 0)
            kinds = "c" if self._prediction.dtype.kind == "c" else "fiub"
            if not n_axes or not is_array(values, shape[:n_axes], kinds):
                what = f"a loss for each sample, shape {shape[:-1]}"
                raise misshaped(self, "values", values, what)
        return values

    def spread(self, weight: Array, values: Array) -> Array:
        """The weights with an axis of 1 for each that ℓ has beside theirs.

        Raises:
            ShapeError: ℓ of a loss of the user's own has none for the steps that are weighed.
        """
        more = values.ndim - weight.ndim
        if more < 0:
            raise ShapeError(
                f"{self}.values returned a loss for each sample, shape {values.shape}, but here "
                f"every step has a weight, which is 0 for padding: let it return a loss for each "
                f"step, shape {weight.shape}."
            )
        return weight.reshape(*weight.shape, *[1] * more)

    def checked_gradient(self, gradient: Array) -> Array:
        """What ``gradient`` returned; of a loss of the user's own a copy, once it is looked at.

        The weights are multiplied to it, and such a loss may keep it, or return a view.

        Raises:
            TypeError: It is no array of floats.
            ShapeError: It has another shape than the predictions.
        """
        if not self.of_package:
            shape = self._prediction.shape
            if not is_array(gradient, shape, "f"):
                what = f"∂ℓ/∂prediction in floats, shape {shape} as the predictions"
                raise misshaped(self, "gradient", gradient, what)
            return gradient.copy()
        return gradient

    def check_ending(self, last: Any) -> None:
        """Checks that a model may end with this layer.

        Raises:
            ValueError: Its outputs may be what the loss cannot take.
        """
        interval = interval_of(last)
        if self.domain is None or interval is None:
            return
        if interval[0] < self.domain[0] or interval[1] > self.domain[1]:
            raise ValueError(
                f"{self} takes {show_domain(self.domain)}, but the model ends with {last}, whose "
                f"outputs may be {show_interval(interval)}: {self.advise_ending(interval)}."
            )

    def advise_ending(self, interval: Interval) -> str:
        """How to end a model whose last layer makes numbers in an interval that is none of ours."""
        return f"end it with {self.ending}"

    def has_classes(self, target: Array) -> bool:
        """Whether the targets are classes: indices, a probability for each, or one 0 or 1 a row."""
        return False

    def smooth(self, target: Array) -> Array:
        """The targets as the formulas see them: with label smoothing, if the loss has it."""
        return target

    @property
    def ignored(self) -> int | None:
        """The class whose samples E is no mean over, if there is one."""
        return None

    def weigh_known(self, values: Array, weight: Array | None) -> Array | None:
        """The weights by which the mean leaves out the targets that are ignored."""
        return weight

    @property
    def counted(self) -> Array | None:
        """Which ℓ of the last batch count in E; None if all do."""
        return None

    @property
    def guess(self) -> Array | None:
        """The likeliest classes, if a matched head has found them already."""
        return None

    def weigh_steps(self, mask: Array, weight: Array | None, dtype: Any) -> Array:
        """w ⊙ m · (number of steps) / Σ m, shape ``(N, T)``: the mean then leaves padding out.

        Here m is the mask, False where a sequence is padded, and w the weights, 1 if None. Where w
        has a number for each output, so has this.
        """
        M = self.shown_steps(mask, dtype)
        valid = np.maximum(np.add.reduce(M, axis=None), 1)
        M *= np.divide(mask.size, valid)
        return weighted_steps(M, weight)

    def shown_steps(self, mask: Array, dtype: Any) -> Array:
        """m as numbers, in a buffer."""
        M = self.buffers.get("steps", mask.shape, np.dtype(dtype))
        np.copyto(M, mask)
        return M

    def __str__(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return show_call(self)
