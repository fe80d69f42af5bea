"""Blocks: layers that hold layers, and what all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.errors import ShapeError, said
from backprop.core.frozen import FixedList
from backprop.core.lookup import default_name, in_place_of_a_layer
from backprop.core.types import Array, Shape, computed
from backprop.layers.base import Activation, Layer
from backprop.layers.returned import (
    backward_looked_at,
    check_input_delta,
    check_makes_no_mask,
    check_needs_no_mask,
    check_outputs,
    check_own_methods,
    check_shape_of_outputs,
    check_size,
    check_unchanged,
    copy_at_first,
    inferred_by_own,
    penalty_of,
    warn_of_uncounted,
)
from backprop.layers.unregistered import warn_of_unregistered

ADVICE = (
    "a model gets more layers by add(…); to put others in their place make a new one of these and "
    "of copies, [layer.copy() for layer in model.layers[:-1]]"
)
"""What to do in the place of changing the layers of what is made of layers."""


class Block(Layer):
    """The base of all layers that hold layers.

    A subclass calls ``adopt`` for every layer that it is given, and in ``make_parameters`` calls
    ``build_child`` for each with the shape that it will get. The parameters of a block are those
    of its children, by their ways: ``residual_1.dense_2.W``.

    Its ``forward`` may call a child's own. ``forward_through([child], X, training, mask)`` of
    ``layers.block`` also gives the mask to those that take one, checks layers of one's own, and
    counts their penalties in ``evaluate``; ``backward_of(child, delta)`` is the way back.

    Attributes:
        children: The layers that it holds, in the order of their weights.

    Example:
        >>> block = bp.layers.Residual([bp.layers.Dense(2), bp.layers.ReLU()])
        >>> model = bp.Sequential([bp.Input(2), block])
        >>> [parameter.name for parameter in model.parameters]
        ['residual_1.dense_1.W', 'residual_1.dense_1.b']
    """

    loose = "{kind}([{shown}])"
    instead = {**Layer.instead, "layers": ADVICE, "children": ADVICE}

    def __init__(self, name: str | None = None) -> None:
        self.children: list[Layer] = FixedList((), ADVICE)
        super().__init__(name)

    def inside(self) -> list[Layer]:
        """All layers that it holds, and those in them."""
        return [layer for _, layer in walk(self.children)]

    takes_mask = True

    @computed
    def makes_mask(self) -> bool:
        """Whether one of its layers makes a mask."""
        return any(layer.makes_mask for layer in self.children)

    @computed
    def any_length(self) -> int:
        """That of the first of its layers, if all of them allow it."""
        found = [layer.any_length for layer in self.children] or [2]
        return found[0] if all(found) else 0

    def entrances(self) -> Sequence[Layer]:
        """Those of the layers that need not return ∂E/∂ their input if the block need not.

        Of a block of one's own there are none unless it names some, and its ``backward`` is ready
        for None.
        """
        return entrance(self.children) if self.of_package else ()

    def asked(self) -> Sequence[Layer]:
        """Those of its layers that ``check_values`` asks: the first one, which takes X."""
        return self.children[:1]

    def check_values(self, X: Array, name: str = "x") -> None:
        """Asks the layers that take X, or some of its numbers."""
        for layer in self.asked():
            layer.check_values(X, name)

    def want_input_gradient(self, wanted: bool) -> None:
        """Likewise, and tells the layers that take X."""
        super().want_input_gradient(wanted)
        for layer in self.entrances():
            layer.want_input_gradient(wanted or layer._asked_for_gradient is True)

    def adopt(self, layer: Any) -> Layer:
        """Adds a layer to the children, and numbers it if it has no name: ``dense_1``, ``dense_2``.

        Raises:
            TypeError: It is not a layer.
            ValueError: It belongs to a model already, or another one here has its name.
        """
        if not isinstance(layer, Layer):
            advice = in_place_of_a_layer(layer)
            raise TypeError(f"a model is made of layers, but it was given {said(layer)}: {advice}.")
        if type(layer) in (Layer, Activation):
            raise TypeError(
                f"{type(layer).__name__} is the base of layers of one's own and computes nothing: "
                f"take one of its classes, such as ReLU() or Dense(8)."
            )
        check_own_methods(layer)
        here = {id(each) for child in self.children for each in (child, *child.inside())}
        for each in (layer, *layer.inside()):
            if each.input_shape is not None or id(each) in here:
                raise taken_layer(each)
        taken, kind = {other.name for other in self.children}, default_name(layer)
        numbered = layer._kept is not None and str(layer.name).rpartition("_")[0] == kind
        if layer.name is None or (numbered and layer.name in taken):  # a copy, in its first model
            self.number(layer)
        elif layer.name in taken:
            raise two_layers(layer)
        if not self.trainable:
            layer.hold(True)
        list.append(self.children, layer)
        return layer

    def number(self, layer: Layer) -> None:
        """Gives a layer the first name that none has here: ``dense_1``, ``dense_2``."""
        taken, kind = {other.name for other in self.children}, default_name(layer)
        names = (f"{kind}_{k}" for k in range(1, len(taken) + 2))
        layer.name = next(name for name in names if name not in taken)

    def build_child(self, layer: Layer, input_shape: Shape) -> Shape:
        """Builds a layer that it holds, and returns the shape of one sample of its output."""
        if layer.name is None:  # nobody has adopted it, or its name was taken back
            here = any(layer is each for each in self.children)
            (self.number if here else self.adopt)(layer)
        layer.build(input_shape, self._rng, self.dtype)
        for parameter in layer.parameters:
            parameter.name = f"{layer.name}.{parameter.name}"
        list.extend(self.parameters, layer.parameters)
        return check_size(layer, layer.output_shape(input_shape))


def warn_of_one_alone(layers: Iterable[Layer], block: Layer) -> None:
    """Warns of a softmax of one number within layers that are built; ``fit`` looks at the others.

    Args:
        layers: The layers.
        block: What they are in.
    """
    for _, layer in walk(layers):
        if layer.sums_to_one and layer.output_shape(layer.input_shape or ())[-1:] == (1,):
            console.warn(
                f"{layer} in {block} makes probabilities with the sum 1, or their logarithms, and "
                f"makes one alone, which never changes: a single output takes Sigmoid()."
            )


def taken_layer(layer: Layer) -> ValueError:
    """The error of a layer in two places."""
    return ValueError(
        f"{layer} belongs to a model already, or was built by itself: make a new one for each "
        f"place, or take layer.copy(), which keeps the weights."
    )


def two_layers(layer: Layer) -> ValueError:
    """The error of a layer with the name of another one beside it."""
    return ValueError(
        f"two layers are called {layer.name!r}: names must differ; layer.name = … sets one."
    )


def check_free(layers: Iterable[Layer]) -> None:
    """Refuses layers that another model was built with: it computes in their memory.

    Raises:
        ValueError: There is such a layer.
    """
    for layer in layers:
        if layer.input_shape is not None:
            raise taken_layer(layer)


def outputs_through(
    layers: Iterable[Layer], X: Array, training: bool = False, mask: Array | None = None
) -> Iterator[Array]:
    """What each of the layers makes in turn; a mask goes with it to those that take one."""
    call = "forward in training" if training else "forward"
    for layer in layers:
        masked = {"mask": mask} if layer.takes_mask and mask is not None else {}
        before = copy_at_first(layer, X, call)
        Y = layer.forward(X, training, **masked)
        if before is not None:
            check_unchanged(layer, before, X, call)
        if type(Y) is not np.ndarray or Y.dtype.kind != "f" or Y.shape[:1] != X.shape[:1]:
            check_outputs(layer, X, Y)
        if layer.of_user:
            check_shape_of_outputs(layer, X, Y)
            if mask is not None and not masked:
                check_needs_no_mask(layer)
            if mask is None and before is not None:
                check_makes_no_mask(layer, X)
            if layer.input_shape is not None:  # else the dtype is still the user's matter
                Y = Y.astype(layer.dtype, copy=False)  # NumPy may have made float64 or bool of it
            if training:
                vars(layer)["_received"] = X.shape
                if before is not None:
                    warn_of_uncounted(layer)
                    warn_of_unregistered(layer, X)
            else:
                Y = inferred_by_own(layer, X, Y, masked)
        if mask is not None or layer.makes_mask:
            mask = layer.output_mask(X, mask)
            if mask is not None and mask.shape != Y.shape[: mask.ndim]:
                raise ShapeError(
                    f"{layer} makes outputs of shape {Y.shape}, to which the mask of its padded "
                    f"inputs, of shape {mask.shape}, does not belong: define "
                    f"output_mask(X, mask), which returns the mask of the outputs, or None."
                )
        X = Y
        yield Y


def forward_through(
    layers: Iterable[Layer], X: Array, training: bool = False, mask: Array | None = None
) -> Array:
    """What the last of the layers makes of X."""
    for Y in outputs_through(layers, X, training, mask):
        X = Y
    return X


def mask_through(layers: Sequence[Layer], X: Array, mask: Array | None) -> Array | None:
    """The mask behind the last of the layers."""
    last = max((k for k, layer in enumerate(layers) if layer.makes_mask), default=0)
    for k, layer in enumerate(layers):
        before, mask = mask, layer.output_mask(X, mask)
        if k < last:  # a later layer makes a mask of what it is given
            X = forward_through([layer], X, mask=before)
    return mask


def backward_through(layers: Sequence[Layer], delta: Array) -> Array | None:
    """∂E/∂X from the last layer's ∂E/∂Y; every layer keeps its own δ, to look at.

    Where a layer returns none, since nobody needs it, those before it get none.

    Raises:
        TypeError: A layer returns none although those before it need it.
        ShapeError: A layer of the user's own returns an array of another shape than its input's.
    """
    passed: Array | None = delta
    for layer in reversed(layers):
        layer.delta = passed
        if passed is not None:
            passed = backward_of(layer, passed, layer is not layers[0])
    return passed


def backward_of(layer: Layer, delta: Array, needed: bool = True) -> Array | None:
    """What one layer passes back, looked at if it is the user's own.

    Args:
        layer: The layer.
        delta: ∂E/∂ its outputs.
        needed: Whether there is something before it that may need ∂E/∂X.

    Raises:
        TypeError: It returns none although that is needed.
        ShapeError: It returns an array of another shape than its input's.
    """
    before = copy_at_first(layer, delta, "backward")
    passed = layer.backward(delta) if before is None else backward_looked_at(layer, delta, before)
    if passed is None and layer.needs_input_gradient and needed:
        advice = "return it" if layer.of_user else "it must be the first that learns"
        raise TypeError(
            f"{layer}.backward returned None, but the layers before it need ∂E/∂X: {advice}."
        )
    if passed is not None and layer.of_user and layer.needs_input_gradient:
        check_input_delta(layer, passed)
    return passed


def entrance(layers: Sequence[Layer]) -> list[Layer]:
    """The layers up to the first one that learns: ∂E/∂ their inputs serves no gradient."""
    learning = (k for k, layer in enumerate(layers) if any(p.learned for p in layer.parameters))
    return list(layers[: next(learning, 0) + 1])


def shape_through(layers: Iterable[Layer], shape: Shape) -> Shape:
    """The shape of one sample behind the last of the layers."""
    for layer in layers:
        shape = check_size(layer, layer.output_shape(shape))
    return shape


def activity_penalty(layers: Iterable[Layer]) -> Any:
    """What the last training pass through the layers adds to the loss."""
    added = (layer for _, layer in walk(layers) if layer.penalizes)
    return sum(map(penalty_of, added), start=0.0)


def walk(layers: Iterable[Layer], way: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer and those inside it, in the order of the computation, with the way to it.

    The ways are names with dots between them: ``residual_1.dense_2``.
    """
    for layer in layers:
        yield f"{way}{layer.name}", layer
        yield from walk(vars(layer).get("children", ()), f"{way}{layer.name}.")
