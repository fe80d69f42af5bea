"""Finds objects by name (``loss="mse"``, ``optimizer="sgd"``), and shows them as calls."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def resolve(given: str | T, base: type[T], names: Mapping[str, Callable[[], T]], what: str) -> T:
    """The object that ``given`` names, or ``given`` itself.

    Args:
        given: A key of ``names`` or an instance of ``base``.
        base: The class of the family.
        names: What each name makes.
        what: The argument's name, for the error message.

    Raises:
        ValueError: No member of the family has that name.
        TypeError: It is neither a name nor an instance.
    """
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        if given not in names:
            raise ValueError(f"{what} {given!r} is not known: the names are {', '.join(names)}.")
        return names[given]()
    hint = " (an instance: add the parentheses)" if inspect.isclass(given) else ""
    raise TypeError(
        f"{what} must be a name or an object of backprop's class {base.__name__}{hint}, "
        f"but it is {given!r}."
    )


def default_name(made: object) -> str:
    """The class's name in snake case: ``dense``, ``rms_normalization``, ``conv2d_transpose``."""
    start = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z]{2})"  # of a word inside it
    return re.sub(start, "_", type(made).__name__).lower()


def show_call(made: object) -> str:
    """The call that makes such an object, from its attributes: ``SGD(learning_rate=0.1, …)``."""
    names = inspect.signature(type(made)).parameters
    arguments = ", ".join(
        f"{name}={getattr(made, name)!r}" for name in names if hasattr(made, name)
    )
    return f"{type(made).__name__}({arguments})"
