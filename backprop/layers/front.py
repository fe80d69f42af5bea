"""Which layers take numbers of x as they are, so that these can be looked at before a training."""

from collections.abc import Sequence

from backprop.core.types import Array
from backprop.layers.base import Layer
from backprop.layers.columns import Columns


def looks(layer: Layer) -> bool:
    """Whether it takes some numbers alone."""
    return type(layer).check_values is not Layer.check_values


def front(layers: Sequence[Layer]) -> list[Layer]:
    """The layers up to the first one that computes: what they take are numbers of x itself."""
    passing = [each.of_package and (each.rearranges or type(each) is Columns) for each in layers]
    return list(layers[: [*passing, False].index(False) + 1])


def check_values_through(layers: Sequence[Layer], X: Array, name: str) -> None:
    """Asks all layers whether they can take the numbers of X that reach them unchanged.

    Raises:
        ValueError: One cannot.
    """
    asked = front(layers)
    while any(map(looks, asked)):
        layer, *asked = asked
        layer.check_values(X, name)
        if type(layer) is Columns:
            X = layer.forward(X)
