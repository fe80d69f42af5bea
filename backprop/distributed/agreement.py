"""What must be the same on all workers, compared before the first step."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from backprop.data.batches import Batches
from backprop.data.streams import Stream
from backprop.data.training import observing
from backprop.distributed.job import Workers
from backprop.distributed.shares import SharedBatches, SharedStream
from backprop.distributed.step import no_sample_for, synchronized
from backprop.protocol import Model
from backprop.training.plan import Plan
from backprop.training.settings import settings_of


def shared_plan(model: Model, plan: Plan, workers: Workers) -> Plan:
    """The same plan for one worker: its share of the batches, its callbacks.

    Args:
        model: The model, built and compiled.
        plan: What one process would do.
        workers: The workers, of which there are several.

    Raises:
        ValueError: The workers differ in what they are to do, shards cannot be used, or the loss
            needs whole batches.
    """
    with workers.same_fate():
        check_shards(model, plan, workers)
        check_loss(model)
    lengths = workers.gather(samples_of(plan.batches))
    check_same(workers, description(model, plan, workers))
    if not workers.shards:
        check_same_data(workers, plan.batches, "")
        check_same_data(workers, plan.validation, "validation ")
    batches = shared(plan.batches, workers, lengths)
    with workers.same_fate():
        check_synchronized(model, batches)
    validation = plan.validation
    if validation is not None and not workers.shards:
        validation = shared(validation, workers, [])
    told = plan.callbacks
    told.params.update(worker=workers.rank, workers=workers.size, steps=batches.steps)
    told.call_writers(workers.rank == 0)
    return plan._replace(batches=batches, validation=validation)


def shared(source: Any, workers: Workers, lengths: list[int]) -> Any:
    """A worker's share of what one process would go through."""
    if isinstance(source, Batches):
        return SharedBatches(source, workers, lengths)
    return SharedStream(source, workers)


def samples_of(source: Any) -> int:
    """How many samples there are; 0 of a stream, which does not tell."""
    return source.n_samples if isinstance(source, Batches) else 0


def check_shards(model: Model, plan: Plan, workers: Workers) -> None:
    """Checks that data in parts can be used.

    Raises:
        ValueError: A layer waits for all of them, or a stream does not say how long it is.
    """
    if not workers.shards:
        return
    for layer in observing(model):
        raise ValueError(
            f"{layer} takes its numbers from the training inputs before the first step, but with "
            f"shards=True no worker has all of them: call the layer's adapt(X) with the same "
            f"inputs on every worker first."
        )
    if isinstance(plan.batches, Stream) and plan.batches.steps is None:
        raise ValueError(
            "x makes batches, of which each worker must have as many: pass steps_per_epoch, the "
            "same on every worker."
        )


def check_loss(model: Model) -> None:
    """Checks that the loss of a batch is the sum of those of its shares.

    Raises:
        ValueError: It compares the samples of a batch with each other.
    """
    if model.loss.compares_samples:
        raise ValueError(
            f"{model.loss} compares the samples of a batch with each other, but each worker has "
            f"only its share of them: train in one process."
        )


def check_synchronized(model: Model, batches: Any) -> None:
    """Checks that layers that are synchronised have samples on each worker.

    Raises:
        ValueError: A batch has none here, or they are sequences with padding.
    """
    for layer in synchronized(model):
        if model.makes_mask:
            raise ValueError(f"{layer} cannot be synchronised for padded sequences.")
        if isinstance(batches, SharedBatches) and not batches.fewest:
            raise no_sample_for(layer)


def check_same(workers: Workers, mine: dict[str, Any], advice: str = "") -> None:
    """Compares what the workers are to do.

    Args:
        workers: The workers.
        mine: What this one is to do, by the names that the message gives it.
        advice: What to do about a difference.

    Raises:
        ValueError: They differ; raised on all of them, and naming the first difference.
    """
    found = workers.gather(mine)
    for k, other in enumerate(found):
        for name, value in found[0].items():
            if other.get(name) != value:
                raise ValueError(
                    f"the workers must train the same model in the same way, but they differ in "
                    f"{name}: worker 0 has {value!r}, worker {k} has {other.get(name)!r}{advice}."
                )


def check_same_data(workers: Workers, source: Any, prefix: str) -> None:
    """Compares some rows of the data, of which each worker is to take its share.

    Raises:
        ValueError: They differ; raised on all of them.
    """
    found = workers.gather(prints_of(source))
    for k, other in enumerate(found):
        for (name, mine), theirs in zip(found[0].items(), other.values(), strict=False):
            if not np.allclose(mine, theirs, rtol=1e-3, atol=1e-3 * abs(mine[0])):
                raise ValueError(
                    f"the workers must have the same samples in the same order, but {prefix}{name} "
                    f"of worker {k} differs from that of worker 0: give what draws, shuffles or "
                    f"splits them the same seed, or pass Workers(shards=True) if each worker has "
                    f"its own part."
                )


def prints_of(source: Any) -> dict[str, tuple[float, float]]:
    """Two numbers of x, y and the weights, which no other data have; nothing of a stream.

        s = max |v|,    s Σ_j v_j cos j / ‖v‖

    Rounding, which may differ between processors, changes them little. v are the numbers of 256
    rows from everywhere.
    """
    found = {}
    for name, array in source.named_arrays if isinstance(source, Batches) else ():
        rows = np.asarray(array[:: -(-len(array) // 256)], np.float64).ravel()
        s = float(np.abs(rows).max(initial=0))
        v = rows / (s or 1)
        turned = float(v @ np.cos(np.arange(len(v))))
        found[name] = s, s * turned / (float(np.linalg.norm(v)) or 1)
    return found


def description(model: Model, plan: Plan, workers: Workers) -> dict[str, Any]:
    """What must be the same on all workers, by the names that messages give it."""
    batches, validation = plan.batches, plan.validation
    found: dict[str, Any] = {
        "the version of backprop": sys.modules["backprop"].__version__,
        "the version of NumPy": np.__version__,
        "shards": workers.shards,
        "dtype": str(model.dtype),
        **settings_of(model, whoever=True),
        "the learning rate": None if model.optimizer.schedule else model.optimizer.learning_rate,
        "the metrics": [metric.name for metric in model.metrics],
        "the epochs": (plan.epochs.start, plan.epochs.stop),
        "the callbacks": [
            type(each).__name__ for each in plan.callbacks.callbacks if not each.writes
        ],
        "whether there is a validation": validation is not None,
        **plan.options,
    }
    if isinstance(batches, Batches):
        found["batch_size and steps_per_epoch"] = batches.asked
    else:
        found["the number of batches, which steps_per_epoch sets,"] = batches.steps
    if not workers.shards:
        found["the number of samples"] = samples_of(batches)
        found["the number of validation samples"] = samples_of(validation)
    return found
