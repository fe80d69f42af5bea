"""Which attributes users may assign to, and what is said of all others."""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType
from typing import Any, NoReturn

from backprop.core.aliases import ALIASES
from backprop.core.descriptors import PACKAGE, Setting, from_package
from backprop.core.errors import said
from backprop.core.lookup import instead_of, names_of_others, takes
from backprop.core.stores import stores_in


@functools.cache
def assigned(kind: type[Any]) -> frozenset[str]:
    """The names that everybody may assign to, and that are not checked by ``check_read``.

    They are the arguments, what a descriptor looks after, and what is ``_assignable`` unchecked.
    """
    stored = frozenset[str]().union(*map(stores_in, filter(from_package, kind.__mro__)))
    free = {name for name, check in kind._assignable.items() if check is None and name in stored}
    for name in filter(functools.partial(hasattr, kind), dir(kind)):
        there = inspect.getattr_static(kind, name)
        settable = hasattr(there, "__set__") or takes(kind, name)
        if settable and not (is_fixed(there) or isinstance(there, FunctionType)):
            free.add(name)
    return frozenset(free)


def is_fixed(attribute: object) -> bool:
    """Whether an attribute of a class is a property that cannot be assigned to."""
    return isinstance(attribute, property) and attribute.fset is None


def check_read(made: Any, name: str, value: Any) -> Any:
    """What is kept of a value for a name that is not ``assigned``, if somebody reads that.

    The package's own code may assign to any name. It is told by its frame, behind those of
    ``__setattr__``, by which classes hand on what is assigned to them.

    Raises:
        AttributeError: The package alone sets it, or it is not known; or it is a method, and the
            value cannot be called.
        ValueError: It is checked, and the value is none that it may have.
        TypeError: Likewise.
    """
    kind: Any = type(made)
    if not kind.of_package or (name in vars(made) and vars(made)[name] is value):
        return value
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_name == "__setattr__":
        frame = frame.f_back
    if frame and str(frame.f_globals.get("__name__")).partition(".")[0] == PACKAGE:
        return value
    check = kind._assignable.get(name)
    if check is not None:
        return check(value, name)
    if isinstance(getattr(kind, name, None), FunctionType):
        if callable(value):
            made._check_method(name)
            return value
        raise AttributeError(f"{name} of {kind.__name__} is a method, and cannot be {said(value)}.")
    there = name in vars(made) or hasattr(kind, name)
    advice = (there and made.instead.get(name)) or advice_for(made, name, value)
    if there:
        fixed = is_fixed(getattr(kind, name, None))
        advice = advice or ("it follows from others" if fixed else "the package sets it")
        raise AttributeError(f"{name} of {kind.__name__} cannot be assigned: {advice}.")
    advice = advice or "names of your own may begin with _"
    raise AttributeError(f"nobody reads {name!r} of {kind.__name__}: {advice}.")


def advice_for(made: Any, name: str, value: Any) -> str:
    """What to do in the place of assigning to a name; "" if nobody knows."""
    import difflib  # slow to load, and needed here alone

    kind: Any = type(made)
    settable = {n for n in dir(kind) if hasattr(inspect.getattr_static(kind, n, None), "__set__")}
    known = [
        each
        for each in {*assigned(kind), *kind._assignable}
        if each[0] != "_"
        and each != name
        and (kind._assignable.get(each) or each not in kind._assignable or each in settable)
        and not (isinstance(getattr(kind, each, None), Setting) and not takes(kind, each))
    ]
    found = difflib.get_close_matches(name.lower(), known, 1, 0.75)
    advice = instead_of(kind, name, value, f"{kind.__name__}(…)")
    alias = [each for each in ALIASES.get(name, "").split(" or ") if each in known]
    if alias:
        advice = f"set {alias[0]}"
    elif not advice and name not in vars(made) and name in (others := names_of_others(kind)):
        advice = f"others have it, such as {others[name]}"
    elif found and not advice:
        advice = f"set {found[0]}"
    if advice.startswith("set ") and (refused := refusal(made, advice[4:])):
        advice = f"it is {advice[4:]} here. {refused.rstrip('.')}"
    return advice


def refusal(made: Any, name: str) -> str:
    """Why an attribute cannot be assigned to as things are; "" if it can."""
    try:
        if takes(type(made), name):
            made.check_setting(name)
        getattr(made, name)
    except (AttributeError, ValueError) as error:
        return str(error)
    return ""


def refuse_deletion(made: object, name: str) -> NoReturn:
    """Raises AttributeError: an attribute of an object of the package was to be deleted."""
    raise AttributeError(f"{name} of {type(made).__name__} cannot be deleted: its code reads it.")
