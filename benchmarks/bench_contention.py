"""What another process that keeps a core busy does to the time of a training step.

BLAS threads that wait for each other are the danger: where one of them has no core to run on, all
wait for it. The control is the same arithmetic in NumPy with its default threads, as many as cores.

It ends with status 1 if a network takes more than three times as long.

    python benchmarks/bench_contention.py [--quick]
"""

import argparse
import multiprocessing
import sys
import time

import jobs
import numpy as np
from jobs import ADAM, SGD, Job
from peers import with_backprop, with_numpy
from report import cores, cpu, table

LIMIT = 3.0
ROUNDS = 7


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


def slowdown(peer, job: Job, least: float) -> tuple[float, float]:
    """Seconds of a step alone, and how many times that it takes beside a busy process."""
    network = peer.Network(job, jobs.weights(job))
    alone = seconds(network, job, least)
    busy = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
    busy.start()
    try:
        time.sleep(0.3)
        return alone, seconds(network, job, least) / alone
    finally:
        busy.kill()
        busy.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training beside a busy process.")
    parser.add_argument("--quick", action="store_true", help="two networks, short rounds")
    quick = parser.parse_args().quick
    ladder = [SGD[1], SGD[4]] if quick else [*SGD, *ADAM]
    rows, slow = [], []
    for job in ladder:
        alone, times = slowdown(with_backprop, job, 0.03 if quick else 0.3)
        _, control = slowdown(with_numpy, job, 0.03 if quick else 0.3)
        rows.append([job.name, f"{alone * 1e6:,.0f}", f"**{times:.2f}**", f"{control:.2f}"])
        print(rows[-1], file=sys.stderr, flush=True)
        if times > LIMIT:
            slow.append(f"{job.name}: {times:.1f} times")
    print(f"- {cpu()}, {cores()} cores, NumPy {np.__version__}, medians of {ROUNDS} rounds\n")
    head = ["", "alone, µs a step", "beside a busy process", "NumPy, default threads"]
    print(table(head, rows))
    if slow and not quick:
        raise SystemExit("\n".join(["", f"More than {LIMIT:g} times as slow:", *slow]))


if __name__ == "__main__":
    main()
