"""Layers that put a border around images and sequences, cut one off, or enlarge them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_sizes
from backprop.core.errors import ShapeError, said
from backprop.core.types import Array, Shape, as_array, as_floats
from backprop.core.windows import check_axes, inside, pad, shifted
from backprop.layers.base import Layer

Borders = tuple[tuple[int, int], ...]
"""How wide the border of each axis is, before and after."""


class ZeroPadding2D(Layer):
    """A border of zeros around each image; δ loses its border.

    Shapes: X ``(N, H, W, C)``, Y ``(N, top + H + bottom, left + W + right, C)``.

    Args:
        padding: ``((top, bottom), (left, right))``, or ``(rows, columns)`` for both sides alike, or
            one number for all four.

    Example:
        >>> bp.layers.ZeroPadding2D().forward(np.ones((1, 1, 2, 1)))[0, :, :, 0]
        array([[0., 0., 0., 0.],
               [0., 1., 1., 0.],
               [0., 0., 0., 0.]])
    """

    definition = "{f}(x)_{{{self.places[0]}}} = x_{{{self.places[1]}}}, zeros lie outside"
    formulas = {"dX": "_{{{self.places[0]}}} = {delta}_{{{self.places[2]}}}"}

    axes = "HWC"
    of_images = True
    loose = "{kind}(({shown}))"

    def __init__(self, padding: int | Sequence[Any] = 1, name: str | None = None) -> None:
        super().__init__(name)
        self.padding = check_borders(
            padding, f"padding of {type(self).__name__}", len(self.axes) - 1
        )
        self.Y: Any = None

    @property
    def places(self) -> list[str]:
        """How formulas write a place, and those before and behind it by the border."""
        return places(self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The sizes with the border."""
        check_axes(self, input_shape, self.axes)
        sizes = zip(input_shape[:-1], self.padding, strict=True)
        return (*(before + n + after for n, (before, after) in sizes), input_shape[-1])

    def forward(self, X: Array, training: bool = False) -> Array:
        """X with zeros around it."""
        X = as_floats(X)
        Y = self.room((len(X), *self.output_shape(X.shape[1:])), X.dtype, training)
        pad(X, ((0, 0), *self.padding), 0, Y)
        if training:
            self.Y = Y
        return Y

    def backward(self, delta: Array) -> Array:
        """δ without the border."""
        self.check_delta(delta, self.Y)
        within = inside(delta, ((0, 0), *self.padding))
        dX = self.buffer("dX", within.shape, self.Y.dtype)
        np.copyto(dX, within)
        return dX


class Cropping2D(Layer):
    """Each image without its border; δ gets zeros there.

    Shapes: X ``(N, H, W, C)``, Y ``(N, H − top − bottom, W − left − right, C)``.

    Args:
        cropping: ``((top, bottom), (left, right))``, or ``(rows, columns)`` for both sides alike,
            or one number for all four.

    Example:
        >>> X = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> bp.layers.Cropping2D(1).forward(X).ravel()
        array([4.])
    """

    definition = "{f}(x)_{{{self.places[0]}}} = x_{{{self.places[2]}}}"
    formulas = {"dX": "_{{{self.places[0]}}} = {delta}_{{{self.places[1]}}}, zeros lie outside"}

    axes = "HWC"
    of_images = True
    loose = "{kind}(({shown}))"

    def __init__(self, cropping: int | Sequence[Any] = 0, name: str | None = None) -> None:
        super().__init__(name)
        self.cropping = check_borders(
            cropping, f"cropping of {type(self).__name__}", len(self.axes) - 1
        )
        self.Y: Any = None

    @property
    def places(self) -> list[str]:
        """How formulas write a place, and those before and behind it by the border."""
        return places(self.cropping)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The sizes without the border.

        Raises:
            ShapeError: Nothing would be left.
        """
        check_axes(self, input_shape, self.axes)
        sizes = zip(input_shape[:-1], self.cropping, strict=True)
        left = [n - before - after for n, (before, after) in sizes]
        if min(left) < 1:
            raise ShapeError(
                f"{self} cuts off {self.cropping}, which leaves nothing of samples of shape "
                f"{tuple(input_shape)}: crop less."
            )
        return (*left, input_shape[-1])

    def forward(self, X: Array, training: bool = False) -> Array:
        """X without the border."""
        X = as_floats(X)
        Y = self.room((len(X), *self.output_shape(X.shape[1:])), X.dtype, training)
        np.copyto(Y, inside(X, ((0, 0), *self.cropping)))
        if training:
            self.Y = Y
        return Y

    def backward(self, delta: Array) -> Array:
        """δ with zeros around it."""
        self.check_delta(delta, self.Y)
        borders = ((0, 0), *self.cropping, (0, 0))
        sizes = zip(delta.shape, borders, strict=True)
        shape = tuple(before + n + after for n, (before, after) in sizes)
        return pad(delta, borders, 0, self.buffer("dX", shape, self.Y.dtype))


class UpSampling2D(Layer):
    """Each pixel repeated in a rectangle: the nearest one, where there are several for one before.

        y_{n,i,j,c} = x_{n, ⌊i/a⌋, ⌊j/b⌋, c},   ∂E/∂x = Σ δ over the pixel's rectangle

    Shapes: X ``(N, H, W, C)``, Y ``(N, a · H, b · W, C)``.

    Args:
        size: a and b, or one number for both.

    Example:
        >>> X = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
        >>> bp.layers.UpSampling2D(2).forward(X)[0, :, :, 0]
        array([[1., 1., 2., 2.],
               [1., 1., 2., 2.]])
    """

    definition = "{f}(x)_{{ijc}} = x_{{⌊i/{self.size[0]}⌋, ⌊j/{self.size[1]}⌋, c}}"
    formulas = {
        "dX": "_{{abc}} = Σ_{{u<{self.size[0]}, v<{self.size[1]}}} "
        "{delta}_{{{self.size[0]}a+u, {self.size[1]}b+v, c}}"
    }

    axes = "HWC"
    of_images = True
    loose = "{kind}(({shown}))"

    def __init__(self, size: int | Sequence[int] = 2, name: str | None = None) -> None:
        super().__init__(name)
        self.size = check_sizes(size, f"size of {type(self).__name__}", len(self.axes) - 1)
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """The sizes times a and b."""
        check_axes(self, input_shape, self.axes)
        sizes = zip(input_shape[:-1], self.size, strict=True)
        return (*(n * times for n, times in sizes), input_shape[-1])

    def forward(self, X: Array, training: bool = False) -> Array:
        """X at each place of the rectangles."""
        X = as_floats(X)
        Y = self.room((len(X), *self.output_shape(X.shape[1:])), X.dtype, training)
        for place in self.places(Y):
            np.copyto(place, X)
        if training:
            self.Y = Y
        return Y

    def backward(self, delta: Array) -> Array:
        """The sum of δ over the places of the rectangles."""
        self.check_delta(delta, self.Y)
        first, *others = self.places(delta)
        dX = self.buffer("dX", first.shape, self.Y.dtype)
        np.copyto(dX, first)
        for place in others:
            dX += place
        return dX

    def places(self, Y: Array) -> list[Array]:
        """Views of every a-th row and b-th column, from each place of a rectangle on."""
        return [
            Y[(slice(None), *map(slice, place, Y.shape[1:], self.size))]
            for place in np.ndindex(self.size)
        ]


class ZeroPadding1D(ZeroPadding2D):
    """Zeros before and after each sequence; δ loses them.

    Shapes: X ``(N, T, C)``, Y ``(N, before + T + after, C)``.

    Args:
        padding: ``(before, after)``, or one number for both.

    Example:
        >>> bp.layers.ZeroPadding1D((2, 0)).forward(np.ones((1, 3, 1))).ravel()
        array([0., 0., 1., 1., 1.])
    """

    axes = "TC"
    any_length = 2

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The mask with True for the zeros, which are steps."""
        if mask is None:
            return None
        ((before, after),), T = self.padding, mask.shape[1]
        at = np.arange(-before, T + after)
        outside = (at < 0) | (at >= T)
        return as_array(np.logical_or(mask.take(at.clip(0, T - 1), 1), outside))


class Cropping1D(Cropping2D):
    """Each sequence without its first and last steps; δ gets zeros there.

    Shapes: X ``(N, T, C)``, Y ``(N, T − before − after, C)``.

    Args:
        cropping: ``(before, after)``, or one number for both.

    Example:
        >>> bp.layers.Cropping1D((1, 2)).forward(np.arange(5.0).reshape(1, 5, 1)).ravel()
        array([1., 2.])
    """

    axes = "TC"
    any_length = 2

    def __init__(self, cropping: int | Sequence[Any] = 1, name: str | None = None) -> None:
        super().__init__(cropping, name)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """That of the steps that are left."""
        return None if mask is None else inside(mask, ((0, 0), *self.cropping))


class UpSampling1D(UpSampling2D):
    """Each step repeated: y_{n,t,c} = x_{n, ⌊t/a⌋, c};   ∂E/∂x = Σ δ over the repetitions.

    Shapes: X ``(N, T, C)``, Y ``(N, a · T, C)``.

    Args:
        size: a.

    Example:
        >>> bp.layers.UpSampling1D(2).forward(np.arange(3.0).reshape(1, 3, 1)).ravel()
        array([0., 0., 1., 1., 2., 2.])
    """

    definition = "{f}(x)_{{tc}} = x_{{⌊t/{self.size[0]}⌋, c}}"
    formulas = {"dX": "_{{ac}} = Σ_{{u<{self.size[0]}}} {delta}_{{{self.size[0]}a+u, c}}"}

    axes = "TC"
    any_length = 2

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """That of the steps, repeated as these are."""
        if mask is None:
            return None
        return as_array(mask.take(np.repeat(np.arange(mask.shape[1]), self.size[0]), 1))


def places(borders: Borders) -> list[str]:
    """How formulas write a place: ``i, j, c``, less the border: ``i−1, j−2, c``, and with it."""
    letters = "ij" if len(borders) == 2 else "t"
    widths = list(zip(letters, (before for before, _ in borders), strict=True))
    return [
        ", ".join([*(shifted(letter, sign * width) for letter, width in widths), "c"])
        for sign in (0, -1, 1)
    ]


def check_borders(value: Any, name: str, n: int) -> Borders:
    """The widths before and after, for each of n axes.

    One number stands for all of them. Of one axis ``(before, after)`` is enough; of several a pair
    of numbers means one width for both sides of each, as in Keras.

    Raises:
        ValueError: It is something else, or a width is negative.
    """
    given = value if isinstance(value, list | tuple) else (value,) * n
    if n == 1 and len(given) == 2:
        given = (given,)
    if len(given) != n:
        raise ValueError(
            f"{name} must be one number, {n} numbers, or {n} pairs (before, after), but it is "
            f"{said(value)}."
        )
    pairs = [check_sizes(each, name, 2, least=0) for each in given]
    return tuple((before, after) for before, after in pairs)
