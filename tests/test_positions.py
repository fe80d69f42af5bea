"""Positions: sines against their formula and what they are for, learnt ones against loops."""

import math
from typing import Any

import numpy as np
import pytest

from backprop import Sequential
from backprop.core.errors import ShapeError
from backprop.layers import Dense, PositionalEncoding, PositionEmbedding

Array = np.ndarray[Any, Any]


def encoding(T: int, C: int, dtype: str = "float64") -> Array:
    layer = PositionalEncoding()
    layer.build((T, C), dtype=dtype)
    return layer.forward(np.zeros((1, T, C), dtype))[0]


@pytest.mark.parametrize(("T", "C"), [(1, 1), (3, 2), (50, 8), (7, 5)])
def test_sines_are_those_of_the_formula(T: int, C: int) -> None:
    P = encoding(T, C)
    for t in range(T):
        for i in range((C + 1) // 2):
            angle = t / 10000 ** (2 * i / C)
            assert P[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-15)
            if 2 * i + 1 < C:
                assert P[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-15)


def test_known_sines() -> None:
    """Steps 0 and 1 of four features, for which 10000^{2/4} = 100."""
    expected = [[0, 1, 0, 1], [0.8414709848, 0.5403023059, 0.0099998333, 0.9999500004]]
    np.testing.assert_allclose(encoding(2, 4), expected, atol=1e-10)


def test_a_distance_is_a_rotation_wherever_it_begins() -> None:
    P = encoding(40, 16)
    for k in (1, 5, 20):
        products = np.sum(P[:-k] * P[k:], axis=1)  # Σ cos(distance · frequency)
        np.testing.assert_allclose(products, products[0], rtol=1e-12)
    assert len({row.tobytes() for row in P.round(6)}) == 40


def test_sines_take_sequences_of_any_length(rng: np.random.Generator) -> None:
    layer = PositionalEncoding()
    layer.build((4, 6), dtype="float64")
    X = rng.standard_normal((2, 9, 6))
    np.testing.assert_array_equal(layer.forward(X, training=True), X + encoding(9, 6))


def test_learnt_positions_equal_loops(rng: np.random.Generator) -> None:
    layer = PositionEmbedding(5, initializer="random_normal")
    layer.build((5, 3), rng, "float64")
    assert layer.P.shape == (5, 3)
    assert layer.P.all()
    layer.dP[...] = 9
    for T in (5, 3, 1):
        X, delta = rng.standard_normal((2, 4, T, 3))
        Y = layer.forward(X, training=True)
        dX = layer.backward(delta)
        gradient = np.zeros((5, 3))
        for n in range(4):
            for t in range(T):
                np.testing.assert_array_equal(Y[n, t], X[n, t] + layer.P[t])
                gradient[t] += delta[n, t]
        np.testing.assert_array_equal(dX, delta)
        np.testing.assert_allclose(layer.dP, gradient, rtol=1e-13, atol=1e-15)


def test_longer_sequences_than_it_was_made_for() -> None:
    layer = PositionEmbedding(4, name="where")
    message = (
        r"'where' was made for sequences of at most 4 steps but received one of 6: make it .*6"
    )
    for call in (layer.output_shape, layer.build):
        with pytest.raises(ShapeError, match=message):
            call((6, 3))
    layer.build((4, 3))
    with pytest.raises(ShapeError, match=message):
        layer.forward(np.zeros((1, 6, 3)))
    model = Sequential([Dense(3), PositionEmbedding(4)])
    model.compile(loss="mse")
    with pytest.raises(ShapeError, match=r"at most 4 steps but received one of 6"):
        model.fit(np.zeros((2, 6, 3)), np.zeros((2, 6, 3)), verbose=0)


@pytest.mark.parametrize("layer", [PositionalEncoding(), PositionEmbedding(4)])
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_samples_must_be_sequences(layer: Any, shape: tuple[int, ...]) -> None:
    for call in (layer.output_shape, layer.build):
        with pytest.raises(ShapeError, match=r"takes arrays of shape \(N, T, C\) but received one"):
            call(shape)


def test_the_number_of_positions_is_checked() -> None:
    with pytest.raises(ValueError, match=r"sequence_length\) must be an integer of 1 or more"):
        PositionEmbedding(0)
