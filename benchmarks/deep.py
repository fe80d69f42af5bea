"""The deep jobs: networks for images and sequences, the same for everyone who is timed on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Part = tuple[Any, ...]
"""A layer by its kind and its numbers, such as ``("conv2d", 6, 5, "same")``."""

CLASSES = 10


@dataclass(frozen=True)
class DeepJob:
    """A network that ends in a softmax over ten classes (float32), trained by SGD.

    Attributes:
        network: Its name, batch size included.
        shape: The shape of one sample, channels or features last.
        layers: Its layers, before the last dense one.
        batch: Samples in a batch.
        steps: Batches in an epoch.
        learning_rate: η, as small as in ``jobs.Job``.
        optimizer: The optimizer, which is the same for all.
    """

    network: str
    shape: tuple[int, ...]
    layers: tuple[Part, ...]
    batch: int
    steps: int
    learning_rate: float = 1e-5
    optimizer: str = "sgd"

    @property
    def name(self) -> str:
        """The network and what tells these jobs from the others."""
        return f"{self.network}, deep"

    @property
    def parts(self) -> tuple[Part, ...]:
        """All layers."""
        return (*self.layers, ("dense", CLASSES))


RELU, POOL, FLATTEN = ("relu",), ("pool", 2), ("flatten",)

DEEP = (
    DeepJob(
        "LeNet 28×28×1 @ 64",
        (28, 28, 1),
        (
            *(("conv2d", 6, 5, "same"), POOL, RELU, ("conv2d", 16, 5, "valid"), POOL, RELU),
            *(FLATTEN, ("dense", 120), RELU, ("dense", 84), RELU),
        ),
        64,
        40,
    ),
    DeepJob(
        "convolutions 32-64-64, 32×32×3 @ 32",
        (32, 32, 3),
        (
            *(("conv2d", 32, 3, "same"), POOL, RELU, ("conv2d", 64, 3, "same"), POOL, RELU),
            *(("conv2d", 64, 3, "same"), POOL, RELU, FLATTEN),
        ),
        32,
        16,
    ),
    DeepJob(
        "MNIST-1D 25-25-25 @ 100",
        (40, 1),
        (
            *(("conv1d", 25, 5, 2, 1), RELU, ("conv1d", 25, 3, 2, 1), RELU),
            *(("conv1d", 25, 3, 2, 1), RELU, FLATTEN),
        ),
        100,
        100,
    ),
    DeepJob("LSTM(64), 50 × 16 @ 32", (50, 16), (("lstm", 64),), 32, 60),
    DeepJob("GRU(64), 50 × 16 @ 32", (50, 16), (("gru", 64),), 32, 60),
    DeepJob("transformer 4 × 16, 64 × 64 @ 32", (64, 64), (("block", 4, 256), ("mean",)), 32, 20),
)
"""Convolutions of filters, size and padding; in 1-D of filters, size, strides and zeros at both
ends. A block has heads and the units of its MLP; ``mean`` is that over the steps."""

WARM_UP = DeepJob("4-4-10 @ 4", (4,), (("dense", 4), RELU), 4, 4)
"""After which a library holds what it needs for any network."""


def data(job: DeepJob) -> tuple[np.ndarray, np.ndarray]:
    """Random samples with random labels, as in ``jobs.data``."""
    rng = np.random.default_rng(1)
    n = job.batch * job.steps
    return rng.standard_normal((n, *job.shape), dtype=np.float32), rng.integers(0, CLASSES, n)


def after(part: Part, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one sample behind a layer."""
    match part:
        case ("conv2d", filters, size, padding):
            cut = size - 1 if padding == "valid" else 0
            return (shape[0] - cut, shape[1] - cut, filters)
        case ("conv1d", filters, size, strides, zeros):
            return ((shape[0] + 2 * zeros - size) // strides + 1, filters)
        case ("pool", size):
            return (shape[0] // size, shape[1] // size, shape[2])
        case ("flatten",):
            return (prod(shape),)
        case ("dense" | "lstm" | "gru", units):
            return (units,)
        case ("mean",):
            return shape[1:]
    return shape  # of an activation and a block


def with_shapes(job: DeepJob) -> Iterator[tuple[Part, tuple[int, ...], tuple[int, ...]]]:
    """Every layer with the shapes of one sample in front of it and behind it."""
    shape = job.shape
    for part in job.parts:
        behind = after(part, shape)
        yield part, shape, behind
        shape = behind


def weights(job: DeepJob) -> list[list[np.ndarray]]:
    """The weights that everyone begins with, those of each layer in Keras's order and shapes."""
    rng = np.random.default_rng(0)

    def normal(*shape: int, n_in: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(1 / n_in))

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    made = []
    for part, before, _ in with_shapes(job):
        c = before[-1]
        match part:
            case ("conv2d", filters, size, _):
                W = normal(size, size, c, filters, n_in=size * size * c)
                made.append([W, zeros(filters)])
            case ("conv1d", filters, size, _, _):
                made.append([normal(size, c, filters, n_in=size * c), zeros(filters)])
            case ("dense", units):
                made.append([normal(c, units, n_in=c), zeros(units)])
            case ("lstm", u):
                W, U = normal(c, 4 * u, n_in=c), normal(u, 4 * u, n_in=u)
                made.append([W, U, zeros(4 * u)])
            case ("gru", u):
                W, U = normal(c, 3 * u, n_in=c), normal(u, 3 * u, n_in=u)
                made.append([W, U, zeros(2, 3 * u)])
            case ("block", heads, units):
                size, norm = c // heads, [np.ones(c, np.float32), zeros(c)]
                three = [[normal(c, heads, size, n_in=c), zeros(heads, size)] for _ in range(3)]
                out = [normal(heads, size, c, n_in=c), zeros(c)]
                mlp = [normal(c, units, n_in=c), zeros(units), normal(units, c, n_in=units)]
                made.append([*norm, *three[0], *three[1], *three[2], *out, *norm, *mlp, zeros(c)])
            case _:
                made.append([])
    return made
