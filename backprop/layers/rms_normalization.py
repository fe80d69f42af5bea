"""Normalisation of samples by the root mean square of their features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.checks import check_axis, check_positive
from backprop.core.functional import column_sum, root
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape
from backprop.layers.standardization import OverAxes


class RMSNormalization(OverAxes):
    """Divides every sample by the root mean square of its features, in training and inference.

        r = 1 / √(mean(X²) + ε),   X̂ = r X,   Y = γ ⊙ X̂

        ∂E/∂X = r (d − X̂ mean(d ⊙ X̂)),   ∂E/∂γ = Σ_N δ ⊙ X̂        with δ = ∂E/∂Y, d = δ ⊙ γ

    The means run over the last axis, or the chosen ones. Nothing is subtracted, so that it takes
    fewer passes than a layer normalisation. Source: Zhang & Sennrich 2019, "Root mean square layer
    normalization"; Keras's constants.

    Shapes: X and Y ``(N, …, C)``; γ ``(C,)``, or the sizes of the axes.

    Args:
        axis: The axis, or a list of several, such as ``[-2, -1]``.
        epsilon: ε, which keeps a sample of zeros finite.

    Example:
        >>> layer = bp.layers.RMSNormalization()
        >>> layer.build((2,))
        >>> layer.forward(np.array([[1.0, 7.0]])).round(4)  # 1/r = √((1 + 49) / 2) = 5
        array([[0.2, 1.4]], dtype=float32)
    """

    definition = "{f}(x) = {gamma} ⊙ x / √(mean(x²) + {self.epsilon:g})"
    formulas = {
        "dgamma": "Σ_N {delta} ⊙ {x} / √(mean({x}²) + {self.epsilon:g})",
        "dX": (
            "({delta} ⊙ {gamma} − {x} ⊙ mean({delta} ⊙ {gamma} ⊙ {x}) / "
            "(mean({x}²) + {self.epsilon:g})) / √(mean({x}²) + {self.epsilon:g})"
        ),
    }

    gamma, dgamma = parameter_views("gamma")

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] = -1,
        epsilon: float = 1e-6,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = check_axis(axis, f"axis of {type(self).__name__}")
        self.epsilon = check_positive(epsilon, "epsilon")
        self.X_hat: Any = None
        self._r: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ, a number for each feature; warns if that is all that is left."""
        if math.prod(self.features(input_shape)) == 1:
            console.warn(
                f"{self} divides single numbers by their own size: what is left is γ or −γ. Leave "
                f"it out, or normalise over more numbers."
            )
        self.X_hat = self._r = None
        self.add_parameter("gamma", self.features(input_shape), "ones", decays=False)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = γ ⊙ X̂."""
        X = self.to_the_end(self.check_input(X), "X", training)
        if not training:
            Y = np.empty_like(X, order="C")
            self.normalize(X, Y)
            Y *= self.gamma
            return self.to_their_places(Y, "", training)
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        self._r = self.normalize(X, self.X_hat)
        Y = self.buffer("Y", X.shape, self.dtype)
        np.multiply(self.X_hat, self.gamma, out=Y)
        return self.to_their_places(Y, "A")

    def backward(self, delta: Array) -> Array:
        """∂E/∂X = r (d − X̂ mean(d ⊙ X̂)) with d = δ ⊙ γ, and ∂E/∂γ = Σ_N δ ⊙ X̂."""
        delta = self.checked_delta(delta, self.as_given(self.X_hat))
        delta = self.to_the_end(delta, "delta")
        products, d = (self.buffer(name, delta.shape, self.dtype) for name in ("products", "dX"))
        np.multiply(delta, self.X_hat, out=products)
        column_sum(products.reshape(-1, self.gamma.size), self.dgamma.reshape(-1))
        products *= self.gamma  # d ⊙ X̂
        along = self.mean(products)
        np.multiply(delta, self.gamma, out=d)
        d -= np.multiply(self.X_hat, along, out=products)
        d *= self._r
        return self.to_their_places(d, "D")

    def normalize(self, X: Array, out: Array) -> Array:
        """Writes X̂; returns r."""
        squares = np.multiply(X, X, out=out)
        r: Array = 1 / root(self.mean(squares) + self.dtype.type(self.epsilon))
        np.multiply(X, r, out=out)
        return r
