"""Keras on JAX, compiled as it does by itself: ``fit`` and ``predict_on_batch``, silent."""

import keras
import numpy as np
from jobs import BETA_1, BETA_2, EPSILON, Job

VERSION = f"Keras {keras.__version__} on {keras.backend.backend()}"


def own(X: np.ndarray) -> np.ndarray:
    return X


class Network:
    """A compiled ``Sequential``."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.batch = job.batch
        hidden = [keras.layers.Dense(n, "relu") for n in job.sizes[1:-1]]
        last = keras.layers.Dense(job.sizes[-1], "softmax")
        self.model = keras.Sequential([keras.Input((job.sizes[0],)), *hidden, last])
        self.model.set_weights(weights)
        optimizer = keras.optimizers.SGD(job.learning_rate)
        if job.optimizer == "adam":
            optimizer = keras.optimizers.Adam(job.learning_rate, BETA_1, BETA_2, EPSILON)
        self.model.compile(optimizer, "sparse_categorical_crossentropy")

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """``fit``."""
        history = self.model.fit(X, y, batch_size=self.batch, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """``predict_on_batch``, which is quicker than ``predict``."""
        return self.model.predict_on_batch(X)
