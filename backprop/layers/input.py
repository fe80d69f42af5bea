"""The declaration of a model's input."""

from collections.abc import Iterable

import numpy as np

from backprop.core.types import Shape


class Input:
    """Says the shape of one sample, so that a model is built as soon as its layers are there.

    It computes nothing and does not appear among ``model.layers``::

        Sequential([Input((784,)), Dense(10), Softmax()])

    Args:
        shape: The shape of one sample, without the batch axis: ``(784,)``, or 784 for short.

    Raises:
        ValueError: The shape holds something else than positive integers.
    """

    def __init__(self, shape: int | Iterable[int]) -> None:
        sizes: Shape = tuple(shape) if isinstance(shape, Iterable) else (shape,)
        if not sizes or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
            raise ValueError(
                f"Input(shape) takes the shape of one sample, such as (784,), without the batch "
                f"axis, but it is {shape!r}."
            )
        self.shape = tuple(int(size) for size in sizes)

    def __repr__(self) -> str:
        return f"Input(shape={self.shape})"
