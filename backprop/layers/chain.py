"""Layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from backprop.core.types import Array, Shape
from backprop.layers.base import Layer, default_name


class Chain(Layer):
    """f = f_L ∘ … ∘ f_1: each layer's output is the next one's input, and ∂E/∂X runs back.

        Y = f_L(… f_1(X)),   δ_{l−1} = δ_l · ∂f_l/∂(its input)

    Args:
        layers: The layers in order.
        name: The layer's name.

    Attributes:
        layers: The layers in order.
    """

    def __init__(self, layers: Iterable[Layer] = (), name: str | None = None) -> None:
        self.layers: list[Layer] = []
        super().__init__(name)
        self._shape: Any = None  # of what the last layer built so far returns
        for layer in layers:
            self.append(layer)

    @property
    def delta(self) -> Array | None:
        """∂E/∂Y of the last backward pass: that of the last layer."""
        return self.layers[-1].delta if self.layers else None

    @delta.setter
    def delta(self, value: Array | None) -> None:
        if self.layers:
            self.layers[-1].delta = value

    def append(self, layer: Layer) -> None:
        """Adds a layer at the end, and numbers it if it has no name: ``dense_1``, ``dense_2``.

        Raises:
            TypeError: It is not a layer.
            ValueError: It belongs to a model already, or another one here has its name.
        """
        if not isinstance(layer, Layer):
            hint = " (an instance: add the parentheses)" if isinstance(layer, type) else ""
            raise TypeError(f"a model is made of layers{hint}, but it was given {layer!r}.")
        if layer.input_shape is not None or any(layer is other for other in self.layers):
            raise ValueError(f"{layer} belongs to a model already: make a new one for each place.")
        taken = {other.name for other in self.layers}
        if layer.name is None:
            kind = default_name(layer)
            numbered = (f"{kind}_{k}" for k in range(1, len(taken) + 2))
            layer.name = next(name for name in numbered if name not in taken)
        elif layer.name in taken:
            raise ValueError(f"two layers are called {layer.name!r}: names must differ.")
        self.layers.append(layer)
        if self.input_shape is not None:
            self._build_next(layer)

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds every layer for the output of the one before it."""
        self._shape = self.input_shape
        for layer in self.layers:
            self._build_next(layer)

    def _build_next(self, layer: Layer) -> None:
        layer.build(self._shape, self._rng, self.dtype)
        self._shape = layer.output_shape(self._shape)
        for parameter in layer.parameters:
            parameter.name = f"{layer.name}.{parameter.name}"
            parameter.trainable = parameter.trainable and self.trainable
        self.parameters += layer.parameters

    def output_shape(self, input_shape: Shape) -> Shape:
        """What the last layer makes of it."""
        for layer in self.layers:
            input_shape = layer.output_shape(input_shape)
        return input_shape

    def forward(self, X: Array, training: bool = False) -> Array:
        """Through all layers, from the first to the last."""
        return forward_through(self.layers, X, training)

    def backward(self, delta: Array) -> Array | None:
        """Through all layers, from the last to the first."""
        return backward_through(self.layers, delta)


def forward_through(layers: Iterable[Layer], X: Array, training: bool = False) -> Array:
    """What the last of the layers makes of X."""
    for layer in layers:
        X = layer.forward(X, training)
    return X


def backward_through(layers: Sequence[Layer], delta: Array | None) -> Array | None:
    """∂E/∂X from ∂E/∂ the last layer's output; every layer keeps its own δ for looking at."""
    for layer in reversed(layers):
        layer.delta = delta
        delta = layer.backward(delta)  # type: ignore[arg-type]
    return delta


def unfold(layers: Sequence[Layer]) -> list[Layer]:
    """The layers, with those of a chain that ends them in its place: the last one is no chain."""
    if layers and isinstance(layers[-1], Chain) and layers[-1].layers:
        return [*layers[:-1], *unfold(layers[-1].layers)]
    return list(layers)
