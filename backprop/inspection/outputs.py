"""What every layer makes of a batch."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.layers import Chain, Layer
from backprop.layers.block import walk
from backprop.protocol import check_model
from backprop.training.divergence import quietly


@quietly
@answered
def layer_outputs(chain: Chain, X: Array) -> dict[str, Array]:
    """The output of every layer in inference, by its way; nothing is left in the layers.

    Of a model ``activations`` gives the same.

    Example:
        >>> layer = bp.layers.Chain([bp.layers.ReLU(), bp.layers.Tanh()])
        >>> layer.build((2,))
        >>> bp.inspection.layer_outputs(layer, np.array([[-1.0, 0.0]]))
        {'relu_1': array([[0., 0.]]), 'tanh_1': array([[0., 0.]])}
    """
    check_model(chain, "chain")
    activations = getattr(chain, "activations", None)
    if activations is not None:  # a model, whose last activation may be joined with its loss
        outputs: dict[str, Array] = activations(X)
        return outputs
    found: dict[str, Array] = {}
    twin = deepcopy(chain)

    def watched(way: str, forward: Callable[..., Array]) -> Callable[..., Array]:
        def forward_and_keep(*arguments: Any, **options: Any) -> Array:
            found[way] = forward(*arguments, **options)
            return found[way]

        return forward_and_keep

    for way, layer in walk(twin.layers):
        vars(layer)["forward"] = watched(way, layer.forward)
    twin.forward(X)
    kept = [(way, layer, found[way]) for way, layer in walk(twin.layers) if way in found]
    return {way: as_passed_on(layer, Y) if layer.of_user else Y for way, layer, Y in kept}


def as_passed_on(layer: Layer, Y: Array) -> Array:
    """What the user's own code made, as the next layer is given it, and apart from X."""
    return np.array(Y, None if layer.input_shape is None else layer.dtype)
