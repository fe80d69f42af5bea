"""The LaTeX of an explanation."""

from __future__ import annotations

import re

import numpy as np
import pytest
from explained import assert_sound_latex, compiled
from layer_cases import PACKAGE, Case
from rows import each, thirds

import backprop as bp
from backprop.explain import Explanation
from backprop.explain.latex import formula
from backprop.explain.names import fill
from backprop.layers import Dense, Rescaling
from backprop.optimizers import SGD


def test_latex_holds_formulas_and_numbers(example: Explanation) -> None:
    tex = example.latex()
    assert_sound_latex(tex)
    matrix = r"\begin{bmatrix} 0.15 & 0.25 \\ 0.20 & 0.30 \end{bmatrix}"
    for piece in (
        r"z^{(1)} &= x W^{(1)} + b^{(1)}",
        rf"&= \begin{{bmatrix}} 0.05 & 0.10 \end{{bmatrix}} {matrix} + ",
        r"E_{k} &= \tfrac{1}{2} ( \hat{y}_{k} - y_{k} ) ^{2}",
        r"E &= \sum _{k} E_{k}",
        r"\delta^{(2)} &= \frac{\partial E}{\partial z^{(2)}} = \frac{\partial E}",
        r"\frac{\partial E}{\partial a^{(2)}} \odot \sigma^{\prime} ( z^{(2)} )",
        r"\frac{\partial E}{\partial W^{(2)}} &= a^{(1)\top} \delta^{(2)}",
        r"W^{(2)} &\leftarrow W^{(2)} - 0.5 \frac{\partial E}{\partial W^{(2)}}",
    ):
        assert piece in tex
    for digits in ("0.593269992", "0.751365070", "0.298371109", "0.000438568", "0.358916480"):
        assert digits in tex


def test_latex_escapes_names_and_powers_of_ten() -> None:
    model = compiled(Dense(1, name="100%_of_{it}"))
    tex = model.explain([1e-7, 2.0], [1.0]).latex()
    assert_sound_latex(tex)
    assert r"100\%\_of\_\{it\} (Dense)" in tex
    assert r"1 \cdot 10^{-7}" in tex


def inserted(tex: str) -> list[str]:
    """The lines in which numbers are put into the formulas."""
    return [
        line.removeprefix("&= ").removesuffix(r" \\") for line in tex.split("\n") if "&= " in line
    ]


def test_numbers_that_meet_are_kept_apart() -> None:
    """1 0.6 + 0.9 reads as 10.6 + 0.9, and 2 − 0.75 as a difference."""
    model = compiled(Dense(1), n_in=1, optimizer=SGD(0.5), loss="half_squared_error")
    model.set_weights([[[0.6]], [0.9]])
    lines = inserted(model.explain([1.0], [0.2]).latex())
    assert r"1 \cdot 0.6 + 0.9" in lines
    assert r"1 \cdot 1.3" in lines
    assert r"1.3 \cdot 0.6" in lines
    assert r"0.6 - 0.5 \cdot 1.3" in lines
    model.set_weights([[[-0.75]], [-0.9]])
    lines = inserted(model.explain([-1.0], [0.2]).latex())
    assert r"- 1 \cdot ( - 0.75 ) + ( - 0.9 )" in lines
    assert r"- 1 \cdot ( - 0.35 )" in lines
    assert r"- 0.9 - 0.5 \cdot ( - 0.35 )" in lines


def test_steps_of_sequences_are_rows_of_the_matrices() -> None:
    model = bp.Sequential([bp.Input((2, 2)), Dense(1)], seed=1, dtype="float64")
    model.compile(SGD(0.1), "half_squared_error")
    model.set_weights([[[1.0], [2.0]], [0.0]])
    lines = inserted(model.explain([[0.0, 1.0], [2.0, 3.0]], [[0.0], [1.0]]).latex())
    transposed = r"\begin{bmatrix} 0 & 2 \\ 1 & 3 \end{bmatrix}"
    assert rf"{transposed} \begin{{bmatrix}} 1.0 \\ 3.5 \end{{bmatrix}}" in lines  # xᵀ δ
    assert r"\begin{bmatrix} 7.0 \\ 11.5 \end{bmatrix}" in lines


def test_pixels_are_not_put_into_products_of_matrices() -> None:
    model = bp.Sequential([bp.Input((2, 2, 1)), Dense(3)], seed=1, dtype="float64")
    model.compile(SGD(0.1), "half_squared_error")
    lines = inserted(model.explain(np.ones((2, 2, 1)), np.ones((2, 2, 3))).latex())
    assert not [line for line in lines if re.search(r"bmatrix\} \\begin", line)]
    model = bp.Sequential([bp.Input((2, 2, 1)), Rescaling(2), Dense(1)], dtype="float64")
    model.compile(SGD(0.1), "half_squared_error")
    lines = inserted(model.explain(np.ones((2, 2, 1)), np.ones((2, 2, 1))).latex())
    assert r"2 \cdot \begin{bmatrix} 1 & 1 \\ 1 & 1 \end{bmatrix}" in " ".join(lines)


def test_decayed_weights_keep_their_brackets() -> None:
    """(1 − 0.5 · 0.1) W without them is 1 − 0.05 W."""
    model = compiled(Dense(1), n_in=1, optimizer=SGD(0.5, weight_decay=0.1))
    model.set_weights([[[0.6]], [0.9]])
    tex = model.explain([1.0], [0.2]).latex()
    assert r"W^{(1)} &\leftarrow ( 1 - 0.5 \cdot 0.1 ) W^{(1)} - 0.5 \frac" in tex
    assert not any("0.1" in line for line in inserted(tex))


def test_matrices_beside_numbers() -> None:
    model = compiled(Dense(2), Dense(1), n_in=1)
    model.set_weights([[[1.0, -2.0]], [0.0, 1.0], [[3.0], [-1.0]], [-0.5]])
    lines = inserted(model.explain([-3.0], [0.0]).latex())
    row, column = (
        rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}" for inner in ("-3 & 7", r"3 \\ -1")
    )
    row, column = row.replace("-", "- "), column.replace("-", "- ")
    assert rf"{row} {column} + ( - 0.5 )" in lines  # two matrices stand side by side as ever
    first = r"\begin{bmatrix} 1 & - 2 \end{bmatrix}"
    assert any(line.startswith(rf"- 3 \cdot {first} + ") for line in lines)
    assert any(r"\end{bmatrix} \cdot ( - 33 )" in line for line in lines)  # a column and δ


@pytest.mark.parametrize(
    ("scale", "offset", "text", "tex"),
    [
        (0.5, -1, "0.5 x − 1", "0.5 x - 1"),
        (-2, 3, "−2 x + 3", "- 2 x + 3"),
        (-2, -0.25, "−2 x − 0.25", "- 2 x - 0.25"),
    ],
)
def test_negative_numbers_in_formulas(scale: float, offset: float, text: str, tex: str) -> None:
    model = compiled(Rescaling(scale, offset), Dense(1), n_in=1)
    explanation = model.explain([-4.0], [0.0])
    assert f"= {text} " in str(explanation)
    assert f"= {text}<" in explanation._repr_html_()
    assert f"&= {tex} " in explanation.latex()
    sign = r"\cdot ( - 4 )"
    assert any(line.startswith(tex.replace("x", sign)) for line in inserted(explanation.latex()))


def test_a_negative_factor_behind_another_is_in_brackets() -> None:
    texts = {"{x} {self} + {self}": "x (−2) − 2", "{x} ⊙ {self}": "x ⊙ (−2)", "{self} {x}": "−2 x"}
    for text, expected in texts.items():
        found, operands = fill(text, {"x": ("x", np.ones((1, 1)))}, -2)
        assert found == expected
        assert len(operands) >= 2


@each("case", thirds(PACKAGE), ids=str)
def test_formulas_of_every_layer_are_latex(case: Case, rng: np.random.Generator) -> None:
    model = bp.Sequential([bp.Input(case.shape), case.make()], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    explanation = model.explain(
        case.draw(rng, (2, *case.shape)), np.zeros((2, *model.output_shape))
    )
    assert_sound_latex(explanation.latex())


def test_a_power_of_a_symbol_with_a_superscript_has_brackets() -> None:
    assert formula("z⁽¹⁾² + x³") == "( z^{(1)} ) ^{2} + x ^{3}"
    assert formula("a⁽²⁾_c^q · ŷ_c^q") == r"( a_{c}^{(2)} ) ^ q \cdot \hat{y}_{c} ^ q"
    for activation in (bp.layers.RMSNormalization(), bp.layers.Squareplus()):
        model = bp.Sequential([bp.layers.Dense(2), activation, bp.layers.Dense(1)], seed=0)
        model.compile("sgd", "mse")
        tex = model.explain(np.ones(3), np.ones(1)).latex()
        assert "( z^{(1)} ) ^{2}" in tex
        assert_sound_latex(tex)


def test_gradients_of_parameters_in_blocks_name_the_whole_way() -> None:
    """∂E/∂dense_1.W is a derivative by that W, and not by dense_1; a name may hold any sign."""
    chain = bp.layers.Chain([Dense(2, name="50 % _b"), bp.layers.Tanh()])
    model = compiled(bp.layers.Residual([chain, Dense(2)]), Dense(1))
    tex = model.explain([1.0, 2.0], [1.0]).latex()
    assert_sound_latex(tex)
    for way in (r"dense\_1.", r"chain\_1.50\_\%\_\_b."):
        assert rf"\frac{{\partial E}}{{\partial \text{{{way}}}W^{{(0)}}}}" in tex
    assert not re.search(r"(?<!\\)%", tex)


def test_steps_of_parameters_in_blocks_are_latex() -> None:
    """pdflatex refuses a Δ that is taken for the beginning of the way to the parameter."""
    model = compiled(bp.layers.Residual([Dense(2)]), Dense(1), optimizer=bp.optimizers.Adam())
    tex = model.explain([1.0, 2.0], [1.0]).latex()
    assert_sound_latex(tex)
    assert r"\leftarrow \text{dense\_1.}W^{(0)} + \Delta \text{dense\_1.}W^{(0)}" in tex


@each(
    "text, words",
    [
        ("h = p with p = x and s = t − 1", r"\text{ and } s"),
        ("f(x)_t = x for t = 1 … 3", r"x \text{ for } t"),
        ("Σ δ over the places of X that hold the row's number", "{ that hold the row's number }"),
        ("where m numbers of a window lie inside", "{ numbers of a window lie inside }"),
    ],
)
def test_words_in_formulas_are_words(text: str, words: str) -> None:
    assert words in formula(text)
