"""Branches: the same input goes several ways, which are then joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_choice
from backprop.core.frozen import FixedList
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer
from backprop.layers.block import ADVICE, forward_through, warn_of_one_alone
from backprop.layers.chain import as_layer, layers_in
from backprop.layers.joined import Joined

MERGES = ("concatenate", "add", "multiply", "average", "maximum")


class Parallel(Joined):
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
        self.merge = self._word = self._how = check_choice(merge, "merge", MERGES)
        given = layers_in(branches, "branches")
        self.branches = FixedList([self.adopt(as_layer(branch)) for branch in given], ADVICE)
        if not self.branches:
            raise ValueError("Parallel needs at least one branch, but the list is empty.")

    def asked(self) -> Sequence[Layer]:
        """All branches."""
        return self.branches

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds every branch for the same input."""
        super().make_parameters(input_shape)
        warn_of_one_alone(self.children, self)

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
        return self.join(outputs, training)
