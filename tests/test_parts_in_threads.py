"""Models that share a loss or a metric: no two threads compute in its memory at once."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scripts import classes

import backprop as bp
from backprop.callbacks import Callback, EarlyStopping
from backprop.engine.taking_part import exchange, parts
from backprop.engine.tape import Tape
from backprop.engine.traced import plain
from backprop.layers import Dense, Dropout, ReLU, Softmax
from backprop.losses import SparseCategoricalCrossentropy
from backprop.metrics import SparseCategoricalAccuracy

X, Y = classes(60)


def network(loss="sparse_categorical_crossentropy", metrics=None, seed=0, units=16):
    model = bp.Sequential([Dense(units), ReLU(), Dense(3), Softmax()], seed=seed)
    model.compile("sgd", loss, metrics)
    return model


class During(Callback):
    """Calls something in another thread in the middle of a fit, and keeps what it raised."""

    def __init__(self, work):
        self.work, self.raised = work, ""

    def on_epoch_begin(self, epoch, logs=None):
        def run():
            try:
                self.work()
            except RuntimeError as error:
                self.raised = str(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()


@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
@pytest.mark.parametrize("part", ["loss", "metric"])
def test_a_part_that_another_thread_trains_with_is_refused(verb, part):
    if part == "loss":
        made = loss = SparseCategoricalCrossentropy()
        one, other = network(loss), network(loss)
    else:
        made = SparseCategoricalAccuracy()
        one, other = network(metrics=[made]), network(metrics=[made])
    other.build((None, 4))
    before = other.parameters.values.copy()
    during = During(lambda: getattr(other, verb)(X, Y))
    one.fit(X, Y, verbose=0, callbacks=[during])
    assert during.raised.startswith(f"{verb} was called while another model with the same")
    assert f"same {type(made).__name__} is trained in another thread, 'MainThread'" in during.raised
    np.testing.assert_array_equal(other.parameters.values, before)
    other.fit(X, Y, verbose=0)  # now it is free
    alone = network(metrics=[SparseCategoricalAccuracy()])
    alone.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(other.parameters.values, alone.parameters.values)
    np.testing.assert_array_equal(one.parameters.values, alone.parameters.values)


def test_parts_may_be_shared_one_after_the_other_and_evaluated_at_any_time():
    loss, metric = SparseCategoricalCrossentropy(), SparseCategoricalAccuracy()
    one, other = network(loss, [metric]), network(loss, [metric], seed=1)
    expected = other.evaluate(X, Y)
    seen = []
    during = During(lambda: seen.append(other.evaluate(X, Y)))
    one.fit(X, Y, verbose=0, callbacks=[during])
    assert (seen, during.raised) == ([expected], "")
    assert one.loss.unjoined is other.loss.unjoined is loss
    callback = Callback()
    callback.on_epoch_end = lambda epoch, logs: other.train_on_batch(X, Y)
    one.fit(X, Y, verbose=0, callbacks=[callback])  # in the same thread


def test_an_executor_of_threads_gives_the_same_bits_though_parts_are_shared():
    def several():
        loss, metric = SparseCategoricalCrossentropy(), SparseCategoricalAccuracy()
        return [network(loss, [metric], seed=k, units=128) for k in range(6)]

    def run(models, executor=None):
        stop = EarlyStopping("loss", patience=1, min_delta=0.05)
        options = {"epochs": 8, "verbose": 0, "callbacks": [stop], "batch_size": 4}
        return [h.history for h in bp.fit_many(models, X, Y, executor=executor, **options)]

    here, there = several(), several()
    with ThreadPoolExecutor(3) as executor:
        assert run(there, executor) == run(here)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.parameters.values, other.parameters.values)
    assert there[0].loss.unjoined is there[1].loss.unjoined


@pytest.mark.parametrize("layer", [Dense, Dropout], ids=["weights alone", "random"])
def test_what_is_saved_or_copied_while_a_step_is_recorded_can_be_loaded(tmp_path, layer):
    model = bp.Sequential([Dense(4), layer(0.5 if layer is Dropout else 4), Dense(3), Softmax()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    tape, objects = Tape(), list(parts(model))
    exchange(objects, model, tape.trace)  # as a fit in another thread does for a moment
    try:
        model.forward(tape.trace(X[:5]), training=True)
        model.save(tmp_path / "model.npz")
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    finally:
        exchange(objects, model, plain)
        tape.end()
    for k, twin in enumerate(copies):
        twin.save(tmp_path / f"{k}.npz")
    for name in ("model.npz", "0.npz", "1.npz"):
        loaded = bp.load_model(tmp_path / name)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        assert loaded.generators.keys() == model.generators.keys()
