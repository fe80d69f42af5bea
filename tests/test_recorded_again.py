"""Long steps: recorded on arrays of their own, replayed for all batches and in the next fit."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from layer_cases import CASES as LAYERS
from sharing import share_every_step
from test_recorded import ACTIONS, assert_same, data, inside, network, network_with, replayed

import backprop as bp
from backprop.engine import recorded as replay
from backprop.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    LayerNormalization,
    ReLU,
    Softmax,
)

__all__ = ["replayed"]  # a fixture


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch):
    monkeypatch.setattr(replay, "RECORD_AFTER", 8)
    monkeypatch.setattr(replay, "LONG", 0.0)
    monkeypatch.setattr(replay, "COPIED", 0.0)


def noisy():
    return network(Dense(5, kernel_regularizer="l2"), BatchNormalization(), Dropout(0.2))


def trained(model, x, y, fits=3, between=None, **options):
    """The histories of some fits, with what is done between them."""
    options = {"batch_size": 4, "epochs": 2, "verbose": 0, **options}
    found = []
    for k in range(fits):
        found.append(model.fit(x, y, **options).history)
        if between:
            between(model, k + 1)
    return found


def compare(make, x, y, by_layers, between=None, **options):
    """Some fits of two models of the same seed, the second by its layers: all bits are the same."""
    models = make(), make()
    histories = [trained(models[0], x, y, between=between, **options)]
    by_layers()
    histories.append(trained(models[1], x, y, between=between, **options))
    assert histories[0] == histories[1]
    assert_same(*map(inside, models))


@pytest.mark.parametrize("case", [case for case in LAYERS if case.recorded], ids=str)
def test_any_layer_in_fits_one_after_the_other(case, by_layers, replayed):
    x, y = case.batch(26, 3)
    compare(lambda: network_with(case), x, y, by_layers, epochs=3)
    assert replayed == [True, True]  # full batches, and the short one at the end of an epoch


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_what_is_changed_between_fits_is_noticed(action, by_layers):
    x, y, w = data()
    compare(noisy, x, y, by_layers, between=action, sample_weight=w)


def validate(model, number):
    x, y, _ = data(9)
    model.evaluate(x, y, batch_size=4)
    model.predict(x[:4])
    model.fit(x, y, batch_size=3, verbose=0)  # leaves other arrays in the layers


def another_generator(model, number):
    model.layers[2]._rng = np.random.default_rng(number)


def add_a_layer(model, number):
    if number == 2:
        model.add(Dense(3))
        model.add(Softmax())
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])


def another_optimizer(model, number):
    model.compile(bp.optimizers.LBFGS() if number == 1 else "sgd", model.loss)


@pytest.mark.parametrize("action", [validate, another_generator, add_a_layer])
def test_what_else_is_done_between_fits(action, by_layers):
    compare(noisy, *data()[:2], by_layers, between=action)


@pytest.mark.parametrize("threads", [1, 2])
def test_another_optimizer_with_the_same_loss(threads, by_layers, monkeypatch):
    monkeypatch.setattr(replay, "several", lambda: threads)
    share_every_step(monkeypatch)
    x, y, _ = data(24)
    options = {"between": another_optimizer, "batch_size": 24, "epochs": 4}
    compare(lambda: network(Dense(8), ReLU()), x, y, by_layers, **options)


def test_the_next_fit_begins_with_a_replay(replayed, monkeypatch):
    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    trained(model, x, y, 1)
    monkeypatch.setattr(model.layers[0].__class__, "forward", None)
    trained(model, x, y, 2)
    assert replayed == [True]


def changed_loss(model):
    model.compile("adam", "sparse_categorical_crossentropy")


def another_rate(model):
    model.layers[2].rate = 0.5


@pytest.mark.parametrize("change", [changed_loss, another_rate])
def test_steps_of_another_model_are_forgotten(change, replayed):
    x, y, _ = data(24)
    model = noisy()
    trained(model, x, y, 1)
    step = weakref.ref(next(iter(replay.LAST[model][1].values())))
    change(model)
    trained(model, x, y, 1, batch_size=24, epochs=1)  # of one step, which is not recorded
    gc.collect()
    assert step() is None
    assert replayed == [True]


def test_more_threads_are_noticed(replayed, monkeypatch):
    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    for n in (1, 2, 2, 1):
        monkeypatch.setattr(replay, "several", lambda n=n: n)
        trained(model, x, y, 1)
    assert len(replayed) == 3


def test_inputs_that_are_larger_than_those_recorded_are_looked_at_again(replayed):
    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    for factor, recorded in ((1.0, 1), (0.5, 1), (2.0, 2), (1.5, 2)):
        trained(model, factor * x, y, 1)
        assert len(replayed) == recorded


def test_a_model_is_let_go_with_its_steps(replayed):
    x, y, _ = data(24)
    model = noisy()
    trained(model, x, y, 2)
    assert model in replay.LAST
    gc.collect()
    before = len(replay.LAST)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert len(replay.LAST) == before - 1


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_steps_of_its_own(way, by_layers):
    def make():
        first = noisy()
        trained(first, x, y, 1)
        second = way(first)
        second.set_weights([w + 0.1 for w in second.get_weights()])
        return first, second

    x, y, _ = data()
    found = []
    for _ in range(2):
        models = make()
        for model in (*models, *models):
            trained(model, x, y, 1)
        found.append([inside(model) for model in models])
        by_layers()
    for one, other in zip(*found, strict=True):
        assert_same(one, other)


# --------------------------------------------------------------- batches in arrays of their own


def test_unshuffled_data_is_replayed(by_layers, replayed):
    x, y, w = data()
    kept = x.astype("float32")
    before = kept.copy()
    compare(noisy, kept, y, by_layers, shuffle=False, sample_weight=w, epochs=3)
    assert replayed == [True, True]
    np.testing.assert_array_equal(kept, before)


def test_streams_are_replayed_and_their_arrays_left_alone(by_layers, replayed):
    x, y, _ = data(36)
    x = x.astype("float32")
    made = [(x[k : k + 4].copy(), y[k : k + 4].copy()) for k in range(0, 36, 4)]
    made += made[:2]
    compare(noisy, made, None, by_layers, batch_size=None)
    assert replayed == [True]
    for k, (inputs, targets) in enumerate(made[:9]):
        np.testing.assert_array_equal(inputs, x[4 * k : 4 * k + 4])
        np.testing.assert_array_equal(targets, y[4 * k : 4 * k + 4])


def test_batches_in_another_order_of_memory_go_by_the_layers(by_layers, replayed):
    x, y, _ = data(36, 40)
    x = x.astype("float32")
    pairs = [(x[k : k + 4].copy(), y[k : k + 4]) for k in range(0, 36, 4)]
    made = [(np.asfortranarray(a) if k % 3 == 2 else a, b) for k, (a, b) in enumerate(pairs)]
    compare(lambda: network(LayerNormalization()), made, None, by_layers, batch_size=None)
    assert replayed == [True]


def test_a_batch_with_weights_is_another_one(by_layers, replayed):
    x, y, w = data(32)
    x, w = x.astype("float32"), w.astype("float32")
    made = [(x[k : k + 4], y[k : k + 4], *[w[k : k + 4]] * (k % 8 == 0)) for k in range(0, 32, 4)]
    for weighted in (made[::2], made[1::2]):
        compare(noisy, weighted, None, by_layers, batch_size=None)


@pytest.mark.parametrize(
    ("lengths", "recorded"),
    [
        ((2, 3, 4) * 8, 0),
        ((2, 2, 2, 2, 3, 3, 3, 2, 3, 4, 4, 2, 5, 5, 5), 3),
        ((2,) * 3 + (3,) * 3, 2),
    ],
)
def test_shapes_that_come_in_a_row_are_recorded(lengths, recorded, by_layers, replayed):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 9, 3)).astype("float32")
    y = rng.integers(0, 3, (4, 9))
    made = [(x[:, :n].copy(), y[:, :n].copy()) for n in lengths]
    compare(lambda: network(Dense(4), ReLU()), made, None, by_layers, batch_size=None, fits=1)
    assert replayed == [True] * recorded


def test_of_many_shapes_some_are_recorded(by_layers, replayed):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 9, 3)).astype("float32")
    y = rng.integers(0, 3, (4, 9))
    made = [(x[:, :n].copy(), y[:, :n].copy()) for n in np.repeat(np.arange(2, 10), 4)]
    compare(lambda: network(Dense(4), ReLU()), made, None, by_layers, batch_size=None)
    assert replayed == [True] * replay.SHAPES


def test_one_step_that_was_interrupted_is_not_long(replayed, monkeypatch):
    times = iter([0.0, 1.0, 1.0, 1.001, 2.0, 3.0, *[4.0] * 1000])  # seconds 1, 0.001, 1, 0 …
    monkeypatch.setattr(replay, "perf_counter", lambda: next(times))
    monkeypatch.setattr(replay, "LONG", 0.5)
    x, y, _ = data(40)
    x = x.astype("float32")
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    made = [(x[k : k + 4].copy(), y[k : k + 4].copy()) for k in range(0, 40, 4)]
    model.fit(made, epochs=3, verbose=0)
    assert replayed == []


def test_large_inputs_of_little_work_are_not_copied(replayed, monkeypatch):
    monkeypatch.setattr(replay, "COPIED", 1.0)
    x, y, _ = data(40)
    model = network(Dense(5), ReLU())
    trained(model, x, y, 2, shuffle=False)
    assert replayed == []
    trained(model, x, y, 1)  # in the same arrays, as always
    assert replayed == [True]
    assert model not in replay.LAST
