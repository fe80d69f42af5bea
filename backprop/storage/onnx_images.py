"""ONNX operators of the layers that slide windows over images and sequences, or change borders."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import layers
from backprop.core.masks import steps_of_windows
from backprop.core.types import Array
from backprop.core.windows import Windows
from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result
from backprop.storage.onnx_layers import channels_last, channels_second, same
from backprop.storage.onnx_sequences import both, for_features, without_padding


def window_attributes(grid: tuple[Windows, ...], dilations: bool = True) -> dict[str, Any]:
    """Where the windows lie, as the operators say it."""
    found = {
        "kernel_shape": [w.size for w in grid],
        "strides": [w.stride for w in grid],
        "pads": [*(w.before for w in grid), *(w.after for w in grid)],
    }
    return found | ({"dilations": [w.dilation for w in grid]} if dilations else {})


def grid_of(layer: Any) -> tuple[Windows, ...]:
    """The windows of a convolution, without the axis that a sequence does not have."""
    return tuple(layer.grid(layer.input_shape))[-len(layer.kernel_size) :]


def filters_first(W: Array) -> Array:
    """A kernel (…, C, filters) as (filters, C, …)."""
    return np.moveaxis(W, (-1, -2), (0, 1))


def bias(layer: Any, graph: Graph) -> list[str]:
    """The name of b, if there is one."""
    return [graph.constant(layer.b, "b")] if layer.use_bias else []


def convolution(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Z = C W + b."""
    if mask is not None and layer.takes_mask:
        x = without_padding(graph, x, mask)
    x = channels_second(layer, graph, x)
    W = graph.constant(filters_first(layer.W), "W")
    how = window_attributes(grid_of(layer)) | {"group": layer.groups}
    z = graph.add("Conv", x, W, *bias(layer, graph), **how)
    return channels_last(layer, graph, z), behind_windows(layer, graph, mask, grid_of(layer)[-1])


def channelwise(layer: Any, graph: Graph, x: str, W: Array, name: str, b: list[str]) -> str:
    """Every channel with filters of its own, channels second: as many groups as channels."""
    kernel = np.moveaxis(W, (-2, -1), (0, 1))  # (C, m, kh, kw)
    kernel = kernel.reshape(-1, 1, *kernel.shape[2:])
    how = window_attributes(grid_of(layer)) | {"group": layer.input_shape[-1]}
    return graph.add("Conv", x, graph.constant(kernel, name), *b, **how)


def depthwise(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Each channel by itself."""
    if mask is not None and layer.takes_mask:
        x = without_padding(graph, x, mask)
    x = channels_second(layer, graph, x)
    z = channelwise(layer, graph, x, layer.W, "W", bias(layer, graph))
    return channels_last(layer, graph, z), behind_windows(layer, graph, mask, grid_of(layer)[-1])


def separable(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Each channel by itself, and then a convolution of single pixels."""
    if mask is not None and layer.takes_mask:
        x = without_padding(graph, x, mask)
    x = channels_second(layer, graph, x)
    u = channelwise(layer, graph, x, layer.depthwise, "depthwise", [])
    P = graph.constant(filters_first(layer.pointwise), "pointwise")
    one = [1] * len(layer.kernel_size)
    z = graph.add("Conv", u, P, *bias(layer, graph), kernel_shape=one)
    return channels_last(layer, graph, z), behind_windows(layer, graph, mask, grid_of(layer)[-1])


def transposed(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Every pixel paints its window; what the windows do not reach is ``output_padding``."""
    grid = grid_of(layer)  # n_out pixels paint the n_in of the image
    W = graph.constant(filters_first(layer.W), "W")
    x = channels_second(layer, graph, x)
    how = window_attributes(grid) | {"output_padding": [w.rest for w in grid]}
    z = graph.add("ConvTranspose", x, W, *bias(layer, graph), **how)
    return channels_last(layer, graph, z)


def pooling(operator: str) -> Conversion:
    """For MaxPool and AveragePool, which leave out what is padded as ours do."""

    def convert(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
        grid = layer.windows(layer.input_shape)
        how = window_attributes(grid, dilations=False)
        y = graph.add(operator, channels_second(layer, graph, x), **how)
        return channels_last(layer, graph, y), behind_windows(layer, graph, mask, grid[-1])

    return convert


def global_pooling(operator: str) -> Conversion:
    """For the mean and the largest number of each channel."""

    def convert(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
        axes = np.arange(1, len(layer.input_shape))
        if mask is not None and layer.takes_mask:
            masked = masked_mean if operator == "ReduceMean" else masked_max
            return masked(layer, graph, x, mask), None
        return graph.add(operator, x, axes, keepdims=int(layer.keepdims)), None

    return convert


def behind_windows(layer: Any, graph: Graph, mask: Mask, w: Windows) -> Mask:
    """The mask behind windows along the steps of a sequence: see ``core/masks.py``."""
    if mask is None or len(layer.input_shape) > 2:
        return None
    found: Mask = None
    for at in steps_of_windows(np.arange(w.n_in)[np.newaxis], w, layer.padding):
        found = both(graph, found, graph.add("Gather", mask, at[0], axis=1))
    return found


def masked_mean(layer: Any, graph: Graph, x: str, mask: str) -> str:
    """Σ_t m_t x_t / max(Σ_t m_t, 1)."""
    m = graph.cast(for_features(graph, mask), graph.dtype)
    keep, steps = int(layer.keepdims), np.array([1])
    total = graph.add("ReduceSum", graph.add("Mul", x, m), steps, keepdims=keep)
    return graph.add(
        "Div", total, graph.add("Max", graph.add("ReduceSum", m, steps, keepdims=keep), 1.0)
    )


def masked_max(layer: Any, graph: Graph, x: str, mask: str) -> str:
    """The largest x_t of those with m_t = 1; 0 if there are none."""
    steps, keep = np.array([1]), int(layer.keepdims)
    m = for_features(graph, mask)
    shown = graph.add("Where", m, x, float(np.finfo(graph.dtype).min))
    largest = graph.add("ReduceMax", shown, steps, keepdims=keep)
    number = graph.cast(m, graph.dtype)
    some = graph.cast(graph.add("ReduceMax", number, steps, keepdims=keep), np.bool_)
    return graph.add("Where", some, largest, 0.0)


def zero_padding(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """A border of zeros."""
    before, after = zip((0, 0), *layer.padding, (0, 0), strict=True)
    y = graph.add("Pad", x, np.array([*before, *after]), mode="constant")
    if mask is None or len(layer.padding) > 1:
        return y, None
    at = np.arange(-before[1], layer.input_shape[0] + after[1])
    outside = (at < 0) | (at >= layer.input_shape[0])
    steps = graph.add("Gather", mask, at.clip(0, layer.input_shape[0] - 1), axis=1)
    return y, graph.add("Or", steps, graph.constant(outside, "outside"))


def cropping(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The inside, without the border."""
    starts = [before for before, _ in layer.cropping]
    sizes = layer.output_shape(layer.input_shape)[:-1]
    steps = mask if mask is None or len(sizes) > 1 else cut(graph, mask, starts, list(sizes))
    return cut(graph, x, starts, list(sizes)), None if len(sizes) > 1 else steps


def random_crop(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The middle of each image."""
    sizes = [layer.height, layer.width]
    starts = [(n - m) // 2 for n, m in zip(layer.input_shape, sizes, strict=False)]
    return cut(graph, x, starts, sizes)


def cut(graph: Graph, x: str, starts: list[int], sizes: list[int]) -> str:
    """A part of each sample, along its first axes."""
    ends = np.add(starts, sizes)
    return graph.add("Slice", x, np.array(starts), ends, np.arange(1, len(sizes) + 1))


def up_sampling(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Each pixel repeated, by the nearest one."""
    scales = graph.constant(np.array([1, *layer.size, 1], np.float32))
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    y = graph.add("Resize", x, None, scales, mode="nearest", **how)
    if mask is None or len(layer.size) > 1:
        return y, None
    at = np.repeat(np.arange(layer.input_shape[0]), layer.size[0])
    return y, graph.add("Gather", mask, at, axis=1)


IMAGES: dict[type, Conversion] = {
    layers.Conv1D: convolution,
    layers.Conv2D: convolution,
    layers.Conv1DTranspose: transposed,
    layers.Conv2DTranspose: transposed,
    layers.DepthwiseConv1D: depthwise,
    layers.DepthwiseConv2D: depthwise,
    layers.SeparableConv1D: separable,
    layers.SeparableConv2D: separable,
    layers.MaxPooling1D: pooling("MaxPool"),
    layers.MaxPooling2D: pooling("MaxPool"),
    layers.AveragePooling1D: pooling("AveragePool"),
    layers.AveragePooling2D: pooling("AveragePool"),
    layers.GlobalAveragePooling1D: global_pooling("ReduceMean"),
    layers.GlobalAveragePooling2D: global_pooling("ReduceMean"),
    layers.GlobalMaxPooling1D: global_pooling("ReduceMax"),
    layers.GlobalMaxPooling2D: global_pooling("ReduceMax"),
    layers.ZeroPadding1D: zero_padding,
    layers.ZeroPadding2D: zero_padding,
    layers.Cropping1D: cropping,
    layers.Cropping2D: cropping,
    layers.UpSampling1D: up_sampling,
    layers.UpSampling2D: up_sampling,
    layers.RandomCrop: random_crop,
    layers.RandomErasing: same,
    layers.RandomFlip: same,
    layers.RandomRotation: same,
    layers.RandomTranslation: same,
}
"""The conversions by class."""
