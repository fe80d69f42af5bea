"""What a schedule is, and the checks of the numbers that it and the optimizers are made with."""

import math

import numpy as np


def check_number(value: float, name: str, least: float = 0.0, below: float = math.inf) -> float:
    """The value as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is smaller than ``least``, or not smaller than ``below``, or nan.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, but it is {value!r}.")
    if not least <= value < below:
        end = f" and below {below:g}" if below < math.inf else ""
        raise ValueError(f"{name} must be {least:g} or more{end}, but it is {value!r}.")
    return float(value)


def check_positive(value: float, name: str) -> float:
    """The value as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is not above 0, or not finite.
    """
    if isinstance(value, int | float | np.number) and not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0, but it is {value!r}.")
    return check_number(value, name)


class Schedule:
    """η(s), the learning rate after s steps; a subclass defines ``__call__``."""

    def __call__(self, step: int) -> float:
        """η(s) for s = ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")
