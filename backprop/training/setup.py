"""From the arguments of ``fit`` and ``evaluate`` to batches, every mistake found on the way."""

from __future__ import annotations  # numpy.random loads when the first model is made

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.errors import NotBuiltError
from backprop.core.types import Array, Shape
from backprop.layers import Layer
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Loss,
    SparseCategoricalCrossentropy,
)
from backprop.optimizers import LBFGS
from backprop.training.batches import Batches
from backprop.training.data import (
    Data,
    check_data,
    check_inputs,
    check_positive_integer,
    split_validation,
)
from backprop.training.head import MatchedPair, check_ending
from backprop.training.protocol import Model
from backprop.training.stream import Stream

EVALUATION_BATCH = 1024
"""Samples in a batch where no gradient is needed, unless the user says otherwise."""

Source = Batches | Stream
ClassWeight = Mapping[int, float] | None


def check(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: ClassWeight = None,
    prefix: str = "",
    sample_shape: Shape | None = None,
) -> Data:
    """Arrays that a compiled model can be trained or evaluated on.

    Args:
        model: The model; it need not be built.
        x: Inputs.
        y: Targets.
        sample_weight: Weights of the samples.
        class_weight: Weights of the classes.
        prefix: What stands before the arguments' names in error messages.
        sample_shape: The shape that samples must have, for a model that is not built.
    """
    loss = model.loss
    if not model.layers:
        raise NotBuiltError("the model has no layers: add some first.")
    check_ending(model.layers[-1], loss)
    X = check_inputs(x, model.input_shape or sample_shape, model.layers[0], f"{prefix}x")
    output_shape = X.shape[1:]
    for layer in model.layers:
        output_shape = layer.output_shape(output_shape)
    data = check_data(
        X,
        y,
        sample_weight,
        class_weight,
        output_shape=output_shape,
        loss=loss,
        dtype=model.dtype,
        prefix=prefix,
    )
    for metric in model.metrics:
        metric.check(output_shape, data.y)
    return data


def makes_batches(x: Any, y: Any) -> bool:
    """Whether x makes batches by itself: a function, a generator, an iterable that is no array."""
    if y is not None or isinstance(x, np.ndarray) or hasattr(x, "shape"):
        return False
    return callable(x) or isinstance(x, Iterable)


def evaluation_source(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    prefix: str = "",
    sample_shape: Shape | None = None,
) -> Source:
    """Batches to evaluate on, in order."""

    def checked(x: Any, y: Any, weight: Any) -> Data:
        return check(model, x, y, weight, None, prefix, sample_shape)

    if steps is not None:
        steps = check_positive_integer(steps, f"{prefix.replace(' ', '_')}steps")
    if makes_batches(x, y):
        refuse_beside_stream(sample_weight=sample_weight)
        return Stream(x, steps, checked, model.dtype, f"{prefix}x")
    data = checked(x, y, sample_weight)
    return in_order(data, batch_size, f"{prefix.replace(' ', '_')}batch_size", steps, model.dtype)


def in_order(
    data: Data, batch_size: int | None, name: str, steps: int | None, dtype: np.dtype[Any]
) -> Batches:
    """Batches of checked arrays to evaluate on."""
    size = EVALUATION_BATCH if batch_size is None else batch_size
    return Batches(data, check_positive_integer(size, name), dtype, steps=steps)


def training_sources(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: ClassWeight,
    *,
    batch_size: int | None,
    rng: np.random.Generator | None,
    steps: int | None,
    validation_split: float,
    validation_data: Any,
    validation_batch_size: int | None,
    validation_steps: int | None,
) -> tuple[Source, Source | None]:
    """Batches to train on, and to validate on if that was asked for (see ``Sequential.fit``)."""
    if steps is not None:
        steps = check_positive_integer(steps, "steps_per_epoch")
    if validation_steps is not None:
        validation_steps = check_positive_integer(validation_steps, "validation_steps")
    if isinstance(model.optimizer, LBFGS):
        check_same_every_time(model.layers, x)
        rng = None  # the order of the samples means nothing to a sum over all of them
    size = check_positive_integer(32 if batch_size is None else batch_size, "batch_size")
    source: Source
    held_out: Data | None = None
    if makes_batches(x, y):
        refuse_beside_stream(sample_weight=sample_weight, validation_split=validation_split or None)
        source = Stream(x, steps, lambda x, y, w: check(model, x, y, w, class_weight), model.dtype)
    else:
        data = check(model, x, y, sample_weight, class_weight)
        if validation_split and validation_data is None:
            data, held_out = split_validation(
                data, validation_split, has_classes(model.loss, data.y)
            )
            if class_weight is not None:  # they weight the training loss alone
                held_out = Data(held_out.X, held_out.y)
        source = Batches(data, size, model.dtype, rng, steps)
    if held_out is not None:
        name = "validation_batch_size"
        return source, in_order(
            held_out, validation_batch_size, name, validation_steps, model.dtype
        )
    if validation_data is None:
        return source, None
    xv, yv, weight = validation_data, None, None
    if not makes_batches(validation_data, None) or is_arrays(validation_data):
        if not isinstance(validation_data, Sequence) or len(validation_data) not in (2, 3):
            raise ValueError(
                "validation_data must be (x, y) or (x, y, sample_weight), or make batches of "
                f"these, but it is a {type(validation_data).__name__} of another form."
            )
        xv, yv, *rest = validation_data
        weight = rest[0] if rest else None
    return source, evaluation_source(
        model,
        xv,
        yv,
        weight,
        batch_size=validation_batch_size,
        steps=validation_steps,
        prefix="validation ",
        sample_shape=source.sample_shape,
    )


def is_arrays(validation_data: Any) -> bool:
    """Whether it is ``(x, y)`` or ``(x, y, sample_weight)``, rather than a list of batches."""
    if isinstance(validation_data, tuple) and len(validation_data) in (2, 3):
        return True
    if not isinstance(validation_data, Sequence):
        return False
    return not all(isinstance(part, tuple) for part in validation_data) or not validation_data


def refuse_beside_stream(**arguments: Any) -> None:
    """Checks that none of what needs arrays is given beside an x that makes batches by itself.

    Raises:
        ValueError: One of them is.
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{name} needs arrays, but x makes batches by itself: let it make batches "
                f"(x, y, sample_weight), and pass validation_data."
            )


def has_classes(loss: Loss, y: Array) -> bool:
    """Whether the targets are classes: indices, a probability for each, or one 0 or 1 a row."""
    loss = loss.loss if isinstance(loss, MatchedPair) else loss
    if isinstance(loss, BinaryCrossentropy):
        return y.ndim == 2 and bool(y.shape[1] == 1)
    return isinstance(
        loss, CategoricalCrossentropy | SparseCategoricalCrossentropy | CategoricalHinge
    )


def check_same_every_time(layers: Iterable[Layer], x: Any) -> None:
    """L-BFGS compares losses: they must depend on θ alone, and θ must be free.

    Raises:
        ValueError: A layer draws random numbers in training or has a constraint, or x is a
            generator, which gives no batch twice.
    """
    if isinstance(x, Iterator):
        raise ValueError(
            "LBFGS goes through the data many times, but x is a generator, which makes them once: "
            "pass a function that returns a new generator."
        )
    for layer in layers:
        check_same_every_time(getattr(layer, "layers", ()), None)
        if layer.random:
            raise ValueError(
                f"LBFGS needs a loss that is the same at every call, but {layer} draws random "
                f"numbers: leave it out, or take another optimizer."
            )
        if any(isinstance(part, Constraint) for part in vars(layer).values()):
            raise ValueError(
                f"LBFGS cannot keep constraints, but {layer} has one: leave it out, or take "
                f"another optimizer."
            )


def check_frequency(frequency: int | Iterable[int]) -> Callable[[int], bool]:
    """Whether to validate after an epoch that is counted from 0.

    Args:
        frequency: Every so many epochs, or the epochs themselves, counted from 1 as Keras does.
    """
    if isinstance(frequency, Iterable):
        chosen = {check_positive_integer(epoch, "validation_freq") for epoch in frequency}
        return lambda epoch: epoch + 1 in chosen
    every = check_positive_integer(frequency, "validation_freq")
    return lambda epoch: (epoch + 1) % every == 0
