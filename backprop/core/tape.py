"""NumPy calls written down while they are made, so that they can be made again.

Computed again and again on the same arrays, a formula is always the same sequence of NumPy calls.
For small arrays the Python around them, which looks up attributes, checks shapes and finds buffers,
takes longer than the calls. A ``Tape`` notes each call with the very arrays that it read and wrote;
``bind`` makes functions without arguments of them.
"""

from __future__ import annotations  # numpy.random loads when the first model is made

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array

VIEWS = {"T", "mT", "transpose", "swapaxes", "squeeze", "view", "setflags"}
FACTS = {"shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags", "base", "data"}
CONVERSIONS = {"__float__", "__int__", "__bool__", "__index__", "__complex__", "__iter__"}
CONVERSIONS |= {"__contains__", "__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__"}


SMALL = 64
"""Elements up to which NumPy takes longer to repeat a number than to read it from an array."""


class Call(NamedTuple):
    """One call, without any of the Python that led to it.

    Attributes:
        function: A ufunc, or the name of what is done with the first of the inputs.
        inputs: What is read: arrays and numbers.
        out: Where the result stands.
        options: Further arguments by name.
    """

    function: Any
    inputs: tuple[Any, ...]
    out: Array
    options: dict[str, Any] = {}

    def bind(self) -> Callable[[], Any]:
        """A function without arguments that makes the call."""
        first, *rest = self.inputs
        match self.function:
            case "reduce":  # by position, which takes less time than by name
                ufunc, axis = rest
                keepdims = self.options["keepdims"]
                return partial(ufunc.reduce, first, axis, self.options["dtype"], self.out, keepdims)
            case "dot":  # the method skips what np.dot does first
                return partial(first.dot, *rest, out=self.out)
            case "take":
                indices, axis, mode = rest
                return partial(first.take, indices, axis, self.out, mode)
            case "put":
                return partial(self.out.put, *self.inputs)
            case "copy":
                return partial(np.copyto, self.out, first)
            case "draw":
                return partial(getattr(first, rest[0]), out=self.out, **self.options)
            case _:
                return partial(self.function, *self.inputs, out=self.out, **self.options)


class Tape:
    """The calls made on traced arrays, in order.

    Attributes:
        calls: The calls.
        failure: What could not be written down; None if everything could. It was done nevertheless:
            recording never changes what is computed.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.failure: str | None = None

    def trace(self, value: Any) -> Any:
        """A view of an array whose calls are noted; a generator is wrapped; else the value."""
        if type(value) is np.ndarray:
            traced = value.view(Traced)
            traced.tape = self
            return traced
        return TracedGenerator(value, self) if type(value) is np.random.Generator else value

    def fail(self, what: str) -> None:
        """Notes that something was done which cannot be done again from the tape."""
        self.failure = self.failure or what

    def note(self, function: Any, inputs: tuple[Any, ...], out: Array, **options: Any) -> None:
        """Writes a call down."""
        self.calls.append(Call(function, inputs, out, options))


def plain(value: Any) -> Any:
    """The array or generator itself of a traced one."""
    if isinstance(value, TracedGenerator):
        return value.generator
    return value.view(np.ndarray) if isinstance(value, Traced) else value


class Traced(np.ndarray[Any, Any]):
    """A view of an array: what is computed with it is noted on its tape."""

    tape: Any = None

    def __array_finalize__(self, obj: Any) -> None:
        if self.tape is None:
            self.tape = getattr(obj, "tape", None)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = options.pop("out", (None,))[0]
        untraced = isinstance(given, np.ndarray) and not isinstance(given, Traced)
        if untraced and any(given is value for value in inputs):
            self.tape.fail(f"{ufunc.__name__} in place on an array that is not traced")
        operands, out = tuple(map(plain, inputs)), plain(given)
        options = {name: plain(value) for name, value in options.items()}
        result = getattr(ufunc, method)(*operands, out=out, **options)
        known = {"__call__": {"where"}, "reduce": {"axis", "dtype", "keepdims"}}
        if not options.keys() <= known.get(method, set()) or method not in known or ufunc.nout > 1:
            self.tape.fail(f"{ufunc.__name__}.{method}")
            return result
        out = np.asarray(result)
        if method == "reduce":
            axis, dtype = options.get("axis", 0), options.get("dtype")
            keepdims = options.get("keepdims", False)
            inputs = (operands[0], ufunc, axis)
            self.tape.note("reduce", inputs, out, dtype=dtype, keepdims=keepdims)
        else:
            self.tape.note(ufunc, constants(operands, out), out, **options)
        return self.tape.trace(out) if given is None else given

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in (np.sum, np.mean) and isinstance(args[0], Traced):
            return getattr(args[0], func.__name__)(*args[1:], **kwargs)
        given = kwargs.get("out")
        operands = tuple(map(plain, args))
        options = {name: plain(value) for name, value in kwargs.items()}
        result = func(*operands, **options)
        if func is np.dot and len(args) == 2 and isinstance(result, np.ndarray):
            self.tape.note("dot", operands, result)
            return self.tape.trace(result) if given is None else given
        if func is np.copyto and len(args) == 2 and not kwargs:
            self.tape.note("copy", operands[1:], operands[0])
            return None
        self.tape.fail(func.__name__)
        return result

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """Elements by their index."""
        found = plain(self).take(plain(indices), axis, plain(out), mode)
        self.tape.note("take", (plain(self), plain(indices), axis, mode), np.asarray(found))
        return self.tape.trace(found) if out is None else out

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Writes elements by their index."""
        inputs = plain(indices), plain(values), mode
        plain(self).put(*inputs)
        self.tape.note("put", inputs, plain(self))

    def sum(  # type: ignore[override]
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """Σ over the axes."""
        return np.add.reduce(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def mean(  # type: ignore[override]
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """The sum over the number of elements that are summed."""
        total = self.sum(axis, dtype, out, keepdims)
        return np.true_divide(total, self.size / total.size, out=total)

    def fill(self, value: Any) -> None:
        """Writes one number everywhere."""
        self[...] = value

    def __getitem__(self, index: Any) -> Any:
        found = plain(self)[plain(index)]
        if not (isinstance(found, np.ndarray) and np.may_share_memory(found, plain(self))):
            self.tape.fail("indexing by an array, or of a single number")
            return found
        return self.tape.trace(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        plain(self)[plain(index)] = plain(value)
        target = self[index]
        if isinstance(target, Traced):
            self.tape.note("copy", (plain(value),), plain(target))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """A view of another shape."""
        return self._still_a_view(plain(self).reshape(*shape, **options))

    def copy(self, order: Any = "C") -> Any:
        """A new array with the same numbers."""
        copied = plain(self).copy(order)
        self.tape.note("copy", (plain(self),), copied)
        return self.tape.trace(copied)

    def ravel(self, order: Any = "C") -> Any:
        """A view with one axis."""
        return self._still_a_view(plain(self).ravel(order))

    def astype(self, dtype: Any, *arguments: Any, **options: Any) -> Any:
        """The array itself, if it has that dtype already."""
        return self._still_a_view(plain(self).astype(dtype, *arguments, **options))

    def _still_a_view(self, array: Array) -> Any:
        if not np.may_share_memory(array, plain(self)):
            self.tape.fail("a copy")
        return self.tape.trace(array)


class TracedGenerator:
    """A random generator whose draws into traced arrays are noted."""

    def __init__(self, generator: np.random.Generator, tape: Tape) -> None:
        self.generator, self.tape = generator, tape

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.generator, name)

        def draw(*arguments: Any, out: Any = None, **options: Any) -> Any:
            if out is None or arguments:
                self.tape.fail(f"{name} of a random generator")
                return method(*arguments, **({} if out is None else {"out": plain(out)}), **options)
            method(out=plain(out), **options)
            self.tape.note("draw", (self.generator, name), plain(out), **options)
            return out

        return draw


def constants(operands: tuple[Any, ...], out: Array) -> tuple[Any, ...]:
    """Python's numbers beside floating-point arrays as arrays of their dtype: NumPy is faster so.

    That is the dtype which NumPy takes them in, too. It is fastest if they have the shape of the
    other operands, as long as these are small.
    """
    arrays = [value for value in operands if isinstance(value, np.ndarray)]
    dtypes = {value.dtype for value in arrays}
    if len(dtypes) != 1 or next(iter(dtypes)).kind != "f":
        return operands
    (dtype,) = dtypes
    shape = out.shape if out.size <= SMALL and out.shape == arrays[0].shape else ()
    return tuple(np.full(shape, v, dtype) if type(v) in (int, float) else v for v in operands)


def _refusing(name: str) -> Any:
    def attribute(self: Traced) -> Any:
        self.tape.fail(name)
        return getattr(plain(self), name)

    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        self.tape.fail(name)
        return getattr(plain(self), name)(*map(plain, arguments), **options)

    return method if callable(getattr(np.ndarray, name)) else property(attribute)


for _name in {name for name in dir(np.ndarray) if not name.startswith("_")} | CONVERSIONS:
    if _name not in VIEWS | FACTS | vars(Traced).keys() and hasattr(np.ndarray, _name):
        setattr(Traced, _name, _refusing(_name))
