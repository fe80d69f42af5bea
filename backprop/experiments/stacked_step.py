"""One training step of K models at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from backprop.core.buffers import filled_array
from backprop.core.types import Array
from backprop.data.batches import as_batch
from backprop.data.samples import Data
from backprop.engine.recorded import RecordedStep
from backprop.engine.taking_part import parts
from backprop.experiments.stacked_tape import CannotStack, StackedTape, with_biases
from backprop.layers import Dense
from backprop.protocol import Model
from backprop.training.divergence import quiet
from backprop.training.step import Step


class Made:
    """What a step makes of K models, in one stretch of memory: one call looks at all of it.

    Args:
        theta: θ of each model in a row.

    Attributes:
        all: All of it.
        g: ∂E/∂θ of each model in a row.
        sums: The sum of the losses of each, the penalty Ω(θ) of its regularisers, and α Σ w² / N.
    """

    def __init__(self, theta: Array) -> None:
        k, n = theta.shape
        self.all = filled_array((k * (n + 3),), 0, theta.dtype)
        self.g = self.all[: k * n].reshape(k, n)
        self.sums = self.all[k * n :].reshape(3, k)


class Table:
    """The samples of all models, and what draws a batch of them for each.

    Args:
        model: One of the models.
        data: The samples.

    Attributes:
        arrays: Inputs, targets, and weights if there are any.
        ones: Whether the inputs are [x 1], as there is one feature x, whose product adds the bias.
    """

    def __init__(self, model: Model, data: Data) -> None:
        first, X = model.layers[0], data.X
        self.ones = X.shape[1:] == (1,) and type(first) is Dense and first.use_bias
        if self.ones:
            X = np.concatenate((X, np.ones((len(X), 1), X.dtype)), axis=1)
        self.arrays = [X, data.y] + ([] if data.weight is None else [data.weight])

    def inputs(self, drawn: Array) -> Array:
        """X of what was drawn from the first array."""
        return drawn[..., :-1] if self.ones else drawn


class StackedStep:
    """Forward pass, loss and backward pass of all models on batches of one size.

    Args:
        models: The models.
        model: A copy of one; what a step changes in it is thrown away.
        table: The samples of all of them.
        example: Which samples to record a step with: as many as are in a batch.
        theta: θ of each model in a row.
        made: Where ∂E/∂θ and the sums of the losses are to stand.
        alpha: α of a penalty ½ α Σ w² / N, over the weights that decay and the samples of a batch.

    Attributes:
        calls: Functions that make the step.
        size: How many losses there are in a sum.
        prediction: The output of each.
        X: The inputs that were drawn.
        y: The targets that were drawn.
        weight: The sample weights, if there are any.
    """

    def __init__(
        self,
        models: Sequence[Model],
        model: Model,
        table: Table,
        example: Array,
        theta: Array,
        made: Made,
        alpha: float,
    ) -> None:
        self._arrays = table.arrays
        arrays = [array[example] for array in self._arrays]
        weighted = len(arrays) > 2
        batch = as_batch([table.inputs(arrays[0]), *arrays[1:]], weighted, rounded=False)[:3]
        with quiet():
            Step(model).gradients(*batch)  # makes all buffers
            recorded = RecordedStep(model, *batch)
        if not recorded.works:
            raise CannotStack(recorded.tape.failure)
        calls, parameters = recorded.tape.calls, model.parameters
        if table.ones:
            calls = with_biases(calls, arrays[0])
        vectors = [(parameters.values, theta), (parameters.gradients, made.g)]
        stacked = StackedTape(calls, len(models), vectors)
        self._drawn = [stacked.block(array) for array in arrays]
        self.X, self.y = table.inputs(self._drawn[0]), self._drawn[1]
        self.weight = self._drawn[2] if weighted else None
        random = any(call.function == "draw" for call in calls)
        self.calls = stacked.bind(generators_of(model, models) if random else {})
        total = stacked.block(recorded.total)
        self.calls.append(partial(np.copyto, made.sums[0], total))
        self.size, self.prediction = recorded.size, stacked.block(recorded.prediction)
        self._add_penalties(model, theta, made, alpha / len(example))

    def _add_penalties(self, model: Model, theta: Array, made: Made, factor: float) -> None:
        """Adds the calls that are made for what stands beside the losses in E."""
        regularised = [
            (p.regularizer.penalties, theta[:, slice(*bounds)], p.value.shape)
            for p, bounds in model.parameters.places()
            if p.regularizer is not None and p.trainable
        ]

        def regularise() -> None:
            made.sums[1] = sum(penalties(rows, shape) for penalties, rows, shape in regularised)

        if regularised:
            self.calls.append(regularise)
        if not factor:
            return
        factors, gradient = np.zeros_like(theta), np.empty_like(theta)
        for p, bounds in model.parameters.places():
            factors[:, slice(*bounds)] = factor if p.decays and p.trainable else 0.0
        self.calls += [
            partial(np.multiply, theta, factors, gradient),
            partial(np.add, made.g, gradient, made.g),
            partial(np.vecdot, theta, gradient, out=made.sums[2]),
        ]

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
