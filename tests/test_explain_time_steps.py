"""A recurrent layer unrolled: each step's numbers, against a loop in which every step has its own
weights, differentiated by the complex step."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from explained import assert_sound_latex

import backprop as bp
from backprop.explain import Explanation
from backprop.explain.formulas import derivation
from backprop.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Layer,
    Masking,
    Residual,
    SimpleRNN,
)
from backprop.optimizers import SGD

Array = Any
N, T, FEATURES, UNITS = 2, 3, 2, 2
PADDING = -9.0

KINDS: dict[str, Callable[..., Layer]] = {
    "rnn": SimpleRNN,
    "lstm": LSTM,
    "gru": GRU,
    "reset before": lambda units, **options: GRU(units, reset_after=False, **options),
}


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def step_of(kind: str, x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> Any:
    """h_t and c_t, written as in the papers, with the gates in Keras's order."""
    if kind == "rnn":
        return np.tanh(x @ W + h @ U + b), c
    if kind == "lstm":
        i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    of_x, of_h = (b[0], b[1]) if kind == "gru" else (b, 0 * b)
    a_z, a_r, a_g = np.split(x @ W + of_x, 3, axis=-1)
    b_z, b_r, b_g = np.split(h @ U + of_h, 3, axis=-1)
    z, r = sigmoid(a_z + b_z), sigmoid(a_r + b_r)
    inner = r * b_g if kind == "gru" else (r * h) @ U[:, 2 * UNITS :]
    g = np.tanh(a_g + inner)
    return z * h + (1 - z) * g, c


def loss_of(kind: str, X: Array, layer: Any, own: Array, mask: Array, **changes: Array) -> Array:
    """Σ h_t ⊙ own_t, where step t has weights W[t], U[t] and something added to h_t, c_t."""
    W = np.array([layer.W] * T) + changes.get("dW", 0)
    U = np.array([layer.U] * T) + changes.get("dU", 0)
    h, c = (np.zeros((N, UNITS)) for _ in range(2))
    total: Array = 0
    for t, (x, m) in enumerate(zip(X.swapaxes(0, 1), mask.T[..., np.newaxis], strict=True)):
        new, new_c = step_of(kind, x, h, c, W[t], U[t], layer.b)
        c = np.where(m, new_c, c) + changes.get("dc", np.zeros((T, 1, 1)))[t]
        if kind == "lstm" and "dc" in changes:  # h_t shows what c_t has become
            o = sigmoid((x @ W[t] + h @ U[t] + layer.b)[:, 3 * UNITS :])
            new = o * np.tanh(c)
        h = np.where(m, new, h) + changes.get("dh", np.zeros((T, 1, 1)))[t]
        total = total + (h * own[t]).sum()
    return total


def complex_step(f: Callable[..., Array], name: str, shape: tuple[int, ...]) -> Array:
    """∂f/∂A at A = 0, where A is called so, exact to rounding (Squire & Trapp 1998)."""
    found = np.empty(shape)
    for at in np.ndindex(shape):
        A = np.zeros(shape, complex)
        A[at] = 1e-200j
        found[at] = np.imag(f(**{name: A})) / 1e-200
    return found


def explained(
    layer: Layer, masked: bool, rng: np.random.Generator, n: int = N
) -> tuple[Explanation, Array]:
    """A pass through the layer behind a Masking, and which steps are no padding."""
    X = rng.standard_normal((n, T, FEATURES))
    mask = np.ones((n, T), bool)
    if masked:
        mask[0, 2] = mask[-1, 1] = False
        X[~mask] = PADDING
    body = [Masking(PADDING), layer, Dense(1)]
    model = bp.Sequential(body, seed=4, dtype="float64")
    model.compile(SGD(0.1), "mse")
    model.build((None, T, FEATURES))
    for p in model.parameters:
        p.value[...] = rng.standard_normal(p.shape)
    every = getattr(layer, "return_sequences", True)
    y = rng.standard_normal((n, T, 1) if every else (n, 1))
    return model.explain(X, y), mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_steps_share_is_the_derivative_by_its_own_weights(
    kind: str, every: bool, go_backwards: bool, masked: bool, rng: np.random.Generator
) -> None:
    layer = KINDS[kind](UNITS, return_sequences=every, go_backwards=go_backwards)
    explanation, mask = explained(layer, masked, rng)
    record = explanation[1]
    order = slice(None, None, -1 if go_backwards else 1)
    own = np.zeros((T, N, UNITS))
    own[...] = record.delta.swapaxes(0, 1) if every else 0
    own[-1] = record.delta[:, -1] if every else record.delta
    steps = record.steps
    assert [step.t for step in steps] == [1, 2, 3]
    assert [step.reads for step in steps] == [1, 2, 3][order]
    X, mask = record.X[:, order], mask[:, order]
    for name in ("dh", "dW", "dU", *["dc"] * (kind == "lstm" and not masked)):
        found = np.array([step.backward[name] for step in steps])
        loss = partial(loss_of, kind, X, record.layer, own, mask)
        expected = complex_step(loss, name, found.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=name)
    for name, whole in (("dW", record.dW), ("dU", record.dU)):
        shares = sum(step.backward[name] for step in steps)
        np.testing.assert_allclose(shares, whole, rtol=1e-12, atol=1e-14)
    last = steps[-1].forward["h"]
    np.testing.assert_array_equal(last, record.Y[:, -1] if every else record.Y)
    if masked:
        for at, step in enumerate(steps):
            rows = step.backward["dp" if kind == "rnn" else "dp_g"]
            assert not rows[~mask[:, at]].any()


# ------------------------------------------------------------------------- the printed formulas


def rows_of(explanation: Explanation, title: str) -> list[tuple[str, Array]]:
    """The rows about a layer in the forward and in the backward part."""
    parts = derivation(explanation._record)[:2]
    sections = [s for _, part in parts for s in part if s.title.startswith(title)]
    return [(row.formula, row.value) for section in sections for row in section.rows]


def value_of(text: str, values: dict[str, Array]) -> Array:
    """What a formula of a step comes to, its letters standing for what was printed."""
    for sign, python in {"ᵀ": ".T", "²": "**2", "⊙": "*", "−": "-"}.items():
        text = text.replace(sign, python)
    known = {"tanh": np.tanh, "σ": sigmoid}
    for k, name in enumerate(sorted(values, key=len, reverse=True)):
        text = re.sub(rf"(?<![\w∂/]){re.escape(name)}(?![\w′⁽])", f"v{k}", text)
        known[f"v{k}"] = values[name]
    text = re.sub(r"(?<=[\w)]) (?=v\d|\()", " @ ", text)  # two in a row are multiplied as matrices
    return eval(text, known)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_printed_formula_of_a_step_gives_the_numbers_beside_it(
    kind: str, every: bool, go_backwards: bool, use_bias: bool, rng: np.random.Generator
) -> None:
    layer = KINDS[kind](
        UNITS, return_sequences=every, go_backwards=go_backwards, use_bias=use_bias, name="layer"
    )
    explanation, _ = explained(layer, False, rng)
    record, rows = explanation["layer"], rows_of(explanation, "layer")
    values = {"W": record.W, "U": record.U, "δ⁽¹⁾": record.delta}
    gates = {"rnn": "", "lstm": "ifgo"}.get(kind, "zrg")
    biases = {} if not use_bias else {"b": record.b}
    if use_bias and kind == "gru":
        biases = {"b": record.b[0], "b′": record.b[1]}
    for name, A in ({"W": record.W, "U": record.U} | biases).items():
        values[name] = A
        for k, gate in enumerate(gates):
            values[f"{name}_{gate}"] = A[..., k * UNITS : (k + 1) * UNITS]
    for t in range(T):
        low = "₁₂₃"[t]
        values[f"δ{low}⁽¹⁾"] = record.delta[:, t] if every else None
        parts = [record.steps[t].backward.get(f"dp_{gate}") for gate in gates]
        if gates:
            values[f"∂E/∂p{low}"] = np.concatenate(parts, axis=1)
    checked = 0
    for formula, value in rows:
        left, _, right = formula.partition(" = ")
        if value is None or not re.search("[₀-₉]", left):
            continue
        if right and "[" not in right:
            found = value_of(right, values)
            np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-14, err_msg=formula)
            checked += 1
        values[left] = value
    assert checked >= {"rnn": 5, "lstm": 14, "gru": 10, "reset before": 8}[kind] * T


def test_a_long_sequence_shows_its_first_and_its_last_steps(rng: np.random.Generator) -> None:
    model = bp.Sequential([SimpleRNN(1), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    explanation = model.explain(rng.standard_normal((1, 50, 1)), [[1.0]])
    text = str(explanation)
    for shown in ("h₁ = ", "h₂ = ", "t = 3 … 48", "h₄₉ = ", "h₅₀ = tanh(x₅₀ W + h₄₉ U + b)"):
        assert shown in text
    assert "h₃ =" not in text
    assert "∂E/∂h₄₉ = ∂E/∂p₅₀ Uᵀ" in text
    assert_sound_latex(explanation.latex())


def test_layers_inside_others_are_unrolled_too(rng: np.random.Generator) -> None:
    both = Bidirectional(SimpleRNN(UNITS, return_sequences=True))
    explanation, _ = explained(both, False, rng)
    lines = [formula for formula, _ in rows_of(explanation, "bidirectional_1")]
    assert lines.index("h₁ = tanh(x₁ W + h₀ U + b)") < lines.index("h₁ = tanh(x₃ W + h₀ U + b)")
    assert "∂E/∂h₂ = ∂E/∂y₂ + ∂E/∂p₃ Uᵀ" in lines
    assert_sound_latex(explanation.latex())
    inside, _ = explained(Residual([LSTM(FEATURES, return_sequences=True)]), False, rng)
    assert "c₂ = f₂ ⊙ c₁ + i₂ ⊙ g₂" in str(inside)
    assert_sound_latex(inside.latex())


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_are_sound(kind: str, rng: np.random.Generator) -> None:
    options = {"dropout": 0.5, "recurrent_dropout": 0.5}
    explanation, _ = explained(KINDS[kind](UNITS, **options), True, rng)
    assert_sound_latex(explanation.latex())
    text = str(explanation)
    for remark in ("A padded step", "after dropout", "factors of dropout", "W_t and U_t are W"):
        assert remark in text
    page = explanation._repr_html_()
    assert page.count("<tr>") == page.count("</tr>")


def test_a_subclass_with_other_formulas_is_not_shown_with_those_of_its_base(
    rng: np.random.Generator,
) -> None:
    class Linear(SimpleRNN):
        def forward_steps(self, Z: Array, s: Any, room: Any) -> tuple[Array, ...]:
            return super().forward_steps(0.5 * Z, s, room)

    explanation, _ = explained(Linear(UNITS), False, rng)
    assert "h₁" not in str(explanation)
    assert explanation["dense_1"].steps == []


def test_before_a_pass_there_is_nothing_to_show() -> None:
    layer = SimpleRNN(UNITS)
    layer.build((T, FEATURES))
    assert layer.unrolled() is None
    layer.forward(np.ones((1, T, FEATURES), np.float32), training=True)
    assert layer.unrolled() is None
    assert Dense(1).unrolled() is None
