"""Branches: the same input goes several ways, which are then joined."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from backprop.core.checks import check_choice, check_list
from backprop.core.errors import ShapeError
from backprop.core.frozen import FixedList
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer
from backprop.layers.block import ADVICE, Block, backward_of, forward_through, warn_of_one_alone
from backprop.layers.chain import as_layer

MERGES = ("concatenate", "add", "multiply", "average", "maximum")


class Parallel(Block):
    """Y = join(f_1(X), …, f_B(X)): the same input to every branch.

        concatenate:  Y = [f_1(X) … f_B(X)] along the last axis,   δ_b its part of δ
        add:          Y = Σ_b f_b(X),                              δ_b = δ
        average:      Y = (1/B) Σ_b f_b(X),                        δ_b = δ / B
        multiply:     Y = Π_b f_b(X),                              δ_b = δ ⊙ Π_{c≠b} f_c(X)
        maximum:      Y = max_b f_b(X),           δ_b = δ where f_b(X) is the first largest

        ∂E/∂X = Σ_b δ_b · ∂f_b/∂X        with δ = ∂E/∂Y and δ_b = ∂E/∂f_b(X)

    Args:
        branches: A layer, or a list of layers, for each branch.
        merge: How the branches are joined: one of the words above.

    Attributes:
        branches: The branches, lists as chains.

    Example:
        >>> layer = bp.layers.Parallel([bp.layers.Identity(), bp.layers.ReLU()])
        >>> bp.Sequential([bp.Input(2), layer]).predict([[-1, 2]])
        array([[-1.,  2.,  0.,  2.]], dtype=float32)
    """

    definition = "{f}(x) = {self.merge}(f₁(x), …, f_B(x))"

    def __init__(
        self, branches: Iterable[Any], merge: str = "concatenate", name: str | None = None
    ) -> None:
        super().__init__(name)
        self.merge = check_choice(merge, "merge", MERGES)
        given = check_list(branches, "branches")
        self.branches = FixedList([self.adopt(as_layer(branch)) for branch in given], ADVICE)
        if not self.branches:
            raise ValueError("Parallel needs at least one branch, but the list is empty.")
        self._outputs: Any = None
        self._Y: Any = None

    def check_values(self, X: Array, name: str = "x") -> None:
        """Asks all branches."""
        for branch in self.branches:
            branch.check_values(X, name)

    def entrances(self) -> list[Layer]:
        """All branches."""
        return self.children

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds every branch for the same input."""
        self._outputs = self._Y = None
        for branch in self.branches:
            self.build_child(branch, input_shape)
        warn_of_one_alone(self.children, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of what the branches are joined to.

        Raises:
            ShapeError: The branches make shapes that cannot be joined so.
        """
        shapes = [branch.output_shape(input_shape) for branch in self.branches]
        joined = self.merge == "concatenate"
        if len({shape[:-1] if joined else shape for shape in shapes}) > 1:
            found = ", ".join(f"{b} {s}" for b, s in zip(self.branches, shapes, strict=True))
            what = "the same shape but for the last axis" if joined else "the same shape"
            raise ShapeError(
                f"{self} joins its branches by {self.merge!r}, for which they must make {what}, "
                f"but for one sample they make {found}: change the layers, or the merge."
            )
        return (*shapes[0][:-1], sum(s[-1] for s in shapes)) if joined else shapes[0]

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The steps that no branch leaves out; None if a branch has no steps any more."""
        masks = [branch.output_mask(X, mask) for branch in self.branches]
        known = [each for each in masks if each is not None]
        if not known or (mask is not None and len(known) < len(masks)):
            return None
        shared: Array = np.logical_and.reduce(known)
        return shared

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """The branches' outputs, joined."""
        X = as_array(X, self.dtype)
        outputs = [forward_through([branch], X, training, mask) for branch in self.branches]
        first = outputs[0]
        shape = first.shape
        if self.merge == "concatenate":
            shape = (*shape[:-1], sum(each.shape[-1] for each in outputs))
        Y = self.room(shape, first.dtype, training)
        if training:
            self._outputs, self._Y = tuple(outputs), Y
        if self.merge == "concatenate":
            for each, part in zip(outputs, self.parts_of(Y, outputs), strict=True):
                np.copyto(part, each)
            return Y
        join = {"multiply": np.multiply, "maximum": np.maximum}.get(self.merge, np.add)
        np.copyto(Y, first)
        for each in outputs[1:]:
            join(Y, each, out=Y)
        if self.merge == "average":
            Y *= 1 / len(outputs)
        return Y

    def backward(self, delta: Array) -> Array | None:
        """Σ_b δ_b · ∂f_b/∂X."""
        self.check_delta(delta, self._Y)
        dX: Array | None = None
        for b, branch in enumerate(self.branches):
            branch.delta = self.branch_delta(b, delta)
            passed = backward_of(branch, branch.delta, self.needs_input_gradient)
            if passed is None:
                continue
            if dX is None:
                dX = self.buffer("dX", passed.shape, passed.dtype)
                np.copyto(dX, passed)
            else:
                dX += passed
        return dX if self.needs_input_gradient else None

    def branch_delta(self, b: int, delta: Array) -> Array:
        """δ_b = ∂E/∂f_b(X) from δ."""
        outputs = self._outputs
        if self.merge == "add":
            return delta
        D = self.buffer(f"delta_{b}", outputs[b].shape, delta.dtype)
        if self.merge == "concatenate":
            np.copyto(D, self.parts_of(delta, outputs)[b])
        elif self.merge == "average":
            np.multiply(delta, 1 / len(outputs), out=D)
        elif self.merge == "multiply":
            np.copyto(D, delta)
            for c, other in enumerate(outputs):
                if c != b:
                    D *= other
        else:
            np.copyto(D, delta)
            for c, other in enumerate(outputs):  # of equal ones the first is the largest
                if c != b:
                    D *= np.greater(outputs[b], other) if c < b else outputs[b] >= other
        return D

    @staticmethod
    def parts_of(joined: Array, outputs: Any) -> list[Array]:
        """The stretches of the last axis that belong to the branches."""
        stops = np.cumsum([0, *(each.shape[-1] for each in outputs)])
        return [joined[..., start:stop] for start, stop in pairwise(stops)]
