"""What some layers take from the training inputs before the first step, such as their mean."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from backprop.core.types import Array
from backprop.data.batches import Batches
from backprop.data.sources import EVALUATION_BATCH, Source
from backprop.data.training import observing
from backprop.layers import Layer
from backprop.protocol import Model


def observe(model: Model, batches: Source) -> None:
    """Shows every layer that waits for it what reaches it of the training inputs.

    Layers in front come first, since what the others get depends on them.

    Args:
        model: A built model.
        batches: What it is going to be trained on.
    """
    for layer in observing(model):
        if isinstance(batches, Batches):
            layer.observe(reaching(model, layer, batches.inputs(EVALUATION_BATCH)))


def reaching(model: Model, layer: Layer, inputs: Iterable[Array]) -> Iterator[Array]:
    """What reaches a layer of the model, batch by batch."""
    caught: list[Array] = []
    forward, me = layer.forward, threading.get_ident()

    def catch(X: Array, *arguments: Any, **options: Any) -> Array:
        if threading.get_ident() == me:  # others may predict meanwhile
            mask = options.get("mask")
            caught.append(X if mask is None else X[mask])
        return forward(X, *arguments, **options)

    vars(layer)["forward"] = catch  # in the place of the method
    try:
        for X in inputs:
            model.forward(X)
            yield from caught
            caught.clear()
    finally:
        del vars(layer)["forward"]
