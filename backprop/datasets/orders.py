"""The orders in which a source draws its samples: another one in every epoch, from a seed."""

from __future__ import annotations

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.settings import Settings


class Orders(Settings):
    """The base of sources that shuffle: an epoch's order follows from the seed and its number.

    So a training that is resumed goes on with the order in which it was interrupted.

    Args:
        seed: Determines the orders; None leaves all as it is.

    Attributes:
        begun: How many epochs have begun so far.
    """

    instead = {"classes": "it follows from the folders"}

    def __init__(self, seed: int | None) -> None:
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self.begun = 0

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: the data have been looked at as they are to be read."""
        raise AttributeError(f"{name} cannot be changed: make another source, with {name}=….")

    def go_on(self, epochs: int) -> None:
        """Continues as if so many epochs had been drawn, of which the first has begun."""
        self.begun += epochs - 1

    def _next_rng(self) -> np.random.Generator | None:
        """What draws the order of the next epoch; None if nothing is shuffled."""
        self.begun += 1
        return None if self.seed is None else np.random.default_rng((self.seed, self.begun))
