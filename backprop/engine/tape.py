"""NumPy calls written down while they are made, so that they can be made again.

Computed again and again on the same arrays, a formula is always the same sequence of NumPy calls.
For small arrays the Python around them, which looks up attributes, checks shapes and finds buffers,
takes longer than the calls. A ``Tape`` notes each call with the very arrays that it read and wrote;
``bind`` makes functions without arguments of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.types import Array
from backprop.engine.traced import Traced, TracedGenerator, plain

CONSTANTS = (bool, int, float, complex, str, np.generic, np.ufunc, np.dtype, type)
"""What a call may read besides arrays."""

SMALL = 64
"""Elements up to which NumPy takes longer to repeat a number than to read it from an array."""

LONGEST = 4096
"""Bytes of a run of neighbouring numbers from which on it is copied at its speed anyway."""


class Call(NamedTuple):
    """One call, without any of the Python that led to it.

    Attributes:
        function: A ufunc, or the name of what is done with the first of the inputs.
        inputs: What is read: arrays and numbers.
        out: Where the result stands.
        options: Further arguments by name.
        errors: How floating-point errors are treated, where the formula itself said so.
    """

    function: Any
    inputs: tuple[Any, ...]
    out: Array
    options: dict[str, Any]
    errors: dict[str, Any]

    def bind(self) -> Callable[[], Any]:
        """A function without arguments that makes the call: by position, which is quicker."""
        return self.guarded(self._bound())

    def guarded(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """The function with floating-point errors treated as in the formula."""
        return np.errstate(**self.errors)(function) if self.errors else function

    def _bound(self) -> Callable[[], Any]:
        first, *rest = self.inputs
        options = self.options
        match self.function:
            case "reduce":
                axis, dtype, keepdims = options["axis"], options["dtype"], options["keepdims"]
                return partial(rest[0].reduce, first, axis, dtype, self.out, keepdims)
            case "dot":  # the method skips what np.dot does first
                return partial(first.dot, *rest, self.out)
            case "argmax":
                return partial(first.argmax, rest[0], self.out)
            case "take":
                indices, axis, mode = rest
                return partial(first.take, indices, axis, self.out, mode)
            case "put":
                return partial(self.out.put, *self.inputs)
            case "copy":
                pair = (self.out, first) if options else run_by_run(self.out, first)
                return partial(np.copyto, *pair, **options)
            case "at":
                *values, ufunc = rest
                return partial(ufunc.at, self.out, first, *values)
            case "draw":
                return partial(getattr(first, rest[0]), out=self.out, **options)
            case _:
                # NumPy would rather have the third argument of these two by name
                if options or self.function in (np.maximum, np.minimum):
                    return partial(self.function, *self.inputs, out=self.out, **options)
                return partial(self.function, *self.inputs, self.out)


class Tape:
    """The calls made on traced arrays, in order, by the thread that made the tape.

    Another thread, which predicts meanwhile, finds traced arrays in the layers. To it they are as
    the arrays themselves: nothing is noted, and what is computed with them is not traced.

    Attributes:
        calls: The calls.
        failure: What could not be written down; None if everything could. It was done nevertheless:
            recording never changes what is computed.

    Args:
        known: An array that stays: calls may read it, and views of it, though it is not traced.
    """

    def __init__(self, known: Array | None = None) -> None:
        self._known = (0, 0) if known is None else byte_bounds(known)
        self.calls: list[Call] = []
        self.failure: str | None = None
        self._errors: dict[str, Any] = {**np.geterr()}
        self._thread: int | None = threading.get_ident()

    @property
    def runs(self) -> bool:
        """Whether calls of the thread that asks are noted."""
        return self._thread == threading.get_ident()

    def end(self) -> None:
        """Notes nothing from now on: a later thread may have the number of this one."""
        self._thread = None

    def trace(self, value: Any) -> Any:
        """A view of an array whose calls are noted; a generator is wrapped; else the value."""
        kind = type(value)
        if kind is np.ndarray and self.runs:
            traced = value.view(Traced)
            traced.tape = self
            return traced
        return TracedGenerator(value, self) if kind is np.random.Generator and self.runs else value

    def fail(self, what: str) -> None:
        """Notes that something was done which cannot be done again from the tape."""
        if self.runs:
            self.failure = self.failure or what

    def note(self, function: Any, inputs: tuple[Any, ...], out: Any, **options: Any) -> None:
        """Writes a call down, if it reads and writes nothing but what is traced or constant."""
        if not self.runs:
            return
        if not (isinstance(out, Traced) and all(map(self._lasts, (*inputs, *options.values())))):
            self.fail("an array that is not traced")
            return
        operands, out = plain(inputs), plain(out)
        if isinstance(function, np.ufunc):
            operands = constants(function, operands, out)
        errors: Any = np.geterr()
        if errors == self._errors:
            errors = {}
        else:
            errors = {k: v for k, v in errors.items() if v != self._errors[k]}
        self.calls.append(Call(function, operands, out, plain(options), errors))

    def _lasts(self, value: Any) -> bool:
        """Whether a call that reads this finds in it next time what it should."""
        if type(value) is Traced:
            return True
        if isinstance(value, np.ndarray):  # integers are positions, which follow from the shapes
            if value.dtype.kind in "iu" or not value.flags.writeable:
                return True
            start, stop = byte_bounds(value)
            return self._known[0] <= start and stop <= self._known[1]
        if isinstance(value, tuple):  # axes
            return all(map(self._lasts, value))
        return value is None or isinstance(value, (*CONSTANTS, TracedGenerator))


def run_by_run(out: Array, A: Any) -> tuple[Array, Any]:
    """What to copy from and to where runs of numbers that are neighbours in both are one element.

    NumPy copies the numbers of a run one by one, and takes a while from run to run. An element as
    long as a run is copied at once: in 0.06 of the time with 4 numbers, in half of it with 6 to 32.
    """
    if not (isinstance(A, np.ndarray) and A.shape == out.shape and A.dtype == out.dtype):
        return out, A
    axis, size = out.ndim, out.itemsize
    while axis and A.strides[axis - 1] == out.strides[axis - 1] == size:
        axis -= 1
        size *= out.shape[axis]
    if axis == 0 or not out.itemsize < size <= LONGEST:
        return out, A
    run = np.dtype((np.void, size))
    shape = (*out.shape[:axis], size // out.itemsize)
    return out.reshape(shape).view(run)[..., 0], A.reshape(shape).view(run)[..., 0]


@cache
def takes_only(ufunc: Any, char: str) -> bool:
    """Whether a ufunc takes all operands in that dtype; ``np.ldexp`` takes an integer second."""
    return any(kind.startswith(f"{char * ufunc.nin}->") for kind in ufunc.types)


def constants(ufunc: Any, operands: tuple[Any, ...], out: Array) -> tuple[Any, ...]:
    """Python's numbers beside floating-point arrays as arrays of their dtype: NumPy is faster so.

    That is the dtype which NumPy takes them in, too. It is fastest if they have the shape of the
    other operands, as long as these are small. A power has other last digits then: NumPy squares
    where it sees that one exponent, 2, is there for all.
    """
    typed = [value for value in operands if isinstance(value, (np.ndarray, np.generic))]
    dtypes = {value.dtype for value in typed}
    if len(typed) == len(operands) or len(dtypes) != 1:
        return operands
    (dtype,) = dtypes
    if dtype.kind != "f" or not takes_only(ufunc, dtype.char):
        return operands
    repeated = out.size <= SMALL and out.shape == typed[0].shape and ufunc is not np.power
    shape = out.shape if repeated else ()
    return tuple(constant(shape, v, dtype) if type(v) in (int, float) else v for v in operands)


def constant(shape: tuple[int, ...], value: float, dtype: np.dtype[Any]) -> Array:
    """``np.full``, not to be written to."""
    array = np.full(shape, value, dtype)
    array.setflags(write=False)
    return array
