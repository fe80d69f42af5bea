"""What training looked like: the numbers of every epoch."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting, storage
from backprop.callbacks import Callback, Logs
from backprop.callbacks.base import numbers_of
from backprop.core.checks import check_integer, is_row
from backprop.core.durable import FilePath
from backprop.core.elsewhere import KnowsElsewhere, WithoutItems
from backprop.core.errors import said
from backprop.core.signatures import answered

if TYPE_CHECKING:
    from matplotlib.figure import Figure


VERBS = "compile evaluate explain fit get_weights layers parameters predict save_weights summary"
"""What a model has, and its History has not."""

IN_PLACE = (
    "fit trains the model where it is and returns this History: write model.fit(…) without "
    "model = before it; history.model is the model"
)


def check_curves(value: Any, name: str) -> dict[str, list[Any]]:
    """The numbers of all epochs as a dict of lists; TypeError if they are something else."""
    if isinstance(value, Mapping) and all(map(is_row, value.values())):
        return {str(key): list(curve) for key, curve in value.items()}
    raise TypeError(f"{name} must be a dict of lists, a number an epoch; it is {said(value)}.")


def check_epochs(value: Any, name: str) -> list[int]:
    """The numbers of the epochs, a list of integers; TypeError if they are something else."""
    if not is_row(value):
        raise TypeError(f"{name} must be a list of integers, but it is {said(value)}.")
    return [check_integer(each, f"every one of {name}", 0) for each in value]


class History(Callback, KnowsElsewhere, WithoutItems):
    """Collects the logs of every epoch; ``fit`` returns it.

    Attributes:
        history: ``{"loss": [0.9, 0.4, …], "val_loss": …, …}``, a number for each epoch; of a metric
            that gives a list, such as a score for each class, a list for each epoch.
        epoch: The epochs' numbers, counted from 0.
        params: ``{"epochs": …, "steps": …, "verbose": …, "validation": …}``.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "zeros")])
        >>> model.compile(bp.optimizers.SGD(0.5), "mse")
        >>> history = model.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=2, verbose=0)
        >>> history.history  # W is 0, and then 0 + 0.5 · 2
        {'loss': [1.0, 0.0]}
    """

    _assignable = {**Callback._assignable, "history": check_curves, "epoch": check_epochs}
    _elsewhere = dict.fromkeys(VERBS.split(), IN_PLACE)
    _instead_of_items = "write history.history['loss'], a list of numbers"

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params: dict[str, Any] = {}
        self._when: dict[str, list[int]] = {}

    def state(self) -> dict[str, Any]:
        """The numbers so far; what a callback has written that no file can hold, as text."""
        files = storage.files
        columns = {
            key: files.as_column([v if files.holds(v) else str(v) for v in values])
            for key, values in self.history.items()
        }
        when = {key: np.array(epochs, np.int64) for key, epochs in self._when.items()}
        return {"epoch": np.array(self.epoch, np.int64), "history": columns, "when": when}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind them."""
        as_list = storage.files.as_list
        self.epoch = as_list(state["epoch"])
        self.history = {key: as_list(values) for key, values in state["history"].items()}
        self._when = {key: as_list(epochs) for key, epochs in state["when"].items()}

    def __add__(self, other: "History") -> "History":
        """One History of two trainings, of which the second went on where the first had ended.

        The epochs of the second are numbered on, unless they are so by its ``initial_epoch``.
        """
        if not isinstance(other, History):
            return NotImplemented
        joined = History()
        joined.params = other.params
        shift = 0
        if self.epoch and other.epoch and other.epoch[0] <= self.epoch[-1]:
            shift = self.epoch[-1] + 1 - other.epoch[0]
        joined.epoch = self.epoch + [epoch + shift for epoch in other.epoch]
        for each, before in ((self, 0), (other, len(self.epoch))):
            for key, values in each.history.items():
                joined.history.setdefault(key, []).extend(values)
                when = each._epochs_of(key, values)
                joined._when.setdefault(key, []).extend(k + before for k in when)
        return joined

    def _epochs_of(self, key: str, values: Sequence[Any]) -> Sequence[int]:
        """The positions in ``epoch`` that the numbers of a curve belong to.

        Raises:
            ValueError: The curve or the epochs were changed, and it is not known.
        """
        when = self._when.get(key)
        if when and len(when) == len(values) and when[-1] < len(self.epoch):
            return when
        as_many = len(values) == len(self.epoch)
        if not (as_many or (when is None and len(values) < len(self.epoch))):  # put there by hand
            raise ValueError(
                f"history[{key!r}] has {len(values)} numbers, but epoch has {len(self.epoch)}: "
                f"assign as many, with None in a curve for an epoch without a number."
            )
        return range(len(values))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Appends the epoch's numbers."""
        for key, values in self.history.items():  # somebody may have changed them
            with suppress(ValueError):  # every_epoch says so; a training goes on
                when = self._epochs_of(key, values)
                if when is not self._when.get(key):
                    self._when[key] = [*when]
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
            self._when.setdefault(key, []).append(len(self.epoch) - 1)

    @answered
    def plot(self, path: FilePath | None = None, keys: Sequence[str] | None = None) -> "Figure":
        """The curves of training and validation, a panel for each quantity.

        Epochs without a value, such as those without a validation, are left out of a curve.

        Args:
            path: Where to save the picture as well, for example ``"training.png"``.
            keys: Which quantities; all unless given.

        Returns:
            The matplotlib figure. It belongs to no window: ``plt.show()`` and ``plt.savefig`` do
            not know it.
        """
        return plotting.loss_curves(self, keys=keys, path=path)

    def every_epoch(self) -> dict[str, list[Any]]:
        """``history`` with None where an epoch has no value, as those without a validation.

        What is no number, as a callback may have written it into the logs, is left out.

        Example:
            >>> history = bp.training.History()
            >>> history.on_epoch_end(0, {"loss": 0.9})
            >>> history.on_epoch_end(1, {"loss": 0.4, "val_loss": 0.5})
            >>> history.every_epoch()
            {'loss': [0.9, 0.4], 'val_loss': [None, 0.5]}
        """
        found: dict[str, list[Any]] = {}
        for key, values in self.history.items():
            for k, value in zip(self._epochs_of(key, values), values, strict=True):
                for number in numbers_of({key: value}).values():
                    found.setdefault(key, [None] * len(self.epoch))[k] = number
        return found

    def __repr__(self) -> str:
        curves = {key: values for key, values in self.history.items() if len(values)}
        last = ", ".join(f"{key}={brief(values[-1])}" for key, values in curves.items())
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"


def brief(value: Any) -> str:
    """Four digits of a number, or of each in a list; what is no number as it is."""
    if isinstance(value, list):
        return f"[{', '.join(map(brief, value))}]"
    number = isinstance(value, int | float | np.number) and not isinstance(value, np.timedelta64)
    return f"{value:.4g}" if number else str(value)


def check_history(value: Any, name: str) -> History | None:
    """What a model is to keep of its training; TypeError if it is no ``History``, nor None."""
    if value is None or isinstance(value, History):
        return value
    raise TypeError(f"{name} must be a History, as fit returns it, or None: it is {said(value)}.")
