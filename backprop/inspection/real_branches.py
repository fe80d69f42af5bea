"""Complex arrays on which code for real numbers takes the same branches as on their real parts."""

from typing import Any

import numpy as np

from backprop.core.types import Array

COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")


class RealBranches(np.ndarray[Any, np.dtype[Any]]):
    """x + ih·x′, a number with its derivative, where real code expects x.

    Arithmetic, exp, log, tanh and so on carry the derivative along by themselves. Functions that
    compare numbers do not: |z| is a length, and the larger of two complex numbers may be chosen by
    their imaginary parts; nor does ``vecdot``, which conjugates. Here comparisons, ``maximum``,
    ``minimum``, ``clip``, ``abs`` and ``sign`` look at x alone and so take the branch that the real
    code takes, and nothing is conjugated.
    """

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        """The ufunc's result, which ``out`` holds if it is given."""
        plain = [strip(value) for value in inputs]
        if method != "__call__":
            found = getattr(ufunc, method)(*plain, out=plain_out(out), **options)
        elif ufunc.__name__ in COMPARISONS:
            found = ufunc(*map(np.real, plain), out=plain_out(out), **options)
        elif ufunc.__name__ in RULES:
            if set(options) - {"where"} or (options and out is None):
                return NotImplemented
            found = RULES[ufunc.__name__](*plain)
            if out is not None:
                np.copyto(strip(out[0]), found, casting="same_kind", **options)
        else:
            found = ufunc(*plain, out=plain_out(out), **options)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return wrap(found)


def branching_as_real(array: Array) -> Array:
    """The same complex numbers, branching as their real parts do; real ones as they are."""
    return array.view(RealBranches) if array.dtype.kind == "c" else array


def strip(value: Any) -> Any:
    """A plain array."""
    return value.view(np.ndarray) if isinstance(value, RealBranches) else value


def plain_out(out: Any) -> Any:
    """Plain arrays to write into."""
    return None if out is None else tuple(strip(array) for array in out)


def wrap(found: Any) -> Any:
    """Complex arrays and scalars as ``RealBranches``."""
    if isinstance(found, np.ndarray | np.generic) and found.dtype.kind == "c":
        return np.asarray(found).view(RealBranches)
    return found


def larger(a: Any, b: Any) -> Any:
    """Max(a, b), and b where they are equal."""
    return np.where(np.real(a) > np.real(b), a, b)


def smaller(a: Any, b: Any) -> Any:
    """Min(a, b), and b where they are equal."""
    return np.where(np.real(a) < np.real(b), a, b)


RULES: dict[str, Any] = {
    "maximum": larger,
    "fmax": larger,
    "minimum": smaller,
    "fmin": smaller,
    "clip": lambda z, low, high: smaller(larger(z, low), high),
    "absolute": lambda z: z * np.sign(np.real(z)),
    "sign": lambda z: np.sign(np.real(z)),
    "conjugate": lambda z: z,
    "vecdot": lambda a, b: np.einsum("...k,...k->...", a, b),
}
