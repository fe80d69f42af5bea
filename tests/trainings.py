"""A small training that is recorded, for the tests of its page."""

from __future__ import annotations

from typing import Any

import numpy as np

import backprop as bp
from backprop.inspection import Recorder
from backprop.layers import Dense, Softmax, Tanh


def recorded(epochs: int) -> tuple[bp.Sequential, Recorder, Any, Any]:
    """The model, what was recorded, and its samples: exclusive or, with two inputs."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = bp.Sequential([Dense(4), Tanh(), Dense(2), Softmax()], seed=0, dtype="float64")
    model.compile(bp.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    recorder = Recorder()
    model.fit(X, y, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[recorder])
    return model, recorder, X, y
