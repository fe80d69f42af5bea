"""History: what ``fit`` returns, and its picture."""

import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure

import backprop as bp
from backprop import History
from backprop.layers import Dense, Softmax


@pytest.fixture
def model():
    model = bp.Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def data(rng):
    return rng.normal(size=(20, 3)), rng.integers(0, 2, 20)


def test_history_of_a_fit(model, data):
    history = model.fit(*data, batch_size=8, epochs=3, validation_split=0.25, verbose=0)
    assert isinstance(history, History)
    assert model.history is history
    assert history.model is model
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert {len(values) for values in history.history.values()} == {3}
    assert {type(value) for values in history.history.values() for value in values} == {float}
    assert history.params == {"epochs": 3, "steps": 2, "verbose": 0, "validation": True}


def test_every_fit_has_a_history_of_its_own(model, data):
    first = model.fit(*data, verbose=0)
    second = model.fit(*data, epochs=2, verbose=0)
    assert (first.epoch, second.epoch) == ([0], [0, 1])
    assert model.history is second


def test_epochs_are_collected_by_name():
    history = History()
    history.on_epoch_end(4, {"loss": 0.5})
    history.on_epoch_end(5, {"loss": 0.25, "val_loss": 1.0})
    history.on_epoch_end(6)
    assert history.history == {"loss": [0.5, 0.25], "val_loss": [1.0]}
    assert history.epoch == [4, 5, 6]


def test_repr_shows_the_last_numbers():
    history = History()
    assert repr(history) == "<History of 0 epochs>"
    history.on_epoch_end(0, {"loss": 0.5, "accuracy": 2 / 3})
    history.on_epoch_end(1, {"loss": 0.25, "accuracy": 0.75})
    assert repr(history) == "<History of 2 epochs: loss=0.25, accuracy=0.75>"
    history.history = {"loss": [np.float32(0.25)], "note": ["warm-up"], "all": [np.array([1, 2])]}
    assert repr(history) == "<History of 2 epochs: loss=0.25, note=warm-up, all=[1 2]>"
    history.history = {"time": [np.timedelta64(3, "s")]}
    assert repr(history) == "<History of 2 epochs: time=3 seconds>"


def test_plot_draws_the_numbers_and_saves_them(model, data, tmp_path):
    history = model.fit(*data, epochs=4, validation_split=0.25, verbose=0)
    figure = history.plot(tmp_path / "training.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    drawn = [line.get_ydata() for axes in figure.axes for line in axes.lines]
    for values in history.history.values():
        assert any(len(y) == 4 and np.array_equal(y, values) for y in drawn)
    only = history.plot(keys=["loss"])
    assert len(only.axes) == 1


def test_history_survives_pickling(model, data):
    history = model.fit(*data, epochs=2, verbose=0)
    again = pickle.loads(pickle.dumps(history))
    assert (again.history, again.epoch) == (history.history, history.epoch)
