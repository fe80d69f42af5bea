"""The LaTeX of an explanation."""

from __future__ import annotations

import pytest
from explained import assert_sound_latex, compiled, mazur

from backprop.explain import Explanation
from backprop.layers import Dense


@pytest.fixture
def example() -> Explanation:
    return mazur().explain([0.05, 0.10], [0.01, 0.99])


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
