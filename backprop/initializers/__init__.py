"""How weights start: Keras's initialisers, drawn from a generator that the model's seed made.

With fans n_in and n_out and c the scale, a *uniform* initialiser draws from [−ℓ, ℓ] with
ℓ = √(3 c / n), a *normal* one from a normal distribution of variance c / n that is truncated at two
standard deviations, where n is n_in (LeCun, He) or (n_in + n_out)/2 (Glorot).
"""

from backprop.initializers.base import Initializer
from backprop.initializers.constant import Constant, IdentityInitializer, Ones, Zeros
from backprop.initializers.names import get
from backprop.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from backprop.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    fans,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "fans",
    "get",
]
