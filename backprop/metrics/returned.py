"""Checks of what metrics are called, and of what those of the user's own return."""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from backprop.core.arrays import is_masked
from backprop.core.errors import said

T = TypeVar("T")

TOO_FEW = (ArithmeticError, AssertionError, LookupError, ValueError)
"""What a user's code may raise of samples that are too few for it."""


def check_different(names: Sequence[str]) -> None:
    """Checks that every metric of a model has a name of its own; one may have been changed.

    Raises:
        ValueError: Two have the same one.
    """
    for k, name in enumerate(names):
        if name in names[:k]:
            raise ValueError(
                f"two metrics of the model are called {name!r}, so that the numbers of one would "
                f"be lost: give one of them another name."
            )


def shown(returned: Any) -> str:
    """What was returned, for error messages: an array by its shape and dtype."""
    if isinstance(returned, np.ndarray | np.generic):
        kind = "a masked array" if is_masked(returned) else "an array"
        return f"{kind} of shape {returned.shape} and dtype {returned.dtype}"
    return said(returned)


def check_values(returned: Any, name: str, n: int) -> None:
    """Checks what ``values`` of a metric returned for n samples.

    Raises:
        TypeError: It is no array of numbers with a row for each sample.
    """
    numbers = isinstance(returned, np.ndarray) and returned.dtype.kind in "fiub"
    if is_masked(returned) or not numbers or returned.shape[:1] != (n,):
        raise TypeError(
            f"metric {name!r}: values must return an array with a number for each of {n} samples, "
            f"shape ({n},), but it returned {shown(returned)}."
        )


def check_result(returned: Any, name: str) -> None:
    """Checks what ``result`` of a metric returned.

    Raises:
        TypeError: It is no number and no list of numbers.
    """
    found = np.asarray(returned)
    if is_masked(returned) or found.dtype.kind not in "fiub" or found.ndim > 1:
        raise TypeError(
            f"metric {name!r}: result must return a number, or a list of numbers, but it returned "
            f"{shown(returned)}."
        )


def copied(metric: T, name: str) -> T:
    """A copy of a metric that shares nothing with it, as evaluations need one.

    Raises:
        TypeError: It holds something that cannot be copied.
    """
    try:
        return copy.deepcopy(metric)
    except Exception as error:
        raise TypeError(
            f"metric {name!r} cannot be copied ({error}), but evaluations count in a copy: let it "
            f"get files, locks and writers when it needs them, or define __deepcopy__."
        ) from error
