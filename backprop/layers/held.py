"""Looks at what layers hold: each parameter by a name, and layers whose weights are no one's."""

from collections.abc import Iterable, Sequence

from backprop.core import console
from backprop.core.parameters import Parameter
from backprop.core.walk import objects_in
from backprop.layers.base import Layer
from backprop.layers.block import Block, walk


def warn_of_held(layers: Iterable[Layer]) -> None:
    """Warns of layers that one of the user's own holds in attributes alone, with their weights.

    Those of a layer elsewhere in the model, and those that are frozen, may be used in this way.

    Args:
        layers: All layers of a model that is built.
    """
    known = {id(parameter) for layer in layers for parameter in layer.parameters}
    for _, layer in walk(layers):
        for way, held in objects_in(layer) if not layer.of_package else ():
            if held is not layer and isinstance(held, Layer) and has_others(held, known):
                where = f"self{way.split('._')[0]}"
                console.warn(
                    f"{layer} holds {held} in {where}, whose weights are not among those of the "
                    f"model: they are neither trained nor saved. Derive the class from Block, "
                    f"adopt(…) the layer in __init__ and build_child(…) it in make_parameters; "
                    f"freeze it if it is to stay as it is."
                )
                break


def distinct(parameters: Sequence[Parameter]) -> Sequence[Parameter]:
    """The parameters, no two of which may have one name: files go by that.

    Raises:
        ValueError: Two have.
    """
    names: set[str] = set()
    for parameter in parameters:
        if parameter.name in names:
            raise ValueError(
                f"two parameters of the model are called {parameter.name!r}: give each layer a "
                f"name of its own."
            )
        names.add(parameter.name)
    return parameters


def has_others(layer: Layer, known: set[int]) -> bool:
    """Whether it learns parameters other than the known ones, or will make some."""
    if isinstance(layer, Block) or not layer.trainable:
        return False  # the layers in a block are asked themselves
    if layer.input_shape is None:
        return type(layer).make_parameters is not Layer.make_parameters
    return not known.issuperset(map(id, layer.parameters))
