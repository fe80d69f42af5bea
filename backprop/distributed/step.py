"""The training step of several workers: g is added up between its two halves."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.distributed.job import Workers
from backprop.training.step import Step


class WorkersStep(Step):
    """Makes each half as another step does, and between them g of the sum of all samples.

        g = Σ_k (N_k / N) g_k

    As Σ_k N_k = N, the gradients of the regularisers, which every worker has, are counted once.

    Args:
        step: The step of this worker alone, whose first half leaves all of g.
        workers: The workers.
        batches: This worker's share of the batches, which knows N.
    """

    def __init__(self, step: Step, workers: Workers, batches: Any) -> None:
        super().__init__(step.model)
        self._step, self._workers, self._batches = step, workers, batches
        self._n = 0  # N_k
        self._known = not self.model.makes_mask  # of sequences only steps without padding count

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The first half, on this worker's rows; without rows g is 0, and so is the loss."""
        model, self._n = self.model, len(y)
        if not self._n:
            model.parameters.gradients[...] = 0
            shape = X.shape[1:]
            for layer in model.layers:
                shape = layer.output_shape(shape)
            return 0.0, np.empty((0, *shape), model.dtype)
        found = self._step.gradients(X, y, weight)
        mask = None if self._known else model.mask(X)
        if mask is not None:
            self._n = int(mask.sum())
        return found

    def update(self) -> None:
        """Adds up g over the workers; then the second half, the same on all of them."""
        N = self._batches.n if self._known else None
        if N is None:
            N = int(self._workers.add(np.array([self._n]))[0])
        stretches = self.model.parameters.trainable_slices()
        if stretches:
            g = self.model.parameters.gradients[stretches[0].start : stretches[-1].stop]
            g *= g.dtype.type(self._n / max(N, 1))
            self._workers.add(g)
        self._step.update()

    def refresh(self) -> None:
        """Notices what a callback may have changed in the model since the last step."""
        self._step.refresh()
