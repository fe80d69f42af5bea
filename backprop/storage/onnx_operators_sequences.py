"""Which layers ONNX's recurrent operators and choices of numbers are read into."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import layers
from backprop.core.types import Array
from backprop.storage.onnx_operators import Reading, refuse
from backprop.storage.onnx_operators_shapes import squeeze_axis
from backprop.storage.onnx_reader import HALF, Node, Reader
from backprop.storage.onnx_recurrent import OPERATORS, ORDERS

USUAL = {"LSTM": [b"Sigmoid", b"Tanh", b"Tanh"], "GRU": [b"Sigmoid", b"Tanh"], "RNN": [b"Tanh"]}
"""The activations of the operators, which ours have, too."""

KIND_OF = {operator: kind for kind, operator in OPERATORS.items()}


def gather(r: Reader, node: Node) -> None:
    """Rows of a matrix by number, some of the features, or the last state of a recurrent layer."""
    axis = node.attributes.get("axis", 0)
    if node.place == 1:
        W = node.needed(0)
        refuse(axis != 0 or W.ndim != 2, "it does not choose rows of a matrix")
        r.whole = False
        return r.add_features(layers.Embedding(*W.shape), W)
    which = node.needed(1)
    ours = r.of_axis(axis)
    if which.ndim == 0 and ours is None:  # of an axis of size 1 the only place
        return squeeze_axis(r, axis)
    if which.ndim == 0:
        return last_state(r, int(which), ours, axis)
    refuse(which.ndim != 1, "it chooses features in more than one row")
    if ours != len(r.shape):
        r.plain()
    refuse(r.of_axis(axis) != len(r.shape), "it does not choose features")
    return r.add(layers.Columns([int(k) for k in which]))


def last_state(r: Reader, which: int, ours: int | None, axis: int) -> None:
    """Of all states the last one alone."""
    layer: Any = r.last
    sequences = isinstance(layer, layers.LSTM | layers.GRU | layers.SimpleRNN)
    refuse(
        not (sequences and ours == 1 and layer.return_sequences and not layer.go_backwards),
        "it takes one step of what is no sequence of states",
    )
    refuse(which not in (-1, r.shape[0] - 1), "it takes another step than the last")
    how = {"reset_after": layer.reset_after} if isinstance(layer, layers.GRU) else {}
    r.replace(type(layer)(layer.units, use_bias=layer.use_bias, **how), *r.weights[-1])
    r.shape = r.shape[1:]
    k = axis % len(r.axes)
    rest = r.axes[:k] + r.axes[k + 1 :]
    r.axes = tuple(1 if each == 2 else each for each in rest)


def recurrent(r: Reader, node: Node) -> None:
    """One layer, or one for each direction."""
    given, kind = node.attributes, KIND_OF[node.operator]
    W, R, B = node.needed(1), node.needed(2), node.constant(3)
    refuse(node.constant(4) is not None, "it has lengths of sequences")
    refuse(any(np.any(node.constant(k, 0.0)) for k in (5, 6, 7)), "it begins with other than 0")
    usual = USUAL[node.operator] * len(W)
    refuse(list(given.get("activations", usual)) != usual, "it has other activations")
    refuse("clip" in given or given.get("input_forget", 0) != 0, "it has clip or input_forget")
    refuse(given.get("layout", 0) != 0, "its layout is not 0")
    refuse(len(r.axes) != 3, "its input has other than three axes")
    r.arrange(1, 0, 2)
    sequences = node.output == 0
    how: dict[str, Any] = {"use_bias": B is not None, "return_sequences": sequences}
    after = bool(given.get("linear_before_reset", 0))
    if kind is layers.GRU:
        how["reset_after"] = after
    way, units = given.get("direction", b"forward"), R.shape[-1]
    weights: list[Array] = []
    for k in range(len(W)):
        weights += [columns(kind, A[k]) for A in (W, R)]
        if B is not None:
            two = np.stack([columns(kind, b[:, np.newaxis])[0] for b in np.split(B[k], 2)])
            weights.append(two if kind is layers.GRU and after else two.sum(axis=0))
    layer: Any = kind(units, go_backwards=way == b"reverse", **how)
    if len(W) == 2:
        layer = layers.Bidirectional(layer)
    r.turned = way == b"reverse" and sequences
    r.add(layer, *weights)
    direction = HALF if len(W) == 2 else None
    r.axes = (1, direction, 0, 2) if sequences else (direction, 0, 1)


def columns(kind: type, A: Array) -> Array:
    """Rows (gates · units, n) in the operator's order as columns in the layer's."""
    order = ORDERS[kind]
    gates = A.reshape(len(order), -1, A.shape[-1])
    ours = gates[np.argsort(order)]
    return np.ascontiguousarray(ours.reshape(-1, A.shape[-1]).T)


SEQUENCE_OPERATORS: dict[str, Reading] = {
    "GRU": recurrent,
    "Gather": gather,
    "LSTM": recurrent,
    "RNN": recurrent,
}
"""What each operator is read into."""
