"""Metrics on answers, yes or no, beside targets that are none."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Dense, Sigmoid, Softmax, Tanh
from backprop.metrics import AUC, Accuracy, BinaryAccuracy, BinaryIoU, F1Score, Precision

X = np.random.default_rng(0).normal(size=(12, 3))
YES = np.arange(12) % 2.0
NUMBERS = YES * 30 + 25
SIGNS = 2 * YES - 1
SOFT = np.linspace(0, 1, 12)


def fit(y, metrics, loss="mse", end=(), outputs=1, **options):
    model = bp.Sequential([Dense(outputs), *(kind() for kind in end)], seed=0)
    model.compile("sgd", loss, metrics=metrics)
    return model.fit(X, y, verbose=0, **options)


@pytest.mark.parametrize(
    "metric", ["accuracy", "precision", "f1_score", "auc", BinaryAccuracy(), BinaryIoU()], ids=str
)
def test_numbers_are_no_answers(metric):
    with pytest.warns(RuntimeWarning, match=r"above 0\.5 for yes.*y holds 25, 55, ….*'mae'"):
        fit(NUMBERS, ["mae", metric])
    with pytest.warns(RuntimeWarning, match=r"y holds"):
        fit(np.column_stack([NUMBERS, YES]), [Precision(), "mae"], outputs=2)


@pytest.mark.parametrize("verb", ["train_on_batch", "evaluate"])
def test_it_is_said_once_and_also_of_single_steps_and_evaluations(verb):
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["accuracy"])
    with pytest.warns(RuntimeWarning, match="y holds"):
        getattr(model, verb)(X, NUMBERS)
    getattr(model, verb)(X, NUMBERS)


@pytest.mark.parametrize("metric", ["accuracy", "precision", BinaryAccuracy(), F1Score()], ids=str)
def test_signs_are_answers_from_the_threshold_0_on(metric):
    with pytest.warns(RuntimeWarning, match=r"y holds -1, 1, …: pass .* the threshold 0, or"):
        fit(SIGNS, [metric], end=[Tanh])


@pytest.mark.parametrize("metric", ["precision", "binary_accuracy", BinaryIoU()], ids=str)
def test_so_they_are_of_several_outputs_each(metric):
    with pytest.warns(RuntimeWarning, match=r"y holds -1, 1, …: pass .* the threshold 0, or"):
        fit(np.column_stack([SIGNS, -SIGNS]), [metric], end=[Tanh], outputs=2)


@pytest.mark.parametrize("metric", ["accuracy", "f1_score", Precision(top_k=1), AUC()], ids=str)
def test_metrics_that_compare_outputs_have_no_threshold(metric):
    fit(np.column_stack([SIGNS, -SIGNS]), [metric], end=[Tanh], outputs=2)


def test_the_threshold_0_is_no_advice_for_outputs_that_are_all_above_0():
    with pytest.warns(RuntimeWarning, match="y holds -1, 1, …: pass targets of 0 and 1") as found:
        fit(SIGNS, ["accuracy"], end=[Sigmoid])
    assert "threshold 0" not in str(found[0].message)
    fit(SIGNS, ["accuracy"], "hinge", end=[Sigmoid])  # by which ½ is right


@pytest.mark.parametrize("end", [[Sigmoid], [Tanh], []], ids=str)
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_hinge_divides_probabilities_at_a_half_and_scores_at_0(loss, end):
    """After a sigmoid every answer was yes."""
    model = bp.Sequential([Dense(1), *(layer() for layer in end)], seed=0)
    y = (X[:, 0] > 0.3).astype(float)
    model.compile(bp.optimizers.SGD(0.3), loss, metrics=["accuracy", "precision"])
    model.fit(X, y, epochs=50, verbose=0)
    found = model.predict(X) > (0.5 if end == [Sigmoid] else 0)
    assert 0 < found.mean() < 1
    _, accuracy, precision = model.evaluate(X, y, verbose=0)
    right = found == (y.reshape(found.shape) > 0)
    assert accuracy == pytest.approx(right.mean())
    assert precision == pytest.approx(right[found].mean())


def test_right_uses_are_silent():
    zero = [Accuracy(threshold=0), Precision(0), BinaryIoU(threshold=0), AUC()]
    fit(SIGNS, zero, end=[Tanh])
    fit(SIGNS, ["accuracy", "precision"], "hinge")
    fit(YES, ["accuracy", "precision"], "hinge")
    fit(NUMBERS, ["mae", "r2_score"])
    for y in (YES, YES > 0, SOFT):
        fit(y, ["accuracy", "precision", "auc", "binary_accuracy"], "bce", [Sigmoid])
        fit(y, ["accuracy", "precision"], "mse", [Sigmoid])
    fit(YES.astype(int), ["accuracy"], "sparse_categorical_crossentropy", [Softmax], 2)
    fit(np.where(YES > 0, 1.0, 55), ["accuracy"], sample_weight=YES)
