"""The outputs of layers for a large batch: in parts of its rows, by several threads."""

from collections.abc import Sequence

import numpy as np

from backprop.core.spare import SpareMemory, spare_memories
from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.engine.team import make, team
from backprop.engine.threads import several
from backprop.layers import Layer
from backprop.layers.block import forward_through, walk

ROWS, IMAGES = 256, 128
"""Rows of a part at the least; images or sequences, whose results are larger."""

WORTH_PARTS = 3e7
"""Multiplications by the weights of a layer from which on a batch is computed in parts."""

MANY_NUMBERS = 1 << 18
"""The same for the numbers in a batch of images or sequences."""


def in_parts(X: Array, largest: int) -> bool:
    """Whether a batch is cut: see ``forward_in_parts``."""
    rows = X.shape[0]
    large = rows * largest >= WORTH_PARTS or (X.ndim > 2 and X.size >= MANY_NUMBERS)
    return large and rows >= 2 * least(X)


def least(X: Array) -> int:
    """The rows of a part at the least."""
    return ROWS if X.ndim == 2 else IMAGES


def forward_in_parts(layers: Sequence[Layer], X: Array, largest: int) -> Array:
    """What the last of the layers makes of X in inference.

    How X is cut follows from X and the layers alone, so that its outputs have the same bits
    however many threads there are. Layers of one's own are never called by several at once.

    Args:
        layers: The layers.
        X: A batch.
        largest: The number of weights in the largest of their parameters.
    """
    if not in_parts(X, largest):
        return forward_through(layers, X)
    rows = X.shape[0]
    n = rows // least(X)
    outputs: list[Array] = [X] * n
    memories = spare_memories(X.shape[1:])

    def compute(k: int) -> None:
        try:
            memory = memories.pop()
        except IndexError:  # another thread has it
            memory = SpareMemory()
        with memory:
            outputs[k] = forward_through(layers, X[rows * k // n : rows * (k + 1) // n])
        memories.append(memory)

    calls = [lambda k=k: compute(k) for k in range(n)]
    threads = several()
    if threads > 1 and all(from_here(layer) for _, layer in walk(layers)):
        team.make([calls[k::threads] for k in range(min(threads, n))])
    else:
        make(calls)
    return np.concatenate(outputs)
