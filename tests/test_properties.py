"""What must hold for any network and any data, tried on many that hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backprop as bp
from backprop.core.functional import sigmoid, softmax, softplus
from backprop.data.batches import Batches
from backprop.data.samples import Data
from backprop.experiments.cross_validation import cut
from backprop.layers import Dense, Input, LayerNormalization, Sigmoid, Softmax, Softplus, Tanh

quiet = settings(max_examples=25, deadline=None, derandomize=True)
floats = st.floats(-1e4, 1e4, width=32)


@pytest.mark.filterwarnings("ignore:LayerNormalization.* normalises single numbers")
@quiet
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    activation=st.sampled_from([Sigmoid, Tanh, Softplus]),
    normalized=st.booleans(),
    n=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)
def test_the_gradients_of_any_network_are_exact(
    widths: list[int], activation: type, normalized: bool, n: int, seed: int
) -> None:
    layers: list[object] = [Input(widths[0])]
    for width in widths[1:]:
        layers += [Dense(width), activation()]
    layers += [LayerNormalization()] * normalized + [Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=seed)  # type: ignore[arg-type]
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(seed)
    report = model.check_gradients(rng.standard_normal((n, widths[0])), rng.integers(0, 3, n))
    assert report.ok, report


@quiet
@given(n=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 99))
def test_an_epoch_takes_every_sample_once(n: int, size: int, seed: int) -> None:
    X = np.arange(n, dtype=np.float32)[:, None]
    data = Data(X, np.arange(n))
    batches = Batches(data, size, np.dtype("float32"), np.random.default_rng(seed))
    seen = []
    for rows, targets, _, _ in batches:
        assert np.array_equal(rows[:, 0], targets)
        seen += targets.tolist()
    assert sorted(seen) == list(range(n))


@quiet
@given(st.lists(floats, min_size=2, max_size=8))
def test_probabilities_are_finite_and_sum_to_one(values: list[float]) -> None:
    Z = np.array([values])
    A, (m, rest) = softmax(Z)
    assert np.isclose(A.sum(), 1, rtol=1e-12)
    assert m + rest >= Z.max()
    assert ((sigmoid(Z) >= 0) & (sigmoid(Z) <= 1)).all()
    assert (softplus(Z) >= np.maximum(Z, 0)).all()


@quiet
@given(
    counts=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    folds=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_folds_share_every_class_evenly(counts: list[int], folds: int, seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    parts = cut(y, folds, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(y)))
    for label, count in enumerate(counts):
        shares = [int((y[part] == label).sum()) for part in parts]
        assert count // folds <= min(shares)
        assert max(shares) <= -(-count // folds)
