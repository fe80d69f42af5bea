"""What metrics are given in training: batches gathered, with the result of one after the other."""

import numpy as np
import pytest

from backprop import Sequential
from backprop.layers import Dense, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from backprop.losses.heads import MatchedHead
from backprop.metrics import Accuracy, CategoricalAccuracy, MeanSquaredError
from backprop.training import batched_metrics as scoring
from backprop.training import progress
from backprop.training.batched_metrics import COUNTED_AT_ONCE, BatchedMetrics, update_metrics


def results(metrics):
    return [metric.result() for metric in metrics]


def weighted_and_not():
    metrics = [Accuracy(), MeanSquaredError(), MeanSquaredError()]
    metrics[1].weighted = True
    return metrics


def batches(rng, kind):
    """(prediction, y, weight) of 60 batches, which are more than are gathered at once."""
    for k in range(60):
        n = 17 if kind == "short" and k % 7 == 6 else 32
        y = rng.integers(0, 2, (n, 1)).astype("float32")
        if kind == "dtypes" and k % 3:
            y = y.astype("int64" if k % 2 else "float64")
        weight = rng.uniform(0, 2, n) if kind == "weights" and k % 3 else None
        yield rng.uniform(size=(n, 1)).astype("float32"), y, weight


@pytest.mark.parametrize("kind", ["alike", "short", "dtypes", "weights"])
def test_gathered_batches_count_as_one_after_the_other(rng, kind):
    mine, expected = weighted_and_not(), weighted_and_not()
    tally = BatchedMetrics(mine, BinaryCrossentropy())
    for _ in range(2):
        tally.reset()
        for metric in expected:
            metric.reset()
        for prediction, y, weight in batches(rng, kind):
            kept = prediction.copy(), y.copy()
            tally.add(*kept, weight)
            for array in kept:
                array[...] = 7  # the next batch takes its place
            update_metrics(expected, prediction, y, weight)
        assert tally.counted() is mine
        assert results(mine) == pytest.approx(results(expected), rel=1e-6)
        assert results(tally.counted()) == results(mine)  # counted once


def test_no_more_than_so_many_samples_wait_to_be_counted(rng, monkeypatch):
    counted = []
    monkeypatch.setattr(scoring, "update_metrics", lambda metrics, P, y, w: counted.append(len(y)))
    tally = BatchedMetrics([Accuracy()], BinaryCrossentropy())
    for prediction, y, weight in batches(rng, "alike"):
        tally.add(prediction, y, weight)
    tally.counted()
    assert counted == [COUNTED_AT_ONCE, 60 * 32 - COUNTED_AT_ONCE]


ACCURACIES = [Accuracy, CategoricalAccuracy]


@pytest.mark.parametrize(
    ("kinds", "classes", "one_hot"),
    [
        (ACCURACIES, 2, False),
        (ACCURACIES, 10, False),
        (ACCURACIES, 17, False),  # so many that the softmax does not look for the largest
        (ACCURACIES, 3, True),
        ([Accuracy], 2, True),
        ([*ACCURACIES, MeanSquaredError], 3, True),  # which needs the probabilities
    ],
)
def test_guesses_of_a_softmax_count_as_its_probabilities_do(rng, kinds, classes, one_hot):
    loss = CategoricalCrossentropy() if one_hot else SparseCategoricalCrossentropy()
    mine, expected = ([kind() for kind in kinds] for _ in range(2))
    head = MatchedHead(Softmax(), loss)
    tally = BatchedMetrics(mine, head)
    for n in [32] * 40 + [7, 32, 50, 32]:
        y = rng.integers(0, classes, n)
        y = np.eye(classes)[y] if one_hot else y
        A = head.predict(rng.integers(-2, 3, (n, classes)) * 0.5, training=True)  # with ties
        tally.add(A, y, None)
        update_metrics(expected, A, y, None)
    assert results(tally.counted()) == pytest.approx(results(expected), rel=1e-12)
    assert 0 < results(mine)[0] <= 1


def test_of_gathered_guesses_the_probabilities_are_not_looked_at(rng, monkeypatch):
    monkeypatch.setattr(scoring, "update_metrics", None)
    y, right = rng.integers(0, 3, 32), 0
    head = MatchedHead(Softmax(), SparseCategoricalCrossentropy())
    tally = BatchedMetrics([Accuracy()], head)
    for _ in range(50):
        A = head.predict(rng.normal(size=(32, 3)), training=True)
        right += np.count_nonzero(A.argmax(axis=1) == y)
        tally.add(A, y, None)
    assert results(tally.counted()) == [right / (50 * 32)]


def test_one_hot_targets_of_several_axes(rng):
    y = rng.integers(0, 3, (60, 4, 5))
    mine, expected = Accuracy(), Accuracy()
    head = MatchedHead(Softmax(), CategoricalCrossentropy())
    tally = BatchedMetrics([mine], head)
    for target in np.eye(3)[y]:
        A = head.predict(rng.normal(size=(4, 5, 3)), training=True)
        tally.add(A, target, None)
        expected.update(A, target)
    assert results(tally.counted()) == results([expected])


def test_an_accuracy_of_ones_own_sees_every_batch_by_itself(rng):
    class Sizes(Accuracy):
        def update(self, prediction, target, sample_weight=None):
            super().update(prediction, target, sample_weight)
            sizes.append(len(target))

    sizes = []
    y = rng.integers(0, 3, 4)
    head = MatchedHead(Softmax(), SparseCategoricalCrossentropy())
    tally = BatchedMetrics([Sizes()], head)
    for _ in range(6):
        tally.add(head.predict(rng.normal(size=(4, 3)), training=True), y, None)
    tally.counted()
    assert sizes == [4] * 6


@pytest.mark.parametrize("kind", ["alike", "short"])
def test_a_glance_shows_the_numbers_of_the_moment_and_changes_no_bit(rng, kind):
    seen = list(batches(rng, kind))
    tally, undisturbed = (
        BatchedMetrics([Accuracy(), MeanSquaredError()], BinaryCrossentropy()) for _ in range(2)
    )
    for k, batch in enumerate(seen, 1):
        tally.add(*batch)
        undisturbed.add(*batch)
        expected = [Accuracy(), MeanSquaredError()]
        for each in seen[:k]:
            update_metrics(expected, *each)
        assert results(tally.glance()) == pytest.approx(results(expected), rel=1e-6)
    assert results(tally.counted()) == results(undisturbed.counted())


def test_when_a_bar_is_drawn_changes_no_bit_of_the_history(rng, monkeypatch):
    X, y = rng.standard_normal((300, 4)), rng.integers(0, 2, 300)

    def history(refresh):
        monkeypatch.setattr(progress, "REFRESH", refresh)
        model = Sequential([Dense(1), Sigmoid()], seed=0)
        model.compile("adam", "binary_crossentropy", metrics=["mse", "r2_score", "accuracy"])
        return model.fit(X, y, epochs=2, batch_size=8, verbose=1).history

    assert history(0) == history(1e9)
