"""Activation functions as layers: elementwise formulas with their derivatives, and Softmax."""

from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.types import Array
from backprop.layers.base import Layer


class Activation(Layer):
    """A = f(Z) for every element; ∂E/∂Z = ∂E/∂A ⊙ f′(Z). The base of all elementwise activations.

    A subclass writes ``f`` and, directly below it, ``f_prime``.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.Z: Any = None
        self.A: Any = None

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """The values of f, into ``out`` if that is given, never into Z."""
        raise NotImplementedError(f"{type(self).__name__} must define f(Z, out).")

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """f′(Z), where A = f(Z), into ``out``."""
        raise NotImplementedError(f"{type(self).__name__} must define f_prime(Z, A, out).")

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = f(Z)."""
        Z = as_floats(Z)
        if not training:
            return self.f(Z)
        self.Z = Z
        self.A = self.f(Z, out=self.buffer("A", Z.shape, Z.dtype))
        return self.A  # type: ignore[no-any-return]

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = ∂E/∂A ⊙ f′(Z)."""
        self.check_delta(delta, self.A)
        slope = self.f_prime(self.Z, self.A, self.buffer("dZ", self.Z.shape, self.Z.dtype))
        slope *= delta
        return slope


class Identity(Activation):
    """f(z) = z, f′(z) = 1: the linear activation of the textbooks."""

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z."""
        return np.positive(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1."""
        out.fill(1)
        return out


class Sigmoid(Activation):
    """σ(z) = 1 / (1 + e⁻ᶻ), σ′(z) = σ(z) (1 − σ(z)), the logistic function."""

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """σ(Z)."""
        return functional.sigmoid(Z, out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """A (1 − A)."""
        np.subtract(1, A, out=out)
        out *= A
        return out


class Tanh(Activation):
    """f(z) = tanh(z), f′(z) = 1 − tanh²(z)."""

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """tanh(Z)."""
        return np.tanh(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 − A²."""
        np.multiply(A, A, out=out)
        return np.subtract(1, out, out=out)


class ReLU(Activation):
    """f(z) = max(z, 0), f′(z) = 1 where z > 0, else 0 (at 0, where it has no derivative, 0)."""

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """max(Z, 0)."""
        return np.maximum(Z, 0, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where Z > 0, else 0."""
        return np.greater(Z, 0, out=out)


class Softmax(Layer):
    """Probabilities of K classes from K logits, along the last axis.

        A_k = e^{z_k} / Σ_j e^{z_j}

        ∂E/∂z_k = A_k (δ_k − Σ_j δ_j A_j)        with δ = ∂E/∂A

    The second line is the product of δ with the Jacobian ∂A_j/∂z_k = A_j ([j = k] − A_k).

    Shapes: Z and A ``(N, K)``, or with further leading axes.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.Z: Any = None
        self.A: Any = None
        self.log_partition: Any = None  # log Σ_j e^{z_j}: what a cross-entropy on Z needs

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = softmax(Z)."""
        Z = as_floats(Z)
        if not training:
            return functional.softmax(Z)[0]
        self.Z = Z
        out = self.buffer("A", Z.shape, Z.dtype)
        self.A, self.log_partition = functional.softmax(Z, out)
        return self.A  # type: ignore[no-any-return]

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = A ⊙ (δ − Σ_k δ_k A_k)."""
        self.check_delta(delta, self.A)
        dZ: Array = np.multiply(delta, self.A, out=self.buffer("dZ", self.Z.shape, self.Z.dtype))
        along = np.add.reduce(dZ, axis=-1, keepdims=True)  # (N, 1)
        np.subtract(delta, along, out=dZ)
        dZ *= self.A
        return dZ


def as_floats(Z: Array) -> Array:
    """Z as an array of floating-point numbers; integers become float64."""
    Z = np.asarray(Z)
    return Z if Z.dtype.kind in "fc" else Z.astype(np.float64)
