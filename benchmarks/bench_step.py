"""A training step of backprop against the same step written by hand in NumPy.

Both train 784-128-10 (ReLU, softmax cross-entropy, SGD) on batches of 32 drawn anew in each epoch,
in float32, on one BLAS thread, with every result written into arrays that are kept. The two take
turns, an epoch each, and the ratio is the median of the turns' ratios, so that a machine that
changes its speed changes it for both.

    python benchmarks/bench_step.py [--quick]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

import backprop as bp
from backprop.layers import Dense, ReLU, Softmax

N_IN, HIDDEN, CLASSES, BATCH = 784, 128, 10, 32


def by_hand(X: np.ndarray, y: np.ndarray, learning_rate: float) -> Callable[[], float]:
    """A function that trains one epoch with nothing but the arithmetic."""
    rng = np.random.default_rng(0)
    sizes = [N_IN * HIDDEN, HIDDEN, HIDDEN * CLASSES, CLASSES]
    theta = (rng.standard_normal(sum(sizes)) * 0.05).astype(np.float32)
    g = np.empty_like(theta)
    scaled = np.empty_like(theta)
    a, b, c = np.cumsum(sizes)[:-1]
    W1, b1 = theta[:a].reshape(N_IN, HIDDEN), theta[a:b]
    W2, b2 = theta[b:c].reshape(HIDDEN, CLASSES), theta[c:]
    dW1, db1 = g[:a].reshape(N_IN, HIDDEN), g[a:b]
    dW2, db2 = g[b:c].reshape(HIDDEN, CLASSES), g[c:]
    xb = np.empty((BATCH, N_IN), np.float32)
    yb = np.empty(BATCH, np.intp)
    z1 = np.empty((BATCH, HIDDEN), np.float32)
    a1, d1, slope = np.empty_like(z1), np.empty_like(z1), np.empty_like(z1)
    z2 = np.empty((BATCH, CLASSES), np.float32)
    p, d2 = np.empty_like(z2), np.empty_like(z2)
    rows = np.arange(0, BATCH * CLASSES, CLASSES)
    n = len(X)

    def epoch() -> float:
        order = rng.permutation(n)
        total = 0.0
        for start in range(0, n, BATCH):
            index = order[start : start + BATCH]
            np.take(X, index, axis=0, out=xb, mode="clip")
            np.take(y, index, out=yb, mode="clip")
            np.dot(xb, W1, out=z1)
            np.add(z1, b1, out=z1)
            np.maximum(z1, 0, out=a1)
            np.dot(a1, W2, out=z2)
            np.add(z2, b2, out=z2)
            m = np.maximum.reduce(z2, axis=1, keepdims=True)
            np.subtract(z2, m, out=p)
            np.exp(p, out=p)
            s = np.add.reduce(p, axis=1, keepdims=True)
            np.divide(p, s, out=p)
            own = rows + yb
            total += float(np.sum(m[:, 0] + np.log(s[:, 0]) - z2.ravel()[own])) / BATCH
            np.copyto(d2, p)
            d2.ravel()[own] -= 1
            np.multiply(d2, np.float32(1 / BATCH), out=d2)
            np.dot(a1.T, d2, out=dW2)
            np.add.reduce(d2, axis=0, out=db2)
            np.dot(d2, W2.T, out=d1)
            np.greater(z1, 0, out=slope)
            np.multiply(d1, slope, out=d1)
            np.dot(xb.T, d1, out=dW1)
            np.add.reduce(d1, axis=0, out=db1)
            np.multiply(g, learning_rate, out=scaled)
            np.subtract(theta, scaled, out=theta)
        return total

    return epoch


def with_backprop(X: np.ndarray, y: np.ndarray, learning_rate: float) -> Callable[[], float]:
    """A function that trains one epoch with ``fit``."""
    model = bp.Sequential([Dense(HIDDEN), ReLU(), Dense(CLASSES), Softmax()], seed=0)
    model.compile(bp.optimizers.SGD(learning_rate), "sparse_categorical_crossentropy")

    def epoch() -> float:
        return model.fit(X, y, batch_size=BATCH, verbose=0).history["loss"][0]

    return epoch


def main() -> None:
    """Times both and prints the medians and their ratio."""
    parser = argparse.ArgumentParser(description="Time a training step against bare NumPy.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 5 if parser.parse_args().quick else 31

    rng = np.random.default_rng(1)
    n = 200 * BATCH
    X = rng.random((n, N_IN), dtype=np.float32)
    y = rng.integers(0, CLASSES, n)
    jobs = {"backprop": with_backprop(X, y, 0.01), "bare NumPy": by_hand(X, y, 0.01)}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    with threadpool_limits(limits=1, user_api="blas"):  # what is best for both at this size
        for job in jobs.values():
            job()  # warm-up: allocates the buffers
        for _ in range(rounds):
            for name, job in jobs.items():
                start = time.perf_counter()
                job()
                times[name].append((time.perf_counter() - start) / (n // BATCH) * 1e6)
    print(
        f"784-128-10 @ {BATCH}, {rounds} epochs of {n // BATCH} steps each, NumPy {np.__version__}"
    )
    for name, values in times.items():
        low, *_, high = sorted(values)
        print(f"{name:<12}{statistics.median(values):8.0f} µs a step   ({low:.0f} to {high:.0f})")
    ratios = [ours / bare for ours, bare in zip(*times.values(), strict=True)]
    print(f"ratio       {statistics.median(ratios):8.2f}   (median of the rounds' ratios)")


if __name__ == "__main__":
    main()
