"""What watching a training costs: steps with accuracy and with a progress bar against bare steps.

All take turns of some epochs; the ratios are medians over the turns. From time to time all
begin anew with new models, as a step's time depends a little on where in memory its arrays lie.

    python benchmarks/bench_watching.py [--quick]
"""

import argparse
import contextlib
import os
import time

import jobs
import numpy as np
from jobs import Job
from peers import with_backprop
from report import cores, cpu, watched
from threadpoolctl import threadpool_limits

import backprop

NETWORKS = (Job((2, 3, 2), 4, 2000), Job((64, 64, 10), 32, 1000), Job((784, 30, 10), 10, 1000))
WAYS = {
    "nothing": ([], 0),
    "accuracy": (["accuracy"], 0),
    "a bar": ([], 1),
    "both": (["accuracy"], 1),
}
"""Metrics, and ``verbose``."""
SETS, TURNS, EPOCHS = 8, 4, 3
"""How many times new models are made, for how many turns these train, and how long a turn is."""


def models(job: Job) -> dict[str, backprop.Sequential]:
    """New models, one to be watched in each way."""
    made = {}
    for way, (metrics, _) in WAYS.items():
        made[way] = with_backprop.Network(job, jobs.weights(job)).model
        made[way].compile("sgd", "sparse_categorical_crossentropy", metrics=metrics)
    return made


def watching(job: Job, sets: int) -> dict[str, float]:
    """Microseconds of a bare step, and shares of them that the rest adds."""
    X, y = jobs.data(job)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, threadpool_limits(1):
        for _ in range(sets):
            made = models(job)
            for turn in range(TURNS + 1):
                for way, (_, verbose) in WAYS.items():
                    with contextlib.redirect_stdout(nowhere):
                        start = time.perf_counter()
                        made[way].fit(X, y, job.batch, EPOCHS, verbose=verbose)
                        taken = time.perf_counter() - start
                    if turn:  # the first one is for warming up
                        times[way].append(taken / EPOCHS / job.steps * 1e6)
    bare = np.array(times.pop("nothing"))
    shares = {way: float(np.median(found / bare)) - 1 for way, found in times.items()}
    return {"bare step, µs": float(np.median(bare)), **shares}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training with and without watching it.")
    parser.add_argument("--quick", action="store_true", help="few models")
    sets = 1 if parser.parse_args().quick else SETS
    print(f"- {cpu()}, {cores()} cores, NumPy {np.__version__}, {sets} × {TURNS} turns\n")
    print(watched({job.network: watching(job, sets) for job in NETWORKS}))


if __name__ == "__main__":
    main()
