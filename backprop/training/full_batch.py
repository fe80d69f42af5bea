"""Training by a full-batch optimizer: every epoch is one iteration on the loss of all samples."""

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from backprop.callbacks import Callback
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.core.walk import from_here, objects_in
from backprop.layers.block import walk
from backprop.losses import Loss
from backprop.training.batched_metrics import count_known, try_metrics
from backprop.training.divergence import LARGE_LOSS, explain, quiet, warn_of_scale
from backprop.training.line_search import (
    are_nothing,
    falls_nearby,
    warn_of_no_step,
    warn_of_short_steps,
)
from backprop.training.settings import settings_of


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
        loop.callbacks.call("on_epoch_begin", epoch, {})
        logs = loop.attempt(lambda: loop.evaluate(batches))
        if not math.isfinite(logs["loss"]):
            X, y, weight, _ = next(iter(batches))
            when, optimizer.message = f"in epoch {epoch + 1}", "training has diverged"
            raise DivergenceError(explain(model, logs["loss"], (X, y, weight), when))
        loop.end_epoch(epoch, logs)
        optimizer.message = "there is nothing to train: all weights are frozen"
        return
    reached = gathered(theta, stretches)
    if again:
        reached = known.start
        optimizer.iterations -= over - epoch  # which are counted again
    known.start, known.first, known.reached = reached, epoch, reached
    watched = not all(map(from_here, loop.callbacks.everyone))  # by code of the user's
    settings = settings_now(model) if watched else {}
    losses: list[float] = []
    begun = False
    batch: tuple[Any, ...] = ()  # the last one
    largest = 0.0  # of the first outputs
    search = line = 0  # the numbers of evaluations before the last line search and after it

    guard = loop.guard  # of moving averages, which every evaluation goes on with
    guard.keep()

    def begin() -> None:
        nonlocal begun
        if not begun and epoch >= first:
            begun = True
            loop.callbacks.call("on_epoch_begin", epoch, {})
            if not (first_step and epoch == first):
                loop.before_step(0)

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        if losses:  # the first one says whether there is anything to be done
            begin()
        if again:
            losses.append(again[-1][0])
            return again.pop()
        scatter(x, theta, stretches)
        loss, gradient = loop.attempt(means)
        losses.append(loss if np.isfinite(gradient).all() else math.nan)
        known.add(loss, gradient)
        return loss, gradient

    def means() -> tuple[float, Array]:
        nonlocal batch, largest
        total, seen, gradient = 0.0, 0, np.zeros(len(reached))
        drawn = draws(model.layers) if len(losses) == 1 else []  # the first may draw what is kept
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
                largest = max(largest, float(np.abs(prediction).max(initial=0)))
            n = len(y) if mask is None else int(mask.sum())
            if model.loss.ignored is not None:
                n = count_known(y, mask, model.loss.ignored)
            with quiet():  # a line search may try what makes ∞ of one batch, −∞ of another
                gradient += n * gathered(g, stretches)
                total += n * loss
            seen += n
        if drawn and draws(model.layers) != drawn:
            raise ValueError(
                "LBFGS needs a loss that is the same at every call, but a layer of your own draws "
                "random numbers: leave it out, or take another optimizer."
            )
        total, seen, _ = loop.together(total, seen, [])
        seen = max(seen, 1)  # none if all targets are ignored
        return total / seen, loop.add_up(gradient) / seen

    def refuse(loss: float) -> NoReturn:
        """Stops where a loss or a gradient is not finite, of which the callbacks are told."""
        optimizer.message = "training has diverged"
        guard.put_back()
        begin()
        loop.tell_of(loss)
        raise DivergenceError(explain(model, loss, batch, f"in epoch {epoch + 1}"))

    def after_iteration(x: Array) -> bool:
        nonlocal epoch, begun, reached, search, line
        scatter(x, theta, stretches)
        search, line = line, len(losses)
        if epoch + 1 == over and goal is not None:
            check_way(x, goal)
        if epoch >= first:
            logs = loop.attempt(lambda: loop.evaluate(batches))
            if not math.isfinite(logs["loss"]):  # the line search believed in it
                refuse(logs["loss"])
        reached = known.reached = x
        if epoch >= first:
            if not (first_step and epoch == first):
                loop.after_step(0, logs["loss"], 1, logs)
            loop.end_epoch(epoch, logs)
        epoch, begun = epoch + 1, False
        guard.keep()
        if model.stop_training or epoch >= epochs.stop:
            return True
        check_untouched(model.parameters, stretches, x)
        if watched:
            check_unchanged(settings, settings_now(model), model.loss)
        return False

    found = True
    try:
        found = optimizer.minimize(loss_and_gradient, reached, after_iteration, len(epochs))
    finally:
        # and not where a line search was when it was interrupted or gave up
        scatter(reached, theta, stretches)
        guard.put_back()
    ended = epoch < epochs.stop and not model.stop_training
    soon = ended and len(losses) > 1 and epoch < epochs.start + 2
    short = soon and are_nothing(losses[0], batch, largest)
    if (not found or epoch == epochs.start) and epoch >= first:
        begin()
        logs = loop.attempt(lambda: loop.evaluate(batches))
        if len(losses) == 1:
            logs["loss"] = losses[0]
        loop.end_epoch(epoch, logs)
    # after a loss that is not finite a line search may stay where it is, and call that a minimum
    finite = all(map(math.isfinite, losses[search:] if found else losses))
    now = loop.logs.get("loss", math.nan)
    low = 0 <= now < float(np.finfo(model.dtype).eps) * losses[0]
    single = model.dtype == np.float32
    if ended and epoch >= first and math.isfinite(now) and not short:
        # the digits are used up there, or are near it
        expected = low or (finite and (found or (single and epoch > epochs.start)))
        digits = 64 * float(np.finfo(model.dtype).eps) * abs(now)  # of which rounding makes some
        stayed = losses[max(search, 1) - 1] - losses[max(line, 1) - 1] <= digits
        if expected and len(losses) > 1 and (stayed or not found):  # else it meets a tolerance

            def loss_at(x: Array) -> tuple[float, Array]:
                scatter(x, theta, stretches)
                found: tuple[float, Array] = loop.attempt(means)
                return found

            guard.keep()
            expected = not falls_nearby(loss_at, reached)
            scatter(reached, theta, stretches)
            guard.put_back()
        if not expected:
            optimizer.message = "the line search found no lower loss"
            warn_of_no_step(now, epoch + (not found or epoch == epochs.start), finite)
        elif single and now > LARGE_LOSS:  # gradients of such numbers hide the others
            warn_of_scale(model, batch[0], batch[1], losses[0])
    if short:
        optimizer.message = "the first steps were too short to lower the loss"
        warn_of_short_steps(losses[0], batch[1])
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"


def draws(layers: list[Any]) -> list[str]:
    """The states of the random generators that layers of the user's own hold."""
    own = [layer for _, layer in walk(layers) if not layer.of_package]
    found = [part for _, part in objects_in(own) if isinstance(part, np.random.Generator)]
    return [str(each.bit_generator.state) for each in found]


def gathered(vector: Array, stretches: Sequence[slice]) -> Array:
    """What of θ or g is trained, as L-BFGS has it: one vector in float64."""
    return np.concatenate([vector[stretch] for stretch in stretches], dtype=np.float64)


def scatter(x: Array, theta: Array, stretches: Sequence[slice]) -> None:
    """Writes such a vector into θ."""
    start = 0
    for stretch in stretches:
        stop = start + stretch.stop - stretch.start
        with quiet():  # a line search may try numbers that are too large for θ
            theta[stretch] = x[start:stop]
        start = stop


def check_untouched(parameters: Any, stretches: list[slice], x: Array) -> None:
    """Checks that no callback has frozen a layer or set weights.

    Raises:
        ValueError: One has: the search would go on as if it had not.
    """
    if parameters.trainable_slices() == stretches:
        theta = parameters.values
        if np.array_equal(gathered(theta, stretches), x.astype(theta.dtype)):
            return
    raise ValueError(
        "a callback has frozen layers or set weights in the middle of a fit by L-BFGS, whose "
        "search cannot take that up: let it set model.stop_training, and call fit once more."
    )


def settings_now(model: Any) -> dict[str, Any]:
    """All on which the loss depends, or the search."""
    return {**settings_of(model), "the optimizer": str(model.optimizer)}


def check_unchanged(before: dict[str, Any], now: dict[str, Any], loss: Loss) -> None:
    """Checks that no callback has changed a setting on which the loss or the search depends.

    Raises:
        ValueError: One has: the search would go on with what it knows of another function.
    """
    own = [] if loss.unjoined.of_package else ["the loss"]  # whose numbers may be counts
    changed = [name for name in now if now[name] != before[name] and name not in own]
    for name in changed:
        old, new = before[name], now[name]
        what = f"{name} from {old} to {new}" if isinstance(new, str) else f"a setting of {name}"
        raise ValueError(
            f"a callback has changed {what} in the middle of a fit by L-BFGS, whose search cannot "
            f"take that up: let it set model.stop_training, and call fit once more."
        )


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
