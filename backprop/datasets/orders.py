"""The orders in which a source draws its samples: another one in every epoch, from a seed."""

import numpy as np

from backprop.core.checks import check_integer


class Orders:
    """The base of sources that shuffle: an epoch's order follows from the seed and its number.

    So a training that is resumed goes on with the order in which it was interrupted.

    Args:
        seed: Determines the orders; None leaves all as it is.

    Attributes:
        begun: How many epochs have begun so far.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed = None if seed is None else check_integer(seed, "seed", 0)
        self.begun = 0

    def go_on(self, epochs: int) -> None:
        """Continues as if so many epochs had been drawn, of which the first has begun."""
        self.begun += epochs - 1

    def _next_rng(self) -> np.random.Generator | None:
        """What draws the order of the next epoch; None if nothing is shuffled."""
        self.begun += 1
        return None if self._seed is None else np.random.default_rng((self._seed, self.begun))
