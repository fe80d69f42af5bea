"""The shapes of predictions and targets that do not fit each other, and what may be the reason."""

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape


def check_width(name: str, before: int | None, now: int) -> None:
    """Checks that a batch has as many outputs as those that a metric has counted before it.

    Raises:
        ShapeError: It has not, as when a metric goes from one model to another.
    """
    if before not in (None, now):
        raise ShapeError(
            f"metric {name!r} has counted samples with {before} output{'s' * (before != 1)}, but "
            f"these have {now}: call metric.reset() before those of another model."
        )


def are_exchanged(prediction: Array, target: Array) -> bool:
    """Whether class indices are given as predictions, and as targets a row for each of them."""
    rows = target.ndim > 1 and target.shape[-1] > 1
    if not rows or prediction.shape not in (target.shape[:-1], (*target.shape[:-1], 1)):
        return False
    return bool((prediction == np.floor(prediction)).all())


def show_shapes(*shapes: Shape) -> list[str]:
    """The shapes of arrays for an error message; one sample alone may stand for all of them."""
    shown = [str(shape) for shape in shapes]
    if all(shape[:1] == (1,) for shape in shapes):
        return [each.replace("(1,", "(N,", 1) for each in shown]
    return shown
