"""What training brings an MLP of scikit-learn, and when it stops: losses, scores, and η."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from backprop.callbacks import Callback, Logs
from backprop.core import console
from backprop.core.types import Array

SMALLEST_RATE = 1e-6
"""With learning_rate="adaptive" training ends when η is not above this."""


PROGRESS = (
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
)
"""What progress is measured by."""


class Record:
    """What training has brought one network so far, under scikit-learn's names.

    Args:
        early_stopping: Whether validation scores count, and not the losses.
        known: An object that has some of these attributes already.
    """

    def __init__(self, early_stopping: bool, known: Any = None) -> None:
        self.n_iter_ = 0
        self.t_ = 0
        self.loss_ = math.inf
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self._losses: list[float] = []  # of all epochs and iterations
        self.best_loss_: Any = None if early_stopping else math.inf
        self.validation_scores_: Any = [] if early_stopping else None
        self.best_validation_score_: Any = -math.inf if early_stopping else None
        self._no_improvement_count = 0
        for name in vars(self).keys() & getattr(known, "__dict__", {}).keys():
            setattr(self, name, vars(known)[name])

    def watch(self, early_stopping: bool) -> None:
        """Begins to look for progress anew if it is measured otherwise than before."""
        if early_stopping != (self.validation_scores_ is not None):
            new = Record(early_stopping)
            for name in PROGRESS:
                setattr(self, name, getattr(new, name))

    def add(self, loss: float, held_out: float | None) -> None:
        """Takes note of the losses of an epoch, the second in the place of that epoch."""
        if held_out is not None:
            missing = len(self._losses) - len(self.validation_loss_curve_)
            self.validation_loss_curve_ += [math.nan] * missing + [held_out]
        self.loss_ = loss
        self._losses.append(loss)


def show(mlp: Any, records: Sequence[Record], names: Iterable[str] = ()) -> None:
    """Writes what training brought into an estimator's attributes: of several networks the means.

    Args:
        mlp: The estimator.
        records: What it brought each network.
        names: Which attributes; all unless given.
    """
    for name in names or vars(records[0]):
        values = [getattr(record, name) for record in records]
        vars(mlp)[name] = values[0] if len(values) == 1 else joined(name, values)


def take_over(mlp: Any, records: Sequence[Record]) -> None:
    """Goes on from what was put into an estimator's attributes since ``show``, as scikit-learn."""
    for name in (*PROGRESS, "loss_curve_"):
        values = [getattr(record, name) for record in records]
        now = vars(mlp).get(name, values[0])
        if isinstance(values[0], list) and not isinstance(now, list):
            now = values[0] if now is None else list(now)
        if len(records) == 1 or not is_same(now, joined(name, values)):
            for record in records:
                setattr(record, name, now if len(records) == 1 else copy.copy(now))


def is_same(one: Any, other: Any) -> bool:
    """Whether two numbers or lists of them are the same, nan or None in the same places."""
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)


def joined(name: str, values: Sequence[Any]) -> Any:
    """The one value for several networks."""
    if values[0] is None:
        return None
    if isinstance(values[0], list):
        return means(values)
    return max(values) if isinstance(values[0], int) else float(np.mean(values))


def means(curves: Sequence[list[float]]) -> list[float]:
    """The mean of several curves; one that has ended goes on with its last value from now on.

    So another fit begins at the same place of each.
    """
    longest = max(map(len, curves))
    for curve in curves:
        curve += [curve[-1] if curve else math.nan] * (longest - len(curve))
    return [float(value) for value in np.mean(curves, axis=0)]


class Progress(Callback):
    """Takes note of what training brings a network; a backup holds all of it.

    Args:
        record: What is kept up to date.
        verbose: Whether to print.
    """

    def __init__(self, record: Record, verbose: bool | int) -> None:
        self.record, self.verbose = record, verbose

    def __getstate__(self) -> dict[str, Any]:
        return {}  # callbacks that were told beside it hold it: their copies need no samples

    def state(self) -> dict[str, Any]:
        """What there is so far."""
        return {"record": vars(self.record)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        vars(self.record).update(state["record"])

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of an epoch."""
        record, numbers = self.record, logs or {}
        record.n_iter_ += 1
        held_out = numbers.get("val_loss")
        record.add(numbers["loss"], held_out and held_out - self.model.penalty())
        if self.verbose:
            self.say(f"Iteration {record.n_iter_}, loss = {record.loss_:.8f}")

    def say(self, text: str) -> None:
        """Prints it, if anything is to be printed."""
        if self.verbose:
            console.write(text)


class Convergence(Progress):
    """Counts epochs without progress and ends training.

    An epoch makes progress if it lowers the least loss so far, or raises the best validation score,
    by ``tol`` or more. After more than ``n_iter_no_change`` epochs in a row without any, training
    ends; with ``learning_rate="adaptive"`` η is divided by 5 instead, as long as it is above 10⁻⁶.

    Args:
        mlp: The estimator, whose arguments it goes by.
        record: What is kept up to date.
        n: Samples in an epoch.
        score: The validation score of the model as it is, for ``early_stopping``; None without.
        verbose: Whether to print.

    Attributes:
        order: What draws the order of the samples, of which a backup holds where it is.
    """

    order: Any = None

    def __init__(
        self,
        mlp: Any,
        record: Record,
        n: int,
        score: Callable[[Any], float] | None,
        verbose: bool,
    ) -> None:
        super().__init__(record, verbose)
        self.mlp, self.n, self.score = mlp, n, score
        self._best_theta: Array | None = None
        self._backed = False
        self._drawn: Any = None

    def set_others(self, callbacks: list[Callback]) -> None:
        """Finds out whether there are to be backups, which are made last."""
        self._backed = any(each.comes_last for each in callbacks)

    def state(self) -> dict[str, Any]:
        """What there is so far, and what the order of the next samples is drawn from."""
        return {**super().state(), "best": self._best_theta, "drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        super().restore(state)
        self._best_theta = state["best"]
        if state["drawn"] is not None:
            self.order.restore(state["drawn"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Takes note of where the first order is drawn from, for the first backup."""
        self.on_epoch_begin(0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of where the order of this epoch is drawn from."""
        if self._backed:
            self._drawn = self.order.state()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of an epoch, and decides about the next one."""
        super().on_epoch_end(epoch, logs)
        mlp, record = self.mlp, self.record
        record.t_ += self.n
        record.loss_curve_.append(record.loss_)
        if self.score is None:
            self._compare_loss(record.loss_)
        else:
            self._compare_score(self.score(self.model))
        optimizer = self.model.optimizer
        policy, rate, power = mlp._policy
        if policy == "invscaling":
            optimizer.learning_rate = float(rate) / (record.t_ + 1) ** power
        if record._no_improvement_count > mlp.n_iter_no_change:
            self._give_up(policy == "adaptive")
        if self._backed:
            self._drawn = self.order.state()

    def _compare_loss(self, loss: float) -> None:
        record = self.record
        self._count(loss > record.best_loss_ - self.mlp.tol)
        if loss < record.best_loss_:
            record.best_loss_ = loss

    def _compare_score(self, score: float) -> None:
        record = self.record
        record.validation_scores_.append(score)
        self.say(f"Validation score: {score:f}")
        self._count(score < record.best_validation_score_ + self.mlp.tol)
        if score > record.best_validation_score_:
            record.best_validation_score_ = score
            self._best_theta = self.model.parameters.values.copy()

    def _count(self, worse: bool) -> None:
        self.record._no_improvement_count = self.record._no_improvement_count + 1 if worse else 0

    def _give_up(self, adaptive: bool) -> None:
        mlp, optimizer = self.mlp, self.model.optimizer
        watched = "Training loss" if self.score is None else "Validation score"
        message = (
            f"{watched} did not improve more than tol={mlp.tol:f} for {mlp.n_iter_no_change} "
            f"consecutive epochs."
        )
        if adaptive and optimizer.learning_rate > SMALLEST_RATE:
            optimizer.learning_rate /= 5.0
            self.record._no_improvement_count = 0
            self.say(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
            return
        self.model.stop_training = True
        self.say(f"{message}{' Learning rate too small.' if adaptive else ''} Stopping.")

    @property
    def has_best(self) -> bool:
        """Whether an epoch of this fit had a validation score that is a number."""
        return self._best_theta is not None

    def restore_best(self) -> None:
        """Gives the model the weights with the best validation score, if there was one."""
        if self._best_theta is not None:
            self.model.parameters.values[...] = self._best_theta


def accuracy(prediction: Array, target: Array, weight: Array | None) -> float:
    """The share of samples of which all is predicted right; nan if predictions are no numbers.

    Args:
        prediction: Probabilities, shape ``(N, K)``.
        target: Classes, shape ``(N,)``, or a 0 or 1 for each output.
        weight: The samples' weights.
    """
    if not np.isfinite(prediction).all():
        return math.nan
    if target.ndim == 1:
        right = prediction.argmax(axis=1) == target
    else:
        right = ((prediction > 0.5) == (target > 0.5)).all(axis=1)
    return float(np.average(right, weights=weight))


@np.errstate(over="ignore", invalid="ignore")
def r2(prediction: Array, target: Array, weight: Array | None) -> float:
    """R², the mean over the outputs; nan if predictions are no numbers.

    As in scikit-learn an output that never changes gives 1 if it is met exactly, and else 0.
    """
    if not np.isfinite(prediction).all():
        return math.nan
    y = target.reshape(prediction.shape)
    left = np.average((y - prediction) ** 2, axis=0, weights=weight)
    mean = np.average(y, axis=0, weights=weight)
    spread = np.average((y - mean) ** 2, axis=0, weights=weight)
    scores = np.where(left == 0, 1.0, 0.0)
    changing = spread != 0
    scores[changing] = 1 - left[changing] / spread[changing]
    return float(scores.mean())
