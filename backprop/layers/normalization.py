"""Normalisation of features over the batch, and of samples over their features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core import console
from backprop.core.checks import check_flag, check_integer, check_share
from backprop.core.functional import by_channel, column_sum
from backprop.core.masks import refusal
from backprop.core.parameter_access import parameter_views
from backprop.core.ranges import check_mask
from backprop.core.types import Array, Shape
from backprop.initializers import Initializer
from backprop.initializers import get as get_initializer
from backprop.layers.standardization import OverAxes, Standardization
from backprop.regularizers import Regularizer


class BatchNormalization(Standardization):
    """Normalises every feature over the batch in training, by moving averages in inference.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    In training μ and v are the batch's mean and biased variance, and the moving averages become
    m · average + (1 − m) · batch value; a frozen layer uses the averages in training too. With more
    axes than two, all but that of the channels count as samples: of images each channel is
    normalised.
    A batch of one number for each feature, of which nothing can be learnt, is warned of once.
    Source: Ioffe & Szegedy 2015; Keras's constants.

    Of several workers each normalises its own samples, and the moving averages are the mean of
    theirs, unless they are synchronised: then μ and v are those of the whole batch.

    Padded steps of sequences are no samples: in training X̂ is 0 there.

    Args:
        axis: The axis of the channels, counted with that of the batch; the last one is quickest.
        momentum: m.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.
        synchronized: Whether μ and v are those of the samples of all ``workers`` of a fit. Each
            batch then takes four more messages between them, of C numbers each.

    Example:
        >>> layer = bp.layers.BatchNormalization()
        >>> layer.build((2,))
        >>> layer.forward(np.array([[1.0, 10.0], [3.0, 50.0]]), training=True).round(1)
        array([[-1., -1.],
               [ 1.,  1.]], dtype=float32)
    """

    definition = Standardization.definition
    formulas = Standardization.formulas
    takes_mask = over_samples = True

    moving_mean, _ = parameter_views("moving_mean")
    moving_variance, _ = parameter_views("moving_variance")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer = "zeros",
        gamma_initializer: str | Initializer = "ones",
        moving_mean_initializer: str | Initializer = "zeros",
        moving_variance_initializer: str | Initializer = "ones",
        beta_regularizer: str | Regularizer | None = None,
        gamma_regularizer: str | Regularizer | None = None,
        beta_constraint: str | Constraint | None = None,
        gamma_constraint: str | Constraint | None = None,
        name: str | None = None,
        synchronized: bool = False,
    ) -> None:
        axis = check_integer(axis, "axis of BatchNormalization", -math.inf)
        super().__init__(
            *(axis, epsilon, center, scale, beta_initializer, gamma_initializer),
            *(beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, name),
        )
        self.moving_mean_initializer = get_initializer(
            moving_mean_initializer, "moving_mean_initializer"
        )
        self.moving_variance_initializer = get_initializer(
            moving_variance_initializer, "moving_variance_initializer"
        )
        self.momentum = check_share(momentum, "momentum")
        self.synchronized = check_flag(synchronized, "synchronized")
        self._by_batch, self._back = True, False
        self._M: Any = None  # 1 for a step and 0 for a padded one, of the last training pass
        self._n: Any = None  # how many steps there are
        self._warned = False  # of a batch of one

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes γ, β, and the moving averages, which no optimizer touches."""
        super().make_parameters(input_shape)
        n = self.features(input_shape)
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        self.add_parameter("moving_mean", n, mean, decays=False, learned=False)
        self.add_parameter("moving_variance", n, variance, decays=False, learned=False)

    def together(self, input_shape: Shape) -> int:
        """A feature has its mean over the batch, whose size is not known yet."""
        return 0

    def mean(self, A: Array) -> Array:
        """The mean of every feature over all samples, shape ``(C,)``, as the product 1ᵀ A / N."""
        if self._M is None:
            total = column_sum(A)
            np.divide(total, A.size // total.size, out=total)
        else:
            total = column_sum(np.multiply(A, self._M, out=self.buffer("M A", A.shape, A.dtype)))
            np.divide(total, np.maximum(self._n, 1), out=total)
        return self.over_workers(total, self._back) if self.synchronized else total

    def over_workers(self, mean: Array, back: bool) -> Array:
        """The mean over the samples of all workers: the same, as one process has them all.

        Args:
            mean: The mean over the samples here.
            back: Whether it is that of derivatives, of the loss of these samples.
        """
        return mean

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """γ ⊙ X̂ + β."""
        X = self.to_the_end(self.check_input(X), "X", training)
        if not training:
            X_hat = self.by_averages(X)[0]
            return self.to_their_places(self.stretch(X_hat, out=X_hat), "", training)
        self.see(X, mask)
        self._by_batch, self._back = self.trainable, False
        if self._by_batch and X.size == X.shape[-1] and not (self.synchronized or self._warned):
            self._warned = True
            console.warn(
                f"{self} was given a batch of one sample, whose mean is the sample itself: X̂ is 0, "
                f"and nothing is learnt. Choose a batch_size that leaves no batch of one, or take "
                f"LayerNormalization."
            )
        self.X_hat = self.buffer("X_hat", X.shape, self.dtype)
        if self._by_batch:
            found = self.standardize(X, self.X_hat, self.scratch(X.shape))
            mean, variance, self._inverse = found
            new: Any = 1 - self.momentum
            if self._M is not None:
                self.X_hat *= self._M
                new = np.multiply(np.minimum(self._n, 1), new)  # nothing is new of no step
            kept = self.momentum if self._M is None else 1 - new
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average *= kept
                average += new * value
        else:
            _, self._inverse = self.by_averages(X, out=self.X_hat)
        Y = self.stretch(self.X_hat, out=self.buffer("Y", X.shape, self.dtype))
        return self.to_their_places(Y, "A")

    def backward(self, delta: Array) -> Array:
        """Through μ and v of the batch; by moving averages they are constants."""
        self._back = True
        d = self.unstretch(delta)
        if not self._by_batch:
            by_channel(np.multiply, d, self._inverse, d)
        else:
            self.unstandardize(d)  # whose means leave padded steps out
            if self._M is not None:
                d *= self._M
        return self.to_their_places(d, "D")

    def see(self, X: Array, mask: Array | None) -> None:
        """Notes which samples are padded steps.

        Raises:
            ValueError: There is a mask, and the layer is synchronised, or steps are its channels.
        """
        self._M = self._n = None
        if mask is None:
            return
        if 1 in self.chosen(X.ndim):
            raise refusal(self, "takes steps for channels", "choose axis=-1")
        if self.synchronized:
            raise ValueError(
                f"{self} with synchronized=True cannot leave padded steps out: set it to False, or "
                f"take LayerNormalization."
            )
        steps = check_mask(self, X, mask)
        self._M = self.buffer("M", (*steps.shape, *[1] * (X.ndim - 2)), self.dtype)
        np.copyto(self._M, steps.reshape(self._M.shape))
        self._n = np.add.reduce(self._M, axis=None)

    def by_averages(self, X: Array, out: Array | None = None) -> tuple[Array, Array]:
        """X̂ by the moving averages, and their 1 / √(v + ε)."""
        inverse = 1 / np.sqrt(self.moving_variance + self.dtype.type(self.epsilon))
        X_hat = np.empty_like(X) if out is None else out
        by_channel(np.subtract, X, self.moving_mean, X_hat)
        return by_channel(np.multiply, X_hat, inverse, X_hat), inverse


class LayerNormalization(OverAxes, Standardization):
    """Normalises every sample over its features, in training and inference alike.

        X̂ = (X − μ) / √(v + ε),   Y = γ ⊙ X̂ + β

    with μ and v each sample's mean and biased variance along the last axis, or the chosen ones.
    Source: Ba, Kiros & Hinton 2016; Keras's constants.

    Args:
        axis: The axis, or a list such as ``[-3, -2, -1]`` for whole images; γ and β have their
            sizes.
        epsilon: ε.
        center: Whether β is there.
        scale: Whether γ is there.

    Example:
        >>> layer = bp.layers.LayerNormalization()
        >>> layer.build((2,))
        >>> layer.forward(np.array([[1.0, 3.0], [10.0, 50.0]])).round(1)
        array([[-1.,  1.],
               [-1.,  1.]], dtype=float32)
    """
