"""What training brings an MLP of scikit-learn, and when it stops: losses, scores, and η."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from backprop.callbacks import Callback, Logs
from backprop.core import console
from backprop.core.types import Array

SMALLEST_RATE = 1e-6
"""With learning_rate="adaptive" training ends when η is not above this."""


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
        self.best_loss_ = None if early_stopping else math.inf
        self.validation_scores_: list[float] | None = [] if early_stopping else None
        self.best_validation_score_ = -math.inf if early_stopping else None
        self._no_improvement_count = 0
        for name in vars(self).keys() & getattr(known, "__dict__", {}).keys():
            setattr(self, name, vars(known)[name])


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


def joined(name: str, values: Sequence[Any]) -> Any:
    """The one value for several networks."""
    if values[0] is None:
        return None
    if isinstance(values[0], list):
        return means(values)
    return max(values) if isinstance(values[0], int) else float(np.mean(values))


def means(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean of several curves, of which each goes on with its last value when it has ended."""
    longest = max(map(len, curves))
    if not all(curves):
        return []
    filled = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    return [float(value) for value in np.mean(filled, axis=0)]


class Convergence(Callback):
    """Counts epochs without progress and ends training.

    An epoch makes progress if it lowers the least loss so far, or raises the best validation score,
    by ``tol`` or more. After more than ``n_iter_no_change`` epochs in a row without any, training
    ends; with ``learning_rate="adaptive"`` η is divided by 5 instead, as long as it is above 10⁻⁶.

    Args:
        mlp: The estimator, whose arguments it goes by.
        record: What is kept up to date: the estimator itself, or the Record of one of many.
        n: Samples in an epoch.
        score: The validation score of the model as it is, for ``early_stopping``; None without.
        verbose: Whether to print.

    Attributes:
        stopped: Whether it has ended training.
    """

    def __init__(
        self,
        mlp: Any,
        record: Any,
        n: int,
        score: Callable[[Any], float] | None,
        verbose: bool,
    ) -> None:
        self.mlp, self.record, self.n = mlp, record, n
        self.score, self.verbose = score, verbose
        self.stopped = False
        self._best_theta: Array | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of an epoch."""
        mlp, record, numbers = self.mlp, self.record, logs or {}
        record.n_iter_ += 1
        record.t_ += self.n
        record.loss_ = numbers["loss"]
        record.loss_curve_.append(record.loss_)
        if "val_loss" in numbers:
            record.validation_loss_curve_.append(numbers["val_loss"] - self.model.penalty())
        self._say(f"Iteration {record.n_iter_}, loss = {record.loss_:.8f}")
        if self.score is None:
            self._compare_loss(record.loss_)
        else:
            self._compare_score(self.score(self.model))
        optimizer = self.model.optimizer
        policy = mlp.learning_rate if mlp.solver == "sgd" and mlp.schedule is None else "constant"
        if policy == "invscaling":
            optimizer.learning_rate = float(mlp.learning_rate_init) / (record.t_ + 1) ** mlp.power_t
        if record._no_improvement_count > mlp.n_iter_no_change:
            self._give_up(policy == "adaptive")

    def _compare_loss(self, loss: float) -> None:
        record = self.record
        self._count(loss > record.best_loss_ - self.mlp.tol)
        if loss < record.best_loss_:
            record.best_loss_ = loss

    def _compare_score(self, score: float) -> None:
        record = self.record
        record.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
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
            self._say(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
            return
        self.stopped = self.model.stop_training = True
        self._say(f"{message}{' Learning rate too small.' if adaptive else ''} Stopping.")

    def _say(self, text: str) -> None:
        if self.verbose:
            console.write(text)

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
