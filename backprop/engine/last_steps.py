"""What a model keeps of a training for the next one."""

from types import NoneType
from typing import Any


class LastSteps:
    """The long steps of the last ``fit`` of a model, which has this as an attribute.

    A table of all models would keep those forever that can be reached from what was recorded, such
    as from a schedule that looks at its model. Copies and files of a model have nothing of it.

    Args:
        conditions: What the steps were recorded for.
        steps: The steps by the shapes of the batch.
    """

    name = "_last_steps"

    def __init__(self, conditions: list[Any], steps: dict[Any, Any]) -> None:
        self.conditions, self.steps = conditions, steps

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return NoneType, ()
