"""Arrays and random generators that tell a tape what is done with them.

What NumPy computes without asking the arrays' class (``np.asarray``, ``memoryview``) nobody sees. A
call that reads the result of that, or writes where nobody sees it, is therefore not written down
but a failure: all arrays in a call are traced, or cannot be written to, or hold integers.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backprop.core.types import Array

FACTS = {"shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags"}
VIEWS = {"T", "mT", "transpose", "swapaxes", "squeeze", "view", "reshape", "ravel", "astype"}
READ_OUT = {"__float__", "__int__", "__bool__", "__index__", "__iter__", "__format__"}
READ_OUT |= {"__reduce__", "__reduce_ex__", "__array__", "__dlpack__"}
READ_OUT |= {"__array_interface__", "__array_struct__"}

KNOWN = {"__call__": {"where"}, "reduce": {"axis", "dtype", "keepdims"}, "at": set[str]()}
"""The ways to call a ufunc that can be noted, with their arguments by name."""

as_view = np.ndarray.view  # Traced has a method of that name


def plain(value: Any) -> Any:
    """The array or generator itself of a traced one; in lists, tuples and dicts too."""
    kind = type(value)
    if kind is Traced:  # a view of what was traced: nothing then keeps the tape alive
        return as_view(value if value._origin is None else value._origin, np.ndarray)
    if kind is tuple or kind is list:
        return kind(map(plain, value))
    if kind is dict:
        return {key: plain(inner) for key, inner in value.items()} if value else value
    return value.generator if kind is TracedGenerator else value


class Traced(np.ndarray[Any, Any]):
    """A view of an array: what is computed with it is noted on its tape.

    Attributes:
        tape: The tape.
        is_number: Whether it stands in the place of one of NumPy's numbers, which have no array
            for a tape to note; ``s += 1`` then makes a new one.
    """

    tape: Any = None
    is_number = False
    _origin: Any = None

    def __array_finalize__(self, obj: Any) -> None:
        if isinstance(obj, Traced):  # by NumPy itself, as np.asanyarray does with an equal dtype
            self.tape = obj.tape
            one, other = plain(self), plain(obj)
            same = (one.shape, one.strides, one.dtype) == (other.shape, other.strides, other.dtype)
            if same and np.may_share_memory(one, other):
                self._origin = obj if obj._origin is None else obj._origin
            else:
                self.tape.fail("a copy")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if not self.tape.runs:
            return getattr(ufunc, method)(*plain(inputs), **plain(options))
        outs = options.pop("out", ())
        if len(outs) == 1 and getattr(outs[0], "is_number", False):
            outs = ()
        given = {"out": plain(outs)} if outs else {}
        result = getattr(ufunc, method)(*plain(inputs), **plain(options), **given)
        if ufunc.nout > 1 or method not in KNOWN or not options.keys() <= KNOWN[method]:
            self.tape.fail(f"{ufunc.__name__}.{method}")
            if ufunc.nout > 1 and outs:
                return tuple(r if o is None else o for r, o in zip(result, outs, strict=True))
            return outs[0] if outs else result
        if method == "at":
            self.tape.note("at", (*inputs[1:], ufunc), inputs[0])
            return result
        out = outs[0] if outs else self._result(result)
        if method == "reduce":
            all_options = {"axis": 0, "dtype": None, "keepdims": False, **options}
            self.tape.note("reduce", (*inputs, ufunc), out, **all_options)
        else:
            self.tape.note(ufunc, inputs, out, **options)
        return out

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in (np.sum, np.mean) and args and isinstance(args[0], Traced):
            return getattr(args[0], func.__name__)(*args[1:], **kwargs)
        operands, given = plain(args), kwargs.get("out")
        result = func(*operands, **plain(kwargs))
        if not self.tape.runs:
            return result
        if func is sliding_window_view:
            return self._view(result)
        if func is np.copyto and len(args) == 2 and kwargs.keys() <= {"casting"}:
            self.tape.note("copy", args[1:], args[0], **kwargs)
        elif func is np.dot and len(args) == 2 and all(isinstance(x, np.ndarray) for x in operands):
            given = self._result(result) if given is None else given
            self.tape.note("dot", args, given)
        else:
            self.tape.fail(func.__name__)
        return result if given is None else given

    def argmax(self, axis: Any = None, *arguments: Any, **options: Any) -> Any:
        """The index of the largest element along one axis."""
        found = plain(self).argmax(axis, *plain(arguments), **plain(options))
        if axis is None or arguments or options:
            self.tape.fail("argmax")
            return found
        where = self._result(found)
        self.tape.note("argmax", (self, axis), where)
        return where

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """Elements by their index."""
        found = plain(self).take(plain(indices), axis, plain(out), mode)
        result = self._result(found) if out is None else out
        self.tape.note("take", (self, indices, axis, mode), result)
        return result

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Writes elements by their index."""
        plain(self).put(plain(indices), plain(values), mode)
        self.tape.note("put", (indices, values, mode), self)

    def sum(self, axis: Any = None, *arguments: Any, **options: Any) -> Any:
        """Σ over the axes."""
        return np.add.reduce(self, axis, *arguments, **options)

    def mean(self, axis: Any = None, *arguments: Any, **options: Any) -> Any:
        """The sum over the number of elements that are summed."""
        simple = not arguments and options.keys() <= {"keepdims"}  # no out, no dtype
        if not (self.tape.runs and simple and self.dtype.char in "fd" and 0 < self.size <= 1 << 24):
            self.tape.fail("mean")
            return plain(self).mean(axis, *arguments, **options)
        total = self.sum(axis, **options)
        return np.true_divide(total, self.size // total.size, out=total)

    def fill(self, value: Any) -> None:
        """Writes one number everywhere."""
        self[...] = value

    def copy(self, order: Any = "C") -> Any:
        """A new array with the same numbers."""
        copied = self._result(plain(self).copy(order))
        self.tape.note("copy", (self,), copied)
        return copied

    def __getitem__(self, index: Any) -> Any:
        return self._view(plain(self)[plain(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        target = self[index]  # fails where that is no view
        if isinstance(target, Traced):
            try:
                np.copyto(target, value)
                return
            except TypeError:
                self.tape.fail("numbers written into an array of another kind")
        plain(self)[plain(index)] = plain(value)

    def _view(self, found: Any) -> Any:
        """A view that NumPy made of the array itself, traced; a copy is none."""
        if type(found) is np.ndarray and np.may_share_memory(found, plain(self)):
            return self.tape.trace(found)
        self.tape.fail("a copy, or a single number")
        return found

    def _result(self, result: Any) -> Any:
        """A new array, traced; a number as an array without axes, which can be written again."""
        if not self.tape.runs:
            return result
        traced = self.tape.trace(np.asarray(result))
        traced.is_number = not isinstance(result, np.ndarray)
        return traced


class TracedGenerator:
    """A random generator whose draws into traced arrays are noted."""

    def __init__(self, generator: np.random.Generator, tape: Any) -> None:
        self.generator, self.tape = generator, tape

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.generator, name)
        if not callable(method):
            self.tape.fail(f"{name} of a random generator")
            return method

        def draw(*arguments: Any, **options: Any) -> Any:
            result = method(*plain(arguments), **plain(options))
            out = options.pop("out", None)
            if arguments:
                self.tape.fail(f"{name} of a random generator")
            else:
                self.tape.note("draw", (self, name), out, **options)
            return result if out is None else out

        return draw

    def __reduce_ex__(self, protocol: Any) -> Any:
        self.tape.fail("a copy of a random generator")
        return plain, (self.generator,)  # which others hold too, and share in the copy

    def _generator_of_tape(self) -> np.random.Generator:
        """What ``objects_in`` finds in its place: another thread may save the model meanwhile."""
        return self.generator


def _standing_in(name: str) -> Any:
    def use(self: Traced, function: Callable[[Array], Any]) -> Any:
        if name in VIEWS:
            return self._view(function(plain(self)))
        self.tape.fail(name)
        return function(plain(self))

    def attribute(self: Traced) -> Any:
        return use(self, attrgetter(name))

    def change(self: Traced, value: Any) -> None:
        use(self, lambda array: setattr(array, name, plain(value)))

    def method(self: Traced, *arguments: Any, **options: Any) -> Any:
        return use(self, methodcaller(name, *plain(arguments), **plain(options)))

    return method if callable(getattr(np.ndarray, name)) else property(attribute, change)


for _name in {name for name in dir(np.ndarray) if not name.startswith("_")} | READ_OUT:
    if _name not in FACTS | vars(Traced).keys():
        setattr(Traced, _name, _standing_in(_name))
