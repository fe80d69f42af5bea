"""A training loop in plain NumPy, written from the formulas: what ``fit`` has to agree with."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def train_by_hand(
    weights: Sequence[Array],
    X: Array,
    Y: Array,
    orders: Iterable[Array],
    *,
    batch_size: int,
    learning_rate: float,
    momentum: float = 0.0,
    sample_weight: Array | None = None,
) -> tuple[list[Array], list[float]]:
    """Trains ŷ = tanh(X W₁ + b₁) W₂ + b₂ on the mean squared error, an epoch for each order.

    Returns:
        The weights W₁, b₁, W₂, b₂ afterwards, and each epoch's mean loss over its samples, each
        sample's taken before the update that its batch caused.
    """
    theta = [w.astype(np.float64) for w in weights]
    velocity = [np.zeros_like(w) for w in theta]
    w = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    losses = []
    for order in orders:
        total = 0.0
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            n, k = len(rows), Y.shape[1]
            W1, b1, W2, b2 = theta
            A = np.tanh(X[rows] @ W1 + b1)
            error = A @ W2 + b2 - Y[rows]
            total += np.sum(w[rows] * np.mean(error**2, axis=1))
            delta2 = (2 / (n * k)) * w[rows, None] * error
            delta1 = (delta2 @ W2.T) * (1 - A**2)
            gradients = [
                *(X[rows].T @ delta1, delta1.sum(axis=0)),
                *(A.T @ delta2, delta2.sum(axis=0)),
            ]
            for parameter, v, g in zip(theta, velocity, gradients, strict=True):
                v *= momentum
                v -= learning_rate * g
                parameter += v
        losses.append(total / len(X))
    return theta, losses


def assert_as_by_hand(history: Any, weights: Any, losses: Any) -> None:
    """A training ended with these weights, and its epochs had these losses."""
    for mine, by_hand in zip(history.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, by_hand, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-12)
