"""Whether a matrix product has the same bits when its rows are computed in parts.

The bits of a sum depend on its order, and BLAS chooses that by the sizes of the factors.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.engine.tape import Call
from backprop.engine.threads import single_blas_threads

COMPARED = 64
"""How many numbers of every row must agree before two ways to compute them are taken for one.

BLAS may treat a single row at an edge in another way, and even then half of its sums agree."""

ROWS, COLUMNS = 192, 320
"""Rows of a part, and columns, up to which a product is tried whole. Of a larger one as many are
tried, and what is left over from a multiple of 192 or 64: its sums are as long, and its edges as
wide."""

EDGES = (8, 12, 16, 24, 32, 48)
"""Rows that BLAS may compute at once."""

Layout = tuple[tuple[int, ...], np.dtype[Any], bool]


def way(A: Array, function: Any) -> Any:
    """``A.dot`` would copy some of the columns of a transposed array first."""
    return function if A.flags.c_contiguous or A.flags.f_contiguous else np.matmul


@cache
@single_blas_threads()
def same_bits(
    function: Any, a: Layout, b: Layout, sizes: tuple[int, ...], names: tuple[Any, ...]
) -> bool:
    """Whether a product has the same bits when its rows are computed in parts.

    It is tried on random numbers, where another order of the sums shows.

    Args:
        function: The way in which the whole product is computed: ``"dot"`` or ``np.matmul``.
        a: The layout of the left factor.
        b: The layout of the right factor.
        sizes: The rows of each part.
        names: The way in which each part is computed.
    """
    rng = np.random.default_rng(0)
    a, b, sizes = _smaller(a, b, sizes)
    shape = (a[0][0], *b[0][1:])
    A = _random(rng, a)
    for _ in range(1 + COMPARED // math.prod(shape[1:])):
        B = _random(rng, b)
        whole, out = np.empty(shape, a[1]), np.empty(shape, a[1])
        Call(function, (A, B), whole, {}, {}).bind()()
        stop = 0
        for size, name in zip(sizes, names, strict=True):
            start, stop = stop, stop + size
            Call(name, (A[start:stop], B), out[start:stop], {}, {}).bind()()
        if not np.array_equal(whole, out):
            return False
    return True


@cache
def rows_at_once() -> int:
    """The rows that BLAS computes at once: cut at a multiple of them, products keep their bits.

    They are 12 in OpenBLAS for processors with AVX2, and 8 with AVX-512.
    """
    factor = (160, 160), np.dtype(np.float32), False
    for rows in EDGES:
        sizes = 19 * rows, 19 * rows + 5
        if same_bits("dot", ((sum(sizes), 160), *factor[1:]), factor, sizes, ("dot", "dot")):
            return rows
    return EDGES[0]


def _smaller(a: Layout, b: Layout, sizes: tuple[int, ...]) -> tuple[Layout, Layout, Any]:
    """Factors whose product is quicker to try, with sums of the same length."""
    inner = a[0][1]
    if inner >= 64 and min(sizes) > ROWS:
        sizes = tuple(ROWS + size % ROWS for size in sizes)
    columns = tuple(COLUMNS + n % 64 if inner >= 64 and n > COLUMNS else n for n in b[0][1:])
    return ((sum(sizes), inner), *a[1:]), ((inner, *columns), *b[1:]), sizes


def layout(A: Array) -> Layout:
    """What BLAS goes by besides the numbers: shape, dtype, and whether A stands transposed."""
    return A.shape, A.dtype, A.flags.f_contiguous and not A.flags.c_contiguous


def _random(rng: np.random.Generator, layout: Layout) -> Array:
    """Random numbers in an array of that layout."""
    shape, dtype, transposed = layout
    numbers = rng.standard_normal(shape[::-1] if transposed else shape).astype(dtype)
    return numbers.T if transposed else numbers
