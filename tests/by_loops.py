"""Convolutions number by number: the formulas of the docstrings as loops, and nothing else.

Images are ``(N, H, W, C)``; a sequence is an image of one row.
"""

from typing import Any

import numpy as np

from backprop.core import grids

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


def zeros_around(n: int, k: int, s: int, padding: str) -> Pair:
    """How many zeros stand before and after an axis, as Keras's own tests count them."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return k - 1, 0
    missing = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
    return missing // 2, missing - missing // 2


def padded(X: Array, kernel: Pair, strides: Pair, dilation: Pair, padding: str) -> Array:
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    axes = zip(X.shape[1:3], spans, strides, strict=True)
    return np.pad(X, ((0, 0), *(zeros_around(*axis, padding) for axis in axes), (0, 0)))


def places(X: Array, kernel: Pair, strides: Pair, dilation: Pair) -> Pair:
    """How many windows lie along both axes of a padded image."""
    height, width = (
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(X.shape[1:3], kernel, strides, dilation, strict=True)
    )
    return height, width


def convolved(
    X: Array,
    W: Array,
    b: Array,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """z_{n h w o} = Σ_{i j c} x_{n, h s + i d, w s + j d, c} w_{i j c o} + b_o."""
    kernel, (n_channels, n_filters) = W.shape[:2], W.shape[2:]
    X = padded(X, kernel, strides, dilation, padding)
    Z = np.empty((len(X), *places(X, kernel, strides, dilation), n_filters))
    for n, h, w, o in np.ndindex(Z.shape):
        group = o // (n_filters // groups)
        z = b[o]
        for i, j, c in np.ndindex(*kernel, n_channels):
            row, column = h * strides[0] + i * dilation[0], w * strides[1] + j * dilation[1]
            z += X[n, row, column, group * n_channels + c] * W[i, j, c, o]
        Z[n, h, w, o] = z
    return Z


def channelwise(
    X: Array,
    W: Array,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Array:
    """z_{n h w, c M + m} = Σ_{i j} x_{n, h s + i d, w s + j d, c} w_{i j c m}."""
    kernel, (n_channels, m) = W.shape[:2], W.shape[2:]
    X = padded(X, kernel, strides, dilation, padding)
    Z = np.zeros((len(X), *places(X, kernel, strides, dilation), n_channels * m))
    for n, h, w, c, k, i, j in np.ndindex(*Z.shape[:3], n_channels, m, *kernel):
        row, column = h * strides[0] + i * dilation[0], w * strides[1] + j * dilation[1]
        Z[n, h, w, c * m + k] += X[n, row, column, c] * W[i, j, c, k]
    return Z


def painted(X: Array, W: Array, strides: Pair = (1, 1), dilation: Pair = (1, 1)) -> Array:
    """z_{n, h s + i d, w s + j d, o} += x_{n h w c} w_{i j o c}, all that is painted."""
    n_samples, height, width, n_channels = X.shape
    sizes = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip((height, width), strides, W.shape[:2], dilation, strict=True)
    ]
    Z = np.zeros((n_samples, *sizes, W.shape[2]))
    for n, h, w, c, i, j, o in np.ndindex(n_samples, height, width, n_channels, *W.shape[:3]):
        row, column = h * strides[0] + i * dilation[0], w * strides[1] + j * dilation[1]
        Z[n, row, column, o] += X[n, h, w, c] * W[i, j, o, c]
    return Z


def assert_same_in_blocks(make: Any, X: Array, limit: int, monkeypatch: Any) -> None:
    """Outputs and gradients do not depend on how many bytes of columns are there at a time."""
    results = []
    for most in (grids.COLUMNS_BYTES, limit):
        monkeypatch.setattr(grids, "COLUMNS_BYTES", most)
        layer = make()
        Z = layer.forward(X, training=True)
        dX = layer.backward(np.random.default_rng(1).standard_normal(Z.shape))
        results.append([Z, layer.forward(X), dX, *(p.gradient for p in layer.parameters)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
