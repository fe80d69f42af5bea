"""Arguments of a constructor as attributes, whose later values pass the same checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop.core.lookup import arguments_of, takes

PACKAGE = __name__.partition(".")[0]


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
