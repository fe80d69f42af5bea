"""Metrics used by hand: predictions stand first, and targets in their place are noticed."""

import numpy as np
import pytest

import backprop as bp
from backprop import metrics
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Sigmoid

R = np.random.default_rng(0)
TRUE, SHARES = R.integers(0, 2, (40, 3)), R.random((40, 3))
MADE = [
    metrics.BinaryAccuracy,
    metrics.Precision,
    metrics.Recall,
    lambda: metrics.F1Score(threshold=0.5),
    metrics.TruePositives,
    metrics.AUC,
    metrics.BinaryIoU,
    lambda: metrics.PrecisionAtRecall(0.5),
    metrics.BinaryCrossentropy,
]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("columns", [slice(0, 1), slice(0, 3)])
def test_targets_in_the_place_of_predictions(make, columns):
    metric = make()
    words = r"predictions are all 0 and 1, but the targets lie between .* the predictions first"
    with pytest.raises(ValueError, match=words):
        metric.update(TRUE[:, columns], SHARES[:, columns])
    metric.reset()
    metric.update(SHARES[:, columns], TRUE[:, columns])
    assert np.isfinite(metric.result())
    hard = (SHARES[:, columns] > 0.5).astype(float)
    metric.update(hard, TRUE[:, columns].astype(float))  # decisions may be counted, too


@pytest.mark.parametrize("make", [*MADE, metrics.Accuracy])
def test_targets_that_all_mean_yes(make):
    """Of classes 1 and 2 each is above ½: precision was 1, AUC nan."""
    for wrong in (TRUE[:, 0] + 1, TRUE[:, :1] + 1.0, np.arange(40) + 1):
        metric = make()
        with pytest.raises(ValueError, match=r"run from \d+ to \d+: pass targets of 0 and 1"):
            metric.update(SHARES[:, :1], wrong)
    metric.update(SHARES[:, 0], np.ones(40, int))  # a batch may hold nothing else


def test_two_numbers_are_classes_to_those_who_warn():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["precision"])
    X, advice = R.standard_normal((40, 2)), "pass targets of 0 and 1"
    with pytest.warns(RuntimeWarning, match=f"holds 1, 2, …: {advice}"):
        model.fit(X, TRUE[:, 0] + 1, verbose=0)


def test_the_accuracy_of_one_output():
    with pytest.raises(ValueError, match="the predictions first"):
        metrics.Accuracy().update(TRUE[:, 0], SHARES[:, 0])


@pytest.mark.parametrize("make", [
    metrics.CategoricalCrossentropy, metrics.SparseCategoricalCrossentropy, metrics.KLDivergence,
])  # fmt: skip
def test_one_hot_rows_in_the_place_of_probabilities(make):
    one_hot, P = np.eye(3)[TRUE[:, 0]], SHARES / SHARES.sum(axis=1, keepdims=True)
    metric = make()
    with pytest.raises(ValueError, match="the predictions first"):
        metric.update(one_hot, P)
    metric.update(P, one_hot)
    assert np.isfinite(metric.result())


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("make", [
    metrics.Accuracy, metrics.SparseCategoricalAccuracy, metrics.F1Score, metrics.Recall,
    metrics.SparseCategoricalCrossentropy, metrics.SparseTopKCategoricalAccuracy, metrics.AUC,
    lambda: metrics.MeanIoU(3),
])  # fmt: skip
def test_class_indices_in_the_place_of_rows(make, column):
    indices = TRUE.sum(axis=1) % 3
    indices = indices[:, np.newaxis] if column else indices
    with pytest.raises(ShapeError, match=r"write metric\.update\(prediction, target\), the pred"):
        make().update(indices, SHARES)


@pytest.mark.parametrize("make", [
    metrics.Precision, lambda: metrics.F1Score(threshold=0.5), metrics.TruePositives,
    metrics.AUC, lambda: metrics.PrecisionAtRecall(0.5), metrics.R2Score,
])  # fmt: skip
@pytest.mark.parametrize(("before", "now"), [(1, 3), (3, 1), (3, 2), (1, 2)])
def test_samples_of_another_model_need_a_reset(make, before, now):
    """Counts of one output and of three would be broadcast."""
    metric = make()
    metric.update(SHARES[:, :before], TRUE[:, :before])
    with pytest.raises(ShapeError, match=rf"with {before} outputs?, but these have {now}: call"):
        metric.update(SHARES[:, :now], TRUE[:, :now])
    metric.reset()
    metric.update(SHARES[:, :now], TRUE[:, :now])


def test_a_model_may_learn_shares():
    names = ["binary_accuracy", "precision", "auc"]
    model = bp.Sequential([Dense(3), Sigmoid()], seed=0)
    model.compile("adam", "binary_crossentropy", metrics=names)
    X = 1e4 * R.standard_normal((40, 2))  # so that all predictions are 0 or 1
    model.fit(X, SHARES, verbose=0)
    assert np.isfinite(model.evaluate(X, SHARES)).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "longdouble"])
def test_targets_that_are_not_finite(wrong, dtype):
    """A comparison with nan is False, as if it were the answer no."""
    y, large = TRUE.astype(dtype), np.finfo(dtype).max
    y[7, 1] = wrong
    for make in (*MADE, metrics.Accuracy, metrics.R2Score, metrics.MeanIoU(3).apart):
        with pytest.raises(ValueError, match=r"target holds nan or infinite numbers.* row 7"):
            make().update(SHARES, y)
    classes = np.array([0, 2, wrong], dtype)
    with pytest.raises(ValueError, match=r"target holds nan or infinite numbers.* row 2"):
        metrics.SparseCategoricalAccuracy().update(SHARES[:3], classes)
    metrics.Precision().update(SHARES, np.full(SHARES.shape, large))  # whose squares overflow


@pytest.mark.parametrize("name", ["huber", "half_squared_error", "binary_focal_crossentropy"])
@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 40)])
def test_a_loss_as_a_metric_takes_numbers_in_a_row(name, weight):
    """As the metrics of their own, such as ``MeanSquaredError``, do for one output."""
    flat, column = (metrics.LossMetric(bp.losses.get(name)) for _ in range(2))
    flat.update(SHARES[:, 0], TRUE[:, 0], weight)
    column.update(SHARES[:, :1], TRUE[:, :1], weight)
    assert flat.result() == column.result()
    for prediction, target in ((TRUE[:, 0], SHARES), (SHARES[0, 0], TRUE[0, 0])):
        with pytest.raises(ShapeError, match=r"metric .* one target for each output"):
            flat.update(prediction, target)


@pytest.mark.parametrize(
    "make",
    [*MADE[1:6], lambda: metrics.TopKCategoricalAccuracy(2), lambda: metrics.MeanIoU(3)],
)
def test_shares_in_the_place_of_class_indices(make):
    """Cut off at the point they would all be of class 0."""
    words = r"are whole numbers from 0 to 2.*, but the targets run from 0\.\d+ to 0\.\d+"
    with pytest.raises(ValueError, match=words):
        make().update(SHARES, SHARES[:, 0])
    metric = make()
    metric.update(SHARES, TRUE.argmax(1).astype(float))
    assert np.isfinite(metric.result())
