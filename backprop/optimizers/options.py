"""The arguments that all optimizers have."""

import inspect
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypedDict, TypeVar

from backprop.core.checks import check_number, check_positive
from backprop.core.descriptors import Checked
from backprop.core.errors import said
from backprop.core.parameters import Parameters
from backprop.core.signatures import check_function
from backprop.schedules import Schedule

T = TypeVar("T")

LearningRate = float | Schedule | Callable[[int], float]
"""A number, or a function of the number of steps taken."""

NOT_GIVEN: Any = object()
"""In the place of parameters that a step needs, so that it can say so."""

STEP = "write optimizer.step(model.parameters), after model.backward()"
ELSEWHERE = {
    "lr": "write optimizer.learning_rate",
    "zero_grad": "model.backward() writes the gradients anew, so that none need be emptied",
    **dict.fromkeys(("apply_gradients", "apply"), STEP),
    "param_groups": "set learning_rate; layers are left out by their .trainable = False",
    **dict.fromkeys(("state_dict", "get_config"), "model.save(path) keeps it with its state"),
}
"""What there is for attributes of other libraries' optimizers."""


class Shared(TypedDict, total=False):
    """The keyword arguments of every optimizer but ``weight_decay``; see ``Optimizer``."""

    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None


class Common(Shared, total=False):
    """The keyword arguments of every optimizer; see ``Optimizer``."""

    weight_decay: float | None


def one_limit(**limits: float | None) -> dict[str, float]:
    """That limit of a gradient which is given, if any.

    Raises:
        ValueError: There are several.
    """
    given = {n: check_positive(limit, n) for n, limit in limits.items() if limit is not None}
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} cannot be used together: choose one.")
    return given


def check_power(value: Any, name: str) -> float:
    """The exponent of something that falls, as a float.

    Raises:
        ValueError: It is above 0, or not finite.
        TypeError: It is no number.
    """
    number = check_number(value, name, -math.inf)
    if number > 0:
        raise ValueError(f"{name} must be 0 or less, but it is {said(value)}.")
    return number


def new_rate(
    value: Any, schedule: Callable[[int], float] | None, number: float
) -> tuple[Callable[[int], float] | None, float]:
    """The schedule and the number when a learning rate is set where these two were.

    Raises:
        ValueError: It is negative or not finite.
        TypeError: It is no number and no function of the number of steps, or a number where there
            is a schedule.
    """
    if isinstance(value, Parameters):
        raise TypeError(
            "an optimizer is given a learning rate first, such as Adam(0.001), and no parameters: "
            "it gets those of the model by model.compile(optimizer, loss)."
        )
    if callable(value):
        if inspect.isclass(value):
            raise TypeError(f"learning_rate must be an object: write {value.__name__}(…).")
        check_function(value, "step", "learning_rate")
        return value, number
    if schedule is not None:
        raise TypeError(
            f"learning_rate cannot be set to {said(value)}, as {said(schedule, None)} determines "
            f"it: set another schedule, or make the optimizer with a number."
        )
    return None, check_number(value, "learning_rate")


def refuse_returned(optimizer: object) -> NoReturn:
    """Says where the new θ belongs which ``update`` returned.

    Raises:
        TypeError: Always.
    """
    kind = type(optimizer).__name__
    raise TypeError(
        f"{kind}.update must change theta in place and return nothing: write theta -= …, or "
        f"theta[...] = what it returns."
    )


def optional(check: Callable[..., T], value: Any, name: str, *limits: float) -> T | None:
    """The value as ``check`` returns it; None stays None."""
    return None if value is None else check(value, name, *limits)


class Iterations(Checked):
    """How many steps an optimizer has made; one that is told goes by that, its schedule too."""

    def __set__(self, made: Any, value: Any) -> None:
        super().__set__(made, value)
        if "_earlier" in vars(made):
            vars(made)["_earlier"] = -vars(made)["_waiting"]
