"""ONNX graphs of the layers that hold layers."""

from __future__ import annotations

from functools import reduce
from typing import Any

from backprop import layers
from backprop.storage.onnx_graph import Conversion, Graph, Mask, Result
from backprop.storage.onnx_recurrent import both_ways, states
from backprop.storage.onnx_sequences import without_padding


def chain(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """f_L(… f_1(X))."""
    return graph.layers(layer.layers, x, mask)


def residual(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """S(X) + f(X), with the mask of f(X)."""
    y, behind = graph.layers(layer.layers, x, mask)
    around = x if layer.shortcut is None else graph.layer(layer.shortcut, x, mask)[0]
    return graph.add("Add", around, y), behind


def parallel(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """The branches' outputs, joined; with the steps that no branch leaves out."""
    made = [graph.layer(branch, x, mask) for branch in layer.branches]
    outputs, masks = [y for y, _ in made], [m for _, m in made]
    known = list(dict.fromkeys(m for m in masks if m is not None))
    behind: Mask = None
    if known and not (mask is not None and None in masks):
        behind = reduce(lambda one, other: graph.add("And", one, other), known)
    if len(outputs) == 1:
        return outputs[0], behind
    if layer.merge == "concatenate":
        return graph.add("Concat", *outputs, axis=-1), behind
    if layer.merge == "multiply":
        return reduce(lambda one, other: graph.add("Mul", one, other), outputs), behind
    if layer.merge == "average" and graph.dtype == "float64":  # ONNX Runtime has no Mean of it
        return graph.add("Mul", graph.add("Sum", *outputs), 1 / len(outputs)), behind
    joins = {"add": "Sum", "average": "Mean", "maximum": "Max"}
    return graph.add(joins[layer.merge], *outputs), behind


def time_distributed(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """Every step as a sample of its own."""
    if mask is not None and graph.deep:
        raise TypeError(
            f"{layer} cannot be exported with a mask of the steps within its steps: leave out the "
            f"mask, or export the layers inside it as a model of their own."
        )
    steps, *sizes = layer.input_shape
    each, _ = graph.layer(layer.layer, graph.reshape(x, -1, *sizes), None)
    _, *sizes = layer.output_shape(layer.input_shape)
    return graph.reshape(each, -1, steps, *sizes), mask


def bidirectional(layer: Any, graph: Graph, x: str, mask: Mask) -> Result:
    """F and B, joined; a padded step is 0."""
    whole = both_ways(layer, graph, x) if mask is None else None
    if whole is not None:
        return whole, None
    ways = [states(child, graph, x, mask, in_order=True) for child in layer.children]
    if layer.merge_mode == "concat":
        y = graph.add("Concat", *ways, axis=-1)
    else:
        y = graph.add("Mul" if layer.merge_mode == "mul" else "Add", *ways)
        if layer.merge_mode == "ave":
            y = graph.add("Mul", y, 0.5)
    if mask is None or not layer.return_sequences:
        return y, None
    return without_padding(graph, y, mask), mask


BLOCKS: dict[type, Conversion] = {
    layers.Chain: chain,
    layers.TransformerBlock: chain,
    layers.Residual: residual,
    layers.Parallel: parallel,
    layers.TimeDistributed: time_distributed,
    layers.Bidirectional: bidirectional,
}
"""The conversions by class."""
