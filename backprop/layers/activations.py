"""The classic activation functions as layers: formulas with their derivatives, and Softmax."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop.core import functional
from backprop.core.types import POSITIVE, UNIT, Array, as_floats, computed
from backprop.layers.activation_options import ReLUOptions, SoftmaxAxes
from backprop.layers.base import Activation, Layer


class Identity(Activation):
    """f(z) = z, f′(z) = 1: the linear activation of the textbooks.

    Example:
        >>> bp.layers.Identity().forward(np.array([[-1.0, 2.0]]))
        array([[-1.,  2.]])
    """

    rearranges = True
    formulas = {"Y": "{z}", "dX": "{delta}"}

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z."""
        return np.positive(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1."""
        out.fill(1)
        return out


class Sigmoid(Activation):
    """σ(z) = 1 / (1 + e⁻ᶻ), σ′(z) = σ(z) (1 − σ(z)), the logistic function.

    Example:
        >>> bp.layers.Sigmoid().forward(np.array([[0.0, np.log(3)]])).round(4)  # ½ and 3 / (1 + 3)
        array([[0.5 , 0.75]])
    """

    interval = UNIT
    link = "sigmoid"
    symbol = "σ"
    definition = "σ(z) = 1 / (1 + exp(−z))"
    slope = "{a} ⊙ (1 − {a})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """σ(Z)."""
        return functional.sigmoid(Z, out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """A (1 − A)."""
        np.subtract(1, A, out=out)
        out *= A
        return out


class Tanh(Activation):
    """f(z) = tanh(z), f′(z) = 1 − tanh²(z).

    Example:
        >>> bp.layers.Tanh().forward(np.array([[-9.0, 0.0, 9.0]])).round(4)
        array([[-1.,  0.,  1.]])
    """

    interval = (-1.0, 1.0)
    slope = "1 − {a} ⊙ {a}"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """tanh(Z)."""
        return np.tanh(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 − A²."""
        np.multiply(A, A, out=out)
        return np.subtract(1, out, out=out)


class ReLU(ReLUOptions):
    """f(z) = max(z, 0), f′(z) = 1 where z > 0, else 0 (at 0, where it has no derivative, 0).

    With Keras's options s, t and m it is min(z, m) where z > t, else s (z − t):

        f′(z) = 1 where t < z < m, s where z ≤ t, else 0

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".

    Args:
        max_value: m; None sets no limit.
        negative_slope: s, 0 or more.
        threshold: t, 0 or more.

    Example:
        >>> layer = bp.layers.ReLU()
        >>> layer.forward(np.array([[-1.0, 2.0]]), training=True)
        array([[0., 2.]])
        >>> layer.backward(np.array([[5.0, 5.0]]))
        array([[0., 5.]])
    """

    interval = POSITIVE
    definition = "relu(z) = max(z, 0)"
    slope = "[{z} > 0]"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """max(Z, 0)."""
        return np.maximum(Z, 0, out=out) if self._plain else self.f_with_options(Z, out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where Z > 0, else 0."""
        return np.greater(Z, 0, out=out) if self._plain else self.slope_with_options(Z, out)


class Softmax(SoftmaxAxes):
    """Probabilities of K classes from K logits, along the last axis or the chosen ones.

        A_k = e^{z_k} / Σ_j e^{z_j}

        ∂E/∂z_k = A_k (δ_k − Σ_j δ_j A_j)        with δ = ∂E/∂A

    The second line is the product of δ with the Jacobian ∂A_j/∂z_k = A_j ([j = k] − A_k).

    Shapes: Z and A ``(N, K)``, or with further axes.

    Args:
        axis: The axis of the classes, or a list of axes whose numbers together are those of the
            classes, such as ``[1, 2]`` for the pixels of an image.

    Example:
        >>> bp.layers.Softmax().forward(np.log([[1.0, 2.0, 5.0]])).round(4)
        array([[0.125, 0.25 , 0.625]])
    """

    interval = UNIT
    is_activation = True
    definition = "softmax(z)_k = exp(z_k) / Σ_j exp(z_j)"
    Z: Any = None
    A: Any = None

    @computed
    def link(self) -> str | None:
        """A loss on classes takes them from the last axis."""
        return "softmax" if self.is_last else None

    @computed
    def formulas(self) -> Mapping[str, str]:
        """The Jacobian of a row, or the product with it, where j runs through the classes."""
        if self.is_last:
            return {"J": "diag({y}) − {y}ᵀ {y}"}
        return {"dX": "{y} ⊙ ({delta} − Σ_j {delta} ⊙ {y})"}

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = softmax(Z)."""
        Z = self.to_the_end(as_floats(Z), "Z", training)
        if not training:
            A = functional.softmax(self.rows(Z))[0]
            return self.to_their_places(A.reshape(Z.shape), "", training)
        self.Z = Z
        A = self.A = self.buffer("A", Z.shape, Z.dtype)
        functional.softmax(self.rows(Z), self.rows(A))
        return self.to_their_places(A, "Y")

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = A ⊙ (δ − Σ_k δ_k A_k)."""
        self.check_delta(delta, self.as_given(self.A))
        dZ = self.buffer("dZ", self.Z.shape, self.Z.dtype)
        P, D, dP = map(self.rows, (self.A, self.to_the_end(delta, "delta"), dZ))
        np.multiply(D, P, out=dP)
        along = np.add.reduce(dP, axis=-1, keepdims=True)  # (N, 1)
        np.subtract(D, along, out=dP)
        dP *= P
        return self.to_their_places(dZ, "dX")


class LogSoftmax(Layer):
    """Logarithms of the probabilities of K classes from K logits, along the last axis.

        A_k = z_k − log Σ_j e^{z_j}

        ∂E/∂z_k = δ_k − e^{A_k} Σ_j δ_j        with δ = ∂E/∂A

    Shapes: Z and A ``(N, K)``, or with further leading axes.

    Example:
        >>> np.exp(bp.layers.LogSoftmax().forward(np.log([[1.0, 2.0, 5.0]]))).round(4)
        array([[0.125, 0.25 , 0.625]])
    """

    interval = (-math.inf, 0.0)
    any_length = 2
    sums_to_one = True
    is_activation = True
    definition = "log_softmax(z)_k = z_k − ln Σ_j exp(z_j)"
    formulas = {"J": "I − 1ᵀ exp({y})"}
    Z: Any = None
    A: Any = None

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = (Z − m) − log Σ e^{Z − m} with m = max Z: nothing overflows or rounds to log 0."""
        Z = as_floats(Z)
        out = P = None
        if training:
            out, P = (self.buffer(name, Z.shape, Z.dtype) for name in ("A", "dZ"))
            self.Z, self.A = Z, out
        A: Array = np.subtract(Z, np.maximum.reduce(Z, axis=-1, keepdims=True), out=out)
        total = np.add.reduce(np.exp(A, out=P), axis=-1, keepdims=True)  # (N, 1)
        A -= np.log(total, out=total)
        return A

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = δ − e^A Σ_k δ_k."""
        self.check_delta(delta, self.A)
        dZ: Array = np.exp(self.A, out=self.buffer("dZ", self.Z.shape, self.Z.dtype))
        dZ *= np.add.reduce(delta, axis=-1, keepdims=True)  # (N, 1)
        return np.subtract(delta, dZ, out=dZ)
