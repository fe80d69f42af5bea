"""What a model keeps of a training for the next one."""

from types import NoneType
from typing import Any


class LastSteps:
    """The long steps of the last ``fit`` of a model, which has this as an attribute.

    In a table of all models one would stay forever that can be reached from its own recorded steps,
    for example from a schedule that looks at its model. Copies and files of a model are without it.

    Args:
        conditions: What must be the same for the steps to be replayed.
        steps: The steps by the shapes of the batch.
        works: Whether all that was tried could be recorded.
    """

    name = "_last_steps"

    def __init__(self, conditions: list[Any], steps: dict[Any, Any], works: bool) -> None:
        self.conditions, self.steps, self.works = conditions, steps, works

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return NoneType, ()
