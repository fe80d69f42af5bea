"""The functions of elementwise activations of the user's own: arguments, results, their range."""

import functools
from collections.abc import Callable
from numbers import Real
from types import FunctionType
from typing import Any

import numpy as np

from backprop.core.descriptors import from_package
from backprop.core.returned import is_array, misshaped
from backprop.core.signatures import signature_of
from backprop.core.types import Interval

WRITTEN = {"f": "Z, out=None", "f_prime": "Z, A, out"}
"""What an activation defines, and its arguments as they are written."""

CALLS: dict[str, list[tuple[list[str], dict[str, None]]]] = {
    "f": [(["Z"], {}), (["Z"], {"out": None})],
    "f_prime": [(["Z", "A", "out"], {})],
}
"""How they are called: the arguments by position, and those by name."""


def interval_of(layer: Any) -> Interval | None:
    """What a layer's outputs lie between; None if a class of the user's own computes them."""
    for kind in type(layer).__mro__:
        if "interval" in vars(kind):
            break
        if not from_package(kind) and {"forward", "f"} & vars(kind).keys():
            return None
    found: Interval | None = layer.interval
    return found


def check_functions(layer: Any) -> None:
    """Checks that ``f`` and ``f_prime`` take the arguments that they are called with.

    Raises:
        TypeError: One does not.
    """
    for name, calls in CALLS.items():
        signature = signature_of(getattr(layer, name))
        if signature is None:
            continue
        try:
            for given, named in calls:
                signature.bind(*given, **named)
        except TypeError:
            function = f"{type(layer).__name__}.{name}"
            raise TypeError(
                f"{function} takes {signature}, but is called with ({WRITTEN[name]}): write "
                f"def {name}(self, {WRITTEN[name]})."
            ) from None


def look_at_functions(kind: Any) -> None:
    """Has what ``f`` and ``f_prime`` of this class return looked at, if we are who calls them."""
    if not from_package(kind.forward):
        return
    for name, look in (("f", looked_at), ("f_prime", looked_at_slope)):
        function = vars(kind).get(name)
        if isinstance(function, FunctionType):
            setattr(kind, name, look(function))


def looked_at(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same f; it raises ShapeError or TypeError if it returns another shape, or no array."""

    @functools.wraps(f)
    def call(self: Any, Z: Any, *given: Any, **named: Any) -> Any:
        A = f(self, Z, *given, **named)
        if not is_array(A, np.shape(Z), "fiubc"):
            raise misshaped(self, "f", A, f"f(Z), an array of Z's shape {np.shape(Z)}")
        return A

    return call


def looked_at_slope(f_prime: Callable[..., Any]) -> Callable[..., Any]:
    """The same f′, which need not write into ``out``; it raises errors likewise.

    What it returns is copied to ``out``: it may be Z itself, or a view, and δ is multiplied to it.
    """

    @functools.wraps(f_prime)
    def call(self: Any, Z: Any, A: Any, out: Any) -> Any:
        spoilt = not any(np.may_share_memory(out, each) for each in (Z, A))
        if spoilt:
            out.fill(np.nan)
        slope = f_prime(self, Z, A, out)
        if slope is None and not (spoilt and np.isnan(out).all()):
            return out
        if not (isinstance(slope, Real) or is_array(slope, np.shape(Z), "fc")):
            expected = f"f′(Z) in floats, an array of Z's shape {np.shape(Z)}"
            raise misshaped(self, "f_prime", slope, expected)
        if slope is not out:
            out[...] = slope
        return out

    return call
