"""The same seed gives the same bits, in one process and in two; another seed gives others."""

import numpy as np
import pytest
from programs import run

import backprop as bp
from backprop.layers import Dense, ReLU, Softmax
from backprop.optimizers import SGD

PROGRAM = """
import hashlib
import numpy as np
import backprop as bp
from backprop.layers import Dense, ReLU, Softmax

rng = np.random.default_rng(0)
X, y = rng.normal(size=(150, 20)), rng.integers(0, 3, 150)
model = bp.Sequential([Dense(30), ReLU(), Dense(3), Softmax()], seed=5)
optimizer = bp.optimizers.SGD(0.1, momentum=0.9)
model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(X, y, epochs=4, validation_split=0.2, verbose=0)
numbers = [[value.hex() for value in values] for values in history.history.values()]
print(hashlib.sha256(model.parameters.values.tobytes()).hexdigest(), numbers)
"""


def train(seed, dtype="float32"):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 20)), rng.integers(0, 3, 150)
    model = bp.Sequential([Dense(30), ReLU(), Dense(3), Softmax()], seed=seed, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    model.build((None, 20))
    initial = model.parameters.values.copy()
    history = model.fit(X, y, epochs=4, validation_split=0.2, verbose=0).history
    return initial, model.parameters.values, history


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_seed_gives_the_same_bits(dtype):
    (start, theta, history), (other_start, other_theta, other) = train(5, dtype), train(5, dtype)
    np.testing.assert_array_equal(start, other_start)
    np.testing.assert_array_equal(theta, other_theta)
    assert history == other


def test_another_seed_gives_other_weights_and_another_order():
    (start, theta, history), (other_start, other_theta, other) = train(5), train(6)
    assert np.any(start != other_start)
    assert np.any(theta != other_theta)
    assert history != other


def test_without_a_seed_every_model_is_another():
    starts = [train(None)[0] for _ in range(2)]
    assert np.any(starts[0] != starts[1])


def test_order_of_the_samples_follows_from_the_seed_and_not_from_the_weights():
    weights = [np.full((1, 1), 0.5)]
    ends = []
    for seed in (1, 1, 2):
        model = bp.Sequential([Dense(1, use_bias=False)], seed=seed, dtype="float64")
        model.compile(SGD(0.3), "mse")
        model.build((None, 1))
        model.set_weights(weights)
        model.fit([[0.1], [0.5], [1.0], [1.5]], [1.0, -1.0, 0.5, 2.0], batch_size=1, verbose=0)
        ends.append(model.get_weights()[0].item())
    assert ends[0] == ends[1] != ends[2]


def test_weights_and_order_are_drawn_from_streams_of_their_own():
    model = bp.Sequential(seed=5)
    weights = np.random.default_rng(model._weights_seed).random(100)
    order = model._shuffle_rng.random(100)
    assert abs(np.corrcoef(weights, order)[0, 1]) < 0.5
    assert not np.isin(weights, order).any()


def test_both_dtypes_start_from_the_same_weights():
    float32, float64 = (train(5, dtype)[0] for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(float64.astype("float32"), float32)


def test_two_processes_give_the_same_bits():
    answers = [run("-c", PROGRAM, check=True, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")]
    assert answers[0] == answers[1]
    assert len(answers[0].split()[0]) == 64
