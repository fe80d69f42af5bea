"""Optimizers whose formula needs whole parameters: their shapes, or the length of each."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from backprop.core.buffers import new_array
from backprop.core.parameters import Parameter, Parameters
from backprop.core.types import Array, Shape
from backprop.optimizers.base import Optimizer
from backprop.optimizers.blocks import BLOCK, Block


class ByParameter(Optimizer):
    """The base of optimizers whose ``update`` is given one whole parameter, in its own shape.

    θ, g and ``scratch`` then have that shape, and the state has the ``shapes`` that a subclass
    says. K models of one form are trained one after the other by ``fit_many``.

    Example:
        >>> class Normalized(bp.optimizers.ByParameter):  # θ ← θ − η g / ‖g‖ of each parameter
        ...     def update(self, theta, g, scratch, *state):
        ...         theta -= self.learning_rate * g / np.linalg.norm(g)
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1, use_bias=False)])
        >>> model.parameters.values[:], model.parameters.gradients[:] = 1, (3, 4)
        >>> Normalized(1.0).step(model.parameters)
        >>> model.parameters.values.round(4)  # 1 − 3/5 and 1 − 4/5
        array([0.4, 0.2], dtype=float32)
    """

    by_parameter = True

    def shapes(self, parameter: Parameter) -> Sequence[Shape]:
        """The shape of each state array of a parameter, in the order of ``slots``."""
        return [parameter.shape] * len(self.used_slots())

    def lengths(self, parameters: Parameters) -> dict[str, int]:
        """How many numbers there are in each state vector: those of all parameters."""
        each = [map(math.prod, self.shapes(p)) for p in parameters]
        slots = self.used_slots()
        sums = map(sum, zip(*each, strict=True)) if each else [0] * len(slots)
        return super().lengths(parameters) | dict(zip(slots, sums, strict=True))

    def blocks(
        self, parameters: Parameters, stretches: Sequence[slice], size: int = BLOCK
    ) -> list[Block]:
        """A block for each parameter in these stretches of θ, however large it is."""
        found = []
        scratch = new_array((self.scratches * parameters.largest,), parameters.values.dtype)
        decays = self._decays or [False] * len(parameters)
        average = self.state.get("average")
        for (p, (a, b)), state, decaying in zip(
            parameters.places(), self.states(parameters), decays, strict=True
        ):
            if a == b or not any(s.start <= a and b <= s.stop for s in stretches):
                continue
            n = self.scratches
            spare = scratch[: n * (b - a)].reshape(n, *p.shape)
            arguments = (p.value, p.gradient, spare if n > 1 else spare[0], *state)
            mean = None if average is None else average[a:b].reshape(p.shape)
            found.append(Block(arguments, [p.value] if decaying else [], mean))
        return found

    def states(self, parameters: Iterable[Parameter]) -> Iterator[list[Array]]:
        """The state arrays of each parameter."""
        shapes = [self.shapes(p) for p in parameters]
        slots = zip(*shapes, strict=True)
        starts = [list(accumulate(map(math.prod, each), initial=0)) for each in slots]
        vectors = [self.state[name] for name in self.used_slots()]
        for k, mine in enumerate(shapes):
            yield [
                vector[start[k] : start[k + 1]].reshape(shape)
                for vector, start, shape in zip(vectors, starts, mine, strict=True)
            ]
