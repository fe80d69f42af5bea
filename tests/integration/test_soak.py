"""Very many calls one after the other: memory stays flat, no file stays open, nothing gets slow."""

import gc
import os
import time
from pathlib import Path

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint
from backprop.layers import BatchNormalization, Dense, Dropout, ReLU, Softmax

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)), RNG.integers(0, 3, 24)


def network(seed):
    layers = [Dense(6), BatchNormalization(), ReLU(), Dropout(0.1), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=seed)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.build((None, 4))
    return model


class Calls:
    """Everything that an unattended program may do again and again, by number."""

    def __init__(self, folder):
        self.folder = folder
        self.model = network(0)

    def __call__(self, k):
        model, path = self.model, self.folder / "model.npz"
        match k % 20:
            case 0:
                model.save(path)
            case 1:
                if path.exists():
                    self.model = bp.load_model(path)
            case 2:
                model.save_weights(self.folder / "weights.npz")
                model.load_weights(self.folder / "weights.npz")
            case 3:
                callbacks = [
                    CSVLogger(self.folder / "log.csv"),
                    ModelCheckpoint(self.folder / "best.npz", monitor="loss"),
                    BackupAndRestore(self.folder / "backup.npz"),
                ]
                model.fit(X, Y, 8, verbose=0, callbacks=callbacks)
            case 4:
                model.fit(X, Y, 4, epochs=2, verbose=0, validation_split=0.25)
            case 5:
                bp.fit_many([network(1), network(2)], X, Y, batch_size=8, verbose=0)
            case 6:
                self.model = network(k)
            case 7:
                self.model.reset(seed=k)
            case 8 | 9:
                model.train_on_batch(X, Y)
            case 10 | 11 | 12:
                model.evaluate(X, Y)
            case _:
                model.predict(X[: 1 + k % 24])


def resident():
    """The memory of the process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def soak(folder, calls, mebibytes):
    call = Calls(folder)
    for k in range(calls // 10):  # everything is loaded and made once
        call(k)
    gc.collect()
    memory, files = resident(), len(os.listdir("/proc/self/fd"))
    seconds = []
    for part in range(10):
        start = time.thread_time()
        for k in range(part * calls // 10, (part + 1) * calls // 10):
            call(k)
        seconds.append(time.thread_time() - start)
    gc.collect()
    assert resident() - memory < mebibytes * 2**20
    assert len(os.listdir("/proc/self/fd")) == files
    assert min(seconds[-3:]) < 1.5 * min(seconds[:3])
    assert {each.name.split(".")[-1] for each in folder.iterdir()} <= {"npz", "csv"}


proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="there is no /proc")


@proc
def test_four_hundred_calls(tmp_path):
    soak(tmp_path, 400, 5)


@proc
@pytest.mark.long
def test_a_hundred_thousand_calls(tmp_path):
    soak(tmp_path, 100_000, 5)
