"""What every test stands on: seeded randomness, and floating-point errors that raise."""

from collections.abc import Iterator

import numpy as np
import pytest

from backprop.engine import recorded as replay


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
