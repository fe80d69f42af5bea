"""Predictions for a few rows give the bits of the layers, whatever was changed before them."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from layer_cases import ALL
from rows import thirds
from sharing import at_once

import backprop as bp
from backprop.engine import predictions
from backprop.engine.predictions import RECORD_AFTER, RecordedPass
from backprop.layers import (
    Activation,
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    LeakyReLU,
    ReLU,
    Softmax,
)
from tests.rows import each


def bits(model, X):
    """The outputs by the layers."""
    return model.forward(np.ascontiguousarray(X)).tobytes()


def often(model, X, times=RECORD_AFTER + 3):
    """The outputs of each of some predictions."""
    return [model.predict(X).tobytes() for _ in range(times)]


def recorded(model):
    """The pass that was recorded; None if there is none."""
    return predictions.predictions_of(model)._recorded


@pytest.fixture
def replays(monkeypatch):
    """How many predictions were made by the recorded calls."""
    found = []
    call = RecordedPass.__call__

    def noted(self, X):
        found.append(X.shape)
        return call(self, X)

    monkeypatch.setattr(RecordedPass, "__call__", noted)
    return found


def network(seed=0, *layers):
    return bp.Sequential([Dense(6), LeakyReLU(), *layers, Dense(3), Softmax()], seed=seed)


def rows(n=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 4)).astype(np.float32)


ALWAYS = {"dense", "relu", "sigmoid", "tanh", "softmax", "leaky_relu", "elu", "gelu", "flatten"}
"""Layers of plain networks, which must be recorded: else nothing here would be tested."""


@each("case", thirds(ALL))
def test_every_layer_gives_its_own_bits(case):
    if case.mask is not None:
        return
    model = bp.Sequential([case.make()], seed=0, dtype="float64")
    for n in (1, 3):
        X, other = (case.samples(n, seed=seed)[0] for seed in (1, 2))
        for given in (X, other, X):
            assert set(often(model, given)) == {bits(model, given)}
        assert recorded(model) is not None or case.name not in ALWAYS


def test_the_calls_are_made_again(replays):
    model = network()
    often(model, rows())
    assert len(replays) == 2
    outputs = model.predict(rows())
    model.predict(rows(seed=1))
    assert outputs.tobytes() == bits(model, rows())  # they are an array of the caller's own
    assert len(replays) == 4


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64, np.uint8, bool])
def test_other_numbers_are_converted(kind):
    model = network()
    often(model, rows())
    X = (3 * rows(seed=1)).astype(kind)
    assert model.predict(X).tobytes() == bits(model, X.astype(np.float32))


def test_rows_in_another_order_of_memory(replays):
    model = network()
    often(model, rows(5))
    X = np.asfortranarray(rows(5, 1))
    before = len(replays)
    assert model.predict(X).tobytes() == model.forward(X).tobytes()
    assert len(replays) == before


def test_wrong_inputs_are_refused_as_ever():
    model = network()
    often(model, rows())
    bad = rows()
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match="nan"):
        model.predict(bad)
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        model.predict(np.zeros((2, 5), np.float32))
    model.layers[0].W[0, 0] = np.inf
    with pytest.raises(ValueError, match=r"dense_1\.W"):
        model.predict(rows())


UNSEEN = {"a loss", "another loss"}
IN_PLACE = {"weights", "a weight", "theta"}
CHANGES = {
    "weights": lambda m: m.set_weights([w + 0.5 for w in m.get_weights()]),
    "a weight": lambda m: m.layers[0].W.__setitem__((0, 0), 2.0),
    "theta": lambda m: setattr(m.parameters, "values", m.parameters.values + 0.25),
    "reset": lambda m: m.reset(seed=5),
    "a layer": lambda m: m.add(Dense(2)),
    "a setting": lambda m: setattr(m.layers[1], "negative_slope", 0.6),
    "a loss": lambda m: m.compile("sgd", "categorical_crossentropy"),
    "another loss": lambda m: m.compile("sgd", "mse"),
    "training": lambda m: m.fit(rows(40), np.arange(40) % 3, epochs=3, verbose=0),
    "a step": lambda m: m.train_on_batch(rows(8), np.arange(8) % 3),
    "the method of the last layer": lambda m: setattr(m.layers[-1], "forward", m.layers[0].forward),
    "another method": lambda m: setattr(m.layers[1], "forward", lambda X, training=False: 2 * X),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_change_is_noticed(what, compiled):
    if not compiled and what in {"training", "a step"}:
        return
    model = network()
    if compiled:
        model.compile("sgd", "sparse_categorical_crossentropy")
    X = rows()
    often(model, X)
    assert recorded(model) is not None
    kept, before = recorded(model), bits(model, X)
    if compiled and what == "the method of the last layer":
        with pytest.raises(AttributeError, match="joined SparseCategoricalCrossentropy with Softm"):
            CHANGES[what](model)
        return
    CHANGES[what](model)
    assert kept.stands(model) == (what in IN_PLACE)
    if what == "the method of the last layer":
        return
    after = bits(model, X)
    assert set(often(model, X)) == {after}
    assert (after != before) == (what not in UNSEEN)


def test_training_between_predictions_makes_recording_rare(monkeypatch):
    made = []
    record = predictions.recorded_pass
    monkeypatch.setattr(
        predictions, "recorded_pass", lambda *given: made.append(given) or record(*given)
    )
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(60):
        often(model, rows())
        model.train_on_batch(rows(8), np.arange(8) % 3)
    assert 2 <= len(made) <= 8


def test_what_cannot_be_recorded_is_tried_ever_more_rarely(monkeypatch):
    made = []
    monkeypatch.setattr(predictions, "recorded_pass", lambda *given: made.append(given))
    often(network(), rows(), 400)
    assert 3 <= len(made) <= 6


def test_copies_begin_anew():
    model = network()
    often(model, rows())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert recorded(twin) is None
        twin.parameters.values[...] = 0.125
        assert set(often(twin, rows())) == {bits(twin, rows())} != {bits(model, rows())}
    assert set(often(model, rows())) == {bits(model, rows())}


class Doubled(Activation):
    """An activation of the user's own, which counts its passes."""

    passes = 0

    def f(self, Z, out=None):
        type(self).passes += 1
        return np.multiply(Z, 2, out=out)

    def f_prime(self, Z, A, out):
        out[...] = 2
        return out


@dataclass
class Case:
    layer: object
    rows: int = 2


NOT_RECORDED = {
    "a layer of one's own": Case(Doubled()),
    "a block": Case(Chain([ReLU()])),
    "many rows": Case(ReLU(), predictions.FEW_ROWS + 1),
    "a large network": Case(Dense(predictions.FEW_NUMBERS)),
}


@pytest.mark.parametrize("what", NOT_RECORDED)
def test_what_is_not_recorded(what, replays):
    case = NOT_RECORDED[what]
    model = network(0, copy.deepcopy(case.layer))
    X = rows(case.rows)
    assert set(often(model, X)) == {bits(model, X)}
    assert not replays


def test_noise_and_statistics_rest():
    model = network(0, Dropout(0.5), BatchNormalization())
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(3):
        model.fit(rows(20), np.arange(20) % 3, verbose=0)
        assert set(often(model, rows())) == {bits(model, rows())}


def test_many_threads_each_get_their_own_rows():
    model = network()
    inputs = [rows(2, seed) for seed in range(6)]
    right = [bits(model, X) for X in inputs]
    wrong = []

    def ask(k):
        for _ in range(300):
            if model.predict(inputs[k]).tobytes() != right[k]:
                wrong.append(k)

    at_once(ask, range(6))
    assert not wrong
