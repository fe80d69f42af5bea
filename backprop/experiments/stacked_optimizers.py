"""The optimizers of K models of one form as one: their states are the rows of matrices."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.optimizers.base import ROUNDING
from backprop.optimizers.blocks import written
from backprop.optimizers.vectors import round_to_0
from backprop.protocol import Model


class StackedOptimizers:
    """The models' optimizers as one: their formula on K rows, their numbers in columns.

    Args:
        models: The models.
        theta: θ of each in a row.
        g: Likewise ∂E/∂θ.

    Attributes:
        limit: What the squares of a step's numbers must be below for all θ to stay finite.
    """

    def __init__(self, models: Sequence[Model], theta: Array, g: Array) -> None:
        self.each = [model.optimizer for model in models]
        self._parameters = models[0].parameters
        first = self.formula = copy.copy(self.each[0])
        for optimizer, model in zip(self.each, models, strict=True):
            optimizer.begin(model.parameters)
        self.t = first.iterations
        self.scheduled = any(optimizer.schedule is not None for optimizer in self.each)
        self.state = {
            name: np.stack([optimizer.state[name] for optimizer in self.each])
            for name in first.used_slots()
        }
        self._blocks = []
        for stretch in models[0].parameters.trainable_slices():
            scratch = np.empty(
                (first.scratches, len(theta), stretch.stop - stretch.start), theta.dtype
            )
            views = [self.state[name][:, stretch] for name in first.used_slots()]
            spare = scratch if first.scratches > 1 else scratch[0]
            self._blocks.append((theta[:, stretch], g[:, stretch], spare, *views))
        self._dtype = theta.dtype
        self._scalars: list[Array] = []
        self._etas: list[float] = []
        self.find_rates()

    def find_rates(self) -> None:
        """The different learning rates of the models, which one each of them has, and the limit."""
        etas = [optimizer.learning_rate for optimizer in self.each]
        if etas == self._etas:
            return
        self._etas = etas
        _, first, self._which = np.unique(etas, return_index=True, return_inverse=True)
        self._numbers: Any = None
        # each by an optimizer that has it: Nadam's keeps what it multiplied up to this step
        self._rated = [(self.each[k], etas[k]) for k in first]
        self.limit = min(each.largest_square(self._parameters) for each, _ in self._rated)

    def begin_step(self) -> None:
        """Finds the learning rates of the next step."""
        if self.scheduled:
            self.count()
            self.find_rates()

    def step(self) -> None:
        """One update of all θ, by the rates that were found."""
        self.t += 1
        numbers = [optimizer.coefficients(self.t, eta) for optimizer, eta in self._rated]
        if numbers != self._numbers:
            self._numbers = numbers
            if len(numbers) == 1:  # NumPy takes a number faster than a column
                self._scalars = written(numbers[0], self._scalars, self._dtype)
                vars(self.formula)["scalars"] = self._scalars  # quicker than the attribute
            else:
                columns = np.array(numbers, self._dtype)
                self.formula.scalars = list(columns[self._which].T[..., np.newaxis])  # (K, 1) each
        for arguments in self._blocks:
            self.formula.update(*arguments)
            if not self.t % ROUNDING:
                for vector in arguments[3:]:
                    round_to_0(vector)

    def count(self) -> None:
        """Tells each optimizer how many steps it has taken."""
        for optimizer in self.each:
            vars(optimizer)["iterations"] = self.t  # a setting, which would be checked each time

    def hand_back(self) -> None:
        """Writes the state into each optimizer."""
        self.count()
        for name, rows in self.state.items():
            for optimizer, row in zip(self.each, rows, strict=True):
                optimizer.state[name][...] = row
