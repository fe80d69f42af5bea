"""The same layer for every step of a sequence."""

from __future__ import annotations

from typing import Any

from backprop.core.errors import ShapeError
from backprop.core.types import Array, Interval, Shape, as_array
from backprop.layers.block import Block
from backprop.layers.chain import as_layer, ending


class TimeDistributed(Block):
    """y_t = f(x_t): every step of a sequence is a sample of the layer f.

    Shapes: X ``(N, T, …)``, where f takes samples of shape ``(…)``; f sees ``(N · T, …)``. So a
    BatchNormalization in it normalises over all steps of all sequences. Layers that work along the
    last axis, such as Dense, need not be wrapped.

    Args:
        layer: f, a layer or a list of layers.
        name: The layer's name.

    Attributes:
        layer: f.
    """

    any_length = 2
    interval: Interval | None = None
    definition = "{f}(x)_t = f(x_t)"

    def __init__(self, layer: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.layer = self.adopt(as_layer(layer))
        self.interval = ending([self.layer]).interval
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
                f"({shape}): leave it out if there are no steps."
            )
        return (input_shape[0], *self.layer.output_shape(tuple(input_shape[1:])))

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same mask: f is asked for none."""
        return mask

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """f(x_1) … f(x_T)."""
        X = as_array(X)
        self.output_shape(X.shape[1:])
        N_T = X.shape[:2]
        Y = self.layer.forward(X.reshape(-1, *X.shape[2:]), training)
        Y = Y.reshape(*N_T, *Y.shape[1:])
        if training:
            self._Y = Y
        return Y

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂x_t = δ_t · ∂f/∂x_t."""
        self.check_delta(delta, self._Y)
        self.layer.delta = delta.reshape(-1, *delta.shape[2:])
        dX = self.layer.backward(self.layer.delta)
        return None if dX is None else dX.reshape(*delta.shape[:2], *dX.shape[1:])
