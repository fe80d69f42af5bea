"""Computes what a printed formula says, so that tests can compare it with the printed numbers.

A formula is read as mathematics is: ``z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾``, products without a sign, ``⊙`` for
each element, ``[z > 0]`` for 1 where that holds, ``Σ_j`` along the last axis.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, softmax

from backprop.explain import Explanation
from backprop.explain.formulas import derivation
from backprop.explain.names import name_layers

Array = Any

LETTER = r"[A-Za-zŷŶỹỸℓα-ωΩΔΦ]"
NAME = rf"(?:[A-Za-z]{{2,}}(?:_[A-Za-z]+)*|{LETTER})′*(?:⁽[⁰¹²³⁴-⁹]+⁾)?"
TOKEN = re.compile(
    rf"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+−-]?\d+)?|½)|(?P<sum>Σ_?[A-Za-z]*)"
    rf"|(?P<name>∂[EΩ]/∂{NAME}|{NAME})(?P<index>_[A-Za-z]+)?|(?P<sign>\S))"
)
FUNCTIONS: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "ln": np.log,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "sign": np.sign,
    "mean": lambda x: x.mean(axis=-1, keepdims=True),
    "min": np.minimum,
    "max": lambda *x: np.maximum(*x) if len(x) == 2 else x[0].max(axis=-1, keepdims=True),
    "diag": np.diagflat,
    "√": np.sqrt,
    "Φ": ndtr,
    "φ": lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    "σ": expit,
    "softmax": lambda z: softmax(z, axis=-1),
}
POWERS = {"²": 2, "³": 3}
RELATIONS = {
    ">": np.greater,
    "<": np.less,
    "≤": np.less_equal,
    "=": np.equal,
}


class Unreadable(Exception):
    """The formula has a letter that stands for nothing that is printed."""


class Reader:
    """The value of one formula.

    Args:
        text: The formula.
        values: What its names stand for.
        functions: Functions that other rows defined, besides the usual ones.
        elementwise: Whether products without a sign are those of elements, not of matrices; so
            they are where the formula has the index of an output in it.
    """

    def __init__(
        self,
        text: str,
        values: dict[str, Array],
        functions: dict[str, Any],
        elementwise: bool = False,
    ) -> None:
        self.tokens = [match for match in TOKEN.finditer(text) if match[0].strip()]
        self.values, self.functions = values, functions
        self.elementwise = elementwise or bool(re.search(r"_(?:j|k|ik)\b", text))
        self.open_bars: list[str] = []

    def value(self) -> Array:
        found = self.sum()
        if self.tokens:
            raise Unreadable(f"what is {self.tokens[0][0]}?")
        return found

    def peek(self) -> str:
        return self.tokens[0][0].strip() if self.tokens else ""

    def take(self, expected: str = "") -> re.Match[str]:
        token = self.tokens.pop(0)
        if expected and token[0].strip() != expected:
            raise Unreadable(f"{token[0]} instead of {expected}")
        return token

    def sum(self) -> Array:
        found = self.product()
        while self.peek() in ("+", "−"):
            sign = 1 if self.take()[0].strip() == "+" else -1
            found = found + sign * self.product()
        return found

    def product(self) -> Array:
        if self.peek() == "−":
            self.take()
            return -self.product()
        found = self.factor()
        while True:
            sign = self.peek()
            if sign == "⊙":
                self.take()
                found = found * self.factor()
            elif sign == "/":
                self.take()
                found = found / self.factor()
            elif sign == "·":
                self.take()
                other = self.factor()
                rows = np.ndim(found) == 2 == np.ndim(other)
                found = np.sum(found * other, axis=-1, keepdims=True) if rows else found * other
            elif self.begins_factor():
                found = self.times(found, self.factor())
            else:
                return found

    def begins_factor(self) -> bool:
        if not self.tokens:
            return False
        token = self.tokens[0]
        sign = token["sign"]
        if sign in ("|", "‖"):
            return self.open_bars[-1:] != [sign]
        return sign is None or sign in ("(", "[", "√")

    def times(self, a: Array, b: Array) -> Array:
        matrices = np.ndim(a) == 2 == np.ndim(b) and a.shape[1] == b.shape[0]
        return a @ b if matrices and not self.elementwise else a * b

    def factor(self) -> Array:
        found = self.atom()
        while self.peek() in ("ᵀ", "^", *POWERS):
            sign = self.take()[0].strip()
            if sign == "^":
                found = found ** self.atom()
                continue
            found = np.atleast_2d(found).T if sign == "ᵀ" else found ** POWERS[sign]
        return found

    def atom(self) -> Array:
        token = self.take()
        sign = token["sign"]
        if token["number"]:
            text = token["number"].replace("−", "-")
            return 0.5 if text == "½" else float(text)
        if token["sum"]:
            return self.summed(token["sum"])
        letter = token["name"] in self.values and self.peek() != "("
        if sign == "√" or (token["name"] in self.functions and not letter):
            return self.call(self.functions[token["name"] or sign])
        if token["name"]:
            return self.named(token["name"], token["index"] or "")
        if sign == "(":
            return self.closed(")")
        if sign == "[":
            return self.closed("]")
        if sign in ("|", "‖"):
            self.open_bars.append(sign)
            found = self.sum()
            self.open_bars.pop()
            self.take(sign)
            return np.abs(found) if sign == "|" else np.linalg.norm(found, axis=-1, keepdims=True)
        raise Unreadable(f"what is {token[0]}?")

    def closed(self, end: str) -> Array:
        found = self.sum()
        if self.peek() in RELATIONS:
            relation = RELATIONS[self.take()[0].strip()]
            found = relation(found, self.sum()).astype(float)
        self.take(end)
        return found

    def call(self, function: Callable[..., Array]) -> Array:
        if self.peek() != "(":
            return function(self.factor())  # ln q
        self.take("(")
        arguments = [self.sum()]
        while self.peek() == ",":
            self.take(",")
            arguments.append(self.sum())
        if self.peek() == ";":  # parameters, which the definition names
            while self.peek() != ")":
                self.take()
        self.take(")")
        if self.peek() == "_":  # softmax(z)_k
            self.take("_")
            self.take()
        return function(*arguments)

    def summed(self, name: str) -> Array:
        terms = self.product()
        if name == "Σ_N":
            return terms.sum(axis=tuple(range(terms.ndim - 1)))
        return terms.sum(axis=-1, keepdims=True) if name == "Σ_j" else terms.sum()

    def named(self, name: str, index: str) -> Array:
        for key in (name + index, name):
            if key == name and index == "_c" and np.ndim(self.values.get(key)) == 2:
                return np.take_along_axis(self.values[key], self.values["c"], axis=-1)
            if key in self.values:
                return self.values[key]
        levels = [v for key, v in self.values.items() if re.fullmatch(rf"{name}⁽[⁰¹²³⁴-⁹]+⁾", key)]
        if len(levels) == 1:  # α in the definition of a layer whose parameter is α⁽¹⁾
            return levels[0]
        raise Unreadable(f"what is {name}{index}?")


def define(text: str, values: dict[str, Array], functions: dict[str, Any]) -> None:
    """Takes in what a row without numbers defines: ``σ(z) = …`` or ``t = …``, or both kinds."""
    for part in re.split(r", (?=\S+ = )", text):
        left, _, right = part.partition(" = ")
        found = re.fullmatch(r"(\S+)\((\w)\)(?:_k)?", left)
        if not found:
            values[left.removesuffix("_i")] = Reader(right, values, functions).value()
            continue

        def function(x: Array, right: str = right, argument: str = found[2]) -> Array:
            return Reader(right, {**values, argument: x}, functions, elementwise=True).value()

        functions[found[1]] = function


def start(explanation: Explanation) -> dict[str, Array]:
    """The values of the letters that no row gives one."""
    record = explanation._record
    *samples, K = record.prediction.shape
    values = {"N": np.prod(samples), "K": K, "k": np.arange(K), "π": np.pi}
    if record.data.weight is not None:
        values["w"] = record.data.weight[:, np.newaxis]
    if record.loss_function.label_smoothing:
        values["a"] = record.loss_function.label_smoothing
    for layer, names in zip(record.layers, name_layers(record.layers, record.single), strict=True):
        for name, p in layer.parameters.items():
            if p.penalty_gradient is not None:
                values[f"∂Ω/∂{names.parameter(name)}"] = p.penalty_gradient
    return values


def unread_formulas(explanation: Explanation, **letters: Array) -> list[str]:
    """Compares every printed formula with the numbers beside it.

    Args:
        explanation: The pass.
        **letters: What letters stand for that only a layer's docstring explains.

    Returns:
        The formulas that could not be compared, as they hold another letter of that kind.
    """
    values, functions = start(explanation) | letters, dict(FUNCTIONS)
    unread: list[str] = []
    for _, sections in derivation(explanation._record):
        for row in (row for section in sections for row in section.rows):
            *lefts, right = re.split(r" [=←] (?![^\[]*\])", row.formula)
            value = row.value if row.after is None else row.after
            names = values
            if "J_i" in row.formula:  # one sample's Jacobian: that of sample 0
                names = values | {f"{n}_i": v[:1] for n, v in values.items() if "⁽" in n}
                value = value if lefts[0] == "J_i" else value[:1]
            if lefts[:1] in (["J"], ["J_i"]):
                names = names | {"I": np.eye(len(row.value))}
            try:
                if value is None:
                    define(row.formula, values, functions)
                elif lefts:
                    found = Reader(right, names, functions).value()
                    np.testing.assert_allclose(
                        np.broadcast_to(found, value.shape) if np.ndim(found) < 2 else found,
                        value if np.ndim(found) < 2 else np.reshape(value, np.shape(found)),
                        rtol=1e-7,
                        atol=1e-12,
                        err_msg=row.formula,
                    )
            except Unreadable:
                unread.append(row.formula)
            if row.value is not None and row.after is None:
                for left in lefts or [right]:
                    keep(left, row.value, values, functions)
    return unread


def keep(left: str, value: Array, values: dict[str, Array], functions: dict[str, Any]) -> None:
    """Remembers a row's numbers for the rows below it."""
    if call := re.fullmatch(r"(\S+)\(\S+\)", left):  # σ′(z⁽¹⁾)
        functions[call[1]] = lambda _: value
    elif left == "c":
        values[left] = value[..., np.newaxis]
    elif left != "w":
        values[left] = value
        if delta := re.fullmatch(r"∂E/∂[zZ](\S+)_i", left):
            values[f"δ{delta[1]}"] = value
