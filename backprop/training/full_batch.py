"""Training by L-BFGS: every epoch is one iteration on the loss of all samples."""

from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.layers import Layer
from backprop.optimizers import LBFGS
from backprop.training.evaluation import evaluate
from backprop.training.run import Run


def minimize(run: Run, optimizer: LBFGS, epochs: range) -> None:
    """Iterations of L-BFGS until the epochs are over, a callback stops, or it has converged.

    The line search of an iteration may need the loss and its gradient at several θ. Both are
    summed over the batches, so that memory holds the activations of one batch only.
    """
    from scipy.optimize import minimize as scipy_minimize

    model = run.model
    refuse_noise(model.layers)
    theta = model.parameters.values
    runs = model.parameters.trainable_slices()
    if optimizer.max_iterations is not None:
        epochs = epochs[: optimizer.max_iterations]
    epoch = epochs.start

    def place(x: Array) -> None:
        start = 0
        for where in runs:
            stop = start + where.stop - where.start
            theta[where] = x[start:stop]
            start = stop

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        place(x)
        total, seen, gradient = 0.0, 0, np.zeros(len(x))
        for X, y, weight in run.batches:
            prediction = model.forward(X, training=True)
            n, loss = len(y), model.loss.compute(prediction, y, weight)
            model.backward()  # of loss + penalty, of which every batch takes its share
            g = model.parameters.gradients
            gradient += n * np.concatenate([g[where] for where in runs])
            total += n * (loss + model.penalty())
            seen += n
        return total / seen, gradient / seen

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal epoch
        place(intermediate_result.x)
        optimizer.iterations += 1
        logs = evaluate(model, run.batches)
        run.after_step(0, logs)
        run.finish(epoch, logs)
        epoch += 1
        if model.stop_training or epoch >= epochs.stop:
            raise StopIteration
        begin()

    def begin() -> None:
        run.callbacks.call("on_epoch_begin", epoch, {})
        run.before_step(0)

    if epoch >= epochs.stop or not runs:
        return
    begin()
    result = scipy_minimize(
        loss_and_gradient,
        np.concatenate([theta[where] for where in runs]).astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={
            "maxiter": len(epochs),
            "maxfun": optimizer.max_evaluations * len(epochs),
            "maxcor": optimizer.history_size,
            "maxls": optimizer.max_evaluations,
            "ftol": optimizer.tolerance,
            "gtol": optimizer.gradient_tolerance,
        },
    )
    place(result.x)
    optimizer.message = str(result.message)
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"
    elif model.stop_training:
        optimizer.message = "stopped by a callback"


def refuse_noise(layers: list[Layer]) -> None:
    """L-BFGS compares losses, which must therefore be no random numbers.

    Raises:
        ValueError: A layer draws random numbers in training.
    """
    for layer in layers:
        if layer.random:
            raise ValueError(
                f"LBFGS needs a loss that is the same at every call, but {layer} draws random "
                f"numbers: leave it out, or take another optimizer."
            )
