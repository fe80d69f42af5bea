"""Objects and lists that stay as they were made, and say what to do instead of changing them."""

from collections.abc import Callable, Iterable
from dataclasses import FrozenInstanceError, fields
from typing import Any, NoReturn, TypeVar

from backprop.core.descriptors import from_package

T = TypeVar("T")


def stays(advice: str) -> Callable[[type[T]], type[T]]:
    """Decorates a frozen dataclass, whose own error says nothing but that it is frozen.

    Its subclasses in the package stay as they were made, too. In those of one's own other
    attributes may be set.

    Args:
        advice: What to do; ``{kind}`` and ``{name}`` stand for the class and the attribute.
    """

    def decorated(kind: Any) -> Any:
        names = [field.name for field in fields(kind)]

        def change(made: object, name: str, *value: object) -> None:
            what = type(made).__name__
            if name in names:
                instead = advice.format(kind=what, name=name)
                raise FrozenInstanceError(f"{name} of {what} cannot be changed: {instead}.")
            if from_package(type(made)):
                known = ", ".join(names)
                if hasattr(type(made), name):
                    fault = f"{name} of {what} cannot be assigned: it follows from {known}."
                else:
                    fault = f"nobody reads {name!r} of {what}, which has {known}."
                raise FrozenInstanceError(fault)
            (object.__setattr__ if value else object.__delattr__)(made, name, *value)

        kind.__setattr__ = kind.__delattr__ = change
        return kind

    return decorated


of_result = stays("it says what was found; dataclasses.replace(…, {name}=…) makes another one")
"""Decorates what a check, a search or a measurement found."""


class FixedList(list[T]):
    """A list that others may read but not change; ``list.append(fixed, …)`` does it nevertheless.

    Args:
        items: The items.
        advice: What to do in the place of changing it.
    """

    def __init__(self, items: Iterable[T] = (), advice: str = "make a new list") -> None:
        super().__init__(items)
        self._advice = advice

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_advice":
            each = "for each in …: each"
            raise AttributeError(f"nobody reads {name!r} of this list: write {each}.{name} = …")
        super().__setattr__(name, value)

    def __reduce__(self) -> Any:
        return type(self), ([*self], self._advice)


def _refusing(name: str) -> Any:
    shown = SIGNS.get(name, name)

    def refuse(fixed: Any, *given: object, **named: object) -> NoReturn:
        raise TypeError(f"this list cannot be changed by {shown}: {fixed._advice}.")

    return refuse


SIGNS = {"__setitem__": "[…] = …", "__delitem__": "del", "__iadd__": "+=", "__imul__": "*="}
CHANGING = ("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort")
for _name in (*CHANGING, *SIGNS):
    setattr(FixedList, _name, _refusing(_name))
