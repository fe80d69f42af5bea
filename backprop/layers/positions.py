"""Layers that tell a step of a sequence where it stands, which attention by itself does not see."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from backprop import initializers
from backprop.core.checks import check_integer
from backprop.core.errors import ShapeError
from backprop.core.functional import ones
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape, as_array, as_floats
from backprop.core.windows import check_axes
from backprop.initializers import Initializer
from backprop.layers.base import Layer


class Positions(Layer):
    """Y = X + P, the same P ``(T, C)`` for every sample; ∂E/∂X = δ. A subclass says what P is."""

    any_length = 2
    Y: Any = None

    def positions(self, T: int, C: int, dtype: np.dtype[Any]) -> Array:
        """P for sequences of T steps with C features."""
        raise NotImplementedError(f"{type(self).__name__} must define positions(T, C, dtype).")

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes none."""
        self.Y = None
        self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same.

        Raises:
            ShapeError: A sample is no sequence, ``(T, C)``.
        """
        check_axes(self, tuple(input_shape), "TC")
        return tuple(input_shape)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X + P."""
        X = as_floats(X)
        T, C = self.output_shape(X.shape[1:])
        P = self.positions(T, C, X.dtype)
        Y = self.room(X.shape, X.dtype, training)
        if training:
            self.Y = Y
        return as_array(np.add(X, P, out=Y))

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ."""
        self.check_delta(delta, self.Y)
        return delta


class PositionalEncoding(Positions):
    """Adds sines of falling frequency, so that steps at any distance can be told apart.

        Y = X + P,   p_{t,2i} = sin(t / 10000^{2i/C}),   p_{t,2i+1} = cos(t / 10000^{2i/C})

        ∂E/∂X = δ

    The p of a later step is that of an earlier one turned by an angle that depends only on how far
    they are apart. Nothing is learnt, and sequences may be of any length.

    Shapes: X and Y ``(N, T, C)``. Source: Vaswani et al. 2017, "Attention is all you need".

    Example:
        >>> bp.layers.PositionalEncoding().forward(np.zeros((1, 3, 2)))[0].round(2)  # sin t, cos t
        array([[ 0.  ,  1.  ],
               [ 0.84,  0.54],
               [ 0.91, -0.42]])
    """

    formulas = {"Y": "{x} + P", "dX": "{delta}"}

    def positions(self, T: int, C: int, dtype: np.dtype[Any]) -> Array:
        """The sines."""
        return sines(T, C, dtype)


class PositionEmbedding(Positions):
    """Adds numbers to each step that are learnt for its position.

        Y = X + P,        ∂E/∂P = Σ_N δ,   ∂E/∂X = δ

    Shapes: X and Y ``(N, T, C)``, P ``(sequence_length, C)``, of which the first T rows are used.
    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning".

    Args:
        sequence_length: The number of steps of the longest sequence.
        initializer: How P starts.

    Example:
        >>> model = bp.Sequential([bp.Input((2, 3)), bp.layers.PositionEmbedding(2)])
        >>> model.set_weights([[[1, 2, 3], [4, 5, 6]]])
        >>> model.predict(np.full((1, 2, 3), 10))
        array([[[11., 12., 13.],
                [14., 15., 16.]]], dtype=float32)
    """

    formulas = {"Y": "{x} + {P}", "dP": "Σ_N {delta}", "dX": "{delta}"}

    P, dP = parameter_views("P")

    def __init__(
        self,
        sequence_length: int,
        initializer: str | Initializer = "glorot_uniform",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.sequence_length = check_integer(sequence_length, "PositionEmbedding(sequence_length)")
        self.initializer = initializers.get(initializer)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes P."""
        super().make_parameters(input_shape)
        shape = self.sequence_length, input_shape[-1]
        self.add_parameter("P", shape, self.initializer).looked_up = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same.

        Raises:
            ShapeError: A sample is no sequence, ``(T, C)``, or longer than P.
        """
        shape = super().output_shape(input_shape)
        if shape[0] > self.sequence_length:
            raise ShapeError(
                f"{self} was made for sequences of at most {self.sequence_length} steps but "
                f"received one of {shape[0]}: make it with sequence_length={shape[0]}, or pass "
                f"shorter ones."
            )
        return shape

    def positions(self, T: int, C: int, dtype: np.dtype[Any]) -> Array:
        """The first rows of P."""
        return as_array(self.P[:T])

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X + P."""
        return super().forward(self.check_input(X), training)

    def backward(self, delta: Array) -> Array:
        """∂E/∂P = Σ_N δ, with 0 for positions that no step has; ∂E/∂X = δ."""
        delta = self.checked_delta(delta, self.Y)
        N, T, _ = delta.shape
        np.dot(ones(N, self.dtype), delta.reshape(N, -1), out=self.dP[:T].reshape(-1))
        self.dP[T:] = 0
        return delta


@lru_cache(maxsize=64)
def sines(T: int, C: int, dtype: np.dtype[Any]) -> Array:
    """P of ``PositionalEncoding``, shape ``(T, C)``; not to be written to: it is kept."""
    column = np.arange(C)
    angles = np.arange(T)[:, np.newaxis] / 10000 ** (column // 2 * 2 / C)
    P = np.where(column % 2, np.cos(angles), np.sin(angles)).astype(dtype)
    P.setflags(write=False)
    return P
