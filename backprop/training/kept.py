"""θ and the optimizer as they were, to be had again if steps go wrong."""

import math
from operator import is_
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.protocol import Model


class Kept:
    """Copies of θ and of the optimizer's state.

    Args:
        model: A built model, whose optimizer has its state.

    Attributes:
        vectors: θ and the vectors of the state, as they go on.
    """

    def __init__(self, model: Model) -> None:
        self._optimizer = model.optimizer
        self.vectors: list[Array] = [model.parameters.values, *model.optimizer.state.values()]
        self._before = [vector.copy() for vector in self.vectors]
        self._attributes = vars(model.optimizer).copy()

    def renewed(self, model: Model) -> "Kept":
        """Copies of what is there now, in the same places if it still stands in the same arrays."""
        vectors = [model.parameters.values, *model.optimizer.state.values()]
        same = len(vectors) == len(self.vectors) and all(map(is_, vectors, self.vectors))
        if not same or model.optimizer is not self._optimizer:
            return Kept(model)
        for vector, copy in zip(vectors, self._before, strict=True):
            np.copyto(copy, vector)
        self._attributes = vars(model.optimizer).copy()
        return self

    def finite(self) -> bool:
        """Whether all of it still is."""
        return all(map(finite, self.vectors))

    def unmoved(self) -> bool:
        """Whether θ is as it was."""
        return np.array_equal(self.vectors[0], self._before[0])

    def put_back(self) -> None:
        """Undoes the steps since then; the next one writes the numbers of its formula anew."""
        for vector, old in zip(self.vectors, self._before, strict=True):
            vector[...] = old
        vars(self._optimizer).update(self._attributes, _numbers=())


def check_counted(optimizer: Any, made: int, moved: bool) -> None:
    """Checks that an optimizer counts a step that changes θ as one, as schedules go by that.

    Args:
        optimizer: The optimizer, whose step has just been called.
        made: By how many its ``steps`` are more than before.
        moved: Whether θ has changed.

    Raises:
        TypeError: It does not.
    """
    if made < 1 and moved:
        advice = "call super().step(parameters), or add 1 to self.iterations at its end"
    elif made > 1:
        advice = "Optimizer.step counts iterations already, and is to be called once"
    else:
        return
    raise TypeError(
        f"a step of {type(optimizer).__name__} counts as {made} steps, by its iterations, and "
        f"schedules would be wrong: {advice}."
    )


def finite(v: Array) -> bool:
    """Whether a vector is; its product with itself is quicker than a look at every number."""
    return math.isfinite(np.vdot(v, v)) or bool(np.isfinite(v).all())
