"""What another process that keeps a core busy does to the time of a training step.

BLAS threads that wait for each other are the danger: where one of them has no core to run on, all
wait for it. ``fit`` has threads of its own, which wait rarely; each round is a ``fit`` of a second.

It ends with status 1 if a network takes more than three times as long.

    python benchmarks/bench_contention.py [--quick]
"""

import argparse
import multiprocessing
import sys
import time
from types import ModuleType

import jobs
import numpy as np
from jobs import ADAM, SGD, Job
from peers import with_backprop, with_numpy
from report import cores, cpu, slowed
from threadpoolctl import threadpool_limits

LIMIT = 3.0
ROUNDS = 5
LEAST = 1.0
"""Seconds of a round."""


def burn() -> None:
    """Keeps a core busy."""
    while True:
        pass


def seconds(network: with_backprop.Network | with_numpy.Network, job: Job, least: float) -> float:
    """The median time of a step over several rounds, each of that many seconds at least."""
    X, y = jobs.data(job)
    network.train(X, y, 1)
    start = time.perf_counter()
    network.train(X, y, 1)
    repeats = max(1, round(least / (time.perf_counter() - start)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        network.train(X, y, repeats)
        rounds.append((time.perf_counter() - start) / repeats / job.steps)
    return float(np.median(rounds))


def slowdown(peer: ModuleType, job: Job, least: float) -> list[float]:
    """Seconds of a step alone, and beside a busy process."""
    network = peer.Network(job, jobs.weights(job))
    alone = seconds(network, job, least)
    busy = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
    busy.start()
    try:
        time.sleep(0.3)
        return [alone, seconds(network, job, least)]
    finally:
        busy.kill()
        busy.join()


def contention(job: Job, least: float = LEAST) -> dict[str, list[float]]:
    """``slowdown`` of ours with the threads that it chooses, of ours on one, and of the control."""
    found = {"ours": slowdown(with_backprop, job, least)}
    with threadpool_limits(1):
        found["ours on one thread"] = slowdown(with_backprop, job, least)
    return found | {"control": slowdown(with_numpy, job, least)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training beside a busy process.")
    parser.add_argument("--quick", action="store_true", help="two networks, short rounds")
    quick = parser.parse_args().quick
    found = {}
    for job in [SGD[1], SGD[4]] if quick else [*SGD, *ADAM]:
        found[job.name] = contention(job, 0.03 if quick else LEAST)
        print(job.name, found[job.name], file=sys.stderr, flush=True)
    print(f"- {cpu()}, {cores()} cores, NumPy {np.__version__}, medians of {ROUNDS} rounds\n")
    print(slowed(found))
    times = {name: each["ours"][1] / each["ours"][0] for name, each in found.items()}
    slow = [f"{name}: {ratio:.1f} times" for name, ratio in times.items() if ratio > LIMIT]
    if slow and not quick:
        raise SystemExit("\n".join(["", f"More than {LIMIT:g} times as slow:", *slow]))


if __name__ == "__main__":
    main()
