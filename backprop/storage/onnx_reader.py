"""What an ONNX graph is read into: a chain of layers, their weights, and the order of the axes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array, Shape
from backprop.layers import Layer, Permute, Reshape

HALF = -1
"""Stands in ``Reader.axes`` for the two directions that the first half of the last axis counts."""


class Node(NamedTuple):
    """A node of a chain.

    Attributes:
        operator: The operator.
        attributes: The attributes that are given.
        inputs: The names of the inputs.
        given: The constants among the inputs, None where there is none.
        place: Which of the inputs is the value that the chain hands on.
        output: Which of the outputs is handed on.
    """

    operator: str
    attributes: dict[str, Any]
    inputs: list[str]
    given: list[Array | None]
    place: int
    output: int

    def constant(self, k: int, default: Any = None) -> Any:
        """The constant that is input k; the default if there is none."""
        found = self.given[k] if k < len(self.given) else None
        return default if found is None else found

    def needed(self, k: int) -> Array:
        """The constant that is input k.

        Raises:
            ValueError: There is none.
        """
        found = self.constant(k)
        if found is None:
            raise ValueError(f"its input {k} is no constant")
        return np.asarray(found)

    def numbers(self, name: str, k: int) -> list[int] | None:
        """Integers that are an attribute, or in newer operators input k; None if left out."""
        found = self.attributes.get(name, self.constant(k))
        return None if found is None else [int(n) for n in np.ravel(found)]


class Reader:
    """The layers so far, and how their output lies in the tensor that the graph has there.

    ONNX has channels second, backprop last. The axes of the two are turned against each other by
    need, not at every node: ``axes`` says for each axis of ONNX's tensor which axis of backprop's
    array it is; None is an axis of size 1 that only ONNX has.

    Args:
        shape: The shape of one sample of the input.

    Attributes:
        axes: The axes.
        shape: The shape of one sample of the last layer's output.
        layers: The layers.
        weights: The parameters of each of them.
        turned: Whether the array has its steps from the last to the first.
        whole: Whether ONNX's tensor has been cut to whole numbers.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.axes: tuple[int | None, ...] = tuple(range(len(shape) + 1))
        self.layers: list[Layer] = []
        self.weights: list[list[Array]] = []
        self.turned = self.whole = False

    @property
    def last(self) -> Layer | None:
        """The last layer."""
        return self.layers[-1] if self.layers else None

    @property
    def is_plain(self) -> bool:
        """Whether the axes are in ONNX's order."""
        return self.axes == tuple(range(len(self.shape) + 1))

    def add(self, layer: Layer, *weights: Array) -> None:
        """Adds a layer that changes the order of no axes."""
        self.shape = tuple(layer.output_shape(self.shape))
        self.layers.append(layer)
        self.weights.append(list(weights))

    def replace(self, layer: Layer, *weights: Array) -> None:
        """Puts a layer in the place of the last one, which makes the same shape."""
        self.layers[-1], self.weights[-1] = layer, list(weights)

    def add_features(self, layer: Layer, *weights: Array) -> None:
        """Adds a layer whose output has its axes in ONNX's order."""
        self.plain()
        self.add(layer, *weights)
        self.axes = tuple(range(len(self.shape) + 1))

    def arrange(self, *wanted: int) -> None:
        """Brings the array's axes into an order in which ONNX's are these, by a layer if needed.

        Raises:
            ValueError: The samples would not come first.
        """
        if None in self.axes:
            self.own_all_axes()
        if self.axes == wanted:
            return
        if HALF in self.axes or self.axes.index(0) != wanted.index(0):
            raise ValueError("its samples are not where they must be")
        before = dict(zip(wanted, self.axes, strict=True))
        self.add(Permute([before[axis] or 0 for axis in range(1, len(wanted))]))
        self.axes = wanted

    def own_all_axes(self) -> None:
        """Gives the array those axes of size 1 that only ONNX's tensor has."""
        ours = [axis for axis in self.axes if axis is not None]
        if ours == list(range(len(ours))) and self.axes[0] == 0:
            self.add(Reshape(self.sizes()[1:]))
            self.axes = tuple(range(len(self.axes)))
            return
        more = iter(range(len(ours), len(self.axes)))
        self.axes = tuple(next(more) if axis is None else axis for axis in self.axes)
        self.add(Reshape((*self.shape, *[1] * (len(self.axes) - len(ours)))))

    def plain(self) -> None:
        """Brings the axes into ONNX's order."""
        self.arrange(*range(len(self.axes)))

    def channels_last(self) -> None:
        """Brings ONNX's axis 1 to the end, the others in order before it."""
        n = len(self.axes) - 1
        self.arrange(0, n, *range(1, n))

    def of_axis(self, axis: int) -> int | None:
        """The array's axis that ONNX's axis is, which may be counted from the end."""
        return self.axes[axis % len(self.axes)]

    def sizes(self) -> list[int]:
        """The sizes of ONNX's tensor, 1 for the batch axis."""
        shape = (1, *self.shape)
        return [1 if axis is None else shape[axis] for axis in self.axes]

    def in_our_order(self, A: Array) -> Array:
        """A constant that broadcasts over ONNX's tensor as one of the shape of a sample."""
        full = np.broadcast_to(A, self.sizes())
        order = [k for k, axis in enumerate(self.axes) if axis is not None]
        order.sort(key=lambda k: self.axes[k] or 0)
        return full.transpose(*order, *(k for k in range(full.ndim) if k not in order)).reshape(
            self.shape
        )
