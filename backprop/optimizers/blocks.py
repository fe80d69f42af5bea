"""Cuts θ into blocks so small that all vectors of an update stay in the cache."""

from collections.abc import Sequence
from typing import NamedTuple

from backprop.core.buffers import new_array
from backprop.core.types import Array

BLOCK = 32768
"""Elements of a block."""


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
