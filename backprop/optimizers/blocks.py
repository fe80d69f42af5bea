"""The vectors of an update, and θ cut into blocks so small that they all stay in the cache."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from backprop.core.buffers import filled_array, new_array, writable
from backprop.core.parameter_access import fitting
from backprop.core.returned import is_number
from backprop.core.types import Array

BLOCK = 32768
"""Elements of a block."""


class Vectors(dict[str, Array]):
    """Arrays by name, each of which is assigned, whatever writes them."""

    def update(self, *given: Any, **named: Any) -> None:
        """Assigns each."""
        for name, vector in dict(*given, **named).items():
            self[name] = vector


class State(Vectors):
    """State vectors by name: assigning one writes into that which is there, as blocks are views.

    Args:
        vectors: The vectors.
        own: Whether they are of a class of one's own, which may add others.
    """

    def __init__(self, vectors: dict[str, Array], own: bool) -> None:
        super().__init__(writable(vectors))
        self.own = own

    def __reduce__(self) -> Any:
        return State, (dict(self), self.own)

    def __setitem__(self, name: str, given: Array) -> None:
        if name in self:
            self[name][...] = fitting(given, self[name], f"the state vector {name!r}")
        elif self.own:
            super().__setitem__(name, given)
        else:
            there = ", ".join(map(repr, self)) or "none"
            raise KeyError(
                f"there is no state vector {name!r}: there are {there}. After a change of settings "
                f"optimizer.begin(model.parameters) makes those that it needs."
            )

    def clear(self) -> NoReturn:
        """Would take away what the steps go on with."""
        raise TypeError("state vectors cannot be taken away: call optimizer.reset().")


class NoState(Vectors):
    """The state vectors of an optimizer that has no parameters yet."""

    def __setitem__(self, name: str, given: Array) -> None:
        raise KeyError(
            f"there is no state vector {name!r} before the first step: call "
            f"optimizer.begin(model.parameters) first, which makes them."
        )


class Block(NamedTuple):
    """Views of one block: the arguments of ``update``, those parts that decay, and the average."""

    arguments: tuple[Array, ...]
    decaying: list[Array]
    average: Array | None


def cut(
    theta: Array,
    vectors: Sequence[Array],
    average: Array | None,
    scratches: int,
    stretches: Sequence[slice],
    decaying: Sequence[tuple[int, int]],
    size: int = BLOCK,
) -> list[Block]:
    """Cuts the stretches of θ that are to be trained into blocks.

    Args:
        theta: θ.
        vectors: g and the state vectors, each as long as θ.
        average: The moving average of θ, if one is kept.
        scratches: How many arrays an update may use freely; the blocks share them.
        stretches: The stretches of θ that are to be trained.
        decaying: Where the stretches that decay begin and end.
        size: The most elements of a block.
    """
    scratch = new_array((scratches, min(size, theta.size)), theta.dtype)
    found = []
    for stretch in stretches:
        for start in range(stretch.start, stretch.stop, size):
            stop = min(start + size, stretch.stop)
            block = slice(start, stop)
            spare = scratch[:, : stop - start]
            g, *state = (vector[block] for vector in vectors)
            arguments = (theta[block], g, spare if scratches > 1 else spare[0], *state)
            decays = [
                theta[max(start, a) : min(stop, b)] for a, b in decaying if a < stop and start < b
            ]
            found.append(Block(arguments, decays, None if average is None else average[block]))
    return found


def vectors_of(
    lengths: Mapping[str, int],
    there: Mapping[str, Array],
    first: Mapping[str, float],
    theta: Array,
) -> dict[str, Array]:
    """State vectors of these names and lengths: those that are there, or else new ones.

    Args:
        lengths: The names and lengths.
        there: The vectors that there are.
        first: What a new one begins with; 0 unless given.
        theta: θ, which the average begins with.
    """
    found = {}
    for name, n in lengths.items():
        vector = there.get(name)
        if vector is None or len(vector) != n:
            vector = filled_array((n,), first.get(name, 0), theta.dtype)
            if name == "average":
                vector[...] = theta
        found[name] = vector
    return found


def written(
    numbers: Sequence[float], scalars: Sequence[Array], dtype: np.dtype[Any]
) -> list[Array]:
    """The numbers as arrays without axes: those that are there, or else new ones.

    Raises:
        TypeError: One is none, or they are no list.
        ValueError: Likewise, or there are more or fewer than arrays.
    """
    if not (scalars or all(map(is_number, numbers))):
        raise TypeError("no numbers")
    arrays = list(scalars) or [np.empty((), dtype) for _ in numbers]
    for array, number in zip(arrays, numbers, strict=True):
        array[()] = number
    return arrays
