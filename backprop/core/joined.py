"""Objects that a model computes as one: their own methods and settings are not asked then."""

import gc
from typing import Any
from weakref import WeakSet

pairs: WeakSet[Any] = WeakSet()
"""The ``MatchedHead`` objects that there are."""


def found(part: object) -> list[Any]:
    """The pairs that a part is in."""
    return [head for head in pairs if part is head.activation or part is head.loss]


def check_apart(part: object, name: str) -> None:
    """Checks that a method or a setting of a part may be another one.

    Raises:
        AttributeError: ``compile`` has joined the part with another, and nobody would ask for it.
    """
    if found(part):
        gc.collect()  # models that are no more
    for head in found(part):
        raise AttributeError(
            f"{name} of {part} cannot be another one now, as compile has joined {head.loss} "
            f"with {head.activation} into one formula: set it before compile, which then "
            f"leaves the two apart."
        )
