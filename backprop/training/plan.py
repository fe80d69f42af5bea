"""What a call of ``fit`` is going to do, with every mistake in its arguments found beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop.callbacks import Callback, CallbackList
from backprop.core.checks import check_flag, check_integer, check_list, check_share
from backprop.core.ranges import warn_of_rounding
from backprop.data.batches import Batches
from backprop.data.frames import check_validation_labels
from backprop.data.inputs import warn_of_bytes
from backprop.data.items import makes_batches
from backprop.data.on_disk import on_disk
from backprop.data.samples import Data, split_validation
from backprop.data.sources import (
    Source,
    check,
    check_same_every_time,
    evaluation_source,
    from_disk,
    in_order,
    refuse_beside_stream,
    validation_source,
)
from backprop.data.streams import Stream
from backprop.protocol import Model
from backprop.training.divergence import check_choice
from backprop.training.full_batch import Evaluations
from backprop.training.history import History
from backprop.training.means import EpochMeans
from backprop.training.observation import refuse_to_observe
from backprop.training.progress import progress


class Plan(NamedTuple):
    """The checked arguments of ``fit``.

    Attributes:
        batches: What the model is trained on.
        validation: What it is evaluated on after epochs; None for nothing.
        callbacks: Who is told, the History among them.
        history: The History.
        means: The sums behind the numbers of the epoch in hand.
        evaluations: What a full-batch optimizer has asked for.
        epochs: The epochs.
        validate_after: Whether to evaluate after an epoch, counted from 0.
    """

    batches: Source
    validation: Source | None
    callbacks: CallbackList
    history: History
    means: EpochMeans
    evaluations: Evaluations
    epochs: range
    validate_after: Callable[[int], bool]


def plan_fit(
    model: Model,
    *,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    callbacks: Sequence[Callback] | None = None,
    validation_split: float = 0.0,
    validation_data: Sequence[Any] | None = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Iterable[int] = 1,
    on_divergence: str = "warn",
    rng: np.random.Generator | None = None,
) -> Plan:
    """Checks the arguments of ``Sequential.fit``, where they are described.

    The model stays as it is; ``rng`` shuffles the samples.
    """
    first = check_integer(initial_epoch, "initial_epoch", 0)
    last = check_integer(epochs, "epochs", 0)
    validate_after = check_frequency(validation_freq)
    shown = progress(verbose)
    check_choice(on_divergence)
    users = check_list(callbacks, "callbacks")
    model.optimizer.check_free(model.parameters if model.input_shape else None)
    steps, validation_steps = (
        None if count is None else check_integer(count, name)
        for count, name in (
            (steps_per_epoch, "steps_per_epoch"),
            (validation_steps, "validation_steps"),
        )
    )
    shuffle = check_flag(shuffle, "shuffle")
    if model.optimizer.full_batch:
        check_same_every_time(model.layers, x)
        shuffle = False  # the order of the samples means nothing to a sum over all of them
    batches: Source
    held_out: Source | None = None
    if on_disk(x):
        size = check_integer(32 if batch_size is None else batch_size, "batch_size")
        share = check_share(validation_split, "validation_split", ends=bool(not validation_split))
        cut = len(x) if validation_data is not None else int(len(x) * (1 - share))
        refuse_to_observe(model)
        weights = sample_weight, class_weight
        batches = from_disk(model, x, y, *weights, size, steps, rng if shuffle else None, cut)
        if cut < len(x):
            held_out = evaluation_source(
                model,
                x,
                y,
                sample_weight,
                batch_size=validation_batch_size,
                steps=validation_steps,
                first=cut,
            )
    elif makes_batches(x, y):
        refuse_beside_stream("x", sample_weight, batch_size, validation_split=validation_split)
        refuse_to_observe(model)
        batches = Stream(
            x,
            steps,
            lambda x, y, w: check(model, x, y, w, class_weight),
            model.dtype,
            rng=rng if shuffle else None,
            sample_shape=model.input_shape,
        )
    else:
        size = check_integer(32 if batch_size is None else batch_size, "batch_size")
        data = check(model, x, y, sample_weight, class_weight)
        warn_of_bytes(data.X, model.layers, stacklevel=3)  # the line that called fit
        for array, name in ((data.X, "x"), (data.given, "y")):
            warn_of_rounding(array, name, model.dtype, stacklevel=3)
        if validation_split and validation_data is None:
            classes = model.loss.unjoined.has_classes(data.y)
            data, kept = split_validation(data, validation_split, classes)
            if class_weight is not None:  # they weight the training loss alone
                kept = Data(kept.X, kept.y)
            name = "validation_batch_size"
            held_out = in_order(kept, validation_batch_size, name, validation_steps, model.dtype)
        batches = Batches(data, size, model.dtype, rng if shuffle else None, steps)
    if validation_data is not None:
        check_validation_labels(x, validation_data)
        held_out = validation_source(
            model, validation_data, validation_batch_size, validation_steps, batches.sample_shape
        )
    history, means, evaluations = History(), EpochMeans(), Evaluations()
    params = {"epochs": last, "steps": batches.steps, "verbose": verbose}
    params["validation"] = held_out is not None and validates(validation_freq, first, last)
    told = CallbackList([*users, *shown, history, means, evaluations], model, params)
    return Plan(
        batches, held_out, told, history, means, evaluations, range(first, last), validate_after
    )


def check_frequency(frequency: int | Iterable[int]) -> Callable[[int], bool]:
    """Whether to validate after an epoch that is counted from 0.

    Args:
        frequency: Every so many epochs, or the epochs themselves, counted from 1 as Keras does.
    """
    if isinstance(frequency, Iterable):
        chosen = {check_integer(epoch, "validation_freq") for epoch in frequency}
        return lambda epoch: epoch + 1 in chosen
    every = check_integer(frequency, "validation_freq")
    return lambda epoch: (epoch + 1) % every == 0


def validates(frequency: int | Iterable[int], first: int, last: int) -> bool:
    """Whether there is a validation after any of the epochs from first to last − 1."""
    if isinstance(frequency, Iterable):
        return any(first < epoch <= last for epoch in frequency)
    return last // frequency > first // frequency
