"""The networks that an MLP of scikit-learn stands for, as ``Sequential`` models."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backprop import layers, losses, optimizers, storage
from backprop.core.buffers import Buffers
from backprop.core.types import Array
from backprop.engine.taking_part import parts
from backprop.layers import Dense, Layer
from backprop.losses import Loss
from backprop.optimizers import Optimizer
from backprop.regularizers import L2
from backprop.sequential import Sequential

ACTIVATIONS = {
    "identity": None,
    "logistic": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "softmax": "Softmax",
    "exp": "Exponential",
}
"""The layers that stand for scikit-learn's activations; their files are loaded when one is made."""


WIDE = 5_000_000
"""Multiplications of a step from which it takes about as long as threads need to be worth it."""


def make_networks(mlp: Any, units: Sequence[int], dtype: Any, n: int, random: Any) -> list[Any]:
    """A network for each member, without weights (see ``make_network``).

    Args:
        mlp: The estimator.
        units: Features, hidden units, outputs.
        dtype: The dtype that they compute in.
        n: Samples in a step.
        random: The ``RandomState`` from which the seeds of dropout are drawn, if any are needed.
    """
    seeded = mlp.dropout or mlp.n_members > 1
    seeds = [random.randint(1 << 31) if seeded else 0 for _ in range(mlp.n_members)]
    wide = 3 * n * sum(a * b for a, b in pairwise(units)) > WIDE
    return [make_network(mlp, units, dtype, seed, wide) for seed in seeds]  # see PenalisedSteps


def made_anew(mlp: Any, models: Sequence[Any], n: int, random: Any) -> list[Any]:
    """Networks of another structure, with those weights of the old ones that both have.

    What of these is frozen stays so.
    """
    coefs = views(models[0])[0]
    units = [len(coefs[0]), *(W.shape[1] for W in coefs)]
    dtype = coefs[0].dtype if mlp.dtype is None else np.dtype(mlp.dtype)
    found = make_networks(mlp, units, dtype, n, random)
    for model, before in zip(found, models, strict=True):
        layers = {layer.name: layer for layer in before.layers}
        for layer in model.layers:
            if layer.parameters and layer.name in layers:
                layer.trainable = layers[layer.name].trainable
        known = {p.name: p for p in before.parameters}
        for p in model.parameters:
            if p.name in known:
                p.value, p.trainable = known[p.name].value, known[p.name].trainable
    return found


def structure(mlp: Any) -> tuple[Any, ...]:
    """What determines the layers between those with the weights, and the dtype if it is given."""
    dtype = None if mlp.dtype is None else np.dtype(mlp.dtype)
    samples = "all" if mlp.solver == "lbfgs" else "a batch"
    normalised_by = samples if mlp.batch_normalization else None
    return mlp.activation, mlp.out_activation_, float(mlp.dropout), normalised_by, dtype


def check_outputs(mlp: Any, n: int) -> None:
    """Raises ValueError if there are fewer or more targets than in the fit that is gone on with."""
    if n != mlp.n_outputs_:
        raise ValueError(
            f"the fit with which this one goes on had {mlp.n_outputs_} target(s) for each sample, "
            f"but y has {n}: pass as many, or fit anew, without warm_start."
        )


def check_penalties(models: Iterable[Any]) -> None:
    """Raises ValueError if a network was given a penalty by hand: training sets that by alpha."""
    for layer in (layer for model in models for layer in dense_layers(model)):
        penalty: Any = layer.kernel_regularizer
        if penalty is not None and penalty.l2:
            raise ValueError(
                f"l2 of the kernel_regularizer of {layer} was set to {penalty.l2}, but fit sets it "
                f"by the estimator's alpha: set alpha, and this one to 0."
            )


def make_network(mlp: Any, units: Sequence[int], dtype: Any, seed: int, regularised: bool) -> Any:
    """A built network without its weights: they are 0.

    Args:
        mlp: The estimator.
        units: Features, hidden units, outputs.
        dtype: The dtype that it computes in.
        seed: Determines what its dropout leaves out.
        regularised: Whether weight matrices have regularisers, whose λ training sets.
    """
    made: list[Layer] = []

    def penalty() -> L2 | None:
        return L2(0.0) if regularised else None

    for size in units[1:-1]:
        made.append(Dense(size, kernel_initializer="zeros", kernel_regularizer=penalty()))
        if mlp.batch_normalization:
            momentum = 0.0 if mlp.solver == "lbfgs" else 0.99
            made.append(layers.BatchNormalization(momentum=momentum))
        made += activation(mlp.activation)
        if mlp.dropout:
            made.append(layers.Dropout(mlp.dropout))
    made.append(Dense(units[-1], kernel_initializer="zeros", kernel_regularizer=penalty()))
    model = Sequential(made + activation(mlp.out_activation_), seed=seed, dtype=dtype)
    model.build((None, units[0]))
    return model


def activation(name: str) -> list[Layer]:
    """The layer that stands for an activation, if one does."""
    kind = ACTIVATIONS[name]
    return [] if kind is None else [getattr(layers, kind)()]


def make_loss(mlp: Any) -> Loss:
    """The loss that the estimator minimises beside its penalty."""
    if isinstance(mlp.loss, Loss):
        return copy.deepcopy(mlp.loss)  # others may compute in its memory at the same time
    if mlp.out_activation_ == "softmax":
        return losses.SparseCategoricalCrossentropy()
    alone = mlp.n_outputs_ == 1
    if mlp.out_activation_ == "logistic":
        return losses.BinaryCrossentropy() if alone else losses.scikit.SummedBinaryCrossentropy()
    if mlp.loss == "poisson":
        return losses.scikit.HalfPoissonDeviance()
    return losses.HalfSquaredError() if alone else losses.scikit.HalfMeanSquaredError()


def make_optimizer(mlp: Any) -> Optimizer:
    """The optimizer that a solver stands for."""
    if mlp.solver == "lbfgs":
        return optimizers.LBFGS(mlp.max_iter)
    rate = mlp.learning_rate_init if mlp.schedule is None else mlp.schedule
    if mlp.solver == "sgd":
        return optimizers.SGD(rate, mlp.momentum, mlp.nesterovs_momentum)
    return optimizers.Adam(rate, mlp.beta_1, mlp.beta_2, mlp.epsilon)


def kept_optimizer(mlp: Any, before: Any, model: Any) -> Optimizer:
    """The optimizer that there was; for another network one in its state, if it fits that."""
    if model is before:
        kept: Optimizer = model.optimizer
        return kept
    optimizer = make_optimizer(mlp)
    same = model.parameters.values.size == before.parameters.values.size
    if same and type(optimizer) is type(before.optimizer):
        state = storage.snapshot.optimizer_state(before.optimizer)
        storage.snapshot.set_optimizer(optimizer, model.parameters, state)
    return optimizer


def dense_layers(model: Any) -> list[Dense]:
    """The ``Dense`` layers of a network in order."""
    return [layer for layer in model.layers if isinstance(layer, Dense)]


def draw_weights(model: Any, activation: str, random: Any) -> None:
    """Draws weights and biases as scikit-learn does: uniform within ±√(6 / (n_in + n_out)).

    For logistic hidden units the 6 is a 2. A matrix comes before its biases, layer after layer.

    Args:
        model: The network.
        activation: That of its hidden units.
        random: The ``RandomState`` to draw from.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    for layer in dense_layers(model):
        bound = math.sqrt(factor / sum(layer.W.shape))
        layer.W[...] = random.uniform(-bound, bound, layer.W.shape)
        layer.b[...] = random.uniform(-bound, bound, layer.b.shape)


def take_weights(model: Any, coefs: Iterable[Any], intercepts: Iterable[Any]) -> bool:
    """Writes those matrices and biases into the network that are not its own already.

    Returns:
        Whether there were any.

    Raises:
        ValueError: There are not as many as the network has.
    """
    taken, layers = False, dense_layers(model)
    coefs, intercepts = list(coefs), list(intercepts)
    for name, given in (("coefs_", coefs), ("intercepts_", intercepts)):
        if len(given) != len(layers):
            raise ValueError(
                f"{name} must hold an array for each of {len(layers)} layers with weights, but it "
                f"holds {len(given)}."
            )
    for layer, W, b in zip(layers, coefs, intercepts, strict=True):
        if W is not layer.W:
            layer.W = W
            taken = True
        if b is not layer.b:
            layer.b = b
            taken = True
    return taken


def forget_batch(model: Any) -> None:
    """Lets go of what the last batch left in the layers and in the loss, and of their buffers."""
    for part in parts(model):
        ours = getattr(part, "of_package", True)  # arrays of others' parts may be what they are
        for name, value in vars(part).items():
            arrays = value if isinstance(value, tuple) else (value,)
            if ours and any(isinstance(each, np.ndarray) for each in arrays):
                vars(part)[name] = None
            elif isinstance(value, Buffers):
                value.clear()


def views(model: Any) -> tuple[list[Array], list[Array]]:
    """``coefs_`` and ``intercepts_``: views of θ."""
    layers = dense_layers(model)
    return [layer.W for layer in layers], [layer.b for layer in layers]
