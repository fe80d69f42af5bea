"""The declaration of a model's input."""

from collections.abc import Iterable
from typing import Any

from backprop.core.checks import check_shape
from backprop.core.settings import Settings
from backprop.layers.base import Layer


class Input(Settings):
    """Says the shape of one sample, so that a model is built as soon as its layers are there.

    It computes nothing and does not appear among ``model.layers``.

    Args:
        shape: The shape of one sample, without the batch axis: ``(784,)``, or 784 for short.

    Raises:
        ShapeError: The shape holds something else than positive integers.

    Example:
        >>> model = bp.Sequential([bp.Input(784), bp.layers.Dense(10)])
        >>> model.input_shape, model.output_shape
        ((784,), (10,))
    """

    def __init__(self, shape: int | Iterable[int]) -> None:
        self.shape = check_shape(shape, "Input(shape)")

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: a model may have been built by it."""
        raise AttributeError(f"{name} of an Input cannot be changed: make another one.")

    def __repr__(self) -> str:
        return f"Input(shape={self.shape})"


def check_brackets(kind: str, *given: Any) -> None:
    """Checks that layers came in one list, not one by one.

    Args:
        kind: The class that was called.
        *given: What it was given: the list, the seed, the dtype, and no more.

    Raises:
        TypeError: There are layers among them, or more than three.
    """
    several = [inner for each in given[1:] if isinstance(each, list | tuple) for inner in each]
    loose = [each for each in (*given, *several) if isinstance(each, Layer | Input)]
    if loose or len(given) > 3:
        first = ["…"] if several or not loose else []  # the layers of the first list
        shown = ", ".join([*first, *(f"{type(each).__name__}(…)" for each in loose)])
        raise TypeError(
            f"layers must be a list, before seed and dtype: write {kind}([{shown}]), with brackets."
        )
