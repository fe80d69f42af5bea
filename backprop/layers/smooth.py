"""Smooth activations: the softplus and its slope as gates, the Gaussian gate, and their relatives.

The names in the formulas: σ is the logistic function, Φ and φ are the standard normal distribution
function and its density.
"""

import math

import numpy as np

from backprop.core import functional
from backprop.core.checks import check_flag, check_positive
from backprop.core.types import POSITIVE, REAL, Array, as_array, computed
from backprop.layers.base import Activation

CUBIC = 0.044715
GATE_SLOPE = 2 * math.sqrt(2 / math.pi)
"""The approximate GELU is z σ(u) with u = GATE_SLOPE (z + CUBIC z³)."""


class Softplus(Activation):
    """f(z) = log(1 + eᶻ), f′(z) = σ(z): a ReLU without the kink, always positive.

    Source: Dugas et al. 2001, "Incorporating second-order functional knowledge for better option
    pricing".

    Example:
        >>> bp.layers.Softplus().forward(np.array([[np.log(3), 99.0]])).round(4)  # log 4 and 99
        array([[ 1.3863, 99.    ]])
    """

    interval = POSITIVE
    definition = "softplus(z) = ln(1 + exp(z))"
    slope = "1 − exp(−{a})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """log(1 + e^Z)."""
        return functional.softplus(Z, out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 − e⁻ᴬ, which is σ(Z) since e⁻ᴬ = 1 / (1 + e^Z)."""
        np.negative(A, out=out)
        np.expm1(out, out=out)
        return np.negative(out, out=out)


class LogSigmoid(Activation):
    """f(z) = log σ(z) = −log(1 + e⁻ᶻ), f′(z) = 1 − σ(z): the logarithm of a probability.

    Example:
        >>> np.exp(bp.layers.LogSigmoid().forward(np.array([[0.0, np.log(3)]]))).round(4)
        array([[0.5 , 0.75]])
    """

    interval = (-math.inf, 0.0)
    definition = "log_sigmoid(z) = −ln(1 + exp(−z))"
    slope = "1 − exp({a})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """−max(−Z, 0) − log(1 + e^−|Z|)."""
        A: Array = np.negative(Z, out=out)
        rest = np.exp(np.negative(np.abs(A)))
        np.maximum(A, 0, out=A)
        A += np.log1p(rest, out=rest)
        return np.negative(A, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 − e^A."""
        np.expm1(A, out=out)
        return np.negative(out, out=out)


class Squareplus(Activation):
    """f(z) = ½ (z + √(z² + b)), f′(z) = f(z) / √(z² + b): a softplus without an exponential.

    Source: Barron 2021, "Squareplus: a softplus-like algebraic rectifier".

    Args:
        b: How round it is at 0, above 0.

    Example:
        >>> bp.layers.Squareplus().forward(np.array([[-1.5, 0.0, 1.5]]))
        array([[0.5, 1. , 2. ]])
    """

    interval = POSITIVE
    adjustable = ("b",)
    definition = "squareplus(z) = ½ (z + √(z² + {self.b:g}))"
    slope = "{a} / √({z}² + {self.b:g})"

    def __init__(self, b: float = 4, name: str | None = None) -> None:
        super().__init__(name)
        self.b = check_positive(b, "Squareplus(b)")

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """½ (Z + √(Z² + b))."""
        A: Array = np.multiply(Z, Z, out=out)
        A += self.b
        np.sqrt(A, out=A)
        A += Z
        A *= 0.5
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """A / √(Z² + b)."""
        np.multiply(Z, Z, out=out)
        out += self.b
        np.sqrt(out, out=out)
        return np.divide(A, out, out=out)


class Softsign(Activation):
    """f(z) = z / (1 + |z|), f′(z) = 1 / (1 + |z|)²: like tanh, but slower to reach ±1.

    Source: Turian et al. 2009, "Quadratic features and deep architectures for chunking".

    Example:
        >>> bp.layers.Softsign().forward(np.array([[-1.0, 0.0, 3.0]]))
        array([[-0.5 ,  0.  ,  0.75]])
    """

    interval = (-1.0, 1.0)
    definition = "softsign(z) = z / (1 + |z|)"
    slope = "1 / (1 + |{z}|)²"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z / (1 + |Z|)."""
        A: Array = np.abs(Z, out=out)
        A += 1
        return np.divide(Z, A, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 / (1 + |Z|)²."""
        np.abs(Z, out=out)
        out += 1
        np.reciprocal(out, out=out)
        return np.multiply(out, out, out=out)


class SiLU(Activation):
    """f(z) = z σ(z), f′(z) = σ(z) + f(z) (1 − σ(z)): also called swish.

    Source: Elfwing, Uchibe & Doya 2018, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning".

    Example:
        >>> bp.layers.SiLU().forward(np.array([[0.0, np.log(3)]])).round(4)  # 0 and ¾ log 3
        array([[0.   , 0.824]])
    """

    interval = REAL
    definition = "silu(z) = z σ(z)"
    slope = "σ({z}) + {a} ⊙ (1 − σ({z}))"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z σ(Z)."""
        A = functional.sigmoid(Z, out)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """S + A (1 − S), where S = σ(Z)."""
        S = functional.sigmoid(Z, out)
        rest = np.subtract(1, S, out=self.buffer("rest", Z.shape, Z.dtype))
        rest *= A
        S += rest
        return S


class Mish(Activation):
    """f(z) = z T(z) with T = tanh(log(1 + eᶻ)), f′(z) = T(z) + z (1 − T(z)²) σ(z).

    Source: Misra 2020, "Mish: a self regularized non-monotonic activation function".

    Example:
        >>> bp.layers.Mish().forward(np.array([[0.0, 1.0, 20.0]])).round(4)
        array([[ 0.    ,  0.8651, 20.    ]])
    """

    interval = REAL
    definition = "mish(z) = z T(z), T(z) = tanh(ln(1 + exp(z)))"
    slope = "T({z}) + ({z} − {a} ⊙ T({z})) ⊙ σ({z})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z T."""
        A = functional.softplus(Z, out)
        np.tanh(A, out=A)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """T + (Z − A T) σ(Z)."""
        T = functional.softplus(Z, out)
        np.tanh(T, out=T)
        S = functional.sigmoid(Z, self.buffer("S", Z.shape, Z.dtype))
        rest = np.multiply(A, T, out=self.buffer("rest", Z.shape, Z.dtype))
        np.subtract(Z, rest, out=rest)
        rest *= S
        T += rest
        return T


class GELU(Activation):
    """f(z) = z Φ(z), f′(z) = Φ(z) + z φ(z).

    The approximation takes σ(u) = ½ (1 + tanh(u/2)) for Φ, with u = 2√(2/π) (z + 0.044715 z³):

        f(z) = z σ(u),   f′(z) = σ(u) + f(z) (1 − σ(u)) u′(z),   u′ = 2√(2/π) (1 + 0.134145 z²)

    It differs from z Φ(z) by less than 5·10⁻⁴ and is several times faster, as Φ comes from SciPy's
    error function, element by element.

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units".

    Args:
        approximate: Whether to take the approximation.

    Example:
        >>> bp.layers.GELU().forward(np.array([[-1.0, 0.0, 1.0]])).round(4)  # Φ(1) is 0.8413
        array([[-0.1587,  0.    ,  0.8413]])
    """

    interval = REAL
    adjustable = ("approximate",)

    def __init__(self, approximate: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.approximate = check_flag(approximate, "approximate")

    @computed
    def definition(self) -> str:
        """That of Φ, or of what is taken for it."""
        if not self.approximate:
            return "gelu(z) = z Φ(z)"
        return (
            "gelu(z) = z σ(u(z)), u(z) = 2 √(2/π) (z + 0.044715 z³), "
            "u′(z) = 2 √(2/π) (1 + 0.134145 z²)"
        )

    @computed
    def slope(self) -> str:
        """Likewise."""
        if not self.approximate:
            return "Φ({z}) + {z} ⊙ φ({z})"
        return "σ(u({z})) + {a} ⊙ (1 − σ(u({z}))) ⊙ u′({z})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z Φ(Z)."""
        A = sigmoid_gate(Z, out) if self.approximate else gaussian_gate(Z, out)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """Φ(Z) + Z φ(Z)."""
        rest = self.buffer("rest", Z.shape, Z.dtype)
        if self.approximate:
            S = sigmoid_gate(Z, out)
            slope = np.multiply(Z, Z, out=self.buffer("slope", Z.shape, Z.dtype))  # u′
            slope *= 3 * CUBIC * GATE_SLOPE
            slope += GATE_SLOPE
            np.subtract(1, S, out=rest)
            rest *= A
            rest *= slope
            S += rest
            return S
        # Φ = A / Z saves a second error function; Φ(0) = ½
        out.fill(0.5)
        np.divide(A, Z, out=out, where=Z != 0)
        np.multiply(Z, Z, out=rest)
        rest *= -0.5
        np.exp(rest, out=rest)
        rest *= Z
        rest *= 1 / math.sqrt(2 * math.pi)
        out += rest
        return out


class Exponential(Activation):
    """f(z) = f′(z) = eᶻ: positive outputs over many orders of magnitude, such as a Poisson rate.

    Above z = 88 in float32 and z = 709 in float64 it is infinite, as in Keras, without a warning.

    Example:
        >>> bp.layers.Exponential().forward(np.log([[1.0, 20.0]])).round(4)
        array([[ 1., 20.]])
    """

    interval = POSITIVE
    definition = "exponential(z) = exp(z)"
    slope = "{a}"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """e^Z."""
        with np.errstate(over="ignore"):
            return np.exp(Z, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """A."""
        np.copyto(out, A)
        return out


def gaussian_gate(Z: Array, out: Array | None) -> Array:
    """Φ(Z) = ½ (1 + erf(Z/√2))."""
    from scipy.special import ndtr

    return as_array(ndtr(Z, out=out))


def sigmoid_gate(Z: Array, out: Array | None) -> Array:
    """σ(u) with u = 2√(2/π) (Z + 0.044715 Z³)."""
    U: Array = np.multiply(Z, Z, out=out)
    U *= CUBIC * GATE_SLOPE
    U += GATE_SLOPE
    U *= Z
    return functional.sigmoid(U, U)
