"""Finds objects by name (``loss="mse"``, ``optimizer="sgd"``), and shows them as calls."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


def resolve(
    given: str | T, base: type[T], names: Mapping[str, Callable[[], T]], what: str, own: str = ""
) -> T:
    """The object that ``given`` names, or ``given`` itself.

    Args:
        given: A key of ``names`` or an instance of ``base``.
        base: The class of the family.
        names: What each name makes.
        what: The argument's name, for the error message.
        own: What a class of one's own must define, for the error about a function.

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
    advice = "."
    if callable(given) and not inspect.isclass(given) and own:
        advice = f": derive a class from {base.__name__} that defines {own}."
    raise TypeError(
        f"{what} must be a name or an object of backprop's class {base.__name__}{hint}, "
        f"but it is {given!r}{advice}"
    )


def default_name(made: object) -> str:
    """The class's name in snake case: ``dense``, ``rms_normalization``, ``conv2d_transpose``."""
    start = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z]{2})"  # of a word inside it
    return re.sub(start, "_", type(made).__name__).lower()


def refuse_arguments(call: str, unknown: Mapping[str, Any]) -> NoReturn:
    """The error for arguments that a layer does not have, but perhaps in another library.

    Args:
        call: The call without them: ``"Dense(8)"``.
        unknown: The arguments.
    """
    advice = {
        "activation": f"an activation is a layer of its own: {call}, ReLU()",
        "use_bias": f"use_bias is True or False, and an activation is a layer of its own: {call}, "
        f"ReLU()",
        "data_format": "images have their channels last, (N, H, W, C)",
        **dict.fromkeys(
            ("input_shape", "input_dim", "batch_input_shape"),
            "a model finds the shape of its inputs in the first data, or begins with "
            "an Input such as Input((784,))",
        ),
    }
    known = [advice[name] for name in unknown if name in advice]
    how = known[0] if known else "there is no such argument"
    given = ", ".join(f"{name}={value!r}" for name, value in unknown.items())
    raise TypeError(f"{call} cannot be made with {given}: {how}.")


def show_call(made: object) -> str:
    """The call that makes such an object, from its attributes: ``SGD(learning_rate=0.1, …)``."""
    names = inspect.signature(type(made)).parameters
    arguments = ", ".join(
        f"{name}={getattr(made, name)!r}" for name in names if hasattr(made, name)
    )
    return f"{type(made).__name__}({arguments})"


def arguments_of(made: object) -> list[str]:
    """The names of the arguments of an object's constructor.

    If it hands ``**others`` on to the classes that it is derived from, those of their arguments
    belong to them that have another value than they have by default.
    """
    names: list[str] = []
    for kind in type(made).__mro__:
        given = inspect.signature(kind).parameters.values()
        for p in given:
            if p.name in names or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                continue
            if kind is type(made) or getattr(made, p.name, p.default) != p.default:
                names.append(p.name)
        if not any(p.kind is p.VAR_KEYWORD for p in given):
            break
    return names


def takes(kind: type, name: str) -> bool:
    """Whether the constructor of a class has an argument of that name."""
    for each in kind.__mro__:
        given = inspect.signature(each).parameters
        if name in given:
            return True
        if not any(p.kind is p.VAR_KEYWORD for p in given.values()):
            return False
    return False
