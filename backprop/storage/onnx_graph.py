"""An ONNX graph that grows node by node: what the conversions of layers are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from backprop.core.errors import said
from backprop.core.types import Array
from backprop.layers import Activation, Layer

Mask = str | None
"""The name of a mask, booleans ``(N, T)``; None where no step is padding."""

Result = str | tuple[str, Mask]
"""What a conversion returns: the name of Y; with the name of its mask if that is another one."""

Conversion = Callable[[Any, "Graph", str, Mask], Result]
"""A function of the layer, the graph, the names of X and of its mask that adds the nodes of Y."""

HOW = """give its class a method that adds the same formula to the graph, such as

    def onnx(self, graph, x):  # Y = 2 X
        return graph.add("Mul", x, 2.0)"""


def onnx_package() -> Any:
    """The package ``onnx``, which only files of that format need.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "ONNX files need the package onnx, which is not installed: pip install onnx."
        ) from error
    return onnx


def check_same_formula(layer: Any) -> None:
    """Checks that the ``onnx`` of a layer of one's own is no older than what it computes.

    Raises:
        TypeError: It is inherited from a class whose formula the layer's class has replaced.
    """
    kinds = [kind for kind in type(layer).__mro__ if kind not in (Layer, Activation)]
    (first, *_) = (k for k, kind in enumerate(kinds) if "onnx" in vars(kind))
    newer, older = (
        [kind for kind in part if {"forward", "f"} & vars(kind).keys()]
        for part in (kinds[:first], kinds[first:])
    )
    if newer and older:
        raise TypeError(
            f"{layer} cannot be exported: {newer[0].__name__} has a formula of its own, but the "
            f"onnx of {older[0].__name__}: {HOW}"
        )


class Graph:
    """The nodes, constants and names of a graph.

    Values are known by their names. A conversion gets the name of a layer's input, adds nodes, and
    returns the name of the layer's output. So does a layer of your own, by a method ``onnx``::

        class Scale(Layer):
            def make_parameters(self, input_shape):
                self.gamma = self.add_parameter("gamma", input_shape[-1:], "ones")

            def forward(self, X, training=False):  # Y = X ⊙ γ
                return X * self.gamma.value

            def onnx(self, graph, x):  # the same as nodes of a graph
                return graph.add("Mul", x, self.gamma.value)

    Arrays have their samples in front and their channels last, as everywhere in backprop: an
    operator that wants channels first stands between two ``Transpose``. A layer with ``takes_mask``
    is given ``onnx(graph, x, mask)``, where mask is the name of booleans ``(N, T)``, or None. One
    that changes the mask returns the name of its output and that of the new mask, or None.

    Args:
        dtype: The dtype that the model computes in.
        table: The conversions by the class of the layer.
        taken: The names that are given away; those of the outer graph for one inside a node.

    Attributes:
        dtype: The dtype.
        nodes: The nodes in order.
        constants: The tensors by name.
    """

    def __init__(
        self,
        dtype: np.dtype[Any],
        table: Mapping[type, Conversion],
        taken: set[str] | None = None,
    ) -> None:
        self.dtype, self.table = dtype, table
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}
        self.taken: set[str] = set() if taken is None else taken
        self.transposed: dict[str, tuple[str, list[int]]] = {}  # of what, and how
        self.way = ""
        self.deep = False  # whether a mask tells steps within the steps apart

    # ---------------------------------------------------------------------------------- to add to

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Adds a node, and returns the name of its first output.

        Args:
            operator: The operator's name in ONNX's standard domain, opset 21: ``"MatMul"``.
            *inputs: Names of values; arrays and numbers become constants; None leaves one out.
            **attributes: The operator's attributes.
        """
        if operator == "Transpose":
            return self.transpose(inputs[0], attributes["perm"])
        return self.node(operator, inputs, 1, **attributes)[0]

    def node(
        self, operator: str, inputs: Sequence[Any], n_outputs: int, **attributes: Any
    ) -> list[str]:
        """Adds a node, and returns the names of its outputs."""
        names = ["" if i is None else i if isinstance(i, str) else self.constant(i) for i in inputs]
        outputs = [self.name(operator) for _ in range(n_outputs)]
        make = onnx_package().helper.make_node
        self.nodes.append(make(operator, names, outputs, name=outputs[0], **attributes))
        return outputs

    def constant(self, value: Any, name: str = "constant") -> str:
        """The name of a constant: float64 becomes the model's dtype, all integers int64."""
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(self.dtype)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        known = self.name(name, ".")
        self.constants[known] = np.ascontiguousarray(array).reshape(array.shape)
        return known

    def transpose(self, x: str, perm: Sequence[int]) -> str:
        """The axes in another order; what undoes the node before is not added, but left out."""
        perm = [int(axis) for axis in perm]
        if x in self.transposed:
            before, first = self.transposed[x]
            return self.transpose(before, [first[axis] for axis in perm])
        if perm == sorted(perm):
            return x
        y = self.node("Transpose", [x], 1, perm=perm)[0]
        self.transposed[y] = x, perm
        return y

    def reshape(self, x: str, *sizes: int) -> str:
        """The same numbers in another shape; 0 keeps the size of an axis, −1 follows from others.

        Args:
            x: The array.
            *sizes: The sizes, that of the batch in front.
        """
        return self.add("Reshape", x, np.array(sizes))

    def cast(self, x: str, dtype: Any) -> str:
        """The numbers in another dtype of NumPy."""
        kind = onnx_package().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", x, to=kind)

    # -------------------------------------------------------------------------------- whole layers

    def layer(self, layer: Any, x: str, mask: Mask) -> tuple[str, Mask]:
        """Adds a layer, and returns the names of its output and of the mask that goes with it.

        Raises:
            TypeError: Nobody has said how to express it.
        """
        with self.inside(layer.name):
            own = getattr(type(layer), "onnx", None)
            if own is not None:
                check_same_formula(layer)
                made = own(layer, self, x, mask) if layer.takes_mask else own(layer, self, x)
            elif type(layer) in self.table:
                made = self.table[type(layer)](layer, self, x, mask)
            else:
                kind = type(layer).__name__
                raise TypeError(
                    f"{layer} at {self.way!r} cannot be exported, since {kind} is a class of your "
                    f"own or holds your own functions: {HOW}"
                )
        found = (made, mask) if isinstance(made, str) else made
        if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], str)):
            raise TypeError(
                f"onnx of {layer} must return the name of its output, as graph.add does, or that "
                f"and the name of a mask, but it returned {said(made)}."
            )
        return found

    def layers(self, layers: Iterable[Any], x: str, mask: Mask = None) -> tuple[str, Mask]:
        """Adds layers one after the other."""
        for layer in layers:
            x, mask = self.layer(layer, x, mask)
        return x, mask

    @contextmanager
    def inside(self, name: str | None) -> Iterator[None]:
        """Names what is added inside by the way to a layer: ``residual_1.dense_2``."""
        before = self.way
        self.way = ".".join(part for part in (before, name) if part)
        try:
            yield
        finally:
            self.way = before

    def name(self, what: str, dot: str = "/") -> str:
        """A name that nothing has yet: ``dense_1/Gemm``, ``dense_1.W``."""
        full = f"{self.way}{dot}{what}" if self.way else what
        found, k = full, 1
        while found in self.taken:
            k += 1
            found = f"{full}_{k}"
        self.taken.add(found)
        return found

    # ------------------------------------------------------------------------------ the whole graph

    def body(self) -> Graph:
        """An empty graph for the inside of a node, whose names are none of the others."""
        inner = Graph(self.dtype, self.table, self.taken)
        inner.way = self.way
        return inner

    def finish(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """ONNX's own form of the graph, without what no output needs.

        The inputs and outputs are what ``value`` makes of them.
        """
        onnx = onnx_package()
        needed, kept = {value.name for value in outputs}, []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(names_read(node))
        tensors = [
            onnx.numpy_helper.from_array(array, known)
            for known, array in self.constants.items()
            if known in needed
        ]
        return onnx.helper.make_graph(kept[::-1], name, inputs, outputs, tensors)

    def value(self, name: str, shape: Sequence[int | str], dtype: Any = None) -> Any:
        """An input or output: its name, its shape, with a word for a free size, and its dtype."""
        helper = onnx_package().helper
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype if dtype is None else dtype))
        return helper.make_tensor_value_info(name, kind, list(shape))


def names_read(node: Any) -> Iterator[str]:
    """The names of the values that a node reads, those of graphs inside it too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from names_read(inner)
