"""One forward and backward pass with every array kept: what an explanation is made of."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from backprop.core.parameters import Parameter
from backprop.core.types import Array, Shape
from backprop.data.inputs import as_array, check_inputs
from backprop.data.samples import Data, check_data
from backprop.explain.losses import loss_parts
from backprop.layers import Activation, Layer, LogSoftmax, Softmax
from backprop.layers.chain import unfold
from backprop.losses import BinaryCrossentropy, CrossEntropy, Loss
from backprop.optimizers import Optimizer
from backprop.protocol import Model

ACTIVATIONS = (Activation, Softmax, LogSoftmax)
"""The layers that are activation functions: their input is a pre-activation."""


class Explainable(Model, Protocol):
    """A compiled model, built or not."""

    @property
    def output_shape(self) -> Shape:
        """The shape of one prediction."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the parameters for inputs of that shape."""


class ParameterRecord(NamedTuple):
    """A parameter in the pass.

    Attributes:
        value: Its values before.
        gradient: ∂E/∂value, the penalty's part included.
        new: Its values after the optimizer's step.
        parameter: A copy of the parameter, for what else it is: trainable, regularized, …
    """

    value: Array
    gradient: Array
    new: Array
    parameter: Parameter

    @property
    def penalty_gradient(self) -> Array | None:
        """∂Ω/∂value, the part of the gradient that is the penalty's; None if there is none."""
        if self.parameter.regularizer is None or not self.parameter.trainable:
            return None
        gradient: Array = self.parameter.regularizer.gradient(self.value)
        return gradient


@dataclass(frozen=True, eq=False, repr=False)
class LayerRecord:
    """What one layer computed in the pass, as plain arrays with samples in rows.

    The parameters are attributes: ``W``, its gradient ``dW`` and its value after the update
    ``W_new``; likewise ``b``, and whatever else the layer has.

    Attributes:
        layer: A copy of the layer, in the state that the pass left it in.
        X: The layer's input.
        Y: The layer's output.
        delta: ∂E/∂Y.
        delta_input: ∂E/∂X, for the first layer too; None where there is none.
        slope: f′(Z) of an elementwise activation, else None.
        parameters: The parameters by name.
        activation: The activation layer that follows directly, if one does.
    """

    layer: Layer
    X: Array
    Y: Array
    delta: Array
    delta_input: Array | None
    slope: Array | None
    parameters: dict[str, ParameterRecord]
    activation: "LayerRecord | None"

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    @property
    def is_activation(self) -> bool:
        """Whether the layer is an activation function."""
        return isinstance(self.layer, ACTIVATIONS)

    @property
    def Z(self) -> Array:
        """The pre-activation: an activation's input, any other layer's output."""
        return self.X if self.is_activation else self.Y

    @property
    def A(self) -> Array:
        """The activation: the output, after the activation layer that follows if one does."""
        return self.Y if self.activation is None else self.activation.Y

    def __getattr__(self, name: str) -> Any:
        own: dict[str, ParameterRecord] = self.__dict__.get("parameters", {})
        if name in own:
            return own[name].value
        if name[:1] == "d" and name[1:] in own:
            return own[name[1:]].gradient
        if name.endswith("_new") and name[:-4] in own:
            return own[name[:-4]].new
        if name[:1] == "_":
            raise AttributeError(name)
        raise AttributeError(
            f"the record of {self.__dict__.get('layer')} has no {name!r}: the layer's parameters "
            f"are {', '.join(own) or 'none'}."
        )

    def __repr__(self) -> str:
        return f"<LayerRecord of {self.layer}>"


@dataclass(frozen=True)
class Record:
    """A whole pass: the layers, the loss, and the update that would follow.

    Attributes:
        layers: The layers in order.
        data: Inputs, targets and sample weights as the model got them.
        target: The targets, smoothed where the loss smooths labels.
        loss: E, the penalty included.
        penalty: Ω, the sum of the regularisers' penalties.
        loss_parts: What every output of every sample adds to E − Ω, see ``loss_parts``.
        loss_function: The loss, not joined with the last layer.
        chained_delta: For a matched pair, the last layer's ∂E/∂Z as the product of ∂E/∂ŷ and the
            activation's derivative, beside ``layers[-1].delta_input`` from (ŷ − y)/N; else None.
        optimizer: A copy of the optimizer, after the step.
        learning_rate: η of the step; a schedule may have changed it since.
    """

    layers: list[LayerRecord]
    data: Data
    target: Array
    loss: float
    penalty: float
    loss_parts: Array
    loss_function: Loss
    chained_delta: Array | None
    optimizer: Optimizer
    learning_rate: float

    @property
    def prediction(self) -> Array:
        """ŷ, the last layer's output."""
        return self.layers[-1].Y

    @property
    def single(self) -> bool:
        """Whether this is the pass of one sample."""
        return len(self.data) == 1


def record_pass(model: Explainable, X: Any, y: Any, sample_weight: Any = None) -> Record:
    """The five steps of training on one batch, on a copy of the model, with everything kept.

    Raises:
        ValueError: The model is not compiled, or the data do not fit it.
    """
    model = copy.deepcopy(model)
    data = _check(model, X, y, sample_weight)
    values = [p.value.copy() for p in model.parameters]
    arrays, deltas, loss = _there_and_back(model, data)
    penalty = model.penalty()
    head = model.loss
    chained = logits = None
    if head.unjoined is not head:
        chained, logits = copy.deepcopy(model.layers[-1]).backward(deltas[-1]), arrays[-2]
        head = head.unjoined
    learning_rate = model.optimizer.learning_rate
    layers = _layers(model, arrays, deltas, _step(model, values))
    target = _smoothed(head, data.y)
    return Record(
        layers=layers,
        data=data,
        target=target,
        loss=loss + penalty,
        penalty=penalty,
        loss_parts=loss_parts(head, arrays[-1], target, data, loss, logits),
        loss_function=head,
        chained_delta=chained,
        optimizer=model.optimizer,
        learning_rate=learning_rate,
    )


def _there_and_back(model: Model, data: Data) -> tuple[list[Array], list[Any], float]:
    """X and every layer's output, ∂E/∂ each of them, and the loss."""
    model.layers[0].needs_input_gradient = True  # ∂E/∂X belongs to the story
    A = data.X
    arrays = [A.copy()]
    for layer in model.body:
        A = layer.forward(A, training=True)
        arrays.append(A.copy())
    if len(model.body) < len(model.layers):
        A = model.loss.predict(A, training=True)
        arrays.append(A.copy())
    loss = model.loss.compute(A, data.y, data.weight)
    deltas = [model.backward(), *(layer.delta for layer in model.layers)]
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


def _layers(
    model: Model, arrays: list[Array], deltas: list[Any], parameters: dict[str, ParameterRecord]
) -> list[LayerRecord]:
    records: list[LayerRecord] = []
    for k in reversed(range(len(model.layers))):
        layer = model.layers[k]
        activation = None
        if records and records[0].is_activation and not isinstance(layer, ACTIVATIONS):
            activation = records[0]
        slope = None
        if isinstance(layer, Activation):  # elementwise: its backward pass of ones is f′(Z)
            slope = copy.deepcopy(layer).backward(np.ones_like(arrays[k])).copy()
        record = LayerRecord(
            layer=layer,
            X=arrays[k],
            Y=arrays[k + 1],
            delta=deltas[k + 1],
            delta_input=deltas[k],
            slope=slope,
            parameters={
                p.name.removeprefix(f"{layer.name}."): parameters[p.name] for p in layer.parameters
            },
            activation=activation,
        )
        records.insert(0, record)
    return records


def _smoothed(loss: Loss, target: Array) -> Array:
    """The targets that the loss's formulas see: with its label smoothing, if it has any."""
    if not isinstance(loss, CrossEntropy) or not loss.label_smoothing:
        return target
    classes = 2 if isinstance(loss, BinaryCrossentropy) else target.shape[-1]
    return loss.smooth(target, classes).copy()


def _check(model: Explainable, X: Any, y: Any, sample_weight: Any) -> Data:
    """The data as the model takes them, a single sample as a batch of one; builds the model."""
    loss = model.loss
    X = as_array(X, "X")
    if X.ndim == (1 if model.input_shape is None else len(model.input_shape)):
        X, y = X[np.newaxis], as_array(y, "y")[np.newaxis]
        if sample_weight is not None:
            sample_weight = np.reshape(sample_weight, -1)
    X = check_inputs(X, model.input_shape, model.layers[0] if model.layers else model, "X")
    model.build((None, *X.shape[1:]))
    loss.check_ending(unfold(model.layers)[-1])
    data = check_data(
        X,
        y,
        sample_weight,
        None,
        output_shape=model.output_shape,
        loss=loss,
        dtype=model.dtype,
    )
    return Data(data.X.astype(model.dtype), data.y, data.weight)
