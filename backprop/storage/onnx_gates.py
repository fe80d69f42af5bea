"""Activations that ONNX spells as several nodes: x times a gate that is computed from x."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.layers import GELU, Layer, SiLU

GAUSS = (("Div", math.sqrt(2)), ("Erf", None), ("Add", 1.0))
"""1 + erf(x / √2), which is 2 Φ(x), node by node with its constant."""


def gated(graph: Any, value: str, constants: dict[str, Array]) -> tuple[Layer, str] | None:
    """The activation that begins with a value, and the name of its output; None if there is none.

    They are x σ(x) and x (1 + erf(x / √2)) / 2.
    """
    readers = readers_of(graph, value)
    products = [node for node in readers if node.op_type == "Mul"]
    if len(readers) != 2 or len(products) != 1:
        return None
    (product,) = products
    if follow(graph, value, (("Sigmoid", None),), constants, product):
        return SiLU(), str(product.output[0])
    if follow(graph, value, GAUSS, constants, product):
        halves = readers_of(graph, product.output[0])
        if len(halves) == 1 and is_step(halves[0], ("Mul", 0.5), constants):
            return GELU(), str(halves[0].output[0])
    return None


def readers_of(graph: Any, value: str) -> list[Any]:
    """The nodes that a value goes to."""
    return [node for node in graph.node if value in node.input]


def is_step(node: Any, step: tuple[str, float | None], constants: dict[str, Array]) -> bool:
    """Whether a node is this operator with this constant."""
    operator, number = step
    given = [constants[name] for name in node.input if name in constants]
    same = [A.size == 1 and np.isclose(A.item(), number or 0.0, rtol=1e-6) for A in given]
    return bool(node.op_type == operator and same == ([] if number is None else [True]))


def follow(
    graph: Any,
    value: str,
    steps: tuple[tuple[str, float | None], ...],
    constants: dict[str, Array],
    product: Any,
) -> bool:
    """Whether these steps lead from a value to the gate that the product multiplies it with."""
    gate = value
    for step in steps:
        fitting = [n for n in readers_of(graph, gate) if n is not product]
        if len(fitting) != 1 or not is_step(fitting[0], step, constants):
            return False
        gate = fitting[0].output[0]
    alone = len(readers_of(graph, gate)) == 1
    return alone and sorted(product.input) == sorted([value, gate])
