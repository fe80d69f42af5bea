"""Attention written with loops over samples, heads and steps: nothing of it is like the layer."""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def attention(layer: Any, X: Array, mask: Array | None = None) -> tuple[Array, Array]:
    """The layer's Y and A, a number at a time."""
    N, T, C = X.shape
    h, d, v = layer.num_heads, layer.key_dim, layer.value_dim
    A = np.zeros((N, h, T, T))
    Y = np.zeros((N, T, C))

    def made(x: Array, what: str, head: int, size: int) -> list[float]:
        W = getattr(layer, f"W_{what}")
        b = getattr(layer, f"b_{what}")[head] if layer.use_bias else np.zeros(size)
        return [sum(x[i] * W[i, head, k] for i in range(C)) + b[k] for k in range(size)]

    for n in range(N):
        for head in range(h):
            keys = [made(x, "key", head, d) for x in X[n]]
            values = [made(x, "value", head, v) for x in X[n]]
            for i in range(T):
                query = made(X[n, i], "query", head, d)
                visible = [
                    j
                    for j in range(T)
                    if (mask is None or mask[n, j]) and not (layer.causal and j > i)
                    if layer.sliding_window is None or abs(i - j) < layer.sliding_window
                ]
                scores = {
                    j: sum(q * k for q, k in zip(query, keys[j], strict=True)) / math.sqrt(d)
                    for j in visible
                }
                total = sum(math.exp(s) for s in scores.values())
                for j, score in scores.items():
                    A[n, head, i, j] = math.exp(score) / total
                for k in range(v):
                    o = sum(A[n, head, i, j] * values[j][k] for j in visible)
                    Y[n, i] += o * layer.W_output[head, k]
    return Y + (layer.b_output if layer.use_bias else 0), A
