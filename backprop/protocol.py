"""What the training loop and the tools need of a model, so that none of them imports Sequential."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from backprop.core.descriptors import from_package
from backprop.core.errors import said
from backprop.core.lookup import is_function
from backprop.core.parameters import Parameters
from backprop.core.types import Array, Shape
from backprop.layers import Layer
from backprop.losses import Loss
from backprop.metrics import Metric
from backprop.optimizers import Optimizer


class Model(Protocol):
    """A built and compiled model; see ``Sequential`` for what each of these is."""

    dtype: np.dtype[Any]
    feature_names: tuple[Any, ...] | None
    looked_at: frozenset[str]
    history: Any
    stop_training: bool
    resume_at: tuple[int, int]

    @property
    def compiled(self) -> bool:
        """Whether there are a loss and an optimizer."""

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""

    @property
    def input_shape(self) -> Shape | None:
        """The shape of one sample."""

    @property
    def output_shape(self) -> Shape:
        """The shape of one prediction."""

    @property
    def parameters(self) -> Parameters:
        """θ and g."""

    @property
    def loss(self) -> Loss:
        """The loss, joined with the last activation where they match."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""

    @property
    def metrics(self) -> list[Metric]:
        """The metrics."""

    @property
    def generators(self) -> dict[str, np.random.Generator]:
        """The random generators, ``"shuffle"`` among them."""

    def forward(self, X: Array, training: bool = False) -> Array:
        """The prediction for a batch."""

    @property
    def body(self) -> list[Layer]:
        """The layers that compute what ``loss.predict`` makes the prediction of."""

    def infer(self, X: Array) -> Array:
        """What the body makes of a batch in inference."""

    @property
    def makes_mask(self) -> bool:
        """Whether a layer makes a mask of padded sequences."""

    def mask(self, X: Array) -> Array | None:
        """Which steps of the outputs for a batch are no padding, ``(N, T)``; None if all are."""

    def weigh(self, X: Array, weight: Array | None) -> Array | None:
        """The weights of a batch in the loss, 0 for padded steps."""

    def penalty(self) -> float:
        """The sum of the regularisers' penalties."""

    @property
    def penalizes(self) -> bool:
        """Whether a layer adds a penalty on what passes through it to the loss."""

    def activity_penalty(self) -> float:
        """What such layers add to the loss of the last training pass."""

    def backward(self, delta: Array | None = None) -> Array | None:
        """The gradients of all parameters."""

    def backpropagate(self, delta: Array) -> Array | None:
        """The same from what ``loss.backward`` returned, leaving out what is only looked at."""


def check_model(model: Any, name: str = "model") -> None:
    """Checks that what should be a model is one, and no function that makes one.

    Args:
        model: What should be a model.
        name: What error messages call it.

    Raises:
        TypeError: It has no layers, or is a class.
    """
    if isinstance(model, type) or not hasattr(model, "layers"):
        advice = ": call the function that makes it" if is_function(model) else ""
        given = f"{said(model)}{advice}"
        raise TypeError(f"{name} must be a model, such as Sequential, but it is {given}.")


def check_layers_alone(model: Any, what: str, *names: str) -> None:
    """Checks that a model computes what its layers do one after the other, and nothing else.

    Args:
        model: A model.
        what: What is made of its layers, for the error.
        *names: The passes that its layers are to make.

    Raises:
        TypeError: Its class makes one of them in a way of its own.
    """
    for name in names:
        if not from_package(getattr(model, name)):
            kind = type(model).__name__
            raise TypeError(
                f"{kind} has a {name} of its own, but {what} its layers alone: let a layer of your "
                f"own do what it adds, or take a model without it, "
                f"Sequential([layer.copy() for layer in model.layers])."
            )
