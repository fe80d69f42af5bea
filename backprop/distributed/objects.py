"""Objects on their way between workers, as bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from backprop.core.types import Array


def as_bytes(value: Any) -> Array:
    """An object as it travels."""
    return np.frombuffer(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), np.uint8)


def gather_objects(mine: Array, exchange: Callable[[Callable[[Any], Any]], Any]) -> list[Any]:
    """The objects of all workers, from the bytes of each.

    When a worker dies some may get nonsense and not notice. So nothing is read before all agree
    that an exchange was whole.

    Args:
        mine: The bytes of this worker's object.
        exchange: Makes a call on the communicator, or raises on all workers.
    """
    sizes = exchange(partial(gather_number, number=len(mine)))
    found = np.empty(sum(sizes), np.uint8)
    exchange(lambda world: world.Allgatherv(mine, (found, sizes)))
    return [pickle.loads(part.tobytes()) for part in np.split(found, np.cumsum(sizes)[:-1])]


def gather_number(world: Any, number: int) -> list[int]:
    """A number of each worker, in one exchange."""
    mine, found = np.array([number], np.int64), np.empty(world.Get_size(), np.int64)
    world.Allgather(mine, found)
    return [int(each) for each in found]
