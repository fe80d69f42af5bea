"""What is timed: networks, batch sizes and data, the same for everyone who is timed on them."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
"""Adam's constants."""


@dataclass(frozen=True)
class Job:
    """A dense network (ReLU, softmax cross-entropy, float32) and how it is trained or asked.

    Attributes:
        sizes: The units of each layer, inputs first.
        batch: Samples in a batch.
        steps: Batches in an epoch, or calls of ``predict`` in a round.
        optimizer: "sgd" (without momentum), "adam", or "" if it only predicts.
        learning_rate: η. The default is so small that the network stays where it begins: nothing
            becomes denormal, and every round times the same numbers.
    """

    sizes: tuple[int, ...]
    batch: int
    steps: int
    optimizer: str = "sgd"
    learning_rate: float = 1e-5

    @property
    def network(self) -> str:
        """Its short name, such as ``784-128-10 @ 32``."""
        return f"{'-'.join(map(str, self.sizes))} @ {self.batch}"

    @property
    def name(self) -> str:
        """The network and what is done with it."""
        return f"{self.network}, {self.optimizer or 'predict'}"


SGD = (
    Job((2, 3, 2), 4, 2000),
    Job((64, 64, 10), 32, 1000),
    Job((784, 30, 10), 10, 1000),
    Job((784, 128, 10), 32, 400),
    Job((784, 128, 10), 128, 100),
    Job((784, 512, 512, 10), 128, 40),
    Job((784, 1024, 1024, 10), 256, 16),
    Job((784, 2048, 2048, 10), 1024, 4),
)
ADAM = tuple(replace(job, optimizer="adam") for job in SGD)

PREDICT = (
    Job((784, 128, 10), 1, 1000, ""),
    Job((784, 128, 10), 32, 500, ""),
    Job((784, 128, 10), 10_000, 1, ""),
)

DIGITS = Job((64, 64, 10), 32, 44, "adam", 0.005)
"""Trained for ``DIGITS_EPOCHS`` from the start of a process to its end."""
DIGITS_EPOCHS = 15

MNIST_SIZED = Job((784, 128, 10), 100, 600, "adam")


def weights(job: Job) -> list[np.ndarray]:
    """The weights that everyone begins with, ``[W, b, W, b, …]``, W of shape ``(n_in, n_out)``."""
    rng = np.random.default_rng(0)
    made = []
    for n_in, n_out in pairwise(job.sizes):
        W = rng.standard_normal((n_in, n_out), dtype=np.float32)
        W *= np.float32(np.sqrt(2 / n_in))
        made += [W, np.zeros(n_out, np.float32)]
    return made


def data(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Random samples with random labels: the loss cannot go to 0, and half of the units are on."""
    rng = np.random.default_rng(1)
    n = job.batch * job.steps if job.optimizer else job.batch
    X = rng.standard_normal((n, job.sizes[0]), dtype=np.float32)
    return X, rng.integers(0, job.sizes[-1], n)
