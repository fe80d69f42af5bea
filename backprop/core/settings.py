"""A constructor's arguments as attributes: what is assigned later passes the constructor's checks.

Else ``dropout.rate = 5`` would train on nonsense, and an attribute that nobody reads would be set
without a word. Classes of the package alone are watched: in classes of one's own anything goes.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, NoReturn, Self

from backprop.core.aliases import ALIASES
from backprop.core.buffers import Buffers, writable
from backprop.core.errors import said
from backprop.core.lookup import (
    arguments_of,
    check_call,
    instead_of,
    names_of_others,
    other_arguments,
    takes,
)
from backprop.core.stores import stores_in

PACKAGE = __name__.partition(".")[0]

CHOSEN = ("_initializer", "_regularizer", "_constraint")
"""The endings of arguments that layers keep by ``keep_chosen``."""

PLAIN: Any = object.__setattr__
"""How a class assigns whose names are not looked at: several times as quickly."""


class Setting:
    """One argument of a constructor, as an attribute of what was made.

    It has no ``__get__``: reading finds the value in the object itself, as quickly as ever.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.__doc__ = ""  # the class says what its arguments are

    def __set__(self, made: Any, value: Any) -> None:
        attributes, name = vars(made), self.name
        if name not in attributes or "_trial" in attributes:
            attributes[name] = value
            return
        before = attributes[name]
        if finished(made):
            if not takes(type(made), name):
                raise AttributeError(f"{type(made).__name__} has no {name} that could be changed.")
            made.check_setting(name)
            trial = remade(made, **made.changing(name, value))
            attributes[name] = vars(trial).get(name, value)
            made.setting_changed(trial)
        else:
            attributes[name] = value
        made.note_setting(name, before)


class SettingWithDefault(Setting):
    """A setting of a class that has a default for objects without a value of their own."""

    def __init__(self, name: str, default: Any) -> None:
        super().__init__(name)
        self.default = default

    def __set__(self, made: Any, value: Any) -> None:
        if self.name not in vars(made) and finished(made) and not takes(type(made), self.name):
            raise AttributeError(f"{type(made).__name__} has no {self.name} that could be changed.")
        super().__set__(made, value)

    def __get__(self, made: Any, kind: type) -> Any:
        return self.default if made is None else vars(made).get(self.name, self.default)


class Checked:
    """An attribute that is no argument: what is assigned is checked, as an argument would be.

    Like ``Setting`` it has no ``__get__``: the constructor must give every object its first value.

    Args:
        check: Returns the value to keep, or raises; called with the value and the name.
    """

    def __init__(self, check: Callable[[Any, str], Any]) -> None:
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, made: Any, value: Any) -> None:
        vars(made)[self.name] = self.check(value, self.name)


class Settings:
    """The base of what is made with arguments that may be changed later.

    Attributes:
        of_package: Whether the package defines the class; what others do is looked at more closely.
        any_name: Whether the constructor looks at the names of its arguments itself.
        _assignable: Attributes beside the arguments that users may assign, each with what checks
            it and returns what is kept; those of None if the code of the class assigns to them.
        watched: Whether assigned names are looked at; not in what every step assigns to.
        loose: What to write where layers or sizes came one by one; see ``check_brackets``.
        instead: What to do in the place of assigning to what the package alone sets.
        not_taken: What to do in the place of an argument that is not here.
    """

    any_name = False
    of_package = watched = True
    _assignable: Mapping[str, Callable[[Any, str], object] | None] = {}
    instead: Mapping[str, str] = {}
    not_taken: Mapping[str, str] = {}
    loose = ""

    # Arguments that a class of the package does not take are refused. A docstring here would stand
    # at the constructor of every class in the documentation, in the place of the class's own.
    def __new__(cls, *given: Any, **named: Any) -> Self:  # noqa: D102
        if (cls.of_package or from_package(cls.__init__)) and not cls.any_name:
            check_call(cls, given, named)
        made = super().__new__(cls)
        others = None if cls.of_package else other_arguments(cls, given, named)
        if others is not None:
            vars(made)["_others"] = others
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.of_package = from_package(cls)
        if not (cls.of_package and cls.watched) and cls.__setattr__ is Settings.__setattr__:
            type.__setattr__(cls, "__setattr__", PLAIN)
        init = vars(cls).get("__init__")
        if init is None or not cls.of_package:
            return
        code = init.__code__
        for name in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]:
            there = getattr(cls, name, None)
            kept = name in code.co_names or name.endswith(CHOSEN)
            if name == "name" or not kept or isinstance(there, property):
                continue  # it is not kept as an attribute, or looked after already
            plain = there is None or isinstance(there, Setting)
            setattr(cls, name, Setting(name) if plain else SettingWithDefault(name, there))

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if name[0] != "_" and name not in assigned(self.__class__):
            value = check_read(self, name, value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        own = name[0] == "_" or isinstance(getattr(type(self), name, None), FunctionType)
        if self.of_package and name in vars(self) and not own:
            refuse_deletion(self, name)
        object.__delattr__(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """A copy may be made while another thread sets attributes: of a dict of its own."""
        return vars(self).copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(writable(state))

    def __copy__(self) -> Self:
        """As ``copy.copy`` makes it, but with memory of its own to compute in."""
        twin = object.__new__(type(self))
        for name, value in self.__getstate__().items():  # a method in it is that of the twin
            own = isinstance(value, MethodType) and value.__self__ is self
            vars(twin)[name] = MethodType(value.__func__, twin) if own else value
        if isinstance(vars(twin).get("buffers"), Buffers):
            vars(twin)["buffers"] = Buffers()
        return twin

    def check_setting(self, name: str) -> None:
        """Refuses a change that would have no effect; there are none unless overridden.

        Raises:
            AttributeError: It is one.
        """

    def changing(self, name: str, value: Any) -> dict[str, Any]:
        """The arguments to make it with anew where one is changed: that one, unless overridden.

        None for another one lets that follow from it, as it did from the first.
        """
        return {name: value}

    def setting_changed(self, trial: Any) -> None:
        """Takes note of a change.

        Args:
            trial: A new object made with the arguments as they are now.
        """

    def note_setting(self, name: str, before: Any) -> None:
        """Takes note that an argument has another value than before, in any class."""


def refuse_deletion(made: object, name: str) -> NoReturn:
    """Raises AttributeError: an attribute of an object of the package was to be deleted."""
    raise AttributeError(f"{name} of {type(made).__name__} cannot be deleted: its code reads it.")


def from_package(kind: Any) -> bool:
    """Whether the package defines this class, function or method."""
    return str(getattr(kind, "__module__", "")).partition(".")[0] == PACKAGE  # Python's lack it


def finished(made: Any) -> bool:
    """Whether the constructor of a class of the package has made all that it makes."""
    if not from_package(type(made)):
        return False
    return not any(isinstance(getattr(made, name, None), Setting) for name in arguments_of(made))


def remade(made: Any, **changed: Any) -> Any:
    """A new object of that kind, made with the arguments that it has now but for some.

    Raises:
        ValueError: The constructor refuses them.
        TypeError: Likewise.
    """
    trial = object.__new__(type(made))
    vars(trial)["_trial"] = True
    now = {name: getattr(made, name, None) for name in arguments_of(made)}
    now = {name: value for name, value in now.items() if not isinstance(value, Setting)}
    trial.__init__(**{**now, **changed})
    del vars(trial)["_trial"]
    return trial


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
