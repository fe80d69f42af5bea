"""What an explanation calls things, and the rows that its derivation consists of."""

from collections.abc import Sequence
from typing import NamedTuple

from backprop.core.types import Array
from backprop.explain.record import LayerRecord
from backprop.layers import ReLU, Sigmoid, Softmax, Tanh
from backprop.layers.base import default_name

_FUNCTIONS = {Sigmoid: "σ", Tanh: "tanh", ReLU: "relu", Softmax: "softmax"}
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Row(NamedTuple):
    """A line of the derivation: a formula and what it comes to.

    Attributes:
        formula: In Unicode, such as ``z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾``.
        value: Its numbers; None for a formula without.
        after: For an update, what the value becomes.
        operands: The formula's right-hand side with its numbers put in: arrays and signs.
    """

    formula: str
    value: Array | None = None
    after: Array | None = None
    operands: tuple[Array | str, ...] = ()


class Section(NamedTuple):
    """A part of the derivation: rows under a title, and a remark below them.

    In title and remark, formulas stand between backticks.
    """

    title: str
    rows: list[Row]
    remark: str = ""


class Names(NamedTuple):
    """What the formulas call a layer's arrays.

    Attributes:
        x: The input.
        y: The output.
        level: The superscript of the parameters: ``⁽¹⁾``.
    """

    x: str
    y: str
    level: str

    def parameter(self, name: str) -> str:
        """W⁽¹⁾ for ``"W"``, γ⁽¹⁾ for ``"gamma"``."""
        return _GREEK.get(name, name) + self.level


def name_layers(layers: Sequence[LayerRecord], single: bool) -> list[Names]:
    """The names of every layer's arrays, in order.

    The superscript counts the layers with weights W, and what follows one bears its number: z⁽¹⁾ is
    its output, a⁽¹⁾ the activation, h⁽¹⁾ what any other layer makes of it. A second array of one
    kind gets a prime. Small letters are a single sample, capitals a batch.
    """
    names: list[Names] = []
    count = 0
    x = "x" if single else "X"
    for layer in layers:
        count += "W" in layer.parameters
        level = f"⁽{str(count).translate(_SUPERSCRIPTS)}⁾"
        letter = "z" if "W" in layer.parameters else "a" if layer.is_activation else "h"
        y = (letter if single else letter.upper()) + level
        while any(y == own.y for own in names):
            y = y.replace("⁽", "′⁽")
        names.append(Names(x, y, level))
        x = y
    return names


def delta_name(symbol: str) -> str:
    """δ⁽¹⁾ for z⁽¹⁾, ∂E/∂a⁽¹⁾ for a⁽¹⁾."""
    return f"δ{symbol[1:]}" if symbol[0] in "zZ" else f"∂E/∂{symbol}"


def delta_definition(symbol: str) -> str:
    """δ⁽¹⁾ = ∂E/∂z⁽¹⁾ for z⁽¹⁾, ∂E/∂a⁽¹⁾ for a⁽¹⁾: the left-hand side where it is computed."""
    return f"{delta_name(symbol)} = ∂E/∂{symbol}" if symbol[0] in "zZ" else delta_name(symbol)


def function_name(layer: LayerRecord) -> str:
    """σ, tanh, relu, softmax; else the class's name in small letters."""
    return _FUNCTIONS.get(type(layer.layer)) or default_name(layer.layer)


def title(layer: LayerRecord) -> str:
    """``dense_1 (Dense)``."""
    return f"{layer.name} ({type(layer.layer).__name__})"
