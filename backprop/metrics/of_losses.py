"""Losses as metrics: for those that have no metric of their own."""

import re
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError, said
from backprop.core.lookup import default_name
from backprop.core.types import Array, Shape
from backprop.metrics.base import MeanMetric, as_arrays


class LossMetric(MeanMetric):
    """Σ_i w_i ℓ_i / Σ_i w_i, the mean of a loss ℓ over all samples, without penalties.

    ``compile(metrics=…)`` makes one of a loss, or of the name of a loss.

    Args:
        loss: A loss; a copy of it computes ℓ.
        name: Its key in logs and History; by default that of the loss's class, ``"huber"``. It
            stays where another loss is assigned.

    Example:
        >>> from backprop.losses import Huber
        >>> metric = bp.metrics.LossMetric(Huber())
        >>> metric.update([[1.0], [4.0]], [[1.0], [1.0]])
        >>> metric.name, metric.result()
        ('huber', 1.25)
    """

    better = "smaller"

    def __init__(self, loss: Any, name: str | None = None) -> None:
        for method in ("apart", "check_target", "sample_losses"):
            if isinstance(loss, type) or not hasattr(loss, method):
                raise TypeError(
                    f"LossMetric(loss) must be a loss such as Huber(), not {said(loss)}."
                )
        loss = getattr(loss, "unjoined", loss)  # of model.loss, which is joined with an activation
        super().__init__(default_name(loss) if name is None else name)
        self.loss = loss
        self._own = loss.apart()  # the other may have the batch of a training in it

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch; outputs have weights of their own where the loss allows it."""
        self._own = self.loss.apart()  # with the settings that it has now
        shape = None if sample_weight is None else np.shape(sample_weight)
        if shape == np.shape(prediction) and self._own.weighs_outputs():
            P, Y = as_arrays(prediction, target)
            self.add(self.values(P, Y, True), sample_weight)
        else:
            super().update(prediction, target, sample_weight)

    def values(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ of each sample, or what stands in its place for each output."""
        if prediction.ndim < 2:  # (N,) -> (N, 1)
            prediction, target = self.paired(prediction, target)
        P = prediction if prediction.dtype.kind == "f" else prediction.astype("float64")
        with np.errstate(all="ignore"):
            lost = target.dtype.kind in "fiu" and (target.astype(P.dtype) != target).any()
        P = P.astype(np.result_type(P, target)) if lost else P
        self._check_outputs(P.shape[1:])
        Y = self._own.check_target(target, P.shape[1:], P.dtype)
        found: Array = self._own.sample_losses(P, Y, each)
        return found * P.shape[-1] if each and self._own.over_outputs == "sum" else found

    def add(self, values: Array, sample_weight: Array | None) -> None:
        """Counts those values that count in the loss."""
        counted = self._own.counted
        if counted is not None:
            w = 1.0 if sample_weight is None else self.spread(sample_weight, values.shape)
            sample_weight = counted * w
        super().add(values, sample_weight)

    def try_steps(self, prediction: Array, target: Array) -> None:
        """Checks that steps of sequences, of which some may be padded, each have an ℓ.

        Raises:
            ShapeError: There is one for all steps of a sample.
        """
        self._own = self.loss.apart()
        if self.values(prediction[:1], target[:1]).ndim < 2:
            raise ShapeError(
                f"metric {self.name!r}: {self.loss} gives one number for all steps of a sample, so "
                f"that padded ones cannot be left out: take 'binary_crossentropy', or a metric "
                f"for each step."
            )

    def check_targets(self, output_shape: Shape, target: Array) -> None:
        """Has the loss look at all targets."""
        self._check_outputs(output_shape)
        self.loss.apart().check_target(target, output_shape, "float64")

    def _check_outputs(self, output_shape: Shape) -> None:
        """Checks that there are several outputs where the loss compares them with each other.

        Raises:
            ShapeError: There is one.
        """
        other = re.findall(r"loss=('\w+')", self._own.instead_of_one)
        if other and output_shape[-1:] == (1,):
            raise ShapeError(
                f"metric {self.name!r} compares the outputs of a sample with each other, but there "
                f"is one: take {other[-1]}."
            )
