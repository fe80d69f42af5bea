"""The base of the layers that draw random numbers in training."""

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.types import Shape
from backprop.layers.base import Layer


class RandomLayer(Layer):
    """A layer with a generator of its own, so that it does not change what other layers draw.

    Args:
        seed: Determines what it draws; None takes it from the model's seed.
        name: The layer's name.
    """

    random = True

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self._rng = np.random.default_rng(self.seed)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes none; takes a generator of its own."""
        self._rng = self._rng.spawn(1)[0] if self.seed is None else np.random.default_rng(self.seed)
