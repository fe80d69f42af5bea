"""Jobs of two and three workers: what they compute is what one process does with that batch."""

from pathlib import Path

import pytest
from mpi_jobs import succeed

# Trains a model alone and by all workers, and compares θ and the numbers of the History.
COMPARE = """
def compare(make, tolerance=1e-12, workers=None, x=X, t=y, equal=True, **arguments):
    arguments = {"batch_size": 32, "epochs": 3, "verbose": 0} | arguments
    one, many = make(), make()
    expected = one.fit(x, t, **arguments).history
    found = many.fit(x, t, workers=workers, **arguments).history
    theta = many.parameters.values
    assert len(set(workers.gather(theta.tobytes()))) == 1, "θ differs between the workers"
    assert len(set(workers.gather(repr(found)))) == 1, "the History differs"
    assert found.keys() == expected.keys()
    if equal:
        np.testing.assert_allclose(theta, one.parameters.values, rtol=0, atol=tolerance)
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance)
    return many


def network(optimizer="adam", metrics=("accuracy",), loss="sparse_categorical_crossentropy",
            weighted=(), layers=None):
    def make():
        layers_ = layers() if layers else [Dense(8), Tanh(), Dense(3), Softmax()]
        model = bp.Sequential(layers_, seed=0, dtype="float64")
        made = optimizer() if callable(optimizer) else optimizer
        fresh = [m() if isinstance(m, type) else m for m in metrics]
        model.compile(made, loss, metrics=fresh, weighted_metrics=list(weighted))
        return model
    return make
"""


@pytest.mark.parametrize("n", [2, 3])
def test_training_is_that_of_one_process(tmp_path: Path, n: int) -> None:
    succeed(
        tmp_path,
        n,
        COMPARE
        + """
from backprop import metrics

class Own(metrics.Metric):
    def reset(self):
        self.lengths, self.largest = [], -np.inf
    def update(self, prediction, target, sample_weight=None):
        self.lengths.append(len(prediction))
        self.largest = max(self.largest, prediction.max())
    def result(self):
        return self.largest + sum(n * k for k, n in enumerate(self.lengths))

every = ["accuracy", metrics.AUC, metrics.Precision, metrics.Recall, metrics.F1Score,
         metrics.SparseTopKCategoricalAccuracy(2), lambda: 0][:-1]
function = lambda y_true, y_pred: float(np.median(y_pred[:, 0]))
with Workers() as workers:
    compare(network(metrics=every), workers=workers, validation_split=0.3)
    compare(network(metrics=[Own("own"), metrics.FunctionMetric(function, "median")]),
            workers=workers, validation_data=(X[:50], y[:50]))
    compare(network(), workers=workers, shuffle=False, batch_size=50)
    compare(network(), workers=workers, batch_size=203)
    compare(network(), workers=workers, batch_size=202)       # the last batch has one row
    compare(network(), workers=workers, batch_size=2, epochs=1,
            steps_per_epoch=9)
    compare(network(weighted=["accuracy"]), workers=workers, sample_weight=rng.random(203))
    compare(network(), workers=workers, class_weight={0: 2.0, 2: 0.5}, steps_per_epoch=3)
""",
    )


@pytest.mark.parametrize("n", [2, 3])
def test_every_optimizer_and_regulariser(tmp_path: Path, n: int) -> None:
    succeed(
        tmp_path,
        n,
        COMPARE
        + """
from backprop import metrics, optimizers

with Workers() as workers:
    regular = lambda: [Dense(8, kernel_regularizer="l2"), ReLU(), Dense(3), Softmax()]
    compare(network(layers=regular), workers=workers)
    clipped = lambda: optimizers.SGD(0.5, momentum=0.9, global_clipnorm=0.1)
    compare(network(clipped), workers=workers)
    averaged = lambda: optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True)
    compare(network(averaged), workers=workers)
    compare(network("lbfgs"), 1e-9, workers, validation_split=0.2, epochs=4)
    r2 = network(loss="mse", metrics=["mae", metrics.R2Score, metrics.RootMeanSquaredError],
                 layers=lambda: [Normalization(), Dense(4), Tanh(), Dense(1)])
    compare(r2, 1e-10, workers, t=X[:, 0] * X[:, 1])
    def frozen():
        first = Dense(8)
        first.trainable = False
        return [first, Tanh(), Dense(3), Softmax()]
    compare(network(layers=frozen), workers=workers)
""",
    )


@pytest.mark.parametrize("n", [2, 3])
def test_sequences_streams_and_averages(tmp_path: Path, n: int) -> None:
    succeed(
        tmp_path,
        n,
        COMPARE
        + """
T = rng.integers(1, 9, size=(61, 7))
lengths = rng.integers(1, 8, size=61)
T[np.arange(7) >= lengths[:, None]] = 0
per_step = lambda: [Embedding(9, 4, mask_zero=True), LSTM(5, return_sequences=True),
                    Dense(3), Softmax()]
last = lambda: [Embedding(9, 4, mask_zero=True), GRU(5), Dense(3), Softmax()]
with Workers() as workers:
    compare(network(layers=per_step), 1e-12, workers, x=T, t=T % 3, batch_size=20)
    compare(network(layers=last), 1e-12, workers, x=T, t=lengths % 3, batch_size=20)
    batches = lambda: ((X[k : k + 40], y[k : k + 40]) for k in range(0, 203, 40))
    compare(network(), 1e-12, workers, x=batches, t=None, batch_size=None)
    normalized = lambda: [Dense(8), BatchNormalization(), ReLU(), Dropout(0.3), Dense(3), Softmax()]
    model = compare(network(layers=normalized), workers=workers, equal=False, validation_split=0.2)
    for rng_ in model.generators.values():
        assert len(set(workers.gather(repr(rng_.bit_generator.state)))) == 1
    together = lambda: [Dense(8), BatchNormalization(synchronized=True), ReLU(), Dense(3),
                        Softmax()]
    compare(network(layers=together), 1e-11, workers, batch_size=50, validation_split=0.2)
    images = rng.normal(size=(40, 4, 4, 2))
    spread = lambda: [Conv2D(3, 3), BatchNormalization(synchronized=True), Flatten(), Dense(3),
                      Softmax()]
    compare(network(layers=spread), 1e-11, workers, x=images, t=y[:40], batch_size=10)
    try:
        network(layers=together)().fit(X, y, batch_size=202, verbose=0, workers=workers)
    except ValueError as error:
        assert "synchronised" in str(error)
    else:
        raise AssertionError("a batch of one sample was accepted")
    # without a seed the weights are those of worker 0
    drawn = lambda: bp.Sequential([Dense(4), ReLU(), Dense(3), Softmax()])
    def make():
        model = drawn()
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model
    compare(make, workers=workers, equal=False)
""",
    )


def test_shards_of_different_lengths(tmp_path: Path) -> None:
    """Full batches of shards are those of the whole; smaller ones go through every sample once."""
    succeed(
        tmp_path,
        3,
        COMPARE
        + """
parts = [slice(0, 20), slice(20, 21), slice(21, 203)]
with Workers(shards=True) as workers:
    mine = parts[workers.rank]
    one, many = network()(), network()()
    expected = one.fit(X, y, batch_size=203, epochs=3, verbose=0)
    found = many.fit(X[mine], y[mine], batch_size=203, epochs=3, verbose=0, workers=workers)
    np.testing.assert_allclose(many.parameters.values, one.parameters.values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-12)
    np.testing.assert_allclose(found.history["accuracy"], expected.history["accuracy"])
    seen = []
    class Look(Dense):
        def forward(self, X, training=False):
            if training:
                seen.extend(X[:, 0])
            return super().forward(X, training)
    model = network(layers=lambda: [Look(8), Tanh(), Dense(3), Softmax()])()
    history = model.fit(X[mine], y[mine], batch_size=16, epochs=1, verbose=0, workers=workers,
                        validation_data=(X[mine], y[mine]))
    assert history.params["steps"] == 13
    assert sorted(seen) == sorted(X[mine, 0])
    assert len(set(workers.gather(model.parameters.values.tobytes()))) == 1
    with_it = model.evaluate(X, y, return_dict=True)
    np.testing.assert_allclose(history.history["val_loss"][0], with_it["loss"], rtol=1e-12)
    waits = network(layers=lambda: [Normalization(), Dense(3), Softmax()])()
    try:
        waits.fit(X[mine], y[mine], verbose=0, workers=workers)
    except ValueError as error:
        assert "adapt" in str(error)
    else:
        raise AssertionError("Normalization was shown a part of the data")
""",
    )


def test_callbacks_hear_the_whole_and_decide_alike(tmp_path: Path) -> None:
    printed = succeed(
        tmp_path,
        2,
        COMPARE
        + """
import os
from backprop.callbacks import *
from backprop.callbacks import Callback

class Own(Callback):
    def on_train_begin(self, logs=None):
        self.heard, self.rank = [], self.params["worker"]
        assert self.params["workers"] == 2
    def on_train_batch_end(self, batch, logs=None):
        self.heard.append((batch, logs["loss"], logs["accuracy"]))
        if batch == 2:
            self.model.parameters.values[...] += self.rank   # put right by worker 0
    def on_epoch_end(self, epoch, logs=None):
        if self.rank == 1 and epoch == 3:
            self.model.stop_training = True

class Rate(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.01 / (1 + self.params["worker"])

with Workers() as workers:
    own = Own()
    model = network(lambda: bp.optimizers.Adam(0.01))()
    history = model.fit(X, y, epochs=20, callbacks=[own, Rate()], workers=workers)
    assert history.epoch == [0, 1, 2, 3]
    assert len(set(workers.gather(repr(own.heard)))) == 1 and len(own.heard) == 4 * 7
    assert len(set(workers.gather(model.parameters.values.tobytes()))) == 1
    assert set(workers.gather(model.optimizer.learning_rate)) == {0.01}

    best = EarlyStopping("val_loss", 0.1, patience=2, restore_best_weights=True, verbose=1)
    stopping = lambda: [best, ReduceLROnPlateau("loss", patience=1), TerminateOnNaN()]
    rated = network(lambda: bp.optimizers.SGD(5.0))
    model = rated()
    model.fit(X, y, epochs=30, validation_split=0.3, callbacks=stopping(), workers=workers,
              verbose=0)
    assert len(set(workers.gather(model.parameters.values.tobytes()))) == 1
    assert model.history.epoch[-1] < 29

    files = [ModelCheckpoint("here.npz"), ModelCheckpoint("steps-{batch}.npz", save_freq=5),
             CSVLogger("log.csv")]
    model.fit(X, y, epochs=2, callbacks=files, workers=workers, verbose=1)
    workers.gather(None)
    lines = open("log.csv").read().splitlines()
    assert len(lines) == 3, lines
    again = bp.load_model("here.npz")
    np.testing.assert_array_equal(again.parameters.values, model.parameters.values)

    # a training that is interrupted goes on with the same bits, noise included
    class Crash(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("the power is gone")
    noisy = network(layers=lambda: [Dense(8), ReLU(), Dropout(0.2), Dense(3), Softmax()])
    through, broken, resumed = noisy(), noisy(), noisy()
    arguments = dict(epochs=4, batch_size=25, verbose=0, workers=workers)
    through.fit(X, y, **arguments)
    try:
        broken.fit(X, y, callbacks=[BackupAndRestore("backup"), Crash()], **arguments)
    except RuntimeError:
        pass
    resumed.fit(X, y, callbacks=[BackupAndRestore("backup")], **arguments)
    assert resumed.history.history == through.history.history  # those before the crash, too
    np.testing.assert_array_equal(resumed.parameters.values, through.parameters.values)
""",
    )
    assert printed.count("Epoch  1/20") == 1  # worker 0 alone shows its progress
    assert printed.count("the best, are put back") == 1


def test_threads_are_shared_out(tmp_path: Path) -> None:
    succeed(
        tmp_path,
        2,
        """
import os
from threadpoolctl import threadpool_info
def threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
before = threads()
with Workers() as workers:
    assert max(threads()) <= max(1, os.cpu_count() // workers.size)
assert threads() == before
""",
    )


@pytest.mark.parametrize("what", ["every worker", "one worker"])
def test_training_that_diverges_stops_everywhere(tmp_path: Path, what: str) -> None:
    """A wrong number on one worker alone keeps all of them from the step that would spoil θ."""
    succeed(
        tmp_path,
        2,
        COMPARE
        + f"""
everywhere = {what == "every worker"}
"""
        + """
np.seterr(all="ignore")
class Wrong(Dense):
    steps = 0
    def forward(self, X, training=False):
        self.steps += training
        Z = super().forward(X, training)
        return Z * np.nan if self.steps == 9 and self._here else Z

with Workers() as workers:
    layer = Wrong(8)
    layer._here = everywhere or workers.rank == 1
    model = network(layers=lambda: [layer, Tanh(), Dense(3), Softmax()])()
    try:
        model.fit(X, y, epochs=5, verbose=0, workers=workers, on_divergence="raise")
    except bp.core.errors.DivergenceError as error:
        assert "epoch 2, step 2" in str(error), error
    else:
        raise AssertionError("nobody noticed")
    assert np.isfinite(model.parameters.values).all()
    assert model.optimizer.iterations == 8
    assert len(set(workers.gather(model.parameters.values.tobytes()))) == 1
""",
    )


def test_gradients_added_up_over_steps_and_whole_parameters(tmp_path: Path) -> None:
    succeed(
        tmp_path,
        2,
        COMPARE
        + """
from backprop.optimizers import Adafactor, Adam, Ftrl, Lamb, Muon

with Workers() as workers:
    for kind in (Adafactor, Ftrl, Lamb, Muon):
        compare(network(lambda: kind(0.01)), workers=workers)
    k = {"gradient_accumulation_steps": 2}
    compare(network(lambda: Adam(0.01, **k)), workers=workers)
    both = {**k, "use_ema": True, "global_clipnorm": 0.1}
    compare(network(lambda: Muon(0.01, **both)), workers=workers, epochs=2)
""",
    )


def test_arrays_on_disk(tmp_path: Path) -> None:
    """Each worker takes its share of every batch from one array of zarr, shuffled by blocks."""
    succeed(
        tmp_path,
        3,
        """
import zarr
from backprop.data import on_disk

on_disk.BLOCK_BYTES, on_disk.BUFFER_BYTES = 480, 1920

def trained(x, **options):
    model = bp.Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0, **options)
    return model.parameters.values, history.history

with Workers() as workers:
    stored = zarr.create_array({}, shape=X.shape, dtype=X.dtype, chunks=(50, 6))
    stored[:] = X
    assert on_disk.on_disk(stored)
    for x, other, shuffle in ((stored, X, False), (stored, stored, True)):
        found, history = trained(x, shuffle=shuffle, workers=workers)
        expected, alone = trained(other, shuffle=shuffle)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        for name, numbers in alone.items():
            np.testing.assert_allclose(history[name], numbers, rtol=1e-5)
        assert len(set(workers.gather(found.tobytes()))) == 1
""",
    )
