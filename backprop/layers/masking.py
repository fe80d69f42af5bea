"""Padded steps are told by a value that stands in all of their features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_number
from backprop.core.types import Array, as_array, as_floats
from backprop.layers.base import Layer


class Masking(Layer):
    """Leaves out the steps of which every feature is ``mask_value``.

        m_t = 1 unless x_t = (v, …, v),        Y_t = m_t X_t,        ∂E/∂X_t = m_t δ_t

    The mask m goes with Y to the layers that take one; m is a constant, as X's derivative goes.
    Shapes: X ``(N, T, features)``, m ``(N, T)``.

    Args:
        mask_value: v.

    Example:
        >>> X = np.array([[[1.0, 0.0], [0.0, 0.0]]])  # one sequence, its second step padded
        >>> bp.layers.Masking().output_mask(X, None)
        array([[ True, False]])
    """

    makes_mask = True
    any_length = 2
    definition = "{f}(x)_t = m_t x_t with m_t = [x_t ≠ {self.mask_value:g}]"
    formulas = {"dX": "m_t {delta}"}

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.mask_value = check_number(mask_value, "Masking(mask_value)", -math.inf)
        self._M: Any = None  # of the last training pass, shape (N, T, 1)
        self._Y: Any = None

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """True for the steps that are left."""
        X = as_array(X)
        steps = np.logical_or.reduce(np.not_equal(X, self.mask_value), axis=-1)
        return steps if mask is None else np.logical_and(steps, mask)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y_t = m_t X_t."""
        X = as_floats(X)
        M = np.not_equal(X, self.mask_value)
        M = np.logical_or.reduce(M, axis=-1, keepdims=True)
        Y = self.room(X.shape, X.dtype, training)
        if training:
            self._M, self._Y = M, Y
        return as_array(np.multiply(X, M, out=Y))

    def backward(self, delta: Array) -> Array:
        """∂E/∂X_t = m_t δ_t."""
        self.check_delta(delta, self._Y)
        dX = self.buffer("dX", delta.shape, delta.dtype)
        return as_array(np.multiply(delta, self._M, out=dX))
