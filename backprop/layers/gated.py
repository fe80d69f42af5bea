"""The gated linear unit, of whose inputs one half decides how much of the other passes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.errors import ShapeError
from backprop.core.functional import sigmoid
from backprop.core.types import REAL, Array, Shape, as_floats
from backprop.layers.along_axes import AlongAxes


class GLU(AlongAxes):
    """The first half of the features, each multiplied by the sigmoid of one of the second half.

        Y = A ⊙ σ(B)        with Z = [A B], or A = Z S and B = Z T

        ∂E/∂A = δ ⊙ σ(B),   ∂E/∂B = δ ⊙ Y ⊙ (1 − σ(B))

    Shapes: Z ``(N, …, 2 K)``, Y ``(N, …, K)``; with another axis that one is halved.

    Source: Dauphin, Fan, Auli & Grangier 2017, "Language modeling with gated convolutional
    networks".

    Args:
        axis: The axis that is halved, counted with that of the batch; its size must be even.

    Example:
        >>> bp.layers.GLU().forward(np.array([[1.0, 2.0, 0.0, 100.0]]))
        array([[0.5, 2. ]])
    """

    formulas = {
        "Y": "({z} S) ⊙ σ({z} T)",
        "dX": "({delta} ⊙ σ({z} T)) Sᵀ + ({delta} ⊙ {y} ⊙ (1 − σ({z} T))) Tᵀ",
    }
    interval = REAL
    Y: Any = None
    S: Any = None

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = check_integer(axis, "axis of GLU", -math.inf)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes none; the axis must be even."""
        self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Half as many along the axis.

        Raises:
            ShapeError: The size of the axis is odd.
        """
        (axis,) = self.chosen(len(input_shape) + 1)
        sizes = list(input_shape)
        if sizes[axis - 1] % 2:
            raise ShapeError(
                f"{self} halves axis={self.axis!r}, whose size {sizes[axis - 1]} is odd, of "
                f"samples of shape {tuple(input_shape)}: choose an even size."
            )
        sizes[axis - 1] //= 2
        return tuple(sizes)

    def forward(self, Z: Array, training: bool = False) -> Array:
        """Y = A ⊙ σ(B)."""
        Z = as_floats(Z)
        self.output_shape(Z.shape[1:])
        Z = self.to_the_end(Z, "Z", training)
        A, B = halves(Z)
        if not training:
            return self.to_their_places(np.multiply(A, S := sigmoid(B), out=S), "", training)
        S = self.S = sigmoid(B, self.buffer("S", B.shape, B.dtype))
        Y = self.Y = np.multiply(A, S, out=self.buffer("Y", B.shape, B.dtype))
        return self.to_their_places(Y, "A")

    def backward(self, delta: Array) -> Array:
        """∂E/∂A = δ ⊙ σ(B), ∂E/∂B = δ ⊙ Y ⊙ (1 − σ(B))."""
        self.check_delta(delta, self.as_given(self.Y))
        delta = self.to_the_end(delta, "delta")
        *shape, half = self.Y.shape
        dZ = self.buffer("dZ", (*shape, 2 * half), self.Y.dtype)
        dA, dB = halves(dZ)
        np.subtract(1, self.S, out=dB)
        dB *= self.Y
        dB *= delta
        np.multiply(delta, self.S, out=dA)
        return self.to_their_places(dZ, "D")


def halves(Z: Array) -> tuple[Array, Array]:
    """Views of the first and the second half of the last axis."""
    half = Z.shape[-1] // 2
    return Z[..., :half], Z[..., half:]
