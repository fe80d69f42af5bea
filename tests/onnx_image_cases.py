"""The ONNX standard's node cases for pooling, normalisation, borders, shapes and products.

Adapters as in ``onnx_cases``. What no argument of a layer says may be said by several layers: a
border of 1.2 is a border of zeros between two ``Rescaling``s that move 1.2 to 0 and back.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx_cases import FILES, Expressed, NodeCase
from published import channels_last

from backprop import layers
from backprop.core.windows import windows
from backprop.layers import Layer, Rescaling

FILES["InstanceNormalization"] = "instance_normalization"

ABOVE = 1000.0
"""More than the inputs of all cases lie below 0, so that zeros are never the largest."""


def attributes(case: NodeCase, *known: str) -> dict[str, Any]:
    """The attributes, all of which the adapter must know."""
    assert case.attributes.keys() <= set(known), (case.name, case.attributes)
    return case.attributes


def pooling(kind: str) -> Callable[[NodeCase], Expressed]:
    """For MaxPool and AveragePool: "same", or "valid" with a border of its own in front."""

    def adapter(case: NodeCase) -> Expressed:
        given = attributes(
            case,
            *("auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape"),
            *("pads", "storage_order", "strides"),
        )
        X, Y = channels_last(case.inputs[0]), channels_last(case.outputs[0])
        size = given["kernel_shape"]
        n, strides = len(size), given.get("strides", [1] * len(size))
        assert n <= 2, "layers have one or two axes beside the channels"
        assert set(given.get("dilations", [1])) == {1}, "pooling has no dilation"
        auto = given.get("auto_pad", "NOTSET")
        if auto == "SAME_LOWER":  # "same", seen in a mirror
            X, Y = np.flip(X, range(1, n + 1)), np.flip(Y, range(1, n + 1))
        same = [windows(*a, "same") for a in zip(X.shape[1:-1], size, strides, strict=True)]
        before = given.get("pads", [0] * 2 * n)[:n]
        # with ceil_mode the last window may reach beyond the padding at the end
        ends = zip(Y.shape[1:-1], strides, size, X.shape[1:-1], before, strict=True)
        after = [max((o - 1) * s + k - m - b, 0) for o, s, k, m, b in ends]
        borders = list(zip(before, after, strict=True))
        pool = getattr(layers, f"{kind}Pooling{n}D")
        counted = given.get("count_include_pad", 0)
        if auto != "NOTSET" or (not counted and borders == [(w.before, w.after) for w in same]):
            return Expressed([pool(size, strides, "same")], X, Y)
        if not any(map(any, borders)):
            return Expressed([pool(size, strides)], X, Y)
        around = layers.ZeroPadding2D(borders) if n == 2 else layers.ZeroPadding1D(*borders)
        if kind == "Max":
            up, down = Rescaling(1, ABOVE), Rescaling(1, -ABOVE)
            return Expressed([up, around, pool(size, strides), down], X, Y)
        assert counted, "a border that is not counted is that of 'same' alone"
        return Expressed([around, pool(size, strides)], X, Y)

    return adapter


def everywhere(layer: Callable[..., Layer]) -> Callable[[NodeCase], Expressed]:
    """For the global poolings."""

    def adapter(case: NodeCase) -> Expressed:
        attributes(case)
        X, Y = channels_last(case.inputs[0]), channels_last(case.outputs[0])
        return Expressed([layer(keepdims=True)], X, Y)

    return adapter


def batch_normalization(case: NodeCase) -> Expressed:
    """BatchNormalization by the moving averages; the weights are γ, β, mean and variance."""
    given = attributes(case, "epsilon", "momentum", "training_mode")
    how = {"momentum": given.get("momentum", 0.9), "epsilon": given.get("epsilon", 1e-5)}
    layer = layers.BatchNormalization(**how)
    X, *weights = case.inputs
    return Expressed([layer], channels_last(X), channels_last(case.outputs[0]), weights)


def layer_normalization(case: NodeCase) -> Expressed:
    """LayerNormalization over all axes from one on; if that is the first, the batch is one."""
    given = attributes(case, "axis", "epsilon")
    X, *weights = case.inputs
    axis = given.get("axis", -1) % X.ndim
    axes = range(axis - X.ndim, 0)
    layer = layers.LayerNormalization(list(axes), given.get("epsilon", 1e-5))
    X, Y = (A[np.newaxis] if axis == 0 else A for A in (X, case.outputs[0]))
    return Expressed([layer], X, Y, weights)


def group_normalization(case: NodeCase) -> Expressed:
    """GroupNormalization; InstanceNormalization has a group for each channel."""
    given = attributes(case, "epsilon", "num_groups")
    groups = given.get("num_groups", -1)
    layer = layers.GroupNormalization(groups, epsilon=given.get("epsilon", 1e-5))
    X, *weights = case.inputs
    return Expressed([layer], channels_last(X), channels_last(case.outputs[0]), weights)


def prelu(case: NodeCase) -> Expressed:
    """PRelu: the whole array is one sample, with an α for each of its numbers."""
    X, slope = case.inputs
    weights = [np.broadcast_to(slope, X.shape)]
    return Expressed([layers.PReLU()], X[np.newaxis], case.outputs[0][np.newaxis], weights)


def hard_sigmoid(case: NodeCase) -> Expressed:
    """min(max(α x + β, 0), 1): ours has α = 1/6 and β = 1/2."""
    given = attributes(case, "alpha", "beta")
    alpha, beta = given.get("alpha", 0.2), given.get("beta", 0.5)
    line = Rescaling(6 * alpha, 6 * (beta - 0.5))
    X, Y = case.inputs[0][np.newaxis], case.outputs[0][np.newaxis]
    return Expressed([line, layers.HardSigmoid()], X, Y)


def selu(case: NodeCase) -> Expressed:
    """γ times an ELU with α, or ours with the constants of the paper."""
    given = attributes(case, "alpha", "gamma")
    own: list[Layer] = [layers.SELU()]
    if given:
        own = [layers.ELU(given["alpha"]), Rescaling(given["gamma"])]
    return Expressed(own, case.inputs[0][np.newaxis], case.outputs[0][np.newaxis])


def gemm(case: NodeCase) -> Expressed:
    """α A B + β C: a dense layer whose weights are α B and β C."""
    given = attributes(case, "alpha", "beta", "transA", "transB")
    A, B, *C = case.inputs
    A, B = (M.T if given.get(f"trans{n}", 0) else M for n, M in (("A", A), ("B", B)))
    weights = [given.get("alpha", 1.0) * B]
    for bias in C:
        assert np.size(bias) in (1, B.shape[1]), "a bias is the same for all samples"
        weights.append(np.broadcast_to(given.get("beta", 1.0) * np.ravel(bias), B.shape[1:]))
    layer = layers.Dense(B.shape[1], use_bias=bool(C))
    return Expressed([layer], A, case.outputs[0], weights)


def flatten(case: NodeCase) -> Expressed:
    """Flatten from an axis on: the axes before it count samples."""
    X = case.inputs[0]
    axis = attributes(case, "axis").get("axis", 1) % X.ndim
    return Expressed([layers.Flatten()], X.reshape(-1, *X.shape[axis:]), case.outputs[0])


def padding(case: NodeCase) -> Expressed:
    """Pad with one value: a border of zeros, between layers that move the value to 0 and back."""
    assert attributes(case, "mode").get("mode", "constant") == "constant", "a border has one value"
    X, pads, *rest = case.inputs
    value = float(rest[0]) if rest else 0.0
    axes = rest[1] if len(rest) > 1 else range(X.ndim)
    borders = [(0, 0)] * X.ndim
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        borders[axis] = int(before), int(after)
    assert borders[:2] == [(0, 0), (0, 0)], "images are padded, not batches or channels"
    own = [Rescaling(1, -value), layers.ZeroPadding2D(borders[2:]), Rescaling(1, value)]
    return Expressed(own, channels_last(X), channels_last(case.outputs[0]))


def enlarging(case: NodeCase) -> Expressed:
    """Upsample and Resize to the nearest pixel, by whole numbers."""
    given = attributes(case, "axes", "mode")
    assert given["mode"] == "nearest", "images are enlarged by the nearest pixel alone"
    X, *_, scales = (given for given in case.inputs if given is not None)
    assert scales.dtype.kind == "f", "sizes are given, not how many times larger"
    assert (scales % 1 == 0).all(), "images are enlarged n times"
    by_axis = dict(zip(given.get("axes", range(X.ndim)), map(int, scales), strict=True))
    assert {by_axis.get(0, 1), by_axis.get(1, 1)} == {1}
    layer = layers.UpSampling2D((by_axis[2], by_axis[3]))
    return Expressed([layer], channels_last(X), channels_last(case.outputs[0]))


IMAGE_ADAPTERS: dict[str, Callable[[NodeCase], Expressed]] = {
    "AveragePool": pooling("Average"),
    "BatchNormalization": batch_normalization,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": everywhere(layers.GlobalAveragePooling2D),
    "GlobalMaxPool": everywhere(layers.GlobalMaxPooling2D),
    "GroupNormalization": group_normalization,
    "HardSigmoid": hard_sigmoid,
    "InstanceNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "MaxPool": pooling("Max"),
    "PRelu": prelu,
    "Pad": padding,
    "Resize": enlarging,
    "Selu": selu,
    "Upsample": enlarging,
}
"""By operator: what makes layers and arrays of a case."""

NO_3D = "layers have one or two axes beside the channels"
NO_DILATION = "pooling has no dilation, as in Keras"
NOT_COUNTED = "of borders that are not counted there are those of padding='same' alone"
ONE_VALUE = "a border is of one value"
NEAREST = "images are enlarged n times, to the nearest pixel, n a whole number"

IMAGES_CANNOT_EXPRESS = {
    "averagepool_2d_dilations": NO_DILATION,
    "averagepool_2d_pads": NOT_COUNTED,
    "averagepool_3d_default": NO_3D,
    "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False": NO_3D,
    "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": NO_3D,
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False": NO_3D,
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": NO_3D,
    "averagepool_3d_dilations_small": NO_3D,
    "edge_pad": ONE_VALUE,
    "gemm_default_matrix_bias": "a bias is the same for all samples",
    "maxpool_2d_dilations": NO_DILATION,
    "maxpool_3d_default": NO_3D,
    "maxpool_3d_dilations": NO_3D,
    "maxpool_3d_dilations_use_ref_impl": NO_3D,
    "maxpool_3d_dilations_use_ref_impl_large": NO_3D,
    "reflect_pad": ONE_VALUE,
    "wrap_pad": ONE_VALUE,
    **dict.fromkeys(
        (
            "resize_downsample_scales_cubic",
            "resize_downsample_scales_cubic_A_n0p5_exclude_outside",
            "resize_downsample_scales_cubic_align_corners",
            "resize_downsample_scales_cubic_antialias",
            "resize_downsample_scales_linear",
            "resize_downsample_scales_linear_align_corners",
            "resize_downsample_scales_linear_antialias",
            "resize_downsample_scales_linear_half_pixel_symmetric",
            "resize_downsample_scales_nearest",
            "resize_downsample_sizes_cubic",
            "resize_downsample_sizes_cubic_antialias",
            "resize_downsample_sizes_linear_antialias",
            "resize_downsample_sizes_linear_pytorch_half_pixel",
            "resize_downsample_sizes_nearest",
            "resize_downsample_sizes_nearest_not_larger",
            "resize_downsample_sizes_nearest_not_smaller",
            "resize_tf_crop_and_resize",
            "resize_tf_crop_and_resize_axes_2_3",
            "resize_tf_crop_and_resize_axes_3_2",
            "resize_tf_crop_and_resize_extrapolation_value",
            "resize_upsample_scales_cubic",
            "resize_upsample_scales_cubic_A_n0p5_exclude_outside",
            "resize_upsample_scales_cubic_align_corners",
            "resize_upsample_scales_cubic_asymmetric",
            "resize_upsample_scales_linear",
            "resize_upsample_scales_linear_align_corners",
            "resize_upsample_scales_linear_half_pixel_symmetric",
            "resize_upsample_sizes_cubic",
            "resize_upsample_sizes_nearest",
            "resize_upsample_sizes_nearest_axes_2_3",
            "resize_upsample_sizes_nearest_axes_3_2",
            "resize_upsample_sizes_nearest_ceil_half_pixel",
            "resize_upsample_sizes_nearest_floor_align_corners",
            "resize_upsample_sizes_nearest_not_larger",
            "resize_upsample_sizes_nearest_not_smaller",
            "resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric",
        ),
        NEAREST,
    ),
}
"""By case: why no layers of this package compute it."""
