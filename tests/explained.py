"""Small networks that the tests of ``model.explain`` look into."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from layer_cases import PACKAGE

import backprop as bp
from backprop.layers import (
    Dense,
    Layer,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.optimizers import SGD

Array = Any

VECTORS = [
    case
    for case in PACKAGE
    if not case.integers and len(case.shape) == 1 == len(case.make().output_shape(case.shape))
]
"""The layers from vectors to vectors."""


def network(*body: Layer, n_in: int = 2, seed: int = 1, dtype: str = "float64") -> bp.Sequential:
    return bp.Sequential([bp.Input(n_in), *body], seed=seed, dtype=dtype)


def compiled(
    *body: Layer, loss: Any = "mse", optimizer: Any = None, **options: Any
) -> bp.Sequential:
    model = network(*body, **options)
    model.compile(optimizer or SGD(0.1), loss)
    return model


def mazur() -> bp.Sequential:
    """The network of M. Mazur (2015), "A step by step backpropagation example"."""
    model = network(Dense(2), Sigmoid(), Dense(2), Sigmoid())
    W1, W2 = [[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]
    model.set_weights([W1, [0.35, 0.35], W2, [0.60, 0.60]])
    model.parameters["dense_1.b"].trainable = False
    model.parameters["dense_2.b"].trainable = False
    model.compile(SGD(0.5), "half_squared_error")
    return model


def classifier(optimizer: Any = None, dtype: str = "float64") -> bp.Sequential:
    body = (Dense(8), Tanh(), Dense(3), Softmax())
    loss = "categorical_crossentropy"
    return compiled(*body, loss=loss, optimizer=optimizer, n_in=4, dtype=dtype)


def one_hot(classes: Array, count: int) -> Array:
    return np.eye(count)[classes]


class Scale(Layer):
    """A user's own layer, without W and b."""

    def build(self, input_shape: Any, rng: Any = None, dtype: Any = "float32") -> None:
        super().build(input_shape, rng, dtype)
        self.gamma = self.add_parameter("gamma", input_shape[-1:], "ones")
        self.gamma.value[...] = 1.5

    def forward(self, X: Array, training: bool = False) -> Array:
        if training:
            self.X = X
        return X * self.gamma.value

    def backward(self, delta: Array) -> Array:
        self.gamma.gradient[...] = np.sum(delta * self.X, axis=0)
        return delta * self.gamma.value


class Quoting(Scale):
    """One whose parameter has signs of HTML in its name."""

    def build(self, input_shape: Any, rng: Any = None, dtype: Any = "float32") -> None:
        super(Scale, self).build(input_shape, rng, dtype)
        self.gamma = self.add_parameter('it\'s <b> & "so"', input_shape[-1:], "ones")


class Doubling(Layer):
    """One without parameters."""

    def forward(self, X: Array, training: bool = False) -> Array:
        return X * 2

    def backward(self, delta: Array) -> Array:
        return delta * 2


def data_of(page: str) -> Any:
    """What the scripts of a page are told."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert text is not None
    return json.loads(text[1])


def assert_sound_latex(tex: str) -> None:
    assert tex.isascii()
    depth = 0
    for sign in re.sub(r"\\[{}]", "", tex):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for verb, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", tex):
        if verb == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    assert tex.count("$") % 2 == 0
    assert not re.search(r"\^\{[^{}]*\} ?\^", tex)  # a double superscript
    for environment in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", tex, re.S):
        lines = environment.split(" \\\\\n")
        assert "\n" not in "".join(lines)
        for line in lines:
            outside = re.sub(r"\\begin\{bmatrix\}.*?\\end\{bmatrix\}", "", line)
            assert outside.replace(r"\&", "").count("&") == 1
