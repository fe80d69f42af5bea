"""The contract of a callback."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from backprop.core.checks import check_flag, check_list, check_text
from backprop.core.settings import Settings
from backprop.core.signatures import check_function

Logs = dict[str, float]

HEARING: dict[int, list[Any]] = {}
"""By the ids of callbacks the lists that tell them of a training, or of a prediction, now."""

ALIASES = {
    "on_train_batch_begin": "on_batch_begin",
    "on_train_batch_end": "on_batch_end",
}
"""Keras's second names: the first calls the second unless it is overridden."""


def check_added(value: Any, name: str) -> list[str]:
    """The names of the numbers that a callback writes into the logs: a list of strings."""
    return [check_text(each, f"every one of {name}") for each in check_list(value, name)]


class Callback(Settings):
    """The base of all callbacks; override the hooks that you need, they do nothing here.

    The names, arguments and times are Keras's. ``logs`` holds the numbers of the moment, such as
    ``{"loss": 0.31, "accuracy": 0.91}``; at the end of an epoch the validation's too, as
    ``"val_loss"`` and so on. What a callback writes into the logs of an epoch is seen by the
    callbacks after it and by the History.

    A callback that counts or collects something overrides ``state`` and ``restore`` too. With them
    ``BackupAndRestore`` brings it back after a crash, as it does those of the package.

    Attributes:
        model: The model in training. Setting ``model.stop_training`` to True ends it.
        params: ``{"epochs": …, "steps": …, "verbose": …}``; in a fit also ``"validation"``, whether
            there is one after any of the epochs; with ``workers`` also ``"worker"``, which of them
            this is, counted from 0, and ``"workers"``, how many there are.
        writes: Whether it does nothing but write or show: of several workers only the first one
            calls it then.
        comes_last: Whether its hooks are called after those of all others, wherever it stands in
            the list.
        repeatable: Whether it may hear of the steps of an epoch again, as it only shows them.
        adds: The names of the numbers that it writes into the logs of epochs.

    Example:
        >>> class Weights(bp.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs):
        ...         print(epoch, logs["loss"], self.model.parameters.values)
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "zeros")])
        >>> model.compile(bp.optimizers.SGD(0.5), "mse")
        >>> X = y = np.ones((1, 1))
        >>> history = model.fit(X, y, epochs=2, verbose=0, callbacks=[Weights()])
        0 1.0 [1.]
        1 0.0 [1.]
    """

    writes = False
    model: Any = None
    params: dict[str, Any] = {}
    comes_last = repeatable = False
    adds: tuple[str, ...] = ()
    _assignable = {
        "model": None,
        "params": None,
        "adds": check_added,
        **dict.fromkeys(("writes", "comes_last", "repeatable"), check_flag),
    }

    def set_model(self, model: Any) -> None:
        """Called once before training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called once before training."""
        self.params = params

    def set_others(self, callbacks: "list[Callback]") -> None:
        """Called once before training with all callbacks, in the order in which they are called."""

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs to go on in another process as if nothing had happened.

        Dicts, lists, tuples, arrays, numbers, strings and None may be in it. It is asked for when a
        backup is written: at the beginning of training, after epochs, or after steps.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what ``state`` returned when the backup was written.

        It is called after ``on_train_begin``, before the epoch that training goes on with. If that
        is one that was cut off in its middle, ``on_epoch_begin`` is called for it again.
        """

    def take_over(self, state: dict[str, Any]) -> None:
        """Called in a callback that ``writes`` when the worker has died that did so until then.

        Args:
            state: That of the same callback there, at the end of the last epoch.
        """
        self.on_train_begin({})
        if state:
            self.restore(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, also when training was stopped, interrupted or failed."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step, counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; ``logs`` are the means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def due(self, batch: int) -> bool:
        """Whether ``on_train_batch_end`` is to be called after this step; asked after every step.

        Computing its ``logs`` takes longer than a small step: a callback that needs them only a few
        times a second says so here.
        """
        return True

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation, of the validation data too."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a prediction."""

    def _check_method(self, name: str) -> None:
        """Raises AttributeError for a hook of steps in a training that began without it."""
        told = HEARING.get(id(self), [])
        if told and name in OF_STEPS and not overrides(self, name):
            raise AttributeError(
                f"{name} of {type(self).__name__} cannot be added now: fit looks for hooks of "
                f"steps when it begins. Set it before; one that is there may be replaced."
            )
        for each in told:
            each.forget()

    def _after_error(self) -> None:
        """Undoes what it did to the model for an evaluation or a prediction."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""The names of all hooks."""

OF_STEPS = (*ALIASES, *ALIASES.values())
"""Those that are called in every step of a training."""

METHODS = {
    "set_model": "model",
    "set_params": "params",
    "set_others": "callbacks",
    "state": "",
    "restore": "state",
    "due": "batch",
    **dict.fromkeys(HOOKS, "logs=None"),
    **{hook: "epoch, logs=None" for hook in HOOKS if "epoch" in hook},
    **{hook: "batch, logs=None" for hook in HOOKS if "batch" in hook},
}
"""What is called of a callback, and how."""


class LambdaCallback(Callback):
    """A callback made of functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: …)``.

    Args:
        **hooks: The function of each hook, called with the hook's arguments; None for none.

    Raises:
        TypeError: There is no hook of a name, or none is given, or the rest cannot be called.

    Example:
        >>> say = bp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
        >>> say.on_epoch_end(0, {"loss": 0.5})
        0 {'loss': 0.5}
    """

    any_name = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in HOOKS and value is None:
            vars(self).pop(name, None)
        else:
            if name in HOOKS:
                check_function(value, METHODS[name], name)
            super().__setattr__(name, value)

    def __init__(self, *given: object, **hooks: Callable[..., object] | None) -> None:
        if given:
            raise TypeError("functions come with their hooks: LambdaCallback(on_epoch_end=…).")
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"there is no hook {name!r}: the hooks are {', '.join(HOOKS)}.")
            setattr(self, name, function)


def numbers_of(logs: Logs | None) -> dict[str, Any]:
    """What of the logs is a number, or a list of them; callbacks may write other things there."""
    found = {}
    for name, value in (logs or {}).items():
        with suppress(ValueError):  # rows of unequal length
            array = np.asarray(value)
            if array.dtype.kind in "biuf" and array.ndim < 2:
                found[str(name)] = array.tolist()
    return found


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback's class, or the object itself, defines that hook, or its other name."""
    return any(
        getattr(type(callback), name) is not getattr(Callback, name) or name in vars(callback)
        for name in (hook, ALIASES.get(hook, hook))
    )
