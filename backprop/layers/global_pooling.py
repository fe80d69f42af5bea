"""Pooling over all places of an image or a sequence: one number for each channel is left."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.functional import ones
from backprop.core.ranges import check_mask
from backprop.core.types import Array, Shape, as_floats
from backprop.core.windows import check_axes
from backprop.layers.base import Layer


class GlobalPooling(Layer):
    """The base of global pooling layers, for X as ``(N, S, C)`` with all S places in one axis."""

    axes = "HWC"
    any_length = 2

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = check_flag(keepdims, "keepdims")
        self.X: Any = None
        self.Y: Any = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """A number for each channel."""
        check_axes(self, input_shape, self.axes)
        kept = (1,) * (len(self.axes) - 1) if self.keepdims else ()
        return (*kept, input_shape[-1])

    def output_mask(self, X: Array, mask: Array | None) -> None:
        """None: behind it are no steps of the input any more."""

    def forward(self, X: Array, training: bool = False) -> Array:
        """A number for each channel of each sample."""
        X = as_floats(X)
        shape = self.output_shape(X.shape[1:])
        out = self.room((len(X), X.shape[-1]), X.dtype, training)
        places = X.reshape(len(X), -1, X.shape[-1])  # (N, S, C)
        self.pool(places, out, training)
        Y = out.reshape(len(X), *shape)
        if training:
            self.X, self.Y = X, Y
        return Y

    def backward(self, delta: Array) -> Array:
        """What each number gets of its channel's δ."""
        self.check_delta(delta, self.Y)
        dX = self.buffer("dX", self.X.shape, self.X.dtype)
        n_channels = dX.shape[-1]
        self.unpool(delta.reshape(-1, n_channels), dX.reshape(len(dX), -1, n_channels))
        return dX

    def pool(self, X: Array, out: Array, training: bool) -> None:
        """Writes what becomes of the places, ``(N, C)``."""
        raise NotImplementedError(f"{type(self).__name__} must define pool(X, out, training).")

    def unpool(self, delta: Array, out: Array) -> None:
        """Writes ∂E/∂X of ``pool``, ``(N, S, C)``."""
        raise NotImplementedError(f"{type(self).__name__} must define unpool(delta, out).")


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of every channel over all S = H · W places.

        y_{n,c} = 1/S Σ_s x_{n,s,c},   ∂E/∂x_{n,s,c} = δ_{n,c} / S

    Source: Lin, Chen & Yan 2014, "Network in network".

    Shapes: X ``(N, H, W, C)``, Y ``(N, C)``, or ``(N, 1, 1, C)`` with ``keepdims``.

    Args:
        keepdims: Whether the axes of the places stay, with size 1.

    Example:
        >>> bp.layers.GlobalAveragePooling2D().forward(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[1.5]])
    """

    definition = "{f}(x)_c = Σ_{{ij}} x_{{ijc}} / {self.size}"
    formulas = {"dX": "_{{ijc}} = {delta}_c / {self.size}"}

    @property
    def size(self) -> int:
        """S."""
        return prod((self.input_shape or ())[:-1])

    def pool(self, X: Array, out: Array, training: bool) -> None:
        """1ᵀ X / S for every sample."""
        size = X.shape[1]
        np.matmul(ones(size, X.dtype)[np.newaxis], X, out=out[:, np.newaxis])
        out /= size

    def unpool(self, delta: Array, out: Array) -> None:
        """δ / S at every place."""
        share = np.multiply(delta, 1 / out.shape[1])
        np.copyto(out, share[:, np.newaxis])


class GlobalMaxPooling2D(GlobalPooling):
    """The largest number of every channel over all places.

        y_{n,c} = max_s x_{n,s,c},   ∂E/∂x = δ for the first of the largest, else 0

    Shapes: X ``(N, H, W, C)``, Y ``(N, C)``, or ``(N, 1, 1, C)`` with ``keepdims``.

    Args:
        keepdims: Whether the axes of the places stay, with size 1.

    Example:
        >>> bp.layers.GlobalMaxPooling2D().forward(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[3.]])
    """

    definition = "{f}(x)_c = max_{{ij}} x_{{ijc}}"
    formulas = {"dX": "_{{ijc}} = {delta}_c where {x}_{{ijc}} is the first largest, or else 0"}

    def pool(self, X: Array, out: Array, training: bool) -> None:
        """The largest, and in training where in X it stands."""
        where = as_index(X.argmax(1), X.shape)
        np.copyto(out, X.reshape(-1).take(where, mode="clip"))
        if training:
            self._where = where

    def unpool(self, delta: Array, out: Array) -> None:
        """δ where the largest stands."""
        out.fill(0)
        out.reshape(-1).put(self._where, delta, mode="clip")


class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """The mean of every feature over all T steps, or over those that a mask leaves.

        y_{n,c} = Σ_t s_{n,t} x_{n,t,c},   ∂E/∂x_{n,t,c} = s_{n,t} δ_{n,c}

    with the shares s = 1/T, or of a sequence with k steps that are left 1/k for these and 0 for
    others.

    Shapes: X ``(N, T, C)``, Y ``(N, C)``, or ``(N, 1, C)`` with ``keepdims``.

    Args:
        keepdims: Whether the axis of the steps stays, with size 1.

    Example:
        >>> X = np.array([[[1.0], [3.0], [9.0]]])
        >>> mask = np.array([[True, True, False]])
        >>> bp.layers.GlobalAveragePooling1D().forward(X, mask=mask)
        array([[2.]])
    """

    definition = "{f}(x)_c = Σ_t x_{{tc}} / k for the k steps that no mask hides"
    formulas = {"dX": "_{{tc}} = {delta}_c / k for these steps, or else 0"}

    axes = "TC"
    takes_mask = True

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """S X for every sample."""
        shares = None if mask is None else self.shares(mask, as_floats(X).dtype)
        Y = super().forward(X, training)
        if shares is not None:
            np.matmul(shares[:, np.newaxis], X, out=Y.reshape(len(X), 1, -1))
        if training:
            self._shares = shares
        return Y

    def unpool(self, delta: Array, out: Array) -> None:
        """Sᵀ δ for every sample."""
        super().unpool(delta, out)
        if self._shares is not None:
            np.multiply(self._shares[..., np.newaxis], delta[:, np.newaxis], out=out)

    def shares(self, mask: Array, dtype: np.dtype[Any]) -> Array:
        """1/k for each of the k steps that are left, shape ``(N, T)``."""
        left = np.maximum(np.add.reduce(mask, axis=1, dtype=dtype, keepdims=True), 1)
        return np.divide(mask, left)


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """The largest number of every feature over all steps, or over those that a mask leaves.

        y_{n,c} = max_t x_{n,t,c},   ∂E/∂x = δ for the first of the largest, else 0

    Of a sequence whose steps are all padded Y is 0.

    Shapes: X ``(N, T, C)``, Y ``(N, C)``, or ``(N, 1, C)`` with ``keepdims``.

    Args:
        keepdims: Whether the axis of the steps stays, with size 1.

    Example:
        >>> bp.layers.GlobalMaxPooling1D().forward(np.array([[[1.0], [9.0], [3.0]]]))
        array([[9.]])
    """

    definition = "{f}(x)_c = max_t x_{{tc}} over the steps that no mask hides"
    formulas = {"dX": "_{{tc}} = {delta}_c where {x}_{{tc}} is the first largest, or else 0"}

    axes = "TC"
    takes_mask = True

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """The largest, with −∞ in place of the steps that are hidden, or 0 if all are."""
        if mask is None:
            M = None
        else:
            X, steps = as_floats(X), check_mask(self, X, mask)
            M = steps[..., np.newaxis]  # (N, T, 1)
            hidden = np.greater(np.logical_or.reduce(M, axis=1, keepdims=True), M)
            shown = self.room(X.shape, X.dtype, training, "shown")
            np.multiply(X, M, out=shown)
            X = np.subtract(shown, np.inf, out=shown, where=hidden)
        Y = super().forward(X, training)
        if training:
            self._M = M
        return Y

    def backward(self, delta: Array) -> Array:
        """What each number gets of its channel's δ: nothing if it was hidden."""
        dX = super().backward(delta)
        if self._M is not None:
            dX *= self._M
        return dX


def as_index(places: Array, shape: Shape) -> Array:
    """Where in the flat array the number of each sample and channel at these places stands."""
    index: Array = np.multiply(places, shape[-1])
    index += first_places(shape)
    return index


@lru_cache(maxsize=64)
def first_places(shape: Shape) -> Array:
    """Where in a flat ``(N, S, C)`` the first place of each sample and channel stands, ``(N, C)``.

    It is not to be written to: it is kept.
    """
    n, size, channels = shape
    starts = np.arange(0, n * size * channels, size * channels)[:, np.newaxis] + np.arange(channels)
    starts.setflags(write=False)
    return starts
