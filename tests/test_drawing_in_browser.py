"""The drawing on the page: no text covers another one or is cut off, however wide the layers are.

Collected where Playwright and Chromium are there (see ``conftest.py``).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from browsing import STEPS, Opened
from explained import compiled
from playwright.sync_api import Page

from backprop.explain import Explanation
from backprop.layers import Dense, Layer, Sigmoid, Tanh

WIDTHS = (1280, 360, 1920)
WITH_NUMBERS = 5  # units of the smaller of two layers; beyond, numbers stand where one points
LEAST = 8.0  # pixels of a letter's size

# In the order that they are drawn: what is said, where it stands, and how large its letters are.
TEXTS = """() => {
    const box = element => {
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return [left, top, right, bottom];
    };
    const svg = document.querySelector("#drawing svg");
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [box(svg), [...svg.querySelectorAll("text")]
        .filter(text => text.textContent && getComputedStyle(text).visibility === "visible")
        .map(text => [text.textContent, box(text),
            scale * parseFloat(getComputedStyle(text).fontSize)])];
}"""
LEFT_OUT = """drawing.edges.filter(edge => edge.text.classList.contains("left-out"))
    .map(edge => [edge.s, edge.i, edge.j])"""


def explained(sizes: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> Explanation:
    """A pass of Dense layers of these sizes; the inputs are scaled, and so are gradients."""
    rng = np.random.default_rng(seed)
    body: list[Layer] = []
    for size in sizes[1:-1]:
        body += [Dense(size), Tanh()]
    model = compiled(*body, Dense(sizes[-1]), Sigmoid(), n_in=sizes[0], seed=seed)
    return model.explain(scale * rng.normal(size=(2, sizes[0])), rng.random((2, sizes[-1])))


def assert_clear(page: Page) -> None:
    """No text of the drawing covers another one or leaves it, and all can be read."""
    (left, top, right, bottom), texts = page.evaluate(TEXTS)
    for said, (start, above, stop, below), size in texts:
        assert size > LEAST, said
        assert left <= start, said
        assert stop <= right, said
        assert top <= above, said
        assert below <= bottom, said
    for (said, one, _), (other, two, _) in combinations(texts, 2):
        across = min(one[2], two[2]) - max(one[0], two[0])
        down = min(one[3], two[3]) - max(one[1], two[1])
        assert min(across, down) <= 0.5, (said, other)


def assert_clear_in_each_step(page: Page, sizes: tuple[int, ...]) -> None:
    """Lines of narrow layers have their numbers, those of wide ones none."""
    wide = [s for s in range(len(sizes) - 1) if min(sizes[s : s + 2]) > WITH_NUMBERS]
    for step in STEPS:
        page.evaluate(f"chooseStep('{step}')")
        assert_clear(page)
        left_out = page.evaluate(LEFT_OUT)
        assert sorted({s for s, _, _ in left_out}) == wide, step
        assert len(left_out) == sum(sizes[s] * sizes[s + 1] for s in wide), step
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


NARROW_AND_WIDE = [
    *((1, 1), (2, 2, 2), (2, 3, 1), (3, 3, 3), (4, 4, 4, 4), (1, 6, 1), (2, 7, 2), (7, 6)),
    *((8, 5, 5), (3, 8, 8, 3)),
]


@pytest.mark.parametrize("sizes", NARROW_AND_WIDE, ids=str)
def test_no_text_covers_another(sizes: tuple[int, ...], opened: Opened) -> None:
    """Also after the window was made narrower or wider."""
    page = opened(explained(sizes))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert_clear_in_each_step(page, sizes)


@pytest.mark.parametrize("seed", range(20))
def test_no_text_of_random_networks_covers_another(seed: int, opened: Opened) -> None:
    """Before and after ten updates, with gradients from large to small."""
    rng = np.random.default_rng(seed)
    sizes = tuple(int(size) for size in rng.integers(1, 9, rng.integers(2, 5)))
    page = opened(explained(sizes, seed, 10.0 ** (seed % 5 - 3)))
    for _ in range(2):
        for step in ("backward", "gradients", "update"):
            page.evaluate(f"chooseStep('{step}')")
            assert_clear(page)
        page.click("#train-ten")


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_between_wide_layers_stand_on_the_lines_that_one_points_at(
    width: int, opened: Opened
) -> None:
    page = opened(explained((6, 8, 7)), width)
    page.evaluate("chooseStep('gradients')")
    assert len(page.evaluate(LEFT_OUT)) == 6 * 8 + 8 * 7
    assert "only such lines show their numbers" in page.inner_text("#chain-hint")
    for edge in (0, 21, 47):
        page.locator(".edge").nth(edge).focus()
        i, j = divmod(edge, 8)
        left_out = page.evaluate(LEFT_OUT)
        shown = {(s, *at) for s, n, m in ((0, 6, 8), (1, 8, 7)) for at in np.ndindex(n, m)}
        shown -= {tuple(each) for each in left_out}
        assert shown == {(0, i, j), *((1, j, k) for k in range(7))}
        assert_clear(page)
    page.keyboard.press("Escape")
    assert len(page.evaluate(LEFT_OUT)) == 6 * 8 + 8 * 7


@pytest.mark.parametrize("width", WIDTHS)
def test_longest_numbers_find_a_place(width: int, opened: Opened) -> None:
    for sizes in ((2, 2, 2), (2, 3, 2), (8, 5)):
        page = opened(explained(sizes), width)
        page.evaluate("short = () => '−0.000123'")
        assert_clear_in_each_step(page, sizes)
        page.close()


@pytest.mark.parametrize("size", [9, 10, 12])
def test_wider_layers_are_heat_maps(size: int, opened: Opened) -> None:
    page = opened(explained((4, size, 10)), 360)
    assert page.locator("#drawing svg").count() == 0
    box = page.locator("#drawing img").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_worked_example_stands_beside_its_formulas(opened: Opened) -> None:
    """And wide networks above them."""
    for sizes, wide in (((2, 2, 2), False), ((2, 3, 1), False), ((3, 8, 8, 3), True)):
        page = opened(explained(sizes))
        network, steps = (page.locator(name).bounding_box() for name in ("#network", "#steps"))
        assert network is not None
        assert steps is not None
        assert (steps["y"] >= network["y"] + network["height"]) == wide
