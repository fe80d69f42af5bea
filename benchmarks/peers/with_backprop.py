"""backprop as a user would call it: ``fit`` and ``predict``, threads as it chooses them."""

import numpy as np
from jobs import BETA_1, BETA_2, EPSILON, Job

import backprop as bp
from backprop.layers import Dense, Input, ReLU, Softmax

VERSION = f"backprop {bp.__version__}"


def own(X: np.ndarray) -> np.ndarray:
    return X


class Network:
    """A compiled ``Sequential``."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.batch = job.batch
        hidden = [part for n in job.sizes[1:-1] for part in (Dense(n), ReLU())]
        layers = [Input(job.sizes[0]), *hidden, Dense(job.sizes[-1]), Softmax()]
        self.model = bp.Sequential(layers, seed=0)
        self.model.set_weights(weights)
        optimizer = bp.optimizers.SGD(job.learning_rate)
        if job.optimizer == "adam":
            optimizer = bp.optimizers.Adam(job.learning_rate, BETA_1, BETA_2, EPSILON)
        self.model.compile(optimizer, "sparse_categorical_crossentropy")

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """``fit``."""
        history = self.model.fit(X, y, batch_size=self.batch, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """``predict``."""
        return self.model.predict(X)
