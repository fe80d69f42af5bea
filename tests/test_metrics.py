"""Metrics in trainings: one's own, epoch by epoch, and what a model says of its outputs."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Chain, Dense, LogSoftmax, ReLU, Reshape, Sigmoid, Softmax, Tanh
from backprop.metrics import Metric


def test_unfinished_metric_says_what_is_missing():
    metric = Metric("mine")
    with pytest.raises(NotImplementedError, match=r"Metric must define reset\(\)"):
        metric.reset()
    with pytest.raises(NotImplementedError, match=r"Metric must define update"):
        metric.update(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(NotImplementedError, match=r"Metric must define result\(\)"):
        metric.result()


class WorstError(Metric):
    """max |ŷ − y|, a metric that is no mean over batches."""

    def reset(self):
        self.worst = 0.0

    def update(self, prediction, target):
        self.worst = max(self.worst, float(np.max(np.abs(prediction - target))))

    def result(self):
        return self.worst


def test_metric_of_ones_own_in_fit_and_evaluate(rng):
    X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(0), "mse", metrics=[WorstError("worst"), "accuracy"])
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    error = np.abs(model.predict(X) - Y)
    # the second epoch starts anew, and without learning it sees the same errors in another order
    np.testing.assert_allclose(history.history["worst"], [error.max()] * 2, rtol=1e-12)
    loss, worst, _ = model.evaluate(X, Y, batch_size=3)
    assert worst == pytest.approx(error.max(), rel=1e-12)
    assert loss == pytest.approx(np.mean((model.predict(X) - Y) ** 2), rel=1e-12)


def test_metrics_start_anew_in_each_epoch_and_are_of_predictions_before_the_update(rng):
    X, y = rng.normal(size=(12, 3)), rng.integers(0, 2, 12)
    model = bp.Sequential([Dense(2), Softmax()], seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(3.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = []
    for _ in range(5):
        expected.append(np.mean(model.predict(X).argmax(axis=1) == y))
        history = model.fit(X, y, batch_size=12, verbose=0)
        assert history.history["accuracy"] == expected[-1:]
    assert len(set(expected)) > 1

    again = bp.Sequential([Dense(2), Softmax()], seed=0, dtype="float64")
    again.compile(bp.optimizers.SGD(3.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert again.fit(X, y, batch_size=12, epochs=5, verbose=0).history["accuracy"] == expected


@pytest.mark.parametrize("y_shape", [(20,), (20, 1)])
def test_binary_accuracy_of_a_trained_model_whatever_the_shape_of_y(rng, y_shape):
    X = rng.normal(size=(20, 2))
    y = (X[:, 0] > 0).astype(int)
    model = bp.Sequential([Dense(1), Sigmoid()], seed=1)
    model.compile(bp.optimizers.SGD(1.0), "binary_crossentropy", metrics=["acc"])
    history = model.fit(X, y.reshape(y_shape), epochs=3, batch_size=5, verbose=0)
    assert list(history.history) == ["loss", "acc"]
    expected = np.mean((model.predict(X)[:, 0] > 0.5) == y)
    assert model.evaluate(X, y.reshape(y_shape))[1] == expected


def test_thresholds_that_no_output_crosses_are_refused():
    wrong = [
        bp.metrics.BinaryAccuracy(threshold=50),
        bp.metrics.Precision(1.5),
        bp.metrics.Recall([0.5, -1]),
        bp.metrics.F1Score(threshold=2),
        bp.metrics.BinaryIoU(threshold=-0.1),
    ]
    for end in (Sigmoid(), Softmax(), Chain([Softmax(), Reshape((3,))])):
        model = bp.Sequential([Dense(3), end])
        for metric in wrong:
            with pytest.raises(ValueError, match=f"{metric.name}.*lie between 0 and 1, as"):
                model.compile("sgd", "mse", weighted_metrics=[metric])
        model.compile("sgd", "mse", metrics=[bp.metrics.Recall([0, 0.5, 1]), "accuracy"])
    for end in ([], [Tanh()], [ReLU()], [LogSoftmax()]):
        bp.Sequential([Dense(3), *end]).compile("sgd", "mse", metrics=[*wrong, "accuracy"])


@pytest.mark.parametrize("loss", ["binary_crossentropy", "binary_focal_crossentropy", "dice"])
def test_a_softmax_gives_classes_whatever_the_loss(rng, loss):
    X, y = rng.normal(size=(40, 4)), np.eye(4)[rng.integers(0, 4, 40)]
    for last in (lambda: [Dense(4), Softmax()], lambda: [Chain([Dense(4), Softmax()])]):
        model = bp.Sequential(last(), seed=0, dtype="float64")
        model.compile("sgd", loss, metrics=["accuracy"])
        model.fit(X, y, epochs=1, verbose=0)
        guessed = model.predict(X).argmax(axis=1)
        assert model.evaluate(X, y)[1] == np.mean(guessed == y.argmax(axis=1))


def test_precision_of_two_softmax_outputs_is_that_of_class_1_after_a_binary_loss(rng):
    X, y = rng.normal(size=(40, 4)), rng.integers(0, 2, 40)
    model = bp.Sequential([Dense(2), Softmax()], seed=0, dtype="float64")
    model.compile("sgd", "binary_crossentropy", metrics=["precision"])
    model.fit(X, np.eye(2)[y], verbose=0)
    yes = model.predict(X).argmax(axis=1) == 1
    assert model.evaluate(X, np.eye(2)[y])[1] == np.mean(y[yes] == 1)
