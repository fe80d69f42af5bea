"""Which layers ONNX operators with windows or borders are read into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from backprop import layers
from backprop.core.types import Array
from backprop.core.windows import windows
from backprop.storage.onnx_operators import Reading, refuse
from backprop.storage.onnx_reader import Node, Reader

T = TypeVar("T")


def ours_last(W: Array) -> Array:
    """A kernel (filters, C, …) as (…, C, filters)."""
    return np.moveaxis(W, (0, 1), (-1, -2))


def by_rank(name: str, n: int) -> Any:
    """The layer for sequences or for images."""
    refuse(n not in (1, 2), "it has other than one or two axes beside the channels")
    return getattr(layers, f"{name}{n}D")


def placed(
    r: Reader, node: Node, sizes: tuple[int, ...], dilations: list[int]
) -> tuple[list[int], list[tuple[int, int]], bool]:
    """The strides, the padding along each axis, and whether it is that of ``"same"``."""
    r.channels_last()
    n = len(sizes)
    refuse(len(r.shape) != n + 1, "its windows have another number of axes than the images")
    strides = list(node.attributes.get("strides", [1] * n))
    laid = zip(r.shape, sizes, strides, dilations, strict=False)
    same = [windows(m, k, s, "same", d) for m, k, s, d in laid]
    usual = [(w.before, w.after) for w in same]
    auto = node.attributes.get("auto_pad", b"NOTSET")
    refuse(auto == b"SAME_LOWER" and any(a != b for a, b in usual), "auto_pad is SAME_LOWER")
    pads = node.attributes.get("pads", [0] * 2 * n)
    given = list(zip(pads[:n], pads[n:], strict=True))
    if auto.startswith(b"SAME"):
        given = usual
    # an axis that "same" leaves alone may end before its last stride
    fits = all(w.n_out == -(-m // w.stride) for w, m in zip(same, r.shape, strict=False))
    return strides, given, given == usual and fits and any(map(any, given))


def border(r: Reader, name: str, widths: list[tuple[int, int]]) -> None:
    """Adds a ZeroPadding or a Cropping of these widths, if any is more than 0."""
    if any(map(any, widths)):
        make = by_rank(name, len(widths))
        r.add(make(widths[0] if len(widths) == 1 else widths))


def convolution(r: Reader, node: Node) -> None:
    """A padding that has no name is a layer in front."""
    W, b = node.needed(1), node.constant(2)
    filters, own, *sizes = W.shape
    n = len(sizes)
    make = by_rank("Conv", n)
    dilations = list(node.attributes.get("dilations", [1] * n))
    groups = node.attributes.get("group", 1)
    strides, borders, same = placed(r, node, tuple(sizes), dilations)
    reach = [((k - 1) * d, 0) for k, d in zip(sizes, dilations, strict=True)]
    causal = n == 1 and borders == reach and any(map(any, borders))
    padding = "same" if same else "causal" if causal else "valid"
    if padding == "valid":
        border(r, "ZeroPadding", borders)
    how: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilations}
    how |= {"use_bias": b is not None}
    bias = [] if b is None else [b]
    if own == 1 and groups == r.shape[-1] > 1 and not causal:
        kernel = np.moveaxis(W.reshape(groups, -1, *sizes), (0, 1), (-2, -1))
        make = by_rank("DepthwiseConv", n)
        return r.add(make(sizes, depth_multiplier=filters // groups, **how), kernel, *bias)
    return r.add(make(filters, sizes, groups=groups, **how), ours_last(W), *bias)


def transposed(r: Reader, node: Node) -> None:
    """What is cut off is a layer behind, unless it is what ``"same"`` cuts off."""
    W, b = node.needed(1), node.constant(2)
    given = node.attributes
    _, filters, *sizes = W.shape
    n = len(sizes)
    refuse(n > 2, "it has more than two axes beside the channels")
    refuse(given.get("group", 1) != 1, "it has groups")
    refuse("output_shape" in given or given.get("auto_pad", b"NOTSET") != b"NOTSET", "auto_pad")
    r.channels_last()
    pads = given.get("pads", [0] * 2 * n)
    more = list(given.get("output_padding", [0] * n))
    how: dict[str, Any] = {
        "strides": list(given.get("strides", [1] * n)),
        "dilation_rate": list(given.get("dilations", [1] * n)),
        "use_bias": b is not None,
    }
    wanted = list(zip(pads[:n], pads[n:], strict=True))
    bias = [] if b is None else [b]
    make = getattr(layers, f"Conv{n}DTranspose")
    for padding, extra in (("valid", None), ("same", None), ("valid", more), ("same", more)):
        layer = make(filters, sizes, padding=padding, output_padding=extra, **how)
        grid = layer.grid(r.shape)[-n:]
        whole = [(w.n_out - 1) * w.stride + (w.size - 1) * w.dilation + 1 for w in grid]
        beyond = [w.n_in + w.before + w.after - m for w, m in zip(grid, whole, strict=True)]
        if beyond == more and [(w.before, w.after) for w in grid] == wanted:
            return r.add(layer, ours_last(W), *bias)
    layer = make(filters, sizes, padding="valid", output_padding=more, **how)
    r.add(layer, ours_last(W), *bias)
    return border(r, "Cropping", wanted)


def pooling(kind: str) -> Reading:
    """For MaxPool and AveragePool."""

    def read(r: Reader, node: Node) -> None:
        given = node.attributes
        sizes = tuple(given["kernel_shape"])
        n = len(sizes)
        make = by_rank(f"{kind}Pooling", n)
        refuse(set(given.get("dilations", [1])) != {1}, "its windows have dilations")
        strides, borders, same = placed(r, node, sizes, [1] * n)
        counted = kind == "Average" and given.get("count_include_pad", 0)
        if given.get("ceil_mode", 0):
            reach = [m + sum(b) - k for m, b, k in zip(r.shape, borders, sizes, strict=False)]
            over = any(m % s for m, s in zip(reach, strides, strict=True))
            refuse(over, "ceil_mode makes windows that reach beyond the edge")
        padding = "same" if same and not counted else "valid"
        if padding == "valid" and any(map(any, borders)):
            refuse(not counted, "its padding is not that of padding='same'")
            border(r, "ZeroPadding", borders)
        r.add(make(sizes, strides, padding))

    return read


def global_pooling(kind: str) -> Reading:
    """For the poolings over all places, which keep these axes with size 1."""

    def read(r: Reader, node: Node) -> None:
        r.channels_last()
        r.add(by_rank(f"Global{kind}Pooling", len(r.shape) - 1)(keepdims=True))

    return read


def reducing(kind: str) -> Reading:
    """For ReduceMean and ReduceMax over all places."""

    def read(r: Reader, node: Node) -> None:
        axes = node.numbers("axes", 1) or []
        n = len(r.axes)
        places = list(range(1, n - 1))
        if sorted(places_of(r, axes)) != places:
            r.channels_last()
        refuse(sorted(places_of(r, axes)) != places, "it does not go over all places of a sample")
        keep = bool(node.attributes.get("keepdims", 1))
        r.add(by_rank(f"Global{kind}Pooling", len(r.shape) - 1)(keep))
        if not keep:
            r.axes = (0, 1)

    return read


def places_of(r: Reader, axes: list[int]) -> list[int]:
    """Which axes of our images these axes of ONNX's are, turned round where that is needed."""
    for arrange in (None, r.plain, r.channels_last):
        if arrange is not None:
            arrange()
        found = [r.of_axis(axis) or 0 for axis in axes]
        if set(found) <= set(range(1, len(r.shape))):
            return found
    raise ValueError("it changes samples or channels")


def for_places(r: Reader, given: Mapping[int, T], other: T) -> list[T]:
    """What is given for some of ONNX's axes, for each axis of our images but the channels."""
    by_place = dict(zip(places_of(r, list(given)), given.values(), strict=True))
    return [by_place.get(place, other) for place in range(1, len(r.shape))]


def padding(r: Reader, node: Node) -> None:
    """A border of zeros."""
    refuse(node.attributes.get("mode", b"constant") != b"constant", "its mode is not constant")
    refuse(bool(np.any(node.constant(2, 0.0))), "its value is not 0")
    pads = node.numbers("pads", 1) or []
    axes = [int(axis) for axis in node.constant(3, range(len(r.axes)))]
    borders = zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
    some = {axis: (before, after) for axis, before, after in borders if before or after}
    refuse(min([0, *(min(b) for b in some.values())]) < 0, "it cuts off")
    border(r, "ZeroPadding", for_places(r, some, (0, 0)))


def cut(r: Reader, node: Node) -> None:
    """Slice: a border that is cut off, or steps the other way round."""
    starts, ends = node.numbers("starts", 1) or [], node.numbers("ends", 2) or []
    axes = node.numbers("axes", 3) or list(range(len(starts)))
    steps = node.numbers("steps", 4) or [1] * len(starts)
    if r.turned and steps == [-1] and r.of_axis(axes[0]) == 1:
        r.turned = False
        return
    refuse(set(steps) != {1}, "it leaves out steps, or goes backwards")
    refuse(0 in map(r.of_axis, axes), "it leaves out samples")
    sizes = [r.sizes()[axis] for axis in axes]
    some = {}
    for axis, start, end, size in zip(axes, starts, ends, sizes, strict=True):
        first, last, _ = slice(start, end).indices(size)
        if first or last < size:
            some[axis] = first, size - last
    border(r, "Cropping", for_places(r, some, (0, 0)))


def enlarging(r: Reader, node: Node) -> None:
    """Resize and Upsample to the nearest pixel, by whole numbers."""
    given = node.attributes
    refuse(given.get("mode", b"nearest") != b"nearest", "its mode is not nearest")
    how = given.get("coordinate_transformation_mode", b"half_pixel")
    rounds = given.get("nearest_mode", b"round_prefer_floor")
    known = {(b"asymmetric", b"floor"), (b"half_pixel", b"round_prefer_floor")}
    refuse((how, rounds) not in known, f"it chooses pixels by {how.decode()}, {rounds.decode()}")
    scales = [float(s) for s in node.constant(2, [])]
    refuse(len(scales) != len(r.axes), "it has sizes, not scales for all axes")
    refuse(any(s < 1 or s % 1 for s in scales), "its scales are not whole numbers")
    times = for_places(r, {axis: int(s) for axis, s in enumerate(scales) if s > 1}, 1)
    r.add(by_rank("UpSampling", len(times))(times))


IMAGE_OPERATORS: dict[str, Reading] = {
    "AveragePool": pooling("Average"),
    "Conv": convolution,
    "ConvTranspose": transposed,
    "GlobalAveragePool": global_pooling("Average"),
    "GlobalMaxPool": global_pooling("Max"),
    "MaxPool": pooling("Max"),
    "Pad": padding,
    "ReduceMax": reducing("Max"),
    "ReduceMean": reducing("Average"),
    "Resize": enlarging,
    "Slice": cut,
}
"""What each operator is read into."""
