"""What a call of ``fit`` is going to do, with every mistake in its arguments found beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import isgenerator
from typing import Any, NamedTuple

import numpy as np

from backprop.callbacks import Callback, CallbackList
from backprop.callbacks.misspelt import warn_of_misspelt_hooks
from backprop.core.checks import check_choice, check_flag, check_integer, check_list, is_row
from backprop.core.frames import Labels, check_columns, check_targets
from backprop.data.items import drawn_once
from backprop.data.sources import Source, check_same_every_time, validation_source
from backprop.data.training import training_source
from backprop.protocol import Model
from backprop.training.full_batch import Evaluations
from backprop.training.history import History
from backprop.training.means import EpochMeans
from backprop.training.progress import Clearing, ProgressBar, progress


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
        labels: The labels of the columns, if x is a frame or one was trained on before.
        options: Further arguments that must be the same where several workers train a model.
    """

    batches: Source
    validation: Source | None
    callbacks: CallbackList
    history: History
    means: EpochMeans
    evaluations: Evaluations
    epochs: range
    validate_after: Callable[[int], bool]
    labels: Labels | None
    options: Mapping[str, Any]


def plan_fit(
    model: Model,
    x: Any,
    y: Any = None,
    *,
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
    validation_freq: Any = 1,
    on_divergence: str = "warn",
    rng: np.random.Generator | None = None,
) -> Plan:
    """Checks the arguments of ``Sequential.fit``, where they are described.

    The model stays as it is; ``rng`` shuffles the samples.
    """
    labels = check_columns(x, model)
    first = check_integer(initial_epoch, "initial_epoch", 0)
    last = check_integer(epochs, "epochs", 0)
    if is_row(validation_freq):
        validation_freq = list(validation_freq)  # which is asked twice
    validate_after = check_frequency(validation_freq)
    shown = progress(verbose)
    check_choice(on_divergence, "on_divergence", ("warn", "raise"))
    users = check_list(callbacks, "callbacks")
    model.optimizer.check_free(model.parameters if model.input_shape else None)
    steps, validation_steps, validation_batch_size = (
        None if count is None else check_integer(count, name)
        for count, name in (
            (steps_per_epoch, "steps_per_epoch"),
            (validation_steps, "validation_steps"),
            (validation_batch_size, "validation_batch_size"),
        )
    )
    shuffle = check_flag(shuffle, "shuffle")
    if model.optimizer.full_batch:
        check_same_every_time(model.layers, x)
        shuffle = False  # the order of the samples means nothing to a sum over all of them
    if y is None:  # else no batches are taken
        check_lasting(x, steps, last - first, "x", "steps_per_epoch")
    evaluated = validations(validation_freq, first, last)
    check_lasting(
        validation_data, validation_steps, evaluated, "validation_data", "validation_steps"
    )
    if validation_data is x and steps is None and evaluated and drawn_once(x):
        raise ValueError(
            "x and validation_data are one iterator, which the first epoch uses up: pass functions "
            "that return a new one each; or, if it never ends, steps_per_epoch and "
            "validation_steps."
        )
    batches, held_out = training_source(
        model,
        x,
        y,
        sample_weight,
        class_weight,
        batch_size=batch_size,
        steps=steps,
        rng=rng if shuffle else None,
        split=validation_split,
        held_out=None if validation_data is not None else (validation_batch_size, validation_steps),
    )
    labels = getattr(batches, "labels", None) or labels  # those of a stream's first batch
    if validation_data is not None:
        check_targets(y, validation_data)
        held_out = validation_source(
            model,
            validation_data,
            validation_batch_size,
            validation_steps,
            batches,
            labels,
        )
    history, means, evaluations = History(), EpochMeans(), Evaluations()
    params = {"epochs": last, "steps": batches.steps, "verbose": verbose}
    params["validation"] = held_out is not None and evaluated > 0
    cleared = [Clearing(each) for each in shown if isinstance(each, ProgressBar)]
    told = CallbackList([*cleared, *users, *shown, history, means, evaluations], model, params)
    for each in users:
        warn_of_misspelt_hooks(each)
    options = {
        "shuffle": shuffle,
        "validation_freq": str(validation_freq),
        "on_divergence": on_divergence,
    }
    return Plan(
        batches,
        held_out,
        told,
        history,
        means,
        evaluations,
        range(first, last),
        validate_after,
        labels,
        options,
    )


def check_frequency(frequency: int | list[int]) -> Callable[[int], bool]:
    """Whether to validate after an epoch that is counted from 0.

    Args:
        frequency: Every so many epochs, or the epochs themselves, counted from 1 as Keras does.
    """
    if isinstance(frequency, list):
        chosen = {check_integer(epoch, "validation_freq") for epoch in frequency}
        return lambda epoch: epoch + 1 in chosen
    every = check_integer(frequency, "validation_freq")
    return lambda epoch: (epoch + 1) % every == 0


def validations(frequency: int | list[int], first: int, last: int) -> int:
    """How many of the epochs from first to last − 1 a validation follows."""
    if isinstance(frequency, list):
        return sum(first < epoch <= last for epoch in set(frequency))
    return max(0, last // frequency - first // frequency)


def check_lasting(source: Any, steps: int | None, epochs: int, name: str, argument: str) -> None:
    """Checks that an iterator whose batches all go into one epoch is asked for one alone.

    Raises:
        ValueError: It would be empty in the second one, when the first has changed the weights.
    """
    if drawn_once(source) and steps is None and epochs > 1:
        kind = "a generator" if isgenerator(source) else f"an iterator ({type(source).__name__})"
        raise ValueError(
            f"{name} is {kind}, which makes its batches once, but they are needed in {epochs} "
            f"epochs: pass a function that returns a new generator, which is called for each "
            f"epoch; or, if it never ends, {argument}."
        )
