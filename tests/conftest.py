"""What every test stands on: seeded randomness, and floating-point errors that raise."""

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from backprop.engine import recorded as replay

WITH_MPI = ["test_workers.py", "test_workers_failures.py", "test_mpi_executor.py"]
"""Tests that start jobs by mpiexec, for which the extra ``mpi`` must be installed."""

collect_ignore = [] if find_spec("mpi4py") else WITH_MPI


def pytest_report_header() -> str:
    """Says so where tests are left out."""
    if not collect_ignore:
        return "mpi4py is installed: jobs of several workers are tested"
    return f"mpi4py is not installed: {', '.join(WITH_MPI)} are left out"


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test, so that a failure comes back."""
    return np.random.default_rng(12345)


@pytest.fixture(autouse=True)
def floating_point_errors_raise() -> Iterator[None]:
    """Overflow, division by zero and invalid operations fail a test; underflow to 0 is harmless."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.fixture(autouse=True)
def steps_are_recorded_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short fits of tests go through both kinds of steps, as long ones do."""
    monkeypatch.setattr(replay, "RECORD_AFTER", 1)
