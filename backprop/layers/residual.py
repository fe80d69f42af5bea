"""The residual block: what its layers compute is added to its input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.frozen import FixedList
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer
from backprop.layers.block import (
    ADVICE,
    Block,
    backward_through,
    forward_through,
    mask_through,
    shape_through,
    warn_of_one_alone,
)
from backprop.layers.chain import Chain, as_layer, layers_in


class Residual(Block):
    """Y = X + f(X): the layers learn what is to be added to their input.

        Y = S(X) + f(X),        ∂E/∂X = δ · ∂S/∂X + δ · ∂f/∂X        with δ = ∂E/∂Y

    Without a shortcut S is the identity, so that δ reaches X undiminished however small ∂f/∂X is.
    An f that changes the shape needs a shortcut. Source: He et al. 2016, "Deep residual learning
    for image recognition".

    Args:
        layers: f, the layers in order.
        shortcut: S, the layers of the way around them.

    Attributes:
        layers: f.
        shortcut: S as a ``Chain`` called ``"shortcut"``; None for the identity.

    Example:
        >>> layer = bp.layers.Residual([bp.layers.Rescaling(0.5)])
        >>> bp.Sequential([bp.Input(2), layer]).predict([[2, 4]])  # X + X/2
        array([[3., 6.]], dtype=float32)
    """

    definition = "{f}(x) = S(x) + f(x)"
    formulas = {"dX": "{delta} · ∂S/∂{x} + {delta} · ∂f/∂{x}"}

    def __init__(
        self,
        layers: Iterable[Any],
        shortcut: Iterable[Any] | Chain | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        given = layers_in(layers, "layers")
        if not given:
            raise ValueError("Residual needs at least one layer, but the list is empty.")
        self.layers = FixedList([self.adopt(as_layer(layer)) for layer in given], ADVICE)
        if not isinstance(shortcut, Chain | None):
            shortcut = Chain(layers_in(shortcut, "shortcut"))
        self.shortcut = shortcut
        if shortcut is not None:
            shortcut.name = "shortcut"
            self.adopt(shortcut)

    def entrances(self) -> list[Layer]:
        """The first layer of f, and the shortcut."""
        if not self.children:  # the constructor is at work
            return []
        return self.layers[:1] + ([self.shortcut] if self.shortcut is not None else [])

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds f, then S."""
        shape = input_shape
        for layer in self.layers:
            shape = self.build_child(layer, shape)
        if self.shortcut is not None:
            self.build_child(self.shortcut, input_shape)
        warn_of_one_alone(self.children, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of f(X).

        Raises:
            ShapeError: S(X) has another one.
        """
        shape = shape_through(self.layers, input_shape)
        other = tuple(input_shape)
        if self.shortcut is not None:
            other = self.shortcut.output_shape(input_shape)
        if shape != other:
            raise ShapeError(self._misfit(shape, other, tuple(input_shape)))
        return shape

    def _misfit(self, shape: Shape, other: Shape, input_shape: Shape) -> str:
        what, project, inside = "its input", "give it a shortcut that projects", [*self.layers]
        if self.shortcut is not None:
            what, project = "its shortcut", "let the shortcut project"
            inside += self.shortcut.layers
        advice = "let both make the same shape"
        if len(shape) == len(other):
            valid = any(getattr(layer, "padding", None) == "valid" for layer in inside)
            advice += ", for example by padding='same'." if valid else "."
        else:
            last = any(getattr(layer, "return_sequences", None) is False for layer in inside)
            advice += ", for example by return_sequences=True." if last else "."
        if len(shape) == len(other) == len(input_shape):
            projection = projection_to(shape, input_shape)
            if projection:
                advice = f"{project}, shortcut=[{projection}]."
        return (
            f"{self} adds what its layers make to {what}, but for one sample they make the shape "
            f"{shape}, and {what} has the shape {other}: {advice}"
        )

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """That of f(X)."""
        return mask_through(self.layers, X, mask)

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """S(X) + f(X)."""
        X = as_array(X, self.dtype)
        Y = forward_through(self.layers, X, training, mask)
        S = X if self.shortcut is None else self.shortcut.forward(X, training, mask)
        return np.add(S, Y, out=self.buffer("Y", Y.shape, Y.dtype) if training else None)

    def backward(self, delta: Array) -> Array | None:
        """δ · ∂S/∂X + δ · ∂f/∂X."""
        through = backward_through(self.layers, delta)
        delta = as_array(delta, self.dtype)
        around: Array | None = delta
        if self.shortcut is not None:
            self.shortcut.delta = delta
            around = self.shortcut.backward(delta)
        if through is None or around is None:
            return None
        return np.add(around, through, out=self.buffer("dX", through.shape, through.dtype))


def projection_to(shape: Shape, other: Shape) -> str:
    """The layers that bring samples of the shape ``other`` to ``shape``; "" if none do so."""
    dense = f"Dense({shape[-1]})"
    if shape[:-1] == other[:-1]:
        return dense
    if len(shape) not in (2, 3) or 0 in (*shape, *other):
        return ""
    factors = tuple(m // n for n, m in zip(other[:-1], shape[:-1], strict=True))
    if tuple(n * k for n, k in zip(other[:-1], factors, strict=True)) == shape[:-1]:
        up = f"UpSampling{len(factors)}D({factors if len(factors) > 1 else factors[0]})"
        return up if shape[-1] == other[-1] else f"{up}, {dense}"
    strides = tuple(-(-n // m) for n, m in zip(other[:-1], shape[:-1], strict=True))
    made = tuple(-(-n // s) for n, s in zip(other[:-1], strides, strict=True))
    return f"Conv{len(strides)}D({shape[-1]}, 1, strides={strides})" if made == shape[:-1] else ""
