"""Copies of a model, a layer or a loss in another dtype."""

import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from backprop.core.buffers import Buffers, new_array
from backprop.core.parameters import Parameter, Parameters
from backprop.core.types import Array, DTypeLike, Shape
from backprop.core.walk import objects_in
from backprop.inspection.real_branches import branching_as_real
from backprop.layers import Layer
from backprop.losses import Loss

T = TypeVar("T")


def generators(root: object) -> list[np.random.Generator]:
    """The random generators that an object holds."""
    return [part for _, part in objects_in(root) if isinstance(part, np.random.Generator)]


def in_dtype(thing: T, dtype: DTypeLike) -> T:
    """A copy that shares nothing with ``thing`` and computes in another dtype.

    Every floating-point array in it is converted (weights, gradients, running statistics), and
    every attribute that is a floating-point dtype is set to the new one. Buffers are dropped.
    """
    twin = copy.deepcopy(thing)
    new = np.dtype(dtype)
    converted: dict[int, Array] = {}  # two names for one array stay two names for one array

    def convert(value: Any) -> Any:
        if isinstance(value, np.dtype) and value.kind == "f":
            return new
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return converted.setdefault(id(value), value.astype(new))
        return value

    found = [part for _, part in objects_in(twin)]
    for part in found:
        if isinstance(part, Layer | Loss):
            part.buffers.clear()
        if isinstance(part, dict):
            dict.update(part, {key: convert(value) for key, value in part.items()})
        elif isinstance(part, list):
            list.__setitem__(part, slice(None), [convert(value) for value in part])
        elif isinstance(part, Parameter):
            part.move(np.empty(part.shape, new), np.empty(part.shape, new))
        elif not isinstance(part, type | ModuleType) and hasattr(part, "__dict__"):
            vars(part).update({name: convert(value) for name, value in vars(part).items()})
    for part in found:
        if isinstance(part, Parameters):  # join the converted arrays again: θ and g
            Parameters.__init__(part, list(part), new)
    return twin


def in_float64(thing: T) -> T:
    """Such a copy in float64, whose new buffers hold nan: what is read unwritten shows."""
    twin = in_dtype(thing, np.float64)
    for _, part in list(objects_in(twin)):
        if isinstance(part, Buffers):
            vars(part)["new_array"] = spoilt_array
    return twin


def spoilt_array(shape: Shape, dtype: Any) -> Array:
    """A new array filled with nan, if it can hold that."""
    array = new_array(shape, dtype)
    if array.dtype.kind == "f":
        array.fill(np.nan)
    return array


def in_complex(thing: T) -> T:
    """Such a copy in complex128, whose buffers branch as real numbers do.

    A loss reduces its values to a Python float, which has no imaginary part; since that is linear
    in the values, it is called once for the real and once for the imaginary parts.
    """

    def buffer(name: str, shape: Any, dtype: Any) -> Array:
        return branching_as_real(np.empty(shape, dtype))

    def buffer_like(name: str, like: Array) -> Array:
        return buffer(name, like.shape, like.dtype)

    def by_parts(reduce: Callable[[Array, Any], float]) -> Callable[[Array, Any], complex]:
        def reduce_both(values: Array, weight: Any) -> complex:
            values = np.asarray(values)
            return complex(reduce(values.real, weight), reduce(values.imag, weight))

        return reduce_both

    twin = in_dtype(thing, np.complex128)
    for _, part in list(objects_in(twin)):
        if isinstance(part, Layer):
            vars(part)["buffer"] = buffer
        elif isinstance(part, Loss):
            vars(part)["buffer"] = buffer_like
            vars(part)["reduce"] = by_parts(part.reduce)
    return twin
