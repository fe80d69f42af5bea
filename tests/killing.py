"""Trainings that are killed at random moments and started again, until they are through.

A program: it reads a line of JSON for each training, ``{"name": …, "kills": …, "seed": …}``, and
answers with a line that says in what it ended otherwise than one that nothing disturbs. An attempt
is a process of its own, so that nothing but the files is left of one that was killed.
"""

import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
import traceback
import zipfile  # noqa: F401  what is loaded here takes no time in the attempts

import matplotlib.figure  # noqa: F401
import numpy as np
import scipy.optimize  # noqa: F401
from scripts import classes

import backprop as bp
from backprop.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    LivePlot,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backprop.layers import BatchNormalization, Dense, Dropout, ReLU, Softmax
from backprop.metrics import AUC
from backprop.optimizers import LBFGS, SGD, Adam
from backprop.schedules import CosineDecay

EPOCHS, BATCH, N = 6, 10, 52
PAUSE = 0.0005  # seconds a step lasts at least, so that a kill may fall anywhere
STATE = ("best", "wait", "stopped_epoch", "best_epoch", "cooldown_counter", "rises", "counts")


class Pauses(Callback):
    """A callback of one's own with a state; it takes its time, also in validations."""

    def __init__(self):
        self.counts = {"steps": 0, "epochs": []}

    def on_train_batch_end(self, batch, logs=None):
        self.counts["steps"] += 1
        time.sleep(PAUSE)

    def on_test_batch_end(self, batch, logs=None):
        time.sleep(2 * PAUSE)

    def on_epoch_end(self, epoch, logs=None):
        self.counts["epochs"].append((epoch, dict(logs)))
        time.sleep(2 * PAUSE)

    def state(self):
        return self.counts

    def restore(self, state):
        self.counts = state


class Curves(LivePlot):
    """Collects its curves and draws nothing, which would take most of the time."""

    def _show(self):
        pass


class Dataset:
    """Batches by number, which fit shuffles."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return -(-len(self.X) // BATCH)

    def __getitem__(self, k):
        part = slice(k * BATCH, (k + 1) * BATCH)
        return self.X[part], self.y[part]


def batches(X, y):
    """A generator without an end, whose batches are always others."""
    rng = np.random.default_rng(3)
    while True:
        index = rng.permutation(len(X))[:BATCH]
        yield X[index], y[index]


def error_rate(y_true, y_pred):
    return float(np.mean(y_pred.argmax(1) != y_true))


def set_up(name, folder):
    """The model, the arguments of fit, and the callbacks of a training."""
    X, y = classes(N)
    layers = [Dense(8), ReLU(), Dense(3), Softmax()]
    optimizer, backup, more, data = SGD(0.1), {}, [], {"x": X, "y": y, "batch_size": BATCH}
    metrics = ["accuracy"]
    if name == "momentum":
        optimizer = SGD(0.1, momentum=0.9, nesterov=True)
        more = [LearningRateScheduler(lambda epoch, rate: rate * 0.9)]
    elif name == "adam":
        optimizer = Adam(0.01, amsgrad=True)
    elif name == "ema":
        optimizer = SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=9)
    elif name == "schedule":
        optimizer = Adam(CosineDecay(0.02, 30))
    elif name == "dropout":
        layers = [Dense(8), BatchNormalization(), ReLU(), Dropout(0.3), Dense(3), Softmax()]
    elif name == "stream":
        data = {"x": Dataset(X, y)}
        backup = {"save_freq": 2}
    elif name == "generator":
        data = {"x": batches(X, y), "steps_per_epoch": 5}
    elif name == "steps":
        optimizer, backup = SGD(0.1, momentum=0.9), {"save_freq": 3}
        metrics = ["accuracy", AUC(), error_rate]
        more = [LearningRateScheduler(lambda epoch, rate: rate * 0.9)]
    elif name == "double":
        backup = {"double_checkpoint": True, "save_freq": 1}
    elif name == "plateau":
        more = [ReduceLROnPlateau(patience=1, min_delta=0.02, cooldown=1, factor=0.5)]
    elif name == "stopping":
        optimizer = SGD(2.0, momentum=0.9)
        more = [EarlyStopping(patience=1, restore_best_weights=True)]
    elif name == "lbfgs":
        optimizer, data["batch_size"] = LBFGS(), 20
    model = bp.Sequential(layers, seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics)
    callbacks = [
        *more,
        Pauses(),
        CSVLogger(folder / "log.csv", append=True),
        ModelCheckpoint(folder / "best.npz", save_best_only=True),
        ModelCheckpoint(folder / "step-{epoch}-{batch}.npz", save_freq=4, save_weights_only=True),
        Curves(folder / "curves.png"),
    ]
    place = len(name) % (len(callbacks) + 1)  # it may stand anywhere
    # it is kept: who is killed after the end must not begin anew
    backup = BackupAndRestore(folder / "backup", **backup, delete_checkpoint=False)
    callbacks.insert(place, backup)
    data |= {"validation_data": (X[:20], y[:20]), "validation_batch_size": 10}
    return model, data, callbacks


def train(name, folder):
    """A whole training, and all that there is afterwards."""
    model, data, callbacks = set_up(name, folder)
    history = model.fit(**data, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    optimizer = model.optimizer
    # which files are there, litter of killed processes among them, and what is in those of others
    files = {
        str(path.relative_to(folder)): path.parent == folder and path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("result", "unfinished")
    }
    return {
        "theta": model.parameters.values.tobytes(),
        "vectors": {key: vector.tobytes() for key, vector in optimizer.state.items()},
        "rate": optimizer.learning_rate,
        "iterations": optimizer.iterations,
        "generators": {way: rng.bit_generator.state for way, rng in model.generators.items()},
        "history": repr(history.history),
        "epochs": history.epoch,
        "stopped": model.stop_training,
        "callbacks": [
            (type(each).__name__, {k: repr(v) for k, v in vars(each).items() if k in STATE})
            for each in callbacks
        ],
        "curves": [repr((each.history, each.epoch)) for each in callbacks if type(each) is Curves],
        "files": files,
    }


def attempt(name, folder, seconds):
    """Trains in another process, which is killed after so long; whether it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = train(name, folder)
            (folder / "unfinished").write_bytes(pickle.dumps(found))
            os.replace(folder / "unfinished", folder / "result")
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                raise RuntimeError(f"a training ended with the status {status}")
            return True
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return (folder / "result").exists()


def compare(name, kills, seed, root):
    """In what trainings that were killed so often ended otherwise than one that was not."""
    chance = random.Random(seed)
    whole = fresh(root / "whole")
    start = time.monotonic()
    attempt(name, whole, 600)
    lasts = time.monotonic() - start
    expected = pickle.loads((whole / "result").read_bytes())
    left, differences, rounds = kills, [], 0
    while left or not rounds:
        folder, rounds, done = fresh(root / "killed"), rounds + 1, False
        while not done:
            before = left
            left -= left > 0
            # early in an attempt, so that one training is killed several times
            done = attempt(name, folder, chance.uniform(0, 0.6 * lasts) if before else 600)
        found = pickle.loads((folder / "result").read_bytes())
        differences += [key for key in expected if found[key] != expected[key]]
    facts = {key: expected[key] for key in ("stopped", "rate", "epochs")}
    return {"differences": differences, **facts}


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    from pathlib import Path

    os.fsync = lambda descriptor: time.sleep(0.0003)  # a kill is no power cut
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps(compare(**task, root=Path(sys.argv[1]))), flush=True)
