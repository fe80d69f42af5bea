"""The list of callbacks that a training loop calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backprop.callbacks.base import HEARING, METHODS, Callback, LambdaCallback, overrides
from backprop.core.descriptors import from_package
from backprop.core.errors import said
from backprop.core.frozen import FixedList
from backprop.core.settings import Settings
from backprop.core.signatures import check_methods


class CallbackList(Settings):
    """Calls a hook of every callback in turn; a batch hook that nobody defines costs nothing.

    Example:
        >>> say = bp.callbacks.LambdaCallback(on_train_begin=lambda logs: print("go"))
        >>> callbacks = bp.callbacks.CallbackList([say], bp.Sequential(), {"epochs": 1})
        >>> callbacks.call("on_train_begin", {})
        go
    """

    def __init__(self, callbacks: list[Callback], model: Any, params: dict[str, Any]) -> None:
        for k, callback in enumerate(callbacks):
            if any(callback is other for other in callbacks[:k]):
                raise ValueError(
                    f"callbacks hold the same object {type(callback).__name__} twice, which would "
                    f"be told of everything twice: leave one out."
                )
            if not isinstance(callback, Callback):
                hint = " (instances: add the parentheses)" if isinstance(callback, type) else ""
                raise TypeError(
                    f"callbacks must hold objects of backprop's class Callback{hint}, but one of "
                    f"them is {said(callback)}."
                )
            methods = dict(METHODS)
            for name in ("state", "restore"):  # attributes may be called so, too
                if not callable(getattr(callback, name)):
                    del methods[name]
            check_methods(callback, methods)
            mine = vars(callback)
            if "params" not in mine and mine.get("model", model) not in (None, model):
                raise TypeError(
                    f"{type(callback).__name__} keeps another model in self.model, where the one "
                    f"in training is put: give that another name, such as self.own_model."
                )
        in_order = sorted(callbacks, key=lambda each: each.comes_last)
        self.callbacks, self.params = FixedList(in_order, "make another list of them"), params
        self.everyone = self.callbacks
        self._listeners: dict[str, list[Callback]] = {}
        for callback in callbacks:
            callback.set_params(params)
            callback.set_model(model)
            callback.set_others(self.callbacks)

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: its callbacks have been told of each other."""
        raise AttributeError(f"{name} of a CallbackList cannot be changed: make another one.")

    def call_writers(self, really: bool) -> None:
        """Calls callbacks that only write from now on, or leaves that to another worker."""
        kept = [each for each in self.everyone if really or not each.writes]
        vars(self)["callbacks"] = FixedList(kept, "make another list of them")  # past the check
        self.forget()

    def overriding(self, hook: str) -> list[Callback]:
        """Those callbacks that override that hook."""
        return [each for each in self.callbacks if overrides(each, hook)]

    def call(self, hook: str, *arguments: Any) -> None:
        """Calls that hook of every callback that has it."""
        if hook not in self._listeners:
            self._listeners[hook] = self.overriding(hook)
        for callback in self._listeners[hook]:
            getattr(callback, hook)(*arguments)

    def forget(self) -> None:
        """Looks for the hooks of all callbacks anew."""
        self._listeners.clear()

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Has hooks heard of that are added while it lasts, and those of steps refused."""
        for callback in self.everyone:
            HEARING.setdefault(id(callback), []).append(self)
        try:
            yield
        finally:
            for callback in self.everyone:
                HEARING[id(callback)].remove(self)
                if not HEARING[id(callback)]:
                    del HEARING[id(callback)]

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Likewise, and has what callbacks do to the model for a pass undone where one fails."""
        try:
            with self.hearing():
                yield
        except BaseException:
            for callback in self.callbacks:
                callback._after_error()
            raise


def of_one_training(callbacks: object) -> list[Callback]:
    """Those of the callbacks, as ``fit`` is given them, that keep something of one training."""
    given = callbacks if isinstance(callbacks, list | tuple) else ()
    bases = Callback, LambdaCallback  # what these keep is the users' own affair

    def keeps(kind: type) -> bool:
        return issubclass(kind, Callback) and kind not in bases and from_package(kind)

    told = [each for each in given if isinstance(each, Callback)]
    return [each for each in told if any(map(keeps, type(each).__mro__))]
