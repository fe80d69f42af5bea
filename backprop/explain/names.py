"""What an explanation calls things, and the rows that its derivation consists of."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from backprop.core.lookup import default_name
from backprop.core.types import Array
from backprop.explain.record import LayerRecord
from backprop.explain.stated import stated

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_NUMBER = r"\d+(\.\d+)?(e[+−-]\d+)?"


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
        level: The superscript of the parameters: ``⁽¹⁾``, or ``′⁽¹⁾`` where a name is taken.
    """

    x: str
    y: str
    level: str

    def parameter(self, name: str) -> str:
        """W⁽¹⁾ for ``"W"``, γ⁽¹⁾ for ``"gamma"``."""
        return letter(name) + self.level


Symbols = Mapping[str, tuple[str, Array | None]]
"""For each name in a text, such as ``{W}``: its symbol, and its numbers if it has any."""


OPERATORS = "+−⊙·"
"""What may stand between the operands of a formula."""


def fill(text: str, symbols: Symbols, thing: object) -> tuple[str, tuple[Array | str, ...]]:
    """A formula as a layer or an optimizer states it, with symbols in the place of the names.

    ``+ {b}`` and ``{gamma} ⊙`` are left out if there is no such parameter, as is ``+ {b}_k``. Two
    braces stand for one: ``x_{{ij}}``.

    Args:
        text: The formula, such as ``{x} {W} + {b}``.
        symbols: What its names stand for.
        thing: Whose formula it is, ``{self}`` in the text.

    Returns:
        The formula, and its operands: none if there is more in it than arrays, numbers and signs.
    """
    text = re.sub(r"\{self.*?\}", lambda own: own[0].format(self=thing).replace("-", "−"), text)
    text = re.sub(r"([+−]) −(?=\d)", lambda sign: "− " if sign[1] == "+" else "+ ", text)
    text = re.sub(r"(?<=[⊙·/})] )(−\d\S*)", r"(\1)", text)
    for name in re.findall(r"\{(\w+)\}", text):
        if name not in symbols:
            index = r"(?:_\w|_\{\{\w+\}\})?"
            text = re.sub(rf" \+ \{{{name}\}}{index}|\{{{name}\}} ⊙ ", "", text)
    try:
        formula = text.format(**{name: symbol for name, (symbol, _) in symbols.items()})
    except KeyError as error:
        raise ValueError(
            f"{thing}: its formula {text!r} has the name {error}, but the names are "
            f"{', '.join(symbols)}."
        ) from None
    return formula, _operands(text, symbols)


def _operands(text: str, symbols: Symbols) -> tuple[Array | str, ...]:
    found: list[Array | str] = []
    for token in text.split():
        name = re.fullmatch(r"\{(\w+)\}(ᵀ?)", token)
        array = symbols[name[1]][1] if name else None
        if name and array is not None:
            # the steps of sequences are rows, as they are shown
            found.append(np.reshape(array, (-1, array.shape[-1])).T if name[2] else array)
        elif token in OPERATORS or re.fullmatch(rf"−?{_NUMBER}|\(−{_NUMBER}\)", token):
            found.append(token.strip("()"))
        else:
            return ()
    pairs = [{type(each) for each in pair} for pair in pairwise(found)]
    if {np.ndarray} in pairs and any(np.ndim(each) > 3 for each in found):
        return ()  # pixels are shown as they lie, not as the rows of a product of matrices
    return tuple(found) if len(found) > 1 else ()


def equation(left: str, right: str) -> str:
    """``left = right``, or ``left_k = right`` if the formula is that of one element, ``_k = …``."""
    if not right.startswith("_"):
        return f"{left}{' = ' * bool(right)}{right}"
    index, _, right = right.partition(" = ")
    return f"{left.replace(' = ', f'{index} = ')}{index} = {right}"


def letter(name: str) -> str:
    """γ for ``"gamma"``; W for ``"W"``; a way without spaces for a parameter in a block."""
    return _GREEK.get(name, name.replace(" ", "_"))


def name_layers(layers: Sequence[LayerRecord], single: bool) -> list[Names]:
    """The names of every layer's arrays, in order.

    The superscript counts the layers with weights W; the layers after one share its number. Of the
    first such layer z⁽¹⁾ is the output, a⁽¹⁾ that of the activation behind it, and h⁽¹⁾ that of any
    other layer. If a name is taken it gets a prime, as do all of a layer's parameters if one of
    theirs is. Small letters stand for a single sample, capitals for a batch.
    """
    names: list[Names] = []
    taken: set[str] = set()
    count = 0
    x = "x" if single else "X"
    for layer in layers:
        count += "W" in layer.parameters
        level = f"⁽{str(count).translate(_SUPERSCRIPTS)}⁾"
        output = "z" if "W" in layer.parameters else "a" if layer.is_activation else "h"
        y = (output if single else output.upper()) + level
        while any(y == own.y for own in names):
            y = y.replace("⁽", "′⁽")
        while taken & {name + level for name in layer.parameters}:
            level = f"′{level}"
        taken |= {name + level for name in layer.parameters}
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
    """σ for a Sigmoid; the class's name in small letters for a layer that states no symbol."""
    symbol: str = stated(layer.layer, "symbol", "forward", "f")
    return symbol or default_name(layer.layer)


def title(layer: LayerRecord) -> str:
    """``dense_1 (Dense)``."""
    return f"{layer.name} ({type(layer.layer).__name__})"
