"""The contract of a loss: E from predictions and targets, and its exact gradient.

With w_i the sample weights (1 unless given) and ℓ_i the loss of sample i, every loss returns

    E = (1/N) Σ_i w_i ℓ_i

and ``backward`` the derivative of that very number, the mean and the weights included.
"""

from typing import Any

import numpy as np

from backprop.core.buffers import Buffers
from backprop.core.errors import NoForwardError, ShapeError
from backprop.core.lookup import show_call
from backprop.core.types import Array, Shape, as_array
from backprop.losses.formula import Formula


class Loss:
    """E = (1/N) Σ_i w_i ℓ_i over the N samples of a batch.

    A loss of your own writes two formulas for the samples of a batch, ``values`` and, directly
    below it, ``gradient``; the mean and the weights are applied here.

    With more axes, predictions ``(N, T, K)``, ℓ has the shape ``(N, T)`` and the mean runs over
    both.
    """

    link: str | None = None
    """What a model may end with for this loss to be joined with it (see ``losses.heads``)."""

    decision_threshold: float | None = None
    """Above what an output means yes; None leaves it to the metrics, which say ½ for one output."""

    formula: Formula | None = None
    """What ``explain`` prints; without it the loss is called by its name."""

    label_smoothing = 0.0
    """a: the share of every label that is spread over all classes."""

    target_formula = ""
    """What ``smooth`` makes of the targets, as ``explain`` prints it: ``(1 − a) {y} + a/{K}``."""

    def __init__(self) -> None:
        self._prediction: Any = None
        self._target: Any = None
        self._scale: Any = None
        self.buffers = Buffers()

    # ------------------------------------------------------------------ what a subclass defines

    def values(self, prediction: Array, target: Array) -> Array:
        """ℓ, shape ``(N,)``, for predictions of shape ``(N, K)``."""
        raise NotImplementedError(f"{type(self).__name__} must define values(prediction, target).")

    def gradient(self, prediction: Array, target: Array) -> Array:
        """∂ℓ_i/∂prediction_i in row i, shape ``(N, K)``; called after ``values``."""
        raise NotImplementedError(
            f"{type(self).__name__} must define gradient(prediction, target)."
        )

    def parts(self, prediction: Array, target: Array) -> Array:
        """What each output adds to ℓ, shape ``(N, K)``; called for losses with such a formula.

        Each output is taken for a sample of its own. Where outputs act on each other, a subclass
        defines something else.
        """
        alone = self.values(prediction[..., np.newaxis], target[..., np.newaxis])
        mean = self.formula is not None and self.formula.mean
        return alone / prediction.shape[-1] if mean else alone

    def smooth(self, target: Array) -> Array:
        """The targets as the formulas see them: with label smoothing, if the loss has it."""
        return target

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
            raise TypeError(f"{self}: targets must be numbers, but their dtype is {target.dtype}.")
        if output_shape[-1] == 1 and target.shape[1:] == output_shape[:-1]:
            target = target[..., np.newaxis]  # (N,) -> (N, 1)
        if target.shape[1:] != output_shape:
            raise ShapeError(
                f"{self}: the predictions have the shape {show_shape(output_shape)}, but the "
                f"targets have the shape {target.shape}: {self.shape_hint(target, output_shape)}"
            )
        target = target.astype(dtype, copy=False)
        if not np.isfinite(target).all():
            raise ValueError(f"{self}: the targets hold nan or infinite numbers: remove them.")
        return target

    def shape_hint(self, target: Array, output_shape: Shape) -> str:
        """What to do about targets whose shape is not that of the predictions."""
        return "pass one target for each output, or change the number of units of the last layer."

    # --------------------------------------------------------------------------- what users call

    def forward(
        self, prediction: Array, target: Array, sample_weight: Array | None = None
    ) -> float:
        """E of a batch.

        Args:
            prediction: The network's output, shape ``(N, K)``.
            target: What it should have been, of the same shape; class indices of shape ``(N,)``
                for the sparse cross-entropy.
            sample_weight: w, shape ``(N,)``.

        Returns:
            E, with what ``backward`` needs kept.

        Raises:
            ShapeError: The shapes do not fit. Nothing is ever broadcast.
        """
        prediction = np.asarray(prediction)
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
            sample_weight = check_sample_weight(sample_weight, len(prediction), prediction.dtype)
        return self.compute(prediction, target, sample_weight)

    def backward(self) -> Array:
        """∂E/∂prediction of the last ``forward``, of the prediction's shape.

        Raises:
            NoForwardError: There was none.
        """
        if self._scale is None:
            raise NoForwardError(f"{self}: call forward(prediction, target) before backward().")
        delta = self.gradient(self._prediction, self._target)
        delta *= self._scale
        return delta

    def prediction_delta(self) -> Array:
        """∂E/∂ŷ of the last ``forward``: the same, unless this is a matched head."""
        return self.backward()

    @property
    def guess(self) -> Array | None:
        """The likeliest classes, if a matched head has found them already."""
        return None

    @property
    def unjoined(self) -> "Loss":
        """The loss on predictions: itself, unless an activation is joined with it."""
        return self

    def has_classes(self, target: Array) -> bool:
        """Whether the targets are classes: indices, a probability for each, or one 0 or 1 a row."""
        return False

    def check_ending(self, last: Any) -> None:
        """Checks that a model may end with this layer.

        Raises:
            ValueError: Its outputs are never what the loss takes.
        """

    def __str__(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return show_call(self)

    # --------------------------------------------------------------- what the training loop calls

    def predict(self, output: Array, training: bool = False) -> Array:
        """The prediction for the last layer's outputs: the same, unless an activation is joined."""
        return output

    def compute(self, prediction: Array, target: Array, sample_weight: Array | None) -> float:
        """``forward`` for arrays that have been checked."""
        return self.reduce(self.sample_losses(prediction, target), sample_weight)

    def sample_losses(self, prediction: Array, target: Array) -> Array:
        """ℓ; keeps what ``backward`` needs."""
        self._prediction, self._target = prediction, target
        return self.values(prediction, target)

    def reduce(self, values: Array, sample_weight: Array | None) -> float:
        """(1/N) Σ w ℓ; keeps w/N for ``backward``."""
        return float(self.total(values, sample_weight)) / values.size

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; keeps w/N for ``backward``."""
        if sample_weight is None:
            self._scale = 1.0 / values.size
        else:
            # (N,) -> (N, 1, …): one weight for all of a sample's values
            w = sample_weight.reshape(-1, *[1] * (values.ndim - 1))
            self._scale = (w / values.size)[..., np.newaxis]
            values = w * values
        total: Array = np.add.reduce(values, axis=None)
        return total

    def buffer(self, name: str, like: Array) -> Array:
        """An array of that shape and dtype to write into, the same one from step to step."""
        return self.buffers.get(name, like.shape, like.dtype)


def row_dot(A: Array, B: Array) -> Array:
    """Σ_k a_k b_k of every row, without an array of the products."""
    return as_array(np.vecdot(A, B))


def check_sample_weight(weight: Array, n: int, dtype: Any) -> Array:
    """Sample weights in ``dtype``: one number for each of n samples.

    Raises:
        ShapeError: There is not exactly one for each sample.
        ValueError: A weight is negative or not finite.
    """
    weight = np.asarray(weight, dtype)
    if weight.shape != (n,):
        raise ShapeError(
            f"sample_weight must hold one number for each of the {n} samples, shape ({n},), but "
            f"its shape is {weight.shape}."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight must hold finite numbers that are not negative.")
    return weight


def check_probabilities(prediction: Array, loss: str, advice: str) -> None:
    """Checks that predictions are probabilities.

    Args:
        prediction: The network's output.
        loss: What wants them, for the error message.
        advice: What to do about it, likewise.

    Raises:
        ValueError: They are not.
    """
    low, high = prediction.min(), prediction.max()
    if low < 0 or high > 1.0001:  # rounding may lift a sum of probabilities above 1
        raise ValueError(
            f"{loss}: predictions must be probabilities between 0 and 1, but they run from "
            f"{low:.4g} to {high:.4g}: {advice}"
        )


def show_shape(output_shape: Shape) -> str:
    """``(N, 10)`` for samples of shape ``(10,)``."""
    return f"({', '.join(['N', *map(str, output_shape)])})"
