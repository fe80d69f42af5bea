"""The arguments that all optimizers have."""

import inspect
from collections.abc import Callable
from typing import Any, TypedDict

from backprop.core.signatures import check_function
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


def check_schedule(given: Any) -> None:
    """Checks that what can be called is a function of the number of steps, or such an object.

    Raises:
        TypeError: It is a class, or takes other arguments.
    """
    if inspect.isclass(given):
        raise TypeError(f"learning_rate must be an object: write {given.__name__}(…).")
    check_function(given, "step", "learning_rate")


def show(optimizer: object, base: type, values: dict[str, Any]) -> str:
    """``Class(…)`` with the arguments of its own, and those of the base that are not the default.

    Args:
        optimizer: The optimizer.
        base: The class of all optimizers.
        values: What stands for attributes of these names.
    """
    own = inspect.signature(type(optimizer)).parameters
    common = {n: p.default for n, p in inspect.signature(base).parameters.items()}
    found = {n: values.get(n, getattr(optimizer, n)) for n in own if hasattr(optimizer, n)}
    for name, default in common.items():
        if name not in values and getattr(optimizer, name) != default:
            found[name] = getattr(optimizer, name)
    return f"{type(optimizer).__name__}({', '.join(f'{n}={v!r}' for n, v in found.items())})"
