"""The base of what is made with arguments: attributes that nobody reads are refused.

Else ``dropout.rate = 5`` would train on nonsense, and an attribute that nobody reads would be set
without a word. Classes of the package alone are watched: in classes of one's own anything goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, Self

from backprop.core.assigned import assigned, check_read, refuse_deletion
from backprop.core.buffers import Buffers, writable
from backprop.core.descriptors import Setting, SettingWithDefault, from_package
from backprop.core.joined import check_apart
from backprop.core.lookup import check_call, other_arguments

CHOSEN = ("_initializer", "_regularizer", "_constraint")
"""The endings of arguments that layers keep by ``keep_chosen``."""

PLAIN: Any = object.__setattr__
"""How a class assigns whose names are not looked at: several times as quickly."""


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

    def _check_method(self, name: str) -> None:
        """Raises AttributeError for a method that nobody would call in the place of another."""
        check_apart(self, name)

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
