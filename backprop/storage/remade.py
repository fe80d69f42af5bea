"""Whether a model, or a part of the user's own, can be made again from its arguments as it is."""

import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

import numpy as np

from backprop.core.errors import said
from backprop.core.walk import SIMPLE


def check_model(model: Any, make: Callable[[], Any]) -> None:
    """Checks that a model of the user's own is made again with the layers that it has.

    Raises:
        TypeError: It is not.
    """
    kind, names, cause = type(model).__name__, None, None
    try:
        names = [layer.name for layer in make().layers]
        why = f"it would have the layers {', '.join(names)}"
    except Exception as error:  # what the code of others raises may be anything
        cause, why = error, f"{type(error).__name__}: {error}"
    if names != [layer.name for layer in model.layers]:
        raise TypeError(
            f"a {kind} cannot be saved, as it would be made again by {kind}(layers, seed=…, "
            f"dtype=…) ({why}): let a function make a Sequential in the place of the class, or "
            f"save the weights alone by save_weights."
        ) from cause


def check_remade(what: str, kind: str, given: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuses a part of some kind that a file would bring back as another one.

    Given are its arguments, as its attributes say them, and found those of what was made again.

    Raises:
        ValueError: An argument is kept in another way than it is taken.
    """
    for name, value in given.items():
        if not same(value, found[name]):
            raise ValueError(
                f"{what} cannot be saved: its {name} is {said(value)}, but {kind}({name}="
                f"{said(value)}) has {name} = {said(found[name])}: keep the argument as it is in "
                f"self.{name}, and what is computed from it under another name."
            )


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal up to rounding; of objects the kind alone is looked at."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype.kind in "fc" and one.shape == other.shape:
            return bool(np.allclose(one, other, equal_nan=True))
        return np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | np.floating) and isinstance(other, int | float | np.floating):
        return math.isclose(one, other, rel_tol=1e-6) or bool(one != one and other != other)
    if isinstance(one, (*SIMPLE, NoneType)):
        return isinstance(other, (*SIMPLE, NoneType)) and bool(one == other)
    return isinstance(other, type(one))
