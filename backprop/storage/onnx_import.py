"""Models from ONNX files: chains of the operators that ``export`` writes, and blocks of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from backprop.core.durable import FilePath, check_file
from backprop.core.errors import CorruptFileError
from backprop.core.file_kinds import check_regular, foreign_kind
from backprop.core.types import Array, Shape
from backprop.layers import Identity
from backprop.storage.onnx_export import OPSET
from backprop.storage.onnx_gates import gated, readers_of
from backprop.storage.onnx_graph import onnx_package
from backprop.storage.onnx_joins import join_of, read_ways
from backprop.storage.onnx_operators import OPERATORS
from backprop.storage.onnx_operators_images import IMAGE_OPERATORS
from backprop.storage.onnx_operators_sequences import SEQUENCE_OPERATORS
from backprop.storage.onnx_operators_shapes import SHAPE_OPERATORS
from backprop.storage.onnx_reader import Node, Reader

M = TypeVar("M")

KNOWN = OPERATORS | SHAPE_OPERATORS | IMAGE_OPERATORS | SEQUENCE_OPERATORS
"""By operator, what it is read into."""


def import_onnx(model_class: type[M], path: FilePath) -> M:
    """The model that an ONNX file holds, with its weights; it is not compiled.

    Args:
        model_class: ``Sequential``.
        path: The file.

    Raises:
        ImportError: The package ``onnx`` is not installed.
        FileNotFoundError: There is no such file.
        CorruptFileError: It is no ONNX file, or damaged.
        ValueError: It holds what is no chain of layers; the message names the node and its
            operator.
    """
    name = check_file(path)
    origin = repr(name)
    try:
        check_regular(name)
        return read_model(model_class, load_graph(name, origin), origin)
    except (ImportError, OSError):
        raise
    except Exception as error:  # whatever onnx and NumPy make of damage
        if str(error).startswith(origin):
            raise
        raise CorruptFileError(
            f"{origin} is damaged, or its parts do not fit together: {type(error).__name__}, "
            f"{error}"
        ) from error


def read_model(model_class: type[M], graph: Any, origin: str) -> M:
    """The model that a graph describes (see ``import_onnx``)."""
    constants = dict(constants_of(graph))
    fold_sizes(graph, constants)
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(
            f"{origin} has {len(inputs)} inputs and {len(graph.output)} outputs: a chain of layers "
            f"has one of each."
        )
    shape = sample_shape(inputs[0], origin)
    reader = Reader(shape)
    node = walk(reader, graph, inputs[0].name, constants, origin)
    with named(origin, node):
        reader.plain()
    double = graph.output[0].type.tensor_type.elem_type == onnx_package().TensorProto.DOUBLE
    kind: Any = model_class
    model = kind(reader.layers or [Identity()], dtype="float64" if double else "float32")
    model.build((None, *shape))
    model.set_weights([w for weights in reader.weights for w in weights])
    read: M = model
    return read


def load_graph(path: FilePath, origin: str) -> Any:
    """The graph of a file, its operators as they are since ``OPSET``.

    Raises:
        CorruptFileError: It is no ONNX file, or damaged.
        ValueError: It cannot be brought to that version.
    """
    onnx, name = onnx_package(), os.fsdecode(path)
    try:
        found = onnx.load(name)
        onnx.checker.check_model(found)
    except OSError:
        raise
    except Exception as error:  # whatever protobuf and onnx make of other files
        told = foreign_kind(name) or f"it is damaged, or newer than the installed onnx ({error})"
        raise CorruptFileError(f"{origin} is no ONNX file that can be read: {told}.") from error
    version = max((o.version for o in found.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if version < OPSET:
        try:
            found = onnx.version_converter.convert_version(found, OPSET)
        except Exception as error:  # whatever the converter makes of what it does not know
            raise ValueError(
                f"{origin} has operators of version {version}, which cannot be brought to version "
                f"{OPSET}: export it again with opset {OPSET}. ({error})"
            ) from error
    return found.graph


def constants_of(graph: Any) -> Iterator[tuple[str, Array]]:
    """The names of the graph's constants, and their numbers."""
    onnx = onnx_package()
    for tensor in graph.initializer:
        yield tensor.name, onnx.numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant":
            value = onnx.helper.get_attribute_value(node.attribute[0])
            array = value if not hasattr(value, "dims") else onnx.numpy_helper.to_array(value)
            yield node.output[0], np.asarray(array)


def fold_sizes(graph: Any, constants: dict[str, Array]) -> None:
    """Takes out what depends on the size of the batch alone, as the states do that begin with 0.

    Zeros of any shape become the constant 0, and a constant under another name stays one.
    """
    sizes: set[str] = set()
    for node in list(graph.node):
        inputs = [name for name in node.input if name]
        if node.op_type == "Identity" and inputs[0] in constants:
            constants[node.output[0]] = constants[inputs[0]]
        elif node.op_type == "Shape" or (
            sizes & set(inputs) and set(inputs) <= sizes | set(constants)
        ):
            if is_zeros(node, constants):
                constants[node.output[0]] = np.zeros(())
            else:
                sizes |= set(node.output)
            graph.node.remove(node)


def is_zeros(node: Any, constants: dict[str, Array]) -> bool:
    """Whether a node makes zeros of a shape that it is given."""
    if node.op_type == "Expand":
        return not np.any(constants.get(node.input[0], 1))
    numpy_helper = onnx_package().numpy_helper
    values = [numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"]
    return bool(node.op_type == "ConstantOfShape" and not np.any(values))


def sample_shape(value: Any, origin: str) -> Shape:
    """The shape of one sample of the input.

    Raises:
        ValueError: Another size than that of the batch is left open.
    """
    _, *sizes = value.type.tensor_type.shape.dim or [None]
    if not sizes or not all(size.dim_value for size in sizes):
        shown = [size.dim_param or size.dim_value or "?" for size in sizes]
        raise ValueError(
            f"{origin}: the input {value.name!r} has samples of shape {shown}: export it with a "
            f"batch axis in front and sizes for all the others."
        )
    return tuple(size.dim_value for size in sizes)


def walk(reader: Reader, graph: Any, value: str, constants: dict[str, Array], origin: str) -> Any:
    """Reads node after node, from a value to the output; returns the last node.

    Raises:
        ValueError: A node cannot be read.
    """
    end, node = graph.output[0].name, None

    def inside(branch: Reader, part: Any, begin: str) -> None:
        walk(branch, part, begin, constants, origin)

    while value != end:
        readers = readers_of(graph, value)
        activation = gated(graph, value, constants)
        if activation is not None:
            layer, value = activation
            reader.add(layer)
            continue
        node = readers[0] if len(readers) == 1 else join_of(graph, value)
        if node is None:
            names = " and ".join(map(shown, readers)) or "no node"
            raise ValueError(
                f"{origin}: {value!r} goes to {names}, but only chains and blocks can be read, in "
                f"which all ways are joined again by an Add, Sum, Mean, Max, Mul or Concat."
            )
        with named(origin, node):
            if len(readers) == 1:
                value = read_node(reader, node, value, constants, graph)
            else:
                value = read_ways(reader, graph, value, node, inside)
    return node


@contextmanager
def named(origin: str, node: Any) -> Iterator[None]:
    """Says in errors which node cannot be read."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if str(error).startswith(f"{origin}: "):
            raise  # a node inside a block
        reason = str(error).rstrip(".")
        raise ValueError(f"{origin}: {shown(node)} cannot be read: {reason}.") from error


def shown(node: Any) -> str:
    """What errors call a node."""
    return f"node {node.name or node.output[0]!r} ({node.op_type})"


def read_node(
    reader: Reader, node: Any, value: str, constants: dict[str, Array], graph: Any
) -> str:
    """Reads one node, and returns the name of the output that goes on.

    Raises:
        ValueError: It cannot be read.
    """
    if node.op_type not in KNOWN or node.domain not in ("", "ai.onnx"):
        raise ValueError(f"backprop reads chains of {', '.join(sorted(KNOWN))}")
    inputs = list(node.input)
    others = [i for i in inputs if i and i != value and i not in constants]
    if others or inputs.count(value) > 1:
        joined = ", ".join(map(repr, others)) or "itself"
        raise ValueError(
            f"it joins {value!r} with {joined}, but only chains and blocks can be read"
        )
    if reader.turned and node.op_type not in ("Squeeze", "Transpose", "Slice"):
        raise ValueError(
            "a layer before it reads backwards, and its states are not turned round by a Slice"
        )
    if reader.whole and node.op_type != "Gather":
        raise ValueError("a Cast before it makes whole numbers, which only an Embedding takes")
    wanted = {graph.output[0].name, *(name for other in graph.node for name in other.input)}
    read = [k for k, name in enumerate(node.output) if name in wanted]
    if len(read) != 1:
        raise ValueError(f"{len(read)} of its outputs are used, but in a chain it is one")
    value_of = onnx_package().helper.get_attribute_value
    attributes = {a.name: value_of(a) for a in node.attribute}
    given = [constants.get(name) for name in inputs]
    KNOWN[node.op_type](
        reader, Node(node.op_type, attributes, inputs, given, inputs.index(value), read[0])
    )
    return str(node.output[read[0]])
