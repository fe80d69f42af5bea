"""What the tests of users' mistakes share: data, models, and a look at the message."""

import linecache
from pathlib import Path

import numpy as np

import backprop as bp
from backprop.layers import Dense, ReLU, Softmax
from backprop.optimizers import SGD

PACKAGE = Path(bp.__file__).parent
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4))
C = RNG.integers(0, 3, 12)
Y = RNG.normal(size=(12, 3))
ONE_HOT = np.eye(3)[C]


def classifier():
    """A compiled model for X and C, not built."""
    model = bp.Sequential([Dense(5), ReLU(), Dense(3), Softmax()], seed=1)
    model.compile(SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def model_with(layer):
    """A compiled model for X and C, not built, with that layer inside."""
    model = bp.Sequential([Dense(5), layer, Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def assert_speaks(caught, words):
    """The package raised it on purpose, no NumPy or Python from inside, and with these words."""
    last = caught.traceback[-1]
    assert last.path.is_relative_to(PACKAGE)
    line = linecache.getline(str(last.path), last.lineno + 1)  # pytest's own look parses the file
    assert line.lstrip().startswith("raise ")
    for word in words:
        assert word in str(caught.value)
