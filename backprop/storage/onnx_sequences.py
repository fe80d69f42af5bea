"""ONNX operators of the layers that know steps: attention, positions, embeddings and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop import layers
from backprop.core.attention import HIDDEN
from backprop.core.attention import seen as steps_seen
from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result


def both(graph: Graph, one: Mask, other: Mask) -> Mask:
    """The steps that neither of two masks hides."""
    if one is None or other is None:
        return one or other
    return graph.add("And", one, other)


def for_features(graph: Graph, mask: str) -> str:
    """A mask (N, T) as (N, T, 1), for all features of a step."""
    return graph.add("Unsqueeze", mask, np.array([2]))


def without_padding(graph: Graph, x: str, mask: str) -> str:
    """m_t x_t."""
    return graph.add("Mul", x, graph.cast(for_features(graph, mask), graph.dtype))


def embedding(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = W[X]; with ``mask_zero`` a step is there where x is not 0."""
    if layer.mask_zero:
        graph.deep = graph.deep or len(layer.input_shape) > 1
        mask = both(graph, graph.add("Not", graph.add("Equal", x, 0.0)), mask)
    W = graph.constant(layer.W, "W")
    return graph.add("Gather", W, graph.cast(x, np.int64), axis=0), mask


def masking(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y_t = m_t X_t, where m_t says whether a feature of the step is not the mask's value."""
    graph.deep = graph.deep or len(layer.input_shape) > 2
    last = np.array([-1])
    other = graph.add("Not", graph.add("Equal", x, layer.mask_value))
    m = graph.add("ReduceMax", graph.cast(other, graph.dtype), last, keepdims=1)
    steps = graph.cast(graph.add("Squeeze", m, last), np.bool_)
    return graph.add("Mul", x, m), both(graph, steps, mask)


def positional_encoding(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X + P."""
    P = layer.positions(*layer.input_shape, graph.dtype)
    return graph.add("Add", x, graph.constant(P, "P"))


def attention(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = [O_1 … O_h] W_output + b_output with O = A V and A = softmax(Q Kᵀ / √d + M)."""
    T, C = layer.input_shape
    scale = 1 / math.sqrt(layer.key_dim)
    q, k, v = (
        heads(layer, graph, x, name, perm, factor)
        for name, perm, factor in (
            ("query", [0, 2, 1, 3], scale),
            ("key", [0, 2, 3, 1], 1.0),
            ("value", [0, 2, 1, 3], 1.0),
        )
    )
    S = graph.add("MatMul", q, k)  # (N, h, T, T)
    seen: Mask = None
    if mask is not None:
        seen = graph.add("Unsqueeze", mask, np.array([1, 2]))  # (N, 1, 1, T)
    if layer.causal or layer.sliding_window is not None:
        near = steps_seen(T, layer.causal, layer.sliding_window)
        seen = both(graph, graph.constant(near, "seen"), seen)
    if seen is not None:
        S = graph.add("Where", seen, S, HIDDEN)
    A = graph.add("Softmax", S, axis=-1)
    if mask is not None:  # a step that may see nothing gets nothing
        A = graph.add("Where", seen, A, 0.0)
    rows = graph.add("Transpose", graph.add("MatMul", A, v), perm=[0, 2, 1, 3])
    joined = graph.reshape(rows, 0, T, layer.num_heads * layer.value_dim)
    y = graph.add("MatMul", joined, graph.constant(layer.W_output.reshape(-1, C), "W_output"))
    return graph.add("Add", y, graph.constant(layer.b_output, "b_output")) if layer.use_bias else y


def heads(layer: Any, graph: Graph, x: str, name: str, perm: list[int], factor: float) -> str:
    """The queries, keys or values of all heads, their axes (N, T, h, size) in another order."""
    T, C = layer.input_shape
    W = getattr(layer, f"W_{name}") * graph.dtype.type(factor)
    _, h, size = W.shape
    y = graph.add("MatMul", x, graph.constant(W.reshape(C, -1), f"W_{name}"))
    if layer.use_bias:
        b = getattr(layer, f"b_{name}") * graph.dtype.type(factor)
        y = graph.add("Add", y, graph.constant(b.reshape(-1), f"b_{name}"))
    return graph.add("Transpose", graph.reshape(y, 0, T, h, size), perm=perm)


SEQUENCES: dict[type, Conversion] = {
    layers.Embedding: embedding,
    layers.Masking: masking,
    layers.PositionalEncoding: positional_encoding,
    layers.PositionEmbedding: positional_encoding,
    layers.MultiHeadAttention: attention,
}
"""The conversions by class."""
