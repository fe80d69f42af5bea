"""The declaration of a model's input."""

from collections.abc import Iterable

from backprop.core.checks import check_shape


class Input:
    """Says the shape of one sample, so that a model is built as soon as its layers are there.

    It computes nothing and does not appear among ``model.layers``::

        Sequential([Input((784,)), Dense(10), Softmax()])

    Args:
        shape: The shape of one sample, without the batch axis: ``(784,)``, or 784 for short.

    Raises:
        ShapeError: The shape holds something else than positive integers.
    """

    def __init__(self, shape: int | Iterable[int]) -> None:
        self.shape = check_shape(shape, "Input(shape)")

    def __repr__(self) -> str:
        return f"Input(shape={self.shape})"
