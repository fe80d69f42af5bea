"""What layers of the user's own take, return, leave as it was, and add to the loss."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.checks import is_row
from backprop.core.descriptors import from_package
from backprop.core.errors import ShapeError, check_room, said
from backprop.core.lookup import arguments_of
from backprop.core.own_functions import check_functions
from backprop.core.parameters import Parameter
from backprop.core.returned import is_array, misshaped
from backprop.core.signatures import check_methods, misfit, signature_of
from backprop.core.types import Array, Shape
from backprop.layers.base import Activation, Layer

METHODS = {
    "forward": "X, training=False",
    "backward": "delta",
    "output_shape": "input_shape",
    "make_parameters": "input_shape",
    "build": "input_shape, rng=None, dtype='float32'",
}
"""What a model calls of a layer, and how."""

inferred: ContextVar[list[float] | None] = ContextVar("inferred", default=None)
"""The penalties of inference, where somebody collects them."""

_inputs: dict[int, "weakref.ref[Array]"] = {}
"""By the ids of layers whose ``backward`` is to be looked at: the inputs of their ``forward``."""


def check_own_methods(layer: Layer) -> None:
    """Checks how the methods of a layer of the user's own take their arguments.

    Raises:
        TypeError: A method takes others, or the constructor of ``Layer`` has not been called.
    """
    if layer.of_package:
        return
    if misfit(layer.build, 3) and type(layer).make_parameters is Layer.make_parameters:
        raise TypeError(
            f"{type(layer).__name__} makes its parameters in build: do so in def "
            f"make_parameters(self, input_shape), which build calls."
        )
    check_methods(layer, METHODS, "parameters", keeps=True)
    if type(layer).forward is Activation.forward:
        check_functions(layer)


@cache
def expects_mask(forward: Any) -> bool:
    """Whether a layer's ``forward`` has an argument for the mask."""
    signature = signature_of(forward)
    return signature is not None and "mask" in signature.parameters


def check_needs_no_mask(layer: Layer) -> None:
    """Checks that a layer of the user's own that is given no mask does not expect one.

    Raises:
        TypeError: Its ``forward`` has an argument for it.
    """
    if expects_mask(type(layer).forward):
        raise TypeError(
            f"{layer}.forward has an argument mask, but is not given that of the padded steps: "
            f"write takes_mask = True in the class {type(layer).__name__}."
        )


def check_makes_no_mask(layer: Layer, X: Array) -> None:
    """Checks that a layer of the user's own that nobody asks for a mask would not make one.

    Raises:
        TypeError: Its ``output_mask`` returns one where its inputs bring none.
    """
    if layer.makes_mask or from_package(type(layer).output_mask):
        return
    try:
        mask = layer.output_mask(X, None)
    except Exception:  # of the user's code, which makes its mask of the one that it is given
        return
    if mask is not None:
        raise TypeError(
            f"{layer}.output_mask makes a mask of the inputs, but is not asked for one: write "
            f"makes_mask = True in the class {type(layer).__name__}."
        )


def check_outputs(layer: Layer, X: Array, Y: Any) -> None:
    """Checks that ``forward`` returned numbers, with a row for each sample.

    Raises:
        TypeError: It returned no array.
        ShapeError: It has another number of rows, or holds something else than real numbers.
    """
    kinds = "c" if X.dtype.kind == "c" else "fiub"  # complex numbers differentiate
    shape = getattr(Y, "shape", ())
    if shape[:1] != X.shape[:1] or not (hasattr(Y, "tape") or is_array(Y, shape, kinds)):
        expected = f"numbers, an array with a row for each of {X.shape[0]} samples"
        raise misshaped(layer, "forward", Y, expected)


def check_shape_of_outputs(layer: Layer, X: Array, Y: Array) -> None:
    """Checks that the outputs of a layer of the user's own are as ``output_shape`` says.

    Else the layer behind it, or the loss, would be blamed for what it cannot take.

    Raises:
        ShapeError: They have another shape.
    """
    expected = check_size(layer, layer.output_shape(X.shape[1:]))
    if Y.shape[1:] != expected:
        function = f", such as by Lambda(…, shape=lambda input_shape: {Y.shape[1:]})"
        raise ShapeError(
            f"{layer}.forward returned an array of shape {Y.shape} for inputs of shape {X.shape}, "
            f"but its output_shape says that the shape is {(len(X), *expected)}: change one of "
            f"the two{function * layer.runs_own_code}."
        )


def check_input_delta(layer: Layer, dX: Any) -> None:
    """Checks that what ``backward`` of a layer of the user's own returned is a ∂E/∂X.

    Raises:
        TypeError: It is no array.
        ShapeError: It has another shape than the X of the last training pass, or other numbers.
    """
    shape: Any = vars(layer).get("_received") or getattr(dX, "shape", ())
    if not is_array(dX, shape, "f"):
        expected = f"∂E/∂X in floats, shape {shape} as its inputs"
        raise misshaped(layer, "backward", dX, expected)


def check_size(layer: Layer, found: Any) -> Shape:
    """What ``output_shape`` returned.

    Raises:
        TypeError: It is no tuple of integers.
    """
    if is_row(found) and all(isinstance(n, int | np.integer) for n in found):
        check_room(found, f"{layer} would make samples")
        return tuple(found)
    raise TypeError(
        f"{layer}.output_shape must return the shape of one sample, a tuple of integers, but it "
        f"returned {said(found)}."
    )


def copy_at_first(layer: Layer, given: Any, call: str) -> Any:
    """A copy of what a layer of the user's own is given, until one such call left it as it was.

    Args:
        layer: The layer.
        given: X or delta.
        call: ``"forward"``, ``"forward in training"`` or ``"backward"``.
    """
    if not layer.of_user or type(given) is not np.ndarray or call in vars(layer)["_looked_at"]:
        return None
    if call == "forward in training":
        key, kept = id(layer), _inputs
        kept[key] = weakref.ref(given, lambda dead: kept.pop(key, None))
    return given.copy()


def backward_looked_at(layer: Layer, delta: Array, before: Array) -> Any:
    """∂E/∂X of a layer of the user's own, which must leave delta and the layer's inputs alone.

    Raises:
        ValueError: It wrote into one of them or into weights, or did not write a gradient.
    """
    found = _inputs.pop(id(layer), None)
    X = None if found is None else found()
    inputs = None if X is None else X.copy()
    learned = [p for p in layer.parameters if p.trainable and not layer.of_package]
    values = [(p, p.value.copy()) for p in learned]
    if any(np.isnan(p.gradient).any() for p in learned):  # somebody else looks at them
        learned = []
    for p in learned:
        p.gradient.fill(np.nan)
    dX = layer.backward(delta)
    if np.isfinite(before).all():
        check_written(layer, learned, before)
    check_unchanged(layer, before, delta, "backward")
    for p, value in values:
        if not np.array_equal(p.value, value, equal_nan=True):
            p.value[...] = value
            raise ValueError(
                f"{layer}.backward changed the values of {p.name!r}, which is the optimizer's "
                f"part: write the gradient alone, into .gradient[...]."
            )
    if X is not None and inputs is not None:
        check_unchanged(layer, inputs, X, "backward", "inputs of its forward pass")
    return dX


def check_written(layer: Layer, learned: Sequence[Parameter], delta: Array) -> None:
    """Checks that ``backward`` wrote the gradients, which were nan before.

    Raises:
        ValueError: It left numbers of one as they were, or added to them.
    """
    for k, p in enumerate(learned):
        if np.isnan(p.gradient).any() and not makes_nan(layer, layer.parameters.index(p), delta):
            for each in learned[k:]:
                each.gradient.fill(0)
            raise ValueError(
                f"{layer}.backward must write the whole gradient of {p.name!r}, but it left "
                f"numbers there as they were, or added to them: what add_parameter returned has a "
                f".gradient, and .gradient[...] = … in every call is what it takes."
            )


def makes_nan(layer: Layer, k: int, delta: Array) -> bool:
    """Whether a gradient that is 0 before becomes nan by what is written into it."""
    twin = deepcopy(layer)
    twin.parameters[k].gradient.fill(0)
    with suppress(Exception):  # it may have forgotten what backward needs
        twin.backward(delta)
    return bool(np.isnan(twin.parameters[k].gradient).any())


def check_unchanged(
    layer: Layer, before: Array, given: Array, call: str, what: str | None = None
) -> None:
    """Checks that the call did not write into what the layer was given; else undoes it.

    Raises:
        ValueError: It did.
    """
    method, *_ = call.split()
    if not np.array_equal(before, given, equal_nan=True):
        given[...] = before
        what = what or f"{'delta' if method == 'backward' else 'inputs'} that it was given"
        raise ValueError(
            f"{layer}.{method} wrote into the {what}, which are others' too: it must make a new "
            f"array, or compute in a copy."
        )
    vars(layer)["_looked_at"].add(call)


def inferred_by_own(layer: Layer, X: Array, Y: Array, masked: Mapping[str, Array]) -> Array:
    """What a layer of the user's own made in inference; its penalty is collected, if it has one.

    It is a copy if Y lies in X, or in what the layer keeps and may write into again. Else whoever
    writes into predictions would change the inputs, and the next predictions would change them.
    """
    if layer.penalizes:
        collect_own(layer, X, masked)
    kept = [each for each in vars(layer).values() if isinstance(each, np.ndarray)]
    others = (X, *kept, *layer.buffers.arrays(), *(p.value for p in layer.parameters))
    return Y.copy() if any(np.may_share_memory(Y, each) for each in others) else Y


@contextmanager
def collected() -> Iterator[list[float]]:
    """The penalties of the inference passes that the same thread makes meanwhile."""
    found: list[float] = []
    token = inferred.set(found)
    try:
        yield found
    finally:
        inferred.reset(token)


def collect_own(layer: Layer, X: Array, masked: Mapping[str, Array]) -> None:
    """Adds the penalty of a layer of the user's own, if somebody collects those of inference.

    It is what a training pass leaves in a copy of the layer.
    """
    found = inferred.get()
    if found is not None and not layer.collects:
        twin: Any = deepcopy(layer)
        twin.forward(X, True, **masked)
        found.append(penalty_of(twin))


def warn_of_uncounted(layer: Layer) -> None:
    """Warns of a penalty that a training pass of a user's layer left, and that nobody counts.

    A plain number, or an argument, is a setting; what ``forward`` computes is one of NumPy's.
    """
    computed = isinstance(vars(layer).get("penalty"), np.floating)
    if computed and not layer.penalizes and "penalty" not in arguments_of(layer):
        console.warn(
            f"{layer} leaves a number in self.penalty, which is not added to the loss: write "
            f"penalizes = True in the class {type(layer).__name__}, or give it another name."
        )


def penalty_of(layer: Layer) -> Any:
    """What the last training pass through a layer adds to the loss, as a number of full width.

    A check of derivatives may have made it complex.

    Raises:
        TypeError: The layer has left something else.
    """
    left: Any = getattr(layer, "penalty", None)
    number = left.item() if getattr(left, "size", 0) == 1 else left  # of NumPy's, or an array
    if not isinstance(number, int | float | complex):
        raise TypeError(
            f"{layer} has penalizes = True, so that its forward must leave in self.penalty what is "
            f"added to the loss in training, a number; but it is {said(left)}."
        )
    return number
