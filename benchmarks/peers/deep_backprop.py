"""backprop on the deep jobs: ``fit`` of a ``Sequential``, whose steps are recorded."""

import numpy as np
from deep import DeepJob

import backprop as bp
from backprop.layers import (
    GRU,
    LSTM,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    Layer,
    MaxPooling2D,
    ReLU,
    Softmax,
    TransformerBlock,
    ZeroPadding1D,
)

VERSION = f"backprop {bp.__version__}"
KINDS = {
    "pool": MaxPooling2D,
    "relu": ReLU,
    "flatten": Flatten,
    "dense": Dense,
    "lstm": LSTM,
    "gru": GRU,
    "mean": GlobalAveragePooling1D,
}
"""The layers that take the numbers of a job's as they are."""


def own(X: np.ndarray) -> np.ndarray:
    return X


def layers(part: tuple) -> list[Layer]:
    """The layers that one of the job's stands for."""
    match part:
        case ("conv2d", filters, size, padding):
            return [Conv2D(filters, size, padding=padding)]
        case ("conv1d", filters, size, strides, zeros):
            return [ZeroPadding1D(zeros), Conv1D(filters, size, strides)]
        case ("block", heads, units):
            return [TransformerBlock(heads, units)]
    return [KINDS[part[0]](*part[1:])]


class Network:
    """A compiled ``Sequential``."""

    def __init__(self, job: DeepJob, weights: list[list[np.ndarray]]) -> None:
        self.batch = job.batch
        body = [layer for part in job.parts for layer in layers(part)]
        self.model = bp.Sequential([Input(job.shape), *body, Softmax()], seed=0)
        self.model.set_weights([w for of_layer in weights for w in of_layer])
        self.model.compile(bp.optimizers.SGD(job.learning_rate), "sparse_categorical_crossentropy")

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """``fit``."""
        history = self.model.fit(X, y, batch_size=self.batch, epochs=epochs, verbose=0)
        return history.history["loss"][-1]
