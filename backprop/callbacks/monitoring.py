"""The base of callbacks that watch one number of the logs: which way it is better, and when."""

from contextlib import suppress
from math import inf
from typing import Any

from backprop.callbacks.base import Callback, Logs
from backprop.core import console
from backprop.core.checks import check_choice, check_number, check_real
from backprop.core.descriptors import Checked
from backprop.core.errors import said


class Informed(Callback):
    """The base of callbacks that must know before training which numbers will be in the logs."""

    _others: list[Callback] = []

    def set_others(self, callbacks: list[Callback]) -> None:
        """Takes note of who else may write into the logs."""
        self._others = callbacks

    def known(self) -> dict[str, Any]:
        """Which is better of each number of the model: "smaller", "larger" or, not known, None."""
        metrics = getattr(self.model, "metrics", ())
        return {"loss": "smaller", **{metric.name: metric.better for metric in metrics}}

    def examples(self) -> dict[str, Any]:
        """Numbers, or lists of them, such as will stand in the logs of an epoch."""
        several = {m.name for m in getattr(self.model, "metrics", ()) if m.several}
        # how long a list is shows in training
        found: dict[str, Any] = {k: [0.5] * 1000 if k in several else 0.5 for k in self.known()}
        if self.params.get("validation", True):
            found |= {f"val_{name}": value for name, value in found.items()}
        added = [name for each in self._others for name in each.adds]
        if getattr(self.model.optimizer, "schedule", None):
            added.append("learning_rate")
        return found | dict.fromkeys(added, 0.5)


class Monitor(Informed):
    """The base of the callbacks that watch a number for progress.

    Args:
        monitor: The number's name in the logs: ``"loss"``, a metric's name, either with ``"val_"``
            in front for the validation's, or a number that a callback writes into the logs.
        mode: ``"min"`` if smaller is better, ``"max"`` if larger is. ``"auto"`` takes the smaller
            loss, and of a metric what its attribute ``better`` says.
        min_delta: By how much a number must be better to count as progress.

    Attributes:
        rises: Whether larger is better.
        best: The best number so far; ±∞ before the first.
    """

    best: Any = Checked(check_real)
    instead = {"rises": "set mode"}

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a number, but it is {said(monitor)}.")
        self.monitor = monitor
        self.mode = check_choice(mode, "mode", ("auto", "min", "max"))
        self.min_delta = abs(check_number(min_delta, "min_delta", -inf))
        self.rises = mode == "max"
        self.best = self.worst
        self._watched: tuple[str, bool] | None = None  # in the last fit
        self._seen = self._warned = False
        self._last: Logs | None = None  # in which the number was looked for

    def setting_changed(self, trial: Any) -> None:
        """Goes by another mode, or number, from now on."""
        if self.mode != "auto" and self.rises != trial.rises:
            self.rises = trial.rises
            self.best = self.worst
        if self.model is not None:
            with suppress(ValueError):  # which the next fit says
                self._find_way()

    @property
    def worst(self) -> float:
        """The number that every other is better than: −∞ or ∞."""
        return -inf if self.rises else inf

    def set_model(self, model: Any) -> None:
        """Finds out which way the number is better.

        Raises:
            ValueError: ``mode`` is "auto", and the model does not tell; or it is a list of numbers.
        """
        super().set_model(model)
        self._find_way()

    def _find_way(self) -> None:
        """Which way the number is better, as ``mode`` or the model says."""
        for metric in getattr(self.model, "metrics", ()):
            if metric.several and metric.name == self.monitor.removeprefix("val_"):
                raise ValueError(
                    f"{type(self).__name__} watches {self.monitor!r}, but {metric!r} gives a list "
                    f"of numbers, of which none can be said to be better: watch a metric with an "
                    f"average, a class_id or one threshold."
                )
        if self.mode == "auto" and getattr(self.model, "compiled", False):
            untouched = self.best == self.worst
            self.rises = self._larger_is_better()
            if untouched:
                self.best = self.worst
        watched = self.monitor, self.rises
        if self._watched not in (None, watched):  # its numbers are compared with no other's
            self.best = self.worst
        self._watched = watched

    def _larger_is_better(self) -> bool:
        name, known = self.monitor.removeprefix("val_"), self.known()
        watches = f"{type(self).__name__} watches {self.monitor!r}"
        if name not in known:
            names = ", ".join(map(repr, known))
            raise ValueError(
                f"{watches}, but the numbers of the model are {names}, and in a validation the "
                f"same with 'val_' in front: add it to the metrics of compile, or, if a callback "
                f"writes it into the logs, pass mode='max' or mode='min'."
            )
        if known[name] not in ("larger", "smaller"):
            raise ValueError(
                f"{watches}, a metric that does not say which way it is better: pass mode='max' "
                f"if larger is better, mode='min' if smaller is."
            )
        return bool(known[name] == "larger")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets which numbers there were."""
        self._seen = self._warned = False
        self._last = None

    def state(self) -> dict[str, Any]:
        """The best number so far, and whether the number was ever there."""
        return {"best": self.best, "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self.best, self._seen = state["best"], state["seen"]

    def improves(self, value: float, reference: float) -> bool:
        """Whether value is better than reference by more than ``min_delta``; nan never is."""
        if self.rises:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def current(self, logs: Logs | None, after_epoch: bool = True) -> float | None:
        """The number now; None if it is not in the logs, as after epochs without a validation.

        If it can never be there a warning says so, once.

        Args:
            logs: The numbers of the moment.
            after_epoch: Whether they are those of an epoch; else those of a step.
        """
        self._last = logs or {}
        if self._watched is None or self._watched[0] != self.monitor:  # changed in this fit
            self._seen = False
            self._find_way()
        if self.monitor in self._last:
            self._seen = True
        elif self.comes(after_epoch) is False:
            self._warn()
        found = self._last.get(self.monitor)
        return None if found is None else check_real(found, f"{self.monitor!r} in the logs")

    def comes(self, after_epoch: bool = True) -> bool | None:
        """Whether the number is in the logs of some epochs; None if only a callback may know.

        Args:
            after_epoch: Whether the logs are those of epochs; else those of steps.
        """
        name = self.monitor.removeprefix("val_")
        if self._seen:
            return True
        if name not in self.known():
            return None
        return name == self.monitor or (after_epoch and self.params.get("validation", True))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Warns if the number never was in the logs, unless training ended before it could be."""
        if self._last is not None and not self._seen and self.comes() is None:
            self._warn()

    def _warn(self) -> None:
        if self._warned:
            return
        self._warned = True
        hint = ""
        if self.monitor.startswith("val_") and not self.params.get("validation", True):
            hint = (
                " Does fit have validation_data or validation_split, and as many epochs as "
                "validation_freq asks for?"
            )
        if self.monitor in (self._last or ()):
            console.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which a later callback writes "
                f"into the logs: list that one first."
            )
            return
        console.warn(
            f"{type(self).__name__} watches {self.monitor!r}, which is not among the numbers of "
            f"training: there are {', '.join(map(repr, self._last or ())) or 'none'}.{hint}"
        )


class MonitorFrom(Monitor):
    """The base of the callbacks whose number must be better than a threshold from the first on.

    Args:
        monitor: As for ``Monitor``.
        mode: Likewise.
        initial_value_threshold: The threshold, if there is one.
    """

    def __init__(self, monitor: str, mode: str, initial_value_threshold: float | None) -> None:
        first, name = initial_value_threshold, "initial_value_threshold"
        self.initial_value_threshold = None if first is None else check_number(first, name, -inf)
        super().__init__(monitor, mode)

    @property
    def worst(self) -> float:
        """The threshold, or the number that every other is better than."""
        first = self.initial_value_threshold
        return super().worst if first is None else float(first)

    def note_setting(self, name: str, before: Any) -> None:
        """Goes by another threshold from now on, unless there has been a better number."""
        if name == "initial_value_threshold" and "best" in vars(self):
            untouched = self.best == (super().worst if before is None else before)
            if untouched or self.improves(self.worst, self.best):
                self.best = self.worst
