"""A training step as scikit-learn's MLP defines it: its mean over a batch, its penalty."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from backprop.core.buffers import new_array
from backprop.core.types import Array
from backprop.engine.recorded import RecordedStep, RecordedSteps
from backprop.protocol import Model


class PenalisedSteps(RecordedSteps):
    """E = (Σ_i w_i ℓ_i + ½ α Σ ‖W‖²) / Σ_i w_i over the samples of a batch; w_i = 1 unless given.

    Of a batch whose weights are all 0 E and g are 0.

    The penalty of a weight matrix depends on the batch. Where the model has L2 regularisers, their
    λ is α / (2 Σ w) of the batch in hand during a step, and 0 between two, for validations: inside
    the ``with`` statement it stands in an array, which recorded steps read anew each time. Without
    them the penalty is added when g is there, which takes less time for small networks; g is then
    computed on one thread.

    Args:
        model: A built and compiled model.
        alpha: α.
        watched: Whether anybody may change the model between two steps, callbacks for example.
        divided: Whether ``update`` may compute a part of g, as it does on several threads.
    """

    keeps = False  # the recorded calls read this object's λ

    def __init__(
        self, model: Model, alpha: float, watched: bool = True, divided: bool = True
    ) -> None:
        super().__init__(model)
        self._alpha, self._watched = alpha, watched
        self._weights: dict[int, Array] = {}
        self._l2 = np.zeros((), model.dtype)
        self._penalties = [p.regularizer for p in model.parameters if p.regularizer is not None]
        self._adds = bool(alpha) and not self._penalties  # the penalty, when g is there
        self._divided = divided and not self._adds
        if self._penalties and self._divided:  # else update costs no more than it must
            vars(self)["update"] = self._update
        theta = model.parameters.values
        size = theta.shape if self._adds else (0,)
        self._penalty, self._kernels = (new_array(size, model.dtype) for _ in range(2))
        self._decays, self._total = np.zeros(size, model.dtype), 0.0
        self._find_decays()

    def __enter__(self) -> Self:
        for each in self._penalties:
            vars(each)["l2"] = self._l2
        return self

    def __exit__(self, *error: object) -> None:
        for each in self._penalties:
            vars(each)["l2"] = 0.0

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """E, with g = ∂E/∂θ written, and the prediction."""
        total: Any = len(y)
        if weight is not None:
            total = float(np.add.reduce(weight)) or math.inf
            weight = self._of_mean_1(weight, total)
        if not self._adds:
            self._l2[()] = self._alpha / (2 * total)
            found = super().gradients(X, y, weight)
            if not self._divided:  # the step is through
                self._l2[()] = 0.0
            return found
        loss, prediction = super().gradients(X, y, weight)
        if total != self._total:  # of full batches it is the same
            np.multiply(self._decays, 1 / total, out=self._kernels)
            self._total = total
        parameters = self.model.parameters
        theta, g = parameters.values, parameters.gradients
        penalty = np.multiply(theta, self._kernels, out=self._penalty)  # α W / Σ w, 0 for biases
        g += penalty
        twice = float(np.dot(theta, penalty))  # λ ‖W‖² with λ = α / Σ w, and λ² ‖W‖² is in g
        self.square = 2 * (self.square + self._alpha / total * twice)  # ‖a + b‖² ≤ 2‖a‖² + 2‖b‖²
        return loss + 0.5 * twice, prediction

    def _update(self) -> None:
        """``update``, which may read λ, and nothing does after it."""
        super().update()
        self._l2[()] = 0.0

    def record(self, batch: tuple[Array, Array, Array | None]) -> RecordedStep:
        """A step on these arrays; all of it made by one thread if ``update`` may not be."""
        step = super().record(batch)
        if not self._divided:
            step.shared = None
        return step

    def _of_mean_1(self, weight: Array, total: float) -> Array:
        """w N / Σ w, in the same array for every batch of that size."""
        n = len(weight)
        if n not in self._weights:
            self._weights[n] = new_array((n,), weight.dtype)
        return np.multiply(weight, n / total, out=self._weights[n])

    def _find_decays(self) -> None:
        """Finds which of θ have a penalty: weight matrices that are not frozen."""
        self._total = 0.0
        for p, (start, stop) in self.model.parameters.places() if self._adds else ():
            self._decays[start:stop] = self._alpha if p.decays and p.trainable else 0.0

    def refresh(self) -> None:
        """Notices what others changed in the model, if there are any."""
        if self._watched:
            super().refresh()
            self._find_decays()
        else:
            self.find_limit()
