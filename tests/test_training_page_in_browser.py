"""The page of a recorded training in a real browser.

Collected where Playwright and Chromium are there (see ``conftest.py``).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import chromium, faults, quiet_pages
from trainings import recorded

import backprop as bp
from backprop.inspection.training_page import training_page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_epochs_can_be_scrubbed_through_on_every_screen(scheme: str, tmp_path: Path) -> None:
    _, recorder, X, y = recorded(epochs=12)
    path = tmp_path / "training.html"
    recorder.save(path, X, y)
    with chromium() as browser, quiet_pages(browser) as open_file:
        for width in (360, 1280, 1920):
            page = open_file(path, width, scheme)
            assert page.inner_text("#state").startswith("12 of 12: loss ")
            last = page.evaluate("document.querySelector('#weights canvas').toDataURL()")
            page.locator("#epoch").focus()
            page.keyboard.press("ArrowLeft")
            loss, validation = recorder.losses[10], recorder.validation_losses[10]
            state = f"11 of 12: loss {loss:.4g}, validation {validation:.4g}"
            assert page.inner_text("#state") == state
            shown = page.evaluate("document.querySelector('#weights canvas').toDataURL()")
            assert shown != last
            page.keyboard.press("Home")
            assert page.inner_text("#state") == "0 of 12, before training"
            assert page.locator("#weights canvas").count() == 2
            assert page.locator("#deltas canvas").count() == 2
            assert page.locator("#regions canvas").is_visible()
            label = page.locator("#regions canvas").get_attribute("aria-label") or ""
            assert " of 20 samples lie in the region of their class" in label
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert faults(page) == []
            page.click("#play")
            page.wait_for_function("frame === 12 && timer === null")
            assert page.inner_text("#play") == "Play"


def test_long_trainings_are_drawn(tmp_path: Path) -> None:
    """Their losses are more than a function of the browser's takes as arguments."""
    epochs = 200_000
    model = bp.Sequential([bp.Input(1), bp.layers.Dense(1)], seed=0)
    thetas = [model.parameters.values] * (epochs + 1)
    losses: list[list[float]] = [[1.0 + k % 7 for k in range(epochs)], []]
    path = tmp_path / "training.html"
    path.write_text(training_page(model, thetas, {}, losses), encoding="utf-8")
    with chromium() as browser, quiet_pages(browser) as open_file:
        page = open_file(path, 1280, "light")
        assert page.inner_text("#state") == "200000 of 200000: loss 3"
        assert page.locator("#losses .curve").count() == 1
        assert page.locator("#losses .dot").is_visible()
        page.locator("#epoch").focus()
        page.keyboard.press("Home")
        assert not page.locator("#losses .dot").is_visible()


def test_without_samples_there_are_no_regions(tmp_path: Path) -> None:
    _, recorder, _, _ = recorded(epochs=2)
    path = tmp_path / "training.html"
    recorder.save(path)
    with chromium() as browser, quiet_pages(browser) as open_file:
        page = open_file(path, 1280, "light")
        assert not page.locator("#regions").is_visible()
