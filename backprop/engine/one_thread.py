"""Matrix products on one thread, with the very bits that several threads give.

The bits of a sum depend on its order. OpenBLAS adds the terms of a product up in blocks, and where
the last two end depends on whether it has several threads (``driver/level3``: ``level3_thread.c``
halves what is left, ``level3.c`` rounds the half up to whole registers). One thread that computes
the same blocks one after the other, and adds them, gets the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.engine.tape import Call
from backprop.engine.threads import several, use

BLOCKS = (448, 384, 320, 256, 512, 352, 640, 192, 768, 128)
"""Lengths of blocks that are tried: OpenBLAS's own, ``GEMM_Q``, depends on processor and dtype."""

COMPARED = 64
"""How many numbers must agree before two ways of computing them are taken for the same."""

Layout = tuple[tuple[int, ...], np.dtype[Any], bool]


def on_one_thread(calls: list[Call]) -> list[Callable[[], Any]] | None:
    """What does on one thread, bit by bit, what the calls do on several.

    Args:
        calls: The calls of a tape.

    Returns:
        Functions without arguments; None if a product has other bits on one thread.
    """
    functions: list[Callable[[], Any]] = []
    for call in calls:
        if call.function is np.matmul and blocks(*map(first_layout, call.inputs), several()) != ():
            return None
        if call.function != "dot":
            functions.append(call.bind())
            continue
        A, B = call.inputs
        ends = blocks(layout(A), layout(B), several())
        if ends is None:
            return None
        functions += map(call.guarded, in_blocks(A, B, call.out, ends))
    return functions


def in_blocks(A: Array, B: Array, out: Array, ends: tuple[int, ...]) -> list[Callable[[], Any]]:
    """What computes A·B as the sum of products of blocks: columns of A with rows of B."""
    first, *others = (
        (A[..., start:end], B[start:end]) for start, end in pairwise((0, *ends, len(B)))
    )
    functions: list[Callable[[], Any]] = [partial(first[0].dot, first[1], out)]
    product = np.empty_like(out) if others else out
    for a, b in others:
        functions += [partial(a.dot, b, product), partial(np.add, out, product, out)]
    return functions


@cache
def blocks(a: Layout, b: Layout, threads: int) -> tuple[int, ...] | None:
    """Where all blocks but the last end for which one thread gives the bits of several.

    It is tried on random numbers, where another order of the sums shows.

    Args:
        a: The layout of the left factor.
        b: The layout of the right factor.
        threads: How many threads BLAS has.

    Returns:
        The ends, none if one thread needs no blocks; None if nothing gives the same bits.
    """
    rng = np.random.default_rng(0)
    shape = (*a[0][:-1], *b[0][1:])
    draws = 1 + COMPARED // math.prod(shape)
    factors = [(random(rng, a), random(rng, b)) for _ in range(draws)]
    expected = [np.dot(A, B) for A, B in factors]
    out = np.empty(shape, a[1])

    def agrees(ends: tuple[int, ...]) -> bool:
        for (A, B), product in zip(factors, expected, strict=True):
            for function in in_blocks(A, B, out, ends):
                function()
            if not np.array_equal(out, product):
                return False
        return True

    use(1)
    try:
        return next(filter(agrees, candidates(b[0][0])), None)
    finally:
        use(threads)


def candidates(inner: int) -> list[tuple[int, ...]]:
    """Ends of blocks that are worth a try: none, and for each usual length what OpenBLAS does."""
    found: list[tuple[int, ...]] = [()]
    for length in BLOCKS:
        whole = max(0, inner // length - 1) * length
        if inner > length:
            half = whole + (inner - whole + 1) // 2
            found.append((whole, half) if whole else (half,))
    return list(dict.fromkeys(found))


def layout(A: Array) -> Layout:
    """What BLAS goes by besides the numbers: shape, dtype, and whether A stands transposed."""
    return A.shape, A.dtype, A.flags.f_contiguous and not A.flags.c_contiguous


def first_layout(A: Array) -> Layout:
    """The layout of the first matrix of a stack; the others have the same."""
    return layout(A[(0,) * (A.ndim - 2)])


def random(rng: np.random.Generator, layout: Layout) -> Array:
    """Random numbers in an array of that layout."""
    shape, dtype, transposed = layout
    numbers = rng.standard_normal(shape[::-1] if transposed else shape).astype(dtype)
    return numbers.T if transposed else numbers
