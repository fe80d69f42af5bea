"""A training step by one and by two workers, and a model of what more machines would give.

Both jobs train the same network on batches of the same size, which two workers share. Each row says
how long a step takes (the median over epochs), and which part of it two workers spend in the sum of
g, waiting for each other included. A worker has one thread, as each keeps a core to itself.

The model of a step on K machines, each as quick as one core here, with the batch shared out:

    T(K) = t₀ + t₁ B/K + u + s(S),    s(S) = 2 ⌈log₂ K⌉ λ + 2 (1 − 1/K) S/β

t₀ + t₁ n is the time of g for n samples and u that of the update, both measured here; S the bytes
of g; λ and β the latency and bandwidth of the network: those of this machine's memory, measured,
and the figures of usual networks. Efficiency is T(1) / (K T(K)).

Dashed: each layer's part of g is sent as soon as it is there, while the layers before it still
compute theirs. Of the first layer, whose part comes last, nothing can be hidden: in 784-128-10 that
is 99 % of g. The lower row of the picture has what would have to overlap: the time of the sum, and
in black that of the backward pass after the last layer's part.

Why it is not done. In the model it makes a step at most 1.24 times as quick: that of the largest
network, on 4 machines with 10 Gbit/s (efficiency 84 % in place of 68 %; 58 and 48 % on 8, 34 and
30 % on 16). And MPI has to be called for anything to move. On two cores with a link of 4 Gbit/s
between them (made by ``tc`` in a network namespace of its own; Open MPI 5.0) 46 ms of products and
a sum of 64 ms took 105 ms one after the other, and 108 ms as ``Iallreduce``, products and ``Wait``.
With ``Allreduce`` in a thread it was 86 ms: 20 of 46 ms were hidden. So less than half of what is
dashed can be had, less than 1.1, and by a thread that takes a core from the products.

    python benchmarks/bench_workers.py [--quick] [--output DIR]
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
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from options import folder

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

        workers.add = timed
        model, clock = network(hidden), Clock()
        model.fit(X, y, size, epochs, verbose=0, callbacks=[clock], workers=workers)
        share = spent / (clock.times[-1] - clock.times[0])
        g = np.zeros_like(model.parameters.gradients)
        latency, whole = (min(seconds(add, array) for _ in range(20)) for array in (g[:1], g))
        if workers.rank == 0:
            step = statistics.median(np.diff(clock.times)[1:]) / steps
            found = {"step": step, "share": share, "latency": latency, "sum": whole}
            print(json.dumps({**found, "bytes": g.nbytes}))


def seconds(function: Any, *arguments: Any) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


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
    return json.loads(done.stdout.splitlines()[-1])


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


def products(name: str) -> list[tuple[int, int]]:
    """Weights of each layer, and the floating-point operations of its backward pass, per sample."""
    hidden, _ = NETWORKS[name]
    weights = [n_in * n_out for n_in, n_out in pairwise([N_IN, *hidden, CLASSES])]
    return [(W, (4 if k else 2) * W) for k, W in enumerate(weights)]  # no ∂E/∂X before the first


def add_up(n_bytes: float, K: int, net: tuple[float, float]) -> float:
    """s: the time of a sum over K machines."""
    latency, bandwidth = net
    return 2 * math.ceil(math.log2(K)) * latency + 2 * (1 - 1 / K) * n_bytes / bandwidth


def predict(
    name: str, measured: tuple[float, float, float], K: int, net: tuple[float, float]
) -> dict[str, float]:
    """T(K) without and with overlap; the time of the sum, and of what it might be hidden behind."""
    t0, t1, u = measured
    layers = products(name)
    forward = sum(2 * W for W, _ in layers)
    operations = forward + sum(work for _, work in layers)
    compute = t1 * NETWORKS[name][1] / K
    n_bytes = 4 * sum(W for W, _ in layers)
    sent = add_up(n_bytes, K, net) if K > 1 else 0.0
    ready = t0 + compute * forward / operations
    behind, free = 0.0, 0.0  # the backward pass after the last layer; when the network is free
    for W, work in reversed(layers):
        first = 2 * W  # ∂E/∂W, which is there before ∂E/∂X is computed
        ready += compute * first / operations
        if K > 1:
            free = max(free, ready) + add_up(4 * W, K, net)
        ready += compute * (work - first) / operations
        behind = behind or t0 + compute - ready
    together = max(ready, free)
    plain = t0 + compute + sent
    return {"T": plain + u, "overlapped": min(plain, together) + u, "sent": sent, "behind": behind}


def efficiency(points: list[dict[str, float]], k: int, which: str = "T") -> float:
    """T(1) / (K T(K)) of the k-th number of machines."""
    return points[0]["T"] / (MACHINES[k] * points[k][which])


def draw(curves: dict[str, dict[str, list[dict[str, float]]]], path: Path) -> None:
    """Above the predicted efficiency of each network; below what would have to overlap."""
    figure = Figure(figsize=(5 * len(curves), 7), layout="constrained")
    panels = figure.subplots(2, len(curves), sharey="row", squeeze=False)
    for (above, below), (name, nets) in zip(panels.T, curves.items(), strict=True):
        for color, (net, points) in enumerate(nets.items()):
            for which, line in (("T", "o-"), ("overlapped", "--")):
                shown = [efficiency(points, k, which) for k in range(len(MACHINES))]
                label = net if which == "T" else None
                above.plot(MACHINES, shown, line, color=f"C{color}", label=label)
            below.plot(MACHINES[1:], [p["sent"] * 1e3 for p in points[1:]], "o-", color=f"C{color}")
        behind = [p["behind"] * 1e3 for p in points[1:]]
        below.plot(MACHINES[1:], behind, "k", label="backward pass after the last layer")
        above.set(title=name, ylim=(0, 1.05))
        below.set(xlabel="machines", yscale="log")
        for axes in (above, below):
            axes.set_xscale("log", base=2)
            axes.set_xticks(MACHINES, map(str, MACHINES))
            axes.grid(alpha=0.3)
    panels[0, 0].set(ylabel="efficiency (dashed: overlapped)")
    panels[1, 0].set(ylabel="ms in the sum of g")
    panels[0, 0].legend()
    panels[1, 0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest network, a few steps")
    parser.add_argument("--output", type=folder, help="the folder to save workers.png in")
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
    curves: dict[str, dict[str, list[dict[str, float]]]] = {}
    print(f"{'network':<24} {'1 worker':>10} {'2 workers':>10} {'quicker':>8} {'in sums':>8}")
    for name in names:
        one, two = (start(name, n, steps, epochs) for n in (1, 2))
        print(
            f"{name:<24} {one['step'] * 1e3:>7.2f} ms {two['step'] * 1e3:>7.2f} ms "
            f"{one['step'] / two['step']:>7.2f}x {two['share']:>8.0%}"
        )
        measured = t0, t1, u = parts(name, 3 if options.quick else 10)
        operations = sum(2 * W + work for W, work in products(name))
        here = two["latency"] / 2, two["bytes"] / two["sum"]  # K = 2: 2 λ, and S/β
        print(
            f"  g of n samples {t0 * 1e3:.2f} ms + n × {t1 * 1e6:.1f} µs "
            f"({operations / t1 / 1e9:.0f} Gflop/s), update {u * 1e3:.2f} ms; a sum of "
            f"{two['bytes'] / 1e6:.1f} MB {two['sum'] * 1e3:.2f} ms, of one number "
            f"{two['latency'] * 1e6:.0f} µs"
        )
        curves[name] = {}
        for net, numbers in {"this machine's memory": here, **NETS}.items():
            points = [predict(name, measured, K, numbers) for K in MACHINES]
            curves[name][net] = points
            said = ", ".join(
                f"{K}: {efficiency(points, k):.0%} ({efficiency(points, k, 'overlapped'):.0%})"
                for k, K in enumerate(MACHINES[1:], 1)
            )
            print(f"  {net}: efficiency (overlapped) on {said}")
    if options.output:
        draw(curves, options.output / "workers.png")


if __name__ == "__main__":
    main()
