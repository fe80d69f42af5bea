"""JAX with a whole epoch, shuffling included, as one compiled program around ``lax.scan``."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jobs import Job

from peers import with_jax
from peers.with_jax import VERSION, own

__all__ = ["VERSION", "Network", "own"]


class Network(with_jax.Network):
    """The same step inside of a scan."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        super().__init__(job, weights)

        @partial(jax.jit, donate_argnums=0)
        def epoch(state: tuple, X: jax.Array, y: jax.Array, key: jax.Array) -> tuple:
            order = jax.random.permutation(key, len(X)).reshape(-1, job.batch)
            state, losses = jax.lax.scan(
                lambda state, index: with_jax.step(job, state, X[index], y[index]), state, order
            )
            return state, jnp.mean(losses)

        self.epoch = epoch

    def train(self, X: jax.Array, y: jax.Array, epochs: int) -> float:
        """A call of the compiled program for each epoch."""
        for _ in range(epochs):
            self.key, key = jax.random.split(self.key)
            self.state, loss = self.epoch(self.state, X, y, key)
        jax.block_until_ready(self.state)
        return float(loss)
