"""Losses of regression with uncertainty: quantiles, or the mean and variance of a Gaussian."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.checks import check_list, check_share, is_row
from backprop.core.errors import ShapeError
from backprop.core.functional import row_sum
from backprop.core.types import Array, Shape
from backprop.losses.base import Loss
from backprop.losses.formula import Formula
from backprop.losses.helpers import extra_axes, row_dot, row_mean, show_shape


@lru_cache(maxsize=64)
def centred(shares: tuple[float, ...], dtype: Any) -> Array:
    """q − ½ for several shares q; cached, so do not write into it."""
    found: Array = np.array(shares, dtype) - 0.5
    found.setflags(write=False)
    return found


class Quantile(Loss):
    """The pinball loss: its mean is least where a share q of the targets lies below ŷ.

        ℓ = (1/K) Σ_k max(q d_k, (q − 1) d_k) = (1/K) Σ_k [½ |d_k| + (q − ½) d_k],   d = y − ŷ
        ∂ℓ/∂ŷ = (½ − q − ½ sign(d)) / K, with sign(0) = 0 at the kink

    With q = ½ that is half the mean absolute error, and ŷ the median. For several quantiles of one
    target the model has an output for each: ``Quantile([0.05, 0.5, 0.95])`` after ``Dense(3)``,
    with targets ``(N,)`` or ``(N, 1)``.

    Source: Koenker and Bassett 1978, "Regression quantiles".

    Args:
        q: The share, between 0 and 1; or several, one for each output.

    Example:
        >>> loss = bp.losses.Quantile(0.9)
        >>> loss.forward(np.array([[0.0]]), np.array([[10.0]]))  # ten too low: 0.9 · 10
        9.0
        >>> loss.forward(np.array([[10.0]]), np.array([[0.0]]))  # ten too high: 0.1 · 10
        1.0
    """

    over_outputs = "mean"
    formula = Formula(
        "[½ |d{i}| + (q − ½) d{i}]", "½ − q − ½ sign(d)", definition="d = {y} − {p}, q = {self.q}"
    )

    def __init__(self, q: float | Sequence[float] = 0.5) -> None:
        super().__init__()
        shares = check_list(q, "Quantile(q)") if is_row(q) else [q]
        checked = [check_share(share, "Quantile(q)", ends=False) for share in shares]
        if not checked:
            raise ValueError("Quantile(q) must hold a share at least, but it is empty.")
        self.q: Any = checked if is_row(q) else checked[0]

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Numbers; of several quantiles one for all, which is repeated (see ``Loss``).

        Raises:
            ShapeError: The outputs are not as many as the quantiles.
        """
        if not is_row(self.q):
            return super().check_target(target, output_shape, dtype)
        K = len(self.q)
        if output_shape[-1] != K:
            raise ShapeError(
                f"{self} has {K} quantiles, but the model {output_shape[-1]} outputs: it needs one "
                f"for each of them, as of Dense({K})."
            )
        if np.shape(target)[1:] not in [output_shape[:-1], (*output_shape[:-1], 1)]:
            return super().check_target(target, output_shape, dtype)
        one = super().check_target(target, (*output_shape[:-1], 1), dtype)
        return np.repeat(one, K, axis=-1)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k [½ |d| + (q − ½) d]."""
        D = np.subtract(target, prediction, out=self.buffer("delta", prediction))
        S = np.abs(D, out=self.buffer("size", prediction))
        S *= 0.5
        D *= self.centred(D)
        S += D
        return row_mean(S)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """(½ − q − ½ sign(d)) / K."""
        D = np.subtract(target, prediction, out=self.buffer("delta", prediction))
        np.sign(D, out=D)
        D *= -0.5
        D -= self.centred(D)
        D *= 1 / D.shape[-1]
        return D

    def centred(self, like: Array) -> Any:
        """q − ½, one for each output or one for all."""
        if not is_row(self.q):
            return self.q - 0.5
        found = centred(tuple(self.q), like.dtype)
        # where outputs have weights of their own, each stands by itself, (N, K, 1)
        return found if like.shape[-1] == len(found) else found[:, np.newaxis]


class GaussianNegativeLogLikelihood(Loss):
    """−log-likelihood of targets y with mean μ and log-variance s, without the constant ½ log 2π.

        ℓ = (1/K) Σ_k ½ [s_k + (y_k − μ_k)² e^{−s_k}]
        ∂ℓ/∂μ = (μ − y) e^{−s} / K,   ∂ℓ/∂s = ½ (1 − (y − μ)² e^{−s}) / K

    For K targets the model has 2K outputs without an activation: ŷ = (μ_1, …, μ_K, s_1, …, s_K),
    as of ``Dense(2)`` for targets ``(N,)``. The standard deviation is ``exp(s / 2)``.

    Source: Nix and Weigend 1994, "Estimating the mean and variance of the target probability
    distribution".

    Example:
        >>> loss = bp.losses.GaussianNegativeLogLikelihood()
        >>> loss.forward(np.array([[5.0, 0.0]]), np.array([2.0]))  # ½ (0 + 3²), at variance e⁰
        4.5
    """

    formula = Formula(
        "½ mean(s{r} + ({y}{r} − μ{r})² / exp(s{r}))",
        "½ (2 (μ − {y}) / exp(s), 1 − ({y} − μ)² / exp(s)) / K",
        per="sample",
        definition="(μ{r}, s{r}) = {p}{r}",
    )

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """Numbers, half as many as outputs (see ``Loss.check_target``).

        Raises:
            ShapeError: They are not.
        """
        K, odd = divmod(output_shape[-1], 2)
        shape = np.shape(target)[1:]
        right = (*output_shape[:-1], K)
        if odd or shape not in [right, output_shape[:-1] if K == 1 else right]:
            few = "for K targets end the model with Dense(2 * K)."
            hint = "" if odd else extra_axes(np.asarray(target), right)
            raise ShapeError(
                f"{self}: outputs {show_shape(output_shape)} are a mean and a log-variance for "
                f"each target, so targets must have half as many columns, but their shape is "
                f"{np.shape(target)}: {hint or few}"
            )
        return super().check_target(target, right, dtype)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1/K) Σ_k ½ [s + (y − μ)² e^−s]."""
        S = prediction[..., target.shape[-1] :]
        D, precision = self.errors(prediction, target)
        np.square(D, out=D)
        values = row_sum(S) + row_dot(D, precision)
        values *= 0.5 / D.shape[-1]
        return values

    def gradient(self, prediction: Array, target: Array) -> Array:
        """((μ − y) e^−s, ½ (1 − (y − μ)² e^−s)) / K."""
        K = target.shape[-1]
        D, precision = self.errors(prediction, target)
        precision *= D
        G = self.buffer("delta", prediction)
        np.copyto(G[..., :K], precision)
        precision *= D
        np.subtract(1, precision, out=precision)
        precision *= 0.5
        np.copyto(G[..., K:], precision)
        G *= 1 / K
        return G

    def errors(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """D = μ − y, and e^−s."""
        K = target.shape[-1]
        D = np.subtract(prediction[..., :K], target, out=self.buffer("errors", target))
        precision = np.negative(prediction[..., K:], out=self.buffer("precision", target))
        return D, np.exp(precision, out=precision)
