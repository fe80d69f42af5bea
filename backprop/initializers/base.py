"""What every initialiser does: weights of a shape, from a generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.checks import is_row
from backprop.core.lookup import show_call
from backprop.core.readable import NUMBERS
from backprop.core.returned import is_array, misshaped
from backprop.core.settings import Settings
from backprop.core.types import Array, DTypeLike, Shape, as_array


class Initializer(Settings):
    """The base of the initialisers: a subclass writes ``draw``.

    Example:
        >>> class Checkered(bp.initializers.Initializer):
        ...     def draw(self, shape, rng):
        ...         return np.indices(shape).sum(axis=0) % 2
        >>> Checkered()((2, 3), np.random.default_rng(0), "float32")
        array([[0., 1., 0.],
               [1., 0., 1.]], dtype=float32)
    """

    def __call__(
        self, shape: Shape, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> Array:
        """Initial weights.

        Args:
            shape: The shape of the weights; ``(n_in, n_out)`` for a Dense kernel.
            rng: The only source of randomness.
            dtype: The dtype of the result. The numbers are drawn in float64 and then rounded, so
                that models of both dtypes start from the same weights.

        Returns:
            An array of that shape and dtype.

        Raises:
            ValueError: A number is too large for the dtype.
            TypeError: ``draw`` of a class of the user's own returns no array of numbers.
            ShapeError: It has another shape; nothing is broadcast.
        """
        drawn: Any = self.draw(shape, rng)
        if is_row(drawn) and not isinstance(drawn, np.ndarray):
            drawn = to_array(drawn, f"what {type(self).__name__}.draw returned")
        if not (self.of_package or is_array(drawn, shape, NUMBERS)):
            raise misshaped(type(self).__name__, "draw", drawn, f"an array of shape {shape}")
        drawn = np.asarray(drawn)
        with np.errstate(over="ignore"):
            weights: Array = drawn.astype(dtype, copy=False)
        if np.isinf(weights).any():
            largest = np.finfo(weights.dtype).max
            raise ValueError(
                f"{self} makes weights up to {np.abs(drawn).max():.4g}, but the largest number of "
                f"{weights.dtype} is {largest:.4g}: take smaller ones."
            )
        return weights

    def new_weights(self, shape: Shape, rng: np.random.Generator, dtype: np.dtype[Any]) -> Array:
        """What a call makes, looked at where a class of the user's own has another ``__call__``."""
        made: Any = self(shape, rng, dtype)
        if not (self.of_package or is_array(made, shape, "f")):
            expected = f"floats, an array of shape {shape}"
            raise misshaped(type(self).__name__, "__call__", made, expected)
        return as_array(made, dtype)

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The weights in float64."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(shape, rng).")

    def __repr__(self) -> str:
        return show_call(self)
