"""An independent derivative: finite differences of a function of an array, and nothing else.

No backward pass is used here, so that whatever agrees with it is right for its own reasons. With
D(h) = (f(x + h) − f(x − h)) / 2h, whose error is a series in h², two rounds of Richardson's
extrapolation over h, h/2 and h/4 leave an error of the order h⁶: some 1e-12 of f in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STEP = 2e-3
"""The widest h; inputs must keep further than this from a kink."""


def derivative(f: Callable[[], float], X: Array) -> Array:
    """∂f/∂X, one element after the other, where f reads X.

    X is moved in place, so that it may be a layer's own weights, and is put back to the last bit.
    """
    result = np.empty(X.shape)
    for index in np.ndindex(X.shape):
        result[index] = slope_at(f, X, index)
    return result


def derivative_of_samples(f: Callable[[], Array], X: Array) -> Array:
    """∂fᵢ/∂Xᵢ, where f gives a number for each sample, which depends on this sample alone.

    Of all samples the same element is moved at once, which needs N times fewer calls. Were a number
    to depend on other samples, what is found would be the sum of its derivatives.
    """
    result = np.empty(X.shape)
    for index in np.ndindex(X.shape[1:]):
        result[:, *index] = slope_at(f, X, (slice(None), *index))
    return result


def slope_at(f: Callable[[], Any], X: Array, index: Any) -> Any:
    """The slope of f in X[index], where f reads X."""
    assert X.dtype == np.float64, "finite differences need float64"
    x = X[index].copy()

    def slope(h: float) -> Any:
        X[index] = up = x + h
        above = f()
        X[index] = down = x - h
        below = f()
        return (above - below) / (up - down)  # the step that rounding left

    coarse, middle, fine = slope(STEP), slope(STEP / 2), slope(STEP / 4)
    X[index] = x
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return (16 * second - first) / 15


def relative_error(A: Array, B: Array) -> float:
    """The largest |a − b| by its own size; elements below 1e-3 of the largest count as that."""
    A, B = np.asarray(A), np.asarray(B)
    assert A.shape == B.shape, f"shapes differ: {A.shape} and {B.shape}"
    sizes = np.maximum(np.abs(A), np.abs(B))
    if not sizes.size or not sizes.max():
        return 0.0
    return float(np.max(np.abs(A - B) / np.maximum(sizes, 1e-3 * sizes.max())))


def assert_exact_gradients(layer: Any, X: Array, rng: np.random.Generator) -> None:
    """∂E/∂X and the parameters' gradients are the derivatives of E = Σ δ ⊙ Y for a random δ."""
    n = len(X)
    delta = rng.standard_normal((n, *layer.output_shape(X.shape[1:])))
    layer.forward(X, training=True)
    dX = layer.backward(delta)

    def E_of_samples() -> Array:
        return np.sum((delta * layer.forward(X)).reshape(n, -1), axis=1)

    def E() -> float:
        return float(np.sum(E_of_samples()))

    assert relative_error(dX, derivative_of_samples(E_of_samples, X)) <= 1e-7
    for p in layer.parameters:
        assert relative_error(p.gradient, derivative(E, p.value)) <= 1e-7, p.name


def value_and_slope(layer: Any, x: Any) -> tuple[Array, Array]:
    """f(x) and f′(x) of an activation, as a training step computes them, at numbers in a row."""
    Y = layer.forward(np.reshape(x, (1, -1)), training=True)[0].copy()
    return Y, layer.backward(np.ones((1, len(Y)), Y.dtype))[0].copy()
