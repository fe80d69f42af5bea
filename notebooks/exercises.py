"""Checks the answers to the exercises at the end of each notebook."""

from collections.abc import Callable
from typing import Any

import numpy as np


def check(answer: Any, right: Any) -> None:
    """Prints whether the answer is right, or "not yet" while there is none.

    Args:
        answer: The reader's answer; None as long as the exercise is open.
        right: The right number or numbers, to which three digits are enough unless they are whole;
            or a function that is given the answer and says whether it is right.
    """
    if answer is None:
        print("not yet: write your answer in place of None, and run the cell again")
        return
    correct = right(answer) if isinstance(right, Callable) else equal(answer, right)
    print("right" if correct else "not right: try again")


def equal(answer: Any, right: Any) -> bool:
    """Whether the numbers are the same: whole ones exactly, others to three digits."""
    given, expected = np.asarray(answer), np.asarray(right)
    if given.shape != expected.shape or given.dtype.kind not in "iuf":
        return False
    tolerance = 0 if expected.dtype.kind in "iu" else 1e-3
    return np.allclose(given, expected, rtol=tolerance, atol=0)
