"""Normalisation of samples to the length 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.checks import check_axis
from backprop.core.types import Array, Shape, as_floats
from backprop.layers.standardization import OverAxes

SHORTEST = 1e-12
"""What is shorter has no direction."""


class UnitNormalization(OverAxes):
    """Divides every sample by its length, so that only its direction is left.

        Y = X / ‖X‖,   ∂E/∂X = (δ − Y Σ δ ⊙ Y) / ‖X‖        with ‖X‖ = √(Σ X²)

    The sums run over the last axis, or the chosen ones. A sample of zeros, or of a length up to
    10⁻¹², has no direction: it becomes 0, and so does its ∂E/∂X.

    Args:
        axis: The axis, or a list of several, such as ``[-2, -1]``.

    Example:
        >>> bp.layers.UnitNormalization().forward(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """

    interval = (-1.0, 1.0)
    definition = "{f}(x) = x / √(x · x)"
    formulas = {"dX": "({delta} − {y} ⊙ ({delta} · {y})) / √({x} · {x})"}

    def __init__(
        self, axis: int | list[int] | tuple[int, ...] = -1, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.axis = check_axis(axis, "axis of UnitNormalization")
        self.Y: Any = None
        self._r: Any = None  # 1 / ‖X‖

    def make_parameters(self, input_shape: Shape) -> None:
        """Warns of what is nothing but a sign."""
        if math.prod(self.features(input_shape)) == 1:
            console.warn(
                f"{self} divides single numbers by their own size: what is left is 1 or −1, and "
                f"nothing is learnt. Leave it out, or take the length of more numbers."
            )

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X / ‖X‖."""
        X = self.to_the_end(as_floats(X), "X", training)
        Y = self.room(X.shape, X.dtype, training)
        np.multiply(X, X, out=Y)
        squares = self.sum(Y)
        r = np.sqrt(squares)
        long = r > SHORTEST
        r /= np.maximum(squares, SHORTEST**2)  # where squares overflow it is nan, not 0
        r *= long
        np.multiply(X, r, out=Y)
        if training:
            self.Y, self._r = Y, r
        return self.to_their_places(Y, "A", training)

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = (δ − Y Σ δ ⊙ Y) / ‖X‖."""
        self.check_delta(delta, self.as_given(self.Y))
        delta = self.to_the_end(delta, "delta")
        dX = self.buffer("dX", delta.shape, self.Y.dtype)
        np.multiply(delta, self.Y, out=dX)
        along = self.sum(dX)
        np.multiply(self.Y, along, out=dX)
        np.subtract(delta, dX, out=dX)
        dX *= self._r
        return self.to_their_places(dX, "D")

    def sum(self, A: Array) -> Array:
        """The sum over the axes at the end, kept with size 1."""
        total = self.mean(A)
        total *= math.prod(A.shape) // math.prod(total.shape)
        return total
