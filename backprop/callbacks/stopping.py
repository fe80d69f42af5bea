"""Callbacks that end training early."""

import math
from typing import Any

from backprop.callbacks.base import Callback, Logs
from backprop.callbacks.monitoring import Monitor
from backprop.core import console
from backprop.core.checks import check_count, check_flag, check_integer, check_number
from backprop.core.types import Array


class EarlyStopping(Monitor):
    """Ends training when a number has not become better for a while.

    The first number is progress whatever it is, infinite and nan too; nothing is better than nan.

    Source: Prechelt 1998, "Early stopping – but when?".

    Args:
        monitor: The number's name in the logs.
        min_delta: By how much it must become better to count.
        patience: After how many epochs without progress training ends; 0 is after the first.
        verbose: 1 says what it does.
        mode: ``"min"``, ``"max"`` or ``"auto"`` (see ``Monitor``).
        baseline: Progress resets the count of ``patience`` only if it beats this number too.
        restore_best_weights: Whether the model gets the weights of the best epoch in the end,
            however training ends. The optimizer's state stays that of the last step.
        start_from_epoch: The first epoch that counts.

    Attributes:
        best: The best number.
        best_epoch: The epoch that it is from, counted from 0.
        stopped_epoch: The epoch after which training was ended, counted from 0; 0 if it was not.
        wait: Epochs since the last progress.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> X = y = np.zeros((8, 1))  # nothing to be learnt
        >>> stop = bp.callbacks.EarlyStopping("loss", patience=3)
        >>> model.fit(X, y, epochs=100, verbose=0, callbacks=[stop]).epoch
        [0, 1, 2, 3]
    """

    not_taken = {"delta": "the name is min_delta"}
    _assignable = {
        **Monitor._assignable,
        **dict.fromkeys(("wait", "best_epoch", "stopped_epoch"), check_count),
    }

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = check_integer(patience, "patience", 0)
        self.verbose = console.check_verbose(verbose)
        self.baseline = None if baseline is None else check_number(baseline, "baseline", -math.inf)
        self.restore_best_weights = check_flag(restore_best_weights, "restore_best_weights")
        self.start_from_epoch = check_integer(start_from_epoch, "start_from_epoch", 0)
        self._reset()

    def check_setting(self, name: str) -> None:
        """Refuses to restore weights that were not kept.

        Raises:
            AttributeError: A training has had its best epoch so far.
        """
        if name == "restore_best_weights" and self._compared and not self.restore_best_weights:
            raise AttributeError(
                "the weights of the best epoch so far were not kept: set restore_best_weights "
                "before the training."
            )

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.worst
        self._compared = False  # whether there has been a first number
        self._best_theta: Array | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts anew, so that the object can be used again."""
        super().on_train_begin()
        self._reset()

    def state(self) -> dict[str, Any]:
        """All counts, and the best weights if they are to be restored."""
        names = ("wait", "stopped_epoch", "best_epoch", "_compared")
        counts = {name: getattr(self, name) for name in names}
        return {**super().state(), "counts": counts, "best_theta": self._best_theta}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        super().restore(state)
        for name, value in state["counts"].items():
            setattr(self, name, value)
        self._best_theta = state["best_theta"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares, and ends training if patience has run out."""
        current = self.current(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if not self._compared or self.improves(current, self.best):
            self.best, self.best_epoch, self._compared = current, epoch, True
            if self.restore_best_weights:
                self._best_theta = self.model.parameters.values.copy()
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restores the best weights if that was asked for."""
        super().on_train_end()
        if self.stopped_epoch and self.verbose:
            console.write(
                f"Epoch {self.stopped_epoch + 1}: no progress of {self.monitor} in the last "
                f"{self.wait} epochs, training ends."
            )
        self._compared, best = False, self._best_theta
        self._best_theta = None
        if best is not None and self.restore_best_weights:
            self.model.parameters.values[...] = best
            if self.verbose:
                console.write(
                    f"The weights of epoch {self.best_epoch + 1}, the best, are put back."
                )


class TerminateOnNaN(Callback):
    """Ends training at the first step after which the loss is nan or infinite.

    Args:
        raise_error: Whether it raises RuntimeError then, and does not merely end training.

    Example:
        >>> stop = bp.callbacks.TerminateOnNaN()
        >>> stop.set_model(bp.Sequential())
        >>> stop.on_train_batch_end(0, {"loss": float("nan")})
        Step 1: the loss is nan, training ends.
        >>> stop.model.stop_training
        True
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = check_flag(raise_error, "raise_error")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss.

        Raises:
            RuntimeError: It is not finite, and that was asked for.
        """
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            message = f"Step {batch + 1}: the loss is {loss}, training ends."
            if self.raise_error:
                raise RuntimeError(message)
            console.write(message)
            self.model.stop_training = True
