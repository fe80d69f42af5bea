"""Layers that give the numbers of a sample another shape, or another order of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from backprop.core.checks import check_integer, is_row, is_whole
from backprop.core.errors import ShapeError, said
from backprop.core.types import Array, Shape, as_floats
from backprop.core.windows import check_axes
from backprop.layers.base import Layer


class Reshape(Layer):
    """The same numbers in the same order, in samples of another shape; δ gets back the first one.

    Shapes: X ``(N, *input_shape)``, Y ``(N, *target_shape)``.

    Args:
        target_shape: The shape of one sample, without the batch axis. One size may be −1: it
            follows from the others.

    Raises:
        ValueError: ``target_shape`` holds something else than positive integers and one −1.

    Example:
        >>> bp.layers.Reshape((2, -1)).forward(np.arange(4.0).reshape(1, 4))
        array([[[0., 1.],
                [2., 3.]]])
    """

    rearranges = True
    loose = "{kind}(({shown}))"
    definition = "{f}(x) = x in another shape"
    formulas = {"dX": "{delta} in the shape of {x}"}

    def __init__(self, target_shape: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        given = tuple(target_shape) if is_row(target_shape) else (target_shape,)
        sizes = tuple(
            -1 if is_whole(size) and size == -1 else check_integer(size, "target_shape of Reshape")
            for size in given
        )
        if not sizes or sizes.count(-1) > 1:
            raise ValueError(
                f"target_shape of Reshape must be the shape of one sample, such as (28, 28, 1), "
                f"with at most one −1, but it is {said(target_shape)}."
            )
        self.target_shape = sizes
        self._X_shape: Shape = ()
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """``target_shape``, without −1.

        Raises:
            ShapeError: It has more or fewer numbers than the input.
        """
        size, others = prod(input_shape), prod(n for n in self.target_shape if n != -1)
        found = tuple(size // others if n == -1 else n for n in self.target_shape)
        if prod(found) != size:
            raise ShapeError(
                f"{self} makes samples of shape {self.target_shape}, but received samples of shape "
                f"{tuple(input_shape)}, which have {size} numbers: choose sizes whose product is "
                f"{size}."
            )
        return found

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same where each step keeps its numbers to itself; else no steps are left."""
        return mask if self.keeps_steps() else None

    def keeps_steps(self) -> bool:
        """Whether the first axis of a sample stays what it is."""
        shape = self.input_shape or ()
        return len(self.target_shape) > 1 and self.output_shape(shape)[0] == shape[0]

    def forward(self, X: Array, training: bool = False) -> Array:
        """X in the other shape; in training without a copy."""
        X = as_floats(X)
        Y = X.reshape(len(X), *self.output_shape(X.shape[1:]))
        if not training:
            return Y.copy()
        self._X_shape, self.Y = X.shape, Y
        return Y

    def backward(self, delta: Array) -> Array:
        """δ in the shape of X."""
        self.check_delta(delta, self.Y)
        return delta.reshape(self._X_shape)


class Flatten(Reshape):
    """All numbers of a sample in one row: X ``(N, …)``, Y ``(N, product of the sizes)``.

    Example:
        >>> bp.layers.Flatten().forward(np.zeros((32, 8, 8, 3))).shape
        (32, 192)
    """

    definition = "{f}(x) = x with all numbers in one row"

    def __init__(self, name: str | None = None) -> None:
        super().__init__((-1,), name)


class Permute(Layer):
    """The axes of a sample in another order: axis k of Y is axis ``dims[k]`` of X.

    Args:
        dims: The axes of X, counted from 1 as the batch axis is 0: ``(2, 1)`` swaps two.

    Raises:
        ValueError: ``dims`` are not the numbers from 1 to n, each once.

    Example:
        >>> bp.layers.Permute((3, 1, 2)).forward(np.zeros((32, 8, 8, 3))).shape  # channels first
        (32, 3, 8, 8)
    """

    rearranges = True
    loose = "{kind}(({shown}))"
    definition = "{f}(x) = x with its axes in the order {self.dims}"
    formulas = {"dX": "{delta} with its axes in the order of {x}"}

    def __init__(self, dims: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        given = tuple(dims) if is_row(dims) else ()
        if not given or sorted(map(str, given)) != sorted(map(str, range(1, len(given) + 1))):
            raise ValueError(
                f"dims of Permute must hold the axes of a sample from 1 on, each once, "
                f"such as (2, 1), but it is {said(dims)}."
            )
        self.dims = tuple(check_integer(axis, "each axis in dims of Permute") for axis in given)
        self._X_shape: Shape = ()
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """The sizes in the other order.

        Raises:
            ShapeError: There are more or fewer axes than ``dims``.
        """
        if len(input_shape) != len(self.dims):
            raise ShapeError(
                f"{self} orders {len(self.dims)} axes, dims={self.dims}, but received samples of "
                f"shape {tuple(input_shape)}: name each of their axes once."
            )
        return tuple(input_shape[axis - 1] for axis in self.dims)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same where the steps stay the first axis; else no steps are left."""
        return mask if self.dims[0] == 1 else None

    def forward(self, X: Array, training: bool = False) -> Array:
        """X with its axes in the other order, copied."""
        X = as_floats(X)
        Y = self.room((len(X), *self.output_shape(X.shape[1:])), X.dtype, training)
        np.copyto(Y, X.transpose(0, *self.dims))
        if training:
            self._X_shape, self.Y = X.shape, Y
        return Y

    def backward(self, delta: Array) -> Array:
        """δ with its axes back in the order of X."""
        self.check_delta(delta, self.Y)
        dX = self.buffer("dX", self._X_shape, self.Y.dtype)
        np.copyto(dX.transpose(0, *self.dims), delta)
        return dX


class RepeatVector(Layer):
    """Each sample several times, as the steps of a sequence: Y_t = X for t = 1 … n.

        ∂E/∂X = Σ_t δ_t

    Shapes: X ``(N, C)``, Y ``(N, n, C)``.

    Args:
        n: The number of steps.

    Example:
        >>> bp.layers.RepeatVector(3).forward(np.array([[1.0, 2.0]]))[0]
        array([[1., 2.],
               [1., 2.],
               [1., 2.]])
    """

    definition = "{f}(x)_t = x for t = 1 … {self.n}"
    formulas = {"dX": "Σ_t {delta}_t"}

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n = check_integer(n, "n of RepeatVector")
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """A sequence of n steps.

        Raises:
            ShapeError: A sample is no vector, ``(C,)``.
        """
        check_axes(self, tuple(input_shape), "C")
        return (self.n, *input_shape)

    def forward(self, X: Array, training: bool = False) -> Array:
        """X at each step."""
        X = as_floats(X)
        Y = self.room((len(X), *self.output_shape(X.shape[1:])), X.dtype, training)
        np.copyto(Y, X[:, np.newaxis])
        if training:
            self.Y = Y
        return Y

    def backward(self, delta: Array) -> Array:
        """Σ δ over the steps."""
        self.check_delta(delta, self.Y)
        N, _, C = delta.shape
        dX = self.buffer("dX", (N, C), self.Y.dtype)
        return np.add.reduce(delta, axis=1, out=dX)
