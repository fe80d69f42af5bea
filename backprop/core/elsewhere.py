"""Attributes of other libraries' objects: looking one up says what to write here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static
from typing import Any, NoReturn


class Elsewhere:
    """An attribute that there is none of: looking it up says what to write.

    It costs nothing where others are read, which a ``__getattr__`` of the class would slow down.
    """

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, made: Any, kind: type) -> NoReturn:
        message = f"{kind.__name__} has no attribute {self.name!r}: {self.advice}."
        raise AttributeError(message, name=self.name, obj=None)  # Python would guess another


class KnowsElsewhere:
    """The base of what answers to such names, those of ``_elsewhere``, and does not list them."""

    _elsewhere: Mapping[str, str] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, advice in vars(cls).get("_elsewhere", {}).items():
            setattr(cls, name, Elsewhere(name, advice))

    def __dir__(self) -> Iterable[str]:
        return [
            name
            for name in super().__dir__()
            if not isinstance(getattr_static(self, name, None), Elsewhere)
        ]


class WithoutItems:
    """The base of what others index: doing so, or going through it, says what to write."""

    _instead_of_items = ""

    def __getitem__(self, key: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} has no items: {self._instead_of_items}.")
