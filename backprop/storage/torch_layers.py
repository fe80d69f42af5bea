"""The weights of each kind of layer in PyTorch's arrays, turned into ours.

Each conversion takes what it needs out of a dict of PyTorch's arrays; what it leaves there does not
fit the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Embedding,
    GroupNormalization,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    PReLU,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    SimpleRNN,
)

Arrays = dict[str, Array]


def bias(theirs: Arrays) -> Arrays:
    """The bias, if there is one."""
    return {"b": theirs.pop("bias")} if "bias" in theirs else {}


def dense(layer: Any, theirs: Arrays) -> Arrays:
    """(n_out, n_in) → (n_in, n_out)."""
    return {"W": theirs.pop("weight").transpose(1, 0), **bias(theirs)}


def convolution(layer: Any, theirs: Arrays) -> Arrays:
    """(filters, C / groups, kh, kw) → (kh, kw, C / groups, filters)."""
    W = theirs.pop("weight")
    return {"W": W.transpose(*range(2, W.ndim), 1, 0), **bias(theirs)}


def depthwise(layer: Any, theirs: Arrays) -> Arrays:
    """(C m, 1, kh, kw) → (kh, kw, C, m): the outputs of a channel stand beside each other."""
    W = theirs.pop("weight")
    *sizes, C, m = layer.parameters[0].shape
    return {"W": np.moveaxis(W.reshape(C, m, *sizes), (0, 1), (-2, -1)), **bias(theirs)}


def separable(layer: Any, theirs: Arrays) -> Arrays:
    """A depthwise convolution without bias, and one of every pixel."""
    W = depthwise(layer, {"weight": theirs.pop("depthwise.weight")})["W"]
    P = np.moveaxis(theirs.pop("pointwise.weight"), (1, 0), (-2, -1))
    b = {"b": theirs.pop("pointwise.bias")} if "pointwise.bias" in theirs else {}
    return {"depthwise": W, "pointwise": P, **b}


def embedding(layer: Any, theirs: Arrays) -> Arrays:
    """The same."""
    return {"W": theirs.pop("weight")}


def scaled(layer: Any, theirs: Arrays) -> Arrays:
    """γ and β of all normalisations; the moving averages of those over the batch."""
    theirs.pop("num_batches_tracked", None)
    names = {"weight": "gamma", "bias": "beta"}
    names |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
    return {ours: theirs.pop(name) for name, ours in names.items() if name in theirs}


def prelu(layer: Any, theirs: Arrays) -> Arrays:
    """One α for each channel, or a single one: the same at all places."""
    alpha = theirs.pop("weight")
    return {"alpha": np.broadcast_to(alpha, layer.parameters[0].shape)}


def attention(layer: Any, theirs: Arrays) -> Arrays:
    """The rows of ``in_proj``, (3 C, C), are those of Q, K and V, head by head."""
    h, d = layer.num_heads, layer.key_dim
    found: Arrays = {}
    W, b = theirs.pop("in_proj_weight"), theirs.pop("in_proj_bias", None)
    for k, what in enumerate(("query", "key", "value")):
        rows = slice(k * h * d, (k + 1) * h * d)
        found[f"W_{what}"] = W[rows].transpose(1, 0).reshape(-1, h, d)
        if b is not None:
            found[f"b_{what}"] = b[rows].reshape(h, d)
    found["W_output"] = theirs.pop("out_proj.weight").transpose(1, 0).reshape(h, d, -1)
    if "out_proj.bias" in theirs:
        found["b_output"] = theirs.pop("out_proj.bias")
    return found


def recurrent(*gates: int) -> Callable[[Any, Arrays], Arrays]:
    """The conversion for a layer whose gates stand in this order in PyTorch's arrays."""

    def in_order(A: Array) -> Array:
        parts = np.split(A, len(gates))
        return np.concatenate([parts[gate] for gate in gates])

    def convert(layer: Any, theirs: Arrays) -> Arrays:
        found = {
            ours: in_order(theirs.pop(name)).transpose(1, 0)
            for ours, name in (("W", "weight_ih"), ("U", "weight_hh"))
        }
        if "bias_ih" in theirs:
            b, b_state = (in_order(theirs.pop(name)) for name in ("bias_ih", "bias_hh"))
            # a GRU's reset gate stands between the two biases
            found["b"] = np.stack([b, b_state]) if isinstance(layer, GRU) else b + b_state
        if isinstance(layer, GRU) and not layer.reset_after:
            raise ValueError("PyTorch's GRU resets after the product: make it with reset_after")
        return found

    return convert


def bidirectional(layer: Any, theirs: Arrays) -> Arrays:
    """One layer for each way."""
    found: Arrays = {}
    for way, child in (("", layer.layer), ("_reverse", layer.backward_layer)):
        names = [name for name in theirs if name.endswith("_reverse") == bool(way)]
        part = {name.removesuffix("_reverse"): theirs.pop(name) for name in names}
        made = conversion_of(child)(child, part)
        found |= {f"{child.name}.{name}": value for name, value in made.items()}
        theirs |= {f"{name}{way}": value for name, value in part.items()}
    return found


CONVERSIONS: dict[type[Layer], Callable[[Any, Arrays], Arrays]] = {
    Dense: dense,
    Conv1D: convolution,
    Conv2D: convolution,
    Conv1DTranspose: convolution,
    Conv2DTranspose: convolution,
    DepthwiseConv1D: depthwise,
    DepthwiseConv2D: depthwise,
    SeparableConv1D: separable,
    SeparableConv2D: separable,
    Embedding: embedding,
    BatchNormalization: scaled,
    LayerNormalization: scaled,
    GroupNormalization: scaled,
    RMSNormalization: scaled,
    PReLU: prelu,
    MultiHeadAttention: attention,
    SimpleRNN: recurrent(0),
    LSTM: recurrent(0, 1, 2, 3),
    GRU: recurrent(1, 0, 2),  # r, z, n there
    Bidirectional: bidirectional,
}


def conversion_of(layer: Layer) -> Callable[[Any, Arrays], Arrays]:
    """How a layer's weights are made.

    Raises:
        LookupError: PyTorch has no such layer.
    """
    found = CONVERSIONS.get(type(layer))
    if found is None:
        raise LookupError("PyTorch has no such layer")
    return found
