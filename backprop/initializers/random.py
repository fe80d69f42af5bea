"""Weights that are drawn from one distribution, whatever their shape, and orthogonal ones."""

from __future__ import annotations

import math

import numpy as np

from backprop.core.checks import check_number
from backprop.core.types import Array, Shape
from backprop.initializers.base import Initializer

TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal distribution truncated to [−2, 2]."""


class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    Example:
        >>> W = bp.initializers.RandomUniform(-1, 1)((1000,), np.random.default_rng(0), "float64")
        >>> print(W.min().round(1), W.max().round(1))
        -1.0 1.0
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05) -> None:
        self.minval = check_number(minval, "minval", -math.inf)
        self.maxval = check_number(maxval, "maxval", -math.inf)
        if not 0 <= self.maxval - self.minval < math.inf:
            raise ValueError(
                f"RandomUniform needs minval <= maxval, and not infinitely far from it, but "
                f"received {minval} and {maxval}."
            )

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Uniform numbers."""
        return rng.uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    """Normal with the given mean and standard deviation.

    Example:
        >>> W = bp.initializers.RandomNormal(5, 0.1)((1000,), np.random.default_rng(0), "float64")
        >>> print(W.mean().round(1), W.std().round(1))
        5.0 0.1
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        self.mean = check_number(mean, "mean", -math.inf)
        self.stddev = check_number(stddev, "stddev")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Normal numbers."""
        return rng.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal; numbers more than two standard deviations from the mean are drawn again.

    Example:
        >>> W = bp.initializers.TruncatedNormal(0, 1)((1000,), np.random.default_rng(0), "float64")
        >>> bool(abs(W).max() < 2)
        True
    """

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Truncated normal numbers."""
        Z = rng.standard_normal(shape)
        while np.any(outside := np.abs(Z) > 2):
            Z[outside] = rng.standard_normal(np.count_nonzero(outside))
        return self.mean + self.stddev * Z


class Orthogonal(Initializer):
    """``gain`` times a random matrix whose rows or columns, the fewer ones, are orthonormal.

    It is Q of Z = Q R for a normal Z, with the signs of R's diagonal, by which it is uniform among
    all such matrices. A state that is multiplied by it keeps its length. Weights with more axes are
    taken as matrices whose columns are the last axis. Source: Saxe, McClelland & Ganguli 2014.

    Example:
        >>> W = bp.initializers.Orthogonal()((2, 2), np.random.default_rng(0), "float64")
        >>> abs(W @ W.T).round(4)
        array([[1., 0.],
               [0., 1.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "Orthogonal(gain)")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """An orthogonal matrix.

        Raises:
            ValueError: The weights have fewer than two axes.
        """
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs weights with two axes or more, not {shape}.")
        n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
        Q, R = np.linalg.qr(rng.standard_normal(sorted((n_rows, n_columns), reverse=True)))
        Q *= np.sign(np.diagonal(R))
        return self.gain * (Q if n_rows >= n_columns else Q.T).reshape(shape)
