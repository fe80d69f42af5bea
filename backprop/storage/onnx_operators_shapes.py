"""ONNX operators that change the shape or the order of axes: layers where there must be some."""

from __future__ import annotations

import math

from backprop import layers
from backprop.core.types import Shape
from backprop.storage.onnx_graph import onnx_package
from backprop.storage.onnx_operators import Reading, refuse
from backprop.storage.onnx_reader import HALF, Node, Reader


def flatten(r: Reader, node: Node) -> None:
    """All axes but the first in one."""
    refuse(node.attributes.get("axis", 1) not in (1, 1 - len(r.axes)), "axis is not 1")
    join_directions(r)
    into(r, [-1])


def reshape(r: Reader, node: Node) -> None:
    """Another shape of each sample, or one axis of the two directions of a layer."""
    target = [int(n) for n in node.needed(1)]
    if node.attributes.get("allowzero", 0) == 0:
        sizes = r.sizes()
        target = [sizes[k] if n == 0 and k else n for k, n in enumerate(target)]
    if HALF in r.axes:
        join_directions(r)
        refuse(len(target) != len(r.axes), "it does not put the two directions into one axis")
        return
    refuse(target[0] not in (0, -1, 1), "it changes the number of samples")
    refuse(not same_numbers(target[1:], r.shape), "it changes the number of samples")
    into(r, target[1:])


def join_directions(r: Reader) -> None:
    """Takes the two directions of a layer and their states as the one axis that they are here."""
    if HALF in r.axes:
        k = r.axes.index(HALF)
        last = r.axes[k + 1 : k + 2] == (len(r.shape),)
        refuse(not last, "it does not put the two directions one after the other")
        r.axes = r.axes[:k] + r.axes[k + 1 :]


def into(r: Reader, target: list[int]) -> None:
    """Gives samples another shape, unless they have it."""
    if len(target) == 1 and sum(n > 1 for n in r.shape) <= 1 and 0 in r.axes[:1]:
        r.axes = tuple(range(len(r.shape) + 1))  # with one axis longer than 1 no order matters
    r.plain()
    if len(target) == 1:
        if len(r.shape) > 1:
            r.add_features(layers.Flatten())
        return
    if tuple(target) != r.shape:
        r.add_features(layers.Reshape(target))


def transpose(r: Reader, node: Node) -> None:
    """No layer: only the order of the axes is noted."""
    perm = node.attributes.get("perm", range(len(r.axes) - 1, -1, -1))
    r.axes = tuple(r.axes[axis] for axis in perm)


def squeeze(r: Reader, node: Node) -> None:
    """Leaves out axes of size 1."""
    axes = node.numbers("axes", 1)
    if axes is None:
        axes = [k for k, size in enumerate(r.sizes()) if size == 1 and r.axes[k] != 0]
    n = len(r.axes)
    gone = {axis % n for axis in axes}
    if not all(r.axes[k] is None for k in gone):
        r.plain()
        refuse(0 in gone, "it leaves out the samples")
        sizes = [size for k, size in enumerate(r.shape, 1) if k not in gone]
        return r.add_features(layers.Reshape(sizes))
    for k in sorted(gone, reverse=True):
        squeeze_axis(r, k)
    return None


def squeeze_axis(r: Reader, axis: int) -> None:
    """Leaves out an axis that only ONNX has."""
    k = axis % len(r.axes)
    r.axes = r.axes[:k] + r.axes[k + 1 :]


def unsqueeze(r: Reader, node: Node) -> None:
    """Adds axes of size 1."""
    axes = node.numbers("axes", 1) or []
    found = list(r.axes)
    for axis in sorted(axis % (len(r.axes) + len(axes)) for axis in axes):
        found.insert(axis, None)
    r.axes = tuple(found)


def nothing(r: Reader, node: Node) -> None:
    """No layer for X itself."""


def cast(r: Reader, node: Node) -> None:
    """No layer: a model computes in one dtype, and an Embedding makes its inputs integers."""
    kind = onnx_package().helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    r.whole = kind.kind in "iu"
    refuse(kind.kind not in "fiu", f"it makes {kind}")


def same_numbers(sizes: list[int], shape: Shape) -> bool:
    """Whether a target of Reshape, without the batch axis, has as many numbers as a sample."""
    known, whole = math.prod(n for n in sizes if n != -1), math.prod(shape)
    return whole % known == 0 if -1 in sizes else whole == known


SHAPE_OPERATORS: dict[str, Reading] = {
    "Cast": cast,
    "Flatten": flatten,
    "Identity": nothing,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
"""What each operator is read into."""
