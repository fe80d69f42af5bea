"""The picture of a pass: which arrays of the record are drawn, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backprop.core.checks import check_position
from backprop.core.durable import FilePath
from backprop.core.types import Array
from backprop.explain.names import delta_definition, function_name, name_layers
from backprop.explain.record import LayerRecord, Record
from backprop.plotting.heat_maps import heat_maps
from backprop.plotting.network import MOST_UNITS, Side, network_diagram
from backprop.plotting.nodes import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_STAGES = 8
_MOST_TILES = 16  # channels or filters of a heat map, beside each other


def draw(record: Record, path: FilePath | None, sample: int) -> Figure:
    """Draws a pass as nodes and edges, or as heat maps where nodes would not be legible.

    Raises:
        ValueError: There is no such sample.
    """
    sample = check_position(sample, "sample", len(record.data))
    columns = stages(record.layers)
    if 0 < len(columns) <= _MOST_STAGES:
        return _network(record, columns, path, sample)
    return _maps(record, path, sample)


def stages(layers: list[LayerRecord]) -> list[tuple[int, int]]:
    """Each layer of weights with what follows it up to the next, as (first, last) positions.

    Empty if the layers are not a chain of columns of units with weights between them, or if a
    column has too many units for a drawing.
    """
    widths = [layers[0].X[0].size, *(layer.Y[0].size for layer in layers)]
    starts = [k for k, layer in enumerate(layers) if layer.weights is not None]
    between = [layer for k, layer in enumerate(layers) if k not in starts]
    columns = all(layer.X.ndim == 2 for layer in layers)
    if not (starts and columns and max(widths) <= MOST_UNITS) or any(
        "W" in own.parameters or own.X.shape != own.Y.shape for own in between
    ):
        return []
    return list(zip(starts, [*(k - 1 for k in starts[1:]), len(layers) - 1], strict=True))


def _network(
    record: Record, stages: list[tuple[int, int]], path: FilePath | None, sample: int
) -> Figure:
    names = name_layers(record.layers, single=True)
    dense = [record.layers[start] for start, _ in stages]
    last = [record.layers[stop] for _, stop in stages]
    heads = [names[stages[0][0]].x]
    for start, stop in stages:
        head = names[stop].y
        if stop == start + 1:
            head += f" = {function_name(record.layers[stop])}({names[start].y})"
        heads.append(head)
    goals = record.target
    if goals.shape != record.prediction.shape:  # class indices
        goals = np.equal.outer(goals, np.arange(record.prediction.shape[-1])).astype(float)
    first = dense[0]
    inputs = np.zeros_like(first.X) if first.delta_input is None else first.delta_input
    below: list[list[str]] = [[""] * first.X.shape[1]]  # what stands there: nothing at the inputs
    below_back = below.copy()
    for own, behind in zip(dense, last, strict=True):
        nothing = [""] * own.Y.shape[1]
        below.append(_notes("b", own.b) if "b" in own.parameters else nothing)
        lines = [] if behind is last[-1] else [_notes("∂E/∂a", behind.delta[sample])]
        if "b" in own.parameters and not np.allclose(own.db, own.delta[sample]):
            lines.append(_notes("∂E/∂b", own.db))  # which is δ for a single sample
        below_back.append(["\n".join(each) for each in zip(*lines, strict=True)] or nothing)
    forward = Side(
        nodes=[first.X[sample], *(layer.Y[sample] for layer in last)],
        edges=[layer.W for layer in dense],
        notes=below,
        heads=heads,
        ends=[f"target {short(goal)}" for goal in goals[sample]],
        loss=f"E = {record.loss:.6g}",
        back=False,
    )
    backward = Side(
        nodes=[inputs[sample], *(layer.delta[sample] for layer in dense)],
        edges=[layer.dW for layer in dense],
        notes=below_back,
        heads=[f"∂E/∂{heads[0]}", *(delta_definition(names[start].y) for start, _ in stages)],
        ends=[f"∂E/∂ŷ = {short(d)}" for d in last[-1].delta[sample]],
        loss="E",
        back=True,
    )
    return network_diagram(forward, backward, _caption(record, sample), path)


def _notes(name: str, values: Array) -> list[str]:
    return [f"{name} = {short(value)}" for value in values]


def _maps(record: Record, path: FilePath | None, sample: int) -> Figure:
    names = name_layers(record.layers, single=True)
    pairs = []

    def add(name: str, values: Array, derivative: str, derivatives: Array | None) -> None:
        if derivatives is not None:  # inputs such as indices of words have none
            pairs.append((name, values, derivative, derivatives))

    def add_sample(name: str, values: Array, derivative: str, derivatives: Array | None) -> None:
        shown = None if derivatives is None else _shaped(derivatives[sample])
        add(name, _shaped(values[sample]), derivative, shown)

    first = record.layers[0]
    add_sample("x", first.X, "∂E/∂x", first.delta_input)
    below = ""
    for layer, own in zip(record.layers, names, strict=True):
        for name, p in layer.parameters.items():
            if p.value.ndim > 1:
                symbol = own.parameter(name)
                value, gradient = _kernel(layer, p.value), _kernel(layer, p.gradient)
                add(symbol, value, f"∂E/∂{symbol}", gradient)
        if layer.activation is None:
            # an activation stands beside δ at its pre-activation
            inner = layer.is_activation and below and layer.delta_input is not None
            shown = layer.delta_input if inner else layer.delta
            add_sample(own.y, layer.Y, delta_definition(below if inner else own.y), shown)
        below = own.y if layer.activation is not None else ""
    return heat_maps(
        pairs,
        f"{_caption(record, sample)} E = {record.loss:.6g}. A weight in row i and column j leads "
        f"from unit i to unit j.",
        path,
    )


def _flat(array: Array) -> Array:
    """At most two axes: (H, W, C) -> (H·W, C), without axes of length 1."""
    array = np.squeeze(array)
    return array if array.ndim < 3 else array.reshape(-1, array.shape[-1])


def _shaped(array: Array) -> Array:
    """A sample ``(H, W, C)`` as an image, all else flat."""
    small = array.ndim == 3 and array.shape[-1] <= _MOST_TILES
    return array if small else _flat(array)


def _kernel(layer: LayerRecord, array: Array) -> Array:
    """A kernel as ``(h, w, channels, filters)``, other parameters flat."""
    axes = getattr(layer.layer, "kernel_axes", None)
    if axes is None or array.ndim != 4 or max(array.shape[2:]) > _MOST_TILES:
        return _flat(array)
    return array if axes == ("channel", "filter") else array.swapaxes(2, 3)


def _caption(record: Record, sample: int) -> str:
    if record.single:
        return "One sample. A unit's δ is its ∂E/∂b too."
    return (
        f"Activations and δ are those of sample {sample} of {len(record.data)} (from 0); E and the "
        f"gradients of weights and biases are those of the whole batch."
    )
