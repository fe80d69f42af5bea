"""``fit`` with validation data and with weights: which samples count, and how much."""

import copy

import numpy as np
import pytest
from by_hand import assert_as_by_hand, train_by_hand
from small_models import ETA, assert_same_weights, built, classifier, regressor, shuffles

import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import Dense, Sigmoid
from backprop.optimizers import SGD


@pytest.fixture
def data(rng):
    return rng.normal(size=(13, 3)), rng.normal(size=(13, 2))


# ------------------------------------------------------------------------------- validation


@pytest.mark.parametrize(
    ("fraction", "n_train"), [(0.2, 10), (0.25, 9), (0.3, 9), (0.5, 6), (0.01, 12), (0.9, 1)]
)
def test_validation_split_keeps_the_last_rows_out(data, fraction, n_train):
    X, Y = data  # 13 samples, cut at ⌊13 (1 − f)⌋
    w = np.linspace(1, 2, 13)
    split, by_hand = regressor(), regressor()
    options = {"batch_size": 4, "epochs": 3, "verbose": 0}
    one = split.fit(X, Y, sample_weight=w, validation_split=fraction, **options)
    held_out = (X[n_train:], Y[n_train:], w[n_train:])
    two = by_hand.fit(
        X[:n_train], Y[:n_train], sample_weight=w[:n_train], validation_data=held_out, **options
    )
    assert one.history == two.history
    assert list(one.history) == ["loss", "val_loss"]
    assert_same_weights(split, by_hand)


def test_validation_loss_is_that_of_evaluate_after_each_epoch(rng):
    X, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    held_out = (rng.normal(size=(7, 4)), rng.integers(0, 3, 7), rng.uniform(0, 2, 7))
    found = []

    class Evaluate(Callback):
        def on_epoch_end(self, epoch, logs=None):
            evaluated = self.model.evaluate(*held_out[:2], sample_weight=held_out[2])
            found.append([logs["val_loss"], logs["val_accuracy"]] == evaluated)

    model = classifier(metrics=["accuracy"])
    model.fit(X, y, epochs=3, verbose=0, validation_data=held_out, callbacks=[Evaluate()])
    assert found == [True] * 3
    unweighted = model.fit(X, y, verbose=0, validation_data=held_out[:2]).history["val_loss"][0]
    assert unweighted == pytest.approx(model.evaluate(*held_out[:2])[0], rel=1e-12)
    weighted = model.evaluate(*held_out[:2], sample_weight=held_out[2])[0]
    assert abs(unweighted - weighted) > 1e-3


class Own(bp.losses.Loss):
    """The weighted squared error, of weights that are an array."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def values(self, prediction, target):
        return (self.weights * (prediction - target) ** 2).mean(axis=-1)

    def gradient(self, prediction, target):
        return 2 * self.weights * (prediction - target) / prediction.shape[-1]


class OwnMetric(bp.metrics.MeanMetric):
    def __init__(self, weights):
        super().__init__("own")
        self.weights = weights

    def values(self, prediction, target):
        return (self.weights * abs(prediction - target)).mean(axis=-1)


def larger(y_true, y_pred):
    return abs(y_true - y_pred).max()


def smaller(y_true, y_pred):
    return abs(y_true - y_pred).min()


CHANGED = {
    "a function": ("mse", bp.metrics.FunctionMetric(larger, "m"), "function", smaller),
    "a loss": ("mse", bp.metrics.LossMetric(bp.losses.Huber()), "loss", bp.losses.LogCosh()),
    "an array": ("mse", OwnMetric(np.array([1.0, 2.0])), "weights", np.array([9.0, 9.0])),
    "a number": (bp.losses.Huber(), None, "delta", 0.01),
    "a loss's array": (Own(np.array([1.0, 2.0])), None, "weights", np.array([9.0, 9.0])),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_what_a_callback_changes_in_the_loss_or_a_metric_counts_in_the_validation_too(data, kind):
    loss, metric, name, value = copy.deepcopy(CHANGED[kind])

    class Change(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                setattr(metric or loss, name, value)

        def on_epoch_end(self, epoch, logs=None):
            found = self.model.evaluate(*data, return_dict=True)
            assert found == {key: logs[f"val_{key}"] for key in found}

    model = bp.Sequential([Dense(2)], seed=0)
    model.compile(SGD(1e-9), loss, metrics=[metric] if metric else [])
    given = {"validation_data": data, "verbose": 0, "callbacks": [Change()]}
    history = model.fit(*data, epochs=3, **given).history
    last = [*history.values()][-1]
    assert last[0] != pytest.approx(last[1], rel=1e-3)


def test_a_method_of_a_metric_that_was_replaced_counts_in_its_own_copy(data):
    """It belongs to the metric of the training, whose copy has one of its own."""
    model = regressor(metrics=["mae"])
    metric = model.metrics[0]
    metric.add = type(metric).add.__get__(metric)
    found = model.fit(*data, validation_data=(data[0], data[1] + 9), verbose=0).history
    plain = regressor(metrics=["mae"])
    assert found == plain.fit(*data, validation_data=(data[0], data[1] + 9), verbose=0).history


def test_validation_data_wins_over_the_split_and_may_be_a_list(data):
    X, Y = data
    both, alone = regressor(), regressor()
    one = both.fit(X, Y, validation_split=0.5, validation_data=[X[:2], Y[:2]], verbose=0)
    two = alone.fit(X, Y, validation_data=(X[:2], Y[:2]), verbose=0)
    assert one.history == two.history
    assert_same_weights(both, alone)


def test_validation_changes_nothing_in_training(data):
    watched, alone = regressor(momentum=0.9), regressor(momentum=0.9)
    watched.fit(*data, batch_size=4, epochs=3, validation_data=data, verbose=0)
    alone.fit(*data, batch_size=4, epochs=3, verbose=0)
    assert_same_weights(watched, alone)


# ---------------------------------------------------------------------------------- weights


def test_sample_weights_weight_each_samples_loss(data, rng):
    X, Y = data
    w = rng.uniform(0, 3, 13)
    model = built(regressor())
    orders = shuffles(model, 13, 3)
    weights, losses = train_by_hand(
        model.get_weights(), X, Y, orders, batch_size=4, learning_rate=ETA, sample_weight=w
    )
    history = model.fit(X, Y, batch_size=4, epochs=3, sample_weight=w, verbose=0)
    assert_as_by_hand(history, weights, losses)  # the losses are Σ w ℓ / N, not / Σ w


def test_class_weight_is_the_sample_weight_of_the_class(rng):
    X, c = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    by_class = {0: 0.5, 2: 3.0}  # class 1 is missing: 1
    options = {"batch_size": 6, "epochs": 3, "verbose": 0}
    expected = classifier()
    expected.fit(X, c, sample_weight=np.array([0.5, 1.0, 3.0])[c], **options)
    for y in (c, c.astype(float), c[:, None]):
        model = classifier()
        model.fit(X, y, class_weight=by_class, **options)
        assert_same_weights(model, expected)

    one_hot, with_sample_weight = classifier(), classifier()
    for model, weights in (
        (one_hot, {"class_weight": by_class}),
        (with_sample_weight, {"sample_weight": np.array([0.5, 1.0, 3.0])[c]}),
    ):
        model.compile(SGD(0.1), "categorical_crossentropy")
        model.fit(X, np.eye(3)[c], **weights, **options)
    assert_same_weights(one_hot, with_sample_weight)
    np.testing.assert_allclose(one_hot.get_weights()[0], expected.get_weights()[0], rtol=1e-12)


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
def test_class_weight_of_binary_targets(rng, shape):
    X, y = rng.normal(size=(20, 4)), rng.integers(0, 2, 20)
    models = []
    for weights in ({"class_weight": {1: 4.0}}, {"sample_weight": np.where(y == 1, 4.0, 1.0)}):
        model = bp.Sequential([Dense(1), Sigmoid()], seed=0, dtype="float64")
        model.compile("sgd", "binary_crossentropy")
        model.fit(X, y.reshape(shape), epochs=3, verbose=0, **weights)
        models.append(model)
    assert_same_weights(*models)


def test_class_weight_does_not_weight_the_validation(rng):
    X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    for validation in ({"validation_split": 0.25}, {"validation_data": (X[15:], y[15:])}):
        model = classifier()
        history = model.fit(X, y, class_weight={0: 5.0, 1: 7.0}, verbose=0, **validation)
        plain = model.evaluate(X[15:], y[15:])
        assert history.history["val_loss"] == [pytest.approx(plain, rel=1e-12)]


def test_samples_of_weight_zero_do_not_move_the_weights(data):
    model = built(regressor())
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="no sample of x counts"):
        history = model.fit(*data, sample_weight=np.zeros(13), verbose=0)
    assert history.history["loss"] == [0.0]
    assert_same_weights(model, before)
