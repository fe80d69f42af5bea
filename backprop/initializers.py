"""How weights start: Keras's initialisers, drawn from a generator that the model's seed made.

With fans n_in and n_out and c the scale, a *uniform* initialiser draws from [−ℓ, ℓ] with
ℓ = √(3 c / n), a *normal* one from a normal distribution of variance c / n that is truncated at two
standard deviations, where n is n_in (LeCun, He) or (n_in + n_out)/2 (Glorot).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from backprop.core.checks import check_choice, check_number, check_numbers, check_positive
from backprop.core.lookup import resolve, show_call
from backprop.core.settings import Settings
from backprop.core.signatures import check_methods
from backprop.core.types import Array, DTypeLike, Shape

TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal distribution truncated to [−2, 2]."""


class Initializer(Settings):
    """The base of the initialisers: a subclass writes ``draw``."""

    def __call__(
        self, shape: Shape, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> Array:
        """Initial weights.

        Args:
            shape: The shape of the weights; ``(n_in, n_out)`` for a Dense kernel.
            rng: The only source of randomness.
            dtype: The dtype of the result. The numbers are drawn in float64 and then rounded, so
                that models of both dtypes start from the same weights.

        Returns:
            An array of that shape and dtype.
        """
        return np.asarray(self.draw(shape, rng), dtype)

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The weights in float64."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(shape, rng).")

    def __repr__(self) -> str:
        return show_call(self)


class Constant(Initializer):
    """Every weight is ``value``: a number, or an array of the weights' shape."""

    def __init__(self, value: float | Array = 0.0) -> None:
        if not np.ndim(value):
            value = check_number(value, "Constant(value)", -math.inf)
        else:
            check_numbers(value, "Constant(value)")
        self.value = value

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The constant.

        Raises:
            ValueError: The value is an array of another shape.
        """
        value = np.asarray(self.value, np.float64)
        if value.ndim and value.shape != shape:
            raise ValueError(
                f"Constant(value) holds an array of shape {value.shape}, but the weights have the "
                f"shape {shape}: pass a number or an array of that shape."
            )
        return np.full(shape, value)


class Zeros(Constant):
    """Every weight is 0."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """Every weight is 1."""

    def __init__(self) -> None:
        super().__init__(1.0)


class RandomUniform(Initializer):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05) -> None:
        self.minval = check_number(minval, "minval", -math.inf)
        self.maxval = check_number(maxval, "maxval", -math.inf)
        if minval > maxval:
            raise ValueError(
                f"RandomUniform needs minval <= maxval, but received {minval} and {maxval}."
            )

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Uniform numbers."""
        return rng.uniform(self.minval, self.maxval, shape)


class RandomNormal(Initializer):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        self.mean = check_number(mean, "mean", -math.inf)
        self.stddev = check_number(stddev, "stddev")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Normal numbers."""
        return rng.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal; numbers more than two standard deviations from the mean are drawn again."""

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Truncated normal numbers."""
        Z = rng.standard_normal(shape)
        while np.any(outside := np.abs(Z) > 2):
            Z[outside] = rng.standard_normal(np.count_nonzero(outside))
        return self.mean + self.stddev * Z


class VarianceScaling(Initializer):
    """Weights whose variance is scale / n, with n counted from the shape.

    Args:
        scale: c in the module's formulas.
        mode: n is ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``, their mean.
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
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
    """Uniform in ±√(6 / (n_in + n_out)) (Glorot & Bengio 2010)."""

    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "uniform")


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (n_in + n_out) (Glorot & Bengio 2010)."""

    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal")


class HeUniform(VarianceScaling):
    """Uniform in ±√(6 / n_in), for layers that a ReLU follows (He et al. 2015)."""

    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "uniform")


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / n_in, for layers that a ReLU follows (He et al. 2015)."""

    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal")


class LecunUniform(VarianceScaling):
    """Uniform in ±√(3 / n_in) (LeCun et al. 1998)."""

    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "uniform")


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / n_in (LeCun et al. 1998)."""

    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal")


class IdentityInitializer(Initializer):
    """``gain`` times the identity matrix, of the weights' shape with two axes.

    Args:
        gain: What stands on the diagonal.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "IdentityInitializer(gain)")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """The matrix.

        Raises:
            ValueError: The weights have not two axes.
        """
        if len(shape) != 2:
            raise ValueError(f"IdentityInitializer needs weights with two axes, not {shape}.")
        return self.gain * np.eye(*shape)


class Orthogonal(Initializer):
    """``gain`` times a random matrix whose rows or columns, the fewer ones, are orthonormal.

    It is Q of Z = Q R for a normal Z, with the signs of R's diagonal, by which it is uniform among
    all such matrices. A state that is multiplied by it keeps its length. Weights with more axes are
    taken as matrices whose columns are the last axis. Source: Saxe, McClelland & Ganguli 2014.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "Orthogonal(gain)")

    def draw(self, shape: Shape, rng: np.random.Generator) -> Array:
        """An orthogonal matrix.

        Raises:
            ValueError: The weights have fewer than two axes.
        """
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs weights with two axes or more, not {shape}.")
        n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
        Q, R = np.linalg.qr(rng.standard_normal(sorted((n_rows, n_columns), reverse=True)))
        Q *= np.sign(np.diagonal(R))
        return self.gain * (Q if n_rows >= n_columns else Q.T).reshape(shape)


def fans(shape: Shape) -> tuple[int, int]:
    """(n_in, n_out) of weights of this shape, as Keras counts them.

    A Dense kernel ``(n_in, n_out)`` has just these, a vector ``(n,)`` has (n, n), and a convolution
    kernel ``(*area, C_in, C_out)`` has (area · C_in, area · C_out).
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    area = int(np.prod(shape[:-2]))
    return area * shape[-2], area * shape[-1]


_BY_NAME: dict[str, Callable[[], Initializer]] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
    "identity": IdentityInitializer,
    "variance_scaling": VarianceScaling,
}

_KERAS = {made.__name__: name for name, made in _BY_NAME.items() if isinstance(made, type)}
_KERAS |= {"zero": "zeros", "one": "ones"}
_KERAS |= {"Identity": "identity", "OrthogonalInitializer": "orthogonal"}
"""What Keras's other strings stand for."""


def get(initializer: str | Initializer) -> Initializer:
    """The initialiser of that name, or the object itself.

    Raises:
        ValueError: No initialiser has that name.
        TypeError: It is neither a name nor an initialiser.
    """
    if isinstance(initializer, str):
        initializer = _KERAS.get(initializer, initializer)
    found = resolve(initializer, Initializer, _BY_NAME, "initializer")
    check_methods(found, {"__call__": "shape, rng, dtype='float32'", "draw": "shape, rng"})
    return found
