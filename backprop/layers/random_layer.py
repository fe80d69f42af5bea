"""The bases of the layers that draw random numbers in training, and of those for images."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.types import Array, Shape, as_floats
from backprop.core.windows import check_axes
from backprop.layers.base import Layer


class RandomLayer(Layer):
    """A layer with a generator of its own, so that it does not change what other layers draw."""

    random = True

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self._rng = np.random.default_rng(self.seed)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes none; takes a generator of its own."""
        self._rng = self._rng.spawn(1)[0] if self.seed is None else np.random.default_rng(self.seed)


class Augmentation(RandomLayer):
    """The base: a subclass says what is drawn, what becomes of the images, and how δ goes back.

    Shapes: X ``(N, H, W, C)``, Y the same unless a subclass says otherwise.
    """

    formulas = {"Y": "S {x}", "dX": "Sᵀ {delta}"}
    adjustable = ("mode", "height_factor", "width_factor", "factor", "scale", "fill_value")
    Y: Any = None
    _drawn: Any = None
    _X_shape: Shape = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it is that of an image."""
        check_axes(self, input_shape, "HWC")
        return tuple(input_shape)

    def draw(self, shape: Shape) -> Any:
        """What S is made of, for a batch of images of that shape."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(shape).")

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """Writes S X for every image."""
        raise NotImplementedError(f"{type(self).__name__} must define change(X, drawn, out).")

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """Writes Sᵀ δ for every image."""
        raise NotImplementedError(f"{type(self).__name__} must define change_back(delta, …).")

    def unchanged(self, X: Array) -> Array:
        """What inference makes of X."""
        return X.copy()

    def forward(self, X: Array, training: bool = False) -> Array:
        """S X in training, with another S for every image."""
        X = as_floats(X)
        shape = (len(X), *self.output_shape(X.shape[1:]))
        if not training:
            return self.unchanged(X)
        self._X_shape, self._drawn = X.shape, self.draw(X.shape)
        Y = self.Y = self.buffer("Y", shape, X.dtype)
        self.change(X, self._drawn, Y)
        return Y

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂X = Sᵀ δ."""
        self.check_delta(delta, self.Y)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self._X_shape, self.Y.dtype)
        self.change_back(delta, self._drawn, dX)
        return dX
