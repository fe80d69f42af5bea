"""Layers that disturb their input in training, and leave it alone otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_integer, check_number
from backprop.core.functional import dropout_factors
from backprop.core.types import Array, Shape, as_floats
from backprop.layers.base import Layer


class Noise(Layer):
    """The base of the random layers: each draws from a generator of its own.

    Args:
        seed: Determines the noise; None takes it from the model's seed.
        name: The layer's name.
    """

    random = True

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self._rng = np.random.default_rng(self.seed)
        self._factor: Any = None  # ∂Y/∂X of the last training forward

    def make_parameters(self, input_shape: Shape) -> None:
        """Takes a generator of its own, so that it does not change what other layers draw."""
        self._factor = None
        self._rng = self._rng.spawn(1)[0] if self.seed is None else np.random.default_rng(self.seed)

    def draw(self, out: Array) -> None:
        """Fills ``out`` with the factors that the input is multiplied by."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(out).")

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X ⊙ M in training, else X."""
        X = as_floats(X)
        if not training:
            return X.copy()
        self._factor = self.buffer("M", X.shape, X.dtype)
        self.draw(self._factor)
        Y: Array = np.multiply(X, self._factor, out=self.buffer("Y", X.shape, X.dtype))
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ ⊙ M."""
        self.check_delta(delta, self._factor)
        M = self._factor
        dX: Array = np.multiply(delta, M, out=self.buffer("dX", M.shape, M.dtype))
        return dX


class Dropout(Noise):
    """Sets a share of the inputs to 0 in training, and scales the others up.

        Y = X ⊙ M,   m = 0 with probability p, else 1 / (1 − p)

    so that the expectation of Y is X, and nothing is to be done in inference. Source: Srivastava et
    al. 2014.

    Args:
        rate: p, the share that is dropped, in [0, 1).
        seed: Determines the noise; None takes it from the model's seed.
        name: The layer's name.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.rate = check_number(rate, "Dropout(rate)", below=1)

    def draw(self, out: Array) -> None:
        """0 or 1 / (1 − p)."""
        dropout_factors(self._rng, self.rate, out)


class GaussianDropout(Noise):
    """Multiplies the inputs by normal noise of mean 1 in training.

        Y = X ⊙ M,   m ~ N(1, p / (1 − p))        (mean, variance)

    Source: Srivastava et al. 2014.

    Args:
        rate: p in [0, 1), so that the noise has the variance that Dropout's has.
        seed: Determines the noise; None takes it from the model's seed.
        name: The layer's name.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.rate = check_number(rate, "GaussianDropout(rate)", below=1)

    def draw(self, out: Array) -> None:
        """Normal numbers around 1."""
        self._rng.standard_normal(out=out, dtype=out.dtype.type)
        out *= np.sqrt(self.rate / (1 - self.rate)).astype(out.dtype)
        out += 1


class GaussianNoise(Noise):
    """Adds normal noise to the inputs in training: Y = X + ε, ε ~ N(0, σ²).

    Args:
        stddev: σ.
        seed: Determines the noise; None takes it from the model's seed.
        name: The layer's name.
    """

    def __init__(self, stddev: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.stddev = check_number(stddev, "GaussianNoise(stddev)")

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X + ε in training, else X."""
        X = as_floats(X)
        if not training:
            return X.copy()
        Y = self._factor = self.buffer("Y", X.shape, X.dtype)
        self._rng.standard_normal(out=Y, dtype=Y.dtype.type)
        Y *= self.stddev
        Y += X
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ."""
        self.check_delta(delta, self._factor)
        dX = self.buffer("dX", delta.shape, delta.dtype)
        np.copyto(dX, delta)
        return dX
