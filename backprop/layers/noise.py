"""Layers that disturb their input in training, and leave it alone otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_integer, check_list, check_number
from backprop.core.errors import ShapeError
from backprop.core.functional import dropout_factors
from backprop.core.types import Array, Shape, as_floats, computed
from backprop.core.windows import check_axes
from backprop.layers.random_layer import RandomLayer


class Noise(RandomLayer):
    """Y = X ⊙ M in training, with a new M in every step: the base of the kinds of dropout."""

    adjustable = ("rate",)
    any_length = 2
    definition = "{f}(x) = x ⊙ M"
    formulas = {"dX": "{delta} ⊙ M"}
    M: Any = None
    Y: Any = None

    def factor_shape(self, shape: Shape) -> Shape:
        """The shape of M for inputs of that shape: a factor for each number, unless overridden."""
        return shape

    def draw(self, out: Array) -> None:
        """Fills ``out`` with the factors."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(out).")

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X ⊙ M in training, else X."""
        X = as_floats(X)
        if not training:
            return X.copy()
        self.M = self.buffer("M", self.factor_shape(X.shape), X.dtype)
        self.draw(self.M)
        Y = self.Y = self.change(X, self.buffer("Y", X.shape, X.dtype))
        return Y

    def change(self, X: Array, out: Array) -> Array:
        """X ⊙ M."""
        Y: Array = np.multiply(X, self.M, out=out)
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ ⊙ M."""
        self.check_delta(delta, self.Y)
        dX: Array = np.multiply(delta, self.M, out=self.buffer("dX", self.Y.shape, self.Y.dtype))
        return dX


class Dropout(Noise):
    """Sets a share of the inputs to 0 in training, and scales the others up.

        Y = X ⊙ M,   m = 0 with probability p, else 1 / (1 − p)

    so that the expectation of Y is X, which is Y in inference. Source: Srivastava et al. 2014.

    Args:
        rate: p, the share that is dropped, in [0, 1).
        noise_shape: The shape of M with the batch axis in front: 1 where one factor holds along an
            axis, else None or the size of X, such as ``(None, 1, None)`` for the same features at
            all steps of a sequence; None stands for a factor for each number.

    Example:
        >>> layer = bp.layers.Dropout(0.5, seed=0)
        >>> layer.forward(np.ones((1, 8)), training=True)
        array([[2., 0., 0., 0., 2., 2., 2., 2.]])
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        kind = type(self).__name__
        self.rate = check_number(rate, f"{kind}(rate)", below=1)
        each = f"each of {kind}(noise_shape)"
        sizes = check_list(noise_shape, f"{kind}(noise_shape)")
        shape = tuple(None if n is None else check_integer(n, each) for n in sizes)
        self.noise_shape = None if noise_shape is None else shape

    @computed
    def any_length(self) -> int:
        """2, unless the noise has one number of steps."""
        return 2 if self.noise_shape is None else 0

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if the noise has a shape that fits it."""
        self.factor_shape((1, *input_shape))
        return tuple(input_shape)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes none; takes a generator of its own."""
        self.output_shape(input_shape)
        super().make_parameters(input_shape)

    def factor_shape(self, shape: Shape) -> Shape:
        """The shape of M; a number other than 1 in front stands for the samples of any batch.

        Raises:
            ShapeError: It does not fit inputs of that shape.
        """
        if self.noise_shape is None:
            return shape
        first, *others = self.noise_shape or (None,)
        fit = zip(others, shape[1:], strict=False)
        if len(self.noise_shape) != len(shape) or any(n not in (None, 1, size) for n, size in fit):
            raise ShapeError(
                f"{self} has noise_shape={self.noise_shape}, but samples have the shape "
                f"{shape[1:]}: behind the axis of the batch each number must be None, 1 or the "
                f"size of that axis."
            )
        sizes = (size if n is None else n for n, size in zip(others, shape[1:], strict=True))
        return (1 if first == 1 else shape[0], *sizes)

    def draw(self, out: Array) -> None:
        """0 or 1 / (1 − p)."""
        dropout_factors(self._rng, self.rate, out)


class AlphaDropout(Dropout):
    """Sets a share of the inputs to what a SELU tends to far below 0, and keeps mean and variance.

        Y = (X − α′) ⊙ M + a α′ + b,   m = 0 with probability p, else a

        α′ = −λα of SELU,   a = 1 / √((1 − p) (1 + p α′²)),   b = −a α′ p

    Inputs of mean 0 and variance 1 keep them, as a network of ``SELU`` needs it. Source: Klambauer,
    Unterthiner, Mayr & Hochreiter 2017, "Self-normalizing neural networks".

    Args:
        rate: p, the share that is dropped, in [0, 1).
        noise_shape: As for ``Dropout``.

    Example:
        >>> layer = bp.layers.AlphaDropout(0.5, seed=0)
        >>> X = np.random.default_rng(0).normal(size=(1000, 100))
        >>> Y = layer.forward(X, training=True)
        >>> print(abs(Y.mean().round(1)), Y.std().round(1))
        0.0 1.0
    """

    definition = "{f}(x) = (x + {self.limit:.10g}) ⊙ M − {self.shift:.10g}"
    limit = 1.7580993408473766
    """−α′."""

    @property
    def kept(self) -> float:
        """a."""
        return 1 / math.sqrt((1 - self.rate) * (1 + self.rate * self.limit**2))

    @property
    def shift(self) -> float:
        """−(a α′ + b) = −a α′ (1 − p)."""
        return self.kept * self.limit * (1 - self.rate)

    def change(self, X: Array, out: Array) -> Array:
        """(X − α′) ⊙ M + a α′ + b."""
        Y: Array = np.add(X, self.limit, out=out)
        Y *= self.M
        Y -= self.shift
        return Y

    def draw(self, out: Array) -> None:
        """0 or a."""
        super().draw(out)
        out *= self.kept * (1 - self.rate)


class SpatialDropout2D(Dropout):
    """Sets whole channels of images to 0 in training, and scales the others up.

        Y = X ⊙ M,   m_{n,c} = 0 with probability p, else 1 / (1 − p), at all places alike

    Neighbouring pixels are so much alike that dropping single ones takes little away. Source:
    Tompson et al. 2015, "Efficient object localization using convolutional networks".

    Shapes: X and Y ``(N, H, W, C)``, M ``(N, 1, 1, C)``.

    Args:
        rate: p, the share of the channels that is dropped, in [0, 1).

    Example:
        >>> layer = bp.layers.SpatialDropout2D(0.5, seed=1)
        >>> layer.forward(np.ones((1, 1, 2, 3)), training=True)[0, 0]  # a row for each pixel
        array([[2., 2., 0.],
               [2., 2., 0.]])
    """

    axes = "HWC"
    any_length = 2

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(rate, None, seed, name)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it is that of an image."""
        check_axes(self, input_shape, self.axes)
        return tuple(input_shape)

    def factor_shape(self, shape: Shape) -> Shape:
        """A factor for each channel of each sample."""
        self.output_shape(shape[1:])
        return (shape[0], *[1] * (len(shape) - 2), shape[-1])


class SpatialDropout1D(SpatialDropout2D):
    """Sets whole features of sequences to 0 in training, and scales the others up.

        Y = X ⊙ M,   m_{n,c} = 0 with probability p, else 1 / (1 − p), at all steps alike

    Shapes: X and Y ``(N, T, C)``, M ``(N, 1, C)``.

    Args:
        rate: p, the share of the features that is dropped, in [0, 1).

    Example:
        >>> layer = bp.layers.SpatialDropout1D(0.5, seed=1)
        >>> layer.forward(np.ones((1, 2, 4)), training=True)[0]  # a row for each step
        array([[2., 2., 0., 2.],
               [2., 2., 0., 2.]])
    """

    axes = "TC"


class GaussianDropout(Noise):
    """Multiplies the inputs by normal noise of mean 1 in training.

        Y = X ⊙ M,   m ~ N(1, p / (1 − p))        (mean, variance)

    Source: Srivastava et al. 2014.

    Args:
        rate: p in [0, 1), so that the noise has the variance that Dropout's has.

    Example:
        >>> layer = bp.layers.GaussianDropout(0.5, seed=0)
        >>> Y = layer.forward(np.ones((1000, 100)), training=True)
        >>> print(Y.mean().round(1), Y.var().round(1))  # 1 and 0.5 / (1 − 0.5)
        1.0 1.0
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.rate = check_number(rate, "GaussianDropout(rate)", below=1)

    def draw(self, out: Array) -> None:
        """Normal numbers around 1."""
        self._rng.standard_normal(out=out, dtype=out.dtype.type)
        out *= np.sqrt(self.rate / (1 - self.rate)).astype(out.dtype)
        out += 1


class GaussianNoise(RandomLayer):
    """Adds normal noise to the inputs in training: Y = X + ε, ε ~ N(0, σ²).

    Args:
        stddev: σ.

    Example:
        >>> Y = bp.layers.GaussianNoise(0.1, seed=0).forward(np.ones((100, 100)), training=True)
        >>> print(Y.mean().round(1), Y.std().round(1))
        1.0 0.1
    """

    definition = "{f}(x) = x + ε"
    formulas = {"dX": "{delta}"}

    adjustable = ("stddev",)
    any_length = 2

    def __init__(self, stddev: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.stddev = check_number(stddev, "GaussianNoise(stddev)")
        self.Y: Any = None

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = X + ε in training, else X."""
        X = as_floats(X)
        if not training:
            return X.copy()
        Y = self.Y = self.buffer("Y", X.shape, X.dtype)
        self._rng.standard_normal(out=Y, dtype=Y.dtype.type)
        Y *= self.stddev
        Y += X
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = δ."""
        self.check_delta(delta, self.Y)
        dX = self.buffer("dX", delta.shape, delta.dtype)
        np.copyto(dX, delta)
        return dX
