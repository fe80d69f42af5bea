"""What the blocks share whose layers take the same input, and whose outputs are joined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape
from backprop.layers.base import Layer
from backprop.layers.block import Block, backward_of


class Joined(Block):
    """Y = join(f_1(X), …, f_B(X)), and δ_b for each of them; the formulas stand in ``Parallel``."""

    _word: str  # how they are joined, as the user says it
    _how: str  # as ``Parallel`` calls it
    _outputs: tuple[Array, ...] = ()
    _Y: Any = None

    def entrances(self) -> list[Layer]:
        """All of its layers."""
        return self.children

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds every layer for the same input."""
        self._outputs, self._Y = (), None
        for layer in self.children:
            self.build_child(layer, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of what the outputs are joined to.

        Raises:
            ShapeError: The layers make shapes that cannot be joined so.
        """
        shapes = [layer.output_shape(input_shape) for layer in self.children]
        joined = self._how == "concatenate"
        if len({shape[:-1] if joined else shape for shape in shapes}) > 1:
            found = ", ".join(f"{f} {s}" for f, s in zip(self.children, shapes, strict=True))
            what, or_so = "the same shape", ", or concatenate them"
            if joined:
                what, or_so = "the same shape but for the last axis", ""
            raise ShapeError(
                f"{self} joins its layers by {self._word!r}, for which they must make {what}, but "
                f"for one sample they make {found}: change the layers{or_so}."
            )
        return (*shapes[0][:-1], sum(s[-1] for s in shapes)) if joined else shapes[0]

    def join(self, outputs: Sequence[Array], training: bool) -> Array:
        """Y; in training it keeps what the way back needs."""
        first, how = outputs[0], self._how
        shape = first.shape
        if how == "concatenate":
            shape = (*shape[:-1], sum(each.shape[-1] for each in outputs))
        Y = self.room(shape, first.dtype, training)
        if training:
            self._outputs, self._Y = tuple(outputs), Y
        if how == "concatenate":
            for each, part in zip(outputs, self.parts_of(Y, outputs), strict=True):
                np.copyto(part, each)
            return Y
        combine({"multiply": np.multiply, "maximum": np.maximum}.get(how, np.add), outputs, Y)
        if how == "average":
            Y *= 1 / len(outputs)
        return Y

    def backward(self, delta: Array) -> Array | None:
        """Σ_b δ_b · ∂f_b/∂X."""
        self.check_delta(delta, self._Y)
        found = []
        for b, layer in enumerate(self.children):
            layer.delta = self.delta_of(b, delta)
            found.append(backward_of(layer, layer.delta, self.needs_input_gradient))
        passed = [each for each in found if each is not None]
        if not (passed and self.needs_input_gradient):
            return None
        first, *_ = passed
        dX = self.buffer("dX", first.shape, first.dtype)
        combine(np.add, passed, dX)
        return dX

    def delta_of(self, b: int, delta: Array) -> Array:
        """δ_b = ∂E/∂f_b(X) from δ."""
        outputs, how = self._outputs, self._how
        if how == "add":
            return delta
        D = self.buffer(f"delta_{b}", outputs[b].shape, delta.dtype)
        if how == "concatenate":
            np.copyto(D, self.parts_of(delta, outputs)[b])
        elif how == "average":
            np.multiply(delta, 1 / len(outputs), out=D)
        else:
            np.copyto(D, delta)
            for c, other in enumerate(outputs):
                if c == b:
                    continue
                if how == "multiply":
                    D *= other
                else:  # of equal ones the first is the largest
                    D *= np.greater(outputs[b], other) if c < b else outputs[b] >= other
        return D

    @staticmethod
    def parts_of(joined: Array, outputs: Sequence[Array]) -> list[Array]:
        """The stretches of the last axis that belong to each output."""
        stops = accumulate((each.shape[-1] for each in outputs), initial=0)
        return [joined[..., start:stop] for start, stop in pairwise(stops)]


def combine(function: np.ufunc, arrays: Sequence[Array], out: Array) -> None:
    """Writes into ``out`` what becomes of the arrays, taken in one after the other."""
    found, *others = arrays
    if not others:
        np.copyto(out, found)
    for each in others:
        found = function(found, each, out=out)
