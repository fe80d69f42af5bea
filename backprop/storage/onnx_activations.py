"""ONNX operators of the activations that are made of several of them, or of one with constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result


def relu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X, 0), or with options min(X [X > t], m) + s min(X − t, 0)."""
    t, s, m = layer.threshold, layer.negative_slope, layer.max_value
    y = graph.add("ThresholdedRelu", x, alpha=t) if t else graph.add("Relu", x)
    if m is not None:
        y = graph.add("Min", y, m)
    if s:
        below = graph.add("Min", graph.add("Sub", x, t), 0.0)
        y = graph.add("Add", y, graph.add("Mul", below, s))
    return y


def clip(low: float, high: float) -> Conversion:
    """min(max(X, low), high)."""

    def convert(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
        return graph.add("Clip", x, low, high)

    return convert


def celu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X, 0) + α (exp(min(X, 0) / α) − 1), of operators that take float64 too."""
    below = graph.add("Div", graph.add("Min", x, 0.0), layer.alpha)
    rest = graph.add("Sub", graph.add("Exp", below), 1.0)
    return graph.add("Add", graph.add("Relu", x), graph.add("Mul", rest, layer.alpha))


def log_sigmoid(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """−log(1 + exp(−X))."""
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", x)))


def squareplus(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """½ (X + √(X² + b))."""
    square = graph.add("Add", graph.add("Mul", x, x), layer.b)
    return graph.add("Mul", graph.add("Add", x, graph.add("Sqrt", square)), 0.5)


def sparse_plus(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """(½ (C + 1))² + max(X − 1, 0), where C is X cut off at −1 and 1."""
    half = graph.add("Mul", graph.add("Add", graph.add("Clip", x, -1.0, 1.0), 1.0), 0.5)
    rest = graph.add("Relu", graph.add("Sub", x, 1.0))
    return graph.add("Add", graph.add("Mul", half, half), rest)


def tanh_shrink(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """X − tanh(X)."""
    return graph.add("Sub", x, graph.add("Tanh", x))


def hard_shrink(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """X where |X| > t, else 0."""
    return graph.add("Shrink", x, bias=0.0, lambd=layer.threshold)


def soft_shrink(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """X − t where X > t, X + t where X < −t, else 0."""
    return graph.add("Shrink", x, bias=layer.threshold, lambd=layer.threshold)


def threshold(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """X where X > t, else v."""
    above = graph.add("Greater", x, layer.threshold)
    return graph.add("Where", above, x, layer.default_value)


def sparsemax(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X − τ, 0) with τ = max_k (x₍₁₎ + … + x₍ₖ₎ − 1) / k."""
    n = len(layer.input_shape)
    (axis,) = layer.chosen(n + 1)
    K = layer.input_shape[axis - 1]
    x = graph.add("Sub", x, graph.add("ReduceMax", x, np.array([axis]), keepdims=1))
    ordered, _ = graph.node("TopK", [x, np.array([K])], 2, axis=axis)
    sums = graph.add("CumSum", ordered, np.array(axis))
    counts = np.arange(1.0, K + 1).reshape(-1, *[1] * (n - axis))
    each = graph.add("Div", graph.add("Sub", sums, 1.0), counts)
    tau = graph.add("ReduceMax", each, np.array([axis]), keepdims=1)
    return graph.add("Relu", graph.add("Sub", x, tau))
