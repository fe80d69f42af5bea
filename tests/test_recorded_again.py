"""Long steps: recorded on arrays of their own, replayed for all batches and in the next fit."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from layer_cases import CASES as LAYERS
from layer_cases import others_long
from rows import thirds
from sharing import share_every_step
from test_recorded import ACTIONS, At, assert_same, data, inside, network, network_with, replayed

import backprop as bp
from backprop.engine import recorded as replay
from backprop.layers import (
    BatchNormalization,
    Columns,
    Dense,
    Dropout,
    Embedding,
    Exponential,
    Flatten,
    Identity,
    LayerNormalization,
    Normalization,
    ReLU,
    Rescaling,
    Softmax,
)

__all__ = ["replayed"]  # a fixture


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch):
    monkeypatch.setattr(replay, "RECORD_AFTER", 8)
    monkeypatch.setattr(replay, "LONG", 0.0)
    monkeypatch.setattr(replay, "MIDDLING", 0.0)
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


@pytest.mark.parametrize("case", thirds(others_long(c for c in LAYERS if c.recorded), 2), ids=str)
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
    step = weakref.ref(next(iter(model._last_steps.steps.values())))
    change(model)
    trained(model, x, y, 1, batch_size=24, epochs=1)  # of one step, which is not recorded
    gc.collect()
    assert step() is None
    assert replayed == [True]


def test_errors_of_numbers_are_treated_as_by_the_layers(replayed):
    """Only where errors raise is it noted that they do not where infinity is meant."""
    x, y, _ = data(24)
    model = network(Dense(3), Exponential())
    with np.errstate(over="warn"):
        trained(model, x, y, 1)
    model.layers[0].W *= 1000
    with np.errstate(over="raise"), pytest.warns(RuntimeWarning, match="training has diverged"):
        trained(model, x, y, 1)
    assert replayed == [True]


def test_what_was_adapted_between_fits_stays():
    x, y, _ = data(24)
    model = network(Normalization(), Dense(5), ReLU())
    for factor in (1, 3):
        model.layers[0].adapt(factor * x)
        trained(model, x, y, 1)
        np.testing.assert_allclose(model.layers[0].mean, factor * x.mean(0), rtol=1e-6)


def test_deltas_of_an_earlier_fit_are_gone(by_layers):
    """In a fit, a matched head computes no ∂E/∂A of its last layer."""

    def look(model, number):
        with pytest.raises(ZeroDivisionError):
            trained(model, x, y, 1, callbacks=[At("on_train_batch_end", lambda *_: 1 / 0)])

    x, y, _ = data(24)
    compare(noisy, x, y, by_layers, between=look, fits=1)


@pytest.mark.parametrize("front", [Rescaling(1.0), Columns([0, 1]), Identity()])
@pytest.mark.parametrize("wrong", [-1, 5, 1.5])
def test_numbers_for_an_embedding_are_looked_at(front, wrong):
    """Behind a layer that computes, it looks at every step; else x is looked at before."""
    model = network(copy.deepcopy(front), Embedding(5, 3), Flatten())
    x = np.random.default_rng(0).integers(0, 5, (24, 3)).astype("float32")
    y = data(24)[1]
    trained(model, x, y, 2)
    x[20, 1] = wrong
    before = model.optimizer.iterations
    with pytest.raises(ValueError, match="takes whole numbers"):
        trained(model, x, y, 1, shuffle=False)
    assert model.optimizer.iterations == before + 5 * isinstance(front, Rescaling)


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


def test_a_model_is_let_go_with_its_steps():
    x, y, _ = data(24)
    model = noisy()
    model.layers[0]._owner = model  # as a schedule or a layer may look at it
    trained(model, x, y, 2)
    gone = weakref.ref(model), weakref.ref(model._last_steps)
    del model
    gc.collect()
    assert [each() for each in gone] == [None, None]


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
    monkeypatch.setattr(replay, "MIDDLING", 0.5)
    x, y, _ = data(40)
    x = x.astype("float32")
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    made = [(x[k : k + 4].copy(), y[k : k + 4].copy()) for k in range(0, 40, 4)]
    model.fit(made, epochs=3, verbose=0)
    assert replayed == []


def test_middling_steps_are_recorded_after_eight(replayed, monkeypatch):
    monkeypatch.setattr(replay, "LONG", np.inf)
    x, y, _ = data(40)
    model = network(Dense(5), ReLU())
    made = [(x[k : k + 4].copy(), y[k : k + 4].copy()) for k in range(0, 40, 4)]
    trained(model, made[:8], None, 1, batch_size=None, epochs=1)
    assert replayed == []
    trained(model, made[:9], None, 1, batch_size=None, epochs=1)
    assert replayed == [True]
    trained(model, made, None, 3, batch_size=None, epochs=1)  # with the step of the fit before
    assert replayed == [True]


def test_a_model_that_cannot_be_recorded_is_not_tried_in_each_fit(replayed):
    class Halved(replay.Tape):
        def end(self):
            super().end()
            self.failure = "told so"

    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "Tape", Halved)
        trained(model, x, y, 3)
    assert replayed == [False]
    trained(model, x, y, 1)
    assert replayed == [False]
    model.layers[0].trainable = False  # with other settings it is tried again
    trained(model, x, y, 1)
    assert replayed == [False, True]


def test_large_inputs_of_little_work_are_not_copied(replayed, monkeypatch):
    monkeypatch.setattr(replay, "COPIED", 1.0)
    x, y, _ = data(40)
    model = network(Dense(5), ReLU())
    trained(model, x, y, 2, shuffle=False)
    assert replayed == []
    trained(model, x, y, 1)  # in the same arrays, as always
    assert replayed == [True]
    assert "_last_steps" not in vars(model)


def test_what_batches_are_drawn_into_is_not_held_twice():
    x, y, w = data(24)
    seen = []
    model = network(Dense(5), ReLU())
    model.fit(
        *(x, y),
        batch_size=4,
        verbose=0,
        sample_weight=w,
        callbacks=[At("on_train_batch_end", lambda model, _: seen.append(model.layers[0].X))],
    )
    (step,) = model._last_steps.steps.values()
    assert all(np.shares_memory(X, step.X) for X in seen)
