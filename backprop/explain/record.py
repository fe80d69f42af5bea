"""What one training step computed: every layer, the loss, and the update that would follow."""

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from backprop.core.checks import check_position
from backprop.core.frozen import of_result
from backprop.core.parameters import Parameter
from backprop.core.time_steps import TimeStep
from backprop.core.types import Array
from backprop.data.samples import Data
from backprop.explain.stated import stated
from backprop.layers import Layer
from backprop.losses import Loss
from backprop.losses.formula import Formula
from backprop.optimizers import Optimizer


class ParameterRecord(NamedTuple):
    """A parameter in the pass.

    Attributes:
        value: Its values before.
        gradient: ∂E/∂value, the penalty's part included.
        new: Its values after the optimizer's step.
        parameter: A copy of the parameter, which knows whether it is trainable, decays, …
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


@of_result
@dataclass(frozen=True, eq=False, repr=False)
class LayerRecord:
    """What one layer computed in the pass, as plain arrays with samples in rows.

    The parameters are attributes: ``W``, its gradient ``dW`` and its value after the update
    ``W_new``; likewise ``b``, and whatever else the layer has.

    Attributes:
        name: The layer's name; ``chain_1.dense_1`` for one in a chain that ends the model.
        layer: A copy of the layer, as the pass left it.
        X: The layer's input.
        Y: The layer's output.
        delta: ∂E/∂Y.
        delta_input: ∂E/∂X, for the first layer too; None where there is none.
        slope: f′(Z) of an elementwise activation, else None.
        parameters: The parameters by name.
        activation: The activation layer that follows directly, if one does.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones"), bp.layers.Tanh()])
        >>> model.compile("sgd", "mse")
        >>> record = model.explain([0.0], [1.0])["tanh_1"]
        >>> record.X, record.Y, record.slope
        (array([[0.]], dtype=float32), array([[0.]], dtype=float32), array([[1.]], dtype=float32))
    """

    name: str
    layer: Layer
    X: Array
    Y: Array
    delta: Array
    delta_input: Array | None
    slope: Array | None
    parameters: dict[str, ParameterRecord]
    activation: "LayerRecord | None"

    @property
    def is_activation(self) -> bool:
        """Whether the layer is an activation function."""
        return self.layer.is_activation

    @property
    def Z(self) -> Array:
        """The pre-activation: an activation's input, any other layer's output."""
        return self.X if self.is_activation else self.Y

    @property
    def A(self) -> Array:
        """The activation: the output, after the activation layer that follows if one does."""
        return self.Y if self.activation is None else self.activation.Y

    @property
    def steps(self) -> list[TimeStep]:
        """Each step in time of a recurrent layer, from the first one read; empty for others."""
        unrolled = self.layer.unrolled()
        return [] if unrolled is None else unrolled.steps

    @property
    def weights(self) -> Array | None:
        """W, if w_ij is ∂y_j/∂x_i as in Y = X W + b on vectors; else None."""
        linear = stated(self.layer, "linear", "forward", "backward")
        W = self.parameters["W"].value if linear and "W" in self.parameters else None
        if W is None or self.X.ndim != 2 or W.shape != (self.X.shape[1], self.Y.shape[1]):
            return None
        return W

    def jacobian(self, row: int) -> Array:
        """∂y_j/∂x_i of one sample at i, j, as the layer's own backward pass computes it.

        Args:
            row: Which sample; with more axes, which row of the last one.

        Raises:
            ValueError: There is no such row, its output depends on the other rows, as in batch
                normalisation, or there is no derivative.
        """
        row = check_position(row, "row", self.Y[..., 0].size)
        own = copy.deepcopy(self.layer)  # its backward writes gradients
        columns = []
        for j in range(self.Y.shape[-1]):
            delta = np.zeros_like(self.Y)
            delta.reshape(-1, self.Y.shape[-1])[row, j] = 1
            by_input = own.backward(delta)
            if by_input is None:
                raise ValueError(f"{self.layer} has no derivative by its input.")
            rows = by_input.reshape(-1, by_input.shape[-1])
            if np.delete(rows, row, axis=0).any() and self.Y.ndim > 2:
                raise ValueError(
                    f"{self.layer} mixes the steps or pixels of a sample, so that none of them has "
                    f"a Jacobian of its own."
                )
            if np.delete(rows, row, axis=0).any():
                raise ValueError(
                    f"{self.layer} mixes the samples of a batch, so that paths run through the "
                    f"others too: explain one sample alone."
                )
            columns.append(rows[row].copy())
        return np.stack(columns, axis=1)

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


@of_result
@dataclass(frozen=True)
class Record:
    """A whole pass: the layers, the loss, and the update that would follow.

    Attributes:
        layers: The layers in order.
        data: Inputs, targets and sample weights as the model got them.
        target: The targets, smoothed where the loss smooths labels.
        loss: E, the penalty included.
        penalty: Ω, the sum of the regularisers' penalties.
        loss_parts: What every output of every sample adds to E − Ω, see ``_loss_parts``.
        loss_function: The loss, not joined with the last layer.
        formula: How it is written; None if it does not say.
        joined_formula: How the two are written as one, for a matched pair; else None.
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
    formula: Formula | None
    joined_formula: Formula | None
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
