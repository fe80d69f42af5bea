"""The base of callbacks that watch one number of the logs: which way it is better, and when."""

import math
import warnings

from backprop.callbacks.base import Callback, Logs
from backprop.core.checks import check_number

RISING = (
    *("acc", "auc", "f1", "fbeta", "iou", "precision", "r2", "recall"),
    *("sensitivity", "specificity"),
)
"""How words begin in the names of metrics that are better when larger."""


class Monitor(Callback):
    """The base of the callbacks that watch a number for progress.

    Args:
        monitor: The number's name in the logs.
        mode: ``"min"`` if smaller is better, ``"max"`` if larger is, ``"auto"`` to tell by the
            name: larger for accuracies, AUC, precision, recall, F1 and their like, else smaller.
        min_delta: By how much a number must be better to count as progress.

    Attributes:
        best: The best number so far; ±∞ before the first.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', but it is {mode!r}.")
        self.monitor = monitor
        self.min_delta = abs(check_number(min_delta, "min_delta", -math.inf))
        self.rises = mode == "max" or (mode == "auto" and is_rising(monitor))
        self.best = self.worst
        self._warned = False

    @property
    def worst(self) -> float:
        """The number that every other is better than: −∞ or ∞."""
        return -math.inf if self.rises else math.inf

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Lets the next missing number be warned of again."""
        self._warned = False

    def improves(self, value: float, reference: float) -> bool:
        """Whether value is better than reference by more than ``min_delta``; nan never is."""
        if self.rises:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def current(self, logs: Logs | None, stacklevel: int = 7) -> float | None:
        """The number now; None, with a warning at the first time, if it is not in the logs.

        Args:
            logs: The numbers of the moment.
            stacklevel: How many calls lie between here and the line that called ``fit``, which the
                warning names.
        """
        logs = logs or {}
        if self.monitor not in logs and not self._warned:
            self._warned = True
            hint = ""
            if self.monitor.startswith("val_"):
                hint = " Does fit have validation_data or validation_split?"
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among the numbers "
                f"of training: there are {', '.join(map(repr, logs)) or 'none'}.{hint}",
                RuntimeWarning,
                stacklevel=stacklevel,
            )
        return logs.get(self.monitor)


def is_rising(name: str) -> bool:
    """Whether a metric of that name is better when larger."""
    return any(word.startswith(RISING) for word in name.lower().split("_"))
