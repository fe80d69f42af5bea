"""Models in many threads and forked processes: right numbers, plain arrays, the same bits."""

import os
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from programs import environment
from threadpoolctl import ThreadpoolController

import backprop as bp
from backprop.callbacks import Callback
from backprop.core.blas import SETTINGS
from backprop.engine import threads as blas
from backprop.layers import BatchNormalization, Dense, Dropout, ReLU, Softmax

SEED = np.random.default_rng(0)
X, Y = SEED.normal(size=(64, 6)), SEED.integers(0, 3, 64)
WIDE, CLASSES = SEED.normal(size=(384, 784)), SEED.integers(0, 3, 384)


@pytest.fixture(autouse=True)
def threads_change_often(monkeypatch):
    monkeypatch.setattr(blas, "CHOSEN", False)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def network(rate=0.1, seed=0):
    layers = [Dense(8), BatchNormalization(momentum=1), ReLU(), Dropout(0.2), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=seed)
    optimizer = bp.optimizers.SGD(rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def blas_threads():
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    return {pool.filepath: pool.num_threads for pool in pools}


def in_threads(work, n):
    """What went wrong in n threads that each call ``work(k)``."""
    wrong, barrier = [], threading.Barrier(n)

    def run(k):
        try:
            barrier.wait(30)
            wrong.extend(work(k))
        except Exception as error:
            wrong.append(error)

    each = [threading.Thread(target=run, args=(k,)) for k in range(n)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    return wrong


@contextmanager
def another_thread(work):
    """Calls ``work()`` in another thread again and again, and raises what that raised."""
    over, raised = threading.Event(), []

    def run():
        try:
            while not over.is_set():
                work()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for error in raised:
        raise error


# ------------------------------------------------------------------------- beside a training


def calls_beside_a_fit(calls, of_the_same_model):
    """Eight threads predict and evaluate while a model is trained with a learning rate of 0."""
    model = network(rate=0.0)
    model.fit(X, Y, 8, verbose=0)
    trained = model if of_the_same_model else network()
    right, number = model.predict(X), model.evaluate(X, Y)
    before = blas_threads()

    def work(k):
        for call in range(calls):
            if (k + call) % 4 == 0:
                if model.evaluate(X, Y) != number:
                    yield "another number"
            else:
                found = model.predict(X)
                if type(found) is not np.ndarray or not np.array_equal(found, right):
                    yield type(found)

    with another_thread(lambda: trained.fit(X, Y, 8, verbose=0)):
        assert in_threads(work, 8) == []
    assert blas_threads() == before


@pytest.mark.parametrize("same", [True, False])
def test_predictions_beside_a_fit_are_right_and_plain(same):
    calls_beside_a_fit(40, same)


@pytest.mark.long
@pytest.mark.parametrize("same", [True, False])
def test_eight_thousand_calls_beside_a_fit(same):
    calls_beside_a_fit(1000, same)


def test_the_first_predictions_of_a_model_that_is_not_built():
    """Threads that come at once make one set of weights."""
    right = network().predict(X)
    for _ in range(10):
        model = network()

        def work(k, model=model):
            return [] if np.array_equal(model.predict(X), right) else [k]

        assert in_threads(work, 4) == []


def test_inputs_of_others_do_not_reach_a_layer_that_observes():
    for _ in range(10):
        model = bp.Sequential([bp.layers.Normalization(), Dense(1)], seed=0)
        model.compile("sgd", "mse")
        model.build((None, 6))
        with another_thread(lambda model=model: model.predict(100 + X)):
            model.fit(X, Y, 64, verbose=0)
        np.testing.assert_allclose(model.layers[0].mean_, X.mean(axis=0), atol=1e-6)


# ------------------------------------------------------------------------------ two trainings


class During(Callback):
    """Calls something in another thread in the middle of a fit, and keeps what it raised."""

    def __init__(self, work):
        self.work, self.raised = work, None

    def on_epoch_begin(self, epoch, logs=None):
        def run():
            try:
                self.work(self.model)
            except RuntimeError as error:
                self.raised = str(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()


@pytest.mark.parametrize(
    ("verb", "work"),
    [
        ("fit", lambda model: model.fit(X, Y, verbose=0)),
        ("train_on_batch", lambda model: model.train_on_batch(X, Y)),
        ("reset", lambda model: model.reset()),
        ("model(X, training=True)", lambda model: model(X, training=True)),
        ("fit_many", lambda model: bp.fit_many([network(), model], X, Y, verbose=0)),
    ],
)
def test_a_model_that_another_thread_fits_is_refused(verb, work):
    model, undisturbed = network(), network()
    during = During(work)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[during])
    assert during.raised is not None
    assert during.raised.startswith(f"{verb} was called while fit")
    assert "in another thread, 'MainThread'" in during.raised
    undisturbed.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, undisturbed.parameters.values)
    in_threads(lambda k: model.fit(X, Y, verbose=0).history.clear() or [], 1)  # now it is free


def test_training_passes_of_several_threads_are_right_or_refused():
    model = bp.Sequential([Dense(32), ReLU(), Dense(3)], seed=0)
    model.build((None, X.shape[1]))
    own = [X[k : k + 20 + k] for k in range(4)]
    expected = [model.predict(each) for each in own]
    refused = []

    def work(k):
        for _ in range(200):
            try:
                found = model(own[k], training=True)
            except RuntimeError as error:
                refused.append(str(error))
            else:
                np.testing.assert_allclose(found, expected[k], rtol=1e-4, atol=1e-6)
        return []

    assert in_threads(work, 4) == []
    assert all("a pass with training=True is made by it, in another thread" in e for e in refused)
    # one pass begins in the middle of another, for certain
    during, first = During(lambda model: model(X, training=True)), model.layers[0]
    during.set_model(model)
    forward = first.forward
    first.forward = lambda *given: during.on_epoch_begin(0) or forward(*given)
    np.testing.assert_allclose(model(own[0], training=True), expected[0], rtol=1e-4, atol=1e-6)
    assert during.raised.startswith("model(X, training=True) was called while fit")
    assert "in another thread, 'MainThread'" in during.raised


def test_the_thread_that_fits_may_train_from_a_callback():
    model = network()
    callback = Callback()
    callback.on_epoch_end = lambda epoch, logs: model.train_on_batch(X, Y)
    model.fit(X, Y, verbose=0, callbacks=[callback])
    assert model.optimizer.iterations == 3


def test_models_that_are_trained_together_are_refused_to_others():
    models = [network(seed=k) for k in range(3)]
    during = During(lambda model: model.fit(X, Y, verbose=0))

    def measure(target, prediction):
        """A metric, as it is computed in the middle of the training."""
        during.set_model(models[0])
        during.on_epoch_begin(0)
        return np.zeros(len(target))

    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy", [measure])
    bp.fit_many(models, X, Y, verbose=0)
    assert "another thread" in during.raised


def test_a_model_is_free_after_an_error():
    model = network()
    with pytest.raises(ValueError, match="y"):
        model.fit(X, Y[:3], verbose=0)
    assert in_threads(lambda k: model.fit(X, Y, verbose=0) and [], 1) == []


# ----------------------------------------------------------------------------- the same bits


def trained(by_batches=False):
    """θ of 784-128-3 after six steps of 128 samples, which several threads share."""
    layers = [Dense(128), ReLU(), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=3)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.build((None, 784))
    for _ in range(2):
        if by_batches:
            for start in range(0, 384, 128):
                rows = slice(start, start + 128)
                model.train_on_batch(WIDE[rows], CLASSES[rows])
        else:
            model.fit(WIDE, CLASSES, 128, shuffle=False, verbose=0)
    return model.parameters.values


def test_the_same_steps_have_the_same_bits_in_every_company():
    alone = trained()
    np.testing.assert_array_equal(trained(by_batches=True), alone)
    other = network()
    with another_thread(lambda: other.fit(X, Y, 8, verbose=0)):
        np.testing.assert_array_equal(trained(), alone)
        np.testing.assert_array_equal(trained(by_batches=True), alone)
    model = bp.Sequential([Dense(128), ReLU(), Dense(3)], seed=0)
    assert in_threads(lambda k: [] if len(model.predict(WIDE)) == 384 else [k], 4) == []
    np.testing.assert_array_equal(trained(), alone)
    found = [None] * 2

    def work(k):
        found[k] = trained()
        return []

    assert in_threads(work, 2) == []
    for each in found:
        np.testing.assert_array_equal(each, alone)


# -------------------------------------------------------------------------------------- fork

FORKS = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")  # Python warns of forks beside threads
import numpy as np, scipy.linalg
import backprop as bp
from backprop.layers import Dense, ReLU

X = np.random.default_rng(0).normal(size=(64, 300))
model = bp.Sequential([Dense(100), ReLU(), Dense(10)], seed=0)
model.compile("sgd", "mse")
right = model.predict(X)
over = threading.Event()

def predict():
    while not over.is_set():
        model.predict(X)

threads = [threading.Thread(target=predict) for _ in range(4)]
for thread in threads:
    thread.start()
hung = wrong = 0
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if not child:
        same = np.array_equal(model.predict(X), right)
        model.fit(X, right, verbose=0)
        os._exit(0 if same else 1)
    end = time.monotonic() + 30
    found, status = 0, 0
    while not found and time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.0005)
    if not found:
        os.kill(child, 9)
        os.waitpid(child, 0)
    hung, wrong = hung + (not found), wrong + bool(status)
over.set()
for thread in threads:
    thread.join()
print(hung, wrong)
"""


def forked(times):
    free = {name: value for name, value in environment().items() if name not in SETTINGS}
    command = [sys.executable, "-c", FORKS, str(times)]
    return subprocess.run(command, env=free, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_predicts_and_fits_while_its_parent_predicts():
    assert forked(15) == "0 0\n"


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_four_hundred_forks():
    assert forked(400) == "0 0\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_forked_from_a_callback_may_train_the_model():
    """And one forked while another thread fits: that thread is not in the child."""
    model, statuses = network(), []

    def fork(*arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if not child:
            try:
                model.fit(X, Y, verbose=0)
                os._exit(0)
            finally:
                os._exit(1)
        statuses.append(os.waitpid(child, 0)[1])

    callback = Callback()
    callback.on_epoch_end = fork
    model.fit(X, Y, verbose=0, callbacks=[callback])
    begun = threading.Event()
    other = Callback()
    other.on_train_batch_begin = lambda batch, logs: begun.set() or time.sleep(0.02)
    thread = threading.Thread(
        target=model.fit, args=(X, Y, 8), kwargs={"verbose": 0, "callbacks": [other]}
    )
    thread.start()
    begun.wait(30)
    fork()
    thread.join()
    assert statuses == [0, 0]
