"""Layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backprop.core.checks import check_list, is_row
from backprop.core.errors import said
from backprop.core.lookup import in_place_of_a_layer
from backprop.core.types import Array, Shape
from backprop.layers.base import Layer
from backprop.layers.block import (
    Block,
    backward_through,
    check_free,
    forward_through,
    mask_through,
    shape_through,
)


class Chain(Block):
    """f = f_L ∘ … ∘ f_1: each layer's output is the next one's input, and ∂E/∂X runs back.

        Y = f_L(… f_1(X)),   δ_{l−1} = δ_l · ∂f_l/∂(its input)

    Args:
        layers: The layers in order; a list among them is a chain itself.

    Attributes:
        layers: The layers in order.

    Example:
        >>> chain = bp.layers.Chain([bp.layers.Rescaling(3), bp.layers.Rescaling(1, offset=1)])
        >>> bp.Sequential([bp.Input(2), chain]).predict([[1, 2]])
        array([[4., 7.]], dtype=float32)
    """

    definition = "{f}(x) = f_L(… f₂(f₁(x)))"

    def __init__(self, layers: Iterable[Any] = (), name: str | None = None) -> None:
        super().__init__(name)
        self._shape: Any = None  # of what the last layer built so far returns
        for layer in layers_in(layers, "layers"):
            self.append(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return self.children

    def append(self, layer: Any) -> None:
        """Adds a layer at the end (see ``Block.adopt`` for the errors)."""
        layer = self.adopt(as_layer(layer))
        if self.input_shape is not None:
            self._shape = self.build_child(layer, self._shape)

    @property
    def delta(self) -> Array | None:
        """∂E/∂Y of the last backward pass: that of the last layer."""
        return self.children[-1].delta if self.children else None

    @delta.setter
    def delta(self, value: Array | None) -> None:
        if self.children:
            self.children[-1].delta = value

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds every layer for the output of the one before it."""
        if self._shape is None:
            check_free(self.inside())
        self._shape = input_shape
        for layer in self.children:
            self._shape = self.build_child(layer, self._shape)

    def asked(self) -> list[Layer]:
        """Those up to the first that computes (see ``front``)."""
        return front(self.children)

    def check_values(self, X: Array, name: str = "x") -> None:
        """Asks those that numbers of X reach unchanged."""
        check_values_through(self.children, X, name)

    def output_shape(self, input_shape: Shape) -> Shape:
        """What the last layer makes of it."""
        return shape_through(self.children, input_shape)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """Through all layers."""
        return mask_through(self.children, X, mask)

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """Through all layers, from the first to the last."""
        return forward_through(self.children, X, training, mask)

    def backward(self, delta: Array) -> Array | None:
        """Through all layers, from the last to the first."""
        return backward_through(self.children, delta)


def checks_values(layer: Layer) -> bool:
    """Whether it looks at the numbers that it is given, as it takes certain ones alone."""
    return type(layer).check_values is not Layer.check_values


def front(layers: Sequence[Layer]) -> list[Layer]:
    """The layers up to the first one that computes: what they take are numbers of x itself."""
    passing = [each.of_package and (each.rearranges or each.selects) for each in layers]
    return list(layers[: [*passing, False].index(False) + 1])


def check_values_through(layers: Sequence[Layer], X: Array, name: str) -> None:
    """Asks all layers whether they can take the numbers of X that reach them unchanged.

    Raises:
        ValueError: One cannot.
    """
    asked = front(layers)
    while any(map(checks_values, asked)):
        layer, *asked = asked
        layer.check_values(X, name)
        if layer.selects:
            X = layer.forward(X)


def layers_in(given: Any, name: str) -> list[Any]:
    """The layers of a list, which the argument of this name should be.

    Raises:
        TypeError: It is none; brackets are advised around layers alone.
    """
    if given is None or is_row(given) or isinstance(given, Layer | Mapping):
        return check_list(given, name)
    advice = in_place_of_a_layer(given)
    raise TypeError(f"{name} must be a list of layers, but it is {said(given)}: {advice}.")


def as_layer(given: Any) -> Any:
    """The layer, or the chain of the layers of a list."""
    return Chain(given) if isinstance(given, list | tuple) else given


def unfold(layers: Sequence[Layer]) -> list[Layer]:
    """The layers, a chain at the end replaced by its layers until the last one is no chain."""
    if layers and isinstance(layers[-1], Chain) and layers[-1].layers:
        return [*layers[:-1], *unfold(layers[-1].layers)]
    return list(layers)


def ending(layers: Sequence[Layer]) -> Layer:
    """The layer whose outputs a model's are, whatever puts them into another shape or order."""
    unfolded = unfold(layers)
    kept = [k for k, layer in enumerate(unfolded) if not layer.rearranges]
    if not kept or kept[-1] == len(unfolded) - 1:
        return unfolded[-1]
    return ending(unfolded[: kept[-1] + 1])


def deciding(layers: Sequence[Layer]) -> Layer:
    """The layer by which a model's outputs are what they are, whatever noise is added to them."""
    return decided(layers)[0]


def decided(layers: Sequence[Layer]) -> tuple[Layer, list[Layer]]:
    """``deciding``, and the layers behind it that may put its outputs into another order."""
    unfolded, behind = unfold(layers), []
    while len(unfolded) > 1 and (unfolded[-1].rearranges or is_noise(unfolded[-1])):
        behind += [unfolded[-1]] if unfolded[-1].rearranges else []
        unfolded = unfold(unfolded[:-1])
    return unfolded[-1], behind[::-1]


def is_noise(layer: Layer) -> bool:
    """Whether it does nothing but draw random numbers."""
    return layer.random and not layer.inside() and not layer.parameters


def takes(layers: Iterable[Layer], shape: Shape, known: Shape) -> bool:
    """Whether layers that take samples of a known shape take those of another one, too.

    They do if it differs in the number of steps of a sequence alone, on which no weight depends.

    Raises:
        ShapeError: A layer that goes by the length cannot take so many steps.
    """
    for layer in layers:
        if shape == known:
            return True
        if not len(shape) == len(known) == layer.any_length or shape[1:] != known[1:]:
            return False
        shape, known = layer.output_shape(shape), layer.output_shape(known)
    return True
