"""Weights that are the smaller, the more inputs or outputs a unit has."""

from __future__ import annotations

import numpy as np

from backprop.core.checks import check_choice, check_positive
from backprop.core.types import Array, Shape
from backprop.initializers.base import Initializer
from backprop.initializers.random import TRUNCATED_STDDEV, TruncatedNormal


class VarianceScaling(Initializer):
    """Weights whose variance is scale / n, with n counted from the shape.

    Args:
        scale: c in the module's formulas.
        mode: n is ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``, their mean.
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.

    Example:
        >>> initializer = bp.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
        >>> W = initializer((200, 50), np.random.default_rng(0), "float64")
        >>> print(W.var().round(3))  # 2 / 200
        0.01
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
    ) -> None:
        modes = ("fan_in", "fan_out", "fan_avg")
        distributions = ("truncated_normal", "untruncated_normal", "uniform")
        self.scale = check_positive(scale, "scale")
        self.mode = check_choice(mode, "mode", modes)
        self.distribution = check_choice(distribution, "distribution", distributions)

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Numbers of variance scale / n."""
        n_in, n_out = fans(shape)
        n = {"fan_in": n_in, "fan_out": n_out, "fan_avg": (n_in + n_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = np.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, np.sqrt(variance), shape)
        # cutting the tails off makes the variance smaller: start from a wider normal
        stddev = float(np.sqrt(variance)) / TRUNCATED_STDDEV
        return TruncatedNormal(0.0, stddev).draw(shape, rng)


class GlorotUniform(VarianceScaling):
    """Uniform in ±√(6 / (n_in + n_out)) (Glorot & Bengio 2010).

    Example:
        >>> W = bp.initializers.GlorotUniform()((4, 2), np.random.default_rng(0), "float64")
        >>> bool(abs(W).max() < 1)  # √(6 / (4 + 2))
        True
    """

    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "uniform")


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (n_in + n_out) (Glorot & Bengio 2010).

    Example:
        >>> W = bp.initializers.GlorotNormal()((150, 50), np.random.default_rng(0), "float64")
        >>> print(W.std().round(2))  # √(2 / 200)
        0.1
    """

    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal")


class HeUniform(VarianceScaling):
    """Uniform in ±√(6 / n_in), for layers that a ReLU follows (He et al. 2015).

    Example:
        >>> W = bp.initializers.HeUniform()((6, 9), np.random.default_rng(0), "float64")
        >>> print(abs(W).max().round(1))  # √(6 / 6)
        1.0
    """

    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "uniform")


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / n_in, for layers that a ReLU follows (He et al. 2015).

    Example:
        >>> W = bp.initializers.HeNormal()((200, 50), np.random.default_rng(0), "float64")
        >>> print(W.std().round(2))  # √(2 / 200)
        0.1
    """

    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal")


class LecunUniform(VarianceScaling):
    """Uniform in ±√(3 / n_in) (LeCun et al. 1998).

    Example:
        >>> W = bp.initializers.LecunUniform()((3, 9), np.random.default_rng(0), "float64")
        >>> print(abs(W).max().round(1))  # √(3 / 3)
        1.0
    """

    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "uniform")


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / n_in (LeCun et al. 1998).

    Example:
        >>> W = bp.initializers.LecunNormal()((100, 50), np.random.default_rng(0), "float64")
        >>> print(W.std().round(2))  # √(1 / 100)
        0.1
    """

    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal")


def fans(shape: Shape) -> tuple[int, int]:
    """(n_in, n_out) of weights of this shape, as Keras counts them.

    A Dense kernel ``(n_in, n_out)`` has just these, a vector ``(n,)`` has (n, n), and a convolution
    kernel ``(*area, C_in, C_out)`` has (area · C_in, area · C_out).

    Example:
        >>> bp.initializers.fans((784, 10)), bp.initializers.fans((3, 3, 1, 8))
        ((784, 10), (9, 72))
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    area = int(np.prod(shape[:-2]))
    return area * shape[-2], area * shape[-1]
