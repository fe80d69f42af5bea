"""Whether functions and classes of the user's own take the arguments that they are called with."""

import inspect
from collections.abc import Mapping
from typing import Any

from backprop.core.lookup import is_function
from backprop.core.settings import from_package


def check_function(given: Any, written: str, name: str, *others: str) -> None:
    """Checks that a function can be called with these arguments.

    Args:
        given: What should be a function.
        written: Its arguments as they are written: ``"y_true, y_pred"``; empty for none.
        name: What error messages call it.
        *others: Other arguments that it may have in their place.

    Raises:
        TypeError: It is no function, or one of other arguments.
    """
    if not is_function(given):
        raise TypeError(f"{name} must be a function of ({written}), but it is {given!r}.")
    found = [misfit(given, count(each)) for each in (written, *others)]
    if all(each is not None for each in found):
        ways = " or of ".join(f"({each})" for each in (written, *others))
        raise TypeError(f"{name} must be a function of {ways}, but it takes {found[0]}.")


def check_call_by_name(given: Any, names: Mapping[str, Any], name: str, *first: str) -> None:
    """Checks that a function can be called with arguments of these names.

    Args:
        given: What should be a function.
        names: The arguments that are given by name.
        name: What error messages call it.
        *first: The names of those before them that are given by position.

    Raises:
        TypeError: It is no function, or one of other arguments.
    """
    written = ", ".join([*first, *(f"{each}=…" for each in names)])
    if not is_function(given):
        raise TypeError(f"{name} must be a function of ({written}), but it is {given!r}.")
    signature = signature_of(given)
    if signature is None:
        return
    try:
        signature.bind(*first, **names)
    except TypeError:
        raise TypeError(
            f"{name} is called as {name}({written}), but it takes {signature}."
        ) from None


def check_methods(made: Any, methods: Mapping[str, str], attribute: str = "") -> None:
    """Checks how the methods of an object take their arguments, unless its class is ours.

    Args:
        made: The object.
        methods: The arguments of each method, as they are written: ``{"forward": "X, training"}``.
        attribute: One that the base class's constructor sets, if it sets any.

    Raises:
        TypeError: A method takes others, or the base class's constructor has not been called.
    """
    kind = type(made)
    if from_package(kind):
        return
    if attribute and attribute not in vars(made):
        raise TypeError(
            f"{kind.__name__}.__init__ must call super().__init__() in its first line: what that "
            f"sets is missing."
        )
    for name, written in methods.items():
        method, n = getattr(made, name), count(written)
        if not callable(method):
            raise TypeError(f"{kind.__name__}.{name} must be a method, but it is {method!r}.")
        signature = misfit(method, n)
        if signature is not None:
            self_and = ", ".join(["self", *([written] if written else [])])
            raise TypeError(
                f"{kind.__name__}.{name} takes {signature}, but is called with {n} "
                f"argument{'s' * (n != 1)}: write def {name}({self_and})."
            )


def count(written: str) -> int:
    """The number of arguments."""
    return written.count(",") + 1 if written else 0


def misfit(function: Any, n: int) -> inspect.Signature | None:
    """The signature of a function that cannot be called with n arguments; None if it can."""
    signature = signature_of(function)
    try:
        if signature is not None:
            signature.bind(*[None] * n)
    except TypeError:
        return signature
    return None


def signature_of(function: Any) -> inspect.Signature | None:
    """The arguments of a function without their types; None if it does not tell, as some in C."""
    try:
        found = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    names = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return found.replace(parameters=names, return_annotation=found.empty)
