"""Stable mathematics on arrays: the formulas that layers and losses share.

Every function works along the last axis, for any number of leading axes, and accepts ``out`` where
a result of the input's shape can be written into an array that the caller keeps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.types import Array, Shape, as_array

FEW_COLUMNS = 16
"""Up to this many columns NumPy's maximum of each row is slow, and ``row_max`` goes another way."""

FEW_ROWS = 32
"""Up to this many rows ``argmax`` takes about as long as ``row_max``, and tells more."""

FEW_CHANNELS = 32
"""Up to here NumPy runs along pixels one by one more slowly than along rows of several."""

LONG_ROW = 512
"""Numbers in a row that is long enough for NumPy."""

PROBABILITY_FLOOR = float(np.e) * 1e-7
"""Below this probability ``safe_log`` goes on as a straight line (see there)."""

SMALL_PRODUCT = 10**6
"""Up to so many multiplications OpenBLAS takes a product for a small one."""


def sigmoid(Z: Array, out: Array | None = None) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), computed as ½ (1 + tanh(z/2)), which cannot overflow."""
    A: Array = np.multiply(Z, 0.5, out=out)
    np.tanh(A, out=A)
    A *= 0.5
    A += 0.5
    return A


def hard_sigmoid(Z: Array, out: Array | None = None) -> Array:
    """h(z) = min(max(z/6 + ½, 0), 1)."""
    A: Array = np.multiply(Z, 1 / 6, out=out)
    A += 0.5
    np.maximum(A, 0, out=A)
    return np.minimum(A, 1, out=A)


def softplus(Z: Array, out: Array | None = None) -> Array:
    """log(1 + eᶻ), computed as the larger one of z and log(1 + e^min(z, 40)), without overflow.

    From z = 40 on it exceeds z by less than rounding.
    """
    A: Array = np.minimum(Z, 40, out=out)
    np.exp(A, out=A)
    np.log1p(A, out=A)
    return np.maximum(A, Z, out=A)


def softmax(
    Z: Array, out: Array | None = None, largest: Array | None = None
) -> tuple[Array, tuple[Array, Array]]:
    """Softmax, and the two terms of its log-partition.

    softmax(z)_k = exp(z_k − m) / S with m = max_j z_j and S = Σ_j exp(z_j − m), so that no
    exponential exceeds 1; and log Σ_j exp(z_j) = m + log S, the log-sum-exp identity.

    Args:
        Z: The logits.
        out: Where the probabilities are written.
        largest: The index of the largest logit in every row, if it is known.

    Returns:
        The probabilities, of Z's shape, and (m, S), each of Z's shape with a last axis of 1. They
        stay apart because a loss needs log S + (m − z_k): in m + log S a large m would swallow the
        digits of log S.
    """
    m = (row_max(Z) if largest is None else at_columns(Z, largest))[..., np.newaxis]
    A: Array = np.subtract(Z, m, out=out)
    np.exp(A, out=A)
    S = row_sum(A)[..., np.newaxis]
    A /= S
    return A, (m, S)


@lru_cache(maxsize=64)
def ones(n: int, dtype: np.dtype[Any]) -> Array:
    """A vector of n ones, which makes a sum a product; it is cached, so do not write into it."""
    vector = np.ones(n, dtype)
    vector.setflags(write=False)
    return vector


def row_sum(A: Array) -> Array:
    """Σ_k a_k of every row, as the product A 1: several times faster than a sum along an axis."""
    return as_array(np.dot(A, ones(A.shape[-1], A.dtype)))


def column_sum(A: Array, out: Array | None = None) -> Array:
    """Σ a_c of every channel over all other axes, shape ``(C,)``, as the product 1ᵀ A.

    BLAS takes up to five times as long where the channels are no multiple of four: so many pixels
    as make a long row come to one row first.
    """
    channels = A.shape[-1]
    pixels = pixels_of_row(A) if channels % 4 else 1
    rows = A.reshape(-1, pixels * channels)
    if pixels > 1:
        rows = np.dot(ones(len(rows), A.dtype), rows).reshape(pixels, channels)
    return as_array(np.dot(ones(len(rows), A.dtype), rows, out=out))


def by_channel(ufunc: np.ufunc, A: Array, v: Array, out: Array) -> Array:
    """ufunc(A, v) into ``out``, for a number v_c of every channel c, the last axis.

    For few channels v is repeated, and the rows are as many pixels: up to three times faster.

    Args:
        ufunc: Such as ``np.add``.
        A: Shape ``(N, …, C)``.
        v: Shape ``(C,)``, or any that broadcasts over A.
        out: Where the result is written, contiguous; A itself is possible.
    """
    pixels = pixels_of_row(A) if v.shape == A.shape[-1:] else 1
    if pixels == 1:
        return as_array(ufunc(A, v, out=out))
    row = np.multiply(ones(pixels, v.dtype)[:, np.newaxis], v).reshape(-1)
    ufunc(A.reshape(-1, row.size), row, out=out.reshape(-1, row.size))
    return out


def pixels_of_row(A: Array) -> int:
    """How many pixels of few channels make a row that is long enough; 1 if that is not worth it.

    They are all of one sample, if its number of pixels can be divided so: then the rows can be cut
    where the samples are.
    """
    channels = A.shape[-1]
    if channels > FEW_CHANNELS or A.size < 8 * LONG_ROW or not A.flags.c_contiguous:
        return 1
    pixels, most = A.size // channels, LONG_ROW // channels
    of_one = divisor(pixels // len(A), most)
    return of_one if 2 * of_one >= most else math.gcd(pixels, 1 << most.bit_length() - 1)


def row_max(A: Array) -> Array:
    """max_k a_k of every row."""
    n_columns = A.shape[-1]
    n_rows = A.size // n_columns
    if n_columns > FEW_COLUMNS or n_rows < FEW_COLUMNS:
        return as_array(np.maximum.reduce(A, axis=-1))
    columns = A.reshape(n_rows, n_columns).T.copy()
    highest: Array = np.maximum.reduce(columns, axis=0)
    return highest.reshape(A.shape[:-1])


def row_argmax(A: Array) -> Array | None:
    """The index k of max_k a_k in every row; None where that takes much longer than ``row_max``."""
    few = A.shape[-1] <= FEW_COLUMNS and A.size <= FEW_ROWS * A.shape[-1]
    return as_array(A.argmax(-1)) if few else None


def at_columns(A: Array, columns: Array) -> Array:
    """a_{i, k_i}, the element of every row i in the column k_i."""
    return as_array(A.reshape(-1).take(flat_index(A, columns), mode="clip"))


def flat_index(A: Array, columns: Array, out: Array | None = None) -> Array:
    """Where in the flat array each row's element in its column stands."""
    return as_array(np.add(row_starts(A.size, A.shape[-1], columns.shape), columns, out=out))


@lru_cache(maxsize=64)
def row_starts(size: int, n_columns: int, shape: Shape) -> Array:
    """Where in a flat array the rows begin, in this shape; cached, so do not write into it."""
    starts = np.arange(0, size, n_columns).reshape(shape)
    starts.setflags(write=False)
    return starts


def stacked_product(A: Array, B: Array, out: Array) -> None:
    """A B, written into ``out``, as one call that multiplies a stack of small matrices.

    OpenBLAS multiplies small matrices by other code, which is up to a third faster.

    Args:
        A: Shape ``(rows, K)``.
        B: Shape ``(K, n)``.
        out: Shape ``(rows, n)``; contiguous but for the step from row to row.
    """
    K, n = B.shape
    m = rows_of_product(len(A), K, n)
    np.matmul(A.reshape(-1, m, K), B, out=out.reshape(-1, m, n))


def rows_of_product(n_rows: int, K: int, n: int) -> int:
    """How many rows make one small product: their greatest divisor that does; all if it is small.

    Fewer than 8 rows are not worth a product of their own.
    """
    rows = divisor(n_rows, SMALL_PRODUCT // (K * n))
    return rows if rows >= 8 else n_rows


@lru_cache(maxsize=256)
def divisor(n: int, most: int) -> int:
    """The greatest divisor of n that is at most so large; 1 if there is none."""
    return next((m for m in range(min(most, n), 0, -1) if n % m == 0), 1)


def root(squares: Array) -> Array:
    """√ of sums or means of squares, and nan where these overflow.

    Divided by ∞ all numbers would be 0, and a training would go on with nothing to learn from.
    """
    r: Array = np.sqrt(squares)
    r += squares - squares
    return r


def safe_log(P: Array) -> Array:
    """log p, continued by its tangent where p is below the floor τ = e·10⁻⁷.

    That is log τ + (p − τ)/τ for p < τ. The derivative 1/max(p, τ) is continuous, and the value at
    0 is log 10⁻⁷, as Keras's clipping gives it. A clipped logarithm would have slope 0 there, and a
    wrong certainty could never be unlearnt.
    """
    M = np.maximum(P, PROBABILITY_FLOOR)
    logarithm: Array = np.log(M)
    below = np.subtract(P, M, out=M)  # 0 from the floor on
    below /= PROBABILITY_FLOOR
    logarithm += below
    return logarithm


def safe_log_slope(P: Array) -> Array:
    """The derivative of ``safe_log``: 1 / max(p, τ)."""
    slope: Array = np.maximum(P, PROBABILITY_FLOOR)
    return np.reciprocal(slope, out=slope)


def dropout_factors(rng: np.random.Generator, rate: float, out: Array) -> Array:
    """What dropout multiplies with: 0 with probability p = ``rate``, else 1 / (1 − p)."""
    rng.random(out=out, dtype=out.dtype.type)
    np.greater_equal(out, rate, out=out)
    out *= 1 / (1 - rate)
    return out
