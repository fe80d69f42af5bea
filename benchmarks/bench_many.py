"""Many small models trained together by ``fit_many``, and one after the other by ``fit``.

Time per step of one model: K models in step share the Python around their NumPy calls. Where JAX is
installed, its time for one model is shown too, with a whole epoch as one compiled program.

    python benchmarks/bench_many.py [--quick]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import jobs
import numpy as np
from jobs import Job
from peers import with_backprop
from report import cores, cpu, table
from threadpoolctl import threadpool_limits

import backprop as bp
from backprop.experiments import many

NETWORKS = (
    Job((2, 3, 2), 4, 500),
    Job((2, 8, 2), 4, 500),
    Job((4, 16, 16, 3), 16, 200),
    Job((64, 64, 10), 32, 50),
    Job((784, 30, 10), 10, 50),
)
MODELS = (5, 20, 100)
ROUNDS = 7


def of_jax(job: Job) -> Callable[[], object] | None:
    """An epoch of one model in JAX; None where JAX is missing."""
    try:
        from peers import with_jax_scan
    except ImportError:
        return None
    X, y = (with_jax_scan.own(array) for array in jobs.data(job))
    network = with_jax_scan.Network(job, jobs.weights(job))
    return lambda: network.train(X, y, 1)


def medians(work: dict[str, Callable[[], object] | None], rounds: int) -> dict[str, float]:
    """The median seconds of each, in rounds that take turns."""
    times: dict[str, list[float]] = {name: [] for name, run in work.items() if run is not None}
    for round_ in range(rounds + 1):
        for name, found in times.items():
            start = time.perf_counter()
            work[name]()
            if round_:  # the first one is for warming up
                found.append(time.perf_counter() - start)
    return {name: float(np.median(found)) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time many small models trained together.")
    parser.add_argument("--quick", action="store_true", help="few models, short epochs")
    quick = parser.parse_args().quick
    many.TOGETHER_BELOW = np.inf  # to show where it pays, also where fit_many would not do it
    rows = []
    for job in NETWORKS[:2] if quick else NETWORKS:
        job = replace(job, steps=job.steps // (10 if quick else 1))
        X, y = jobs.data(job)
        for k in MODELS[:1] if quick else MODELS:
            alone, together = (
                [with_backprop.Network(job, jobs.weights(job)).model for _ in range(k)]
                for _ in range(2)
            )
            fit = {"batch_size": job.batch, "verbose": 0}

            def one_after_the_other(models=alone, X=X, y=y, fit=fit) -> None:
                for model in models:
                    model.fit(X, y, **fit)

            def in_step(models=together, X=X, y=y, fit=fit) -> None:
                bp.fit_many(models, X, y, **fit)

            work = {"alone": one_after_the_other, "together": in_step, "jax": of_jax(job)}
            with threadpool_limits(1):
                found = medians(work, 2 if quick else ROUNDS)
            alone_, together_ = (found[n] / k / job.steps * 1e6 for n in ("alone", "together"))
            jax = f"{found['jax'] / job.steps * 1e6:.1f}" if "jax" in found else "–"
            cells = [f"{alone_:.1f}", f"{together_:.1f}", f"**{alone_ / together_:.1f}**", jax]
            rows.append([job.network, str(k), *cells])
            print(*rows[-1], flush=True)
    print(f"\n- {cpu()}, {cores()} cores, NumPy {np.__version__}, one BLAS thread\n")
    head = ["network @ batch", "models", "alone, µs", "together, µs", "gain", "JAX scan, µs"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
