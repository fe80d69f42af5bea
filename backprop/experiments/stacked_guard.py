"""Stops single ones of K models trained in step; the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.protocol import Model
from backprop.training.divergence import explain


class StackedGuard:
    """Lets a step change the weights of those models alone whose weights stay finite.

    The rows of a model that has been stopped are computed on, and thrown away.

    Args:
        models: The models.
        theta: θ of each model in a row.
        made: What a step makes.
        optimizer: Their optimizers as one.
        on_divergence: ``"warn"``, ``"raise"``, or ``"go on"``, which leaves the message alone.

    Attributes:
        active: The numbers of the models that are not stopped.
        message: What there is to say of the last one that diverged.
    """

    def __init__(
        self, models: Sequence[Model], theta: Array, made: Any, optimizer: Any, on_divergence: str
    ) -> None:
        self.models, self.theta, self.made, self.optimizer = models, theta, made, optimizer
        self.on_divergence = on_divergence
        self.active = list(range(len(models)))
        self._stopped: dict[int, tuple[Array, Array, dict[str, Array], int, dict[str, Any]]] = {}
        self.message = ""
        self._stretches: list[slice] = []
        stop = 0
        for p in models[0].parameters:  # what a forward pass changes
            start, stop = stop, stop + p.value.size
            if not p.learned:
                self._stretches.append(slice(start, stop))
        self._kept = [theta[:, each].copy() for each in self._stretches]

    def keep(self) -> None:
        """Copies what the forward pass is going to change."""
        for kept, stretch in zip(self._kept, self._stretches, strict=True):
            np.copyto(kept, self.theta[:, stretch])

    def update(self, step: Any, epoch: int, number: int) -> None:
        """The optimizers' step; undone for the models that it would spoil.

        Args:
            step: The ``StackedStep`` that has been made.
            epoch: The epoch, counted from 0.
            number: The step in it, counted from 0.

        Raises:
            DivergenceError: There are some, and that was asked for.
        """
        made = self.made
        self.optimizer.begin_step()
        if np.vdot(made.all, made.all) < self.optimizer.limit:  # which warns of nothing
            self.optimizer.step()
            return
        wrong = ~(np.isfinite(made.g).all(axis=1) & np.isfinite(made.sums).all(axis=0))
        arrays = [self.theta, *self.optimizer.state.values()]
        before, steps = [array.copy() for array in arrays], self.optimizer.t
        self.optimizer.step()
        for array in arrays:
            wrong |= ~np.isfinite(array).all(axis=1)
        for k in np.flatnonzero(wrong):
            if k in self.active:
                rows = [array[k] for array in before]
                self._stop(int(k), step, rows, steps, f"in epoch {epoch + 1}, step {number + 1}")
            for array in arrays:
                array[k] = 0
        if self.on_divergence == "raise" and self.message:
            raise DivergenceError(self.message)

    def _stop(self, k: int, step: Any, rows: list[Array], steps: int, when: str) -> None:
        """Keeps what the model is given back, and says so."""
        model = self.models[k]
        theta = rows[0].copy()
        for kept, stretch in zip(self._kept, self._stretches, strict=True):
            theta[stretch] = kept[k]
        model.parameters.values[...] = theta
        model.optimizer.iterations = steps
        weight = None if step.weight is None else step.weight[k].copy()
        batch = step.X[k].copy(), step.y[k].copy(), weight
        loss = float(self.made.sums[0, k]) / step.size
        self.message = explain(model, loss, batch, f"of models[{k}] {when}")
        if self.on_divergence == "warn":
            console.warn(self.message)
        model.stop_training = True
        self.leave(k, theta, dict(zip(self.optimizer.state, rows[1:], strict=True)), steps)

    def leave(self, k: int, theta: Array, state: dict[str, Array], steps: int) -> None:
        """Keeps what a model has when its training ends; the others go on."""
        state = {name: row.copy() for name, row in state.items()}
        states = {name: rng.bit_generator.state for name, rng in self.models[k].generators.items()}
        self._stopped[k] = theta.copy(), self.made.g[k].copy(), state, steps, states
        self.active.remove(k)

    def let_go(self) -> None:
        """Stops the models whose ``stop_training`` is set after an epoch."""
        for k in [k for k in self.active if self.models[k].stop_training]:
            state = {name: rows[k] for name, rows in self.optimizer.state.items()}
            self.leave(k, self.theta[k], state, self.optimizer.t)

    def hand_back(self) -> None:
        """Writes into the models that were stopped what they had when that was done."""
        for k, (theta, g, state, steps, states) in self._stopped.items():
            model = self.models[k]
            model.parameters.values[...], model.parameters.gradients[...] = theta, g
            model.optimizer.iterations = steps
            for name, vector in state.items():
                model.optimizer.state[name][...] = vector
            for name, rng in model.generators.items():
                rng.bit_generator.state = states[name]
