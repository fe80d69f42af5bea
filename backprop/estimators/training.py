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
from backprop.estimators.convergence import Convergence, Progress
from backprop.estimators.samples import Order, Samples
from backprop.estimators.scikit import ConvergenceWarning
from backprop.estimators.steps import PenalisedSteps
from backprop.training.divergence import quietly
from backprop.training.full_batch import check_untouched, check_way, gathered, scatter
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
    told.order = Order(random)
    plan = plan_for(mlp, model, samples, held_out, epochs, [told], told.order)
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
    for k, (model, each) in enumerate(zip(mlp.models_, told, strict=True), 1):
        each.verbose = bool(mlp.verbose)
        if each.verbose and len(told) > 1:
            console.write(f"Network {k} of {len(told)}")
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

    Each stops for itself, and the others go on. It is not done with sample weights, by whose sum
    ``PenalisedSteps`` divides the loss of a batch.

    Returns:
        Whether it was done.

    Raises:
        DivergenceError: One has diverged; the others have gone on.
    """
    if mlp.callbacks or samples.weight is not None or type(samples.X) is not np.ndarray:
        return False
    alike = models if told[0].record._losses else models[:2]  # new ones differ in numbers
    if len(experiments.many.groups(alike, [None] * len(alike))) > 1:
        return False

    def after_epoch(epoch: int, k: int, logs: dict[str, float]) -> None:
        told[k].on_epoch_end(epoch, logs)

    for each, model in zip(told, models, strict=True):
        each.set_model(model)
    size = batch_size_of(mlp, samples.X.shape[0])
    planned = models if held_out is not None else models[:1]  # else their plans are the same
    held = [plan_for(mlp, model, samples, held_out, epochs).validation for model in planned]
    histories = experiments.many.fit_together(  # loaded when it is first needed
        models,
        samples.X,
        samples.y,
        None,
        [None] * len(models),
        held * (len(models) // len(planned)),
        batch_size=size,
        epochs=epochs,
        verbose=2 if mlp.verbose else 0,  # the means
        shuffle=mlp.shuffle,
        after_epoch=after_epoch,
        alpha=mlp.alpha,
        on_divergence="go on",
    )
    return histories is not None


def train_by_lbfgs(
    mlp: Any, model: Any, told: Progress, samples: Samples, held_out: Sequence[Any] | None
) -> None:
    """Minimises the loss of all samples by SciPy's L-BFGS-B, with scikit-learn's limits.

    An iteration is an epoch of one step for callbacks, validation and History.
    """
    plan = plan_for(mlp, model, samples, held_out, mlp.max_iter, [told])
    model.history = plan.history
    with (
        single_blas_threads(),
        PenalisedSteps(model, mlp.alpha, bool(mlp.callbacks), divided=False) as step,
    ):
        Search(model, plan, step, "raise").search(mlp, told)


class Search(Loop):
    """A training loop whose ``minimize`` is that of scikit-learn."""

    def search(self, mlp: Any, told: Progress) -> None:
        """Trains as the estimator's arguments say."""
        self._mlp, self._told = mlp, told
        self.fit()

    def minimize(self, first: int, first_step: int) -> None:
        """Iterations until SciPy or a callback ends them.

        Args:
            first: The number of the first iteration; those before it were made before a crash.
            first_step: 1 if that one was made, too, but not what follows it in an epoch.
        """
        from scipy.optimize import minimize

        mlp, model, plan = self._mlp, self.model, self.plan
        if first >= plan.epochs.stop:
            return
        theta, g = model.parameters.values, model.parameters.gradients
        stretches = model.parameters.trainable_slices()
        X, y, weight, _ = next(iter(plan.batches))
        known = plan.evaluations  # by which a training that goes on is led along the same way
        again = list(zip(known.losses, known.gradients, strict=True))[::-1]  # the next one is last
        goal, over = known.reached, first + first_step
        epoch, begun = 0, False

        def begin() -> None:
            nonlocal begun
            if not begun and epoch >= first:
                begun = True
                self.callbacks.call("on_epoch_begin", epoch, {})
                if not (first_step and epoch == first):
                    self.before_step(0)

        @quietly
        def loss_and_gradient(x: Array) -> tuple[float, Array]:
            begin()
            if again:
                return again.pop()
            scatter(x, theta, stretches)
            loss, _ = self.step.gradients(X, y, weight)
            gradient = gathered(g, stretches)
            known.add(loss, gradient)
            return loss, gradient

        def after_iteration(intermediate_result: Any) -> None:
            nonlocal epoch, begun
            known.reached = intermediate_result.x.copy()
            if epoch + 1 == over and goal is not None:
                check_way(known.reached, goal)
            if epoch >= first:
                report(float(intermediate_result.fun))
            epoch, begun = epoch + 1, False
            if model.stop_training:
                raise StopIteration
            if mlp.callbacks and epoch > first:
                check_untouched(model.parameters, stretches, known.reached)

        def report(loss: float) -> None:
            scatter(known.reached, theta, stretches)
            logs = {"loss": loss}
            if model.metrics:
                logs = {**self.evaluate(plan.batches), **logs}
            if not (first_step and epoch == first):
                self.after_step(0, loss, 1, logs)
            self.end_epoch(epoch, logs)

        if not again:
            known.start = gathered(theta, stretches)
            known.reached = known.start
        options = {"maxfun": mlp.max_fun, "maxiter": mlp.max_iter, "gtol": mlp.tol}
        try:
            result = minimize(
                loss_and_gradient,
                known.start,
                method="L-BFGS-B",
                jac=True,
                callback=after_iteration,
                options=options,
            )
        finally:
            scatter(
                known.reached, theta, stretches
            )  # and not where a line search was when it was interrupted
        known.reached = result.x
        scatter(result.x, theta, stretches)
        if begun:  # an iteration that found no lower loss
            report(float(result.fun))
        record = self._told.record
        record.n_iter_, record.loss_ = min(int(result.nit), mlp.max_iter), float(result.fun)
        if result.status != 0 and not model.stop_training:
            warn_of_limit(mlp, record.n_iter_, result)


def warn_of_batch_size(mlp: Any, n: int) -> None:
    """Warns that a batch cannot hold more than n samples, in the words of scikit-learn."""
    if mlp.batch_size != "auto" and int(mlp.batch_size) > n:
        console.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            UserWarning,
        )


def warn_of_epochs(n: int) -> None:
    """Warns that n epochs were too few, in the words of scikit-learn."""
    console.warn(
        f"Stochastic Optimizer: Maximum iterations ({n}) reached and the optimization hasn't "
        f"converged yet.",
        ConvergenceWarning,
    )


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
