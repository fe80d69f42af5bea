"""The contract of a loss: E from predictions and targets, and its exact gradient.

With w_i the sample weights (1 unless given) and ℓ_i the loss of sample i, every loss returns

    E = (1/N) Σ_i w_i ℓ_i

and ``backward`` the derivative of that very number, the mean and the weights included.
"""

import numpy as np

from backprop.core.buffers import Buffers
from backprop.core.types import Array
from backprop.losses.checked import CheckedLoss
from backprop.losses.helpers import check_domain, each_output


class Loss(CheckedLoss):
    """E = (1/N) Σ_i w_i ℓ_i over the N samples of a batch.

    A loss of your own writes two formulas for the samples of a batch, ``values`` and, directly
    below it, ``gradient``; the mean and the weights are applied here.

    With more axes, predictions ``(N, T, K)``, ℓ has the shape ``(N, T)`` and the mean runs over
    both. Weights then have the shape ``(N,)`` or ``(N, T)``.

    Example:
        >>> class FourthPower(bp.losses.Loss):  # ℓ = Σ_k (ŷ_k − y_k)⁴
        ...     def values(self, prediction, target):
        ...         return np.sum((prediction - target) ** 4, axis=-1)
        ...     def gradient(self, prediction, target):
        ...         return 4 * (prediction - target) ** 3
        >>> bp.inspection.check_loss(FourthPower(), (2,)).ok
        True
    """

    link: str | None = None
    """What a model may end with for this loss to be joined with it (see ``losses.heads``)."""

    over_outputs: str | None = None
    """Whether ℓ_i is the "mean" or the "sum" of a loss for each of the K outputs, which then may
    have weights of their own, shape ``(N, K)``; None if it is neither."""

    def __init__(self) -> None:
        self._prediction = self._judged = self._returned = self._target = self._scale = None
        self._each = False
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
        return alone / prediction.shape[-1] if self.over_outputs == "mean" else alone

    # --------------------------------------------------------------------------- what users call

    def forward(
        self, prediction: Array, target: Array, sample_weight: Array | None = None
    ) -> float:
        """E of a batch; keeps what ``backward`` needs.

        Args:
            prediction: The network's output, shape ``(N, K)``.
            target: What it should have been, as ``check_target`` takes it.
            sample_weight: w, as ``check_weight`` takes it.

        Raises:
            ShapeError: The shapes do not fit. Nothing is ever broadcast.
        """
        return self.compute(*self.checked(prediction, target, sample_weight))

    def backward(self) -> Array:
        """∂E/∂prediction of the last ``forward``, in an array that the next call overwrites.

        Raises:
            NoForwardError: There was none.
        """
        self.check_ready()
        delta = self.checked_gradient(self.gradient(*self.given()))
        delta *= self._scale
        return self.as_prediction(delta)

    def prediction_delta(self) -> Array | None:
        """∂E/∂ŷ of the last ``forward``: the same, unless this is a matched head."""
        return self.backward()

    @property
    def unjoined(self) -> "Loss":
        """The loss on predictions: itself, unless an activation is joined with it."""
        return self

    # --------------------------------------------------------------- what the training loop calls

    def compute(self, prediction: Array, target: Array, sample_weight: Array | None) -> float:
        """``forward`` for arrays that have been checked."""
        each = each_output(sample_weight, prediction)
        return self.reduce(self.sample_losses(prediction, target, each), sample_weight)

    def sample_losses(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ; keeps what ``backward`` needs.

        With ``each``, outputs have weights of their own: ℓ then has the shape ``(N, K)``, as of N·K
        samples with one output each.
        """
        if self.domain is not None:
            check_domain(self, prediction, self.domain)
        self._each = each
        if each:
            prediction, target = prediction[..., np.newaxis], target[..., np.newaxis]
        self._prediction, self._target = prediction, target
        return self.checked_values(self.values(*self.given()))

    def as_prediction(self, delta: Array) -> Array:
        """∂E/∂prediction in the shape of the prediction."""
        return delta[..., 0] if self._each else delta

    def reduce(self, values: Array, sample_weight: Array | None) -> float:
        """(1/N) Σ w ℓ; keeps w/N for ``backward``."""
        return float(self.total(values, sample_weight)) / self.count(values)

    def count(self, values: Array) -> int:
        """N: how many ℓ there are, where those of single outputs are added up to one."""
        together = self._each and self.over_outputs == "sum"
        return values.size // values.shape[-1] if together else values.size

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; keeps w/N for ``backward``."""
        if sample_weight is None:
            self._scale = 1.0 / values.size
        else:
            w = self.spread(sample_weight, values)  # (N,) -> (N, 1, …): one for all of a sample's
            self._scale = w / self.count(values)
            while self._scale.ndim < self._prediction.ndim:  # ℓ need not have a number for each
                self._scale = self._scale[..., np.newaxis]
            values = w * values
        total: Array = np.add.reduce(values, axis=None)
        return total

    def buffer(self, name: str, like: Array) -> Array:
        """An array of that shape and dtype to write into, the same one from step to step."""
        return self.buffers.get(name, like.shape, like.dtype)
