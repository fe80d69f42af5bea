"""scikit-learn's ``MLPClassifier``, an epoch a call of ``partial_fit``, without its L2 penalty."""

import numpy as np
import sklearn
from jobs import BETA_1, BETA_2, EPSILON, Job
from sklearn.neural_network import MLPClassifier

VERSION = f"scikit-learn {sklearn.__version__}"


def own(X: np.ndarray) -> np.ndarray:
    return X


class Network:
    """An ``MLPClassifier`` with the job's weights."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.model = MLPClassifier(
            job.sizes[1:-1],
            solver=job.optimizer or "sgd",
            alpha=0,
            batch_size=job.batch,
            learning_rate_init=1e-30,  # until it has the weights
            momentum=0,
            beta_1=BETA_1,
            beta_2=BETA_2,
            epsilon=EPSILON,
            random_state=0,
        )
        classes = np.arange(job.sizes[-1])
        # its weights exist only after a first call: a step on one batch
        X = np.zeros((job.batch, job.sizes[0]), np.float32)
        self.model.partial_fit(X, np.resize(classes, job.batch), classes=classes)
        if len(classes) == 2:  # one logistic output, which is a softmax of two
            weights = [*weights[:-2], *(w[..., 1:] - w[..., :1] for w in weights[-2:])]
        mine = self.model.coefs_ + self.model.intercepts_
        for own_array, given in zip(mine, weights[::2] + weights[1::2], strict=True):
            own_array[...] = given
        del self.model._optimizer  # the next call makes one without moments
        self.model.set_params(learning_rate_init=job.learning_rate)

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """``partial_fit``."""
        for _ in range(epochs):
            self.model.partial_fit(X, y)
        return float(self.model.loss_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """``predict_proba``."""
        return self.model.predict_proba(X)
