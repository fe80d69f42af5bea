"""Where the time of a step of ours goes: each of its NumPy calls is timed as it is made."""

import time
from collections.abc import Callable

import jobs
import numpy as np
from jobs import Job
from peers import with_backprop

from backprop.core.threads import blas_threads
from backprop.training.batches import Batches
from backprop.training.data import Data
from backprop.training.replay import RecordedStep, train_step

PARTS = ("draw", "products", "other calls", "optimizer")
"""The batch is drawn; matrix products; all else in the passes and the loss; the update."""


def parts(job: Job, seconds: float) -> dict[str, float]:
    """Microseconds of a step's parts, medians over as many steps as take that many seconds.

    Looking at the clock takes some 0.05 µs a call, which is in the numbers.
    """
    X, y = jobs.data(job)
    model = with_backprop.Network(job, jobs.weights(job)).model
    rng = np.random.default_rng(0)
    batches = Batches(Data(X, y.astype(np.intp)), job.batch, model.dtype, rng)
    batch = next(iter(batches))
    steps: list[dict[str, float]] = []
    with blas_threads(job.batch * model.parameters.largest):
        train_step(model, *batch)
        recorded = RecordedStep(model, *batch)
        calls = [(is_product(call), call) for call in recorded.calls]
        clock, end = time.perf_counter, time.perf_counter() + seconds
        while clock() < end or len(steps) < 5:
            drawing = iter(batches)
            for _ in range(job.steps):
                found = dict.fromkeys(PARTS, 0.0)
                start = clock()
                next(drawing)
                found["draw"] = clock() - start
                for product, call in calls:
                    start = clock()
                    call()
                    found["products" if product else "other calls"] += clock() - start
                start = clock()
                model.optimizer.step(model.parameters)
                found["optimizer"] = clock() - start
                steps.append(found)
    return {part: float(np.median([step[part] for step in steps])) * 1e6 for part in PARTS}


def is_product(call: Callable[[], object]) -> bool:
    """Whether a bound call multiplies two matrices; a vector in it stands for a sum."""
    arrays = [*call.args, getattr(call.func, "__self__", None)]
    matrices = [a for a in arrays if isinstance(a, np.ndarray) and a.ndim == 2]
    return getattr(call.func, "__name__", "") == "dot" and len(matrices) >= 2
