"""The floor of the deep jobs: the matrix products of a step alone, on parts of the batch.

A product forward, and for the gradients one by the weights and one by the input, which the first
layer does not need. Windows of convolutions are multiplied as rows; nothing is copied into them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

import numpy as np
from deep import DeepJob, with_shapes

VERSION = f"NumPy {np.__version__}"
ROWS = 2048
"""At most so many windows are multiplied at once, which stay in the cache."""


def own(X: np.ndarray) -> np.ndarray:
    return X


Call = Callable[[], object]


def dense(rows: int, n_in: int, n_out: int, first: bool = False) -> Iterator[Call]:
    """X W, Xᵀ δ and δ Wᵀ, on parts of the rows."""
    times = -(-rows // ROWS)
    m = -(-rows // times)
    X, W, Z = random(m, n_in), random(n_in, n_out), random(m, n_out)
    dX, dW, delta = np.empty_like(X), np.empty_like(W), random(m, n_out)
    for _ in range(times):
        yield partial(np.dot, X, W, out=Z)
        yield partial(np.dot, X.T, delta, out=dW)
        if not first:
            yield partial(np.dot, delta, W.T, out=dX)


def attention(n: int, steps: int, size: int) -> Iterator[Call]:
    """Scores and weighted values of n heads, and both derivatives of each."""
    Q, K, out = (random(n, steps, size) for _ in range(3))
    S, KT = random(n, steps, steps), K.swapaxes(1, 2)
    for _ in range(2):  # scores, and the derivative by the shares, have the same form
        yield partial(np.matmul, Q, KT, out=S)
    for _ in range(4):  # values, and the derivatives by values, queries and keys
        yield partial(np.matmul, S, K, out=out)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).standard_normal(shape, dtype=np.float32)


def products(job: DeepJob) -> Iterator[Call]:
    """All products of a step."""
    N, first = job.batch, True
    for part, before, behind in with_shapes(job):
        c = before[-1]
        match part:
            case ("conv2d", filters, size, _):
                yield from dense(N * prod(behind[:-1]), size * size * c, filters, first)
            case ("conv1d", filters, size, _, _):
                yield from dense(N * behind[0], size * c, filters, first)
            case ("dense", units):
                yield from dense(N, c, units, first)
            case (("lstm" | "gru") as kind, units):
                gates, steps = {"lstm": 4, "gru": 3}[kind] * units, before[0]
                yield from dense(N * steps, c, gates, first)
                h, U, delta = random(N, units), random(units, gates), random(N, gates)
                Z, dh = np.empty_like(delta), np.empty_like(h)
                for _ in range(steps):  # from step to step there is no larger product
                    yield partial(np.dot, h, U, out=Z)
                    yield partial(np.dot, delta, U.T, out=dh)
                H, delta = random(N * steps, units), random(N * steps, gates)
                yield partial(np.dot, H.T, delta, out=np.empty_like(U))
            case ("block", heads, units):
                for n_in, n_out in ((c, c),) * 4 + ((c, units), (units, c)):
                    yield from dense(N * before[0], n_in, n_out)
                yield from attention(N * heads, before[0], c // heads)
            case _:
                continue
        first = False


class Network:
    """The products as bound calls."""

    def __init__(self, job: DeepJob, weights: list[list[np.ndarray]]) -> None:
        self.calls, self.steps = list(products(job)), job.steps

    def train(self, X: np.ndarray, y: np.ndarray, epochs: int) -> None:
        """Multiplies."""
        for _ in range(epochs * self.steps):
            for call in self.calls:
                call()
