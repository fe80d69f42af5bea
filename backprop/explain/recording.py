"""One forward and backward pass with every array kept."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.frames import check_columns
from backprop.core.rounding import warn_of_rounding
from backprop.core.types import Array, Shape
from backprop.data.inputs import check_inputs
from backprop.data.samples import Data
from backprop.data.sources import check
from backprop.explain.record import LayerRecord, ParameterRecord, Record
from backprop.explain.stated import stated
from backprop.layers import Activation, Chain, Layer
from backprop.layers.block import outputs_through, shape_through
from backprop.losses import Loss
from backprop.losses.formula import Formula
from backprop.protocol import Model, check_layers_alone, check_model
from backprop.training.divergence import quietly


class Explainable(Model, Protocol):
    """A compiled model, built or not."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the parameters for inputs of that shape."""


@quietly
def record_pass(model: Explainable, X: Any, y: Any, sample_weight: Any = None) -> Record:
    """The five steps of training on one batch, on a copy of the model, with everything kept.

    Raises:
        ValueError: The model is not compiled, or the data do not fit it.
        TypeError: It has a pass of its own.
    """
    model = copy.deepcopy(model)
    data = _check(model, X, y, sample_weight)
    weight = model.weigh(data.X, data.weight)  # padded steps of sequences count for nothing
    data = Data(data.X, data.y, weight)
    values = [p.value.copy() for p in model.parameters]
    layers = _layers(model)
    arrays, deltas, E = _there_and_back(model, layers, data)
    if model.loss.ignored is not None:  # the mean is over the other targets
        every = np.ones(data.y.shape, model.dtype)
        data = Data(data.X, data.y, model.loss.unjoined.weigh_known(every, data.weight))
    penalty = model.penalty() + model.activity_penalty()
    head, loss = model.loss, model.loss.unjoined
    joined = head is not loss
    formula = stated(loss, "formula", "values", "gradient", "reduce")
    learning_rate = model.optimizer.learning_rate
    records = _layer_records(layers, arrays, deltas, _step(model, values))
    return Record(
        layers=records,
        data=data,
        target=loss.smooth(data.y).copy() if loss.label_smoothing else data.y,
        loss=E + penalty,
        penalty=penalty,
        loss_parts=_loss_parts(head, formula, arrays[-1], data, E),
        loss_function=loss,
        formula=formula,
        joined_formula=head.formula if joined else None,
        chained_delta=copy.deepcopy(layers[-1][1]).backward(deltas[-1]) if joined else None,
        optimizer=model.optimizer,
        learning_rate=learning_rate,
    )


def _layers(model: Model) -> list[tuple[str, Layer]]:
    """The layers of the story with their names.

    Where the loss is joined with an activation in a chain that ends the model, the chain's own
    layers are shown in its place.
    """
    layers, way = model.layers, ""
    found: list[tuple[str, Layer]] = []
    while True:
        found += [(f"{way}{layer.name}", layer) for layer in layers]
        last = layers[-1]
        if model.loss.unjoined is model.loss or not isinstance(last, Chain):
            return found
        found.pop()
        layers, way = last.layers, f"{way}{last.name}."


def _there_and_back(
    model: Model, layers: list[tuple[str, Layer]], data: Data
) -> tuple[list[Array], list[Any], float]:
    """X and the output of every layer of the story, ∂E/∂ each of them, and the loss."""
    model.layers[0].needs_input_gradient = True  # ∂E/∂X belongs to the story
    output = data.X
    arrays = [output.copy()]
    for output in outputs_through(model.body, data.X, training=True):
        arrays.append(output.copy())
    prediction = model.loss.predict(output, training=True)
    loss = model.loss.compute(prediction, data.y, data.weight)
    if len(layers) > len(model.body):  # the last activation is part of the loss
        arrays.append(prediction.copy())
    deltas = [model.backward(), *(layer.delta for _, layer in layers)]
    return arrays, [None if delta is None else delta.copy() for delta in deltas], loss


def _step(model: Model, values: list[Array]) -> dict[str, ParameterRecord]:
    """Every parameter before and after the optimizer's step, by its name in the model.

    The step is then taken back: the layers are to show the pass that they made.
    """
    gradients = [p.gradient.copy() for p in model.parameters]
    model.optimizer.step(model.parameters)
    new = [p.value.copy() for p in model.parameters]
    for p, value in zip(model.parameters, values, strict=True):
        p.value[...] = value
    return {
        p.name: ParameterRecord(before, gradient, after, p)
        for p, before, gradient, after in zip(model.parameters, values, gradients, new, strict=True)
    }


def _layer_records(
    layers: list[tuple[str, Layer]],
    arrays: list[Array],
    deltas: list[Any],
    parameters: dict[str, ParameterRecord],
) -> list[LayerRecord]:
    records: list[LayerRecord] = []
    for k, (name, layer) in reversed(list(enumerate(layers))):
        activation = None
        if records and records[0].is_activation and not layer.is_activation:
            activation = records[0]
        slope = None
        if isinstance(layer, Activation):  # elementwise: its backward pass of ones is f′(Z)
            slope = copy.deepcopy(layer).backward(np.ones_like(arrays[k])).copy()
        record = LayerRecord(
            name=name,
            layer=layer,
            X=arrays[k],
            Y=arrays[k + 1],
            delta=deltas[k + 1],
            delta_input=deltas[k],
            slope=slope,
            parameters={
                p.name.removeprefix(f"{name}."): parameters[p.name] for p in layer.parameters
            },
            activation=activation,
        )
        records.insert(0, record)
    return records


def _loss_parts(
    head: Loss, formula: Formula | None, prediction: Array, data: Data, total: float
) -> Array:
    """What every output of every sample adds to E.

    Args:
        head: The loss, joined with the last layer where the two match.
        formula: How the loss is written.
        prediction: ŷ, shape ``(N, K)``.
        data: The pass's data.
        total: E without penalties.

    Returns:
        The parts, shape ``(N, K)``; those of whole samples, shape ``(N,)``, if the loss does not
        say that it is a sum over outputs; E alone, shape ``(1,)``, if it is no mean over samples.
    """
    n = len(prediction)
    w = np.ones(n, prediction.dtype) if data.weight is None else data.weight

    def weighted(values: Array) -> Array:
        along = w.reshape(*w.shape, *[1] * (values.ndim - w.ndim))  # (N,) -> (N, 1, …)
        found: Array = values * along / count
        return found

    count = prediction.size / prediction.shape[-1]  # N, times the steps of a sequence
    if formula is not None and formula.per == "output":
        parts = weighted(head.parts(prediction, data.y))
        if np.isclose(parts.sum(), total, rtol=1e-4):
            return parts
    values = head.unjoined.sample_losses(prediction, data.y)  # (N,), or (N, T)
    if w.ndim <= values.ndim:
        parts = np.asarray(np.add.reduce(weighted(values).reshape(n, -1), axis=1, dtype=w.dtype))
        if np.isclose(parts.sum(), total, rtol=1e-4):
            return parts
    return np.array([total], w.dtype)


def _check(model: Explainable, X: Any, y: Any, sample_weight: Any) -> Data:
    """The data as the model takes them, a single sample as a batch of one; builds the model."""
    check_model(model)
    check_layers_alone(model, "explain shows", "forward", "backward", "backpropagate")
    check_columns(X, model, "X")
    array = to_array(X, "X")  # advice below is about X as it was given
    if _is_single(model, array.shape, y):
        X, y = array[np.newaxis], to_array(y, "y")[np.newaxis]
        if sample_weight is not None:
            sample_weight = to_array(sample_weight, "sample_weight")[np.newaxis]
    X = check_inputs(X, model.input_shape, model.layers, "X", model.dtype)
    model.build((None, *X.shape[1:]))
    data = check(model, X, y, sample_weight)
    warn_of_rounding(array, "X", model.dtype)
    warn_of_rounding(data.given, "y", model.dtype)
    return Data(data.X.astype(model.dtype), data.y, data.weight)


def _is_single(model: Model, shape: Shape, y: Any) -> bool:
    """Whether an array of this shape is one sample.

    A model that is not built is asked for both; where it would take both, the targets tell.
    """

    def outputs(sample: Shape) -> Shape | None:
        try:
            return shape_through(model.layers, sample)
        except Exception:  # also one of a layer of the user's own, which build names
            return None

    if model.input_shape is not None:
        return len(shape) == len(model.input_shape)
    found = outputs(shape)
    if len(shape) == 1 or found is None or outputs(shape[1:]) is None:
        return len(shape) == 1 or found is not None
    target = to_array(y, "y").shape
    return target == found[1:] == () or (target == found and target[0] != shape[0])
