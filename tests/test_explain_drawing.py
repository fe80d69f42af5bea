"""The pictures of ``explanation.plot``: what is drawn equals what was computed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from explained import classifier, compiled, mazur, one_hot
from matplotlib.figure import Figure

from backprop.explain import Explanation
from backprop.layers import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.plotting.nodes import short

# --------------------------------------------------------------------------------------- pictures


# as nodes, and as heat maps
@pytest.mark.parametrize("units", [2, pytest.param(12, marks=pytest.mark.long)])
def test_pass_that_overflows_is_drawn_too(units: int, tmp_path: Path) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        explanation = compiled(Dense(units), ReLU(), Dense(1)).explain([1e200, 1e200], [0.0])
    assert np.isinf(explanation[0].dW).any()
    for suffix in ("png", "html"):
        explanation.save(tmp_path / f"a.{suffix}")
        assert (tmp_path / f"a.{suffix}").stat().st_size > 10_000


def words_of(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_picture_of_the_published_example(example: Explanation, tmp_path: Path) -> None:
    file = tmp_path / "network.png"
    figure = example.plot(file)
    assert file.read_bytes().startswith(b"\x89PNG")
    forward, backward = words_of(figure)
    for words in ("0.05", "0.593", "0.773", "0.45", "b = 0.35", "target 0.99", "E = 0.298371"):
        assert words in forward
    assert {"a⁽¹⁾ = σ(z⁽¹⁾)", "x₁", "a₂⁽²⁾", "loss"} <= set(forward)
    for words in ("0.138", "−0.0381", "0.0822", "0.000439", "∂E/∂a = 0.0364", "∂E/∂ŷ = 0.741"):
        assert words in backward
    assert {"δ⁽²⁾ = ∂E/∂z⁽²⁾", "δ₁⁽¹⁾", "∂E/∂x"} <= set(backward)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0].startswith("Forward")
    assert titles[1].startswith("Backward")
    assert "One sample" in figure.legends[0].get_title().get_text()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["positive", "negative"]


def test_no_words_of_the_picture_overlap(rng: np.random.Generator) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    model = compiled(Dense(3), Tanh(), Dense(3), Tanh(), Dense(2), n_in=3)
    for explanation in (
        mazur().explain([0.05, 0.10], [0.01, 0.99]),
        model.explain(rng.normal(size=(5, 3)), rng.normal(size=(5, 2))),
        classifier().explain(rng.normal(size=(2, 4)), one_hot([0, 1], 3)),
    ):
        figure = explanation.plot()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for axes in figure.axes:
            words = [text for text in axes.texts if text.get_text()]
            boxes = [text.get_window_extent(canvas.get_renderer()) for text in words]
            for k, box in enumerate(boxes):
                hit = [words[j].get_text() for j in range(k) if box.overlaps(boxes[j])]
                assert hit == [], f"{words[k].get_text()} lies on {hit}"


def test_picture_shows_the_sample_asked_for(rng: np.random.Generator) -> None:
    model = compiled(Dense(3), ReLU(), Dense(1), Sigmoid(), loss="bce")
    X = rng.normal(size=(4, 2))
    explanation = model.explain(X, [0, 1, 1, 0])
    forward, backward = words_of(explanation.plot(sample=2))
    assert short(X[2, 0]) in forward
    assert short(explanation["dense_1"].dW[1, 2]) in backward
    assert f"∂E/∂b = {short(explanation['dense_2'].db[0])}" in backward
    assert "sample 2 of 4" in explanation.plot(sample=2).legends[0].get_title().get_text()
    with pytest.raises(ValueError, match="sample must lie between 0 and 3, but it is 4"):
        explanation.plot(sample=4)


def test_many_edges_bear_no_numbers(rng: np.random.Generator) -> None:
    explanation = classifier().explain(rng.normal(size=(2, 4)), one_hot([0, 1], 3))
    forward, _ = words_of(explanation.plot())
    assert short(explanation["dense_1"].W[0, 0]) not in forward
    assert len(forward) == 15 + 3 + 1 + 4  # nodes, targets, E, heads


def test_wide_networks_are_drawn_as_heat_maps(rng: np.random.Generator) -> None:
    model = compiled(
        Dense(12), ReLU(), Dense(3), Softmax(), loss="categorical_crossentropy", n_in=9
    )
    explanation = model.explain(rng.normal(size=(2, 9)), one_hot([0, 1], 3))
    figure = explanation.plot(sample=1)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    titles = [title for title in panels if title]
    assert [title.partition("   ")[0] for title in titles] == [
        *("x", "∂E/∂x", "W⁽¹⁾", "∂E/∂W⁽¹⁾", "a⁽¹⁾", "δ⁽¹⁾ = ∂E/∂z⁽¹⁾"),
        *("W⁽²⁾", "∂E/∂W⁽²⁾", "a⁽²⁾", "δ⁽²⁾ = ∂E/∂z⁽²⁾"),
    ]
    shown = panels["δ⁽¹⁾ = ∂E/∂z⁽¹⁾   (12,)"].images[0].get_array()
    np.testing.assert_array_equal(shown, explanation["dense_1"].delta[1:])
    shown = panels["∂E/∂W⁽²⁾   (12, 3)"].images[0].get_array()
    np.testing.assert_array_equal(shown, explanation["dense_2"].dW)
    assert "sample 1 of 2" in figure.get_supxlabel()


def test_networks_without_weights_are_drawn_as_heat_maps() -> None:
    figure = compiled(Sigmoid(), Tanh()).explain([1.0, 2.0], [0.0, 1.0]).plot()
    titles = [axes.get_title(loc="left").partition("   ")[0] for axes in figure.axes]
    names = ["x", "a⁽⁰⁾", "a′⁽⁰⁾"]
    assert [t for t in titles if t] == [t for name in names for t in (name, f"∂E/∂{name}")]


def test_images_and_kernels_are_drawn_channel_by_channel(rng: np.random.Generator) -> None:
    layers = [Conv2D(3, 2), Conv2DTranspose(4, 2), Flatten(), Dense(1)]
    model = compiled(*layers, loss="mse", n_in=(4, 5, 2))
    explanation = model.explain(rng.normal(size=(1, 4, 5, 2)), [[1.0]])
    panels = {axes.get_title(loc="left"): axes for axes in explanation.plot().axes}
    shown = panels["x   (4, 5, 2)"].images[0].get_array()
    np.testing.assert_array_equal(shown[:, 5:], explanation["conv2d_1"].X[0, :, :, 1])
    shown = panels["W⁽¹⁾   (2, 2, 2, 3)"].images[0].get_array()
    np.testing.assert_array_equal(shown[2:, 4:], explanation["conv2d_1"].W[:, :, 1, 2])
    # a transposed convolution keeps the filter in front of the channel
    shown = panels["∂E/∂W⁽²⁾   (2, 2, 3, 4)"].images[0].get_array()
    np.testing.assert_array_equal(shown[4:, 2:4], explanation["conv2d_transpose_1"].dW[:, :, 1, 2])


def test_pictures_need_no_pyplot(example: Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would now fail
    assert type(example.plot()) is Figure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(
            (0.0, "0"),
            (-0.0, "0"),
            (0.138498, "0.138"),
            (-0.0381, "−0.0381"),
            (4.39e-4, "0.000439"),
        ),
        *((-8.4e-5, "−8.4e−5"), (123.4, "123"), (12345.0, "12345"), (3.2e7, "3.2e7")),
        *((float("nan"), "nan"), (float("-inf"), "−inf")),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
