"""The initialisers by name."""

from __future__ import annotations

from collections.abc import Callable

from backprop.core.lookup import resolve
from backprop.core.signatures import check_methods
from backprop.initializers.base import Initializer
from backprop.initializers.constant import Constant, IdentityInitializer, Ones, Zeros
from backprop.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from backprop.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

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


def get(initializer: str | Initializer, name: str = "initializer") -> Initializer:
    """The initialiser of that name, or the object itself.

    Args:
        initializer: A name, or an object.
        name: What error messages call it.

    Raises:
        ValueError: No initialiser has that name.
        TypeError: It is neither a name nor an initialiser.

    Example:
        >>> bp.initializers.get("glorot_uniform")
        GlorotUniform()
    """
    found = resolve(initializer, Initializer, _BY_NAME, name, "draw(shape, rng)", _KERAS)
    check_methods(found, {"__call__": "shape, rng, dtype='float32'", "draw": "shape, rng"})
    return found
