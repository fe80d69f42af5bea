"""Whether a class of the user's own has the methods that a model is going to call."""

import inspect
from collections.abc import Mapping
from typing import Any

from backprop.core.settings import from_package


def check_methods(made: Any, methods: Mapping[str, str], attribute: str) -> None:
    """Checks how the methods of an object take their arguments, unless its class is ours.

    Args:
        made: The object.
        methods: The arguments of each method, as they are written: ``{"forward": "X, training"}``.
        attribute: One that the base class's constructor sets.

    Raises:
        TypeError: A method takes others, or the base class's constructor has not been called.
    """
    kind = type(made)
    if from_package(kind):
        return
    if attribute not in vars(made):
        raise TypeError(
            f"{kind.__name__}.__init__ must call super().__init__() in its first line: what that "
            f"sets is missing."
        )
    for name, written in methods.items():
        count = 1 + written.count(",")
        try:
            signature = inspect.signature(getattr(made, name))
        except ValueError:  # of a function written in C, which does not tell
            continue
        try:
            signature.bind(*[None] * count)
        except TypeError:
            raise TypeError(
                f"{kind.__name__}.{name} takes {signature}, but is called with {count} "
                f"argument{'s' * (count > 1)}: write def {name}(self, {written})."
            ) from None
