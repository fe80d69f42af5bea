"""Pooling: the largest number of each window, or the mean, along one axis after the other."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from backprop.core.buffers import new_array
from backprop.core.checks import check_choice, check_sizes
from backprop.core.masks import mask_behind_windows
from backprop.core.types import Array, Shape, as_array, as_floats
from backprop.core.windows import (
    NewArray,
    Windows,
    WrittenWindows,
    check_axes,
    lay,
    over_steps,
    padded,
    planes,
    positions,
    shares,
    to_be_windows,
    to_windows,
    windows,
    write,
)
from backprop.layers.base import Layer


class Pooling(Layer):
    """The base of the pooling layers, which pool images along the width, then along the height.

    A subclass says in ``pool`` what becomes of the windows along one axis, and in ``unpool``, the
    derivative, what each number in them gets.
    """

    axes = "HWC"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        of, n = f"of {type(self).__name__}", len(self.axes) - 1
        self.pool_size = check_sizes(pool_size, f"pool_size {of}", n)
        given = self.pool_size if strides is None else strides
        self.strides = check_sizes(given, f"strides {of}", n)
        self.padding = check_choice(padding, f"padding {of}", ("valid", "same"))
        self._strides_follow = strides is None
        self.Y: Any = None

    def changing(self, name: str, value: Any) -> dict[str, Any]:
        """Strides that were not given stay as ``pool_size``."""
        return ({"strides": None} if self._strides_follow else {}) | {name: value}

    def windows(self, sample: Shape) -> tuple[Windows, ...]:
        """The windows along each axis of a sample.

        Raises:
            ShapeError: It has other axes, or is smaller than a window.
        """
        check_axes(self, sample, self.axes)
        return lay(self, sample, self.pool_size, self.strides, self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """A number for each window and channel."""
        return (*(w.n_out for w in self.windows(input_shape)), input_shape[-1])

    @property
    def written(self) -> WrittenWindows:
        """How formulas write the windows."""
        cut_off = ", where m numbers of a window lie inside"
        return write(self.windows(self.input_shape or ()), cut_off)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """Of sequences the windows without a padded step; of images None."""
        if mask is None or len(self.axes) > 2:
            return None
        w = windows(mask.shape[1], self.pool_size[0], self.strides[0], self.padding)
        return mask_behind_windows(self, mask, w, self.padding)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Along the last axis first: rows of an image, whose results are rows again."""
        Y = as_floats(X)
        windows = self.windows(Y.shape[1:])
        new = self.buffer if training else fresh_array
        for axis in range(len(windows), 0, -1):
            Y = self.pool(Y, axis, windows[axis - 1], new)
        if training:
            self.Y, self._windows = Y, windows
        return Y

    def backward(self, delta: Array) -> Array:
        """The same way back."""
        self.check_delta(delta, self.Y)
        delta = as_array(delta, self.Y.dtype)
        for axis, w in enumerate(self._windows, 1):
            delta = self.unpool(delta, axis, w)
        return delta

    def pool(self, X: Array, axis: int, w: Windows, new: NewArray) -> Array:
        """What becomes of the windows along an axis, in an array that ``new`` makes."""
        raise NotImplementedError(f"{type(self).__name__} must define pool(X, axis, w, new).")

    def unpool(self, delta: Array, axis: int, w: Windows) -> Array:
        """∂E/∂X for delta = ∂E/∂Y of ``pool``."""
        raise NotImplementedError(f"{type(self).__name__} must define unpool(delta, axis, w).")


class MaxPooling2D(Pooling):
    """The largest number of each window, for every channel.

        y_{n,i,j,c} = max_{a,b} x_{n, i·s+a, j·s+b, c}

        ∂E/∂x = Σ δ over the windows in which x is the first of the largest

    The largest of a window is the largest of its rows' largest. Among equal numbers that of the
    first row counts, and in the row the first one.

    Shapes: X ``(N, H, W, C)``, Y ``(N, H', W', C)``.

    Args:
        pool_size: The height and width of a window, or one number for both.
        strides: From one window to the next; as ``pool_size`` unless given.
        padding: ``"valid"`` takes the windows that lie inside; with ``"same"`` there is one at
            every stride, and what would lie outside does not count.

    Example:
        >>> layer = bp.layers.MaxPooling2D(2)
        >>> layer.forward(np.arange(4.0).reshape(1, 2, 2, 1), training=True).ravel()
        array([3.])
        >>> layer.backward(np.full((1, 1, 1, 1), 5.0)).ravel()  # δ goes to the largest
        array([0., 0., 0., 5.])
    """

    definition = (
        "{f}(x)_{{ijc}} = max_{{{self.written.inside}}} x_{{{self.written.at}, c}}"
        "{self.written.outside}"
    )
    formulas = {
        "dX": "_{{abc}} = Σ_{{{self.written.hits}}} {delta}_{{ijc}} "
        "where {x}_{{abc}} is the first largest of the window"
    }

    def pool(self, X: Array, axis: int, w: Windows, new: NewArray) -> Array:
        """M = max_a X_a, where X_a is position a of all windows; notes X_a > max(X_0 … X_{a−1})."""
        largest, *others = planes(padded(X, axis, w, -np.inf, new), axis, w, new)
        M = new(f"M {axis}", largest.shape, X.dtype)
        for part, larger in zip(others, self.later(axis, w, M.shape, new), strict=True):
            np.greater(part, largest, out=larger)
            largest = np.maximum(largest, part, out=M)
        if w.size == 1:
            np.copyto(M, largest)
        return M

    def unpool(self, delta: Array, axis: int, w: Windows) -> Array:
        """δ_a = δ where X_a was the last to be larger than all before: it is the first largest."""
        first, *others = to_be_windows(delta, axis, w, self.buffer)
        later, rest = self.later(axis, w, delta.shape, self.buffer), delta
        for part, larger in zip(others[::-1], later[::-1], strict=True):
            np.multiply(rest, larger, out=part)
            rest = np.subtract(rest, part, out=first)
        if w.size == 1:
            np.copyto(first, delta)
        return to_windows([first, *others], axis, w, self.buffer)

    def later(self, axis: int, w: Windows, shape: Shape, new: NewArray) -> list[Array]:
        """Which numbers are larger than all before them in their windows, from the second on."""
        return [new(f"later {axis}.{a}", shape, np.dtype(bool)) for a in range(1, w.size)]


class AveragePooling2D(Pooling):
    """The mean of each window, for every channel; what is padded is not counted.

        y_{n,i,j,c} = 1/m_ij Σ_{a,b} x_{n, i·s+a, j·s+b, c},   ∂E/∂x = Σ δ/m over x's windows

    where m_ij is how many numbers of the image the window covers: m_i rows of m_j each, so that the
    mean is that of the rows' means.

    Shapes: X ``(N, H, W, C)``, Y ``(N, H', W', C)``.

    Args:
        pool_size: The height and width of a window, or one number for both.
        strides: From one window to the next; as ``pool_size`` unless given.
        padding: ``"valid"`` takes the windows that lie inside; with ``"same"`` there is one at
            every stride, and what would lie outside does not count.

    Example:
        >>> bp.layers.AveragePooling2D(2).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
        array([1.5])
    """

    definition = (
        "{f}(x)_{{ijc}} = Σ_{{{self.written.inside}}} x_{{{self.written.at}, c}} / {self.count}"
        "{self.written.outside}"
    )
    formulas = {"dX": "_{{abc}} = Σ_{{{self.written.hits}}} {delta}_{{ijc}} / {self.count}"}

    @property
    def count(self) -> str:
        """How formulas write m, which differs from window to window if some reach beyond."""
        return "m" if self.written.outside else str(prod(self.pool_size))

    def pool(self, X: Array, axis: int, w: Windows, new: NewArray) -> Array:
        """M = 1/m Σ_a X_a, where X_a is position a of all windows."""
        first, *others = positions(padded(X, axis, w, 0, new), axis, w)
        M = new(f"M {axis}", first.shape, X.dtype)
        np.copyto(M, first)
        for part in others:
            M += part
        M *= shares(w, X.ndim - 1 - axis, X.dtype)
        return M

    def unpool(self, delta: Array, axis: int, w: Windows) -> Array:
        """δ_a = δ / m for every position."""
        m = shares(w, delta.ndim - 1 - axis, delta.dtype)
        parts = to_be_windows(delta, axis, w, self.buffer)
        for part in parts:
            np.multiply(delta, m, out=part)
        return to_windows(parts, axis, w, self.buffer)


class MaxPooling1D(MaxPooling2D):
    """The largest number of each window of steps, for every feature.

        y_{n,t,c} = max_a x_{n, t·s+a, c};   ∂E/∂x = Σ δ over the windows whose first largest it is

    Shapes: X ``(N, T, C)``, Y ``(N, T', C)``.

    Args:
        pool_size: The steps in a window.
        strides: From one window to the next; as ``pool_size`` unless given.
        padding: As for ``MaxPooling2D``.

    Example:
        >>> X = np.array([1.0, 7.0, 2.0, 3.0]).reshape(1, 4, 1)
        >>> bp.layers.MaxPooling1D(2, strides=1).forward(X).ravel()
        array([7., 7., 3.])
    """

    definition = over_steps(MaxPooling2D.definition)
    formulas = {name: over_steps(text) for name, text in MaxPooling2D.formulas.items()}

    axes = "TC"
    any_length = 2


class AveragePooling1D(AveragePooling2D):
    """The mean of each window of steps, for every feature; what is padded is not counted.

        y_{n,t,c} = 1/m_t Σ_a x_{n, t·s+a, c},   ∂E/∂x = Σ δ/m over x's windows

    Shapes: X ``(N, T, C)``, Y ``(N, T', C)``.

    Args:
        pool_size: The steps in a window.
        strides: From one window to the next; as ``pool_size`` unless given.
        padding: As for ``AveragePooling2D``.

    Example:
        >>> X = np.array([1.0, 7.0, 2.0]).reshape(1, 3, 1)
        >>> bp.layers.AveragePooling1D(2, padding="same").forward(X).ravel()
        array([4., 2.])
    """

    definition = over_steps(AveragePooling2D.definition)
    formulas = {name: over_steps(text) for name, text in AveragePooling2D.formulas.items()}

    axes = "TC"
    any_length = 2


def fresh_array(name: str, shape: Shape, dtype: Any) -> Array:
    """A new array, which nobody else has."""
    return new_array(shape, dtype)
