"""What watching a training costs: steps with accuracy and with a progress bar against bare steps.

The three take turns, an epoch each; the ratios are medians over the turns. Beside them stands what
accuracy cannot do without, on as many predictions that the processor has not seen before: to keep
a copy of them until there are enough to count, and ``argmax``, whose branches are hard to foretell.

    python benchmarks/bench_watching.py [--quick]
"""

import argparse
import contextlib
import os
import time
from collections.abc import Callable

import jobs
import numpy as np
from jobs import Job
from peers import with_backprop
from report import cores, cpu, watched
from threadpoolctl import threadpool_limits

NETWORKS = (Job((2, 3, 2), 4, 2000), Job((64, 64, 10), 32, 1000), Job((784, 30, 10), 10, 1000))
WAYS = {"nothing": ([], 0), "accuracy": (["accuracy"], 0), "a bar": ([], 1)}
"""Metrics, and ``verbose``."""
TURNS = 31


def microseconds(job: Job, turns: int) -> dict[str, np.ndarray]:
    """The time of a step in each turn, watched in each way."""
    X, y = jobs.data(job)
    models = {}
    for way, (metrics, _) in WAYS.items():
        model = with_backprop.Network(job, jobs.weights(job)).model
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=metrics)
        models[way] = model
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, threadpool_limits(1):
        for turn in range(turns + 1):
            for way, (_, verbose) in WAYS.items():
                with contextlib.redirect_stdout(nowhere):
                    start = time.perf_counter()
                    models[way].fit(X, y, batch_size=job.batch, verbose=verbose)
                    taken = time.perf_counter() - start
                if turn:  # the first one is for warming up
                    times[way].append(taken / job.steps * 1e6)
    return {way: np.array(found) for way, found in times.items()}


def alone(job: Job, work: Callable[[np.ndarray], object]) -> float:
    """Microseconds that this takes with the predictions of a batch, new ones each."""
    rng = np.random.default_rng(0)
    batches = rng.random((20_000 // job.batch, job.batch, job.sizes[-1]), dtype=np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for batch in batches:
            work(batch)
        times.append((time.perf_counter() - start) / len(batches) * 1e6)
    return min(times)


def watching(job: Job, turns: int) -> dict[str, float]:
    """Microseconds of a bare step, and shares of them that the rest adds."""
    times = microseconds(job, turns)
    bare = times.pop("nothing")
    median = float(np.median(bare))
    return {
        "bare step, µs": median,
        **{way: float(np.median(found / bare)) - 1 for way, found in times.items()},
        "copies alone": alone(job, lambda batch: batch.tobytes()) / median,
        "argmax alone": alone(job, lambda batch: batch.argmax(-1)) / median,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training with and without watching it.")
    parser.add_argument("--quick", action="store_true", help="few turns")
    turns = 3 if parser.parse_args().quick else TURNS
    print(f"- {cpu()}, {cores()} cores, NumPy {np.__version__}, {turns} turns\n")
    print(watched({job.network: watching(job, turns) for job in NETWORKS}))


if __name__ == "__main__":
    main()
