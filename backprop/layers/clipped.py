"""Activations that are cut off or shrunk, each made of pieces that meet at a point.

Where a slope jumps there is no derivative; every class says which slope it takes there.
"""

import math

import numpy as np

from backprop.core.checks import check_number
from backprop.core.functional import hard_sigmoid
from backprop.core.types import POSITIVE, REAL, UNIT, Array
from backprop.layers.base import Activation


class ReLU6(Activation):
    """f(z) = min(max(z, 0), 6);  f′(z) = 1 where 0 < z < 6, else 0 (also at 0 and 6).

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".

    Example:
        >>> bp.layers.ReLU6().forward(np.array([[-1.0, 2.0, 7.0]]))
        array([[0., 2., 6.]])
    """

    interval = (0.0, 6.0)
    symbol = "relu"
    definition = "relu(z) = min(max(z, 0), 6)"
    slope = "[{z} > 0] ⊙ [{z} < 6]"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z, cut off below 0 and above 6."""
        A: Array = np.maximum(Z, 0, out=out)
        return np.minimum(A, 6, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where |Z − 3| < 3, else 0."""
        np.subtract(Z, 3, out=out)
        np.abs(out, out=out)
        return np.less(out, 3, out=out)


class HardTanh(Activation):
    """f(z) = min(max(z, −1), 1);  f′(z) = 1 where −1 < z < 1, else 0 (also at ±1).

    Source: Collobert 2004, "Large scale machine learning".

    Example:
        >>> bp.layers.HardTanh().forward(np.array([[-3.0, 0.5, 3.0]]))
        array([[-1. ,  0.5,  1. ]])
    """

    interval = (-1.0, 1.0)
    definition = "hard_tanh(z) = min(max(z, −1), 1)"
    slope = "[|{z}| < 1]"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z, cut off below −1 and above 1."""
        A: Array = np.maximum(Z, -1, out=out)
        return np.minimum(A, 1, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where |Z| < 1, else 0."""
        np.abs(Z, out=out)
        return np.less(out, 1, out=out)


class SparseSigmoid(Activation):
    """f(z) = min(max(½ (z + 1), 0), 1);  f′(z) = ½ where −1 < z < 1, else 0 (also at ±1).

    The slope of ``SparsePlus``, as the sigmoid is that of softplus. Source: Blondel, Martins &
    Niculae 2020, "Learning with Fenchel-Young losses".

    Example:
        >>> bp.layers.SparseSigmoid().forward(np.array([[-2.0, 0.0, 0.5, 2.0]]))
        array([[0.  , 0.5 , 0.75, 1.  ]])
    """

    interval = UNIT
    definition = "sparse_sigmoid(z) = min(max(½ (z + 1), 0), 1)"
    slope = "½ [|{z}| < 1]"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """½ (Z + 1), cut off below 0 and above 1."""
        A: Array = np.add(Z, 1, out=out)
        A *= 0.5
        np.maximum(A, 0, out=A)
        return np.minimum(A, 1, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """½ where |Z| < 1, else 0."""
        np.abs(Z, out=out)
        np.less(out, 1, out=out)
        out *= 0.5
        return out


class Threshold(Activation):
    """f(z) = z where z > t, else v;  f′(z) = 1 where z > t, else 0 (also at t).

    Args:
        threshold: t.
        default_value: v.

    Example:
        >>> bp.layers.Threshold(0.5, -1.0).forward(np.array([[0.4, 0.5, 0.6]]))
        array([[-1. , -1. ,  0.6]])
    """

    interval = REAL
    adjustable = ("threshold", "default_value")
    definition = (
        "threshold(z) = z [z > {self.written[0]}] + {self.written[1]} [z ≤ {self.written[0]}]"
    )
    slope = "[{z} > {self.written[0]}]"

    def __init__(self, threshold: float, default_value: float, name: str | None = None) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, "Threshold(threshold)", -math.inf)
        self.default_value = check_number(default_value, "Threshold(default_value)", -math.inf)

    @property
    def written(self) -> tuple[str, str]:
        """How formulas write t and v."""
        t, v = (f"{n:g}".replace("-", "−") for n in (self.threshold, self.default_value))
        return t, v if self.default_value >= 0 else f"({v})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z [Z > t] + v (1 − [Z > t])."""
        above = np.greater(Z, self.threshold, out=np.empty_like(Z) if out is None else out)
        rest = np.subtract(1, above)
        rest *= self.default_value
        above *= Z
        above += rest
        return above

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where Z > t, else 0."""
        return np.greater(Z, self.threshold, out=out)


class HardSiLU(Activation):
    """f(z) = z h(z) with h(z) = min(max(z/6 + ½, 0), 1): also called hard swish.

        f′(z) = h(z) + z/6 where −3 < z < 3, else h(z) (also at ±3)

    Source: Howard et al. 2019, "Searching for MobileNetV3".

    Example:
        >>> bp.layers.HardSiLU().forward(np.array([[-3.0, 0.0, 3.0]]))
        array([[-0.,  0.,  3.]])
    """

    interval = (-0.375, math.inf)
    definition = "hard_silu(z) = z h(z), h(z) = min(max(z/6 + ½, 0), 1)"
    slope = "h({z}) + {z} ⊙ [|{z}| < 3] / 6"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z h(Z)."""
        A = hard_sigmoid(Z, out)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """h(Z) + Z/6 where |Z| < 3."""
        inside = np.abs(Z, out=self.buffer("S", Z.shape, Z.dtype))
        np.less(inside, 3, out=inside)
        inside *= Z
        inside *= 1 / 6
        hard_sigmoid(Z, out)
        out += inside
        return out


class SparsePlus(Activation):
    """f(z) = 0 where z ≤ −1, z where z ≥ 1, and ¼ (z + 1)² between them.

    f′(z) = min(max(½ (z + 1), 0), 1), without a jump: what softplus is to softmax, it is to the
    sparsemax of Martins & Astudillo 2016, "From softmax to sparsemax".

    Example:
        >>> bp.layers.SparsePlus().forward(np.array([[-1.0, 0.0, 1.0, 2.0]]))
        array([[0.  , 0.25, 1.  , 2.  ]])
    """

    interval = POSITIVE
    definition = "sparse_plus(z) = (½ (min(max(z, −1), 1) + 1))² + max(z − 1, 0)"
    slope = "min(max(½ ({z} + 1), 0), 1)"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """¼ (C + 1)² + max(Z − 1, 0), where C is Z cut off at −1 and 1."""
        A: Array = np.maximum(Z, -1, out=out)
        rest = np.subtract(A, 1)
        np.maximum(rest, 0, out=rest)
        np.minimum(A, 1, out=A)
        A += 1
        A *= A
        A *= 0.25
        A += rest
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """½ (Z + 1), cut off below 0 and above 1."""
        np.add(Z, 1, out=out)
        out *= 0.5
        np.maximum(out, 0, out=out)
        return np.minimum(out, 1, out=out)


class TanhShrink(Activation):
    """f(z) = z − tanh(z), f′(z) = tanh²(z).

    Example:
        >>> bp.layers.TanhShrink().forward(np.array([[0.0, 9.0]])).round(4)
        array([[0., 8.]])
    """

    interval = REAL
    definition = "tanh_shrink(z) = z − tanh(z)"
    slope = "tanh({z}) ⊙ tanh({z})"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z − tanh(Z)."""
        A: Array = np.tanh(Z, out=out)
        return np.subtract(Z, A, out=A)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """tanh²(Z)."""
        np.tanh(Z, out=out)
        return np.multiply(out, out, out=out)


class HardShrink(Activation):
    """f(z) = z where |z| > t, else 0;  f′(z) = 1 where |z| > t, else 0 (also at ±t).

    Source: Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage".

    Args:
        threshold: t, 0 or more.

    Example:
        >>> bp.layers.HardShrink(0.5).forward(np.array([[-0.4, 0.4, 2.0]]))
        array([[-0.,  0.,  2.]])
    """

    interval = REAL
    adjustable = ("threshold",)
    definition = "hard_shrink(z) = z [|z| > {self.threshold:g}]"
    slope = "[|{z}| > {self.threshold:g}]"

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, f"{type(self).__name__}(threshold)")

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z where |Z| > t."""
        A = self.f_prime(Z, Z, np.empty_like(Z) if out is None else out)
        A *= Z
        return A

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """1 where |Z| > t, else 0."""
        np.abs(Z, out=out)
        return np.greater(out, self.threshold, out=out)


class SoftShrink(HardShrink):
    """f(z) = z − t where z > t, z + t where z < −t, else 0;  f′(z) = 1 where |z| > t, else 0.

    Source: as for ``HardShrink``.

    Args:
        threshold: t, 0 or more.

    Example:
        >>> bp.layers.SoftShrink(0.5).forward(np.array([[-2.0, 0.4, 2.0]]))
        array([[-1.5,  0. ,  1.5]])
    """

    definition = "soft_shrink(z) = max(z − {self.threshold:g}, 0) + min(z + {self.threshold:g}, 0)"
    slope = "[|{z}| > {self.threshold:g}]"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """Z − C, where C is Z cut off at −t and t."""
        A: Array = np.maximum(Z, -self.threshold, out=out)
        np.minimum(A, self.threshold, out=A)
        return np.subtract(Z, A, out=A)
