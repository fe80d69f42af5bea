"""What recurrent layers are for: long memories, and gradients that come through."""

from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.layers import LSTM, Dense, SimpleRNN
from backprop.optimizers import Adam

Array = np.ndarray[Any, Any]


def marked_numbers(n: int, T: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Sequences of random numbers, two of them marked, and the sum of these two.

    Source: Hochreiter & Schmidhuber 1997, experiment 4.
    """
    X = np.zeros((n, T, 2), np.float32)
    X[..., 0] = rng.random((n, T))
    rows, first, second = np.arange(n), rng.integers(0, T // 2, n), rng.integers(T // 2, T, n)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, :1] + X[rows, second, :1]


@pytest.mark.long
def test_an_lstm_learns_to_add_two_marked_numbers_of_fifty() -> None:
    rng = np.random.default_rng(1)
    X, y = marked_numbers(4000, 50, rng)
    X_test, y_test = marked_numbers(1000, 50, rng)
    model = bp.Sequential([LSTM(32), Dense(1)], seed=1)
    model.compile(Adam(0.01), "mse")
    model.fit(X, y, epochs=10, batch_size=32, verbose=0)
    error = model.evaluate(X_test, y_test, verbose=0)
    print(f"mean squared error {error:.4f}, of the mean {np.var(y_test):.4f}")
    assert error < 0.01


def share_that_arrives(layer: Any, seed: int) -> float:
    """‖∂E/∂x_1‖ / ‖∂E/∂x_100‖ for a loss of the last state."""
    rng = np.random.default_rng(seed)
    layer.forward(rng.standard_normal((16, 100, 4)), training=True)
    dX = layer.backward(rng.standard_normal((16, 32)))
    return float(np.linalg.norm(dX[:, 0]) / np.linalg.norm(dX[:, -1]))


@pytest.mark.parametrize("seed", range(4))
def test_gradients_vanish_over_100_steps_unless_a_gate_keeps_the_state(seed: int) -> None:
    layers = [SimpleRNN(32), LSTM(32), LSTM(32)]
    for layer in layers:
        layer.build((100, 4), np.random.default_rng(seed), "float64")
    layers[2].b[32:64] = 5  # forget gates that are open: σ(5)¹⁰⁰ = 0.51
    simple, as_built, open_ = (share_that_arrives(layer, seed) for layer in layers)
    print(f"SimpleRNN {simple:.0e}, LSTM {as_built:.0e}, with open forget gates {open_:.1f}")
    assert simple < 1e-9
    assert as_built > 10 * simple
    assert open_ > 0.1
