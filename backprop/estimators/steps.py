"""A training step as scikit-learn's MLP defines it: its mean over a batch, its penalty."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.buffers import new_array
from backprop.core.types import Array
from backprop.engine.recorded import RecordedSteps
from backprop.protocol import Model


class PenalisedSteps(RecordedSteps):
    """E = (Σ_i w_i ℓ_i + ½ α Σ ‖W‖²) / Σ_i w_i over the samples of a batch; w_i = 1 unless given.

    The penalty of a weight matrix therefore depends on the batch, which that of a regulariser does
    not, and is added here. Biases and what normalisation learns have none.

    Args:
        model: A built and compiled model.
        alpha: α.
        watched: Whether anybody may change the model between two steps, callbacks for example.
    """

    def __init__(self, model: Model, alpha: float, watched: bool = True) -> None:
        super().__init__(model)
        self._alpha, self._watched = alpha, watched
        self._weights: dict[int, Array] = {}
        theta = model.parameters.values
        self._penalty, self._kernels = new_array(theta.shape, model.dtype), np.zeros_like(theta)
        for p, (start, stop) in model.parameters.places():
            self._kernels[start:stop] = alpha if p.decays else 0.0

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """E, with g = ∂E/∂θ written, and the prediction."""
        total: Any = len(y)
        if weight is not None:
            total = float(np.add.reduce(weight))
            weight = self._of_mean_1(weight, total)
        loss, prediction = super().gradients(X, y, weight)
        if self._alpha:  # α θ / Σ w for weight matrices, 0 for all else
            theta, g = self.model.parameters.values, self.model.parameters.gradients
            penalty = np.multiply(theta, self._kernels, out=self._penalty)
            penalty *= 1 / total
            g += penalty
            loss += 0.5 * float(np.dot(theta, penalty))
        return loss, prediction

    def _of_mean_1(self, weight: Array, total: float) -> Array:
        """w N / Σ w, in the same array for every batch of that size."""
        if total == 0:
            raise ValueError("the sample weights of a batch are all 0: their mean is not defined.")
        n = len(weight)
        if n not in self._weights:
            self._weights[n] = new_array((n,), weight.dtype)
        return np.multiply(weight, n / total, out=self._weights[n])

    def refresh(self) -> None:
        """Notices what others changed in the model, if there are any."""
        if self._watched:
            super().refresh()
