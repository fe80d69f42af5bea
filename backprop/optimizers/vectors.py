"""What every optimizer does besides its formula: clips g, averages θ, and rounds the state."""

import math
from collections.abc import Sequence

import numpy as np

from backprop.core.parameters import Parameters
from backprop.core.types import Array


def clip(
    parameters: Parameters,
    norm: float | None = None,
    global_norm: float | None = None,
    value: float | None = None,
) -> None:
    """Makes g smaller, in place, where it is trained on; a frozen stretch stays as it is.

    Args:
        parameters: θ and g.
        norm: The greatest length of each parameter's gradient.
        global_norm: The greatest length of all of them taken together.
        value: The greatest size of a component.
    """
    if norm is not None:
        for p in parameters:
            if p.trainable:
                shorten([p.gradient.ravel()], norm)
    elif global_norm is not None:
        shorten(
            [parameters.gradients[stretch] for stretch in parameters.trainable_slices()],
            global_norm,
        )
    elif value is not None:
        for stretch in parameters.trainable_slices():
            g = parameters.gradients[stretch]
            np.minimum(g, value, out=g)
            np.maximum(g, -value, out=g)


def shorten(vectors: Sequence[Array], length: float) -> None:
    """Shortens the one long vector v that these make up: v ← v · min(1, length / ‖v‖).

    A v that is not finite stays as it is: the loss will show it.
    """
    found = norm(*vectors)
    if length < found < math.inf:
        for v in vectors:
            v *= length / found


def norm(*vectors: Array) -> float:
    """‖v‖ of the one long vector v that these make up."""
    with np.errstate(over="ignore"):
        squares = sum(float(np.dot(v, v)) for v in vectors)
        if not math.isfinite(squares):  # 10²⁰ squared is too large for float32
            squares = sum(float(np.dot(v, v)) for v in (w.astype(np.float64) for w in vectors))
    return math.sqrt(squares)


def collect(parameters: Parameters, total: Array, n: int, last: bool) -> None:
    """s ← s + g, for the last of n gradients g ← (s + g) / n and s ← 0, where θ is trained."""
    for stretch in parameters.trainable_slices():
        g, s = parameters.gradients[stretch], total[stretch]
        if last:
            g += s
            g /= n
            s[...] = 0
        else:
            s += g


def include(theta: Array, average: Array, kappa: float, overwrite: bool) -> None:
    """a ← κ (a − θ) + θ: includes θ in its moving average; then θ ← a if that is asked for."""
    average -= theta
    average *= kappa
    average += theta
    if overwrite:
        theta[...] = average


def lend(parameters: Parameters, vector: Array) -> list[tuple[slice, Array]]:
    """Exchanges θ and another vector, where θ is trained; what is in θ then, and where."""
    lent = []
    for stretch in parameters.trainable_slices():
        kept = parameters.values[stretch].copy()
        parameters.values[stretch] = vector[stretch]
        lent.append((stretch, vector[stretch].copy()))
        vector[stretch] = kept
    return lent


def take_back(theta: Array, vector: Array, lent: Sequence[tuple[slice, Array]]) -> None:
    """Undoes ``lend``; weights that have been set meanwhile, as a file is loaded, stay."""
    for stretch, numbers in lent:
        untouched = theta[stretch] == numbers
        np.copyto(theta[stretch], vector[stretch], where=untouched)
        vector[stretch] = numbers


def round_to_0(v: Array) -> None:
    """Turns numbers that are about to become denormal into 0: v ← (v + C) − C.

    C is so small that only they are lost in its last digit.
    """
    limits = np.finfo(v.dtype)
    C = limits.tiny * v.dtype.type(2.0 ** (limits.nmant + 7))
    v += C
    v -= C
