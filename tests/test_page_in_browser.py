"""The page in a real browser: its numbers are those of ``explain``, and it harms nobody.

Collected where Playwright and Chromium are there (see ``conftest.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import STEPS, Opened, faults
from explained import Array, compiled, mazur, one_hot
from playwright.sync_api import Browser, Page

import backprop as bp
from backprop.explain import Explanation
from backprop.explain.formulas import derivation
from backprop.explain.text import block
from backprop.layers import Dense, Identity, Layer, ReLU, Sigmoid, Softmax, Tanh
from backprop.optimizers import SGD
from backprop.plotting.nodes import short

# ------------------------------------------------------------------------------------- its numbers


def numbers_in(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", text)]


def assert_equal_numbers(text: str, expected: str) -> None:
    np.testing.assert_allclose(numbers_in(text), numbers_in(expected), rtol=2e-9, atol=1e-9)
    assert re.sub(r"[-\d.e+ ]", "", text) == re.sub(r"[-\d.e+ ]", "", expected)


def rows_of(explanation: Explanation) -> list[Any]:
    parts = derivation(explanation._record)
    return [row for _, part in parts for section in part for row in section.rows]


def assert_shows(page: Page, explanation: Explanation) -> None:
    """Every number of every step: in the rows, before rounding, and in the drawing."""
    rows = rows_of(explanation)
    blocks = ["\n".join(block(row)) for row in rows if row.value is not None]
    shown = page.locator(".row pre").all_text_contents()
    assert len(shown) == len(blocks)
    for text, expected in zip(shown, blocks, strict=True):
        assert_equal_numbers(text, expected)
    formulas = page.eval_on_selector_all(
        ".row dt", "rows => rows.map(row => row.firstChild && row.innerText)"
    )
    visible = [re.sub(r"\s*\([\d, ]+\)$", "", text or "") for text in formulas]
    assert [text for text in visible if text] == [
        row.formula for row, text in zip(rows, visible, strict=True) if text
    ]
    values = page.evaluate("values")
    for k, layer in enumerate(explanation.layers):
        expected = {f"A{k + 1}": layer.Y, f"D{k + 1}": layer.delta, f"D{k}": layer.delta_input}
        for name in layer.parameters:
            expected[f"d{name}{k}"] = getattr(layer, f"d{name}")
            expected[f"new{name}{k}"] = getattr(layer, f"{name}_new")
        for key, array in expected.items():
            np.testing.assert_allclose(values[key], array, rtol=1e-9, atol=1e-9, err_msg=key)
    assert values["E"] == pytest.approx(explanation.loss, rel=1e-9, abs=1e-9)


def assert_drawn(page: Page, explanation: Explanation, sample: int = 0) -> None:
    """The numbers in the units and on the lines in each of the steps."""
    dense = [k for k, layer in enumerate(explanation.layers) if layer.weights is not None]
    ends = [*(k - 1 for k in dense[1:]), len(explanation.layers) - 1]
    layers = explanation.layers
    forth = [explanation.X, *(layers[k].Y for k in ends)]
    back = [layers[0].delta_input, *(layers[k].delta for k in dense)]
    lines = {"backward": "W", "gradients": "dW", "update": "W_new"}
    for step in STEPS:
        page.click(f"button[data-step={step}]")
        columns = back if step in ("backward", "gradients") else forth
        units = page.locator(".unit .number").all_text_contents()
        assert_short(units, [v for column in columns for v in column[sample]])
        weights = [getattr(layers[k], lines.get(step, "W")).ravel() for k in dense]
        shown = page.locator(".on-line").all_text_contents()[: sum(map(len, weights))]
        assert_short(shown, np.concatenate(weights))


def assert_short(texts: list[str], numbers: Any) -> None:
    """Three digits; the last may differ where a rounding error decides it."""
    assert len(texts) == len(numbers)
    for text, number in zip(texts, numbers, strict=True):
        if text != short(number):
            assert float(text.replace("−", "-")) == pytest.approx(number, rel=0.051, abs=1e-12)


def trained(model: bp.Sequential, X: Any, y: Any, steps: int) -> Explanation:
    for _ in range(steps):
        model.train_on_batch(np.atleast_2d(X), y)
    return model.explain(X, y)


def mazurs() -> tuple[bp.Sequential, Any, Any]:
    return mazur(), [[0.05, 0.10]], [[0.01, 0.99]]


def two_three_one() -> tuple[bp.Sequential, Any, Any]:
    model = compiled(Dense(3), Tanh(), Dense(1), Sigmoid(), loss="binary_crossentropy")
    return model, [[1.0, 0.0]], [[1.0]]


def random_network(seed: int) -> tuple[bp.Sequential, Any, Any]:
    """Up to three layers of up to four units, with every activation and loss in turn."""
    rng = np.random.default_rng(seed)
    endings: list[tuple[type[Layer], str]] = [
        (Identity, "mse"),
        (Sigmoid, "half_squared_error"),
        (Sigmoid, "binary_crossentropy"),
        (Softmax, "categorical_crossentropy"),
        (Softmax, "sparse_categorical_crossentropy"),
        (Softmax, "mse"),
        (Sigmoid, "categorical_crossentropy"),
        (Tanh, "mse"),
    ]
    last, loss = endings[seed % len(endings)]
    K, n_in, N = int(rng.integers(2, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    body: list[Layer] = []
    for _ in range(rng.integers(0, 3)):
        kind = (Sigmoid, Tanh, ReLU, Identity)[rng.integers(4)]
        body += [Dense(int(rng.integers(1, 5)), use_bias=bool(rng.integers(2))), kind()]
    model = compiled(*body, Dense(K), last(), loss=loss, optimizer=SGD(0.3), n_in=n_in, seed=seed)
    classes = rng.integers(0, K, N)
    y: Array = rng.random((N, K))
    if "categorical" in loss:
        y = classes if loss.startswith("sparse") else one_hot(classes, K)
    return model, rng.normal(size=(N, n_in)), y


NETWORKS: list[Any] = [mazurs, two_three_one] + [
    lambda seed=seed: random_network(seed) for seed in range(20)
]


@pytest.mark.parametrize("network", NETWORKS)
def test_numbers_are_those_of_explain_before_and_after_ten_updates(
    network: Callable[[], Any], opened: Opened
) -> None:
    model, X, y = network()
    first = model.explain(X, y)
    page = opened(first)
    assert page.evaluate("network.runs")
    assert_shows(page, first)
    assert_drawn(page, first)
    page.click("button[data-step='']")
    page.click("#train-ten")
    last = trained(model, X, y, 10)
    assert last.loss != first.loss
    assert_shows(page, last)
    assert_drawn(page, last)
    page.click("#undo")
    assert_shows(page, first)
    assert page.locator("#undo").is_disabled()


def test_network_in_float32_runs_too(opened: Opened) -> None:
    model = compiled(Dense(3), ReLU(), Dense(2), Softmax(), loss="mse", dtype="float32")
    explanation = model.explain([0.1, 2.0], [0.0, 1.0])
    page = opened(explanation)
    assert page.evaluate("network.runs")
    for key, array in (("dW0", explanation[0].dW), ("D2", explanation[1].delta)):
        np.testing.assert_allclose(page.evaluate(f"values.{key}"), array, rtol=1e-4, atol=1e-6)
    assert page.locator("[data-key=A0] pre").inner_text().split() == ["0.1", "2.0"]


def test_typing_numbers_gives_those_of_python(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    page.get_by_label("x₁", exact=True).fill("-0.7")
    page.get_by_label("y₂", exact=True).fill("0.25")
    page.get_by_label("w₁₂⁽¹⁾", exact=True).fill("1.5")
    page.get_by_label("η", exact=True).fill("0.125")
    page.get_by_label("x₂", exact=True).fill("")  # not yet a number: the last one stays
    model = mazur()
    model.layers[1 if isinstance(model.layers[0], bp.Input) else 0].W[0, 1] = 1.5
    model.optimizer.learning_rate = 0.125
    expected = model.explain([-0.7, 0.10], [0.01, 0.25])
    page.click("button[data-step='']")
    assert_shows(page, expected)
    assert "learning_rate=0.125," in page.inner_text("#derivation")
    for _ in range(4):
        page.click("#undo")
    assert page.locator("#undo").is_disabled()
    assert_shows(page, mazur().explain([0.05, 0.10], [0.01, 0.99]))


def test_dragging_an_input_gives_the_numbers_of_python(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    field = page.get_by_label("x₁", exact=True)
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=6)
    page.mouse.up()
    page.click("button[data-step='']")
    assert page.evaluate("state.X[0][0]") == 0.35
    assert_shows(page, mazur().explain([0.35, 0.10], [0.01, 0.99]))


def test_arrow_keys_change_a_number(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    field = page.get_by_label("x₂", exact=True)
    field.press("ArrowUp")
    field.press("Shift+ArrowDown")
    assert field.input_value() == "0.01"
    page.click("button[data-step='']")
    assert_shows(page, mazur().explain([0.05, 0.01], [0.01, 0.99]))


def test_targets_of_a_cross_entropy_stay_shares(opened: Opened) -> None:
    model = compiled(Dense(3), Softmax(), loss="categorical_crossentropy")
    page = opened(model.explain([1.0, 2.0], [0, 1, 0]))
    page.get_by_label("y₁", exact=True).fill("0.4")
    page.click("button[data-step='']")
    assert_shows(page, model.explain([1.0, 2.0], [0.4, 0.6, 0]))


def test_another_sample_is_drawn(opened: Opened) -> None:
    model, X, y = random_network(8)
    X, y = np.concatenate([X, X + 1]), np.concatenate([y, y])
    explanation = model.explain(X, y)
    page = opened(explanation)
    page.select_option("#sample", "1")
    assert_drawn(page, explanation, sample=1)


# ----------------------------------------------------------------------------------- what it shows


def test_weight_lights_its_paths_and_writes_its_chain(opened: Opened) -> None:
    explanation = mazur().explain([0.05, 0.10], [0.01, 0.99])
    page = opened(explanation)
    page.locator(".edge").first.focus()
    page.keyboard.press("ArrowRight")  # to w₁₂⁽¹⁾
    lines = page.locator("#chain-text p").all_inner_texts()
    assert lines[0] == "∂E/∂w₁₂⁽¹⁾ is the sum over 2 paths to the loss:"
    assert lines[1] == "path 1: w₁₂⁽¹⁾ → z₂⁽¹⁾ → a₂⁽¹⁾ → z₁⁽²⁾ → a₁⁽²⁾ → E"
    begin = 0.05 * explanation["sigmoid_1"].slope[0, 1]
    paths = explanation.paths("dense_1", unit=1)
    for number, path in enumerate(paths):
        assert numbers_in(lines[4 * number + 4])[-1] == pytest.approx(
            begin * path.product, abs=1e-9
        )
        for factor in path.factors:
            assert factor.name in lines[4 * number + 2]
            assert factor.formula in lines[4 * number + 3]
    total, backpropagated = re.findall(r": (-?[\d.]+)", lines[-1])
    assert float(total) == float(backpropagated)
    assert float(total) == pytest.approx(explanation[0].dW[0, 1], abs=1e-9)
    lit = page.eval_on_selector_all(
        ".edge.on-path", "edges => edges.map(edge => edge.getAttribute('aria-label'))"
    )
    assert [label.split(" ")[0] for label in lit] == ["w₁₂⁽¹⁾", "w₂₁⁽²⁾", "w₂₂⁽²⁾"]
    assert page.locator(".unit.on-path .symbol").all_text_contents() == [
        "x₁",
        "a₂⁽¹⁾",
        "a₁⁽²⁾",
        "a₂⁽²⁾",
    ]
    page.keyboard.press("Escape")
    assert page.locator(".on-path").count() == 0


@pytest.mark.parametrize("seed", [3, 8, 11, 19])
def test_sum_over_paths_is_the_gradient(seed: int, opened: Opened) -> None:
    model, X, y = random_network(seed)
    explanation = model.explain(X[:1], y[:1])
    page = opened(explanation)
    dense = [k for k, layer in enumerate(explanation.layers) if layer.weights is not None]
    for k in dense:
        for i, j in np.ndindex(explanation.layers[k].W.shape):
            total = page.evaluate(
                f"sum(pathsFromWeight(network, values, 0, {k}, {i}, {j}).map(product))"
            )
            assert total == pytest.approx(explanation.layers[k].dW[i, j], rel=1e-9, abs=1e-12)


def test_step_shows_its_rows_alone(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    for step in STEPS:
        page.click(f"button[data-step={step}]")
        steps = page.eval_on_selector_all(
            ".row", "rows => rows.filter(row => !row.hidden).map(row => row.dataset.step)"
        )
        assert set(steps) == {step}
        assert page.locator("button[aria-pressed=true]").inner_text()[2:].lower() == step
        assert page.inner_text("#step-text").lower().startswith(step)


def test_training_draws_the_falling_loss_and_starts_again(opened: Opened) -> None:
    explanation = mazur().explain([0.05, 0.10], [0.01, 0.99])
    page = opened(explanation)
    for _ in range(3):
        page.click("#train")
    assert "after 3 steps" in page.inner_text("#state")
    curve = page.evaluate("curve")
    assert curve == sorted(curve, reverse=True)
    page.click("#undo")
    page.click("#train")
    assert page.evaluate("curve") == curve
    assert page.locator("#curve .curve").get_attribute("d").count("L") == 3
    page.click("#run")
    page.wait_for_function("curve.length > 6")
    page.click("#run")
    page.click("#reset")
    assert page.evaluate("curve.length") == 1
    page.click("button[data-step='']")
    assert_shows(page, explanation)


def test_network_that_cannot_run_shows_the_numbers_of_python(opened: Opened) -> None:
    model = compiled(Dense(3), Tanh(), Dense(2), Softmax(), loss="mse", optimizer="adam")
    explanation = model.explain([1.0, 2.0], [0.0, 1.0])
    page = opened(explanation)
    assert not page.evaluate("network.runs")
    assert not page.locator("#training").is_visible()
    assert not page.locator("#editing").is_visible()
    assert_drawn(page, explanation)
    page.click("button[data-step='']")
    blocks = ["\n".join(block(row)) for row in rows_of(explanation) if row.value is not None]
    assert page.locator(".row pre").all_text_contents() == blocks


def test_page_does_not_run_what_it_computes_otherwise(browser: Browser, tmp_path: Path) -> None:
    explanation = mazur().explain([0.05, 0.10], [0.01, 0.99])
    path = tmp_path / "lesson.html"
    explanation.save(path)
    text = path.read_text(encoding="utf-8")
    assert text.count("a * (1 - a)") == 1
    path.write_text(text.replace("a * (1 - a)", "a * (1 + a)"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert not page.evaluate("network.runs")
    assert page.evaluate("values.E") == explanation.loss
    assert not page.locator("#training").is_visible()
    page.close()


# ----------------------------------------------------------------------------------- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_page_fits_every_screen_and_every_reader(width: int, scheme: str, opened: Opened) -> None:
    model, X, y = two_three_one()
    page = opened(model.explain(X, y), width, scheme)
    for step in ("gradients", ""):
        page.click(f"button[data-step='{step}']")
        page.locator(".edge").first.focus()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.wait_for_timeout(300)  # until colours have faded in
        assert faults(page) == []


def test_page_opens_within_a_second(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 1000
