"""From the arguments of ``fit`` and ``evaluate`` to batches, every mistake found on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.arrays import to_array
from backprop.core.checks import check_integer
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.core.frames import Labels, check_labels, known_columns
from backprop.core.readable import is_array
from backprop.core.rounding import warn_of_rounding
from backprop.core.types import Shape
from backprop.data.answers import warn_of_no_answers
from backprop.data.batches import Batches
from backprop.data.endings import about_flattened, check_endings, check_not_alone
from backprop.data.forms import is_batch, is_pair
from backprop.data.inputs import check_inputs
from backprop.data.items import drawn_once, makes_batches
from backprop.data.on_disk import RowsOnDisk, on_disk
from backprop.data.samples import Data, check_data, warn_if_none_counts
from backprop.data.streams import Stream
from backprop.layers import Layer
from backprop.layers.block import shape_through
from backprop.layers.chain import Chain, check_values_through, deciding, ending, unfold
from backprop.losses import Loss
from backprop.losses.helpers import check_several_outputs
from backprop.metrics.returned import check_different
from backprop.protocol import Model

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
    drawn: bool = False,
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
        drawn: Whether ``Batches`` will draw from them (see ``check_inputs``).
    """
    loss = model.loss
    if not model.layers:
        raise NotBuiltError("the model has no layers: add some first.")
    sample_shape = model.input_shape or sample_shape
    X = check_inputs(x, sample_shape, model.layers, f"{prefix}x", model.dtype, drawn)
    check_values_through(model.layers, X, f"{prefix}x")
    metrics = model.metrics
    check_different([metric.name for metric in metrics])
    changed = [metric for metric in metrics if metric._tried is None]
    if changed:  # since ``compile``, or the layers have come after it
        check_endings(changed, ending(model.layers))
    output_shape = checked_output_shape(model.layers, X.shape[1:], loss)
    try:
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
        for metric in metrics:
            metric.check(output_shape, data.y, data.weight)
    except (TypeError, ValueError) as error:  # of a loss or a metric, which know no prefix
        if isinstance(error, ShapeError):
            hint = about_own_shape(model.layers) or about_flattened(model.layers, output_shape)
            error.args = (f"{error}{hint}",)
        if not str(error).startswith(prefix):
            error.args = (f"{prefix}data: {error}",)
        raise
    return data


def about_own_shape(layers: Sequence[Layer]) -> str:
    """What to look at first where the user's own code ends a model and has said no shape."""
    last = unfold(layers)[-1]
    unsaid, how = type(last).output_shape is Layer.output_shape, "output_shape(input_shape)"
    if last.runs_own_code:
        unsaid, how = vars(last).get("shape") is None, "shape=…"
    if not last.of_user or last.is_activation or not unsaid:
        return ""
    return f" If {last} makes another shape than that of its inputs, it must say so by {how}."


def checked_output_shape(layers: Sequence[Layer], shape: Shape, loss: Loss) -> Shape:
    """The shape of a prediction for samples of that shape.

    Raises:
        ShapeError: A layer makes probabilities with the sum 1, but makes one alone; or the loss
            needs several outputs.
        ValueError: The loss cannot take what the layers end with.
    """
    output_shape, decides = shape, deciding(layers)
    for layer, output_shape in shapes_through(layers, shape):
        check_not_alone(layer, output_shape, "ends with" if layer is decides else "contains")
    check_several_outputs(loss, output_shape)  # first, as another ending would not do either
    loss.check_ending(ending(layers))
    if not output_shape:
        raise ShapeError(
            f"the model makes a number for each sample, shape (N,), but {loss} takes a row, shape "
            f"(N, K): let {layers[-1]} make arrays of shape (N, 1), output_shape (1,)."
        )
    if loss.outputs == "classes":
        unfold(layers)[-1].check_classes(output_shape, loss)
    return output_shape


def shapes_through(layers: Iterable[Layer], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with the shape of its outputs, those inside a chain before the chain."""
    for layer in layers:
        if isinstance(layer, Chain):
            yield from shapes_through(layer.layers, shape)
        shape = shape_through([layer], shape)
        yield layer, shape


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
    first: int = 0,
    labels: Labels | None = None,
    beside: Source | None = None,
) -> Source:
    """Batches to evaluate on, in order; of an array on disk from row ``first`` on.

    Frames among them must have the labels, or those that the model was trained on. What a model is
    trained on stands ``beside`` them.
    """

    def checked(x: Any, y: Any, weight: Any, drawn: bool = False) -> Data:
        return check(model, x, y, weight, None, prefix, sample_shape, drawn)

    def warn(data: Data, of: str = "the first batch's ") -> None:
        # an evaluation of few samples must cost little; those held out are among the others
        if prefix or not (first or "evaluate" in model.looked_at):
            warn_of_rounding(data.X, f"{of}{prefix}x", model.dtype)
            if not prefix:
                warn_of_no_answers(data, model)
            model.looked_at |= set() if prefix else {"evaluate"}
        warn_of_rounding(data.given, f"{of}{prefix}y", model.dtype)  # the loss sees what is left

    steps = None if steps is None else check_integer(steps, "steps")
    if on_disk(x):
        size = check_integer(EVALUATION_BATCH if batch_size is None else batch_size, "batch_size")
        arrays = named(x, y, sample_weight, prefix)
        rows = RowsOnDisk(*arrays, size, None, range(first, x.shape[0]))
        return Stream(rows, steps, checked, model.dtype, f"{prefix}x", None, sample_shape, warn)
    if makes_batches(x, y):
        refuse_beside_stream(f"{prefix}x", sample_weight, batch_size)
        shape = model.input_shape or sample_shape
        names = labels or known_columns(model)
        name = f"{prefix}x"
        return Stream(x, steps, checked, model.dtype, name, None, shape, warn, names, beside)
    data = checked(x, y, sample_weight, drawn=True)
    warn_if_none_counts(data.counts, f"{prefix}x")
    warn(data, "")
    return in_order(data, batch_size, steps, model.dtype)


def named(x: Any, y: Any, sample_weight: Any, prefix: str = "") -> tuple[list[Any], list[str]]:
    """Inputs, targets and weights with their names, those in memory as arrays."""
    if y is None:
        raise ValueError(f"{prefix}y is missing: pass the targets.")
    given = {f"{prefix}x": x, f"{prefix}y": y}
    given |= {} if sample_weight is None else {f"{prefix}sample_weight": sample_weight}
    arrays = [each if on_disk(each) else to_array(each, name) for name, each in given.items()]
    return arrays, list(given)


def in_order(
    data: Data, batch_size: int | None, steps: int | None, dtype: np.dtype[Any]
) -> Batches:
    """Batches of checked arrays to evaluate on."""
    size = EVALUATION_BATCH if batch_size is None else batch_size
    return Batches(data, check_integer(size, "batch_size"), dtype, steps=steps)


def validation_source(
    model: Model,
    validation_data: Any,
    batch_size: int | None,
    steps: int | None,
    beside: Source,
    labels: Labels | None,
) -> Source:
    """Batches of what ``fit`` is given as ``validation_data``, in a frame with those labels.

    What the model is trained on stands ``beside`` them, and has samples of the same shape.
    """
    x, y, weight = validation_data, None, None
    if not makes_batches(validation_data) or is_arrays(validation_data):
        if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
            raise ValueError(
                "validation_data must be (x, y) or (x, y, sample_weight), or make batches of "
                f"these, but it is a {type(validation_data).__name__} of another form."
            )
        x, y, *rest = validation_data
        weight = rest[0] if rest else None
        check_labels(x, labels or known_columns(model), "validation x")
    return evaluation_source(
        model,
        x,
        y,
        weight,
        batch_size=batch_size,
        steps=steps,
        prefix="validation ",
        sample_shape=beside.sample_shape,
        labels=labels,
        beside=beside,
    )


def is_arrays(validation_data: Any) -> bool:
    """Whether it is ``(x, y)`` or ``(x, y, sample_weight)``, rather than a list of batches.

    Two or three lists of arrays of one shape may be either, and count as the first.
    """
    if not isinstance(validation_data, list | tuple):
        return False
    if len(validation_data) not in (2, 3):
        return not (validation_data and all(map(is_pair, validation_data)))
    if isinstance(validation_data, tuple):
        # what each holds must have different shapes, of which nobody could make an array
        parts = [list(each) if isinstance(each, tuple) else each for each in validation_data]
        return not all(map(is_batch, parts))
    return not all(isinstance(each, tuple) or is_batch(each) for each in validation_data)


def refuse_beside_stream(
    name: str, sample_weight: Any, batch_size: int | None, validation_split: float = 0.0
) -> None:
    """Checks that what needs arrays is not given beside what makes batches by itself.

    Args:
        name: What error messages call that.
        sample_weight: Must be None, as every batch brings its own.
        batch_size: Must be None, as the batches have their sizes.
        validation_split: Must be 0.

    Raises:
        ValueError: One of them is given.
    """
    if batch_size == sys.maxsize:  # of the verbs that take one batch
        raise TypeError(
            f"{name} must be the inputs of one batch, an array, but it is something that makes "
            f"batches by itself: call fit, evaluate or predict with it."
        )
    instead = {
        "sample_weight": (sample_weight, "let it make batches (x, y, sample_weight)"),
        "batch_size": (batch_size, "let it make batches of the size that you want"),
        "validation_split": (validation_split or None, "pass validation_data"),
    }
    for argument, (value, advice) in instead.items():
        if value is not None:
            if "validation" in name:
                argument = f"validation_{argument}"
            raise ValueError(
                f"{argument} needs arrays, but {name} makes batches by itself: {advice}, or "
                f"pass the samples as arrays, x and y each by itself."
            )


def check_same_every_time(layers: Iterable[Layer], x: Any) -> None:
    """L-BFGS compares losses: they must depend on θ alone, and θ must be free.

    Raises:
        ValueError: A layer draws random numbers in training or has a constraint, or x is a
            generator, which gives no batch twice.
    """
    if drawn_once(x) and not is_array(x):
        raise ValueError(
            "LBFGS goes through the data many times, but x is a generator, which makes them once: "
            "pass a function that returns a new generator."
        )
    for layer in layers:
        check_same_every_time(getattr(layer, "children", ()), None)
        if layer.random:
            raise ValueError(
                f"LBFGS needs a loss that is the same at every call, but {layer} draws random "
                f"numbers: leave it out, or take another optimizer."
            )
        made = (p.constraint for p in layer.parameters)
        if any(isinstance(part, Constraint) for part in (*vars(layer).values(), *made)):
            raise ValueError(
                f"LBFGS cannot keep constraints, but {layer} has one: leave it out, or take "
                f"another optimizer."
            )
