"""Callbacks: code of the user's that the training loop calls at its turning points."""

from collections.abc import Mapping
from typing import Any

Logs = Mapping[str, float]


class Callback:
    """The base of all callbacks; override the hooks that you need, they do nothing here.

    The names, arguments and times are Keras's. ``logs`` holds the numbers of the moment, such as
    ``{"loss": 0.31, "accuracy": 0.91}``; at the end of an epoch the validation's too, as
    ``"val_loss"`` and so on.

    Attributes:
        model: The model in training.
        params: ``{"epochs": …, "steps": …, "verbose": …}``.
    """

    model: Any = None
    params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Called once before training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called once before training."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, also when training was stopped or interrupted."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; ``logs`` are the means over the epoch so far."""

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


class CallbackList:
    """Calls a hook of every callback in turn; a batch hook costs only those who define it."""

    def __init__(self, callbacks: list[Callback], model: Any, params: dict[str, Any]) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                hint = " (instances: add the parentheses)" if isinstance(callback, type) else ""
                raise TypeError(
                    f"callbacks must hold objects of backprop's class Callback{hint}, but one of "
                    f"them is {callback!r}."
                )
        self.callbacks = callbacks
        for callback in callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def listeners(self, hook: str) -> list[Any]:
        """The bound methods of those callbacks that override that hook."""
        return [
            getattr(callback, hook)
            for callback in self.callbacks
            if getattr(type(callback), hook) is not getattr(Callback, hook)
            or hook in vars(callback)
        ]

    def call(self, hook: str, *arguments: Any) -> None:
        """Calls that hook of every callback."""
        for listener in self.listeners(hook):
            listener(*arguments)
