"""Weights that start as given numbers."""

from __future__ import annotations

import math

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.checks import check_number, check_numbers, is_row
from backprop.core.readable import NUMBERS, columns_of
from backprop.core.types import Array, Shape
from backprop.initializers.base import Initializer


class Constant(Initializer):
    """Every weight is ``value``: a number, or an array of the weights' shape.

    Example:
        >>> bp.initializers.Constant(0.5)((2,), np.random.default_rng(0), "float64")
        array([0.5, 0.5])
    """

    def __init__(self, value: float | Array = 0.0) -> None:
        if not is_row(value) and columns_of(value) is None:
            value = check_number(value, "Constant(value)", -math.inf)
        else:
            given = to_array(value, "Constant(value)")
            check_numbers(given, "Constant(value)")
            plain = isinstance(value, np.ndarray | list | tuple)  # which files hold as they are
            value = value if plain and np.asarray(value).dtype.kind in NUMBERS else given
        self.value = value

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The constant.

        Raises:
            ValueError: The value is an array of another shape.
        """
        value = np.asarray(self.value, np.float64)
        if value.ndim and value.shape != shape:
            raise ValueError(
                f"Constant(value) holds an array of shape {value.shape}, but the weights have the "
                f"shape {shape}: pass a number or an array of that shape."
            )
        return np.full(shape, value)


class Zeros(Constant):
    """Every weight is 0.

    Example:
        >>> bp.layers.Dense(10, kernel_initializer="zeros").kernel_initializer
        Zeros()
    """

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """Every weight is 1.

    Example:
        >>> bp.initializers.Ones()((2, 1), np.random.default_rng(0), "float64")
        array([[1.],
               [1.]])
    """

    def __init__(self) -> None:
        super().__init__(1.0)


class IdentityInitializer(Initializer):
    """``gain`` times the identity matrix, of the weights' shape with two axes.

    Args:
        gain: What stands on the diagonal.

    Example:
        >>> bp.initializers.IdentityInitializer(2)((2, 3), np.random.default_rng(0), "float64")
        array([[2., 0., 0.],
               [0., 2., 0.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "IdentityInitializer(gain)")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The matrix.

        Raises:
            ValueError: The weights have not two axes.
        """
        if len(shape) != 2:
            raise ValueError(f"IdentityInitializer needs weights with two axes, not {shape}.")
        return self.gain * np.eye(*shape)
