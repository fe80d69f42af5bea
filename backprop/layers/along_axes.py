"""What the layers share that compute along axes of the user's choice."""

from __future__ import annotations

import math

import numpy as np

from backprop.core import console
from backprop.core.errors import ShapeError
from backprop.core.masks import refusal
from backprop.core.types import Array, Shape, as_array, computed
from backprop.layers.base import Layer


class AlongAxes(Layer):
    """Computes along the last axis, or brings others to the end first and back afterwards.

    Attributes:
        axis: An axis, or a tuple of them, counted as in Keras: 0 is that of the batch, which is
            not to be chosen, and −1 the last one.
    """

    axis: int | tuple[int, ...] = -1
    along_steps = "computes along the axis of the steps"

    @property
    def is_last(self) -> bool:
        """Whether it is the last axis alone, for inputs of any number of axes."""
        return self.axis in (-1, (-1,))

    @computed
    def any_length(self) -> int:
        """2, unless the parameters or the sums may be along the steps."""
        return 2 if self.is_last else 0

    def chosen(self, n: int) -> tuple[int, ...]:
        """The axes among those of inputs with n axes, in ascending order.

        Raises:
            ValueError: There are no such axes, or one is that of the batch.
        """
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        found = sorted(axis + n if axis < 0 else axis for axis in axes)
        if not found or found[0] < 1 or found[-1] >= n or len(set(found)) < len(found):
            raise ValueError(
                f"{self} has axis={self.axis!r}, but its inputs have the axes 1 to {n - 1}, or "
                f"-1 to {1 - n}, beside that of the batch: choose among these, each one once."
            )
        return tuple(found)

    def features(self, input_shape: Shape) -> Shape:
        """The sizes of these axes, the shape of the parameters."""
        return tuple(input_shape[axis - 1] for axis in self.chosen(len(input_shape) + 1))

    def make_parameters(self, input_shape: Shape) -> None:
        """Warns of what is 1 for all inputs; of the last axis a model or a block says so."""
        inner = self.is_activation and self.order(len(input_shape) + 1) is not None
        if inner and math.prod(self.features(input_shape)) == 1:
            console.warn(
                f"{self} makes probabilities with the sum 1, or their logarithms, of one number "
                f"along axis={self.axis!r}, which never changes: choose another axis."
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it has the axes."""
        self.features(input_shape)
        return tuple(input_shape)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same.

        Raises:
            ValueError: It computes along the steps, and some of them are padded.
        """
        if mask is not None and not self.is_last:
            n = len(self.input_shape or X.shape[1:]) + 1  # X may be what comes before other layers
            if 1 in self.chosen(n):
                raise refusal(self, self.along_steps, "choose axis=-1")
        return mask

    def check_input(self, X: Array) -> Array:
        """X, if its axes have the sizes that the parameters were made for."""
        if self.is_last or self.input_shape is None:
            return super().check_input(X)
        X = as_array(X, self.dtype)
        shape = self.features(self.input_shape)
        if X.ndim != len(self.input_shape) + 1 or self.features(X.shape[1:]) != shape:
            raise ShapeError(
                f"{self} was built for features of shape {shape} in samples of shape "
                f"{self.input_shape} but received an array of shape {X.shape}: pass samples with "
                f"these sizes along axis={self.axis!r}."
            )
        return X

    def order(self, n: int) -> tuple[int, ...] | None:
        """The n axes with the chosen ones at the end; None if they are there already."""
        if self.is_last:
            return None
        axes = self.chosen(n)
        order = (*(k for k in range(n) if k not in axes), *axes)
        return None if order == tuple(range(n)) else order

    def to_the_end(self, A: Array, name: str, training: bool = True) -> Array:
        """A with the chosen axes at the end: A itself, or a copy, in training in that buffer."""
        return self._in_order(A, self.order(A.ndim), name, training)

    def to_their_places(self, A: Array, name: str, training: bool = True) -> Array:
        """What ``to_the_end`` does, undone."""
        return self._in_order(A, inverse(self.order(A.ndim)), name, training)

    def as_given(self, A: Array | None) -> Array | None:
        """A view of what has the axes at the end, with the axes in their places; None for None."""
        order = None if A is None else inverse(self.order(A.ndim))
        return A if order is None or A is None else A.transpose(order)

    def _in_order(
        self, A: Array, order: tuple[int, ...] | None, name: str, training: bool
    ) -> Array:
        if order is None:
            return A
        shape = tuple(A.shape[k] for k in order)
        turned = self.room(shape, A.dtype, training, name)
        np.copyto(turned, A.transpose(order))
        return turned


def inverse(order: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The order of axes that undoes another one."""
    return None if order is None else tuple(sorted(range(len(order)), key=order.__getitem__))


class SumsToOne(AlongAxes):
    """The base of those whose outputs are probabilities along their axes."""

    @computed
    def sums_to_one(self) -> bool:
        """Whether the last axis does; of a layer that is not built by the axis as it is written."""
        shape = self.input_shape
        return self.is_last if shape is None else self.sums_along_last(shape)

    def sums_along_last(self, output_shape: Shape) -> bool:
        """Whether the last axis does, which is that of the classes."""
        return self.is_last or self.chosen(len(output_shape) + 1) == (len(output_shape),)
