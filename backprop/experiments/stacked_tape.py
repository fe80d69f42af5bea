"""A recorded step of one network made for K networks at once: every array gets an axis in front.

K networks of one form make the same calls on arrays of the same shapes. ``StackedTape`` puts their
arrays into one block each, ``(K, …)``, and turns a tape's calls into calls on these blocks:
elementwise ones broadcast over K, ``A.dot(B)`` becomes K matrix products in one ``np.matmul``. What
a tape only reads, and what has no block, is the same for all and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from backprop.core.buffers import filled_array, new_array
from backprop.core.types import Array, Shape
from backprop.engine.tape import Call

OUTER = 128
"""Elements of a product of a column with a row from which on BLAS makes up for copying both."""

REPEATED = 8192
"""Elements up to which NumPy takes longer to repeat a constant than to read it for each network.

A number beside an array is repeated for the maximum alone, which is half as quick with it.
"""

Generators = Mapping[int, "Sequence[np.random.Generator]"]  # in quotes: numpy.random loads later
"""The K generators in the place of one, by its id."""


class CannotStack(Exception):
    """A call that has no form for many at once."""


class StackedTape:
    """The blocks of K times the arrays of a tape.

    Args:
        calls: What one of the K did.
        k: K.
        given: Arrays that own their memory and have a block already, beside it.

    Raises:
        CannotStack: An array is not contiguous.
    """

    def __init__(self, calls: Sequence[Call], k: int, given: Sequence[tuple[Array, Array]]) -> None:
        self.k = k
        self._calls = calls
        self._blocks = {id(array): (array, block) for array, block in given}
        for call in calls:
            self._block_of(call.out)

    def block(self, array: Array) -> Array:
        """The K arrays in the place of this one, shape ``(K, *shape)``."""
        base, block = self._block_of(array)
        strides = (base.nbytes, *array.strides)
        shape = (self.k, *array.shape)
        return np.ndarray(shape, array.dtype, block.data, start_in(base, array), strides)

    def _block_of(self, array: Array) -> tuple[Array, Array]:
        base = owner(array)
        if id(base) not in self._blocks:
            if not base.flags.c_contiguous:
                raise CannotStack("an array that is not contiguous")
            block = new_array((self.k, *base.shape), base.dtype)
            block[...] = base
            self._blocks[id(base)] = base, block
        return self._blocks[id(base)]

    def bind(self, generators: Generators) -> list[Callable[[], Any]]:
        """Functions without arguments that make the tape's calls for all K.

        Where elements are taken or put by their index, this must be one of those that there are.

        Raises:
            CannotStack: A call has no such form.
        """
        return [
            call.guarded(made) for call in self._calls for made in self._bound(call, generators)
        ]

    def _bound(self, call: Call, generators: Generators) -> list[Callable[[], Any]]:
        out, options = self.block(call.out), call.options
        first, *rest = call.inputs
        match call.function:
            case "reduce":
                axis, dtype, keepdims = options["axis"], options["dtype"], options["keepdims"]
                axis = axis_after(axis, first.ndim)
                return [partial(rest[0].reduce, self.block(first), axis, dtype, out, keepdims)]
            case "argmax":
                axis = axis_after(rest[0], first.ndim)
                return [partial(self.block(first).argmax, axis, out)]
            case "dot":
                return self._product(first, rest[0], out)
            case "take":
                indices, axis, mode = rest
                if mode != "clip":
                    raise CannotStack("elements counted from the end")
                if axis is not None and self._stacked(indices) is indices:
                    axis = axis_after(axis, first.ndim)
                    return [partial(self.block(first).take, indices, axis, out, mode)]
                if axis is not None:
                    each = zip(self.block(first), self._per_network(indices), out, strict=True)
                    return [partial(source.take, i, axis, o, mode) for source, i, o in each]
                flat, moved, add = self._flat(first, indices)
                return [add, partial(flat.take, moved, None, out, mode)]
            case "put":
                values, mode = rest
                if mode != "clip" or np.shape(values) not in ((), np.shape(first)):
                    raise CannotStack("elements counted from the end, or one value for several")
                flat, moved, add = self._flat(call.out, first)
                values = self._aligned(values, moved.ndim - 1)
                if isinstance(values, np.ndarray):
                    values = np.broadcast_to(values, moved.shape)
                return [add, partial(flat.put, moved, values, mode)]
            case "copy":
                return [partial(np.copyto, out, self._aligned(first, call.out.ndim), **options)]
            case "at":
                *values, ufunc = rest
                each = zip(out, *map(self._per_network, (first, *values)), strict=True)
                return [partial(ufunc.at, *operands) for operands in each]
            case "draw":
                if id(first) not in generators:
                    raise CannotStack("a random generator of which there is only one")
                draws = [getattr(each, rest[0]) for each in generators[id(first)]]
                return [partial(d, out=o, **options) for d, o in zip(draws, out, strict=True)]
        ufunc = call.function
        if ufunc is np.matmul and min(map(np.ndim, call.inputs)) < 2:
            raise CannotStack("a product of stacks with a vector")
        if ufunc.signature is not None and ufunc not in (np.vecdot, np.matmul):
            raise CannotStack(ufunc.__name__)
        core = 1 if ufunc is np.vecdot else 0  # axes that the function itself uses up
        operands = [self._aligned(value, call.out.ndim + core) for value in call.inputs]
        if out.size <= REPEATED:
            shapes = {call.out.shape, () if ufunc is np.maximum else call.out.shape}
            operands = [self._repeated(operand, shapes, out) for operand in operands]
        options = {name: self._aligned(value, call.out.ndim) for name, value in options.items()}
        return [partial(ufunc, *operands, out=out, **options)]

    def _stacked(self, value: Any) -> Any:
        """The block in the place of an array, if it has one; else the value."""
        known = isinstance(value, np.ndarray) and id(owner(value)) in self._blocks
        return self.block(value) if known else value

    def _per_network(self, value: Any) -> Sequence[Any]:
        """What each of the K reads in the place of a value: its own array, or the value."""
        stacked = self._stacked(value)
        return [value] * self.k if stacked is value else list(stacked)

    def _aligned(self, value: Any, ndim: int) -> Any:
        """The stacked value with axes of 1 after K, so that it broadcasts as the value does."""
        stacked = self._stacked(value)
        if stacked is value:
            return value
        if value.ndim > ndim:
            raise CannotStack("an array with more axes than the result")
        return stacked[(slice(None), *[np.newaxis] * (ndim - value.ndim))]

    def _repeated(self, value: Any, shapes: Container[Shape], out: Array) -> Any:
        """A constant of one of these shapes for each element of all results; else the value."""
        if not isinstance(value, np.ndarray) or value.shape not in shapes:
            return value
        constant = not value.flags.writeable or value.dtype.kind in "iu"
        if not constant or self._stacked(value) is not value:
            return value
        return np.ascontiguousarray(np.broadcast_to(value, out.shape))

    def _product(self, a: Array, b: Array, out: Array) -> list[Callable[[], Any]]:
        if a.ndim == 0 or b.ndim not in (1, 2):
            raise CannotStack("a product with a number, or with an array of more than two axes")
        A, B = self._stacked(a), self._stacked(b)
        stacked = B is not b
        if b.ndim == 1:  # (…, n) · (n,) as a product with a column
            B, out = B[..., np.newaxis], out[..., np.newaxis]
        if a.ndim == 1:  # (n,) · (n, m) as a product with a row
            A, out = A[..., np.newaxis, :], out[..., np.newaxis, :]
        elif stacked:
            B = B[(slice(None), *[np.newaxis] * (a.ndim - 2))]
        if A.ndim == B.ndim == 3 and A.shape[-1] == 1 and out[0].size > OUTER:
            return outer(A, B, out)
        return [partial(np.matmul, A, B, out=out)]

    def _flat(self, array: Array, indices: Array) -> tuple[Array, Array, Callable[[], Any]]:
        """The whole block of an array as one vector, indices into it, and what fills these."""
        base, block = self._block_of(array)
        if not array.flags.c_contiguous or array.dtype != base.dtype:
            raise CannotStack("elements of a view that is not contiguous")
        first = start_in(base, array) // base.itemsize + base.size * np.arange(self.k)
        first = first.reshape(-1, *[1] * np.ndim(indices))
        moved = np.empty((self.k, *np.shape(indices)), np.intp)
        if moved.size <= REPEATED:
            first = np.ascontiguousarray(np.broadcast_to(first, moved.shape))
        return block.reshape(-1), moved, partial(np.add, self._stacked(indices), first, out=moved)


def outer(A: Array, B: Array, out: Array) -> list[Callable[[], Any]]:
    """Columns times rows as [a 0] [b; 0]: NumPy leaves to BLAS only what is two wide."""
    wide = filled_array((*A.shape[:-1], 2), 0, A.dtype)
    tall = filled_array((len(B), 2, B.shape[-1]), 0, B.dtype)
    fill = partial(np.copyto, wide[..., :1], A), partial(np.copyto, tall[:, :1], B)
    return [*fill, partial(np.matmul, wide, tall, out=out)]


def with_biases(calls: Sequence[Call], X1: Array) -> list[Call]:
    """The same calls, with X W + b as [X 1] [W; b] where b stands behind W in θ.

    A column x times a row takes NumPy four times as long as [x 1] times two rows. Where Z has one
    row or column that is a product with a vector, which is left as it is.

    Args:
        calls: What a network did.
        X1: The array [X 1], of which it read the columns X.
    """
    found = list[Call]()
    for call in calls:
        last = found[-1] if found else call
        if last.function == "dot" and call.function is np.add and same(call.inputs[0], last.out):
            A, W = last.inputs
            matrix = last.out.ndim == 2 and min(last.out.shape) > 1 and same(call.out, last.out)
            if matrix and same(A, X1[:, :-1]) and behind(call.inputs[1], W):
                found[-1] = last._replace(inputs=(X1, taller(W)))
                continue
        found.append(call)
    return found


def same(one: Any, other: Array) -> bool:
    """Whether both show the same numbers of the same memory."""
    known = isinstance(one, np.ndarray)
    return known and one.__array_interface__ == other.__array_interface__


def behind(b: Any, W: Array) -> bool:
    """Whether b stands directly behind the matrix W in one vector."""
    if not (W.ndim == 2 and W.flags.c_contiguous and np.shape(b) == W.shape[1:]):
        return False
    vector = owner(W)
    return owner(b) is vector and start_in(vector, b) == start_in(vector, W) + W.nbytes


def taller(W: Array) -> Array:
    """A matrix in a vector with one more row, which stands behind it."""
    vector, (n, m) = owner(W), W.shape
    start = start_in(vector, W) // vector.itemsize
    return vector[start : start + (n + 1) * m].reshape(n + 1, m)


def owner(array: Array) -> Array:
    """The array whose memory a view shows."""
    base: Any = array
    while base is not None:
        array = base if isinstance(base, np.ndarray) else array
        base = getattr(base, "base", None)  # a view of windows has an object of NumPy's in between
    return array


def start_in(base: Array, array: Array) -> int:
    """Where in the memory of its owner a view begins, in bytes."""
    start: int = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return start


def axis_after(axis: Any, ndim: int) -> Any:
    """The axis, or the axes, of an array that has one more in front."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple):
        return tuple(axis_after(each, ndim) for each in axis)
    return axis + 1 if axis >= 0 else axis
