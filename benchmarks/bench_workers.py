"""A training step by one and by two workers, and a model of what more machines would give.

Both jobs train the same network on batches of the same size, which two workers share. Each row says
how long a step takes (the median over epochs), and which part of it two workers spend in the sum of
g, waiting for each other included. mpiexec's workers keep a core each, so that one worker alone has
one thread, too.

The model of a step on K machines, with the batch shared out:

    T(K) = t₀ + t₁ B/K + u + 2 ⌈log₂ K⌉ λ + 2 (1 − 1/K) S/β

t₀ + t₁ n is the time of g for n samples and u that of the update, both measured here; S the bytes
of g; λ and β the latency and bandwidth of the network. Efficiency is T(1) / (K T(K)). Dashed: g of
the last layers is sent while that of the first is computed, which hides at most the backward pass,
two thirds of t₁ B/K.

    python benchmarks/bench_workers.py [--quick]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import backprop as bp
from backprop.callbacks import Callback
from backprop.distributed import Workers
from backprop.layers import Dense, ReLU, Softmax

N_IN, CLASSES = 784, 10
NETWORKS = {
    "784-128-10 @ 128": ([128], 128),
    "784-512-512-10 @ 512": ([512, 512], 512),
    "784-2048-2048-10 @ 1024": ([2048, 2048], 1024),
}
NETS = {"10 Gbit/s": (30e-6, 1.1e9), "100 Gbit/s": (5e-6, 11e9)}
"""Latency in seconds and bytes a second of what machines are usually connected by."""

MACHINES = [1, 2, 4, 8, 16, 32, 64]


class Clock(Callback):
    """Notes when epochs end."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts."""
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes the time."""
        self.times.append(time.perf_counter())


def network(hidden: list[int]) -> bp.Sequential:
    """A network compiled for training."""
    layers = [part for units in hidden for part in (Dense(units), ReLU())]
    model = bp.Sequential([*layers, Dense(CLASSES), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def job(name: str, steps: int, epochs: int) -> None:
    """What each worker runs: prints the numbers of a step as JSON."""
    hidden, size = NETWORKS[name]
    rng = np.random.default_rng(0)
    X = rng.random((size * steps, N_IN), dtype=np.float32)
    y = rng.integers(CLASSES, size=len(X))
    spent = 0.0
    with Workers() as workers:
        add = workers.add

        def timed(array: np.ndarray) -> np.ndarray:
            nonlocal spent
            start = time.perf_counter()
            found = add(array)
            spent += time.perf_counter() - start
            return found

        workers.add = timed  # type: ignore[method-assign]
        model, clock = network(hidden), Clock()
        model.fit(X, y, size, epochs, verbose=0, callbacks=[clock], workers=workers)
        g = np.zeros_like(model.parameters.gradients)
        sums = []
        for _ in range(10):
            start = time.perf_counter()
            add(g)
            sums.append(time.perf_counter() - start)
        if workers.rank == 0:
            step = statistics.median(np.diff(clock.times)[1:]) / steps
            share = spent / (clock.times[-1] - clock.times[0])
            found = {"step": step, "share": share, "sum": min(sums), "bytes": g.nbytes}
            print(json.dumps(found))


def start(name: str, n: int, steps: int, epochs: int) -> dict[str, float]:
    """The numbers of a job of n workers of this machine."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    local = ["--oversubscribe", "--mca", "btl", "self,sm", "--mca", "pml", "ob1"]
    local += ["--mca", "mpi_yield_when_idle", "1"]  # for machines that others use, too
    program = [sys.executable, __file__, "--job", name, str(steps), str(epochs)]
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(
        [str(mpiexec) if mpiexec.exists() else "mpiexec", *local, "-n", str(n), *program],
        env={**os.environ, **allowed, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def parts(name: str, repeats: int) -> tuple[float, float, float]:
    """t₀, t₁ and u of a network, measured in this process."""
    from backprop.engine.threads import single_blas_threads
    from backprop.training.step import Step

    hidden, size = NETWORKS[name]
    model = network(hidden)
    model.build((None, N_IN))
    step = Step(model)
    rng = np.random.default_rng(0)
    sizes = [max(1, size // 8), size // 4, size // 2, size]
    times, updates = [], []
    with single_blas_threads():
        for n in sizes:
            X = rng.random((n, N_IN), dtype=np.float32)
            y = rng.integers(CLASSES, size=n)
            found = []
            for _ in range(repeats):
                begin = time.perf_counter()
                step.gradients(X, y, None)
                middle = time.perf_counter()
                step.update()
                found.append(middle - begin)
                updates.append(time.perf_counter() - middle)
            times.append(min(found))
    t1, t0 = np.polyfit(sizes, times, 1)
    return max(float(t0), 0.0), float(t1), min(updates)


def predict(
    size: int,
    measured: tuple[float, float, float],
    n_bytes: float,
    K: int,
    net: tuple[float, float],
) -> tuple[float, float]:
    """T(K) without overlap, and with as much of it as there can be."""
    t0, t1, u = measured
    latency, bandwidth = net
    compute = t0 + t1 * size / K
    sent = 0.0
    if K > 1:
        sent = 2 * math.ceil(math.log2(K)) * latency + 2 * (1 - 1 / K) * n_bytes / bandwidth
    hidden = min(sent, 2 / 3 * t1 * size / K)
    return compute + u + sent, compute + u + sent - hidden


def draw(curves: dict[str, dict[str, list[tuple[float, float]]]], path: Path) -> None:
    """The predicted efficiency, a panel for each network."""
    figure = Figure(figsize=(5 * len(curves), 4), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (name, nets) in zip(panels, curves.items(), strict=True):
        for k, (net, efficiencies) in enumerate(nets.items()):
            plain, overlapped = zip(*efficiencies, strict=True)
            axes.plot(MACHINES, plain, "o-", color=f"C{k}", label=net)
            axes.plot(MACHINES, overlapped, "--", color=f"C{k}")
        axes.set_xscale("log", base=2)
        axes.set(title=name, xlabel="machines", ylim=(0, 1.05))
        axes.set_xticks(MACHINES, map(str, MACHINES))
        axes.grid(alpha=0.3)
    panels[0].set(ylabel="efficiency (dashed: overlapped)")
    panels[0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest network, a few steps")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job(options.job[0], *map(int, options.job[1:]))
        return
    if not find_spec("mpi4py"):
        print("left out: mpi4py is not installed (pip install -e '.[mpi]')")
        return
    names = list(NETWORKS)[:1] if options.quick else list(NETWORKS)
    steps, epochs = (5, 3) if options.quick else (10, 7)
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    print(f"{'network':<24} {'1 worker':>10} {'2 workers':>10} {'quicker':>8} {'in sums':>8}")
    for name in names:
        one, two = (start(name, n, steps, epochs) for n in (1, 2))
        ratio = one["step"] / two["step"]
        print(
            f"{name:<24} {one['step'] * 1e3:>7.2f} ms {two['step'] * 1e3:>7.2f} ms "
            f"{ratio:>7.2f}x {two['share']:>7.0%}"
        )
        measured = parts(name, 3 if options.quick else 10)
        size, n_bytes = NETWORKS[name][1], two["bytes"]
        here = (5e-6, n_bytes / two["sum"])
        curves[name] = {}
        for net, numbers in {"this machine's memory": here, **NETS}.items():
            alone = predict(size, measured, n_bytes, 1, numbers)[0]
            found = [predict(size, measured, n_bytes, K, numbers) for K in MACHINES]
            curves[name][net] = [
                (alone / (K * plain), alone / (K * hidden))
                for K, (plain, hidden) in zip(MACHINES, found, strict=True)
            ]
            said = ", ".join(
                f"{K}: {plain:.0%} ({hidden:.0%})"
                for K, (plain, hidden) in zip(MACHINES[1:], curves[name][net][1:], strict=True)
            )
            print(f"  {net}: efficiency (overlapped) on {said}")
    if not options.quick:
        draw(curves, Path(__file__).with_name("workers.png"))


if __name__ == "__main__":
    main()
