"""An independent derivative: finite differences of a function of an array, and nothing else.

No backward pass is used here, so that whatever agrees with it is right for its own reasons. With
D(h) = (f(x + h) − f(x − h)) / 2h, whose error is a series in h², a round of Richardson's
extrapolation over h and h/2 leaves an error of the order h⁴: some 1e-12 of f in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STEP = 1e-3
"""The wider h; inputs must keep further than this from a kink."""


def derivative(f: Callable[[], float], X: Array) -> Array:
    """∂f/∂X, one element after the other, where f reads X.

    X is moved in place, so that it may be a layer's own weights, and is put back to the last bit.
    """
    assert X.dtype == np.float64, "finite differences need float64"
    result = np.empty(X.shape)
    for index in np.ndindex(X.shape):
        values, x = [], X[index]
        places = x + MOVES
        for X[index] in places:
            values.append(f())
        X[index] = x
        result[index] = slopes(values, places)
    return result


def derivative_of_samples(f: Callable[[Array], Array], X: Array, delta: Array) -> Array:
    """∂/∂X of Σ δ ⊙ f(X), where f computes each sample's outputs from this sample alone.

    Of all samples each element is moved once, and all that were moved are one batch of f. Were
    samples to change others' outputs, something else would be found.
    """
    assert X.dtype == np.float64, "finite differences need float64"
    samples = X.reshape(len(X), -1)
    n, size = samples.shape
    moved = np.tile(samples, (len(MOVES), size, 1, 1))  # (move, element, sample, elements)
    places = samples.T + MOVES[:, np.newaxis, np.newaxis]
    moved[:, range(size), :, range(size)] = places.swapaxes(0, 1)
    outputs = f(moved.reshape(-1, *X.shape[1:])).reshape(len(MOVES), size, n, -1)
    return slopes((outputs * delta.reshape(n, -1)).sum(axis=-1), places).T.reshape(X.shape)


MOVES = np.array([STEP, -STEP, STEP / 2, -STEP / 2])


def slopes(values: Any, places: Array) -> Any:
    """The slopes at x of functions with these values at x + h, x − h, x + h/2 and x − h/2."""
    up, down, near_up, near_down = values
    coarse = (up - down) / (places[0] - places[1])  # the steps that rounding left
    fine = (near_up - near_down) / (places[2] - places[3])
    return (4 * fine - coarse) / 3


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
    delta = rng.standard_normal((len(X), *layer.output_shape(X.shape[1:])))
    layer.forward(X, training=True)
    dX = layer.backward(delta)

    def E() -> float:
        return float(np.sum(delta * layer.forward(X)))

    assert relative_error(dX, derivative_of_samples(layer.forward, X, delta)) <= 1e-7
    for p in layer.parameters:
        assert relative_error(p.gradient, derivative(E, p.value)) <= 1e-7, p.name


def value_and_slope(layer: Any, x: Any) -> tuple[Array, Array]:
    """f(x) and f′(x) of an activation, as a training step computes them, at numbers in a row."""
    Y = layer.forward(np.reshape(x, (1, -1)), training=True)[0].copy()
    return Y, layer.backward(np.ones((1, len(Y)), Y.dtype))[0].copy()
