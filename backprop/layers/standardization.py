"""What all layers share that give their inputs mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_positive
from backprop.core.functional import by_channel, column_sum
from backprop.core.parameters import parameter_views
from backprop.core.types import Array, Shape, as_array
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
