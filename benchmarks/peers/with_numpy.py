"""The control: the arithmetic of a step written by hand in NumPy, and nothing else.

Every result goes into an array that is kept, θ and its gradient are one vector each, and the update
goes through them in blocks that stay in the cache.
"""

import math

import numpy as np
from jobs import BETA_1, BETA_2, EPSILON, Job

VERSION = f"NumPy {np.__version__}"
BLOCK = 32768


def own(X: np.ndarray) -> np.ndarray:
    return X


class Network:
    """Views of θ and g, and the buffers of one batch."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.job, self.rng, self.t = job, np.random.default_rng(0), 0
        self.theta = np.concatenate([w.ravel() for w in weights])
        self.g = np.zeros_like(self.theta)
        scratch = np.empty(min(BLOCK, len(self.theta)), np.float32)  # one serves all blocks
        state = [np.zeros_like(self.theta) for _ in range(2 if job.optimizer == "adam" else 0)]
        self.blocks = []
        for start in range(0, len(self.theta), BLOCK):
            views = [v[start : start + BLOCK] for v in (self.theta, self.g, *state)]
            self.blocks.append((scratch[: len(views[0])], *views))
        self.layers, at = [], 0
        for W, b in zip(weights[::2], weights[1::2], strict=True):
            ends = [at, at + W.size, at + W.size + b.size]
            views = [
                v[start:stop].reshape(like.shape)
                for v in (self.theta, self.g)
                for start, stop, like in ((ends[0], ends[1], W), (ends[1], ends[2], b))
            ]
            self.layers.append(views)
            at = ends[2]
        batch = job.batch
        self.xb = np.empty((batch, job.sizes[0]), np.float32)
        self.yb = np.empty(batch, np.intp)
        self.a = [np.empty((batch, n), np.float32) for n in job.sizes[1:]]
        self.delta = [np.empty_like(a) for a in self.a]
        self.slope = [np.empty_like(a) for a in self.a]
        self.column = np.empty((batch, 1), np.float32)
        self.ones = np.ones(batch, np.float32)
        self.rows = np.arange(0, batch * job.sizes[-1], job.sizes[-1])
        self.zero, self.scale = np.zeros((), np.float32), np.array(1 / batch, np.float32)
        self.eta = np.array(job.learning_rate, np.float32)

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """Epochs of the job's number of steps."""
        batch, n = self.job.batch, self.job.batch * self.job.steps
        update = self.adam if self.job.optimizer == "adam" else self.sgd
        for _ in range(epochs):
            order, total = self.rng.permutation(n), 0.0
            for start in range(0, n, batch):
                index = order[start : start + batch]
                np.take(X, index, axis=0, out=self.xb, mode="clip")
                np.take(y, index, out=self.yb, mode="clip")
                total += self.gradient()
                update()
        return float(total) / n

    def forward(self, x: np.ndarray) -> None:
        """Logits into the last of ``a``."""
        last = self.a[-1]
        for (W, b, _, _), a in zip(self.layers, self.a, strict=True):
            np.dot(x, W, out=a)
            np.add(a, b, out=a)
            if a is not last:
                np.maximum(a, self.zero, out=a)
            x = a

    def gradient(self) -> np.float32:
        """Writes g; returns the sum of the samples' losses."""
        self.forward(self.xb)
        z, p, s = self.a[-1], self.delta[-1], self.column
        np.maximum.reduce(z, axis=1, keepdims=True, out=s)
        np.subtract(z, s, out=z)
        np.exp(z, out=p)
        np.add.reduce(p, axis=1, keepdims=True, out=s)
        np.divide(p, s, out=p)
        own_class = self.rows + self.yb
        np.log(s, out=s)
        loss = np.add.reduce(s[:, 0]) - np.add.reduce(z.ravel()[own_class])
        p.ravel()[own_class] -= 1
        np.multiply(p, self.scale, out=p)
        for k in range(len(self.layers) - 1, -1, -1):
            W, _, dW, db = self.layers[k]
            delta = self.delta[k]
            np.dot((self.a[k - 1] if k else self.xb).T, delta, out=dW)
            np.dot(self.ones, delta, out=db)
            if k:
                np.dot(delta, W.T, out=self.delta[k - 1])
                np.greater(self.a[k - 1], self.zero, out=self.slope[k - 1])
                np.multiply(self.delta[k - 1], self.slope[k - 1], out=self.delta[k - 1])
        return loss

    def sgd(self) -> None:
        """θ ← θ − η g."""
        for _, theta, g in self.blocks:
            np.multiply(g, self.eta, out=g)
            np.subtract(theta, g, out=theta)

    def adam(self) -> None:
        """θ ← θ − α m / (√v + ε), with m and v as sums and their factors in α and ε."""
        self.t += 1
        root = math.sqrt(1 - BETA_2)
        bias = math.sqrt(1 - BETA_2**self.t) / (1 - BETA_1**self.t)
        alpha = np.array(self.job.learning_rate * bias * (1 - BETA_1) / root, np.float32)
        epsilon = np.array(EPSILON / root, np.float32)
        beta_1, beta_2 = np.array(BETA_1, np.float32), np.array(BETA_2, np.float32)
        for s, theta, g, m, v in self.blocks:
            np.multiply(m, beta_1, out=m)
            np.add(m, g, out=m)
            np.multiply(g, g, out=g)
            np.multiply(v, beta_2, out=v)
            np.add(v, g, out=v)
            np.sqrt(v, out=s)
            np.add(s, epsilon, out=s)
            np.divide(m, s, out=s)
            np.multiply(s, alpha, out=s)
            np.subtract(theta, s, out=theta)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The probabilities of one batch."""
        self.forward(X)
        z, s = self.a[-1], self.column
        np.maximum.reduce(z, axis=1, keepdims=True, out=s)
        np.subtract(z, s, out=z)
        np.exp(z, out=z)
        np.add.reduce(z, axis=1, keepdims=True, out=s)
        return np.divide(z, s, out=z)
