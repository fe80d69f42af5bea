"""What ``fit`` trains on, and what it holds out: of arrays, of rows on disk, of ready batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.checks import check_integer
from backprop.core.frames import known_columns
from backprop.core.ranges import warn_of_underflow
from backprop.core.rounding import warn_of_rounding
from backprop.core.types import Array, Shape
from backprop.data.answers import warn_of_no_answers
from backprop.data.batches import Batches
from backprop.data.inputs import warn_of_bytes
from backprop.data.items import makes_batches
from backprop.data.on_disk import RowsOnDisk, on_disk
from backprop.data.samples import (
    WIDE,
    Data,
    split_validation,
    validation_cut,
    warn_if_none_counts,
    warn_of_other_classes,
)
from backprop.data.sources import (
    ClassWeight,
    Source,
    check,
    evaluation_source,
    in_order,
    named,
    refuse_beside_stream,
    shapes_through,
)
from backprop.data.streams import Stream
from backprop.layers.block import walk
from backprop.layers.chain import decided, deciding
from backprop.protocol import Model


def training_source(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: ClassWeight,
    *,
    batch_size: int | None,
    steps: int | None,
    rng: np.random.Generator | None,
    split: float,
    held_out: tuple[int | None, int | None] | None,
) -> tuple[Source, Source | None]:
    """Batches to train on, and those of the share of the last samples that is held out.

    Args:
        model: The model; it need not be built.
        x: Inputs, or what makes batches.
        y: Targets.
        sample_weight: Weights of the samples.
        class_weight: Weights of the classes in the training loss.
        batch_size: Samples in a batch, 32 unless given.
        steps: The most batches that an epoch takes.
        rng: Shuffles the samples; None keeps their order.
        split: The share that is held out; 0 of batches that come ready.
        held_out: The batch size and the most steps of that share; None if nothing is to be.
    """
    first = True  # of a stream's batches one is enough

    def checked(x: Any, y: Any, weight: Any, drawn: bool = False) -> Data:
        nonlocal first
        data = check(model, x, y, weight, class_weight, drawn=drawn)
        if first:
            warn_of_shares(data, model)
        first = False
        return data

    def warn(first: Data) -> None:
        warn_of_numbers(first, model, "the first batch's ")

    disk = on_disk(x)
    if not disk and makes_batches(x, y):
        refuse_beside_stream("x", sample_weight, batch_size, validation_split=split)
        refuse_to_observe(model)
        shape = model.input_shape
        names = known_columns(model)
        return Stream(x, steps, checked, model.dtype, "x", rng, shape, warn, names), None
    if isinstance(batch_size, list | tuple):
        raise ValueError(
            "batch_size, which follows y, is a number of samples: write validation_data=(x, y) for "
            "what each epoch is evaluated on."
        )
    each = check_integer(32 if batch_size is None else batch_size, "batch_size")
    kept: Source | None = None
    if disk:
        refuse_to_observe(model)
        if sample_weight is not None and class_weight is not None:
            raise ValueError("pass sample_weight or class_weight, not both.")
        n = cut = x.shape[0]
        if split and held_out is not None:
            cut = validation_cut(n, split)
        rows = RowsOnDisk(*named(x, y, sample_weight), each, rng, range(cut))
        batches = Stream(rows, steps, checked, model.dtype, rng=rng, warn=warn)
        if held_out is not None and cut < n:
            size, most = held_out
            kept = evaluation_source(
                model, x, y, sample_weight, batch_size=size, steps=most, first=cut
            )
        return batches, kept
    data = checked(x, y, sample_weight, drawn=True)
    warn_of_numbers(data, model, whole=True)
    if class_weight is not None:
        warn_of_other_classes(data, class_weight, shown_steps(data, model))
    if split and held_out is not None:
        categorical = model.loss.unjoined.has_classes(data.y)
        data, rest = split_validation(data, split, categorical, shown_steps(data, model))
        if class_weight is not None:  # they weight the training loss alone
            rest.weight = None
        warn_if_none_counts(rest.counts, "validation_split")
        kept = in_order(rest, *held_out, model.dtype)
    warn_if_none_counts(data.counts, "x")
    return Batches(data, each, model.dtype, rng, steps), kept


def warn_of_numbers(data: Data, model: Model, of: str = "", whole: bool = False) -> None:
    """Warns of images in bytes, and where the model's dtype has no digits for what is to be learnt.

    Args:
        data: What it is trained on.
        model: The model.
        of: What stands before the names of the arrays: ``"the first batch's "``.
        whole: Whether there are no other samples.
    """
    warn_of_bytes(data.X, model.layers)
    for array, name in ((data.X, "x"), (data.given, "y")):
        warn_of_rounding(array, f"{of}{name}", model.dtype, whole=whole)
    warn_of_underflow(data.y, model.loss.unjoined, f"{of or 'the '}targets")
    warn_of_no_answers(data, model)


def warn_of_shares(data: Data, model: Model) -> None:
    """Warns of targets that are no shares of classes, where the outputs are, or their scores.

    Args:
        data: What it is trained on. Rows of zeros pass where something may hide them.
        model: The model.
    """
    y, outputs = data.y, model.loss.unjoined.outputs
    if y.dtype.kind != "f" or y.ndim < 2 or y.shape[-1] == 1:
        return
    exclusive = outputs == "answers" and deciding(model.layers).sums_to_one
    if not (exclusive or outputs in ("classes", "scores")):
        return
    sums = np.add.reduce(y, axis=-1)
    wrong = np.abs(sums - 1) > WIDE
    if data.weight is not None or model.makes_mask:
        wrong &= sums > 0
    if wrong.any() and keeps_classes(model, data.X.shape[1:]):
        row = tuple(np.argwhere(wrong)[0].tolist())
        shown = ", ".join(f"{v:g}" for v in y[row][:10]) + (", …" if y.shape[-1] > 10 else "")
        console.warn(
            f"the outputs stand for classes of which one is right, so that targets should have the "
            f"sum 1, but row {', '.join(map(str, row))} of y is ({shown}), whose sum is "
            f"{sums[row]:.4g}. Several answers, yes or no each, take Sigmoid() and "
            f"loss='binary_crossentropy'; a sample of no class takes the weight 0."
        )


def keeps_classes(model: Model, sample_shape: Shape) -> bool:
    """Whether the classes of a Softmax are the last axis of the outputs, in their order."""
    decides, behind = decided(model.layers)
    shapes = shapes_through(model.layers, sample_shape)
    shape = next(shape for layer, shape in shapes if layer is decides)
    classes = np.arange(float(shape[-1]))
    moved = np.broadcast_to(classes, (1, *shape))
    for layer in behind:
        moved = layer.forward(moved)
    return moved.shape[-1] == len(classes) and bool((moved == classes).all())


def shown_steps(data: Data, model: Model) -> Array | None:
    """Where targets are known to count, in the shape of their leading axes; None if all do.

    The mask that the layers make counts where the first of them makes it of the inputs. Where
    others have their share in it, nothing is known of any step.
    """
    if not model.makes_mask or data.y.ndim - (data.y.dtype.kind == "f") < 2:
        return None  # one target for a whole sequence
    first, *others = model.layers
    known = np.zeros((len(data), 1), bool)
    own = first.of_package and not first.inside()  # it looks at nothing but its input
    if own and first.makes_mask and not any(each.makes_mask for each in others):
        mask = first.output_mask(data.X, None)
        if mask is not None and mask.shape == data.y.shape[: mask.ndim]:
            known = mask
    return known


def observing(model: Model) -> list[Any]:
    """The layers that wait for the training inputs, those inside blocks too."""
    return [layer for _, layer in walk(model.layers) if layer.observes]


def refuse_to_observe(model: Model) -> None:
    """Checks that no layer waits for inputs that come in batches, and may be made only once.

    Raises:
        ValueError: One does.
    """
    for layer in observing(model):
        raise ValueError(
            f"{layer} takes its numbers from the training inputs before the first step, but x "
            f"makes batches by itself: call the layer's adapt(X) with some inputs first."
        )
