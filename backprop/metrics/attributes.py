"""Checks of what metrics are called, and of the attributes that one may assign."""

import math
from typing import Any, get_args

from backprop.core.checks import check_choice, check_integer, check_shown
from backprop.core.errors import said
from backprop.core.types import Outputs

TAKEN = ("loss", "epoch", "batch", "learning_rate")
"""What other numbers are called beside those of the metrics in logs, History and files."""


def check_free_name(name: Any, argument: str) -> str:
    """The name of a metric.

    Raises:
        TypeError: It is no string.
        ValueError: It would hide another number.
    """
    text = check_shown(name, argument)
    if text in TAKEN or text.startswith("val_"):
        raise ValueError(
            f"one of the metrics is called {text!r}, but {', '.join(map(repr, TAKEN))} and names "
            f"that begin with 'val_' are those of other numbers: give it another {argument}."
        )
    return text


def check_better(value: Any, name: str) -> Any:
    """Which results are better.

    Raises:
        ValueError: It is neither of the two, nor None.
    """
    if value is None or (isinstance(value, str) and value in ("larger", "smaller")):
        return value
    raise ValueError(
        f"{name} must be 'larger' or 'smaller', or None where neither is, but it is {said(value)}."
    )


def check_outputs(value: Any, name: str) -> str | None:
    """What the outputs of a model are, or None."""
    return None if value is None else check_choice(value, name, get_args(Outputs))


def check_ignored(value: Any, name: str) -> int | None:
    """A class that training does not show, or None."""
    return None if value is None else check_integer(value, name, -math.inf)
