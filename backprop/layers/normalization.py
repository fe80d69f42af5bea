"""Layers that give their inputs mean 0 and variance 1: over the batch, or over each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_positive, check_share
from backprop.core.parameters import parameter_views
from backprop.core.types import Array, Shape
from backprop.initializers import Initializer
from backprop.initializers import get as get_initializer
from backprop.layers.base import Layer


class Normalization(Layer):
    """What both kinds share: Y = γ ⊙ X̂ + β with X̂ = (X − μ) / √(v + ε), and its derivative.

    Args:
        epsilon: ε, which keeps a constant input finite.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
    """

    definition = "{f}(x) = {gamma} ⊙ (x − μ) / √(v + ε) + {beta}"
    formulas = {"dgamma": "Σ_N {delta} ⊙ ({x} − μ) / √(v + ε)", "dbeta": "Σ_N {delta}"}

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
        self.center, self.scale = center, scale
        self.beta_initializer = get_initializer(beta_initializer)
        self.gamma_initializer = get_initializer(gamma_initializer)
        self.X_hat: Any = None
        self._inverse: Any = None  # 1 / √(v + ε)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ and β, a number for each feature."""
        self.X_hat = None
        if self.scale:
            self.add_parameter("gamma", input_shape[-1:], self.gamma_initializer, decays=False)
        if self.center:
            self.add_parameter("beta", input_shape[-1:], self.beta_initializer, decays=False)

    def standardize(
        self, X: Array, axis: int | tuple[int, ...], out: Array, squares: Array
    ) -> tuple[Array, Array, Array]:
        """Writes X̂ into ``out``; returns μ, the biased v, and 1 / √(v + ε)."""
        mean = X.mean(axis=axis, keepdims=True)
        np.subtract(X, mean, out=out)
        np.multiply(out, out, out=squares)
        variance = squares.mean(axis=axis, keepdims=True)
        inverse = 1 / np.sqrt(variance + self.dtype.type(self.epsilon))
        out *= inverse
        return mean, variance, inverse

    def stretch(self, X_hat: Array, out: Array) -> Array:
        """γ ⊙ X̂ + β, into ``out``, which may be X̂ itself."""
        Y: Array = np.multiply(X_hat, self.gamma if self.scale else 1, out=out)
        if self.center:
            Y += self.beta
        return Y

    def unstretch(self, delta: Array) -> Array:
        """∂E/∂X̂ = δ ⊙ γ; on the way ∂E/∂γ = Σ_N δ ⊙ X̂ and ∂E/∂β = Σ_N δ."""
        self.check_delta(delta, self.X_hat)
        samples = tuple(range(delta.ndim - 1))
        if self.scale:
            products = np.multiply(delta, self.X_hat, out=self.scratch(delta.shape))
            np.sum(products, axis=samples, out=self.dgamma)
        if self.center:
            np.sum(delta, axis=samples, out=self.dbeta)
        d = self.buffer("dX", delta.shape, self.dtype)
        return np.multiply(delta, self.gamma if self.scale else 1, out=d)

    def unstandardize(self, d: Array, axis: int | tuple[int, ...]) -> Array:
        """∂E/∂X = (d − mean(d) − X̂ mean(d ⊙ X̂)) / √(v + ε), where d = ∂E/∂X̂, written into d.

        The means run over the axes that μ and v were taken over; both depend on X.
        """
        products = np.multiply(d, self.X_hat, out=self.scratch(d.shape))
        along = products.mean(axis=axis, keepdims=True)
        d -= d.mean(axis=axis, keepdims=True)
        d -= np.multiply(self.X_hat, along, out=products)
        d *= self._inverse
        return d

    def scratch(self, shape: Shape) -> Array:
        """Where a training step keeps products until they are summed."""
        return self.buffer("S", shape, self.dtype)


class BatchNormalization(Normalization):
    """Normalises every feature over the batch in training, by moving averages in inference.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    In training μ and v are the batch's mean and biased variance, and the moving averages become
    m · average + (1 − m) · batch value; a frozen layer uses the averages in training too. With more
    axes than two, every axis but the last counts as samples. Source: Ioffe & Szegedy 2015; Keras's
    constants.

    Args:
        momentum: m.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
    """

    definition = Normalization.definition
    formulas = Normalization.formulas

    moving_mean, _ = parameter_views("moving_mean")
    moving_variance, _ = parameter_views("moving_variance")

    def __init__(
        self,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, name)
        self.momentum = check_share(momentum, "momentum")
        self._by_batch = True

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ, β, and the moving averages, which no optimizer touches."""
        super().make_parameters(input_shape)
        n = input_shape[-1:]
        self.add_parameter("moving_mean", n, "zeros", decays=False, learned=False)
        self.add_parameter("moving_variance", n, "ones", decays=False, learned=False)

    def forward(self, X: Array, training: bool = False) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.check_input(X)
        if not training:
            X_hat = self.by_averages(X)[0]
            return self.stretch(X_hat, out=X_hat)
        self._by_batch = self.trainable
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        if self._by_batch:
            samples, squares = tuple(range(X.ndim - 1)), self.scratch(X.shape)
            mean, variance, self._inverse = self.standardize(X, samples, self.X_hat, squares)
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average *= self.momentum
                average += (1 - self.momentum) * value.reshape(-1)
        else:
            _, self._inverse = self.by_averages(X, out=self.X_hat)
        return self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))

    def backward(self, delta: Array) -> Array:
        """Through μ and v of the batch; by moving averages they are constants."""
        d = self.unstretch(delta)
        if self._by_batch:
            return self.unstandardize(d, tuple(range(d.ndim - 1)))
        d *= self._inverse
        return d

    def by_averages(self, X: Array, out: Array | None = None) -> tuple[Array, Array]:
        """X̂ by the moving averages, and their 1 / √(v + ε)."""
        inverse = 1 / np.sqrt(self.moving_variance + self.dtype.type(self.epsilon))
        X_hat = np.subtract(X, self.moving_mean, out=out)
        X_hat *= inverse
        return X_hat, inverse


class LayerNormalization(Normalization):
    """Normalises every sample over its features, in training and inference alike.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    with μ and v each sample's mean and biased variance along the last axis. Source: Ba, Kiros &
    Hinton 2016; Keras's constants.
    """

    definition = Normalization.definition
    formulas = Normalization.formulas

    def forward(self, X: Array, training: bool = False) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.check_input(X)
        if not training:
            X_hat = np.empty_like(X)
            self.standardize(X, -1, X_hat, np.empty_like(X))
            return self.stretch(X_hat, out=X_hat)
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        _, _, self._inverse = self.standardize(X, -1, self.X_hat, self.scratch(X.shape))
        return self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))

    def backward(self, delta: Array) -> Array:
        """Through μ and v of each sample."""
        return self.unstandardize(self.unstretch(delta), -1)
