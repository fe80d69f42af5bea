"""One training step of K models at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np

from backprop.core.types import Array
from backprop.data.batches import as_batch
from backprop.data.samples import Data
from backprop.engine.recorded import RecordedStep
from backprop.engine.taking_part import parts
from backprop.experiments.stacked_tape import CannotStack, StackedTape
from backprop.protocol import Model
from backprop.training.divergence import quiet
from backprop.training.step import Step

Prepare = Callable[[Model, int], None]
"""Is given the copy of a model that a step is made with, and the size of the batches."""


class StackedStep:
    """Forward pass, loss and backward pass of all models on batches of one size.

    Args:
        models: The models.
        data: The samples of all of them.
        example: Which samples to record a step with: as many as are in a batch.
        theta: θ of each model in a row.
        g: Likewise ∂E/∂θ.
        prepare: Is called first.

    Attributes:
        calls: Functions that make the step.
        penalised: Of each regulariser the function Ω, its part of every θ, and the shape of that.
        total: The sum of the losses of each model.
        size: How many losses there are in each.
        prediction: The output of each.
        X: The inputs that were drawn.
        y: The targets that were drawn.
        weight: The sample weights, if there are any.
    """

    def __init__(
        self,
        models: Sequence[Model],
        data: Data,
        example: Array,
        theta: Array,
        g: Array,
        prepare: Prepare | None,
    ) -> None:
        model = copy.deepcopy(models[0])  # what its step changes is thrown away
        if prepare is not None:
            prepare(model, len(example))
        self._arrays = [data.X, data.y] + ([] if data.weight is None else [data.weight])
        arrays = [array[example] for array in self._arrays]
        batch = as_batch(arrays, data.weight is not None, rounded=False)[:3]
        with quiet():
            Step(model).gradients(*batch)  # makes all buffers
            recorded = RecordedStep(model, *batch)
        if not recorded.works:
            raise CannotStack(recorded.tape.failure)
        self.penalised = [
            (p.regularizer.penalties, theta[:, slice(*bounds)], p.value.shape)
            for p, bounds in model.parameters.places()
            if p.regularizer is not None and p.trainable
        ]
        vectors = [(model.parameters.values, theta), (model.parameters.gradients, g)]
        stacked = StackedTape(recorded.tape.calls, len(models), vectors)
        self._drawn = [stacked.block(array) for array in arrays]
        self.X, self.y = self._drawn[:2]
        self.weight = self._drawn[2] if len(arrays) > 2 else None
        self.calls = stacked.bind(generators_of(model, models))
        self.total, self.size = stacked.block(recorded.total), recorded.size
        self.prediction = stacked.block(recorded.prediction)

    def draw(self, index: Array) -> None:
        """Draws a batch for each model: samples with these numbers, shape ``(K, size)``."""
        for array, out in zip(self._arrays, self._drawn, strict=True):
            array.take(index, 0, out, "clip")


def generators_of(model: Model, models: Sequence[Model]) -> dict[int, list[np.random.Generator]]:
    """The K generators in the place of each one of a copy's layers, by its id."""
    layers = [list(parts(each)) for each in models]
    return {
        id(rng): [vars(row[i])["_rng"] for row in layers]
        for i, part in enumerate(parts(model))
        if (rng := vars(part).get("_rng")) is not None
    }
