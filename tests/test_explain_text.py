"""The table and the HTML page of ``model.explain``, for every layer and every loss."""

from __future__ import annotations

import re

import numpy as np
import pytest
from explained import VECTORS, Doubling, assert_sound_latex, classifier, compiled, one_hot
from layer_cases import Case
from matplotlib.figure import Figure
from rows import each, thirds

import backprop as bp
from backprop import losses
from backprop.explain import Explanation
from backprop.explain.formulas import derivation
from backprop.explain.text import format_numbers
from backprop.layers import Conv2D, Dense, Dropout, Flatten, ReLU, Softmax, Tanh


def assert_renders(explanation: Explanation, *, drawn: bool = True) -> None:
    text, page, tex = str(explanation), explanation._repr_html_(), explanation.latex()
    for layer in explanation.layers:
        assert f"{layer.name} ({type(layer.layer).__name__})" in text
        assert f"<b>{layer.name} (" in page
    assert page.count("<tr>") == page.count("</tr>")
    assert page.count("<td") == page.count("</td>")
    assert_sound_latex(tex)
    if drawn:
        assert isinstance(explanation.plot(), Figure)


@pytest.mark.parametrize("n", [1, pytest.param(4, marks=pytest.mark.long)])
@each("case", thirds(VECTORS), ids=str)
def test_every_layer_is_explained(case: Case, n: int, rng: np.random.Generator) -> None:
    body = (Dense(*case.shape), case.make(), Dense(2), Softmax())
    model = compiled(*body, loss="categorical_crossentropy")
    explanation = model.explain(rng.normal(size=(n, 2)), one_hot(rng.integers(0, 2, n), 2))
    # a picture shows one sample, which others change only through a layer that mixes them
    assert_renders(explanation, drawn=n > 1 or case.mixes)
    if n > 1 and case.mixes:
        with pytest.raises(ValueError, match="mixes the samples"):
            explanation.paths("x")
        return
    if case.penalizes:
        with pytest.raises(ValueError, match="adds to the loss on the way"):
            explanation.paths("x")
        return
    paths = explanation.paths("x", 1, n - 1)
    assert paths.total == pytest.approx(paths.backpropagated, rel=1e-9, abs=1e-12)


OTHERS = {"Loss", "CrossEntropy", "Formula", "get", "GaussianNegativeLogLikelihood"}
LOSSES = sorted(set(losses.__all__) - OTHERS)
OF_INDICES = "Sparse", "CategoricalGeneralized", "Circle"  # what their names begin with


@pytest.mark.parametrize(
    ("n", "drawn"), [(1, False), (4, False), pytest.param(1, True, marks=pytest.mark.long)]
)
@each("name", LOSSES)
def test_every_loss_is_explained(name: str, n: int, drawn: bool, rng: np.random.Generator) -> None:
    loss = getattr(losses, name)()
    X, classes = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    y = classes if name.startswith(OF_INDICES) else one_hot(classes, 3)
    explanation = compiled(Dense(3), Softmax(), loss=loss).explain(X, y)
    assert_renders(explanation, drawn=drawn)  # a picture shows one sample
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


def test_images_and_kernels_of_several_channels_are_printed_as_their_pixels_lie() -> None:
    model = compiled(Conv2D(2, 2), Flatten(), Dense(1), n_in=(3, 3, 2))
    kernel = np.arange(16.0).reshape(2, 2, 2, 2)
    model.layers[0].W = kernel
    explanation = model.explain(np.arange(18.0).reshape(1, 3, 3, 2), [[1.0]])
    lines = [line.split() for line in str(explanation).split("\n")]

    def matrices(channel: int) -> list[str]:
        return f"[:, :, {channel}, 0] [:, :, {channel}, 1]".split()

    at = next(k for k, words in enumerate(lines) if words[:2] == ["x", "(1,"])
    assert lines[at][-4:] == ["channel", "0", "channel", "1"]
    assert lines[at + 1] == ["0", "2", "4", "1", "3", "5"]
    assert lines[at + 3] == ["12", "14", "16", "13", "15", "17"]
    at = next(k for k, words in enumerate(lines) if words[:2] == ["W⁽¹⁾", "(2,"])
    assert lines[at][-8:] == matrices(0)
    assert lines[at + 2] == ["8", "12", "9", "13"]
    assert lines[at + 3] == matrices(1)
    assert lines[at + 4] == ["2", "6", "3", "7"]
    assert "[:, :, 1, 0]" in str(explanation).partition("∂E/∂W⁽¹⁾")[2][:500]
    before_and_after = next(words for words in lines if words[:2] == ["W⁽¹⁾", "←"])
    assert before_and_after.count("→") == 1
    assert "[:, :, 0, 1]" in explanation._repr_html_()


def test_of_many_images_and_filters_the_first_are_printed(rng: np.random.Generator) -> None:
    model = compiled(Conv2D(20, 2), Flatten(), Dense(1), n_in=(3, 3, 7))
    text = str(model.explain(rng.normal(size=(4, 3, 3, 7)), np.ones((4, 1))))
    assert "sample 0, channel 0" in text
    assert "sample 3" not in text
    assert "[:, :, 2, 0]" in text
    assert "[:, :, 3, 0]" not in text
    assert max(map(len, text.split("\n"))) < 160
    large = compiled(Conv2D(2, 2), Flatten(), Dense(1), n_in=(10, 10, 2))
    assert "channel" not in str(large.explain(rng.normal(size=(1, 10, 10, 2)), [[1.0]]))


def test_numbers_in_a_row_stand_below_each_other() -> None:
    assert format_numbers(np.array([0.5, -1.25, 3.0])) == ["0.50", "-1.25", "3.00"]
    assert format_numbers(np.array([0.0, -0.0, 1 / 3])) == ["0", "0", "0.333333333"]
    assert format_numbers(np.array([1e-7 / 3, 2.0])) == ["3.33333333e-08", "2e+00"]
    assert format_numbers(np.array([5.00000000001e-7, 2.0])) == ["5e-07", "2e+00"]
    assert format_numbers(np.array([0.1, 1 / 3], np.float32)) == ["0.1000000", "0.3333333"]
    assert format_numbers(np.array([np.nan, np.inf, 1.5])) == ["nan", "inf", "1.5"]
    assert format_numbers(np.array([3, 10])) == ["3", "10"]


def test_html_escapes_signs(example: Explanation) -> None:
    model = compiled(Dense(2), ReLU())
    page = model.explain([1.0, 2.0], [1.0, 2.0])._repr_html_()
    assert "[z⁽¹⁾ &gt; 0]" in page
    assert "`" not in page + str(example)


def test_the_table_of_a_notebook_is_set_like_the_text(example: Explanation) -> None:
    """In a proportional font neither the formulas nor the numbers stand below each other."""
    assert example._repr_html_().startswith('<table style="font-family: monospace">')


def test_no_two_parameters_share_a_symbol(rng: np.random.Generator) -> None:
    """γ of two normalisations behind one Dense, or b of a convolution that no W stands in."""
    two = [bp.layers.PReLU(), bp.layers.BatchNormalization(), bp.layers.BatchNormalization()]
    separable = [bp.layers.SeparableConv1D(2, 2), bp.layers.SeparableConv1D(2, 2)]
    attention = [bp.layers.MultiHeadAttention(1, 2) for _ in range(2)]
    for body in ([Dense(2), *two, bp.layers.PReLU()], separable, attention):
        model = bp.Sequential([bp.Input((4, 2)), *body, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        explanation = model.explain(rng.random((2, 4, 2)), np.zeros((2, *model.output_shape)))
        _, _, (_, update) = derivation(explanation._record)
        left = [row.formula.partition(" ← ")[0] for section in update for row in section.rows]
        assert len(set(left)) == len(left) == len(model.parameters)
        assert any("′⁽" in symbol for symbol in left)
        assert_sound_latex(explanation.latex())


def test_a_sequences_bias_is_summed_over_its_steps_once(rng: np.random.Generator) -> None:
    layers = [bp.Input((3, 2)), bp.layers.LSTM(2, return_sequences=True), Dense(1)]
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    assert "∂E/∂b⁽¹⁾ = Σ_t ∂E/∂p_t" in str(model.explain(rng.random((3, 2)), np.zeros((3, 1))))
