"""A threshold that is given is what outputs are compared with, after a loss on logits too."""

import numpy as np
import pytest

import backprop as bp
from backprop import metrics
from backprop.layers import Dense

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 5)), RNG.integers(0, 3, 60)

KINDS = {
    "precision": lambda t: metrics.Precision(thresholds=t, average="micro"),
    "recall": lambda t: metrics.Recall(thresholds=t, average="micro"),
    "f1": lambda t: metrics.F1Score(threshold=t, average="micro"),
    "f2": lambda t: metrics.FBetaScore(beta=2, threshold=t, average="micro"),
    "hits": lambda t: metrics.TruePositives(thresholds=t),
}


def score(name, chosen, true):
    """By hand, of all answers."""
    hits = np.count_nonzero(chosen & true)
    shares = {"precision": hits / chosen.sum(), "recall": hits / true.sum(), "hits": hits}
    shares["f1"] = 2 * hits / (chosen.sum() + true.sum())
    shares["f2"] = 5 * hits / (chosen.sum() + 4 * true.sum())
    return shares[name]


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("threshold", [-0.4, 0.0, 0.5, 0.9, None])
@pytest.mark.parametrize("name", KINDS)
def test_a_threshold_for_class_scores_is_compared_with_them(name, threshold, sparse):
    """Without one the largest score is chosen."""
    kind = "SparseCategoricalCrossentropy" if sparse else "CategoricalCrossentropy"
    model = bp.Sequential([Dense(3)], seed=0)
    metric = KINDS[name](threshold)
    model.compile("sgd", getattr(bp.losses, kind)(from_logits=True), metrics=[metric])
    true = np.eye(3, dtype=bool)[Y]
    _, found = model.evaluate(X, Y if sparse else true, verbose=0)
    Z = model.predict(X, verbose=0)
    chosen = np.eye(3, dtype=bool)[Z.argmax(axis=1)] if threshold is None else threshold < Z
    assert found == pytest.approx(score(name, chosen, true))
