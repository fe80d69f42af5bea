"""A layer made of two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop.core.signatures import check_function
from backprop.core.types import Array, Shape
from backprop.layers.base import Layer
from backprop.layers.returned import check_size


class Lambda(Layer):
    """Y = f(X) by a function of your own; a second one computes ∂E/∂X from ∂E/∂Y.

    There is no automatic differentiation: both formulas are given, and ``check_layer`` says whether
    they fit each other.

    Args:
        function: f, of X with shape ``(N, *input_shape)``.
        derivative: The function of ``(delta, X, Y)`` that returns ∂E/∂X.
        shape: A function from the shape of an input sample to that of an output sample; both are
            the same unless it is given.

    Example:
        >>> square = bp.layers.Lambda(np.square, lambda delta, X, Y: 2 * X * delta)
        >>> bp.inspection.check_layer(square, (3,)).ok
        True
    """

    runs_own_code = True

    def __init__(
        self,
        function: Callable[[Array], Array],
        derivative: Callable[[Array, Array, Array], Array],
        shape: Callable[[Shape], Shape] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        check_function(function, "X", "Lambda(function)")
        check_function(derivative, "delta, X, Y", "Lambda(derivative)")
        if shape is not None:
            check_function(shape, "input_shape", "Lambda(shape)")
        self.function, self.derivative, self.shape = function, derivative, shape
        self.X: Any = None
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """What ``shape`` returns for it."""
        shape = tuple(input_shape)
        return shape if self.shape is None else check_size(self, self.shape(shape))

    def forward(self, X: Array, training: bool = False) -> Array:
        """f(X)."""
        Y = self.function(X)
        if training:
            self.X, self.Y = X, Y
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X, by ``derivative``."""
        self.check_delta(delta, self.Y)
        return self.derivative(delta, self.X, self.Y)
