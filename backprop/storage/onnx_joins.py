"""Parts of an ONNX graph in which a value goes several ways that meet again: blocks of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from backprop.layers import Identity, Layer, Parallel, Residual
from backprop.storage.onnx_gates import readers_of
from backprop.storage.onnx_reader import Reader

MERGES = {
    "Sum": "add",
    "Mean": "average",
    "Max": "maximum",
    "Mul": "multiply",
    "Concat": "concatenate",
}
"""The operators that join the branches of a ``Parallel``; an Add is a ``Residual``'s."""

TURNS = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators without weights, which several ways may share."""

Walk = Callable[[Reader, Any, str], None]
"""Reads a graph from a value to its output."""


def join_of(graph: Any, value: str) -> Any:
    """The first node behind which nothing but its output is left of a value; None if none is."""
    ends = [output.name for output in graph.output]
    left = Counter({value: len(readers_of(graph, value)) + ends.count(value)})
    for node in graph.node:
        read = {name for name in node.input if left[name]}
        if not read:
            continue
        left.subtract(read)
        for name in node.output:
            left[name] += len(readers_of(graph, name)) + ends.count(name)
        if [name for name, count in left.items() if count] == [node.output[0]]:
            return node if node.op_type in ("Add", *MERGES) else None
    return None


def read_ways(reader: Reader, graph: Any, value: str, join: Any, walk: Walk) -> str:
    """Reads all that lies between a value and the node that joins its ways, as one block.

    Raises:
        ValueError: The ways share layers, or are joined as no block does.
    """
    ways = [way_to(graph, value, name) for name in join.input]
    shared = Counter(id(node) for nodes in ways for node in nodes if node.op_type not in TURNS)
    if len(ways) < 2 or max(shared.values(), default=0) > 1:
        raise ValueError("the ways that it joins share nodes")
    made = []
    for nodes, name in zip(ways, join.input, strict=True):
        branch = Reader(reader.shape)
        branch.axes = reader.axes
        walk(branch, SimpleNamespace(node=nodes, output=[SimpleNamespace(name=name)]), value)
        if branch.turned or branch.whole:
            raise ValueError("one of the ways that it joins ends within a layer")
        made.append(branch)
    axes = next((branch.axes for branch in made if not branch.layers), made[0].axes)
    for branch in made:
        branch.arrange(*(axis or 0 for axis in axes))
    block, inside = block_of(join, made)
    reader.add(block, *(w for branch in inside for weights in branch.weights for w in weights))
    reader.axes = axes
    return str(join.output[0])


def way_to(graph: Any, value: str, end: str) -> list[Any]:
    """The nodes between two values, in the order of the graph.

    Raises:
        ValueError: The second does not come from the first alone.
    """
    wanted, found = {end}, []
    for node in reversed(graph.node):
        if wanted & set(node.output) and value not in node.output:
            found.append(node)
            wanted |= set(node.input) - {value}
    if end != value and not any(value in node.input for node in found):
        raise ValueError(f"it joins {value!r} with {end!r}, which does not come from it")
    return found[::-1]


def block_of(join: Any, made: list[Reader]) -> tuple[Layer, list[Reader]]:
    """The block, and its ways in the order of its weights.

    Raises:
        ValueError: There is no such block.
    """
    if join.op_type != "Add":
        last = len(made[0].shape)
        axes = [a.i for a in join.attribute if a.name == "axis"]
        if axes and made[0].of_axis(axes[0]) != last:
            raise ValueError("it joins along another axis than the last one, that of the features")
        ways = [branch.layers or [Identity()] for branch in made]
        alone = [way[0] if len(way) == 1 else way for way in ways]
        return Parallel(alone, MERGES[join.op_type]), made
    around, through = sorted(made, key=lambda branch: bool(branch.layers))
    if not around.layers:
        return Residual(through.layers or [Identity()]), [through]
    around, through = made
    return Residual(through.layers, shortcut=around.layers), [through, around]
