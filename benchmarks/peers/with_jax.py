"""JAX with one compiled function for a whole training step, its arguments given away to it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jobs import BETA_1, BETA_2, EPSILON, Job

VERSION = f"JAX {jax.__version__}"


def own(X: np.ndarray) -> jax.Array:
    return jnp.asarray(X)


def logits(weights: list, x: jax.Array) -> jax.Array:
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = jax.nn.relu(x @ W + b)
    return x @ weights[-2] + weights[-1]


def mean_loss(weights: list, x: jax.Array, y: jax.Array) -> jax.Array:
    logs = jax.nn.log_softmax(logits(weights, x))
    return -jnp.mean(jnp.take_along_axis(logs, y[:, None], axis=1))


def step(job: Job, state: tuple, x: jax.Array, y: jax.Array) -> tuple[tuple, jax.Array]:
    """Loss, gradient and update; ``state`` is the weights, m, v and t."""
    weights, m, v, t = state
    loss, g = jax.value_and_grad(mean_loss)(weights, x, y)
    if job.optimizer == "adam":
        t = t + 1
        m = [BETA_1 * a + (1 - BETA_1) * b for a, b in zip(m, g, strict=True)]
        v = [BETA_2 * a + (1 - BETA_2) * b * b for a, b in zip(v, g, strict=True)]
        alpha = job.learning_rate * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        g = [alpha * a / (jnp.sqrt(b) + EPSILON) for a, b in zip(m, v, strict=True)]
        return ([w - a for w, a in zip(weights, g, strict=True)], m, v, t), loss
    return ([w - job.learning_rate * a for w, a in zip(weights, g, strict=True)], m, v, t), loss


class Network:
    """The state, and the compiled functions."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.job = job
        moments = [np.zeros_like(w) for w in weights] if job.optimizer == "adam" else []
        state = (weights, moments, moments, np.float32(0))
        self.state = jax.tree.map(jnp.array, state)
        self.rng, self.key = np.random.default_rng(0), jax.random.key(0)
        self.probabilities = jax.jit(lambda weights, x: jax.nn.softmax(logits(weights, x)))

        @partial(jax.jit, donate_argnums=0)
        def indexed_step(state: tuple, X: jax.Array, y: jax.Array, index: jax.Array) -> tuple:
            return step(job, state, X[index], y[index])

        self.indexed_step = indexed_step

    def train(self, X: jax.Array, y: jax.Array, epochs: int) -> float:
        """A call of the compiled step for each batch."""
        for _ in range(epochs):
            order, losses = self.rng.permutation(len(X)).astype(np.int32), []
            for start in range(0, len(X), self.job.batch):
                index = order[start : start + self.job.batch]
                self.state, loss = self.indexed_step(self.state, X, y, index)
                losses.append(loss)
            last = float(np.mean(jax.device_get(losses)))
        jax.block_until_ready(self.state)
        return last

    def predict(self, X: jax.Array) -> np.ndarray:
        """All samples at once, compiled."""
        return np.asarray(self.probabilities(self.state[0], X))
