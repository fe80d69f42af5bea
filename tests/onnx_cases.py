"""The ONNX standard's own node cases, mapped to layers: numbers that this project did not compute.

The package ``onnx`` brings small cases for every operator, made with fixed seeds. ``cases("Conv")``
yields those of an operator as NumPy arrays. An adapter, a function in ``ADAPTERS`` under the
operator's name, says which layer such a case describes, with which weights, and turns the arrays
round, for ONNX has channels first. ``CANNOT_EXPRESS`` names the cases for which there is no such
layer, each with the reason. To add an operator, write its adapter and add it to ``ADAPTERS``;
``test_onnx_cases.py`` then runs it.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from backprop import layers
from backprop.layers import Layer

Array = np.ndarray[Any, Any]

NODE_CASES = "onnx.backend.test.case.node"
FILES = {"BatchNormalization": "batch_normalization"}
"""Where the cases of an operator stand, if not in the file of its name in small letters."""


class NodeCase(NamedTuple):
    """One case of one operator.

    Attributes:
        name: The standard's name without ``test_``: ``basic_conv_with_padding``.
        op_type: The operator: ``Conv``.
        attributes: Those that are given; the others have the standard's defaults.
        inputs: The arrays, with None for an optional one that is left out.
        outputs: The arrays.
    """

    name: str
    op_type: str
    attributes: dict[str, Any]
    inputs: list[Array | None]
    outputs: list[Array]


@dataclass
class Expressed:
    """A case as layers of this package see it.

    Attributes:
        layers: The layers, one after the other.
        X: The inputs, samples first and channels last.
        Y: The expected outputs, likewise.
        weights: What the layers' parameters are set to, in the order of ``get_weights``.
    """

    layers: list[Layer]
    X: Array
    Y: Array
    weights: list[Array] = field(default_factory=list)


def cases(op_type: str) -> Iterator[NodeCase]:
    """The cases of an operator, without those that spell it out as several others."""
    attribute_value = importlib.import_module("onnx.helper").get_attribute_value
    importlib.import_module(f"{NODE_CASES}.{FILES.get(op_type, op_type.lower())}")
    for case in importlib.import_module(NODE_CASES)._NodeTestCases:
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type != op_type:
            continue
        found = {a.name: attribute_value(a) for a in nodes[0].attribute}
        given, outputs = case.data_sets[0]
        arrays = iter(given)
        yield NodeCase(
            case.name.removeprefix("test_"),
            op_type,
            {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()},
            [next(arrays) if name else None for name in nodes[0].input],
            list(outputs),
        )


def pools_long(op_types: Iterable[str]) -> list[Any]:
    """As parameters; the standard computes its poolings window by window in Python, for seconds."""
    long = ("AveragePool", "MaxPool")
    return [pytest.param(o, marks=pytest.mark.long) if o in long else o for o in op_types]


# ------------------------------------------------------------------------------------- adapters


def elementwise(make: Callable[..., Layer]) -> Callable[[NodeCase], Expressed]:
    """For a layer that is made of the operator's attributes; the whole array is one sample."""

    def adapter(case: NodeCase) -> Expressed:
        (X,), (Y,) = case.inputs, case.outputs
        return Expressed([make(**case.attributes)], X[np.newaxis], Y[np.newaxis])

    return adapter


def along_last_axis(layer: type[Layer]) -> Callable[[NodeCase], Expressed]:
    """For a layer that works along the last axis, which the operator names."""

    def adapter(case: NodeCase) -> Expressed:
        axis = case.attributes.get("axis", -1)
        X, Y = (np.moveaxis(A, axis, -1) for A in (case.inputs[0], case.outputs[0]))
        return Expressed([layer()], X, Y)

    return adapter


def recurrent(make: Callable[..., Layer], order: list[int]) -> Callable[[NodeCase], Expressed]:
    """For a recurrent layer, whose last state is compared.

    Args:
        make: Makes the layer with that many units.
        order: Which of the operator's gates each of the layer's is.
    """

    def columns(A: Array) -> Array:
        """``(gates · units, n)`` as ``(n, gates · units)``, the gates in the layer's order."""
        gates = A.reshape(len(order), -1, A.shape[-1])[order]
        return gates.reshape(-1, A.shape[-1]).T

    def adapter(case: NodeCase) -> Expressed:
        X, W, R, *rest = case.inputs
        batch_first = case.attributes.get("layout", 0) == 1
        way = case.attributes.get("direction", "forward")
        weights: list[Array] = []
        for k in range(len(W)):  # each direction
            weights += [columns(W[k]), columns(R[k])]
            if rest:
                weights.append(columns(rest[0][k].reshape(2, -1).sum(axis=0)[:, np.newaxis])[0])
        layer = make(
            case.attributes["hidden_size"], use_bias=bool(rest), go_backwards=way == "reverse"
        )
        if way == "bidirectional":
            layer = layers.Bidirectional(layer)
        last = next(Y for Y in case.outputs if Y.ndim == 3)  # Y of all steps has four axes
        Y = last if batch_first else last.swapaxes(0, 1)
        X = X if batch_first else X.swapaxes(0, 1)
        return Expressed([layer], X, Y.reshape(len(Y), -1), weights)

    return adapter


def gather(case: NodeCase) -> Expressed:
    """Rows of a matrix by their number; all of the numbers are one sample."""
    (data, numbers), (Y,) = case.inputs, case.outputs
    axis, q = case.attributes.get("axis", 0), numbers.ndim
    rows = np.moveaxis(data, axis, 0).reshape(data.shape[axis], -1)
    found = np.moveaxis(Y, range(axis, axis + q), range(q)).reshape(*numbers.shape, -1)
    return Expressed(
        [layers.Embedding(*rows.shape)], numbers[np.newaxis], found[np.newaxis], [rows]
    )


def kernels(W: Array) -> Array:
    """(first, second, …) channels and filters as (…, second, first)."""
    return np.moveaxis(W, (1, 0), (-2, -1))


def windows_of(case: NodeCase, *others: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The arguments of a convolution's windows, and the pixels cut off or added on each side."""
    given = case.attributes
    known = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", *others}
    assert given.keys() <= known, given
    n = case.inputs[1].ndim - 2
    arguments = {
        "kernel_size": case.inputs[1].shape[2:],
        "strides": tuple(given.get("strides", [1] * n)),
        "dilation_rate": tuple(given.get("dilations", [1] * n)),
        "padding": "valid" if given.get("auto_pad", "NOTSET") == "NOTSET" else "same",
        "use_bias": len(case.inputs) > 2,
    }
    return arguments, tuple(given.get("pads", [0] * 2 * n))


def convolution(case: NodeCase) -> Expressed:
    """Conv: a padding that has no name is a layer in front."""
    X, W, *b = case.inputs
    arguments, (top, left, bottom, right) = windows_of(case)
    groups = case.attributes.get("group", 1)
    around = layers.ZeroPadding2D(((top, bottom), (left, right)))
    X, Y = (np.moveaxis(A, 1, -1) for A in (X, case.outputs[0]))
    conv = layers.Conv2D(len(W), groups=groups, **arguments)
    return Expressed([around, conv], X, Y, [kernels(W), *b])


def transposed_convolution(case: NodeCase) -> Expressed:
    """ConvTranspose: what is cut off is a layer behind, and every group a branch.

    A sequence is an image of one row.
    """
    X, W, Y = case.inputs[0], case.inputs[1], case.outputs[0]
    if W.ndim == 3:
        X, W, Y = (A[:, :, np.newaxis] for A in (X, W, Y))
        case = case._replace(inputs=[X, W, *case.inputs[2:]])
    given = case.attributes
    arguments, (top, left, bottom, right) = windows_of(case, "output_padding", "output_shape")
    arguments["output_padding"] = given.get("output_padding")
    if "output_shape" in given and "output_padding" not in given:
        sizes = zip(
            given["output_shape"], X.shape[2:], arguments["strides"], W.shape[2:], strict=True
        )
        arguments["output_padding"] = [out - (n - 1) * s - k for out, n, s, k in sizes]
    groups = given.get("group", 1)
    n = len(W) // groups
    branches = [
        [layers.Columns(range(g * n, g * n + n)), layers.Conv2DTranspose(W.shape[1], **arguments)]
        for g in range(groups)
    ]
    cut = layers.Cropping2D(((top, bottom), (left, right)))
    first = branches[0][1] if groups == 1 else layers.Parallel(branches)
    weights = [kernels(W[g * n : g * n + n]) for g in range(groups)]
    X, Y = (np.moveaxis(A, 1, -1) for A in (X, Y))
    return Expressed([first, cut], X, Y, [*weights, *case.inputs[2:]])


def rms_normalization(case: NodeCase) -> Expressed:
    """RMSNormalization: the whole array is one sample, of which the last axes are normalised."""
    X, gamma = case.inputs
    axes = list(range(-gamma.ndim, 0))
    layer = layers.RMSNormalization(axes, case.attributes.get("epsilon", 1e-5))
    return Expressed([layer], X[np.newaxis], case.outputs[0][np.newaxis], [gamma])


ADAPTERS: dict[str, Callable[[NodeCase], Expressed]] = {
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "Elu": elementwise(lambda alpha=1.0: layers.ELU(alpha)),
    "GRU": recurrent(lambda units, **how: layers.GRU(units, reset_after=False, **how), [0, 1, 2]),
    "Gather": gather,
    "Gelu": elementwise(lambda approximate="none": layers.GELU(approximate == "tanh")),
    "LSTM": recurrent(layers.LSTM, [0, 2, 3, 1]),  # of i, o, f, c
    "LeakyRelu": elementwise(lambda alpha=0.01: layers.LeakyReLU(alpha)),
    "LogSoftmax": along_last_axis(layers.LogSoftmax),
    "Mish": elementwise(layers.Mish),
    "RNN": recurrent(layers.SimpleRNN, [0]),
    "RMSNormalization": rms_normalization,
    "Relu": elementwise(layers.ReLU),
    "Sigmoid": elementwise(layers.Sigmoid),
    "Softmax": along_last_axis(layers.Softmax),
    "Softplus": elementwise(layers.Softplus),
    "Softsign": elementwise(layers.Softsign),
    "Tanh": elementwise(layers.Tanh),
}
"""By operator: what makes layers and arrays of a case."""

CANNOT_EXPRESS = {
    "convtranspose_3d": "layers have one or two axes beside the channels",
    "gather_negative_indices": "rows are numbered from 0 on",
    "lstm_with_peepholes": "there are no peepholes and no given initial states",
}
"""By case: why no layer of this package computes it."""
