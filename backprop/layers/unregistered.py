"""Finds weights of layers of the user's own that are none of their parameters."""

import re
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.stores import stores_in
from backprop.core.types import Array
from backprop.core.walk import objects_in
from backprop.layers.base import Layer

OWN = re.compile(r"\.\w+(\[[^]]*\])*")
"""The way to what a layer holds itself: ``.W``, ``.params['W']``, and not ``.inner[0].W``."""

GRADIENT = re.compile("g|d([A-Z]|gamma|beta|w|b).*|.*grad.*", re.DOTALL)
"""What gradients are called, whatever the weight is called."""

Made = tuple[Array | None, Array | None, Any]
"""The outputs of an inference and a training pass, and the penalty of that."""

MANY = 1000
"""Arrays that a layer may hold and be looked at; to copy many more takes seconds."""


def warn_of_unregistered(layer: Layer, X: Array) -> None:
    """Warns of arrays that a layer computes with and has gradients of, and that are no parameters.

    Layers hold constants, too: an array is taken for a weight if the output depends on it and
    ``backward`` changes it, or leaves another one of its shape. What ``forward`` changes in
    training, such as a running mean or a state that is carried on, is none. This is tried in a copy
    of the layer, since ``backward`` of a first layer without parameters is never called.

    Args:
        layer: A layer that runs the user's own code, after its first training pass.
        X: The inputs of that pass.
    """
    if layer.of_package:
        return  # a Lambda, which holds none
    held = [*arrays_in(layer), *integers_in(layer)]
    of_samples = all(array.shape[:1] == X.shape[:1] for _, array in held)
    # where X has an axis as long as the batch is, weights may be so long, too
    if len(held) > MANY or (of_samples and len(X) not in X.shape[1:]):
        return  # it holds data, such as a dict of word vectors, or what it keeps of the samples
    found: list[str] = []
    with suppress(Exception), np.errstate(all="ignore"):  # of the user's code: it may be any
        found += weights_with_gradients(layer, X)
    found += integers_with_gradients(layer, X, bool(found))
    if not found or not layer.trainable:
        return
    which = f"self{found[0]}"
    name = re.findall("[^][.']+", which)[-1]
    holder = found[0].partition("[")[0]
    fixed = isinstance(getattr(layer, holder[1:], None), tuple)
    first = f"Make self{holder} a list, and write" if fixed else "Write"
    console.warn(
        f"{layer} has weights that are no parameters, self{', self'.join(found)}: "
        f"its backward makes their gradients or changes them, but no optimizer trains them, and no "
        f"file has them. {first} {which} = self.add_parameter({name!r}, shape) in make_parameters, "
        f"compute with {which}.value, and let backward write into {which}.gradient[...]."
    )


def weights_with_gradients(layer: Layer, X: Array) -> Iterator[str]:
    """The ways to such arrays, in attributes of the layer and in lists and dicts there."""
    twin = deepcopy(layer)
    held = {n for _, array in arrays_in(twin) for n in array.shape}
    rows = next(n for n in count(2) if n not in held)  # so that only gradients have such shapes
    Y = twin.forward(np.resize(X, (rows, *X.shape[1:])), True)
    before = {path: (array, array.copy()) for path, array in arrays_in(twin)}
    still = {path for path, array in arrays_in(layer) if same(before.get(path, (None,))[0], array)}
    twin.backward(np.ones_like(Y))
    kept, shapes = [], set()
    for path, array in arrays_in(twin):
        there, value = before.get(path, (None, array))
        if path in still:
            kept.append((path, array.shape))
        if there is not array or not same(array, value):
            shapes.add(array.shape)
    shapes -= {p.shape for p in layer.parameters if p.learned}  # whose gradients they may be
    found = [path for path, shape in kept if shape in shapes and OWN.fullmatch(path)]
    expected = made_by(layer, X) if found else (None, None, None)
    for path in found:
        trial = deepcopy(layer)
        if differs(trial, X, dict(objects_in(trial))[path], expected):
            yield path


def integers_with_gradients(layer: Layer, X: Array, explained: bool) -> list[str]:
    """The ways to arrays of integers that are such weights, as ``np.array([[1, 2], [3, 4]])`` is.

    They are looked at in a copy in which they are floats; what needs integers fails there.

    Args:
        layer: The layer.
        X: Its inputs.
        explained: Whether there are weights of floats, whose gradients may be those that are kept.
    """
    if not (found := dict(integers_in(layer))):
        return []
    twin = deepcopy(layer)
    for held in holders(twin):
        held.update({name: v.astype(float) for name, v in held.items() if is_integers(v)})
    ways: list[str] = []
    with suppress(Exception), np.errstate(all="ignore"):  # of the user's code: it may be any
        ways += weights_with_gradients(twin, X)
    # indices may have the shape of a gradient, too, but none is called after them
    kept = set(vars(layer)).union(*(stores_in(kind) for kind in type(layer).__mro__))
    kept -= {*vars(Layer()), *dir(Layer)}
    if not explained and any(map(GRADIENT.fullmatch, kept)):
        return [path for path in ways if path in found]
    return [
        path
        for path in ways
        if path in found
        and (path[-1] == "]" or any(is_called_after(each, path[1:]) for each in kept - {path[1:]}))
    ]


def is_called_after(gradient: str, name: str) -> bool:
    """Whether what may be a gradient is called after a weight: ``dW``, ``W_grad``."""
    return gradient.endswith(name) or gradient.startswith(f"{name}_")


def integers_in(layer: Layer) -> list[tuple[str, Array]]:
    """The arrays of integers that a layer holds itself, or in a dict of its own."""
    held = {id(part) for each in holders(layer) for part in each.values() if is_integers(part)}
    return [(path, part) for path, part in objects_in(layer) if id(part) in held]


def holders(layer: Layer) -> list[dict[str, Any]]:
    """The attributes of a layer, and the dicts among them."""
    own = vars(layer)
    return [own, *(part for part in own.values() if type(part) is dict)]


def is_integers(part: object) -> bool:
    """Whether it is an array of integers with more than one number."""
    return isinstance(part, np.ndarray) and part.dtype.kind in "iu" and part.size > 1


def arrays_in(layer: Layer) -> list[tuple[str, Array]]:
    """The arrays of numbers that a layer holds, but those of its parameters."""
    owned = [array for p in layer.parameters for array in (p.value, p.gradient)]
    return [
        (path, part)
        for path, part in objects_in(layer)
        if is_weight(part) and not any(np.may_share_memory(part, array) for array in owned)
    ]


def is_weight(part: object) -> bool:
    """Whether it may be an array of weights."""
    return isinstance(part, np.ndarray) and part.dtype.kind == "f" and part.size > 0


def same(one: Array | None, other: Array) -> bool:
    """Whether both arrays hold the same numbers."""
    return one is not None and np.array_equal(one, other, equal_nan=True)


def differs(layer: Layer, X: Array, array: Array, expected: Made) -> bool:
    """Whether the layer makes something else when this array is changed; it is put back."""
    if not array.flags.writeable:
        return False
    kept = array.copy()
    step = np.linspace(1, 2, array.size).reshape(array.shape)  # what is added to all may cancel
    try:
        for change in (step, -step):  # it may be cut off above or below
            array[...] = kept + change
            if makes_others(layer, X, expected):
                return True
    finally:
        array[...] = kept
    return False


def made_by(layer: Layer, X: Array) -> Made:
    """What a copy of the layer makes; None in the place of what it cannot make."""
    return pass_of(layer, X, False)[0], *pass_of(layer, X, True)


def pass_of(layer: Layer, X: Array, training: bool) -> tuple[Array | None, Any]:
    """The outputs of a pass of a copy of the layer, and its penalty."""
    twin, found = deepcopy(layer), None
    with suppress(Exception), np.errstate(all="ignore"):  # of a user's layer: it may be any
        found = twin.forward(X.copy(), training)
    return found, getattr(twin, "penalty", None)


def makes_others(layer: Layer, X: Array, expected: Made) -> bool:
    """Whether a layer makes something else than before."""

    def are_others(changed: Any, before: Any) -> bool:
        return changed is not None and before is not None and not same(changed, before)

    inferred, trained, penalty = expected
    if are_others(pass_of(layer, X, False)[0], inferred):
        return True
    if inferred is not None and same(trained, inferred) and penalty is None:
        return False  # nothing shows in training alone
    outputs, added = pass_of(layer, X, True)
    return are_others(outputs, trained) or are_others(added, penalty)
