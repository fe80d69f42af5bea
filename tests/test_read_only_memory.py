"""Models that another process sent in memory for reading alone go on training.

joblib maps large arrays that it hands to its workers, Ray and Dask share theirs, and
``joblib.load(path, mmap_mode="r")`` maps a file.
"""

import pickle

import joblib
import numpy as np
import pytest

from backprop import Sequential, metrics, optimizers
from backprop.estimators import MLPClassifier
from backprop.layers import BatchNormalization, Dense, Dropout, PReLU, Sigmoid

X = np.random.default_rng(0).standard_normal((24, 3)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)


def shared(made):
    """What a process reads of an object whose arrays lie in memory that others share."""
    buffers = []
    text = pickle.dumps(made, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(text, buffers=[bytes(each.raw()) for each in buffers])


def mapped(made):
    """What joblib reads of a file that it maps, in an empty folder."""
    joblib.dump(made, "made.pkl")
    return joblib.load("made.pkl", mmap_mode="r")


@pytest.fixture(params=[shared, mapped], autouse=True)
def sent(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return request.param


def trained(optimizer, layers=(), watched=("accuracy",)):
    model = Sequential([*layers, Dense(4), PReLU(), Dense(1), Sigmoid()], seed=0)
    model.compile(optimizer, "binary_crossentropy", metrics=list(watched))
    model.fit(X, y, epochs=2, batch_size=10, verbose=0)
    return model


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adafactor", "Muon", "LBFGS", "RMSprop"])
def test_a_fit_goes_on(sent, name):
    model = trained(getattr(optimizers, name)())
    again = sent(model)
    first, second = (each.fit(X, y, epochs=2, verbose=0).history for each in (model, again))
    assert first == second


def test_the_state_of_an_optimizer_goes_on(sent):
    optimizer = optimizers.SGD(0.1, momentum=0.9, use_ema=True, gradient_accumulation_steps=2)
    model = trained(optimizer, [BatchNormalization(), Dropout(0.2)])
    again = sent(model)
    for _ in range(3):
        assert model.train_on_batch(X, y) == again.train_on_batch(X, y)
    for mine, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_metrics_go_on_counting(sent):
    watched = [metrics.F1Score(average=None), metrics.R2Score(), metrics.Recall([0.2, 0.5])]
    model = trained("adam", watched=watched)
    again = sent(model)
    first, second = (each.fit(X, y, verbose=0).history for each in (model, again))
    assert first == second


def test_the_file_of_a_model_is_not_written_to(sent):
    joblib.dump(trained("adam"), "model.pkl")
    with open("model.pkl", "rb") as file:
        before = file.read()
    joblib.load("model.pkl", mmap_mode="r+").fit(X, y, verbose=0)
    with open("model.pkl", "rb") as file:
        assert file.read() == before


def test_a_layer_by_itself_learns(sent):
    layer = Dense(2)
    layer.build((3,), np.random.default_rng(0), np.float64)
    layer = sent(layer)
    layer.forward(X.astype(np.float64), training=True)
    layer.backward(np.ones((24, 2)))
    np.testing.assert_allclose(layer.db, [24, 24])
    layer.W[...] = 0
    assert not layer.forward(X.astype(np.float64)).any()


def test_an_estimator_goes_on(sent):
    made = MLPClassifier((4,), max_iter=3, random_state=0).partial_fit(X, y, classes=[0, 1])
    again = sent(made)
    for each in (made, again):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(made.coefs_[0], again.coefs_[0])
