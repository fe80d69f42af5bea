"""Computes what a formula of one element says, such as ``y_{ijc} = Σ_{uv} x_{2i+u, 2j+v, c}``.

Every letter of an index runs through its axis. What an index finds outside of an array is 0 and, in
a largest number, not there; a sum over ``2i+u=a`` has the terms for which that holds.
"""

from __future__ import annotations

import functools
import re
from itertools import product
from typing import Any

import numpy as np

from backprop.explain.names import fill

Array = Any
INDEXED = re.compile(r"(?P<name>[^\s_(]+)(?:\(x\))?_(?:\{(?P<index>[^}]*)\}|(?P<letter>\w))")


def places(index: str) -> list[str]:
    """``["2i+u", "c"]`` for ``2i+u, c``; ``["i", "j"]`` for ``ij``."""
    return index.split(", ") if ", " in index or not index.isalpha() else list(index)


def value(place: str, letters: dict[str, int]) -> int:
    """``2i+u−1`` for these letters."""
    return int(eval(code(place), {}, letters))


@functools.cache
def code(place: str) -> Any:
    """What is in it, as Python computes it."""
    text = re.sub(r"(\d)([a-z⌊])", r"\1*\2", place.replace("−", "-"))
    text = text.replace("⌊", "(").replace("⌋", ")").replace("/", "//")
    return compile(text, place, "eval")


class Elements:
    """A formula, and the arrays of one sample that it is about.

    Args:
        text: The formula.
        arrays: What its names stand for.
        shape: That of the left side.
        sizes: How far letters run that no array says, such as those of a window.
    """

    def __init__(
        self, text: str, arrays: dict[str, Array], shape: tuple[int, ...], sizes: dict[str, int]
    ) -> None:
        left, self.right = text.split(" = ", 1)
        self.x, self.y, self.counts = (arrays.get(name) for name in ("x", "y", "m"))
        self.sizes = sizes | {letter: int(n) for letter, n in re.findall(r"([uv])<(\d+)", text)}
        self.arrays: dict[str, Array] = {}
        head = INDEXED.search(left)
        assert head is not None
        self.head = places(head["index"] or head["letter"])
        self.terms = [(m[0], m["name"], places(m["index"] or m["letter"])) for m in self.factors()]
        known = [(shape, self.head), *((np.shape(arrays[n]), i) for _, n, i in self.terms)]
        for array_shape, index in sorted(known, key=lambda pair: len(pair[0]) != len(pair[1])):
            for size, place in zip(array_shape, index, strict=False):
                if len(place) == 1 and place.isalpha():
                    self.sizes.setdefault(place, size)
        if len(shape) == len(self.head):
            self.sizes |= dict(zip(self.head, shape, strict=True))
        for _, name, index in self.terms:
            array = arrays[name]
            if array.ndim != len(index):  # channels and their multiples in one axis
                array = array.reshape([self.sizes[place] for place in index])
            self.arrays[name] = array

    def factors(self) -> list[re.Match[str]]:
        return [m for m in INDEXED.finditer(self.right) if m["name"] not in ("Σ", "max")]

    def compute(self) -> Array:
        found = np.zeros([self.sizes[place] for place in self.head])
        main, *added = self.right.split(" where ")[0].split(" + ")
        for at in np.ndindex(found.shape):
            letters = dict(zip(self.head, at, strict=True))
            found[at] = self.reduced(main, letters)
            for text in added:
                found[at] += self.product(text, letters)[0]
        return found

    def reduced(self, text: str, letters: dict[str, int]) -> float:
        """The sum, the largest, or the one product that the formula has for an element."""
        bound: set[str] = set()
        equations: list[tuple[str, str]] = []
        for over in re.findall(r"(?:Σ|max)_(\{[^}]*\}|\w)", text):
            for part in places(over.strip("{}")):
                if "=" in part:
                    left, right = part.split("=")
                    equations.append((left, right))
                bound |= set(re.findall(r"[a-z]", part.split("<")[0]))
        free = sorted(bound - letters.keys())
        terms = []
        for at in product(*(range(self.sizes[letter]) for letter in free)):
            every = letters | dict(zip(free, at, strict=True))
            if all(value(a, every) == value(b, every) for a, b in equations):
                terms.append(self.product(text, every))
        inside = [term for term, there in terms if there]
        total = max(inside) if "max_" in text else sum(inside)
        if divisor := re.search(r" / (\d+|[mk])\b", text):
            if divisor[1].isdigit():
                total /= int(divisor[1])
            elif "δ" not in text:
                total /= len(inside)
        return float(total)

    def product(self, text: str, letters: dict[str, int]) -> tuple[float, bool]:
        """The product of the factors, and whether all lie inside their arrays."""
        found = 1.0
        for written, name, index in self.terms:
            if written not in text:
                continue
            at = tuple(value(place, letters) for place in index)
            array = self.arrays[name]
            if not all(0 <= k < size for k, size in zip(at, array.shape, strict=True)):
                return 0.0, False
            found *= array[at]
            if name == "δ" and re.search(r" / [mk]\b", text):
                found /= self.counts.reshape(array.shape)[at]
            if name == "δ" and " where " in self.right:
                here = self.x[tuple(letters[place] for place in self.head)]
                found *= here == self.y.reshape(array.shape)[at]
        return found, True


def compare(layer: Any, X: Array, Y: Array, delta: Array, dX: Array) -> list[str]:
    """Compares Y, ∂E/∂X and the gradients of a layer with what its formulas say, sample by sample.

    Returns:
        The names of the formulas that were compared, ``"definition"`` and ``"dX"`` among them.
    """
    symbols = {"f": ("f", None), "x": ("x", None), "delta": ("δ", None), "y": ("y", None)}
    symbols |= {p.name: (p.name, p.value) for p in layer.parameters}
    parameters = {p.name: p.value for p in layer.parameters}
    if "pointwise" in parameters:  # without the axes of its windows of one pixel
        parameters["pointwise"] = layer.pointwise.reshape(layer.pointwise.shape[-2:])
    definition = fill(layer.definition, symbols, layer)[0]
    sizes: dict[str, int] = {}
    gradients = {f"d{p.name}": 0.0 for p in layer.parameters}
    for x, y, d, dx in zip(X, Y, delta, dX, strict=True):
        arrays = {"x": x, "y": y, "δ": d, **parameters}
        first, *helpers = re.split(", (?=U_)", definition)
        for helper in helpers:
            shape = (*y.shape[:-1], *parameters["depthwise"].shape[-2:])
            arrays["U"] = Elements(helper, arrays, shape, sizes).compute()
        said = Elements(first, arrays, y.shape, sizes)
        np.testing.assert_allclose(said.compute().reshape(y.shape), y, rtol=1e-9, atol=1e-12)
        sizes |= said.sizes
        ones = {**arrays, "x": np.ones_like(x)}
        arrays["m"] = Elements(re.sub(" / .*", "", first), ones, y.shape, sizes).compute()
        for name, text in layer.formulas.items():
            if name != "dX" and name not in gradients:
                continue
            whole = fill(text, symbols, layer)[0].replace("Σ_N ", "")
            shape = dx.shape if name == "dX" else np.shape(parameters[name[1:]])
            got = Elements(f"l{whole}", arrays, shape, sizes).compute().reshape(shape)
            if name == "dX":
                np.testing.assert_allclose(got, dx, rtol=1e-9, atol=1e-12, err_msg=whole)
            else:
                gradients[name] = gradients[name] + got
    for p in layer.parameters:
        found = np.reshape(gradients[f"d{p.name}"], p.shape)
        np.testing.assert_allclose(found, p.gradient, rtol=1e-9, err_msg=p.name)
    return [*layer.formulas, "definition"]
