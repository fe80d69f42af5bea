"""Looks for what layers of the user's own keep in attributes alone, where no file has it."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from backprop.core import console
from backprop.layers import Layer
from backprop.layers.block import Block, walk
from backprop.storage.remade import same


def warn_of_lost(layers: Iterable[Layer], made: Iterable[Layer]) -> None:
    """Warns of a layer of the user's own that will compute something else once it is loaded.

    ``made`` are the layers of a built model, made again from what is written down, and not built.
    """
    there = dict(walk(made))
    for way, layer in walk(layers):
        twin = there.get(way)
        if layer.of_package or twin is None or twin.input_shape is not None:
            continue
        if len(layer.inside()) != len(twin.inside()):  # it makes some of its layers when built
            continue
        try:
            with np.errstate(all="ignore"):
                fate = fate_of(layer, twin)
        except Exception:  # of the user's code, which may take indices, say, or need a mask
            continue
        if fate:
            console.warn(
                f"{layer} will {fate} once it is loaded: what it keeps in "
                f"attributes{shown(layer, twin)} is in no file. Make it a parameter, "
                f"self.mean = self.add_parameter('mean', shape, 'zeros', learned=False)."
            )


def fate_of(layer: Layer, twin: Layer) -> str:
    """What a layer that is made again, with equal weights, does otherwise; nothing if it agrees."""
    shape: Any = layer.input_shape
    twin.build(shape, np.random.default_rng(0), layer.dtype)
    for parameter, mine in zip(twin.parameters, layer.parameters, strict=True):
        parameter.value[...] = mine.value
    X = np.random.default_rng(0).standard_normal((4, *shape)).astype(layer.dtype)
    copied = deepcopy(layer)  # a layer may change something in itself that should not
    Y, again = copied.forward(X.copy()), copied.forward(X.copy())
    if not np.array_equal(Y, again, equal_nan=True):
        return ""  # it draws random numbers
    try:
        other = twin.forward(X)
    except Exception:  # of the user's code: it needs what a training pass leaves in attributes
        return "fail"
    atol = 1e-5 * float(np.nanmax(np.abs(Y), initial=1.0))
    agree = np.allclose(Y, other, rtol=1e-4, atol=atol, equal_nan=True)
    return "" if agree else "compute something else"


def shown(layer: Layer, twin: Layer) -> str:
    """The attributes that it was made with and that have other values now: ``, self.mean,``."""
    mine, its = vars(layer), vars(twin)
    ours = vars(Layer()).keys() | vars(Block()).keys() | {"_others"}
    names = [n for n in mine if n in its and n not in ours and not same(mine[n], its[n])]
    return f", {', '.join(f'self.{name}' for name in names)}," if names else ""
