"""What the layers share that bring their inputs to one scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core import console
from backprop.core.checks import check_axis, check_flag, check_positive
from backprop.core.functional import by_channel, column_sum, ones, root
from backprop.core.parameter_access import parameter_views
from backprop.core.types import REAL, Array, Shape, as_array
from backprop.initializers import Initializer
from backprop.layers.along_axes import AlongAxes
from backprop.regularizers import Regularizer


class Standardization(AlongAxes):
    """What all kinds share: Y = γ ⊙ X̂ + β with X̂ = (X − μ) / √(v + ε), and its derivative.

        μ = mean(X),   v = mean((X − μ)²)

        ∂E/∂X = (d − mean(d) − X̂ ⊙ mean(d ⊙ X̂)) / √(v + ε)        with d = ∂E/∂X̂ = δ ⊙ γ

    A subclass says in ``mean`` which numbers are normalised together. Here the chosen axes are at
    the end.
    """

    interval, takes_any_size = REAL, True
    definition = "{f}(x) = {gamma} ⊙ (x − μ) / √(v + ε) + {beta}"
    formulas = {"dgamma": "Σ_N {delta} ⊙ ({x} − μ) / √(v + ε)", "dbeta": "Σ_N {delta}"}

    adjustable = ("momentum", "epsilon")

    gamma, dgamma = parameter_views("gamma")
    beta, dbeta = parameter_views("beta")

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        beta_regularizer: str | Regularizer | None = None,
        gamma_regularizer: str | Regularizer | None = None,
        beta_constraint: str | Constraint | None = None,
        gamma_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = check_axis(axis, f"axis of {type(self).__name__}")
        self.epsilon = check_positive(epsilon, "epsilon")
        self.center = check_flag(center, "center")
        self.scale = check_flag(scale, "scale")
        self.keep_chosen("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.keep_chosen("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.X_hat: Any = None
        self._inverse: Any = None  # 1 / √(v + ε)

    def mean(self, A: Array) -> Array:
        """The mean over what is normalised together, in a shape that broadcasts over A."""
        raise NotImplementedError(f"{type(self).__name__} must define mean(A).")

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ and β."""
        self.X_hat = None
        shape = self.features(input_shape)
        if self.together(input_shape) == 1:
            console.warn(
                f"{self} normalises single numbers, each of which is its own mean: X̂ is 0 for all "
                f"inputs, and nothing is learnt. Leave it out, or normalise over more numbers."
            )
        if self.scale:
            self.add_chosen("gamma", shape, "gamma", decays=False)
        if self.center:
            self.add_chosen("beta", shape, "beta", decays=False)

    def together(self, input_shape: Shape) -> int:
        """How many numbers of a sample have one mean."""
        return math.prod(self.features(input_shape))

    def forward(self, X: Array, training: bool = False) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.to_the_end(self.check_input(X), "X", training)
        if not training:
            X_hat = np.empty_like(X)
            self.standardize(X, X_hat, np.empty_like(X))
            return self.to_their_places(self.stretch(X_hat, out=X_hat), "", training)
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        _, _, self._inverse = self.standardize(X, self.X_hat, self.scratch(X.shape))
        Y = self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))
        return self.to_their_places(Y, "A")

    def backward(self, delta: Array) -> Array:
        """Through μ and v, which depend on X."""
        return self.to_their_places(self.unstandardize(self.unstretch(delta)), "D")

    def standardize(self, X: Array, X_hat: Array, squares: Array) -> tuple[Array, Array, Array]:
        """Writes X̂; returns μ, the biased v, and 1 / √(v + ε)."""
        mean = self.mean(X)
        by_channel(np.subtract, X, mean, X_hat)
        variance = self.mean(np.multiply(X_hat, X_hat, out=squares))
        inverse = 1 / root(variance + self.dtype.type(self.epsilon))
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
        self.check_delta(delta, self.as_given(self.X_hat))
        delta = self.to_the_end(delta, "delta")
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


class OverAxes(AlongAxes):
    """What those share that normalise over the features along one axis of a sample, or several."""

    interval, takes_any_size = REAL, True
    along_steps = "normalises over all steps together"

    def mean(self, A: Array) -> Array:
        """The mean over the axes at the end, kept with size 1, as the product A 1 / n."""
        axes = 1 if self.is_last else len(self.chosen(A.ndim))
        n = math.prod(A.shape[-axes:])
        total: Array = np.dot(A.reshape(-1, n), ones(n, A.dtype))
        np.divide(total, n, out=total)
        return total.reshape(*A.shape[:-axes], *[1] * axes)
