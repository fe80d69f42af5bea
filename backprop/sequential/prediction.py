"""The outputs of a network for inputs of any number: batch by batch, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from backprop.callbacks import Callback, CallbackList
from backprop.core.arrays import as_numbers
from backprop.core.checks import check_integer, check_list
from backprop.core.descriptors import from_package
from backprop.core.errors import ShapeError
from backprop.core.frames import check_columns
from backprop.core.ranges import check_finite, check_overflow
from backprop.core.spare import same_memory
from backprop.core.types import Array, Shape, is_sparse
from backprop.data.forms import inputs_of, shape_of
from backprop.data.inputs import as_csr, as_inputs, check_rows, surely_finite
from backprop.data.items import Items, makes_inputs
from backprop.data.on_disk import RowsOnDisk, on_disk
from backprop.data.sources import EVALUATION_BATCH, refuse_beside_stream
from backprop.engine.forward import in_parts
from backprop.engine.predictions import predictions_of
from backprop.engine.threads import single_blas_threads
from backprop.layers import Layer
from backprop.layers.block import forward_through, shape_through
from backprop.layers.chain import takes
from backprop.training.divergence import quietly, warn_of_overflow
from backprop.training.progress import progress

MANY = 16
"""Times as many rows go at once through layers that take them in parts: threads meet less often."""

FEW_NUMBERS = 64
"""Outputs up to which Python adds them up sooner than NumPy."""


@quietly
def predict(
    network: Any,
    x: Any,
    batch_size: int | None,
    verbose: int | str,
    steps: int | None,
    callbacks: Sequence[Callback] | None,
) -> Array:
    """The outputs; see ``Network.predict`` for the arguments."""
    layers = network._some_layers()
    if verbose != 0:
        progress(verbose)  # says so if there is no such value; predictions show none
    if batch_size is not None and np.ndim(batch_size):
        raise TypeError("predict takes inputs alone: write model.evaluate(x, y) with targets.")
    if steps is not None:
        steps = check_integer(steps, "steps")
    array = type(x) is np.ndarray and x.dtype.names is None  # a row should take no time
    if not array:
        check_columns(x, network)
    if not array and on_disk(x):
        size = EVALUATION_BATCH if batch_size is None else check_integer(batch_size, "batch_size")
        items = Items(RowsOnDisk([x], ["x"], size), steps, "x", None, network.input_shape)
        return predict_items(network, items, verbose, callbacks)
    if not array and (makes_inputs(x) or are_batches(network, x)):
        refuse_beside_stream("x", None, batch_size)
        items = Items(x, steps, "x", None, network.input_shape)
        return predict_items(network, items, verbose, callbacks)
    X = as_inputs(x, network.input_shape, layers)
    size = EVALUATION_BATCH if batch_size is None else check_integer(batch_size, "batch_size")
    X = X if steps is None else X[: steps * size]
    heard = check_list(callbacks, "callbacks")
    told = None
    if heard:  # which are checked before anything is built
        params = {"epochs": 1, "steps": -(-X.shape[0] // size), "verbose": verbose}
        told = CallbackList(heard, network, params)
    build_for(network, X)
    if batch_size is None and not heard and X.dtype == network.dtype and X.ndim == 2:
        size *= MANY if in_parts(X[:size], network.parameters.largest) else 1
    if told is None and X.shape[0] > size:
        told = CallbackList([], network, {})
    with single_blas_threads():
        if told is None:
            outputs = predict_rows(network, X, 0)
        else:
            outputs = predict_by_batches(network, X, size, told)
    return believed(network, outputs)


def are_batches(network: Any, x: Any) -> bool:
    """Whether a list of arrays is one of batches, by what the layers take.

    Where a network is not built, they are asked about equal arrays alone: others are batches.

    Raises:
        ShapeError: It may be one of samples as well.
    """
    known = network.input_shape
    first = shape_of(x[0]) if isinstance(x, list | tuple | deque) and x else None
    if first is None or (known is not None and len(first) != len(known) + 1):
        return False  # before many rows are looked at
    shapes = {shape_of(item) for item in x}
    if known is not None:
        if any(each is None or len(each) != len(first) for each in shapes):
            return False
        rest = {each[1:] for each in shapes if each}
        unequal = len(rest) < len(shapes)  # in their rows alone, as batches may be
        return unequal or all(takes(network.layers, each, known) for each in rest)
    if len(shapes) > 1:
        return min(len(each or ()) for each in shapes) > 1
    if len(first) < 2:
        return False
    samples = not is_sparse(x[0]) and fits(network.layers, first)
    batches = is_sparse(x[0]) or fits(network.layers, first[1:])
    if batches and samples:
        raise ShapeError(
            f"x is a list of arrays of the shape {first}, which may be batches or samples, as the "
            f"model is not built yet: pass np.concatenate(x) for batches, or np.stack(x)."
        )
    return batches


def fits(layers: Sequence[Layer], shape: Shape) -> bool:
    """Whether layers that are not built can take samples of a shape."""
    try:
        shape_through(layers, shape)
    except (ValueError, TypeError):
        return False
    return True


@same_memory()
def predict_by_batches(network: Any, X: Array, size: int, told: CallbackList) -> Array:
    """The outputs for an array that is cut into batches."""
    shape = shape_through(network.layers, X.shape[1:])
    predictions = np.empty((X.shape[0], *shape), network.dtype)
    with told.undoing():
        told.call("on_predict_begin", {})
        for batch, start in enumerate(range(0, X.shape[0], size)):
            told.call("on_predict_batch_begin", batch, {})
            rows = slice(start, start + size)
            predictions[rows] = predict_rows(network, X[rows], start)
            told.call("on_predict_batch_end", batch, {"outputs": predictions[rows]})
        told.call("on_predict_end", {})
    return predictions


@same_memory()
def predict_items(
    network: Any, items: Items, verbose: int | str, callbacks: Sequence[Callback] | None
) -> Array:
    """The outputs for batches that somebody else makes, each computed at once."""
    first = items_inputs(network, items.first)
    params = {"epochs": 1, "steps": items.steps, "verbose": verbose}
    told = CallbackList(check_list(callbacks, "callbacks"), network, params)
    build_for(network, first)
    predictions, seen = [], 0
    with single_blas_threads(), told.undoing():
        told.call("on_predict_begin", {})
        for batch, item in enumerate(items):
            told.call("on_predict_batch_begin", batch, {})
            try:
                X = items_inputs(network, item)
            except (TypeError, ValueError) as error:  # which names the rows of this batch
                error.add_note(f"It is batch {batch} of x (from 0).")
                raise
            predictions.append(predict_rows(network, X, seen))
            seen += len(predictions[-1])
            told.call("on_predict_batch_end", batch, {"outputs": predictions[-1]})
        told.call("on_predict_end", {})
    shapes = sorted({each.shape[1:] for each in predictions})
    if len(shapes) > 1:
        raise ShapeError(
            f"x makes sequences of different lengths, so that the outputs, of shapes "
            f"{', '.join(map(str, shapes))}, make no one array: predict each batch by itself."
        )
    return believed(network, np.concatenate(predictions))


def items_inputs(network: Any, item: Any) -> Array:
    """The inputs of a batch."""
    x = inputs_of(item)
    check_columns(x, network)
    return as_inputs(x, network.input_shape, network.layers)


def batch_of(network: Any, x: Any) -> Array:
    """A batch that ``forward`` is given, in the dtype of the network.

    Raises:
        ValueError: A frame's columns are others than in training, or a number overflows.
    """
    check_columns(x, network, "X")
    X: Any = as_numbers(x, "X", sparse=True)
    if is_sparse(X):
        X = as_csr(X, "X")
        check_finite(X, "X holds", network.dtype)
    elif X.ndim == 0:
        check_rows(X, "X", x)  # which says what to do
    else:
        check_overflow(X, "X holds", network.dtype)
    batch: Array = X.astype(network.dtype, copy=False)
    return batch


def passing(network: Any) -> Any:
    """What makes a pass through all layers of a network, one after the other and of X as a whole.

    It is the network's chain, or where ``forward`` is the user's own a copy of the network, in
    which a last layer that is joined with the loss is asked as well.
    """
    if from_package(network.forward):
        return network._chain
    twin = deepcopy(network)
    infer = partial(forward_through, twin.layers)
    vars(twin).update(_head=None, infer=infer, activations=None)
    return twin


def build_for(network: Any, X: Array) -> None:
    """Builds a network for these inputs; nothing is built for what is refused."""
    if network.input_shape is None:
        check_finite(X, "x holds", network.dtype)
        network.build((None, *X.shape[1:]))


def predict_rows(network: Any, X: Array, first_row: int) -> Array:
    """The outputs for a batch; of no rows no layer is asked."""
    if not X.shape[0]:
        return np.empty((0, *shape_through(network.layers, X.shape[1:])), network.dtype)
    if X.dtype != network.dtype or not surely_finite(X):
        check_finite(X, "x holds", network.dtype, first_row)
    return predictions_of(network)(network, X)


def believed(network: Any, outputs: Array) -> Array:
    """The outputs, unless there is a weight that is not finite.

    All weights are looked at: the outputs do not show an infinite one that a ReLU or a saturated
    sigmoid hides, nor a row of an embedding that no index asked for.

    Raises:
        ValueError: There is such a weight.
    """
    check_weights_finite(network)
    few = outputs.size <= FEW_NUMBERS
    if math.isfinite(sum(outputs.ravel().tolist())) if few else surely_finite(outputs):
        return outputs
    if not np.isfinite(outputs).all():
        row = np.argwhere(~np.isfinite(outputs))[0][0]
        warn_of_overflow(f"row {row} of the predictions is not finite", network)
    return outputs


def check_weights_finite(network: Any) -> None:
    """Checks that all weights are finite.

    Raises:
        ValueError: One is not.
    """
    theta = network.parameters.values
    if math.isfinite(np.vdot(theta, theta)):  # which, unlike np.dot, reports no overflow
        return
    for p in network.parameters:
        if not np.isfinite(p.value).all():
            raise ValueError(
                f"the weights {p.name} hold nan or infinite numbers, from which nothing can be "
                f"predicted: call reset() and train anew, or load weights."
            )
