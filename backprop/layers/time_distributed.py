"""The same layer for every step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.masks import refusal
from backprop.core.own_functions import interval_of
from backprop.core.types import Array, Shape, as_array
from backprop.layers.block import Block, backward_of, forward_through
from backprop.layers.chain import as_layer, ending


class TimeDistributed(Block):
    """y_t = f(x_t): every step of a sequence is a sample of the layer f.

    Shapes: X ``(N, T, …)``, where f takes samples of shape ``(…)``; f sees ``(N · T, …)``. So a
    BatchNormalization in it normalises over all steps of all sequences. Layers that work along the
    last axis, such as Dense, need not be wrapped. Of a mask ``(N, T, S)``, as of the words of
    sentences, f gets ``(N · T, S)``; a step of which all is padded is padded.

    Args:
        layer: f, a layer or a list of layers.

    Attributes:
        layer: f.

    Example:
        >>> layer = bp.layers.TimeDistributed([bp.layers.Flatten(), bp.layers.Dense(4)])
        >>> model = bp.Sequential([bp.Input((10, 8, 8)), layer])  # films of ten pictures
        >>> model.output_shape
        (10, 4)
    """

    any_length = 2
    definition = "{f}(x)_t = f(x_t)"

    def __init__(self, layer: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.layer = self.adopt(as_layer(layer))
        last = ending([self.layer])
        self.interval, self.sums_to_one = interval_of(last), last.sums_to_one
        self._Y: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds f for single steps."""
        self._Y = None
        self.output_shape(input_shape)
        self.build_child(self.layer, tuple(input_shape[1:]))

    def output_shape(self, input_shape: Shape) -> Shape:
        """T, and the shape that f makes of a step.

        Raises:
            ShapeError: The samples have no axis of steps.
        """
        if len(input_shape) < 2:
            shape = ", ".join(map(str, ("N", *input_shape)))
            raise ShapeError(
                f"{self} takes sequences, arrays of shape (N, T, …), but received one of shape "
                f"({shape}): leave it out if there are no steps; an LSTM or GRU before it takes "
                f"return_sequences=True."
            )
        return (input_shape[0], *self.layer.output_shape(tuple(input_shape[1:])))

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same; where it tells steps within the steps apart, that of f, or all there are."""
        if mask is None or mask.ndim < 3:
            return mask
        X = as_array(X)
        inside = self.layer.output_mask(X.reshape(-1, *X.shape[2:]), within(mask))
        if inside is None:
            return as_array(np.logical_or.reduce(mask.reshape(*mask.shape[:2], -1), axis=2))
        return inside.reshape(*mask.shape[:2], *inside.shape[1:])

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """f(x_1) … f(x_T)."""
        X = as_array(X)
        self.output_shape(X.shape[1:])
        N_T = X.shape[:2]
        if mask is not None and mask.ndim < 3:
            self.refuse_what_counts_steps()
        Y = forward_through([self.layer], X.reshape(-1, *X.shape[2:]), training, within(mask))
        Y = Y.reshape(*N_T, *Y.shape[1:])
        if training:
            self._Y = Y
        return Y

    def refuse_what_counts_steps(self) -> None:
        """Refuses a mask of the steps, each of which is a sample to the layers inside.

        Raises:
            ValueError: One of them computes over all samples together.
        """
        for layer in self.inside():
            if layer.over_samples:
                fault = "sees padded steps as samples and computes over all of them"
                raise refusal(layer, fault, f"take it out of {self}")

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂x_t = δ_t · ∂f/∂x_t."""
        self.check_delta(delta, self._Y)
        self.layer.delta = delta.reshape(-1, *delta.shape[2:])
        dX = backward_of(self.layer, self.layer.delta, self.needs_input_gradient)
        return None if dX is None else dX.reshape(*delta.shape[:2], *dX.shape[1:])


def within(mask: Array | None) -> Array | None:
    """The mask ``(N · T, S)`` of what is inside the steps, if it is one ``(N, T, S)``."""
    return None if mask is None or mask.ndim < 3 else mask.reshape(-1, *mask.shape[2:])
