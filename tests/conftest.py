"""What every test stands on: seeded randomness, and floating-point errors that raise."""

import gc
import importlib.util
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

# OpenBLAS reads it when NumPy is imported: its threads spin for a moment after each large product,
# which takes the cores from the other worker. With the least number they sleep at once.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

import numpy as np
import pytest

from backprop.engine import recorded as replay

# The tests in a browser need the extra ``web`` and Debian's chromium, which .ci/run installs.
BROWSER = all(map(importlib.util.find_spec, ("playwright", "axe_playwright_python")))
collect_ignore_glob = [] if BROWSER and shutil.which("chromium") else ["test_*_in_browser.py"]

NEED = {
    "mpi4py": [
        "test_workers.py",
        "test_workers_elastic.py",
        "test_workers_failures.py",
        "test_workers_leaving.py",
        "test_workers_readme.py",
        "test_mpi_executor.py",
    ],
    "distributed": ["test_dask_executor.py"],
}
"""Tests of jobs of several processes, by the package that each needs (``.ci/run`` has them)."""

collect_ignore = [
    file for name, files in NEED.items() if not importlib.util.find_spec(name) for file in files
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long`` adds the tests that are marked with ``pytest.mark.long``."""
    parser.addoption("--long", action="store_true", help="run the tests that take minutes too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long tests out, unless they were asked for."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the collection leaves stays to the end: garbage is not looked for in it ever again.

    Python would go through it every few tests, which takes longer than the tests do.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which tests are left out."""
    if collect_ignore:
        terminalreporter.write_line(
            f"left out, as a package is missing: {', '.join(collect_ignore)}"
        )


@pytest.fixture
def example() -> Any:
    """What ``explain`` says of the published example."""
    from explained import mazur

    return mazur().explain([0.05, 0.10], [0.01, 0.99])


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test, so that a failure comes back."""
    return np.random.default_rng(12345)


@pytest.fixture
def by_layers(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Switches replay off, so that every step is made by the layers."""
    return lambda: monkeypatch.setattr(replay, "replayable", lambda model: False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for the tests of pages."""
    from browsing import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page of an explanation; in the end, nothing was complained of or asked for."""
    from browsing import lessons

    with lessons(browser, tmp_path) as open_page:
        yield open_page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Overflow, division by zero and invalid operations fail a test; underflow to 0 is harmless.

    A hook costs less than a fixture that every test has.
    """
    with np.errstate(all="raise", under="ignore"):
        return (yield)


@pytest.fixture(autouse=True, scope="session")
def disks_and_recordings_take_no_time() -> Iterator[None]:
    """Nobody waits for the disk; short fits go through both kinds of steps, as long ones do.

    That files are forced to the disk, ``test_durable.py`` sees.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(replay, "RECORD_AFTER", 1)
        patch.setattr(replay, "MIDDLING", np.inf)  # not by how busy the machine is
        yield


@pytest.fixture
def iris() -> tuple[Any, Any]:
    """Scikit-learn's irises, standardised, and their classes."""
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_iris(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y
