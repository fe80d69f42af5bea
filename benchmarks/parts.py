"""Where the time of a step of ours goes, call by call, and that of a prediction."""

import time
from collections.abc import Callable

import jobs
import numpy as np
from jobs import Job
from peers import with_backprop

from backprop.data.batches import Batches
from backprop.data.samples import Data
from backprop.data.sources import EVALUATION_BATCH
from backprop.engine.recorded import RecordedStep
from backprop.engine.threads import single_blas_threads
from backprop.training.step import Step

PARTS = ("draw", "products", "other calls", "optimizer")
"""The batch is drawn; matrix products; all else in the passes and the loss; the update."""


def parts(job: Job, seconds: float) -> dict[str, float]:
    """Microseconds of a step's parts, medians over as many steps as take that many seconds.

    Each of its NumPy calls is timed as it is made. Looking at the clock takes some 0.05 µs a call,
    which is in the numbers.
    """
    X, y = jobs.data(job)
    model = with_backprop.Network(job, jobs.weights(job)).model
    rng = np.random.default_rng(0)
    batches = Batches(Data(X, y.astype(np.intp)), job.batch, model.dtype, rng)
    X_batch, y_batch, weight, *_ = next(iter(batches))
    steps: list[dict[str, float]] = []
    with single_blas_threads():
        Step(model).gradients(X_batch, y_batch, weight)  # makes all buffers
        recorded = RecordedStep(model, X_batch, y_batch, weight)
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


def parts_of_predict(job: Job, seconds: float) -> dict[str, float]:
    """Microseconds of the parts of ``predict``, medians over calls that take that many seconds."""
    X, _ = jobs.data(job)
    model = with_backprop.Network(job, jobs.weights(job)).model
    batches = [X[k : k + EVALUATION_BATCH] for k in range(0, len(X), EVALUATION_BATCH)]
    factors = []  # of every matrix product
    for A in batches:
        for layer in model.layers:
            factors += [(A, layer.W)] if hasattr(layer, "W") else []
            A = layer.forward(A)

    def products() -> None:
        for A, W in factors:
            np.dot(A, W)

    def layers() -> None:
        for batch in batches:
            model.forward(batch)

    ways = products, layers, lambda: model.predict(X)
    times: list[list[float]] = [[] for _ in ways]
    end = time.perf_counter() + seconds
    with single_blas_threads():
        while time.perf_counter() < end or len(times[0]) < 5:
            for way, found in zip(ways, times, strict=True):
                start = time.perf_counter()
                way()
                found.append((time.perf_counter() - start) * 1e6)
    multiplied, passed, predicted = (float(np.median(found)) for found in times)
    return {
        "products": multiplied,
        "other calls": passed - multiplied,
        "checks and threads": predicted - passed,
    }
