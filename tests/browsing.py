"""A real browser for the tests of pages: Playwright drives Debian's chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from backprop.explain import Explanation

Opened = Callable[..., Page]
STEPS = ("forward", "loss", "backward", "gradients", "update")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def quiet_pages(browser: Browser) -> Iterator[Callable[[Path, int, Any], Page]]:
    """Opens files; in the end, no page has written to the console or asked for anything more."""
    heard: list[str] = []
    pages: list[Page] = []

    def open_file(path: Path, width: int, scheme: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url))
        page.goto(path.as_uri())
        assert heard.pop(0) == path.as_uri()
        pages.append(page)
        return page

    yield open_file
    assert heard == []
    for page in pages:
        page.close()


@contextmanager
def lessons(browser: Browser, folder: Path) -> Iterator[Opened]:
    """Opens the page of an explanation, written into the folder, as ``quiet_pages`` does."""
    with quiet_pages(browser) as open_file:

        def open_page(explanation: Explanation, width: int = 1280, scheme: str = "light") -> Page:
            path = folder / "lesson.html"
            explanation.save(path)
            return open_file(path, width, scheme)

        yield open_page


def faults(page: Page) -> list[Any]:
    """What axe-core finds that keeps readers out, with the first place of each."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found]
