"""The layer that divides its inputs by their root mean square."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from backprop.core.checks import check_positive
from backprop.core.errors import ShapeError
from backprop.core.functional import column_sum, ones
from backprop.core.parameters import parameter_views
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer


class RMSNormalization(Layer):
    """Divides every sample by the root mean square of its features, in training and inference.

        r = 1 / √(mean(X²) + ε),   X̂ = r X,   Y = γ ⊙ X̂

        ∂E/∂X = r (d − X̂ mean(d ⊙ X̂)),   ∂E/∂γ = Σ_N δ ⊙ X̂        with δ = ∂E/∂Y, d = δ ⊙ γ

    The means run over the last axis, or the last ones. Nothing is subtracted, so that it takes
    fewer passes than a layer normalisation. Source: Zhang & Sennrich 2019, "Root mean square layer
    normalization"; Keras's constants.

    Shapes: X and Y ``(N, …, C)``; γ ``(C,)``, or the sizes of the last axes.

    Args:
        axis: −1, or a list of the last axes, such as ``[-2, -1]``.
        epsilon: ε, which keeps a sample of zeros finite.
        name: The layer's name.
    """

    gamma, dgamma = parameter_views("gamma")

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] = -1,
        epsilon: float = 1e-6,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = tuple(axis) if isinstance(axis, list | tuple) else axis
        self.epsilon = check_positive(epsilon, "RMSNormalization(epsilon)")
        self.X_hat: Any = None
        self._r: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ, a number for each feature."""
        self.X_hat = self._r = None
        self.add_parameter("gamma", self.features(input_shape), "ones", decays=False)

    def features(self, input_shape: Shape) -> Shape:
        """The sizes of the axes that the means run over.

        Raises:
            ValueError: ``axis`` names others than the last ones of a sample.
        """
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        n = len(input_shape) + 1  # with the axis of the samples
        found = sorted(axis + n if axis < 0 else axis for axis in axes)
        if not axes or found != list(range(n - len(axes), n)) or found[0] < 1:
            raise ValueError(
                f"{self} takes the mean over the last axis of a sample or the last ones, such as "
                f"axis=-1 or axis=[-2, -1], but axis is {self.axis!r} for samples of shape "
                f"{tuple(input_shape)}: choose other axes."
            )
        return tuple(input_shape[-len(axes) :])

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it has the axes."""
        self.features(input_shape)
        return tuple(input_shape)

    def check_input(self, X: Array) -> Array:
        """X in the layer's dtype, if it has the features that γ was made for."""
        X = super().check_input(X)
        shape = self.gamma.shape
        if X.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"{self} was built for features of shape {shape} but received an array of shape "
                f"{X.shape}: pass samples whose last axes have these sizes."
            )
        return X

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = γ ⊙ X̂."""
        X = self.check_input(X)
        if not training:
            Y = np.empty_like(X, order="C")
            self.normalize(X, Y)
            Y *= self.gamma
            return Y
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        self._r = self.normalize(X, self.X_hat)
        Y = self.buffer("Y", X.shape, self.dtype)
        np.multiply(self.X_hat, self.gamma, out=Y)
        return Y

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = r (d − X̂ mean(d ⊙ X̂)) with d = δ ⊙ γ, and ∂E/∂γ = Σ_N δ ⊙ X̂."""
        delta = as_array(delta, self.dtype)
        self.check_delta(delta, self.X_hat)
        products, d = (self.buffer(name, delta.shape, self.dtype) for name in ("products", "dX"))
        np.multiply(delta, self.X_hat, out=products)
        column_sum(products.reshape(-1, self.gamma.size), self.dgamma.reshape(-1))
        products *= self.gamma  # d ⊙ X̂
        along = self.mean(products)
        np.multiply(delta, self.gamma, out=d)
        d -= np.multiply(self.X_hat, along, out=products)
        d *= self._r
        return d

    def normalize(self, X: Array, out: Array) -> Array:
        """Writes X̂; returns r."""
        squares = np.multiply(X, X, out=out)
        r: Array = 1 / np.sqrt(self.mean(squares) + self.dtype.type(self.epsilon))
        np.multiply(X, r, out=out)
        return r

    def mean(self, A: Array) -> Array:
        """The mean over the features, whose axes stay with size 1, as the product A 1 / n."""
        axes = self.gamma.ndim
        n = prod(A.shape[-axes:])
        total: Array = np.dot(A.reshape(-1, n), ones(n, A.dtype))
        np.divide(total, n, out=total)
        return total.reshape(*A.shape[:-axes], *[1] * axes)
