"""A recorded computation made for many at once: every array gets an axis in front.

K networks of one shape make the same calls on arrays of the same shapes. ``Lift`` puts their arrays
into one block each, ``(K, …)``, and turns a tape's calls into calls on these blocks: elementwise
ones broadcast over K, ``A.dot(B)`` becomes K matrix products in one call of ``np.matmul``. What a
tape only reads, and nobody has lifted, is the same for all and stays as it is.
"""

from __future__ import annotations  # numpy.random loads when the first model is made

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from backprop.core.tape import Call, Tape
from backprop.core.types import Array


class CannotLift(Exception):
    """A call that has no form for many at once."""


class Lift:
    """The blocks of K times the arrays of a tape.

    Args:
        tape: What one of the K did.
        k: K.
        given: Arrays that have a block already, beside it.

    Raises:
        CannotLift: An array is not contiguous.
    """

    def __init__(self, tape: Tape, k: int, given: Sequence[tuple[Array, Array]]) -> None:
        self.k = k
        self._calls = tape.calls
        self._blocks = {id(array): (array, block) for array, block in given}
        for call in self._calls:
            self._block_of(call.out)

    def block(self, array: Array) -> Array:
        """The K arrays in the place of this one, shape ``(K, *shape)``."""
        base, block = self._block_of(array)
        start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        strides = (base.nbytes, *array.strides)
        shape = (self.k, *array.shape)
        return np.ndarray(shape, array.dtype, block.data, start, strides)

    def _block_of(self, array: Array) -> tuple[Array, Array]:
        base = owner(array)
        if id(base) not in self._blocks:
            if not base.flags.c_contiguous:
                raise CannotLift("an array that is not contiguous")
            block = np.empty((self.k, *base.shape), base.dtype)
            block[...] = base
            self._blocks[id(base)] = base, block
        return self._blocks[id(base)]

    def bind(
        self, generators: Mapping[int, Sequence[np.random.Generator]]
    ) -> list[Callable[[], Any]]:
        """Functions without arguments that make the tape's calls for all K.

        Args:
            generators: The K generators in the place of one, by its id.

        Raises:
            CannotLift: A call has no such form.
        """
        return [made for call in self._calls for made in self._bound(call, generators)]

    def _bound(
        self, call: Call, generators: Mapping[int, Sequence[np.random.Generator]]
    ) -> list[Callable[[], Any]]:
        out, inputs = self.block(call.out), call.inputs
        if call.function == "reduce":
            a, ufunc, axis = inputs
            return [
                partial(
                    ufunc.reduce,
                    self._lifted(a),
                    axis_after(axis, a.ndim),
                    call.options["dtype"],
                    out,
                    call.options["keepdims"],
                )
            ]
        if call.function == "dot":
            a, b = inputs
            return [self._product(a, b, out)]
        if call.function == "take":
            source, indices, axis, mode = inputs
            flat, moved, add = self._flat(source, indices, axis)
            return [add, partial(flat.take, moved, None, out, mode)]
        if call.function == "put":
            indices, values, mode = inputs
            flat, moved, add = self._flat(call.out, indices, None)
            return [add, partial(flat.put, moved, self._lifted(values), mode)]
        if call.function == "copy":
            return [partial(np.copyto, out, self._aligned(inputs[0], call.out.ndim))]
        if call.function == "draw":
            generator, name = inputs
            draws = [getattr(each, name) for each in generators[id(generator)]]
            return [
                partial(draw, out=part, **call.options)
                for draw, part in zip(draws, out, strict=True)
            ]
        if call.function.signature is not None and call.function is not np.vecdot:
            raise CannotLift(call.function.__name__)
        core = 1 if call.function is np.vecdot else 0  # axes that the function itself uses up
        operands = [self._aligned(value, call.out.ndim + core) for value in inputs]
        options = {n: self._aligned(v, call.out.ndim) for n, v in call.options.items()}
        return [partial(call.function, *operands, out=out, **options)]

    def _lifted(self, value: Any) -> Any:
        """The block in the place of an array, if it has one; else the value."""
        known = isinstance(value, np.ndarray) and id(owner(value)) in self._blocks
        return self.block(value) if known else value

    def _aligned(self, value: Any, ndim: int) -> Any:
        """The lifted value with axes of 1 after K, so that it broadcasts as the value does."""
        lifted = self._lifted(value)
        if lifted is value:
            return value
        return lifted[(slice(None), *[np.newaxis] * (ndim - value.ndim))]

    def _product(self, a: Array, b: Array, out: Array) -> Callable[[], Any]:
        A, B = self._lifted(a), self._lifted(b)
        if b.ndim == 1:  # (…, n) · (n,) as a product with a column
            B, out = B[..., np.newaxis], out[..., np.newaxis]
        elif b.ndim != 2:
            raise CannotLift("a product with an array of more than two axes")
        if a.ndim == 1:  # (n,) · (n, m) as a product with a row
            A = A[..., np.newaxis, :]
            out = out[..., np.newaxis, :]
        elif B is not b and a.ndim > 2:
            B = B[(slice(None), *[np.newaxis] * (a.ndim - 2))]
        return partial(np.matmul, A, B, out=out)

    def _flat(
        self, source: Array, indices: Array, axis: int | None
    ) -> tuple[Array, Array, Callable[[], Any]]:
        """The whole block of a source as one vector, indices into it, and what fills these."""
        base, block = self._block_of(source)
        if axis is not None or not source.flags.c_contiguous:
            raise CannotLift("elements taken along an axis")
        start = source.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        first = start // base.itemsize + base.size * np.arange(self.k)
        first = first.reshape(-1, *[1] * indices.ndim)
        moved = np.empty((self.k, *indices.shape), np.intp)
        return block.reshape(-1), moved, partial(np.add, self._lifted(indices), first, out=moved)


def owner(array: Array) -> Array:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def axis_after(axis: Any, ndim: int) -> Any:
    """The axis, or the axes, of an array that has one more in front."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple):
        return tuple(axis_after(each, ndim) for each in axis)
    return axis + 1 if axis >= 0 else axis
