"""The table, the HTML page and the LaTeX of ``model.explain``, for every layer and every loss."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from explained import Array, Doubling, Scale, classifier, compiled, mazur, one_hot
from layer_cases import PACKAGE, Case
from matplotlib.figure import Figure

import backprop as bp
from backprop import losses
from backprop.explain import Explanation
from backprop.explain.text import format_numbers
from backprop.layers import (
    Dense,
    Dropout,
    ReLU,
    Softmax,
    Tanh,
)
from backprop.losses import (
    RootMeanSquaredError,
)


@pytest.fixture
def example() -> Explanation:
    return mazur().explain([0.05, 0.10], [0.01, 0.99])


# ------------------------------------------------------------------------- everything renders

LAYERS = [case for case in PACKAGE if len(case.shape) == 1 and not case.integers]
LAYERS += [Case("own_scale", Scale), Case("own_doubling", Doubling)]


def assert_renders(explanation: Explanation) -> None:
    text, page, tex = str(explanation), explanation._repr_html_(), explanation.latex()
    for layer in explanation.layers:
        assert f"{layer.name} ({type(layer.layer).__name__})" in text
        assert f"<b>{layer.name} (" in page
    assert page.count("<tr>") == page.count("</tr>")
    assert page.count("<td") == page.count("</td>")
    assert_sound_latex(tex)
    assert isinstance(explanation.plot(), Figure)


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
    for environment in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", tex, re.S):
        lines = environment.split(" \\\\\n")
        assert "\n" not in "".join(lines)
        for line in lines:
            outside = re.sub(r"\\begin\{bmatrix\}.*?\\end\{bmatrix\}", "", line)
            assert outside.replace(r"\&", "").count("&") == 1


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_every_layer_is_explained(case: Case, n: int, rng: np.random.Generator) -> None:
    body = (Dense(*case.shape), case.make(), Dense(2), Softmax())
    model = compiled(*body, loss="categorical_crossentropy")
    explanation = model.explain(rng.normal(size=(n, 2)), one_hot(rng.integers(0, 2, n), 2))
    assert_renders(explanation)
    if n > 1 and case.mixes:
        with pytest.raises(ValueError, match="mixes the samples"):
            explanation.paths("x")
        return
    paths = explanation.paths("x", 1, n - 1)
    assert paths.total == pytest.approx(paths.backpropagated, rel=1e-9, abs=1e-12)


LOSSES = sorted(set(losses.__all__) - {"Loss", "CrossEntropy", "get"})


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_explained(name: str, n: int, rng: np.random.Generator) -> None:
    loss = getattr(losses, name)()
    X, classes = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    y = classes if name.startswith("Sparse") else one_hot(classes, 3)
    explanation = compiled(Dense(3), Softmax(), loss=loss).explain(X, y)
    assert_renders(explanation)
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    if n > 1 and name in ("MeanAbsoluteError", "LogCosh", "BinaryCrossentropy"):
        weighted = compiled(Dense(3), Softmax(), loss=loss).explain(X, y, np.arange(1.0, n + 1))
        assert weighted.loss_parts.shape == (n, 3)
        assert weighted.loss_parts.sum() == pytest.approx(weighted.loss)


@pytest.mark.parametrize(
    "name",
    ["BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"],
)
def test_losses_on_logits_are_explained(name: str, rng: np.random.Generator) -> None:
    loss = getattr(losses, name)(from_logits=True)
    classes = rng.integers(0, 3, 4)
    y = classes if name.startswith("Sparse") else one_hot(classes, 3)
    explanation = compiled(Dense(3), loss=loss).explain(rng.normal(size=(4, 2)), y)
    assert_renders(explanation)
    assert explanation.loss_parts.shape == (4, 3)
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)


def test_root_mean_squared_error_has_its_formula(rng: np.random.Generator) -> None:
    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    explanation = compiled(Dense(3), loss=RootMeanSquaredError()).explain(X, Y)
    text = str(explanation)
    assert "E = √(Σ_ik (Ŷ_ik − Y_ik)² / (N K))" in text
    assert "= (Ŷ − Y) / (N K E)" in text
    np.testing.assert_allclose(
        explanation[-1].delta, (explanation.prediction - Y) / (12 * explanation.loss)
    )
    np.testing.assert_allclose(explanation.loss_parts, [explanation.loss])


def test_loss_of_a_user_is_shown_sample_by_sample(rng: np.random.Generator) -> None:
    class Cubic(losses.Loss):
        def values(self, prediction: Array, target: Array) -> Array:
            return np.sum(np.abs(prediction - target) ** 3, axis=-1)

        def gradient(self, prediction: Array, target: Array) -> Array:
            D = prediction - target
            return 3 * D * np.abs(D)

    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    explanation = compiled(Dense(3), loss=Cubic()).explain(X, Y)
    assert_renders(explanation)
    expected = np.sum(np.abs(explanation.prediction - Y) ** 3, axis=1) / 4
    np.testing.assert_allclose(explanation.loss_parts, expected)
    assert "E_i = (1/N) Cubic(Ŷ_i, Y_i)" in str(explanation)


@pytest.mark.parametrize("n", [1, 4])
def test_float32_models_show_no_more_digits_than_they_have(
    n: int, rng: np.random.Generator
) -> None:
    explanation = classifier(dtype="float32").explain(
        rng.normal(size=(n, 4)), one_hot(rng.integers(0, 3, n), 3)
    )
    assert_renders(explanation)
    assert explanation["dense_1"].W_new.dtype == np.float32
    assert max(map(len, re.findall(r"\d\.(\d+)(?!\d*e)", str(explanation)))) == 7


def test_sequences_are_explained(rng: np.random.Generator) -> None:
    model = bp.Sequential([bp.Input((3, 2)), Dense(4), Tanh(), Dense(2)], dtype="float64")
    model.compile("sgd", "mse")
    explanation = model.explain(rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3, 2)))
    assert_renders(explanation)
    assert "N = 5 × 3" in str(explanation)
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    with pytest.raises(ValueError, match="outputs are vectors"):
        explanation.paths("x")
    single = model.explain(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)))
    assert single.X.shape == (1, 3, 2)


# ------------------------------------------------------------------------------- text and LaTeX


def test_layers_are_numbered_with_their_activations() -> None:
    model = compiled(Dense(3), ReLU(), Dropout(0.5), Doubling(), Dense(2))
    text = str(model.explain([1.0, 2.0], [1.0, 2.0]))
    for formula in (
        "a⁽¹⁾ = relu(z⁽¹⁾)",
        "h⁽¹⁾ = dropout(a⁽¹⁾)",
        "h′⁽¹⁾ = doubling(h⁽¹⁾)",
        "z⁽²⁾ = h′⁽¹⁾ W⁽²⁾ + b⁽²⁾",
    ):
        assert f"  {formula}  " in text


def test_large_matrices_are_abbreviated_with_their_shape(rng: np.random.Generator) -> None:
    model = compiled(Dense(70), Tanh(), Dense(40), n_in=50)
    text = str(model.explain(rng.normal(size=(30, 50)), rng.normal(size=(30, 40))))
    assert "(50, 70)" in text
    assert "…" in text
    assert "⋮" in text
    assert max(map(len, text.split("\n"))) < 160
    assert text.count("\n") < 250


def test_numbers_in_a_row_stand_below_each_other() -> None:
    assert format_numbers(np.array([0.5, -1.25, 3.0])) == ["0.50", "-1.25", "3.00"]
    assert format_numbers(np.array([0.0, -0.0, 1 / 3])) == ["0", "0", "0.333333333"]
    assert format_numbers(np.array([1e-7 / 3, 2.0])) == ["3.33333333e-08", "2e+00"]
    assert format_numbers(np.array([0.1, 1 / 3], np.float32)) == ["0.1000000", "0.3333333"]
    assert format_numbers(np.array([np.nan, np.inf, 1.5])) == ["nan", "inf", "1.5"]
    assert format_numbers(np.array([3, 10])) == ["3", "10"]


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


def test_html_escapes_signs(example: Explanation) -> None:
    model = compiled(Dense(2), ReLU())
    page = model.explain([1.0, 2.0], [1.0, 2.0])._repr_html_()
    assert "[z⁽¹⁾ &gt; 0]" in page
    assert "`" not in page + str(example)


def test_repr_is_short(example: Explanation) -> None:
    assert "dense_1, sigmoid_1, dense_2, sigmoid_2: loss 0.298371" in repr(example)
    assert repr(example["dense_1"]) == "<LayerRecord of Dense 'dense_1'>"


def test_records_can_be_copied_and_pickled(example: Explanation) -> None:
    for twin in (copy.deepcopy(example), pickle.loads(pickle.dumps(example))):
        assert str(twin) == str(example)
