"""Callbacks that change the learning rate from epoch to epoch."""

from collections.abc import Callable
from typing import Any

from backprop.callbacks.base import Callback, Logs
from backprop.callbacks.monitoring import Monitor
from backprop.core import console
from backprop.core.checks import check_count, check_integer, check_number
from backprop.core.signatures import check_function, misfit


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch, and writes it into the logs.

    Args:
        schedule: A function of the epoch, counted from 0, and of the learning rate so far, or of
            the epoch alone; it returns the new learning rate.
        verbose: 1 says what it does.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile(bp.optimizers.SGD(0.5), "mse")
        >>> halve = bp.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> X, y = np.ones((8, 1)), np.ones(8)
        >>> model.fit(X, y, epochs=3, verbose=0, callbacks=[halve]).history["learning_rate"]
        [0.25, 0.125, 0.0625]
    """

    adds = ("learning_rate",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        check_function(schedule, "epoch, learning_rate", "schedule", "epoch")
        self.schedule = schedule
        self.verbose = console.check_verbose(verbose)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Checks that the learning rate can be set."""
        check_settable(self.model.optimizer, self)
        self._asked: int | None = None

    def state(self) -> dict[str, Any]:
        """The last epoch that the schedule was asked for."""
        return {"asked": self._asked}

    def restore(self, state: dict[str, Any]) -> None:
        """Does not ask it again for an epoch that was cut off in its middle."""
        self._asked = state["asked"]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Asks the schedule."""
        if epoch == self._asked:
            return
        self._asked = epoch
        given = (epoch, self.model.optimizer.learning_rate)
        takes_both = misfit(self.schedule, 2) is None
        rate = self.schedule(*given if takes_both else given[:1])
        rate = check_number(rate, f"the learning_rate that schedule returned for epoch {epoch}")
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            console.write(f"Epoch {epoch + 1}: the learning rate is {rate:g}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the learning rate of the epoch into its logs."""
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a number has not become better for a while.

        η ← max(η · factor, min_lr)    after so many epochs without progress as patience says

    The learning rate that an epoch was trained with is written into its logs.

    Args:
        monitor: The number's name in the logs.
        factor: What η is multiplied by, below 1.
        patience: Epochs without progress; at the last of them η is lowered.
        verbose: 1 says what it does.
        mode: ``"min"``, ``"max"`` or ``"auto"`` (see ``Monitor``).
        min_delta: By how much the number must become better to count.
        cooldown: Epochs after a reduction in which the lack of progress is not counted.
        min_lr: The lowest η.

    Attributes:
        best: The best number so far.
        wait: Epochs since the last progress or reduction.
        cooldown_counter: Epochs of the cooldown that are left.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile(bp.optimizers.SGD(0.5), "mse")
        >>> X = y = np.zeros((8, 1))  # nothing to be learnt
        >>> lower = bp.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2)
        >>> model.fit(X, y, epochs=5, verbose=0, callbacks=[lower]).history["learning_rate"]
        [0.5, 0.5, 0.5, 0.25, 0.25]
    """

    adds = ("learning_rate",)
    _assignable = {**Monitor._assignable, "wait": check_count, "cooldown_counter": check_count}

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = check_number(factor, "factor", below=1)
        self.patience = check_integer(patience, "patience", 0)
        self.verbose = console.check_verbose(verbose)
        self.cooldown = check_integer(cooldown, "cooldown", 0)
        self.min_lr = check_number(min_lr, "min_lr")
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts anew, so that the object can be used again."""
        super().on_train_begin()
        check_settable(self.model.optimizer, self)
        self.wait = self.cooldown_counter = 0
        self.best = self.worst

    def state(self) -> dict[str, Any]:
        """The best number, and the counts."""
        return {**super().state(), "wait": self.wait, "cooldown": self.cooldown_counter}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there; the learning rate itself is part of the optimizer."""
        super().restore(state)
        self.wait, self.cooldown_counter = state["wait"], state["cooldown"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares, and lowers the learning rate if patience has run out."""
        rate = self.model.optimizer.learning_rate
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.current(logs)
        if current is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                lower = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = lower
                self.cooldown_counter = self.cooldown
                self.wait = 0
                if self.verbose:
                    console.write(
                        f"Epoch {epoch + 1}: no progress of {self.monitor}, the learning rate is "
                        f"lowered to {lower:g}."
                    )


def check_settable(optimizer: Any, callback: Callback) -> None:
    """Checks that the optimizer has a learning rate, and no schedule of its own determines it.

    Raises:
        ValueError: It has none, or a schedule does.
    """
    if optimizer.full_batch:
        raise ValueError(
            f"{type(callback).__name__} sets the learning rate, but {optimizer} has none, as its "
            f"line search finds the length of every step: leave the callback out."
        )
    if optimizer.schedule is not None:
        raise ValueError(
            f"{type(callback).__name__} sets the learning rate, but that of {optimizer} follows a "
            f"schedule: use one of the two."
        )
