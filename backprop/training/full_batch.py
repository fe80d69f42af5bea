"""Training by a full-batch optimizer: every epoch is one iteration on the loss of all samples."""

import math
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.types import Array


def minimize(loop: Any, epochs: range) -> None:
    """Iterations until the epochs are over, a callback stops, or the optimizer has converged.

    An iteration may need the loss and its gradient at several θ. Both are summed over the batches,
    so that memory holds the activations of one batch only.

    Args:
        loop: The training ``Loop``.
        epochs: The numbers of the iterations.
    """
    model, batches = loop.model, loop.plan.batches
    optimizer: Any = model.optimizer
    theta = model.parameters.values
    stretches = model.parameters.trainable_slices()
    if optimizer.max_iterations is not None:
        epochs = epochs[: optimizer.max_iterations]
    epoch = epochs.start
    if epoch >= epochs.stop or not stretches:
        return
    reached = np.concatenate([theta[stretch] for stretch in stretches]).astype(np.float64)
    losses: list[float] = []
    begun = False

    def place(x: Array) -> None:
        start = 0
        for stretch in stretches:
            stop = start + stretch.stop - stretch.start
            theta[stretch] = x[start:stop]
            start = stop

    def begin() -> None:
        nonlocal begun
        if not begun:
            begun = True
            loop.callbacks.call("on_epoch_begin", epoch, {})
            loop.before_step(0)

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        if losses:  # the first one says whether there is anything to be done
            begin()
        place(x)
        total, seen, gradient = 0.0, 0, np.zeros(len(x))
        for X, y, weight, _ in batches:
            loss, _ = loop.step.gradients(X, y, weight)  # with a share of the penalty
            g = model.parameters.gradients
            mask = model.mask(X)
            n = len(y) if mask is None else int(mask.sum())
            gradient += n * np.concatenate([g[stretch] for stretch in stretches])
            total += n * loss
            seen += n
        total, seen, _ = loop.together(total, seen, [])
        losses.append(total / seen)
        return losses[-1], loop.add_up(gradient) / seen

    def after_iteration(x: Array) -> bool:
        nonlocal epoch, begun, reached
        reached = x
        place(reached)
        logs = loop.evaluate(batches)
        loop.after_step(0, logs["loss"], 1, logs)
        loop.end_epoch(epoch, logs)
        epoch, begun = epoch + 1, False
        return model.stop_training or epoch >= epochs.stop

    found = True
    try:
        found = optimizer.minimize(loss_and_gradient, reached, after_iteration, len(epochs))
    finally:
        place(reached)  # and not where a line search was when it was interrupted or gave up
    if not found:
        begin()
        logs = loop.evaluate(batches)
        if len(losses) == 1:
            logs["loss"] = losses[0]
        loop.end_epoch(epoch, logs)
        finite = all(map(math.isfinite, losses))
        # the usual end of a training in float32, whose digits are soon used up
        usual = finite and epoch > epochs.start and model.dtype == np.float32
        if math.isfinite(logs["loss"]) and not usual:
            warn_of_no_step(logs["loss"], epoch, finite)
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"


def warn_of_no_step(loss: float, epoch: int, finite: bool) -> None:
    """Warns that a line search ended without a lower loss."""
    hint = (
        "Near a minimum the digits of the loss may be used up (dtype='float64' has more). Far from "
        "it max_evaluations is too small, the loss has kinks, or a gradient is wrong: "
        "model.check_gradients finds that."
    )
    if not finite:
        hint = "The loss was not finite at some of the steps that it tried: scale the inputs."
    console.warn(
        f"L-BFGS found no step that lowers the loss of {loss:.6g} in epoch {epoch + 1}, and "
        f"training ends. {hint}"
    )
