"""Which layers ONNX operators are read into: products, activations and scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backprop import layers
from backprop.core.types import Array, Shape
from backprop.layers.positions import sines
from backprop.layers.rectifiers import SELU_ALPHA, SELU_SCALE
from backprop.storage.onnx_layers import NO_BETA, NO_GAMMA
from backprop.storage.onnx_reader import Node, Reader

Reading = Callable[[Reader, Node], None]
"""A function that adds the layers of a node, or raises ValueError with what it cannot read."""


DIFFERS = "its constant differs from sample to sample"


def refuse(wrong: bool, reason: str) -> None:
    """Raises ValueError if something is so."""
    if wrong:
        raise ValueError(reason)


def function(make: Callable[..., layers.Layer], **defaults: Any) -> Reading:
    """For an operator that is one layer, made of the operator's attributes."""

    def read(r: Reader, node: Node) -> None:
        given = {name: node.attributes.get(name, value) for name, value in defaults.items()}
        r.add(make(**given))

    return read


def close(one: float, other: float) -> bool:
    """Whether two numbers are the same in float32."""
    return bool(np.float32(one) == np.float32(other))


def hard_sigmoid(alpha: float, beta: float) -> layers.Layer:
    """Ours have the slopes 1/6 and 1/2."""
    if alpha == beta == 0.5:
        return layers.SparseSigmoid()
    refuse(
        not (close(alpha, 1 / 6) and close(beta, 0.5)), "alpha is not 1/6 or 1/2, or beta not 1/2"
    )
    return layers.HardSigmoid()


def selu(alpha: float, gamma: float) -> layers.Layer:
    """Ours has the paper's constants."""
    usual = close(alpha, SELU_ALPHA) and close(gamma, SELU_SCALE)
    refuse(not usual, "alpha and gamma are not those of the paper")
    return layers.SELU()


def shortest(value: float) -> float:
    """The number with the fewest digits that is the same in float32: 0.3, not 0.30000001."""
    return float(str(np.float32(value)))


def dropout(r: Reader, node: Node) -> None:
    """Nothing in inference; it comes back where training goes on."""
    refuse(bool(np.any(node.constant(2, False))), "it is in training mode")
    r.add(layers.Dropout(shortest(float(node.constant(1, node.attributes.get("ratio", 0.5))))))


def gemm(r: Reader, node: Node) -> None:
    """Y = α X B + β C."""
    refuse(node.place != 0 or node.attributes.get("transA", 0) != 0, "X is not its first factor")
    W = node.attributes.get("alpha", 1.0) * node.needed(1)
    W = W.T if node.attributes.get("transB", 0) else W
    C = node.constant(2)
    if C is None:
        return r.add_features(layers.Dense(W.shape[1], use_bias=False), W)
    refuse(C.size not in (1, W.shape[1]), DIFFERS)
    b = np.broadcast_to(node.attributes.get("beta", 1.0) * np.ravel(C), W.shape[1:])
    return r.add_features(layers.Dense(W.shape[1]), W, b)


def matmul(r: Reader, node: Node) -> None:
    """Y = X W; an addition behind it adds b."""
    refuse(node.place != 0 or node.needed(1).ndim != 2, "it is no product with a matrix behind X")
    W = node.needed(1)
    r.add_features(layers.Dense(W.shape[1], use_bias=False), W)


def number(A: Array) -> float | None:
    """The constant if it is a single number, with the fewest digits that say it."""
    return float(str(A.dtype.type(A.item()))) if A.size == 1 else None


def scale(r: Reader, factor: float, offset: float = 0.0) -> None:
    """Adds or completes a Rescaling."""
    last = r.last
    if isinstance(last, layers.Rescaling) and factor == 1 and last.offset == 0:
        r.replace(layers.Rescaling(last.scale, offset))
    else:
        r.add(layers.Rescaling(factor, offset))


def add(r: Reader, node: Node) -> None:
    """X + c: the bias of a product, an offset, or what is added to each position."""
    c = node.needed(1 - node.place)
    refuse(c.ndim == len(r.axes) and c.shape[0] != 1, DIFFERS)
    last = r.last
    product = isinstance(last, layers.Dense) and not last.use_bias and r.is_plain
    if product and c.shape[-1:] == (c.size,) == r.shape[-1:]:
        return r.replace(layers.Dense(c.size), *r.weights[-1], np.ravel(c))
    value = number(c)
    if value is not None:
        return scale(r, 1.0, value)
    r.plain()
    refuse(len(r.shape) != 2 or c.size != np.prod(r.shape), "its constant is no bias or offset")
    P = c.reshape(r.shape)
    if np.array_equal(P, sines(*r.shape, P.dtype)):
        return r.add(layers.PositionalEncoding())
    return r.add(layers.PositionEmbedding(r.shape[0]), P)


def subtract(r: Reader, node: Node) -> None:
    """X − c."""
    c = node.needed(1)
    value = number(c)
    if value is not None:
        return scale(r, 1.0, -value)
    return normalize(r, c, np.ones_like(c))


def multiply(r: Reader, node: Node) -> None:
    """X · c."""
    value = number(node.needed(1 - node.place))
    refuse(value is None, "its constant is more than one number")
    return scale(r, value or 0.0)


def divide(r: Reader, node: Node) -> None:
    """X / c: together with a subtraction before it what a Normalization does."""
    refuse(node.place != 0, "it divides by X")
    c = node.needed(1)
    value, last = number(c), r.last
    if value is not None:
        if not (isinstance(last, layers.Rescaling) and last.scale == 1 and value > 0):
            return scale(r, 1 / value)
        return normalize(r, np.array(-last.offset), np.array(value * value), replace=True)
    refuse(not (c > 0).all(), "its constant is not positive")
    mean, variance = np.zeros_like(c), np.square(c.astype(np.float64))
    if isinstance(last, layers.Normalization) and r.is_plain and last.axis == axes_of(r, c):
        before, ones, _ = r.weights[-1]
        if (ones == 1).all():  # what a subtraction made
            return normalize(r, before.reshape(c.shape), variance, replace=True)
    return normalize(r, mean, variance)


def axes_of(r: Reader, c: Array) -> int | tuple[int, ...] | None:
    """The axes along which a constant differs, as a Normalization names them."""
    n = len(r.axes)
    axes = tuple(axis for axis, size in enumerate(c.shape, n - c.ndim) if size > 1)
    refuse(0 in axes or c.ndim > n, DIFFERS)
    return -1 if axes == (n - 1,) else axes or None


def normalize(r: Reader, mean: Array, variance: Array, replace: bool = False) -> None:
    """(X − μ) / √v for constants that broadcast over X, in the place of the last layer or not."""
    if not replace:
        r.plain()
    axes = axes_of(r, mean)
    kept = tuple(size for size in mean.shape if size > 1)
    mean, variance = mean.reshape(kept), variance.reshape(kept)
    own = layers.Normalization(axes, mean, variance)
    (r.replace if replace else r.add)(own, mean, variance, np.zeros(()))


def prelu(r: Reader, node: Node) -> None:
    """An α for each number of a sample."""
    slope = node.needed(1)
    refuse(slope.ndim == len(r.axes) and slope.shape[0] != 1, DIFFERS)
    r.add(layers.PReLU(), r.in_our_order(slope))


def softmax(make: Callable[..., layers.Layer], any_axis: bool) -> Reading:
    """For Softmax and LogSoftmax: along the last axis, or by a layer that takes any axis."""

    def read(r: Reader, node: Node) -> None:
        axis = node.attributes.get("axis", -1)
        if r.of_axis(axis) != len(r.shape):
            r.plain()
        ours = r.of_axis(axis)
        if any_axis and ours and ours < len(r.shape):
            r.add(make(axis=ours))
            return
        refuse(ours != len(r.shape), f"axis={axis} is not the last one")
        r.add(make())

    return read


def stretch(node: Node, shape: Shape) -> tuple[dict[str, Any], list[Array]]:
    """Which of γ and β a layer has, inputs 1 and 2, and their numbers."""
    names = dict(enumerate(node.inputs))
    how = {
        "epsilon": shortest(node.attributes.get("epsilon", 1e-5)),
        "scale": not names.get(1, "").endswith(f".{NO_GAMMA}"),
        "center": node.constant(2) is not None and not names[2].endswith(f".{NO_BETA}"),
    }
    parts = [node.needed(k) for k, name in ((1, "scale"), (2, "center")) if how[name]]
    return how, [np.broadcast_to(part, shape) for part in parts]


def batch_normalization(r: Reader, node: Node) -> None:
    """By the moving averages."""
    refuse(node.attributes.get("training_mode", 0) != 0, "it is in training mode")
    r.channels_last()
    how, weights = stretch(node, r.shape[-1:])
    momentum = shortest(node.attributes.get("momentum", 0.9))
    layer = layers.BatchNormalization(momentum=momentum, **how)
    r.add(layer, *weights, node.needed(3), node.needed(4))


def layer_normalization(r: Reader, node: Node) -> None:
    """Over the last axes."""
    r.plain()
    axis = node.attributes.get("axis", -1)
    n = -axis if axis < 0 else len(r.axes) - axis
    refuse(n > len(r.shape), "it normalises over the samples")
    how, weights = stretch(node, r.shape[len(r.shape) - n :])
    r.add(layers.LayerNormalization(-1 if n == 1 else list(range(-n, 0)), **how), *weights)


def group_normalization(r: Reader, node: Node) -> None:
    """Over groups of channels; InstanceNormalization has a group for each channel."""
    r.channels_last()
    refuse(node.needed(1).shape != r.shape[-1:], "its scale is not one number for each channel")
    how, weights = stretch(node, r.shape[-1:])
    groups = node.attributes.get("num_groups", -1)
    r.add(layers.GroupNormalization(groups, **how), *weights)


def shrink(bias: float, lambd: float) -> layers.Layer:
    """A soft shrinkage, whose two numbers are one, or a hard one, whose bias is 0."""
    refuse(bias not in (0, lambd), f"its bias is {bias:g} and its lambd {lambd:g}")
    kind = layers.HardShrink if bias == 0 else layers.SoftShrink
    return kind(shortest(lambd))


OPERATORS: dict[str, Reading] = {
    "Add": add,
    "BatchNormalization": batch_normalization,
    "Div": divide,
    "Dropout": dropout,
    "Elu": function(lambda alpha: layers.ELU(shortest(alpha)), alpha=1.0),
    "Exp": function(layers.Exponential),
    "Gelu": function(lambda approximate: layers.GELU(approximate == b"tanh"), approximate=b"none"),
    "Gemm": gemm,
    "GroupNormalization": group_normalization,
    "HardSigmoid": function(hard_sigmoid, alpha=0.2, beta=0.5),
    "HardSwish": function(layers.HardSiLU),
    "InstanceNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": function(lambda alpha: layers.LeakyReLU(shortest(alpha)), alpha=0.01),
    "LogSoftmax": softmax(layers.LogSoftmax, any_axis=False),
    "MatMul": matmul,
    "Mish": function(layers.Mish),
    "Mul": multiply,
    "PRelu": prelu,
    "Relu": function(layers.ReLU),
    "Selu": function(selu, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
    "Shrink": function(shrink, bias=0.0, lambd=0.5),
    "Sigmoid": function(layers.Sigmoid),
    "Softmax": softmax(layers.Softmax, any_axis=True),
    "Softplus": function(layers.Softplus),
    "Softsign": function(layers.Softsign),
    "Sub": subtract,
    "Tanh": function(layers.Tanh),
}
"""What each operator is read into."""
