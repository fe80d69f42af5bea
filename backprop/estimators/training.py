"""How an MLP of scikit-learn trains a ``Sequential``: by mini-batches, by L-BFGS, many in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop import experiments
from backprop.callbacks import Callback
from backprop.core import console
from backprop.core.checks import check_list
from backprop.core.errors import DivergenceError
from backprop.core.types import Array
from backprop.engine.threads import single_blas_threads
from backprop.estimators.convergence import Convergence
from backprop.estimators.samples import Order, Samples
from backprop.estimators.scikit import ConvergenceWarning
from backprop.estimators.steps import PenalisedSteps
from backprop.training.divergence import quietly
from backprop.training.loop import Loop
from backprop.training.plan import Plan, plan_fit


def plan_for(
    mlp: Any,
    model: Any,
    samples: Samples,
    held_out: Sequence[Any] | None,
    epochs: int,
    callbacks: Sequence[Callback] = (),
    order: Any = None,
) -> Plan:
    """What a fit of the model is going to do."""
    n = samples.X.shape[0]
    return plan_fit(
        model,
        x=samples.X,
        y=samples.y,
        sample_weight=samples.weight,
        batch_size=batch_size_of(mlp, n),
        epochs=epochs,
        verbose=0,
        callbacks=[*check_list(mlp.callbacks, "callbacks"), *callbacks],
        validation_data=held_out,
        shuffle=mlp.shuffle and mlp.solver != "lbfgs",
        rng=order,
    )


def batch_size_of(mlp: Any, n: int) -> int:
    """Samples in a step."""
    if mlp.solver == "lbfgs":
        return n
    return min(200 if mlp.batch_size == "auto" else int(mlp.batch_size), n)


def train_by_batches(
    mlp: Any,
    model: Any,
    told: Convergence,
    samples: Samples,
    held_out: Sequence[Any] | None,
    epochs: int,
    random: Any,
) -> None:
    """Trains a network until ``told`` ends it, or the epochs are over."""
    plan = plan_for(mlp, model, samples, held_out, epochs, [told], Order(random))
    model.history = plan.history
    with single_blas_threads(), PenalisedSteps(model, mlp.alpha, bool(mlp.callbacks)) as step:
        Loop(model, plan, step, "raise").fit()


def train_in_turn(
    mlp: Any,
    told: Sequence[Convergence],
    samples: Samples,
    held_out: Sequence[Any] | None,
    epochs: int,
    random: Any,
) -> None:
    """Trains the networks one after the other; one that diverges does not end the others.

    Raises:
        DivergenceError: One has diverged.
    """
    diverged: DivergenceError | None = None
    for model, each in zip(mlp.models_, told, strict=True):
        try:
            train_by_batches(mlp, model, each, samples, held_out, epochs, random)
        except DivergenceError as error:
            diverged = diverged or error
    if diverged is not None:
        raise diverged


def train_together(
    mlp: Any,
    models: Sequence[Any],
    told: Sequence[Convergence],
    samples: Samples,
    held_out: Sequence[Any] | None,
    epochs: int,
) -> bool:
    """Trains several networks in step until all of them have ended, if that is quicker.

    Each stops for itself: the others go on, and it keeps the weights that it had. It is not done
    with sample weights, by whose sum ``PenalisedSteps`` divides the loss of a batch.

    Returns:
        Whether it was done.
    """
    if mlp.callbacks or samples.weight is not None or type(samples.X) is not np.ndarray:
        return False
    if not experiments.many.alike(models):
        return False
    kept: dict[int, Array] = {}

    def after_epoch(epoch: int, logs: Sequence[dict[str, float]]) -> bool:
        for k, (each, model) in enumerate(zip(told, models, strict=True)):
            if not each.stopped:
                each.on_epoch_end(epoch, logs[k])
                if each.stopped:
                    kept[k] = model.parameters.values.copy()
        return len(kept) == len(models)

    for each, model in zip(told, models, strict=True):
        each.set_model(model)
    size = batch_size_of(mlp, samples.X.shape[0])
    held = [plan_for(mlp, model, samples, held_out, epochs).validation for model in models]
    penalties = [p.regularizer for model in models for p in model.parameters if p.regularizer]

    def penalise(n: int) -> None:
        for penalty in penalties:
            penalty.l2 = mlp.alpha / (2 * n)

    try:
        histories = experiments.many.fit_together(  # loaded when it is first needed
            models,
            samples.X,
            samples.y,
            None,
            [None] * len(models),
            held,
            batch_size=size,
            epochs=epochs,
            verbose=0,
            shuffle=mlp.shuffle,
            after_epoch=after_epoch,
            prepare=penalise,
            on_divergence="raise",
        )
    finally:
        for penalty in penalties:
            penalty.l2 = 0.0
        for k, theta in kept.items():
            models[k].parameters.values[...] = theta
    for model, history in zip(models, histories or (), strict=False):
        model.history = history
    return histories is not None


def train_by_lbfgs(
    mlp: Any, model: Any, record: Any, samples: Samples, held_out: Sequence[Any] | None
) -> None:
    """Minimises the loss of all samples by SciPy's L-BFGS-B, with scikit-learn's limits.

    An iteration is an epoch for callbacks, validation and History.
    """
    from scipy.optimize import minimize

    plan = plan_for(mlp, model, samples, held_out, mlp.max_iter)
    model.history = plan.history
    step = PenalisedSteps(model, mlp.alpha, bool(mlp.callbacks), divided=False)
    loop = Loop(model, plan, step, "raise")
    theta, g = model.parameters.values, model.parameters.gradients
    stretches = model.parameters.trainable_slices()
    X, y, weight, _ = next(iter(plan.batches))
    epoch = 0

    def place(x: Array) -> None:
        start = 0
        for stretch in stretches:
            stop = start + stretch.stop - stretch.start
            theta[stretch] = x[start:stop]
            start = stop

    @quietly
    def loss_and_gradient(x: Array) -> tuple[float, Array]:
        place(x)
        loss, _ = step.gradients(X, y, weight)
        return loss, np.concatenate([g[stretch] for stretch in stretches], dtype=np.float64)

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal epoch
        loss = float(intermediate_result.fun)
        if mlp.verbose:
            console.write(f"Iteration {epoch + 1}, loss = {loss:.8f}")
        logs = {"loss": loss}
        if model.metrics or plan.validation is not None or mlp.callbacks:
            place(intermediate_result.x)
            logs = {**loop.evaluate(plan.batches), "loss": loss} if model.metrics else logs
        loop.end_epoch(epoch, logs)
        if "val_loss" in logs:
            record.validation_loss_curve_.append(logs["val_loss"] - model.penalty())
        step.refresh()
        epoch += 1
        if model.stop_training:
            raise StopIteration

    model.stop_training = False
    options = {"maxfun": mlp.max_fun, "maxiter": mlp.max_iter, "gtol": mlp.tol}
    with single_blas_threads(), step, loop.interrupt:
        loop.callbacks.call("on_train_begin", {})
        start = np.concatenate([theta[stretch] for stretch in stretches], dtype=np.float64)
        result = minimize(
            loss_and_gradient,
            start,
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options=options,
        )
        place(result.x)
        loop.callbacks.call("on_train_end", loop.logs)
    record.n_iter_ = min(int(result.nit), mlp.max_iter)
    record.loss_ = float(result.fun)
    if result.status != 0 and not model.stop_training:
        warn_of_limit(mlp, record.n_iter_, result)


def warn_of_limit(mlp: Any, n_iter: int, result: Any) -> None:
    """Warns that L-BFGS ended without having converged, in the words of scikit-learn."""
    more = f"Increase the number of iterations to improve the convergence (max_iter={n_iter}).\n"
    console.warn(
        f"lbfgs failed to converge after {n_iter} iteration(s) (status={result.status}):\n"
        f"{result.message}\n\n"
        f"{more if n_iter == mlp.max_iter else ''}"
        f"You might also want to scale the data as shown in:\n"
        f"    https://scikit-learn.org/stable/modules/preprocessing.html",
        ConvergenceWarning,
    )
