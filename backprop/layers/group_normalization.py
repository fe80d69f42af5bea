"""Normalisation of samples over groups of their channels."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.checks import check_integer, is_whole
from backprop.core.errors import ShapeError
from backprop.core.functional import ones
from backprop.core.masks import refusal
from backprop.core.types import Array, Shape
from backprop.initializers import Initializer
from backprop.layers.standardization import Standardization
from backprop.regularizers import Regularizer


class GroupNormalization(Standardization):
    """Normalises every sample over groups of its channels, in training and inference alike.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    with μ and v the mean and biased variance of the channels of one group at all places of one
    sample, which do not depend on the batch. One group is a layer normalisation of whole images, a
    group for each channel an instance normalisation. Source: Wu & He 2018; Keras's constants.

    Shapes: X and Y ``(N, …, C)``; γ and β ``(C,)``.

    Args:
        groups: How many groups of neighbouring channels; it must divide C. −1 is one for each.
        axis: The axis of the channels, counted with that of the batch.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.

    Example:
        >>> layer = bp.layers.GroupNormalization(groups=2)
        >>> layer.build((4,))
        >>> layer.forward(np.array([[1.0, 3.0, 10.0, 50.0]])).round(1)
        array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        beta_regularizer: str | Regularizer | None = None,
        gamma_regularizer: str | Regularizer | None = None,
        beta_constraint: str | Constraint | None = None,
        gamma_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        axis = check_integer(axis, "axis of GroupNormalization", -math.inf)
        super().__init__(
            *(axis, epsilon, center, scale, beta_initializer, gamma_initializer),
            *(beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, name),
        )
        all_alone = is_whole(groups) and groups == -1
        self.groups = -1 if all_alone else check_integer(groups, "groups of GroupNormalization")

    def features(self, input_shape: Shape) -> Shape:
        """A number for each channel.

        Raises:
            ValueError: The groups do not divide the channels, or there is no such axis.
        """
        (channels,) = super().features(input_shape)
        if self.groups > channels or channels % self.groups:
            raise ShapeError(
                f"{self} has {self.groups} groups, which cannot share {channels} channels equally: "
                f"choose groups that divide {channels}."
            )
        return (channels,)

    def together(self, input_shape: Shape) -> int:
        """The channels of a group, at all places."""
        (channels,) = self.features(input_shape)
        return math.prod(input_shape) // (channels if self.groups == -1 else self.groups)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """None, since all steps are normalised together.

        Raises:
            ValueError: Some of them are padded.
        """
        if mask is not None:
            raise refusal(self, "normalises over all steps together", "take LayerNormalization")
        return None

    def mean(self, A: Array) -> Array:
        """The mean of each channel's group, shape ``(N, 1, …, C)``: 1ᵀ A M for every sample."""
        n, channels = len(A), A.shape[-1]
        places = A.reshape(n, -1, channels)  # (N, S, C)
        size = places.shape[1]
        total = np.matmul(ones(size, A.dtype)[np.newaxis], places)  # (N, 1, C)
        groups = channels if self.groups == -1 else self.groups
        means: Array = np.dot(total, averaging(size, channels, groups, A.dtype))
        return means.reshape(n, *[1] * (A.ndim - 2), channels)


@lru_cache(maxsize=64)
def averaging(size: int, channels: int, groups: int, dtype: np.dtype[Any]) -> Array:
    """M, with m_ij = 1 / (numbers in a group) where i and j are of one group, else 0.

    It is not to be written to: it is kept.
    """
    within = channels // groups
    M = np.kron(np.eye(groups), np.full((within, within), 1 / (size * within))).astype(dtype)
    M.setflags(write=False)
    return M
