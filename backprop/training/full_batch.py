"""Training by a full-batch optimizer: every epoch is one iteration on the loss of all samples."""

import math
from typing import Any, NoReturn

import numpy as np

from backprop.callbacks import Callback
from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.training.batched_metrics import count_known, try_metrics
from backprop.training.divergence import between, explain, quiet

LEVEL = 0.5
"""The share of the first gradient by which others differ from it, if the slope has no end yet."""


class Evaluations(Callback):
    """The losses and gradients that a training has asked for, if a callback keeps backups.

    A training that goes on is led along the same way once more by these numbers. So the optimizer
    comes back to where it was, bit for bit, whatever it keeps of its steps. A backup holds all of
    them, 8 bytes for each weight and evaluation.

    Attributes:
        start: θ before the first of them.
        first: The epoch of the first iteration.
        reached: θ after the last iteration.
        losses: The losses.
        gradients: The gradients.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.start: Any = None
        self.reached: Any = None
        self.first = 0
        self.losses: list[float] = []
        self.gradients: list[Array] = []

    def set_others(self, callbacks: list[Callback]) -> None:
        """Finds out whether there are to be backups, which are made last."""
        self.wanted = any(each.comes_last for each in callbacks)

    def state(self) -> dict[str, Any]:
        """All of them."""
        if not self.losses:
            return {}
        names = ("start", "reached", "first")
        numbers = {"losses": np.array(self.losses), "gradients": np.stack(self.gradients)}
        return {**numbers, **{name: getattr(self, name) for name in names}}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes them back."""
        vars(self).update(state)
        self.losses, self.gradients = state["losses"].tolist(), list(state["gradients"])

    def add(self, loss: float, gradient: Array) -> None:
        """Takes note of one."""
        if self.wanted:
            self.losses.append(loss)
            self.gradients.append(gradient.copy())


def minimize(loop: Any, first: int, first_step: int) -> None:
    """Iterations until the epochs are over, a callback stops, or the optimizer has converged.

    An iteration may need the loss and its gradient at several θ. Both are summed over the batches,
    so that memory holds the activations of one batch only.

    Args:
        loop: The training ``Loop``.
        first: The number of the first iteration; those before it were made before a crash.
        first_step: 1 if that one was made, too, but not what follows it in an epoch.
    """
    model, batches = loop.model, loop.plan.batches
    optimizer: Any = model.optimizer
    theta = model.parameters.values
    stretches = model.parameters.trainable_slices()
    known: Evaluations = loop.plan.evaluations
    again = list(zip(known.losses, known.gradients, strict=True))[::-1]  # the next one is last
    goal, over = known.reached, first + first_step
    epochs = range(known.first if again else first, loop.plan.epochs.stop)
    if optimizer.max_iterations is not None:
        epochs = epochs[: optimizer.max_iterations]
    epoch = epochs.start
    if first >= epochs.stop:
        return
    if not stretches:
        optimizer.message = "there is nothing to train: all weights are frozen"
        return
    reached = np.concatenate([theta[stretch] for stretch in stretches]).astype(np.float64)
    if again:
        reached = known.start
        optimizer.iterations -= over - epoch  # which are counted again
    known.start, known.first, known.reached = reached, epoch, reached
    losses: list[float] = []
    slope: Array | None = None  # g where the first line search begins
    level = begun = False  # level: whether all of that search found the same g
    batch: tuple[Any, ...] = ()  # the last one

    def place(x: Array) -> None:
        start = 0
        for stretch in stretches:
            stop = start + stretch.stop - stretch.start
            theta[stretch] = x[start:stop]
            start = stop

    def begin() -> None:
        nonlocal begun
        if not begun and epoch >= first:
            begun = True
            loop.callbacks.call("on_epoch_begin", epoch, {})
            if not (first_step and epoch == first):
                loop.before_step(0)

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        nonlocal slope, level
        if losses:  # the first one says whether there is anything to be done
            begin()
        if again:
            losses.append(again[-1][0])
            return again.pop()
        place(x)
        loss, gradient = loop.attempt(means)
        losses.append(loss)
        known.add(loss, gradient)
        if len(losses) == 1:
            slope, level = gradient.copy(), True
        elif level and slope is not None and epoch == epochs.start:
            level = bool(np.abs(gradient - slope).max() <= LEVEL * np.abs(slope).max())
        return loss, gradient

    def means() -> tuple[float, Array]:
        nonlocal batch
        total, seen, gradient = 0.0, 0, np.zeros(len(reached))
        for X, y, weight, given in batches:
            batch = X, y, weight
            with quiet():
                loss, prediction = loop.step.gradients(*batch)  # with a share of the penalty
            g = model.parameters.gradients
            if not losses and not (math.isfinite(loss) and np.isfinite(g).all()):
                refuse(loss)
            mask = model.mask(X)
            if not losses:
                try_metrics(model.metrics, mask, prediction, given, weight, loop.targets)
            n = len(y) if mask is None else int(mask.sum())
            if model.loss.ignored is not None:
                n = count_known(y, mask, model.loss.ignored)
            gradient += n * np.concatenate([g[stretch] for stretch in stretches])
            total += n * loss
            seen += n
        total, seen, _ = loop.together(total, seen, [])
        seen = max(seen, 1)  # none if all targets are ignored
        return total / seen, loop.add_up(gradient) / seen

    def refuse(loss: float) -> NoReturn:
        """Stops where a loss or a gradient is not finite."""
        raise DivergenceError(explain(model, loss, batch, f"in epoch {epoch + 1}"))

    def after_iteration(x: Array) -> bool:
        nonlocal epoch, begun, reached
        place(x)
        if epoch + 1 == over and goal is not None:
            check_way(x, goal)
        if epoch >= first:
            with quiet():
                logs = loop.attempt(lambda: loop.evaluate(batches))
            if not math.isfinite(logs["loss"]):  # the line search believed in it
                refuse(logs["loss"])
        reached = known.reached = x
        if epoch >= first:
            if not (first_step and epoch == first):
                loop.after_step(0, logs["loss"], 1, logs)
            loop.end_epoch(epoch, logs)
        epoch, begun = epoch + 1, False
        return model.stop_training or epoch >= epochs.stop

    found = True
    try:
        found = optimizer.minimize(loss_and_gradient, reached, after_iteration, len(epochs))
    finally:
        place(reached)  # and not where a line search was when it was interrupted or gave up
    if (not found or epoch == epochs.start) and epoch >= first:
        begin()
        with quiet():
            logs = loop.attempt(lambda: loop.evaluate(batches))
        if len(losses) == 1:
            logs["loss"] = losses[0]
        loop.end_epoch(epoch, logs)
        finite = all(map(math.isfinite, losses))
        # the usual end of a training in float32, whose digits are soon used up
        usual = finite and epoch > epochs.start and model.dtype == np.float32
        if math.isfinite(logs["loss"]) and not (found or usual or level):
            warn_of_no_step(logs["loss"], epoch, finite)
    soon = len(losses) > 1 and epoch < min(epochs.start + 2, epochs.stop)
    if level and soon and batch and not model.stop_training:
        optimizer.message = "the first steps were too short to lower the loss"
        warn_of_short_steps(losses[0], batch[1])
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"


def check_way(x: Array, goal: Array) -> None:
    """Checks that a training that goes on was led to where it had been.

    Raises:
        ValueError: It was not, as another SciPy takes other steps.
    """
    if not np.array_equal(x, goal):
        raise ValueError(
            "the same losses and gradients lead L-BFGS to another place than before the training "
            "was interrupted: go on with the same SciPy, or delete the backup to start anew."
        )


def warn_of_short_steps(loss: float, y: Array) -> None:
    """Warns that a training ended as soon as it had begun, on a slope as steep as ever."""
    console.warn(
        f"L-BFGS ends after the first line search, but has not converged: the slope goes on. "
        f"Steps begin with a length of 1, which is too short to lower a loss of {loss:.6g} by "
        f"much: scale the targets (these are {between(y)})."
    )


def warn_of_no_step(loss: float, epoch: int, finite: bool) -> None:
    """Warns that a line search ended without a lower loss."""
    hint = (
        "Near a minimum the digits of the loss may be used up. Far from "
        "it max_evaluations is too small, the loss has kinks, or a gradient is wrong: "
        "model.check_gradients finds that."
    )
    if not finite:
        hint = "The loss was not finite at some of the steps that it tried: scale the inputs."
    console.warn(
        f"L-BFGS found no step that lowers the loss of {loss:.6g} in epoch {epoch + 1}, and "
        f"training ends. {hint}"
    )
