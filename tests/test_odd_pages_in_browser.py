"""The page where its network or what is typed into it is unusual.

Collected where Playwright and Chromium are there (see ``conftest.py``).
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from browsing import STEPS, Opened
from explained import Quoting, Scale, compiled, mazur
from playwright.sync_api import Page

from backprop.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    LogSoftmax,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
)
from backprop.optimizers import SGD

TRAINED = "JSON.stringify([values, state, curve])"


# ------------------------------------------------------------------------ numbers out of bounds


def test_training_that_diverges_stops_and_can_be_undone(opened: Opened) -> None:
    model = compiled(Dense(3), Dense(1), optimizer=SGD(5.0))
    page = opened(model.explain([3.0, -4.0], [100.0]))
    before = page.evaluate(TRAINED)
    for _ in range(3):
        page.click("#train-ten")
    state = page.inner_text("#state")
    assert "The next step would make a number infinite" in state
    steps = int(re.findall(r"after (\d+) steps?", state)[0])
    assert 0 < steps < 10
    assert page.evaluate("allFinite(values)")
    page.click("#run")
    page.wait_for_function("!view.timer")
    for _ in range(steps):
        model.train_on_batch([[3.0, -4.0]], [[100.0]])
    expected = model.explain([3.0, -4.0], [100.0])
    assert page.evaluate("values.E") == pytest.approx(expected.loss, rel=1e-9)
    page.click("#undo")
    assert page.evaluate(TRAINED) == before
    assert page.locator("#undo").is_disabled()
    assert "infinite" not in page.inner_text("#state")


@pytest.mark.parametrize(
    ("text", "kept", "words"),
    [
        ("", 0.05, "not a number yet"),
        ("e", 0.05, "not a number yet"),
        ("--", 0.05, "not a number yet"),
        ("1e400", 1e40, "not a number yet"),
        ("1e300", 1e30, "would make others infinite"),
        ("-1e-320", -1e-320, ""),
    ],
)
def test_what_cannot_be_taken_leaves_the_last_number(
    text: str, kept: float, words: str, opened: Opened
) -> None:
    page = opened(compiled(Dense(2), Dense(1)).explain([0.05, 0.1], [1.0]))
    field = page.get_by_label("x₁", exact=True)
    field.press("Control+a")
    field.press("Delete")
    page.keyboard.type(text)
    assert page.evaluate("state.X[0][0]") == kept
    assert words in page.inner_text("#refused")
    assert field.get_attribute("aria-invalid") == str(bool(words)).lower()
    field.blur()
    assert page.inner_text("#refused") == ""
    assert float(field.input_value()) == pytest.approx(kept)
    undone = 0
    while page.locator("#undo").is_enabled():
        page.click("#undo")
        undone += 1
    assert undone <= 1
    assert page.evaluate("state.X[0][0]") == 0.05


def test_a_hundred_steps_are_undone_one_by_one(opened: Opened) -> None:
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    before = page.evaluate(TRAINED)
    page.locator("#train").focus()
    for _ in range(100):
        page.keyboard.press("Enter")
    assert "after 100 steps" in page.inner_text("#state")
    page.locator("#undo").focus()
    for _ in range(100):
        page.keyboard.press("Enter")
    assert page.evaluate(TRAINED) == before


def test_class_is_changed_by_keys_and_by_dragging(opened: Opened) -> None:
    model = compiled(Dense(4), Softmax(), loss="sparse_categorical_crossentropy")
    page = opened(model.explain([1.0, 2.0], 1))
    field = page.get_by_label("c", exact=True)
    for key, expected in (("ArrowUp", 2), ("Shift+ArrowUp", 3), ("ArrowDown", 2)):
        field.press(key)
        assert page.evaluate("state.y[0]") == expected == int(field.input_value())
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 80, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80 - 60, box["y"] + 10, steps=6)
    page.mouse.up()
    assert page.evaluate("state.y[0]") == 0
    assert page.evaluate("values.E") == pytest.approx(model.explain([1.0, 2.0], 0).loss)


# ------------------------------------------------------------------------------- unusual networks


def test_names_are_shown_as_they_are(opened: Opened) -> None:
    model = compiled(Dense(2, name='<i>&"слой'), Quoting(name="</script>{{data}}"), Dense(1))
    page = opened(model.explain([1.0, 2.0], [3.0]))
    page.click("button[data-step='']")
    titles = page.locator("h4").all_inner_texts()
    assert '<i>&"слой (Dense)' in titles
    assert "</script>{{data}} (Quoting)" in titles
    assert page.locator("#derivation i, #derivation b").count() == 0
    assert page.locator(".row").evaluate_all("rows => rows.every(row => row.dataset.step)")
    assert 'it\'s_<b>_&_"so"⁽¹⁾' in page.inner_text("#derivation")  # a symbol has no spaces


@pytest.mark.parametrize(
    "layer",
    [
        Scale(),
        LayerNormalization(),
        BatchNormalization(),
        Dropout(0.5),
        LogSoftmax(),
        Residual([Dense(3)]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_chain_ends_where_single_derivatives_are_unknown(layer: Layer, opened: Opened) -> None:
    model = compiled(Dense(3), layer, Dense(2))
    explanation = model.explain([[1.0, 2.0], [-1.0, 0.5]], [[0.0, 1.0], [1.0, 0.0]])
    page = opened(explanation)
    assert not page.evaluate("network.runs")
    page.locator(".edge").first.focus()
    lines = page.locator("#chain-text p").all_inner_texts()
    assert lines[0] == "∂E/∂w₁₁⁽¹⁾ for sample 0 = x₁ · ∂E/∂z₁⁽¹⁾"
    assert float(lines[1].split(" = ")[-1]) == pytest.approx(
        explanation.X[0, 0] * explanation[0].delta[0, 0], abs=1e-9
    )
    assert explanation[1].name in lines[2]
    assert float(lines[3].split(": ")[1]) == pytest.approx(explanation[0].dW[0, 0], abs=1e-9)
    page.locator(".edge").last.focus()  # behind it, the paths are known
    assert "is the sum over 1 path" in page.locator("#chain-text p").first.inner_text()


def test_page_that_cannot_train_says_so(opened: Opened) -> None:
    page = opened(compiled(Dense(12), ReLU(), Dense(1)).explain([1.0, 2.0], [3.0]))
    assert "up to 8 units" in page.inner_text("#still")
    page = opened(mazur().explain([0.05, 0.10], [0.01, 0.99]))
    assert not page.locator("#still").is_visible()


BOXES = """texts => texts.filter(text => text.textContent).map(text => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return [text.textContent, [left, right, top, bottom]];
})"""


def covered(page: Page, names: str, others: str) -> list[tuple[str, str]]:
    """The texts that lie on each other, of those named and the others; lines of one may touch."""
    found = []
    for text, (left, right, top, bottom) in page.locator(names).evaluate_all(BOXES):
        for other, (start, stop, above, below) in page.locator(others).evaluate_all(BOXES):
            across, down = min(right, stop) - max(left, start), min(bottom, below) - max(top, above)
            if across > 3 and down > 5 and (left, top) != (start, above):
                found.append((text, other))
    return found


@pytest.mark.parametrize(("K", "width"), [(1, 360), (2, 360), (5, 360), (1, 1280), (2, 1280)])
def test_words_below_units_are_not_covered_by_those_on_lines(
    K: int, width: int, opened: Opened
) -> None:
    model = compiled(Dense(2), Sigmoid(), Dense(K), Sigmoid())
    page = opened(model.explain([1.0, 2.0], np.linspace(0.01, 0.99, K)), width)
    for step in ("forward", "gradients"):
        page.click(f"button[data-step={step}]")
        assert covered(page, ".note", ".on-line, .end text") == [], step


@pytest.mark.parametrize("units", [2, 3])
def test_numbers_of_a_phone_stand_beside_each_other(units: int, opened: Opened) -> None:
    model = compiled(Dense(units), Sigmoid(), Dense(units), Softmax(), loss="mse", n_in=units)
    X, y = np.random.default_rng(0).normal(size=(2, 7, units))
    page = opened(model.explain(X, y), 360)
    for step in STEPS:
        page.click(f"button[data-step={step}]")
        assert covered(page, "svg text", "svg text") == [], step
