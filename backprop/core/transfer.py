"""Trained layers taken into another model: copies that begin with the weights of the original."""

from copy import deepcopy
from typing import Any, TypeVar

from backprop.core.errors import NotBuiltError, ShapeError

L = TypeVar("L")


def copy_of(layer: L, trainable: bool | None) -> L:
    """A layer that is not built, and will begin with the weights that this one has now.

    Raises:
        NotBuiltError: This layer has no weights yet.
    """
    twin: Any = deepcopy(layer)
    if twin.input_shape is None:
        raise NotBuiltError(f"{layer} is not built, so that it has no weights to copy.")
    twin._kept = [p.value.copy() for p in twin.parameters]
    for part in [twin, *twin.inside()]:
        part.input_shape, part.delta, part.parameters = None, None, []
        part.buffers.clear()
    if trainable is not None:
        twin.trainable = trainable
    return twin  # type: ignore[no-any-return]


def take_kept(layer: Any) -> None:
    """Puts the weights of the original into the new parameters of a copy; nothing into others.

    Raises:
        ShapeError: The copy was built for another shape than the original.
    """
    mine, kept = ([each.shape for each in arrays] for arrays in (layer.parameters, layer._kept))
    if not kept:
        return
    if mine != kept:
        raise ShapeError(
            f"{layer} is a copy with weights of the shapes {kept}, but samples of shape "
            f"{layer.input_shape} need {mine}: give it the inputs that it was trained on."
        )
    for parameter, value in zip(layer.parameters, layer._kept, strict=True):
        parameter.value[...] = value
