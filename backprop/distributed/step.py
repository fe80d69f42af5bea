"""The training step of several workers: g is added up between its two halves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.distributed.job import Workers
from backprop.layers import Layer
from backprop.layers.block import walk
from backprop.protocol import Model
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
        self._share = 1.0  # N_k / N
        self._synchronized = synchronized(self.model)
        self.enter()

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The first half, on this worker's rows; without rows g is 0, and so is the loss."""
        model, self._n = self.model, len(y)
        if not self._n and self._synchronized:
            raise no_sample_for(self._synchronized[0])
        if not self._n:
            model.parameters.gradients[...] = 0
            shape = X.shape[1:]
            for layer in model.layers:
                shape = layer.output_shape(shape)
            self._add_up(0.0)
            return 0.0, np.empty((0, *shape), model.dtype)
        if self._synchronized:
            self._share = self._n / self._samples()
        found = self._step.gradients(X, y, weight)
        mask = None if self._known else model.mask(X)
        if mask is not None:
            self._n = int(mask.sum())
        self._add_up(found[0])
        return found

    def _add_up(self, loss: float) -> None:
        """Adds up g over the workers; a loss that is not finite makes it nan on all of them.

        So all decide alike whether the step may change the weights. A full-batch optimizer adds up
        the gradients of all its batches at once.
        """
        stretches = self.model.parameters.trainable_slices()
        if self.model.optimizer.full_batch or not stretches:
            return
        g = self.model.parameters.gradients[stretches[0].start : stretches[-1].stop]
        g *= g.dtype.type(self._n / self._samples() if math.isfinite(loss) else math.nan)
        self._workers.add(g)
        self.square = float(np.dot(g, g))

    def update(self) -> None:
        """The second half, the same on all workers."""
        self._step.update()

    def _over_workers(self, mean: Array, back: bool) -> Array:
        """Means of all workers' samples for a layer that needs them.

            μ = Σ_j s_j μ_j        with s_k = N_k / N

        The derivatives on worker k are those of its own mean loss, N / N_k times as large as those
        of the whole. In that unit their mean is Σ_j s_j² μ_j / s_k.
        """
        s = self._share
        total = self._workers.add(np.multiply(mean, s * s if back else s, dtype=np.float64))
        return (total / s if back else total).astype(mean.dtype)

    def _samples(self) -> int:
        """N, the samples of the batch on all workers, or steps without padding; at least 1."""
        N = self._batches.n if self._known else None
        if N is None:
            N = int(self._workers.add(np.array([self._n]))[0])
        return max(N, 1)

    def enter(self) -> None:
        """Gives the layers that are synchronised the means of all workers."""
        for layer in self._synchronized:
            vars(layer)["over_workers"] = self._over_workers  # in the place of the method

    def leave(self) -> None:
        """Lets go of the layers that are synchronised."""
        for layer in self._synchronized:
            vars(layer).pop("over_workers", None)

    def refresh(self) -> None:
        """Notices what a callback may have changed in the model since the last step."""
        super().refresh()
        self._step.refresh()


def synchronized(model: Model) -> list[Layer]:
    """The layers that need means over the samples of all workers."""
    return [layer for _, layer in walk(model.layers) if getattr(layer, "synchronized", False)]


def no_sample_for(layer: Layer) -> ValueError:
    """What is raised for a layer that is synchronised if a batch has no samples on a worker."""
    return ValueError(
        f"{layer} is synchronised and needs a sample of every batch on each worker, but one batch "
        f"has none here: make larger batches, or one less with steps_per_epoch."
    )
