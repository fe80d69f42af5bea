"""Training by L-BFGS: every epoch is one iteration on the loss of all samples."""

from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.optimizers import LBFGS
from backprop.training.evaluation import Evaluator
from backprop.training.run import Run


def minimize(run: Run, optimizer: LBFGS, epochs: range) -> None:
    """Iterations of L-BFGS until the epochs are over, a callback stops, or it has converged.

    The line search of an iteration may need the loss and its gradient at several θ. Both are
    summed over the batches, so that memory holds the activations of one batch only.
    """
    from scipy.optimize import minimize as scipy_minimize

    model = run.model
    theta = model.parameters.values
    runs = model.parameters.trainable_slices()
    if optimizer.max_iterations is not None:
        epochs = epochs[: optimizer.max_iterations]
    epoch = epochs.start
    if epoch >= epochs.stop or not runs:
        return
    reached = np.concatenate([theta[where] for where in runs]).astype(np.float64)
    evaluations, begun = 0, False

    def place(x: Array) -> None:
        start = 0
        for where in runs:
            stop = start + where.stop - where.start
            theta[where] = x[start:stop]
            start = stop

    evaluate = Evaluator(model)

    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        nonlocal evaluations, begun
        if evaluations and not begun:  # the first one says whether there is anything to be done
            begun = True
            run.callbacks.call("on_epoch_begin", epoch, {})
            run.before_step(0)
        evaluations += 1
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
        nonlocal epoch, begun, reached
        reached = intermediate_result.x.copy()
        place(reached)
        optimizer.iterations += 1
        logs = evaluate(run.batches)
        run.after_step(0, logs)
        run.finish(epoch, logs)
        epoch, begun = epoch + 1, False
        if model.stop_training or epoch >= epochs.stop:
            raise StopIteration

    try:
        result = scipy_minimize(
            loss_and_gradient,
            reached,
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": len(epochs),
                "maxfun": optimizer.max_evaluations * (len(epochs) + 1),
                "maxcor": optimizer.history_size,
                "maxls": optimizer.max_evaluations,
                "ftol": optimizer.tolerance,
                "gtol": optimizer.gradient_tolerance,
            },
        )
    finally:
        place(reached)  # and not where a line search was when it was interrupted or gave up
    optimizer.message = str(result.message)
    if epoch >= epochs.stop:
        optimizer.message = f"made {len(epochs)} iterations, as many as it might"
    elif model.stop_training:
        optimizer.message = "stopped by a callback"
