"""Layers that give their inputs mean 0 and variance 1: over the batch, a sample, or channels."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.checks import check_axis, check_integer, check_share
from backprop.core.errors import ShapeError
from backprop.core.functional import by_channel, column_sum, ones
from backprop.core.parameters import parameter_views
from backprop.core.types import Array, Shape
from backprop.initializers import Initializer
from backprop.layers.standardization import Standardization


class BatchNormalization(Standardization):
    """Normalises every feature over the batch in training, by moving averages in inference.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    In training μ and v are the batch's mean and biased variance, and the moving averages become
    m · average + (1 − m) · batch value; a frozen layer uses the averages in training too. With more
    axes than two, every axis but the last counts as samples: of images each channel is normalised.
    Source: Ioffe & Szegedy 2015; Keras's constants.

    Args:
        momentum: m.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
    """

    moving_mean, _ = parameter_views("moving_mean")
    moving_variance, _ = parameter_views("moving_variance")

    def __init__(
        self,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, name)
        self.momentum = check_share(momentum, "momentum")
        self._by_batch = True

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ, β, and the moving averages, which no optimizer touches."""
        super().make_parameters(input_shape)
        n = input_shape[-1:]
        self.add_parameter("moving_mean", n, "zeros", decays=False, learned=False)
        self.add_parameter("moving_variance", n, "ones", decays=False, learned=False)

    def mean(self, A: Array) -> Array:
        """The mean of every feature over all samples, shape ``(C,)``, as the product 1ᵀ A / N."""
        total = column_sum(A)
        return np.divide(total, A.size // total.size, out=total)

    def forward(self, X: Array, training: bool = False) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.check_input(X)
        if not training:
            X_hat = self.by_averages(X)[0]
            return self.stretch(X_hat, out=X_hat)
        self._by_batch = self.trainable
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        if self._by_batch:
            found = self.standardize(X, self.X_hat, self.scratch(X.shape))
            mean, variance, self._inverse = found
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average *= self.momentum
                average += (1 - self.momentum) * value
        else:
            _, self._inverse = self.by_averages(X, out=self.X_hat)
        return self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))

    def backward(self, delta: Array) -> Array:
        """Through μ and v of the batch; by moving averages they are constants."""
        d = self.unstretch(delta)
        if self._by_batch:
            return self.unstandardize(d)
        return by_channel(np.multiply, d, self._inverse, d)

    def by_averages(self, X: Array, out: Array | None = None) -> tuple[Array, Array]:
        """X̂ by the moving averages, and their 1 / √(v + ε)."""
        inverse = 1 / np.sqrt(self.moving_variance + self.dtype.type(self.epsilon))
        X_hat = np.empty_like(X) if out is None else out
        by_channel(np.subtract, X, self.moving_mean, X_hat)
        return by_channel(np.multiply, X_hat, inverse, X_hat), inverse


class LayerNormalization(Standardization):
    """Normalises every sample over its features, in training and inference alike.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    with μ and v each sample's mean and biased variance along the last axis, or the last ones.
    Source: Ba, Kiros & Hinton 2016; Keras's constants.

    Args:
        axis: −1, or a list of the last axes, such as ``[-3, -2, -1]`` for whole images; γ and β
            have their sizes.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
    """

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, name)
        self.axis = check_axis(axis)

    def features(self, input_shape: Shape) -> Shape:
        """The sizes of the last axes that are normalised together.

        Raises:
            ValueError: ``axis`` names others.
        """
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        n = len(input_shape) + 1  # with the batch axis
        found = sorted(axis + n if axis < 0 else axis for axis in axes)
        if not axes or found != list(range(n - len(axes), n)) or found[0] < 1:
            raise ValueError(
                f"{self} normalises over the last axis or the last ones of a sample, such as "
                f"axis=-1 or axis=[-2, -1], but axis is {self.axis!r} for samples of shape "
                f"{tuple(input_shape)}: move the axes to the end with Permute first."
            )
        return tuple(input_shape[-len(axes) :])

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it has the axes."""
        self.features(input_shape)
        return tuple(input_shape)

    def check_input(self, X: Array) -> Array:
        """X, if it has the features that γ and β were made for."""
        X = super().check_input(X)
        shape = self.features(self.input_shape or ())
        if X.shape[-len(shape) :] != shape:
            raise ShapeError(
                f"{self} was built for features of shape {shape} but received an array of shape "
                f"{X.shape}: pass samples whose last axes have these sizes."
            )
        return X

    def mean(self, A: Array) -> Array:
        """The mean over the last axes, kept with size 1, as the product A 1 / n."""
        axes = len(self.features(self.input_shape or ()))
        leading = A.shape[:-axes]
        n = math.prod(A.shape[-axes:])
        total: Array = np.dot(A.reshape(*leading, n), ones(n, A.dtype))
        np.divide(total, n, out=total)
        return total.reshape(*leading, *[1] * axes)


class GroupNormalization(Standardization):
    """Normalises every sample over groups of its channels, in training and inference alike.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    with μ and v the mean and biased variance of the channels of one group at all places of one
    sample, which do not depend on the batch. One group is a layer normalisation of whole images, a
    group for each channel an instance normalisation. Source: Wu & He 2018; Keras's constants.

    Shapes: X and Y ``(N, …, C)``; γ and β ``(C,)``.

    Args:
        groups: How many groups of neighbouring channels; it must divide C. −1 is one for each.
        axis: The axis of the channels: the last one.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.
        beta_initializer: How β starts.
        gamma_initializer: How γ starts.
        name: The layer's name.
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
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, name)
        self.groups = -1 if groups == -1 else check_integer(groups, "groups")
        self.axis = check_integer(axis, "axis", least=-math.inf)

    def features(self, input_shape: Shape) -> Shape:
        """A number for each channel.

        Raises:
            ValueError: The groups do not divide the channels, or these are not the last axis.
        """
        if self.axis not in (-1, len(input_shape)):
            raise ValueError(
                f"{self} takes the channels from the last axis, but axis is {self.axis!r} for "
                f"samples of shape {tuple(input_shape)}: move them there with Permute first."
            )
        channels = input_shape[-1]
        if self.groups > channels or channels % self.groups:
            raise ShapeError(
                f"{self} has {self.groups} groups, which cannot share {channels} channels equally: "
                f"choose groups that divide {channels}."
            )
        return (channels,)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if the groups divide the channels."""
        self.features(input_shape)
        return tuple(input_shape)

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
