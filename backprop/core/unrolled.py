"""A recurrent layer unrolled over time: its arrays, and the formulas that all kinds of it share.

Arrays have the steps first, so that each step's part lies in one piece: ``(T, N, n)``. What a step
computes for several gates stands in planes, ``(gates, N, units)``, with the gates that have a
sigmoid in front: NumPy then works on all of them in one call. σ(z) = ½ (1 + tanh(z/2)); the ½ in
front of z is multiplied into the weights, which is exact.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array, Shape, as_array

Room = Callable[[str, Shape, np.dtype[Any]], Array]
"""Gives an array by name, shape and dtype: a buffer in training, a fresh one in inference."""


class Steps(NamedTuple):
    """The arrays of one pass through N sequences.

    Attributes:
        x: The inputs in the order in which they are read, times r_x, shape ``(T, N, n_in)``.
        H: h_0 … h_T, shape ``(T + 1, N, units)``.
        E: What meets U, h_{t−1} ⊙ r_h for t = 1 … T, shape ``(T, N, units)``.
        r_x: The factors of the inputs' dropout, shape ``(N, n_in)``; None without dropout.
        r_h: The factors of the state's dropout, shape ``(N, units)``; None without dropout.
        M: m_t, 1 for a step and 0 for a padded one, shape ``(T, N, 1)``; None without a mask.
        L: 1 − m_t, likewise.
    """

    x: Array
    H: Array
    E: Array
    r_x: Array | None
    r_h: Array | None
    M: Array | None
    L: Array | None

    def entering(self, t: int) -> Array:
        """h_{t−1} ⊙ r_h for the step that has the number t from 0."""
        if self.r_h is not None:
            np.multiply(self.H[t], self.r_h, out=self.E[t])
        return as_array(self.E[t])

    def keep(self, A: Array, t: int, spare: Array) -> None:
        """a_t ← m_t ⊙ a_t + (1 − m_t) ⊙ a_{t−1}: a padded step leaves the state as it was."""
        if self.M is not None and self.L is not None:
            a = A[t + 1]
            a *= self.M[t]
            a += np.multiply(A[t], self.L[t], out=spare)

    def mask(self, S: Array) -> None:
        """S_t ← m_t ⊙ S_t for slopes S, ``(T, N, units)``: a padded step has no gradient."""
        if self.M is not None:
            S *= self.M

    def kept_share(self, t: int) -> Array | None:
        """The slope of h_t by h_{t−1} where nothing but a padded step carries it on: 1 − m_t."""
        return None if self.L is None else self.L[t]

    def pass_back(self, through: Array, dh: Array, share: Array | None) -> tuple[Array, Array]:
        """∂E/∂h_{t−1} = (∂E/∂z_t Uᵀ) ⊙ r_h + ∂E/∂h_t ⊙ share, but for δ_{t−1}.

        Args:
            through: ∂E/∂z_t Uᵀ, to be written to.
            dh: ∂E/∂h_t, likewise.
            share: What of h_{t−1} goes straight into h_t; None for nothing.

        Returns:
            ∂E/∂h_{t−1}, and the other array, which is free.
        """
        if self.r_h is not None:
            through *= self.r_h
        if share is not None:
            dh *= share
            through += dh
        return through, dh


def by_step(room: Room, name: str, dtype: np.dtype[Any], T: int, n: int, *sizes: int) -> Array:
    """An array of shape ``(T, n, *sizes)``; fewer sequences get the memory of more."""
    return room(name, (n, T * math.prod(sizes)), dtype).reshape(T, n, *sizes)


def in_planes(
    room: Room, name: str, dtype: np.dtype[Any], T: int, gates: int, n: int, units: int
) -> Array:
    """An array of shape ``(T, gates, n, units)``, likewise."""
    return room(name, (n, T * gates * units), dtype).reshape(T, gates, n, units)


def weights_in_planes(A: Array, gates: tuple[int, ...], sigmoids: int, out: Array) -> Array:
    """The columns of each gate as a matrix of its own, those of the first ones halved for a σ.

    Args:
        A: Shape ``(n, gates · units)``.
        gates: Which gate goes into each plane.
        sigmoids: For how many of the planes.
        out: Shape ``(gates, n, units)``.
    """
    units = out.shape[-1]
    for plane, gate in enumerate(gates):
        columns = A[:, gate * units : (gate + 1) * units]
        np.multiply(columns, 0.5 if plane < sigmoids else 1.0, out=out[plane])
    return out


def tanh_and_sigmoids(Z: Array, sigmoids: int) -> None:
    """The gates from z/2 in the first planes and z in the others, in place."""
    np.tanh(Z, out=Z)
    A = Z[:sigmoids]
    A *= 0.5
    A += 0.5


def sigmoid_slope(A: Array, out: Array) -> Array:
    """σ′ = a (1 − a) for a = σ(z)."""
    np.subtract(1, A, out=out)
    out *= A
    return out


def tanh_slope(A: Array, out: Array) -> Array:
    """tanh′ = 1 − a² for a = tanh(z)."""
    np.multiply(A, A, out=out)
    np.subtract(1, out, out=out)
    return out
