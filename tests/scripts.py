"""Trainings whose numbers are written down beforehand, and callbacks that note what they hear."""

import numpy as np

import backprop as bp
from backprop.callbacks import Callback
from backprop.callbacks.base import HOOKS
from backprop.layers import Dense, Dropout, ReLU, Softmax
from backprop.optimizers import SGD


class Script(Callback):
    """Writes these values into the logs, one an epoch, and keeps the weights of each epoch."""

    def __init__(self, values, name="val_loss"):
        self.values = values
        self.name = name
        self.thetas = []

    def on_epoch_end(self, epoch, logs=None):
        if self.values[epoch] is not None:
            logs[self.name] = self.values[epoch]
        self.thetas.append(self.model.parameters.values.copy())


class Record(Callback):
    """The names of the hooks in the order of their calls, and their last arguments."""

    def __init__(self):
        self.calls = []
        self.logs = {}
        for hook in HOOKS:
            setattr(self, hook, self._listener(hook))

    def _listener(self, hook):
        def listen(*arguments):
            self.calls.append(hook.removeprefix("on_"))
            self.logs[hook] = arguments[-1]

        return listen

    def count(self, hook):
        return self.calls.count(hook)


def line(learning_rate=0.1):
    """A model with one weight and data for it, quick to train."""
    model = bp.Sequential([Dense(1, use_bias=False)], seed=1, dtype="float64")
    model.compile(SGD(learning_rate), "mse")
    X = np.array([[1.0], [2.0], [-1.0], [0.5]])
    return model, X, 3 * X + 1


def play(values, *callbacks, name="val_loss", model=None):
    """A fit of as many epochs as there are values, unless one of the callbacks ends it."""
    default, X, y = line()
    model = model or default
    script = Script(values, name)
    history = model.fit(X, y, epochs=len(values), verbose=0, callbacks=[script, *callbacks])
    return model, script, history


def classifier(seed=0, momentum=0.9):
    """A network with all that has a state: momentum, shuffling, and noise."""
    model = bp.Sequential(
        [Dense(8), Dropout(0.3), ReLU(), Dropout(0.2), Dense(3), Softmax()], seed=seed
    )
    model.compile(SGD(0.1, momentum=momentum), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def classes(n=50):
    """Data for it."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 4)), rng.integers(0, 3, n)
