"""The arguments that all optimizers have."""

from collections.abc import Callable
from typing import TypedDict

from backprop.schedules import Schedule

LearningRate = float | Schedule | Callable[[int], float]
"""A number, or a function of the number of steps taken."""


class Shared(TypedDict, total=False):
    """The keyword arguments of every optimizer but ``weight_decay``; see ``Optimizer``."""

    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None


class Common(Shared, total=False):
    """The keyword arguments of every optimizer; see ``Optimizer``."""

    weight_decay: float | None
