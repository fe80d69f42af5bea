"""The formulas of the losses as an explanation writes them, and what each output adds to E."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from backprop.core import functional
from backprop.core.types import Array
from backprop.data.samples import Data
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CrossEntropy,
    HalfSquaredError,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)


class LossFormula(NamedTuple):
    """A loss that is a sum over the K outputs of each sample.

    In the texts {p} is the prediction, {y} the target and {i} the index of an output, ``_k``.

    Attributes:
        factor: What stands before both formulas; empty, or ``(1/K)``.
        part: What output k of a sample adds to ℓ, but for the factor.
        gradient_factor: What stands before the gradient.
        gradient: ∂ℓ/∂ŷ, but for its factor.
        values: The parts and their factor as numbers, shape ``(N, K)``.
    """

    factor: str
    part: str
    gradient_factor: str
    gradient: str
    values: Callable[[Array, Array], Array]


def one_hot(target: Array, like: Array) -> Array:
    """Class indices ``(N,)`` as rows ``(N, K)`` with a 1 at each sample's class."""
    rows: Array = np.zeros_like(like)
    np.put_along_axis(rows, target[..., np.newaxis], 1, axis=-1)
    return rows


def _cross_entropy(P: Array, Y: Array) -> Array:
    """−y_k ln q_k with the rows of q summing to 1."""
    logarithm: Array = functional.safe_log(P / P.sum(axis=-1, keepdims=True))
    return -Y * logarithm


def _logit_cross_entropy(Z: Array, Y: Array) -> Array:
    """y_k (ln Σ_j exp z_j − z_k)."""
    m, S = functional.softmax(Z)[1]
    parts: Array = Y * (np.log(S) + (m - Z))
    return parts


def _binary_cross_entropy(P: Array, Y: Array) -> Array:
    log_likelihood: Array = Y * functional.safe_log(P) + (1 - Y) * functional.safe_log(1 - P)
    log_likelihood /= -P.shape[-1]
    return log_likelihood


_ON_PREDICTIONS: dict[type[Loss], LossFormula] = {
    HalfSquaredError: LossFormula(
        "", "½ ({p}{i} − {y}{i})²", "", "{p} − {y}", lambda P, Y: 0.5 * (P - Y) ** 2
    ),
    MeanSquaredError: LossFormula(
        "(1/K)",
        "({p}{i} − {y}{i})²",
        "(2/K)",
        "{p} − {y}",
        lambda P, Y: (P - Y) ** 2 / P.shape[-1],
    ),
    MeanAbsoluteError: LossFormula(
        "(1/K)",
        "|{p}{i} − {y}{i}|",
        "(1/K)",
        "sign({p} − {y})",
        lambda P, Y: np.abs(P - Y) / P.shape[-1],
    ),
    LogCosh: LossFormula(
        "(1/K)",
        "ln cosh({p}{i} − {y}{i})",
        "(1/K)",
        "tanh({p} − {y})",
        lambda P, Y: (np.logaddexp(P - Y, Y - P) - np.log(2)) / P.shape[-1],
    ),
    BinaryCrossentropy: LossFormula(
        "(1/K)",
        "[−{y}{i} ln {p}{i} − (1 − {y}{i}) ln(1 − {p}{i})]",
        "(1/K)",
        "−{y}/{p} + (1 − {y})/(1 − {p})",
        _binary_cross_entropy,
    ),
    CategoricalCrossentropy: LossFormula(
        "", "(−{y}{i} ln {p}{i})", "", "−{y}/{p} + 1", _cross_entropy
    ),
    SparseCategoricalCrossentropy: LossFormula(
        "",
        "(−[k = c] ln {p}{i})",
        "",
        "−[k = c]/{p}_c + 1",
        lambda P, c: _cross_entropy(P, one_hot(c, P)),
    ),
}

_ON_LOGITS: dict[type[Loss], LossFormula] = {
    BinaryCrossentropy: LossFormula(
        "(1/K)",
        "[ln(1 + exp({p}{i})) − {y}{i} {p}{i}]",
        "(1/K)",
        "σ({p}) − {y}",
        lambda Z, Y: (functional.softplus(Z) - Y * Z) / Z.shape[-1],
    ),
    CategoricalCrossentropy: LossFormula(
        "",
        "{y}{i} (ln Σ_j exp({p}_j) − {p}{i})",
        "",
        "softmax({p}) − {y}",
        _logit_cross_entropy,
    ),
    SparseCategoricalCrossentropy: LossFormula(
        "",
        "[k = c] (ln Σ_j exp({p}_j) − {p}{i})",
        "",
        "softmax({p})_k − [k = c]",
        lambda Z, c: _logit_cross_entropy(Z, one_hot(c, Z)),
    ),
}


def loss_formula(loss: Loss) -> LossFormula | None:
    """The formulas of a loss on what it is given, probabilities or logits; None if not known."""
    on_logits = isinstance(loss, CrossEntropy) and loss.from_logits
    return (_ON_LOGITS if on_logits else _ON_PREDICTIONS).get(type(loss))


def loss_parts(
    loss: Loss,
    prediction: Array,
    target: Array,
    data: Data,
    total: float,
    logits: Array | None,
) -> Array:
    """What every output of every sample adds to E.

    Args:
        loss: The loss, not joined with the last layer.
        prediction: ŷ, shape ``(N, K)``.
        target: The targets, smoothed where the loss smooths labels.
        data: The pass's data.
        total: E without penalties.
        logits: For a matched pair, what E was computed from.

    Returns:
        The parts, shape ``(N, K)``; those of whole samples, shape ``(N,)``, if the loss is not
        known to be a sum over outputs; E alone, shape ``(1,)``, if it is no mean over samples.
    """
    n = len(prediction)
    w = np.ones(n, prediction.dtype) if data.weight is None else data.weight
    if logits is None:
        formula, given = loss_formula(loss), prediction
    else:
        formula, given = _ON_LOGITS.get(type(loss)), logits
    if formula is not None:
        count = prediction.size / prediction.shape[-1]  # N, times the steps of a sequence
        parts: Array = formula.values(given, target) * _along(w, prediction) / count
        if np.isclose(parts.sum(), total, rtol=1e-4):
            return parts
    rows = (slice(i, i + 1) for i in range(n))
    parts = np.array([loss.forward(prediction[row], data.y[row]) for row in rows], w.dtype)
    parts *= w / n
    return parts if np.isclose(parts.sum(), total, rtol=1e-4) else np.array([total], w.dtype)


def _along(w: Array, like: Array) -> Array:
    """(N,) -> (N, 1, …), to be multiplied with an array of N samples."""
    return w.reshape(-1, *[1] * (like.ndim - 1))
