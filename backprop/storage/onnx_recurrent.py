"""ONNX operators of the recurrent layers, and what a mask makes of them.

Without a mask a layer is one node, ``RNN``, ``LSTM`` or ``GRU``. Those know no mask with gaps, so
that with one a ``Scan`` goes through the steps with the formulas of the layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import layers
from backprop.core.types import Array
from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result, onnx_package
from backprop.storage.onnx_sequences import for_features

ORDERS = {layers.SimpleRNN: [0], layers.LSTM: [0, 3, 1, 2], layers.GRU: [0, 1, 2]}
"""By class, which of the layer's gates each gate of the operator is."""

OPERATORS = {layers.SimpleRNN: "RNN", layers.LSTM: "LSTM", layers.GRU: "GRU"}

FIRST_TO_LAST = np.iinfo(np.int64).min
"""Where a slice that goes backwards ends, so that it takes the first step, too."""


def recurrent(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """h_T, or h_1 … h_T in the order in which they are read."""
    y = states(layer, graph, x, mask, in_order=False)
    if mask is None or not layer.return_sequences:
        return y, None
    return y, turned(graph, mask) if layer.go_backwards else mask


def states(layer: Any, graph: Graph, x: str, mask: Mask, in_order: bool) -> str:
    """h_T, or h_1 … h_T; with ``in_order`` in the order of x also where a layer goes backwards."""
    as_read = True
    if type(layer) not in OPERATORS:  # the user's own
        y, _ = graph.layer(layer, x, mask)
    else:
        with graph.inside(layer.name if in_order else None):
            y = one_node([layer], graph, x) if mask is None else scan(layer, graph, x, mask)
        as_read = mask is not None
    turn = layer.go_backwards and layer.return_sequences and as_read == in_order
    return turned(graph, y) if turn else y


def turned(graph: Graph, y: str) -> str:
    """The steps from the last to the first."""
    ends = np.array([-1]), np.array([FIRST_TO_LAST]), np.array([1]), np.array([-1])
    return graph.add("Slice", y, *ends)


# -------------------------------------------------------------------------------------- one node


def one_node(ways: list[Any], graph: Graph, x: str) -> str:
    """The operator for one layer, or for one that reads forwards and one that reads backwards.

    The states of all steps stand in the order of x.
    """
    first = ways[0]
    weights = [operator_weights(layer) for layer in ways]
    W, R = (graph.constant(np.stack([w[k] for w in weights]), "WR"[k]) for k in range(2))
    B = graph.constant(np.stack([w[2] for w in weights]), "B") if first.use_bias else None
    way = "reverse" if first.go_backwards else "forward"
    how = {"hidden_size": first.units, "direction": way if len(ways) == 1 else "bidirectional"}
    if type(first) is layers.GRU:
        how["linear_before_reset"] = int(first.reset_after)
    steps = graph.add("Transpose", x, perm=[1, 0, 2])  # (T, N, C)
    Y, last = graph.node(OPERATORS[type(first)], [steps, W, R, B], 2, **how)
    both = len(ways) * first.units
    if not first.return_sequences:  # (ways, N, units)
        if len(ways) == 1:
            return graph.add("Squeeze", last, np.array([0]))
        return graph.reshape(graph.add("Transpose", last, perm=[1, 0, 2]), 0, both)
    if len(ways) == 1:  # (T, ways, N, units)
        Y = graph.add("Squeeze", Y, np.array([1]))
    else:
        Y = graph.reshape(graph.add("Transpose", Y, perm=[0, 2, 1, 3]), 0, 0, both)
    return graph.add("Transpose", Y, perm=[1, 0, 2])


def operator_weights(layer: Any) -> tuple[Array, Array, Array]:
    """W, U and b as the operator wants them: gates in its order, in rows, two biases in one."""
    order, u = ORDERS[type(layer)], layer.units

    def rows(A: Array) -> Array:
        """Columns (n, gates · units) as rows (gates · units, n)."""
        return A.reshape(len(A), len(order), u)[:, order].reshape(len(A), -1).T

    b = np.zeros((2, len(order) * u))
    if layer.use_bias:  # one alone counts for the inputs
        b[: np.atleast_2d(layer.b).shape[0]] = layer.b
    return rows(layer.W), rows(layer.U), rows(b).T.reshape(-1)


def both_ways(layer: Any, graph: Graph, x: str) -> str | None:
    """A Bidirectional layer as one node; None for one that is no such node."""
    first, second = layer.children
    told = ("units", "use_bias", "reset_after")
    alike = type(first) is type(second) and all(
        getattr(first, name, None) == getattr(second, name, None) for name in told
    )
    if not alike or type(first) not in OPERATORS or layer.merge_mode != "concat":
        return None
    return one_node([first, second], graph, x)


# ------------------------------------------------------------------------------------ with a mask


def scan(layer: Any, graph: Graph, x: str, mask: str) -> str:
    """Step by step: where the mask has no step the states stay as they were.

    The states stand in the order in which the steps are read.
    """
    u = layer.units
    z = graph.add("MatMul", x, graph.constant(layer.W, "W"))
    if layer.use_bias:
        z = graph.add("Add", z, graph.constant(np.atleast_2d(layer.b)[0], "b"))
    n = graph.add("Shape", x, start=0, end=1)
    value = onnx_package().numpy_helper.from_array(np.zeros(1, graph.dtype))
    zeros = graph.add("ConstantOfShape", graph.add("Concat", n, np.array([u]), axis=0), value=value)
    m = for_features(graph, mask)
    z, m = (turned(graph, steps) if layer.go_backwards else steps for steps in (z, m))
    z, m = (graph.add("Transpose", steps, perm=[1, 0, 2]) for steps in (z, m))
    before = [zeros] * (2 if type(layer) is layers.LSTM else 1)
    body = graph.body()
    entering = [body.name(f"state_{k}") for k in range(len(before))]
    z_t, m_t = body.name("z_t"), body.name("m_t")
    found = CELLS[type(layer)](layer, body, z_t, *entering)
    kept = [body.add("Where", m_t, new, old) for new, old in zip(found, entering, strict=True)]
    shown = body.add("Identity", kept[0])
    inner = body.finish(
        body.name("step"),
        [
            *(body.value(name, ["N", u]) for name in entering),
            body.value(z_t, ["N", len(layer.gates) * u]),
            body.value(m_t, ["N", 1], np.bool_),
        ],
        [body.value(name, ["N", u]) for name in (*kept, shown)],
    )
    outputs = len(before) + 1
    made = graph.node("Scan", [*before, z, m], outputs, body=inner, num_scan_inputs=2)
    if not layer.return_sequences:
        return made[0]
    return graph.add("Transpose", made[-1], perm=[1, 0, 2])


def planes(body: Graph, a: str, n: int) -> list[str]:
    """The columns (N, n · units) of each gate."""
    return body.node("Split", [a], n, axis=-1, num_outputs=n)


def simple_cell(layer: Any, body: Graph, z: str, h: str) -> list[str]:
    """h_t = tanh(z_t + h_{t−1} U)."""
    return [body.add("Tanh", body.add("Add", z, body.add("MatMul", h, layer.U)))]


def lstm_cell(layer: Any, body: Graph, z: str, h: str, c: str) -> list[str]:
    """c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh(c_t)."""
    i, f, g, o = planes(body, body.add("Add", z, body.add("MatMul", h, layer.U)), 4)
    i, f, o = (body.add("Sigmoid", gate) for gate in (i, f, o))
    added = body.add("Mul", i, body.add("Tanh", g))
    c = body.add("Add", body.add("Mul", f, c), added)
    return [body.add("Mul", o, body.add("Tanh", c)), c]


def gru_cell(layer: Any, body: Graph, a: str, h: str) -> list[str]:
    """h_t = g + z ⊙ (h_{t−1} − g), the candidate g behind the reset gate or in front of it."""
    a_z, a_r, a_g = planes(body, a, 3)
    u = layer.units
    if layer.reset_after:
        hU = body.add("MatMul", h, layer.U)
        if layer.use_bias:
            hU = body.add("Add", hU, layer.b[1])
        u_z, u_r, u_g = planes(body, hU, 3)
    else:
        u_z, u_r = planes(body, body.add("MatMul", h, layer.U[:, : 2 * u]), 2)
    z, r = (
        body.add("Sigmoid", body.add("Add", own, other)) for own, other in ((a_z, u_z), (a_r, u_r))
    )
    if layer.reset_after:
        seen = body.add("Mul", r, u_g)
    else:
        seen = body.add("MatMul", body.add("Mul", r, h), layer.U[:, 2 * u :])
    g = body.add("Tanh", body.add("Add", a_g, seen))
    return [body.add("Add", g, body.add("Mul", z, body.add("Sub", h, g)))]


CELLS: dict[type, Any] = {
    layers.SimpleRNN: simple_cell,
    layers.LSTM: lstm_cell,
    layers.GRU: gru_cell,
}
"""By class, one step: of z_t = x_t W + b and the states before it the states behind it."""

RECURRENT: dict[type, Conversion] = dict.fromkeys(CELLS, recurrent)
"""The conversions by class."""
