"""What the layers share that bring their inputs to one scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.checks import check_flag, check_positive
from backprop.core.errors import ShapeError
from backprop.core.functional import by_channel, column_sum, ones
from backprop.core.masks import refusal
from backprop.core.parameters import parameter_views
from backprop.core.types import REAL, Array, Shape, as_array
from backprop.initializers import Initializer
from backprop.initializers import get as get_initializer
from backprop.layers.base import Layer


class Standardization(Layer):
    """What all kinds share: Y = γ ⊙ X̂ + β with X̂ = (X − μ) / √(v + ε), and its derivative.

        μ = mean(X),   v = mean((X − μ)²)

        ∂E/∂X = (d − mean(d) − X̂ ⊙ mean(d ⊙ X̂)) / √(v + ε)        with d = ∂E/∂X̂ = δ ⊙ γ

    A subclass says in ``mean`` which numbers are normalised together.

    Args:
        epsilon: ε, which keeps a constant input finite.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
    """

    interval = REAL
    definition = "{f}(x) = {gamma} ⊙ (x − μ) / √(v + ε) + {beta}"
    formulas = {"dgamma": "Σ_N {delta} ⊙ ({x} − μ) / √(v + ε)", "dbeta": "Σ_N {delta}"}

    adjustable = ("momentum", "epsilon")

    gamma, dgamma = parameter_views("gamma")
    beta, dbeta = parameter_views("beta")

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.epsilon = check_positive(epsilon, "epsilon")
        self.center = check_flag(center, "center")
        self.scale = check_flag(scale, "scale")
        self.beta_initializer = get_initializer(beta_initializer)
        self.gamma_initializer = get_initializer(gamma_initializer)
        self.X_hat: Any = None
        self._inverse: Any = None  # 1 / √(v + ε)

    def mean(self, A: Array) -> Array:
        """The mean over what is normalised together, in a shape that broadcasts over A."""
        raise NotImplementedError(f"{type(self).__name__} must define mean(A).")

    def features(self, input_shape: Shape) -> Shape:
        """The shape of γ and β: a number for each channel."""
        return tuple(input_shape[-1:])

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ and β."""
        self.X_hat = None
        shape = self.features(input_shape)
        if self.scale:
            self.add_parameter("gamma", shape, self.gamma_initializer, decays=False)
        if self.center:
            self.add_parameter("beta", shape, self.beta_initializer, decays=False)

    def forward(self, X: Array, training: bool = False) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.check_input(X)
        if not training:
            X_hat = np.empty_like(X)
            self.standardize(X, X_hat, np.empty_like(X))
            return self.stretch(X_hat, out=X_hat)
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        _, _, self._inverse = self.standardize(X, self.X_hat, self.scratch(X.shape))
        return self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))

    def backward(self, delta: Array) -> Array:
        """Through μ and v, which depend on X."""
        return self.unstandardize(self.unstretch(delta))

    def standardize(self, X: Array, X_hat: Array, squares: Array) -> tuple[Array, Array, Array]:
        """Writes X̂; returns μ, the biased v, and 1 / √(v + ε)."""
        mean = self.mean(X)
        by_channel(np.subtract, X, mean, X_hat)
        variance = self.mean(np.multiply(X_hat, X_hat, out=squares))
        inverse = 1 / np.sqrt(variance + self.dtype.type(self.epsilon))
        by_channel(np.multiply, X_hat, inverse, X_hat)
        return mean, variance, inverse

    def stretch(self, X_hat: Array, out: Array) -> Array:
        """γ ⊙ X̂ + β, into ``out``, which may be X̂ itself."""
        if self.scale:
            by_channel(np.multiply, X_hat, self.gamma, out)
        elif out is not X_hat:
            np.copyto(out, X_hat)
        return by_channel(np.add, out, self.beta, out) if self.center else out

    def unstretch(self, delta: Array) -> Array:
        """∂E/∂X̂ = δ ⊙ γ; on the way ∂E/∂γ = Σ_N δ ⊙ X̂ and ∂E/∂β = Σ_N δ."""
        self.check_delta(delta, self.X_hat)
        if self.scale:
            products = np.multiply(delta, self.X_hat, out=self.scratch(delta.shape))
            self.sum_over_samples(products, self.dgamma)
        if self.center:
            self.sum_over_samples(as_array(delta, self.dtype), self.dbeta)
        d = self.buffer("dX", delta.shape, self.dtype)
        if self.scale:
            return by_channel(np.multiply, delta, self.gamma, d)
        np.copyto(d, delta)
        return d

    def sum_over_samples(self, A: Array, out: Array) -> None:
        """Σ over all axes that γ does not have, as the product 1ᵀ A: faster than a sum."""
        column_sum(A.reshape(-1, out.size), out.reshape(-1))

    def unstandardize(self, d: Array) -> Array:
        """∂E/∂X = (d − mean(d) − X̂ ⊙ mean(d ⊙ X̂)) / √(v + ε), written into d."""
        products = np.multiply(d, self.X_hat, out=self.scratch(d.shape))
        along = self.mean(products)
        by_channel(np.subtract, d, self.mean(d), d)
        d -= by_channel(np.multiply, self.X_hat, along, products)
        return by_channel(np.multiply, d, self._inverse, d)

    def scratch(self, shape: Shape) -> Array:
        """Where a training step keeps products until they are summed."""
        return self.buffer("S", shape, self.dtype)


class OverLastAxes(Layer):
    """What those share that normalise over the last axis of a sample, or the last ones.

    Attributes:
        axis: −1, or a tuple of the last axes.
    """

    interval = REAL

    axis: int | tuple[int, ...] = -1

    @property
    def any_length(self) -> int:  # type: ignore[override]
        """2, unless the steps are normalised over."""
        return 2 if self.axis in (-1, (-1,)) else 0

    def features(self, input_shape: Shape) -> Shape:
        """The sizes of the last axes that are normalised together.

        Raises:
            ValueError: ``axis`` names others.
        """
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        n = len(input_shape) + 1  # with the batch axis
        found = sorted(axis + n if isinstance(axis, int) and axis < 0 else axis for axis in axes)
        if not axes or found != list(range(n - len(axes), n)) or found[0] < 1:
            raise ValueError(
                f"{self} normalises over the last axis or the last ones of a sample, such as "
                f"axis=-1 or axis=[-2, -1], but axis is {self.axis!r} for samples of shape "
                f"{tuple(input_shape)}: move the axes to the end with Permute first."
            )
        return tuple(input_shape[-len(axes) :])

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it has the axes."""
        self.features(input_shape)
        return tuple(input_shape)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same.

        Raises:
            ValueError: Steps are normalised together, and some of them are padded.
        """
        shape = self.input_shape or ()
        if mask is not None and len(self.features(shape)) == len(shape):
            raise refusal(self, "normalises over all steps together", "choose axis=-1")
        return mask

    def check_input(self, X: Array) -> Array:
        """X, if it has the features that the parameters were made for."""
        X = super().check_input(X)
        shape = self.features(self.input_shape or ())
        if X.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"{self} was built for features of shape {shape} but received an array of shape "
                f"{X.shape}: pass samples whose last axes have these sizes."
            )
        return X

    def mean(self, A: Array) -> Array:
        """The mean over the last axes, kept with size 1, as the product A 1 / n."""
        axes = len(self.features(self.input_shape or ()))
        n = math.prod(A.shape[-axes:])
        total: Array = np.dot(A.reshape(-1, n), ones(n, A.dtype))
        np.divide(total, n, out=total)
        return total.reshape(*A.shape[:-axes], *[1] * axes)
