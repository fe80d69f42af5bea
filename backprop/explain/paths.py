"""The chain rule written out: every path from a unit to the loss, and the sum of their products."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np

from backprop.core.checks import check_position
from backprop.core.frozen import of_result
from backprop.core.types import Array
from backprop.explain.names import Names, function_name, name_layers
from backprop.explain.record import LayerRecord, Record
from backprop.explain.text import format_numbers
from backprop.layers.block import walk
from backprop.plotting.nodes import unit_name

MOST_PATHS = 10_000
"""More paths are not listed: their number is the product of the widths of the layers."""

_PRINTED = 20


class Factor(NamedTuple):
    """One derivative of a path.

    Attributes:
        name: ``∂z₁⁽²⁾/∂a₁⁽¹⁾``.
        formula: What it is: ``w₁₁⁽²⁾``.
        value: Its number.

    Example:
        >>> layers = [bp.layers.Dense(1, False, "ones"), bp.layers.Dense(1, False, "ones")]
        >>> model = bp.Sequential(layers)
        >>> model.compile("sgd", "half_squared_error")
        >>> model.explain([2.0], [5.0]).paths("dense_1").paths[0].factors[0]
        Factor(name='∂z₁⁽²⁾/∂z₁⁽¹⁾', formula='w₁₁⁽²⁾', value=1.0)
    """

    name: str
    formula: str
    value: float


class Path(NamedTuple):
    """A way through the network, unit by unit, and the derivatives along it.

    Attributes:
        units: The units that it visits: ``a₁⁽¹⁾``, ``z₁⁽²⁾``, …, ``E``.
        factors: The derivative of each unit by the one before it.

    Example:
        >>> layers = [bp.layers.Dense(1, False, "ones"), bp.layers.Dense(1, False, "ones")]
        >>> model = bp.Sequential(layers)
        >>> model.compile("sgd", "half_squared_error")
        >>> model.explain([2.0], [5.0]).paths("dense_1").paths[0].units
        ('z₁⁽¹⁾', 'z₁⁽²⁾', 'E')
    """

    units: tuple[str, ...]
    factors: tuple[Factor, ...]

    @property
    def product(self) -> float:
        """The path's share of the derivative."""
        return math.prod(factor.value for factor in self.factors)

    def __str__(self) -> str:
        values = [_number(factor.value) for factor in self.factors]
        values = [f"({value})" if value.startswith("-") else value for value in values]
        return "\n".join(
            [
                " → ".join(self.units),
                "  " + " · ".join(factor.name for factor in self.factors),
                "  = " + " · ".join(factor.formula for factor in self.factors),
                f"  = {' · '.join(values)} = {_number(self.product)}",
            ]
        )


@of_result
@dataclass(frozen=True)
class Paths(Sequence[Path]):
    """All paths from a unit to the loss, in order; ``print`` shows them.

    Attributes:
        derivative: What they sum to, such as ``∂E/∂a₁⁽¹⁾``.
        paths: The paths.
        backpropagated: The same derivative as the backward pass computed it.

    Example:
        >>> layers = [bp.layers.Dense(1, False, "ones"), bp.layers.Dense(1, False, "ones")]
        >>> model = bp.Sequential(layers)
        >>> model.compile("sgd", "half_squared_error")
        >>> print(model.explain([2.0], [5.0]).paths("dense_1"))
        ∂E/∂z₁⁽¹⁾ is the sum over 1 path to the loss:
        path 1: z₁⁽¹⁾ → z₁⁽²⁾ → E
            ∂z₁⁽²⁾/∂z₁⁽¹⁾ · ∂E/∂z₁⁽²⁾
            = w₁₁⁽²⁾ · ∂E/∂z₁⁽²⁾
            = 1 · (-3) = -3
        sum: -3; backpropagation: -3
    """

    derivative: str
    paths: tuple[Path, ...]
    backpropagated: float

    @property
    def total(self) -> float:
        """The sum of the products."""
        return math.fsum(path.product for path in self.paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return self.paths[index]

    def __len__(self) -> int:
        return len(self.paths)

    def __str__(self) -> str:
        count = f"{len(self)} path" + "s" * (len(self) != 1)
        lines = [f"{self.derivative} is the sum over {count} to the loss:"]
        for number, path in enumerate(self.paths[:_PRINTED], 1):
            first, *rest = str(path).split("\n")
            lines += [f"path {number}: {first}", *(f"  {line}" for line in rest)]
        if len(self) > _PRINTED:
            lines.append(f"… and {len(self) - _PRINTED} more")
        lines.append(f"sum: {_number(self.total)}; backpropagation: {_number(self.backpropagated)}")
        return "\n".join(lines)


def find_paths(record: Record, layer: int, unit: int, sample: int) -> Paths:
    """All paths from a unit to the loss.

    Args:
        record: The pass.
        layer: The index of the layer whose output the unit belongs to; −1 for the input.
        unit: The unit, from 0.
        sample: The sample, from 0.

    Raises:
        ValueError: There is no such unit or sample, there are too many paths, or a layer is not a
            function from one vector to another, sample by sample, or adds to the loss.
    """
    names = name_layers(record.layers, single=True)
    above = list(zip(record.layers, names, strict=True))[layer + 1 :]
    outputs = record.layers[layer].Y if layer >= 0 else record.data.X
    gradient = record.layers[layer].delta if layer >= 0 else record.layers[0].delta_input
    source = names[layer].y if layer >= 0 else names[0].x
    for array in (outputs, *(own.Y for own, _ in above)):
        if array.ndim != 2:
            raise ValueError(
                f"paths need layers whose outputs are vectors, shape (N, n), but one has the "
                f"shape {array.shape}: begin behind it, such as at Flatten or a later layer."
            )
    sample = check_position(sample, "sample", len(outputs))
    unit = check_position(unit, "unit", outputs.shape[1])
    for _, inner in walk(own.layer for own, _ in above):
        if inner.penalizes:
            raise ValueError(
                f"{inner} adds to the loss on the way, so that the paths do not give the whole "
                f"derivative: begin behind it."
            )
    steps = [(own, name, _jacobian(own, sample)) for own, name in above]
    number = _count(steps, record.prediction.shape[1])[unit] if steps else 1
    if number > MOST_PATHS:
        raise ValueError(
            f"{number:,.0f} paths lead from {unit_name(source, unit)} to the loss, and at most "
            f"{MOST_PATHS:,} are listed: choose a later layer, or a smaller network."
        )
    begun = [(unit, Path((unit_name(source, unit),), ()))]
    for own, name, jacobian in steps:
        begun = [
            (target, Path((*path.units, unit_name(name.y, target)), (*path.factors, factor)))
            for at, path in begun
            for target, factor in _factors(own, name, jacobian, sample, at)
        ]
    paths = []
    for at, path in begun:
        by_last = f"∂E/∂{path.units[-1]}"
        end = Factor(by_last, by_last, float(record.layers[-1].delta[sample, at]))
        paths.append(Path((*path.units, "E"), (*path.factors, end)))
    backpropagated = math.nan if gradient is None else float(gradient[sample, unit])
    return Paths(f"∂E/∂{unit_name(source, unit)}", tuple(paths), backpropagated)


def _factors(
    layer: LayerRecord, names: Names, jacobian: Array | None, sample: int, unit: int
) -> list[tuple[int, Factor]]:
    """The units that a unit of a layer's input acts on, and their derivatives by it."""
    below = unit_name(names.x, unit)
    if layer.slope is not None:
        values = {unit: float(layer.slope[sample, unit])}
    elif jacobian is None:
        values = dict(enumerate(map(float, layer.W[unit])))
    else:
        values = {int(k): float(jacobian[unit, k]) for k in np.flatnonzero(jacobian[unit])}
    found = []
    for target, value in values.items():
        name = f"∂{unit_name(names.y, target)}/∂{below}"
        formula = name
        if layer.slope is not None:
            formula = f"{function_name(layer)}′({below})"
        elif jacobian is None:
            formula = unit_name(f"w{names.level}", unit, target)
        found.append((target, Factor(name, formula, value)))
    return found


def _jacobian(layer: LayerRecord, sample: int) -> Array | None:
    """∂Y_k/∂X_i of one sample, shape ``(n_in, n_out)``; None where W or f′ holds it already."""
    if layer.slope is not None or layer.weights is not None:
        return None
    return layer.jacobian(sample)


def _count(steps: Sequence[tuple[LayerRecord, Names, Array | None]], outputs: int) -> Array:
    """The number of paths to the loss from each unit that the first step starts at."""
    counts = np.ones(outputs)
    for layer, _, jacobian in reversed(steps):
        if jacobian is not None:
            counts = (jacobian != 0) @ counts
        elif layer.slope is None:
            counts = np.full(layer.X.shape[1], counts.sum())
    return counts


def _number(value: float) -> str:
    return format_numbers(np.array([value]))[0]
