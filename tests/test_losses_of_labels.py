"""Losses for labels some of which are wrong, and for pairs; Keras's numbers: test_more_losses."""

import math

import numpy as np
import pytest
from derivatives import derivative, relative_error

from backprop import Sequential
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Input, Softmax, Tanh
from backprop.losses import CategoricalGeneralizedCrossEntropy, Circle
from backprop.optimizers import Adam


def train(loss, *arrays):
    value = loss.forward(*arrays)
    return value, loss.backward().copy()


def test_wrong_labels_pull_less_on_what_the_model_is_sure_of():
    """Where the cross-entropy's δ is near 1, the generalised one's is near 0."""
    model = Sequential([Input(2), Softmax()])
    model.compile("sgd", CategoricalGeneralizedCrossEntropy(0.7))
    Z, wrong = np.array([[8.0, 0.0]]), np.array([1])
    model.loss.forward(model.forward(Z, training=True), wrong)
    small = np.abs(model.loss.backward()).max()
    assert small == pytest.approx((1 / (1 + np.exp(8))) ** 0.7, rel=1e-3)
    loss = CategoricalGeneralizedCrossEntropy(0.7)
    assert loss.forward(np.array([[1.0, 0.0]]), wrong) == pytest.approx(1 / 0.7)
    assert np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("q", [0, 1, -0.5])
def test_q_lies_between_0_and_1(q):
    with pytest.raises(ValueError, match="q must lie between 0 and 1"):
        CategoricalGeneralizedCrossEntropy(q)


@pytest.mark.parametrize("length", [0.9, 1.4])  # of the longer ones some distances count as 0
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [(), (5.0,), (5.0, 0.4, False), (3.0, 0.0), (2.0, 1.5)])
def test_circle_is_its_formula_and_backward_the_derivative(options, weighted, length, rng):
    P, c = rng.normal(size=(9, 3)), np.array([0, 1, 0, 1, 2, 2, -5, 0, 1])
    P *= length / np.linalg.norm(P, axis=1, keepdims=True)
    w = rng.uniform(0.2, 3, 9) if weighted else None
    gamma, m, apart = (*options, *(80.0, 0.4, True)[len(options) :])

    def formula():
        each = []
        for i in range(9):
            d = [max(1 - P[i] @ P[j], 0) for j in range(9)]
            near = [math.exp(gamma * (d[j] ** 2 - m**2)) for j in range(9)
                    if c[j] == c[i] and not (apart and j == i)]  # fmt: skip
            far = [math.exp(gamma * max(1 + m - d[j], 0) * (1 - m - d[j])) for j in range(9)
                   if c[j] != c[i]]  # fmt: skip
            if near and far:
                each.append((1 if w is None else w[i]) * math.log1p(sum(near) * sum(far)))
        return sum(each) / len(each)

    value, delta = train(Circle(*options), P, c, w)
    assert value == pytest.approx(formula(), rel=1e-12)
    assert relative_error(delta, derivative(formula, P)) < 1e-7


def test_batches_without_pairs_cost_nothing():
    loss = Circle()
    for c in ([0, 1, 2], [4, 4, 4]):
        assert loss.forward(np.eye(3), np.array(c)) == 0
        np.testing.assert_array_equal(loss.backward(), 0)


def test_circle_takes_rows_and_numbers_of_classes():
    with pytest.raises(ShapeError, match=r"Circle compares samples .*Flatten\(\)"):
        Circle().forward(np.ones((4, 2, 3)), np.ones((4, 2)))
    with pytest.raises(ShapeError, match="Circle: the predictions"):
        Circle().forward(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(ValueError, match="whole numbers"):
        Circle().forward(np.ones((2, 3)), np.array([0.5, 1]))


def test_classes_are_brought_together(rng):
    """Afterwards the nearest other sample of a point is one of its own class."""
    X, c = rng.normal(size=(60, 2)), np.arange(60) % 3
    X += 2.0 * np.array([[1, 0], [-1, 1], [0, -2]])[c]
    model = Sequential([Dense(16), Tanh(), Dense(4)], seed=0)
    model.compile(Adam(0.01), Circle(8.0))
    history = model.fit(X, c, epochs=30, batch_size=30, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    P = model.predict(X)
    D = np.linalg.norm(P[:, None] - P, axis=-1) + 1e9 * np.eye(60)
    assert (c[D.argmin(axis=1)] == c).mean() > 0.9
