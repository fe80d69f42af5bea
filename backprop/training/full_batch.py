"""Training by a full-batch optimizer: every epoch is one iteration on the loss of all samples."""

from typing import Any

import numpy as np

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
    evaluations, begun = 0, False

    def place(x: Array) -> None:
        start = 0
        for stretch in stretches:
            stop = start + stretch.stop - stretch.start
            theta[stretch] = x[start:stop]
            start = stop

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        nonlocal evaluations, begun
        if evaluations and not begun:  # the first one says whether there is anything to be done
            begun = True
            loop.callbacks.call("on_epoch_begin", epoch, {})
            loop.before_step(0)
        evaluations += 1
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
        return total / seen, gradient / seen

    def after_iteration(x: Array) -> bool:
        nonlocal epoch, begun, reached
        reached = x
        place(reached)
        logs = loop.evaluate(batches)
        loop.after_step(0, logs["loss"], logs)
        loop.end_epoch(epoch, logs)
        epoch, begun = epoch + 1, False
        return model.stop_training or epoch >= epochs.stop

    try:
        optimizer.minimize(loss_and_gradient, reached, after_iteration, len(epochs))
    finally:
        place(reached)  # and not where a line search was when it was interrupted or gave up
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"
