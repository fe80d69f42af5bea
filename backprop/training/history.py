"""What training looked like: the numbers of every epoch."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backprop import plotting
from backprop.callbacks import Callback, Logs
from backprop.core.durable import FilePath

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(Callback):
    """Collects the logs of every epoch; ``fit`` returns it.

    Attributes:
        history: ``{"loss": [0.9, 0.4, …], "val_loss": …, …}``, a number for each epoch.
        epoch: The epochs' numbers, counted from 0.
        params: ``{"epochs": …, "steps": …, "verbose": …, "validation": …}``.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params: dict[str, Any] = {}
        self._when: dict[str, list[int]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Appends the epoch's numbers."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
            self._when.setdefault(key, []).append(len(self.epoch) - 1)

    def plot(self, path: FilePath | None = None, keys: Sequence[str] | None = None) -> "Figure":
        """The curves of training and validation, a panel for each quantity.

        Epochs without a value, such as those without a validation, are left out of a curve.

        Args:
            path: Where to save the picture as well, for example ``"training.png"``.
            keys: Which quantities; all unless given.

        Returns:
            The matplotlib figure.
        """
        drawn = History()
        drawn.epoch = self.epoch
        for key, values in self.history.items():
            drawn.history[key] = [math.nan] * len(self.epoch)
            for k, value in zip(self._when.get(key, range(len(values))), values, strict=True):
                drawn.history[key][k] = value
        return plotting.loss_curves(drawn, keys=keys, path=path)

    def __repr__(self) -> str:
        last = ", ".join(f"{key}={values[-1]:.4g}" for key, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"
