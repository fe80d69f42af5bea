"""Rectifiers: the ReLU's relatives, made of pieces that meet at a point.

Where a slope jumps there is no derivative; every class says which side's slope it takes there.
"""

from __future__ import annotations

import numpy as np

from backprop.constraints import Constraint
from backprop.core.checks import check_integer, check_list, check_number, check_positive
from backprop.core.errors import ShapeError
from backprop.core.functional import hard_sigmoid
from backprop.core.parameter_access import parameter_views
from backprop.core.types import REAL, UNIT, Array, Shape
from backprop.initializers import Initializer
from backprop.layers.base import Activation
from backprop.regularizers import Regularizer

SELU_SCALE = 1.0507009873554805
"""λ of SELU."""

SELU_ALPHA = 1.6732632423543772
"""α of SELU."""


class LeakyReLU(Activation):
    """f(z) = z where z > 0, else s z;  f′(z) = 1 where z > 0, else s (also at 0).

    Source: Maas, Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic
    models".

    Args:
        negative_slope: s, 0 or more.

    Raises:
        ValueError: The slope is negative or not finite.

    Example:
        >>> bp.layers.LeakyReLU(0.1).forward(np.array([[-10.0, 2.0]]))
        array([[-1.,  2.]])
    """

    interval = REAL
    adjustable = ("negative_slope",)
    definition = "leaky_relu(z) = max(z, 0) + {self.negative_slope:g} min(z, 0)"
    slope = "[{z} > 0] + {self.negative_slope:g} [{z} ≤ 0]"

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name)
        self.negative_slope = check_number(negative_slope, "LeakyReLU(negative_slope)")

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """max(Z, s Z), or where s > 1 the smaller one of the two."""
        A: Array = np.multiply(Z, self.negative_slope, out=out)
        if self.negative_slope > 1:
            return np.minimum(Z, A, out=A)
        return np.maximum(Z, A, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 + (s − 1) [Z ≤ 0]."""
        np.less_equal(Z, 0, out=out)
        out *= self.negative_slope - 1
        out += 1
        return out


class PReLU(Activation):
    """f(z) = z where z > 0, else α z, with a trainable α for each feature of a sample.

        ∂f/∂z = 1 where z > 0, else α (also at 0),   ∂E/∂α = Σ_N δ ⊙ min(Z, 0)

    Shapes: Z and A ``(N, *features)``, α ``features`` with 1 in the place of shared axes.

    Source: He, Zhang, Ren & Sun 2015, "Delving deep into rectifiers".

    Args:
        shared_axes: The axes along which places share an α, where 1 is the first one of a sample,
            such as ``[1, 2]`` for one α for each channel of images; None shares none.

    Example:
        >>> layer = bp.layers.PReLU()
        >>> layer.build((2,), dtype="float64")
        >>> layer.alpha = [0.5, 2.0]
        >>> layer.forward(np.array([[-1.0, -1.0], [3.0, 3.0]]))
        array([[-0.5, -2. ],
               [ 3. ,  3. ]])
    """

    interval = REAL
    any_length = 0  # α has the shape of a sample
    definition = "prelu(z) = max(z, 0) + {alpha} ⊙ min(z, 0)"
    slope = "[{z} > 0] + {alpha} ⊙ [{z} ≤ 0]"
    formulas = {"dX": "{delta} ⊙ {slope}", "dalpha": "Σ_N {delta} ⊙ min({z}, 0)"}

    alpha, dalpha = parameter_views("alpha")

    def __init__(
        self,
        alpha_initializer: str | Initializer = "zeros",
        alpha_regularizer: str | Regularizer | None = None,
        alpha_constraint: str | Constraint | None = None,
        shared_axes: list[int] | tuple[int, ...] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.keep_chosen("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        axes = check_list(shared_axes, "PReLU(shared_axes)")
        self.shared_axes = tuple(check_integer(a, "PReLU(shared_axes)") for a in axes) or None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes α for samples of that shape."""
        self.Z = self.A = None
        # no weight decay, as in the paper: decay would push the layer towards a plain ReLU
        shared_axes = self.shared_axes or ()
        shared = set(shared_axes)
        if shared and max(shared) > len(input_shape):
            raise ShapeError(
                f"{self} shares an alpha along the axes {[*shared_axes]}, but samples have the "
                f"shape {tuple(input_shape)}, whose axes are 1 to {len(input_shape)}."
            )
        shape = tuple(1 if k in shared else n for k, n in enumerate(input_shape, 1))
        self.add_chosen("alpha", shape, "alpha", decays=False)

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = f(Z).

        Raises:
            ShapeError: Z holds samples of another shape than α has.
        """
        Z = self.check_input(Z)
        if Z.shape[1:] != self.input_shape:
            raise ShapeError(
                f"{self} has an alpha for each number of a sample of shape {self.input_shape}, but "
                f"received an array of shape {Z.shape}: pass samples of that shape."
            )
        return super().forward(Z, training)

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z f′(Z): each piece is a line through 0."""
        A = self.f_prime(Z, Z, np.empty_like(Z) if out is None else out)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 + (α − 1) [Z ≤ 0]."""
        np.less_equal(Z, 0, out=out)
        out *= self.alpha - 1
        out += 1
        return out

    def backward(self, delta: Array) -> Array:
        """∂E/∂α = Σ_N δ ⊙ min(Z, 0), ∂E/∂Z = δ ⊙ f′(Z)."""
        self.check_delta(delta, self.A)
        products = np.minimum(self.Z, 0, out=self.buffer("dZ", self.Z.shape, self.Z.dtype))
        products *= delta
        axes = 0, *set(self.shared_axes or ())
        shape = (1, *self.dalpha.shape)
        np.add.reduce(products, axis=axes, out=self.dalpha.reshape(shape), keepdims=True)
        return super().backward(delta)


class ELU(Activation):
    """f(z) = z where z > 0, else α (eᶻ − 1);  f′(z) = 1 where z > 0, else α eᶻ (also at 0).

    Source: Clevert, Unterthiner & Hochreiter 2016, "Fast and accurate deep network learning by
    exponential linear units".

    Args:
        alpha: α; the slope jumps at 0 unless it is 1.

    Raises:
        ValueError: α is negative or not finite.

    Example:
        >>> bp.layers.ELU().forward(np.array([[-np.log(2), 2.0]])).round(4)  # ½ − 1 below 0
        array([[-0.5,  2. ]])
    """

    interval = REAL
    definition = "elu(z) = max(z, 0) + {self.alpha:g} (exp(min(z, 0)) − 1)"
    slope = "[{z} > 0] + {self.alpha:g} exp({z}) ⊙ [{z} ≤ 0]"
    scale = 1.0
    adjustable = ("alpha",)

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = check_number(alpha, "ELU(alpha)")

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """λ (α (e^min(Z, 0) − 1) + max(Z, 0)), with λ = 1 but for SELU."""
        A: Array = np.minimum(Z, 0, out=out)
        np.expm1(A, out=A)
        A *= self.alpha
        A += np.maximum(Z, 0, out=None if out is None else self.buffer("S", Z.shape, Z.dtype))
        if self.scale != 1:
            A *= self.scale
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """A + λα where Z ≤ 0, which is λα eᶻ, and λ elsewhere."""
        slope_at_0 = self.scale * self.alpha
        np.minimum(A, 0, out=out)
        out += slope_at_0
        if slope_at_0 != self.scale:
            jump = np.greater(Z, 0, out=self.buffer("S", Z.shape, Z.dtype))
            jump *= self.scale - slope_at_0
            out += jump
        return out


class SELU(ELU):
    """f(z) = λ z where z > 0, else λα (eᶻ − 1);  f′(z) = λ where z > 0, else λα eᶻ (also at 0).

    With λ = 1.0507… and α = 1.6732…, activations of mean 0 and variance 1 keep them through layers
    whose weights are drawn with ``"lecun_normal"``.

    Source: Klambauer, Unterthiner, Mayr & Hochreiter 2017, "Self-normalizing neural networks".

    Example:
        >>> bp.layers.SELU().forward(np.array([[-99.0, 1.0]])).round(4)  # −λα and λ
        array([[-1.7581,  1.0507]])
    """

    definition = "selu(z) = {self.scale:.10g} (max(z, 0) + {self.alpha:.10g} (exp(min(z, 0)) − 1))"
    slope = "{self.scale:.10g} ([{z} > 0] + {self.alpha:.10g} exp({z}) ⊙ [{z} ≤ 0])"
    scale = SELU_SCALE

    def __init__(self, name: str | None = None) -> None:
        super().__init__(SELU_ALPHA, name)


class CELU(Activation):
    """f(z) = z where z > 0, else α (e^{z/α} − 1);  f′(z) = 1 where z > 0, else e^{z/α}: no kink.

    Source: Barron 2017, "Continuously differentiable exponential linear units".

    Args:
        alpha: α, above 0.

    Example:
        >>> bp.layers.CELU(2.0).forward(np.array([[-2 * np.log(2), 2.0]])).round(4)  # 2 (½ − 1)
        array([[-1.,  2.]])
    """

    interval = REAL
    adjustable = ("alpha",)
    definition = "celu(z) = max(z, 0) + {self.alpha:g} (exp(min(z, 0) / {self.alpha:g}) − 1)"
    slope = "exp(min({z}, 0) / {self.alpha:g})"

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = check_positive(alpha, "CELU(alpha)")

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """α (e^{min(Z, 0)/α} − 1) + max(Z, 0)."""
        A: Array = np.minimum(Z, 0, out=out)
        A *= 1 / self.alpha
        np.expm1(A, out=A)
        A *= self.alpha
        A += np.maximum(Z, 0, out=None if out is None else self.buffer("S", Z.shape, Z.dtype))
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """min(A, 0)/α + 1, which is e^{Z/α} where Z ≤ 0."""
        np.minimum(A, 0, out=out)
        out *= 1 / self.alpha
        out += 1
        return out


class HardSigmoid(Activation):
    """f(z) = min(max(z/6 + ½, 0), 1);  f′(z) = ⅙ where −3 < z < 3, else 0 (also at ±3).

    A straight line in place of the sigmoid's curve, without an exponential. Source: Howard et al.
    2019, "Searching for MobileNetV3".

    Example:
        >>> bp.layers.HardSigmoid().forward(np.array([[-3.0, 0.0, 1.5, 3.0]]))
        array([[0.  , 0.5 , 0.75, 1.  ]])
    """

    interval = UNIT
    definition = "hard_sigmoid(z) = min(max(z/6 + ½, 0), 1)"
    slope = "[|{z}| < 3] / 6"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z/6 + ½, cut off below 0 and above 1."""
        return hard_sigmoid(Z, out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """⅙ where |Z| < 3, else 0."""
        np.abs(Z, out=out)
        np.less(out, 3, out=out)
        out *= 1 / 6
        return out
