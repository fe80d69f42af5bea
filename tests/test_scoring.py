"""What metrics are given in training: batches gathered, with the result of one after the other."""

import pytest

from backprop.metrics import Accuracy, MeanSquaredError
from backprop.training import scoring
from backprop.training.scoring import COUNTED_AT_ONCE, Tally, update_metrics


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
    tally = Tally(mine)
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
    tally = Tally([Accuracy()])
    for prediction, y, weight in batches(rng, "alike"):
        tally.add(prediction, y, weight)
    tally.counted()
    assert counted == [COUNTED_AT_ONCE, 60 * 32 - COUNTED_AT_ONCE]
