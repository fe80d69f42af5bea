"""What every initialiser does: weights of a shape, from a generator."""

from __future__ import annotations

import numpy as np

from backprop.core.lookup import show_call
from backprop.core.settings import Settings
from backprop.core.types import Array, DTypeLike, Shape


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
        """
        drawn = np.asarray(self.draw(shape, rng))
        with np.errstate(over="ignore"):
            weights = drawn.astype(dtype, copy=False)
        if np.isinf(weights).any():
            largest = np.finfo(weights.dtype).max
            raise ValueError(
                f"{self} makes weights up to {np.abs(drawn).max():.4g}, but the largest number of "
                f"{weights.dtype} is {largest:.4g}: take smaller ones."
            )
        return weights

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The weights in float64."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(shape, rng).")

    def __repr__(self) -> str:
        return show_call(self)
