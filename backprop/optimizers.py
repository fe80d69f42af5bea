"""Optimizers: functions of two vectors, θ and its gradient g, with Keras's formulas."""

import numpy as np

from backprop.core.lookup import resolve, show_call
from backprop.core.parameters import Parameters
from backprop.core.types import Array

BLOCK = 65536
"""Elements that are updated in one go: temporaries of this size stay in the cache."""


class Optimizer:
    """Changes θ in place from g, stretch by stretch; a frozen layer's stretch is never touched.

    A subclass names its ``slots``, the state vectors as long as θ that it needs, and writes the
    formula in ``update``.

    Args:
        learning_rate: η, the size of a step.

    Attributes:
        iterations: The number of steps taken.
        state: The state vectors by name, each as long as θ.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.iterations = 0
        self.state: dict[str, Array] = {}
        self._parameters: Parameters | None = None
        self._runs: list[slice] | None = None
        self._blocks: list[tuple[Array, ...]] = []

    @property
    def learning_rate(self) -> float:
        """η; may be set between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if not value >= 0:
            raise ValueError(f"learning_rate must be 0 or more, but it is {value!r}.")
        self._learning_rate = float(value)

    def step(self, parameters: Parameters) -> None:
        """One update of θ from g.

        Args:
            parameters: A model's ``parameters``, their gradients written by its ``backward``.

        Raises:
            ValueError: This optimizer already trains another model, whose state it holds.
        """
        if self._parameters is not parameters:
            self._bind(parameters)
        runs = parameters.trainable_slices()
        if runs is not self._runs:
            self._runs, self._blocks = runs, self._cut(parameters, runs)
        self.iterations += 1
        for block in self._blocks:
            self.update(*block)

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """Changes a stretch of θ and of the state vectors in place.

        Args:
            theta: The stretch of θ.
            g: Its gradient, to be left as it is.
            scratch: An array of the same size, to be used freely.
            *state: The stretches of the state vectors, in the order of ``slots``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update.")

    def reset(self) -> None:
        """Forgets the state and the model, as if no step had been taken."""
        self.iterations = 0
        self.state = {}
        self._parameters = None

    def _bind(self, parameters: Parameters) -> None:
        if self._parameters is not None:
            raise ValueError(
                f"this {type(self).__name__} already trains another model: make one for each model."
            )
        self._parameters, self._runs = parameters, None
        self.state = {name: np.zeros_like(parameters.values) for name in self.slots}

    def _cut(self, parameters: Parameters, runs: list[slice]) -> list[tuple[Array, ...]]:
        """Views of θ, g, scratch and the state vectors, block by block of what may be trained."""
        theta, g = parameters.values, parameters.gradients
        scratch = np.empty(min(BLOCK, theta.size), theta.dtype)
        blocks = []
        for run in runs:
            for start in range(run.start, run.stop, BLOCK):
                block = slice(start, min(start + BLOCK, run.stop))
                state = [vector[block] for vector in self.state.values()]
                blocks.append((theta[block], g[block], scratch[: block.stop - start], *state))
        return blocks

    def __repr__(self) -> str:
        return show_call(self)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

        θ ← θ − η g                              without momentum
        v ← μ v − η g,  θ ← θ + v                with momentum μ
        v ← μ v − η g,  θ ← θ + μ v − η g        with Nesterov's momentum

    Keras's formula: the learning rate stands inside the velocity. Sources: Robbins & Monro 1951,
    Polyak 1964, Nesterov 1983.

    Args:
        learning_rate: η.
        momentum: μ in [0, 1).
        nesterov: Whether to look ahead, as Nesterov's variant does.
    """

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(learning_rate)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie between 0 and 1, but it is {momentum!r}.")
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.slots = ("velocity",) if momentum else ()

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """θ and v after one step."""
        np.multiply(g, self.learning_rate, out=scratch)  # η g
        if not state:
            theta -= scratch
            return
        v = state[0]
        v *= self.momentum
        v -= scratch
        if self.nesterov:
            theta -= scratch
            np.multiply(v, self.momentum, out=scratch)
            theta += scratch
        else:
            theta += v


_BY_NAME: dict[str, type[Optimizer]] = {"sgd": SGD}


def get(optimizer: str | Optimizer) -> Optimizer:
    """The optimizer of that name, or the object itself (see ``core.lookup.resolve``)."""
    return resolve(optimizer, Optimizer, _BY_NAME, "optimizer")
