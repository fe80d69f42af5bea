"""ONNX operators of the layers that compute number by number, row by row, or from one feature on.

Each function has the layer, the graph, and the names of X and its mask, and returns that of Y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import layers
from backprop.core.types import Shape
from backprop.layers.unit_normalization import SHORTEST
from backprop.storage import onnx_activations
from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result, onnx_package

NO_GAMMA, NO_BETA = "no_gamma", "no_beta"
"""The names of the ones and zeros that stand where a layer has no γ or β, by which they are told
when the file is read."""


def same(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X: noise and augmentation outside of training."""
    return x


def function(operator: str, **attributes: Any) -> Conversion:
    """For an activation that is an operator."""

    def convert(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
        return graph.add(operator, x, **attributes)

    return convert


def dense(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X W + b, in one node for vectors."""
    W = graph.constant(layer.W, "W")
    b = [graph.constant(layer.b, "b")] if layer.use_bias else []
    if len(layer.input_shape) == 1:
        return graph.add("Gemm", x, W, *b)
    y = graph.add("MatMul", x, W)
    return graph.add("Add", y, *b) if b else y


def silu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X σ(X)."""
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def gelu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X Φ(X), or the approximation, which ONNX writes with a tanh."""
    return graph.add("Gelu", x, approximate="tanh" if layer.approximate else "none")


def leaky_relu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X, 0) + s min(X, 0)."""
    return graph.add("LeakyRelu", x, alpha=layer.negative_slope)


def prelu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X, 0) + α ⊙ min(X, 0)."""
    return graph.add("PRelu", x, graph.constant(layer.alpha, "alpha"))


def elu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """max(X, 0) + α (exp(min(X, 0)) − 1)."""
    return graph.add("Elu", x, alpha=layer.alpha)


def selu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """λ times an ELU."""
    return graph.add("Selu", x, alpha=layer.alpha, gamma=layer.scale)


def softmax(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """exp(Z − max Z) / Σ exp(Z − max Z), as one operator along one axis."""
    if isinstance(layer.axis, int):
        return graph.add("Softmax", x, axis=layer.axis)
    axes = np.array(layer.axis)
    largest = graph.add("ReduceMax", x, axes, keepdims=1)
    powers = graph.add("Exp", graph.add("Sub", x, largest))
    return graph.add("Div", powers, graph.add("ReduceSum", powers, axes, keepdims=1))


def glu(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = A ⊙ σ(B) with A and B the halves of Z."""
    a, b = graph.node("Split", [x], 2, axis=layer.axis, num_outputs=2)
    return graph.add("Mul", a, graph.add("Sigmoid", b))


def stretch(layer: Any, graph: Graph, shape: Shape) -> tuple[str, str]:
    """γ and β, or what stands in for the one that the layer does not have."""
    gamma = ("gamma", layer.gamma) if layer.scale else (NO_GAMMA, np.ones(shape))
    beta = ("beta", layer.beta) if layer.center else (NO_BETA, np.zeros(shape))
    return graph.constant(gamma[1], gamma[0]), graph.constant(beta[1], beta[0])


def batch_normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = γ ⊙ (X − μ) / √(v + ε) + β by the moving averages; the operator has channels second."""
    x = channels_second(layer, graph, to_the_end(layer, graph, x))
    mean = graph.constant(layer.moving_mean, "moving_mean")
    variance = graph.constant(layer.moving_variance, "moving_variance")
    weights = (*stretch(layer, graph, layer.moving_mean.shape), mean, variance)
    y = graph.add("BatchNormalization", x, *weights, epsilon=layer.epsilon)
    return to_their_places(layer, graph, channels_last(layer, graph, y))


def layer_normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = γ ⊙ (X − μ) / √(v + ε) + β over axes at the end."""
    shape = layer.features(layer.input_shape)
    x = to_the_end(layer, graph, x)
    how = {"axis": -len(shape), "epsilon": layer.epsilon, "stash_type": computed_in(graph)}
    y = graph.add("LayerNormalization", x, *stretch(layer, graph, shape), **how)
    return to_their_places(layer, graph, y)


def rms_normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = γ ⊙ X / √(mean(X²) + ε); the operator for it is newer than most runtimes."""
    x = to_the_end(layer, graph, x)
    axes = np.arange(-len(layer.features(layer.input_shape)), 0)
    squares = graph.add("Mul", x, x)
    mean = graph.add("ReduceMean", squares, axes, keepdims=1)
    root = graph.add("Sqrt", graph.add("Add", mean, layer.epsilon))
    y = graph.add("Mul", graph.add("Div", x, root), graph.constant(layer.gamma, "gamma"))
    return to_their_places(layer, graph, y)


def group_normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = γ ⊙ (X − μ) / √(v + ε) + β over groups of channels, which the operator has second."""
    (C,) = layer.features(layer.input_shape)
    weights = stretch(layer, graph, (C,))
    vectors = len(layer.input_shape) == 1
    x = to_the_end(layer, graph, x)
    x = graph.reshape(x, 0, C, 1) if vectors else channels_second(layer, graph, x)
    groups = C if layer.groups == -1 else layer.groups
    how = {"num_groups": groups, "epsilon": layer.epsilon, "stash_type": computed_in(graph)}
    y = graph.add("GroupNormalization", x, *weights, **how)
    if vectors:
        return graph.reshape(y, 0, C)
    return to_their_places(layer, graph, channels_last(layer, graph, y))


def computed_in(graph: Graph) -> int:
    """ONNX's number for the model's dtype, in which means and variances are to be computed."""
    return int(onnx_package().helper.np_dtype_to_tensor_dtype(graph.dtype))


def rescaling(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = scale · X + offset."""
    return graph.add("Add", graph.add("Mul", x, layer.scale), layer.offset)


def normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = (X − μ) / σ, or σ X + μ."""
    shape = layer.fitting(layer.input_shape)
    variance = layer.variance_.reshape(shape)
    sigma = np.sqrt(variance) + (variance == 0)
    mean = graph.constant(layer.mean_.reshape(shape), "mean")
    if layer.invert:
        return graph.add("Add", graph.add("Mul", x, graph.constant(sigma, "sigma")), mean)
    return graph.add("Div", graph.add("Sub", x, mean), graph.constant(sigma, "sigma"))


def unit_normalization(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Y = X / ‖X‖, and 0 where that is too short."""
    axes = np.array(layer.axis if isinstance(layer.axis, tuple) else (layer.axis,))
    length = graph.add("ReduceL2", x, axes, keepdims=1)
    long = graph.add("Greater", length, SHORTEST)
    return graph.add("Where", long, graph.add("Div", x, graph.add("Max", length, SHORTEST)), 0.0)


def repeat_vector(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """X at each of n steps."""
    y = graph.add("Unsqueeze", x, np.array([1]))
    return graph.add("Tile", y, np.array([1, layer.n, 1])), None


def columns(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The chosen features, along the last axis."""
    return graph.add("Gather", x, layer.chosen(layer.input_shape[-1]), axis=-1)


def flatten(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """All numbers of a sample in one row."""
    return graph.add("Flatten", x, axis=1), None


def reshape(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The same numbers in another shape."""
    y = graph.reshape(x, 0, *layer.output_shape(layer.input_shape))
    return y, mask if layer.keeps_steps() else None


def permute(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The axes in another order."""
    return graph.add("Transpose", x, perm=[0, *layer.dims]), mask if layer.dims[0] == 1 else None


def to_the_end(layer: Any, graph: Graph, x: str) -> str:
    """X with those axes at the end along which a layer computes."""
    order = layer.order(len(layer.input_shape) + 1)
    return x if order is None else graph.add("Transpose", x, perm=order)


def to_their_places(layer: Any, graph: Graph, y: str) -> str:
    """What ``to_the_end`` does, undone."""
    order = layer.order(len(layer.input_shape) + 1)
    return y if order is None else graph.add("Transpose", y, perm=np.argsort(order))


def channels_second(layer: Any, graph: Graph, x: str) -> str:
    """(N, …, C) as (N, C, …)."""
    n = len(layer.input_shape)
    return graph.add("Transpose", x, perm=[0, n, *range(1, n)])


def channels_last(layer: Any, graph: Graph, x: str) -> str:
    """(N, C, …) as (N, …, C)."""
    n = len(layer.input_shape)
    return graph.add("Transpose", x, perm=[0, *range(2, n + 1), 1])


LAYERS: dict[type, Conversion] = {
    layers.Dense: dense,
    layers.Identity: same,
    layers.Sigmoid: function("Sigmoid"),
    layers.Tanh: function("Tanh"),
    layers.ReLU: onnx_activations.relu,
    layers.ReLU6: onnx_activations.clip(0.0, 6.0),
    layers.HardTanh: onnx_activations.clip(-1.0, 1.0),
    layers.HardSiLU: function("HardSwish"),
    layers.CELU: onnx_activations.celu,
    layers.LogSigmoid: onnx_activations.log_sigmoid,
    layers.Squareplus: onnx_activations.squareplus,
    layers.SparsePlus: onnx_activations.sparse_plus,
    layers.TanhShrink: onnx_activations.tanh_shrink,
    layers.HardShrink: onnx_activations.hard_shrink,
    layers.SparseSigmoid: function("HardSigmoid", alpha=0.5, beta=0.5),
    layers.Threshold: onnx_activations.threshold,
    layers.Sparsemax: onnx_activations.sparsemax,
    layers.SoftShrink: onnx_activations.soft_shrink,
    layers.LeakyReLU: leaky_relu,
    layers.PReLU: prelu,
    layers.ELU: elu,
    layers.SELU: selu,
    layers.HardSigmoid: function("HardSigmoid", alpha=1 / 6, beta=0.5),
    layers.Softplus: function("Softplus"),
    layers.Softsign: function("Softsign"),
    layers.SiLU: silu,
    layers.Mish: function("Mish"),
    layers.GELU: gelu,
    layers.Exponential: function("Exp"),
    layers.Softmax: softmax,
    layers.GLU: glu,
    layers.LogSoftmax: function("LogSoftmax", axis=-1),
    layers.Dropout: same,
    layers.ActivityRegularization: same,
    layers.AlphaDropout: same,
    layers.GaussianDropout: same,
    layers.GaussianNoise: same,
    layers.SpatialDropout1D: same,
    layers.SpatialDropout2D: same,
    layers.BatchNormalization: batch_normalization,
    layers.LayerNormalization: layer_normalization,
    layers.RMSNormalization: rms_normalization,
    layers.GroupNormalization: group_normalization,
    layers.Rescaling: rescaling,
    layers.Normalization: normalization,
    layers.UnitNormalization: unit_normalization,
    layers.Columns: columns,
    layers.Flatten: flatten,
    layers.Reshape: reshape,
    layers.Permute: permute,
    layers.RepeatVector: repeat_vector,
}
"""The conversions by class itself: a class derived from one may compute something else."""
