"""Why a training by a full-batch optimizer ended: at a minimum, or far from it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.types import Array
from backprop.training.divergence import LARGE_LOSS, between, extent, quiet

NOTHING = 1e-5
"""The share of the targets that outputs are at the most if they hardly change a large loss."""

CLEARLY = 1e-3
"""The share of a loss that is no matter of rounding, nor of the last steps to a minimum."""


def falls_nearby(loss_at: Callable[[Array], tuple[float, Array]], x: Array) -> bool:
    """Whether a step along the gradient, forth or back, clearly lowers the loss.

    In float32 all points of a line search may have the same loss, where the steps are too small to
    change a digit of θ, and a search may take that for a minimum.

    Args:
        loss_at: E and ∂E/∂θ at any θ.
        x: Where the search ended.
    """
    loss, gradient = loss_at(x)
    size, far = float(np.linalg.norm(gradient)), max(1.0, float(np.linalg.norm(x)))
    if not size * far > CLEARLY * abs(loss):
        return False  # no step that is as long as θ would
    for length in (1.0, 1e-2, 1e-4, 1e-6):
        for sign in (-1, 1):  # a gradient may have the wrong one
            with quiet():
                there = loss_at(x + sign * length * far / size * gradient)[0]
            if there < loss - CLEARLY * abs(loss):
                return True
    return False


def are_nothing(loss: float, batch: tuple[Any, ...], largest: float) -> bool:
    """Whether a loss is large because outputs are next to nothing beside the targets.

    A step that changes them as much as it can is not seen in the digits of such a loss.

    Args:
        loss: The first one.
        batch: The last batch.
        largest: The size of the largest of the first outputs.
    """
    if not (loss > LARGE_LOSS and batch):
        return False
    return largest < NOTHING * max(map(abs, extent(batch[1])))


def warn_of_short_steps(loss: float, y: Array) -> None:
    """Warns that a training ended as soon as it had begun, far from the targets."""
    console.warn(
        f"L-BFGS ends after the first line search, but has not converged: its steps, which begin "
        f"with a length of 1, are too short to lower a loss of {loss:.6g} by more than its last "
        f"digits: scale the targets (these are {between(y)})."
    )


def warn_of_no_step(loss: float, epoch: int, finite: bool) -> None:
    """Warns that a line search ended without a lower loss."""
    hint = (
        "Near a minimum the digits of the loss may be used up. Far from it the inputs are not "
        'scaled or need dtype="float64", max_evaluations is too small, the loss has kinks, or a '
        "gradient is wrong: model.check_gradients finds that."
    )
    if not finite:
        hint = "The loss was not finite at some steps that it tried: scale the inputs and targets."
    console.warn(
        f"L-BFGS found no step that lowers the loss of {loss:.6g} in epoch {epoch}, and "
        f"training ends. {hint}"
    )
