"""After two epochs, training allocates no array as large as an activation or the weights."""

import gc
import tracemalloc

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import Dense, ReLU, Sigmoid, Softmax
from backprop.optimizers import SGD

BATCH, N_IN, HIDDEN, N_OUT = 64, 50, 80, 40
SMALLEST_ACTIVATION = BATCH * N_OUT * 4  # bytes: 10 KiB; a vector of one number a sample has 256
SHORT = 48  # samples in the last batch of an epoch


class Peaks(Callback):
    """How much more memory was in use at the worst moment of each step than at its beginning.

    A step runs from the end of the one before it, so that drawing its batch belongs to it.
    """

    def __init__(self):
        self.peaks = []
        self.left = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:  # the short batch that ends an epoch is recorded in the second one
            tracemalloc.start()
        self.watch()

    def on_train_batch_end(self, batch, logs=None):
        if tracemalloc.is_tracing():
            self.peaks.append(tracemalloc.get_traced_memory()[1] - self.before)
        self.watch()

    def on_epoch_end(self, epoch, logs=None):
        if tracemalloc.is_tracing():
            if epoch == 4:  # the last: else the next step would allocate what this lets go
                gc.collect()  # empties the interpreter's own lists of free tuples, too
            self.left.append(tracemalloc.get_traced_memory()[0])

    def on_train_end(self, logs=None):
        tracemalloc.stop()

    def watch(self):
        tracemalloc.reset_peak()
        self.before = tracemalloc.get_traced_memory()[0]


def peaks_of(layers, loss, y, metrics, dtype="float32", shuffle=True):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(len(y), N_IN)).astype("float32")
    model = bp.Sequential(layers, seed=0, dtype=dtype)
    model.compile(SGD(0.1, momentum=0.9), loss, metrics)
    peaks = Peaks()
    with np.errstate():
        # NumPy converts and broadcasts through a buffer of 8192 numbers, whatever the arrays'
        # size; it is made small here, so that what remains are the arrays
        np.setbufsize(16)
        model.fit(X, y, BATCH, epochs=5, verbose=0, callbacks=[peaks], shuffle=shuffle)
    assert min(model.parameters.values.nbytes, BATCH * HIDDEN * 4) > SMALLEST_ACTIVATION
    return peaks


@pytest.fixture
def classes(rng):
    return rng.integers(0, N_OUT, 3 * BATCH + SHORT)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("metrics", [None, ["accuracy"]])
@pytest.mark.parametrize("case", ["sparse", "categorical", "mse", "half squared", "linear"])
def test_training_step_allocates_no_array_of_an_activations_size(classes, case, metrics, shuffle):
    hot = np.eye(N_OUT, dtype="float32")[classes]
    layers, loss, y = {
        "sparse": ([ReLU(), Dense(N_OUT), Softmax()], "sparse_categorical_crossentropy", classes),
        "categorical": ([ReLU(), Dense(N_OUT), Softmax()], "categorical_crossentropy", hot),
        "mse": ([Sigmoid(), Dense(N_OUT), Sigmoid()], "mse", hot),
        "half squared": ([Sigmoid(), Dense(N_OUT), Sigmoid()], "half_squared_error", hot),
        "linear": ([ReLU(), Dense(N_OUT)], "mse", hot),
    }[case]
    peaks = peaks_of([Dense(HIDDEN), *layers], loss, y, metrics, shuffle=shuffle)
    assert len(peaks.peaks) == 3 * 4
    assert max(peaks.peaks) < SMALLEST_ACTIVATION
    # and what a step leaves behind does not add up
    assert peaks.left[-1] - peaks.left[0] < SMALLEST_ACTIVATION / 2


def test_the_measurement_sees_one_array_too_many(classes):
    class Wasteful(ReLU):
        def backward(self, delta):
            return super().backward(delta.copy())

    layers = [Dense(HIDDEN), Wasteful(), Dense(N_OUT), Softmax()]
    peaks = peaks_of(layers, "sparse_categorical_crossentropy", classes, ["accuracy"])
    assert max(peaks.peaks) > SMALLEST_ACTIVATION


def test_buffers_are_kept_from_fit_to_fit_and_through_short_batches(classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(len(classes), N_IN)).astype("float32")
    model = bp.Sequential([Dense(HIDDEN), ReLU(), Dense(N_OUT), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, classes, BATCH, verbose=0)

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            layer = self.model.layers[0]
            addresses.append((len(layer.Z), layer.Z.__array_interface__["data"][0]))

    addresses = []
    for _ in range(2):
        model.fit(X, classes, BATCH, epochs=2, verbose=0, callbacks=[Watch()])
    assert [n for n, _ in addresses] == [BATCH, BATCH, BATCH, SHORT] * 4
    assert len({address for _, address in addresses}) == 1
