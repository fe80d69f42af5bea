"""The learning rates at which a model learns: a short training with ever larger ones."""

import copy
import math
import os
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting
from backprop.core.checks import check_integer, check_positive
from backprop.core.frames import check_columns
from backprop.core.frozen import of_result
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.data.batches import Batches
from backprop.data.sources import check
from backprop.data.training import warn_of_numbers
from backprop.engine.threads import single_blas_threads
from backprop.protocol import Model, check_model
from backprop.training.kept import check_counted
from backprop.training.observation import observe
from backprop.training.step import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING = 0.85
"""β, the weight of a loss beside that of its neighbour."""

GROWTH = 4.0
"""The test ends when the smoothed loss is this many times the lowest."""


@of_result
@dataclass(frozen=True)
class LearningRateRange:
    """How the loss went while the learning rate grew; prints in two lines.

    Attributes:
        learning_rates: η of each step, shape ``(S,)``.
        losses: The smoothed loss at each step, shape ``(S,)``.
        suggestion: The η where the loss fell steepest; nan if it never fell.
        diverged: Whether the test ended early because the loss grew.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> found = bp.learning_rate_range(model, np.ones((64, 1)), np.ones(64), stop=0.1)
        >>> found.learning_rates[[0, -1]], found.diverged
        (array([1.e-05, 1.e-01]), False)
    """

    learning_rates: Array
    losses: Array
    suggestion: float
    diverged: bool

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """The loss over the learning rate, with the suggestion marked."""
        return plotting.learning_rates(self.learning_rates, self.losses, self.suggestion, path)

    def __repr__(self) -> str:
        eta, lowest = self.learning_rates, int(self.losses.argmin())
        end = ", where the loss diverged" if self.diverged else ""
        fell = f"The loss fell steepest at {self.suggestion:.2g} and"
        if math.isnan(self.suggestion):
            fell = "The loss never fell: it"
        return (
            f"{len(eta)} steps with learning rates from {eta[0]:.2g} to {eta[-1]:.2g}{end}.\n"
            f"{fell} was lowest, {self.losses[lowest]:.4g}, at {eta[lowest]:.2g}."
        )


@answered
def learning_rate_range(
    model: Model,
    X: Any,
    y: Any,
    start: float = 1e-5,
    stop: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRateRange:
    """Trains a copy of the model for a few steps while η grows from ``start`` to ``stop``.

        η_i = start · (stop / start)^{i / (S − 1)}
        s_i = Σ_j β^{|i − j|} E_j / Σ_j β^{|i − j|}        E_j the loss of step j, β = 0.85
        suggestion = the η_i with the least (s_{i+1} − s_{i−1}) / (ln η_{i+1} − ln η_{i−1}),
                     i up to that of the least s_i

    The average looks ahead as far as back, so that it is not late where the loss falls. The test
    ends early when the average of the losses so far, their weights β^{i − j}, exceeds four times
    its lowest value (where that is negative: lies as far above it); no single loss counts for more
    than this in s. Source: Smith 2015, "Cyclical learning rates for training neural networks".

    Args:
        model: A compiled model; it is left as it was. A trained one goes on from where it is.
        X: Inputs.
        y: Targets.
        start: The first learning rate, so small that nearly nothing is learned.
        stop: The last one.
        steps: S, the number of steps.
        batch_size: Samples in a step.
        seed: Determines the batches.

    Raises:
        ValueError: An argument cannot be used, the optimizer has no learning rate, or the loss
            diverges with the first learning rate.

    Example:
        >>> (X, y), _ = bp.datasets.load_iris()
        >>> model = bp.Sequential([bp.layers.Dense(3), bp.layers.Softmax()], seed=0)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> bool(0.001 < bp.learning_rate_range(model, X, y).suggestion < 1)
        True
    """
    check_model(model)
    start, stop = check_positive(start, "start"), check_positive(stop, "stop")
    if start >= stop:
        raise ValueError(f"start must be below stop, but {start!r} is not below {stop!r}.")
    steps = check_integer(steps, "steps", 10)
    batch_size = check_integer(batch_size, "batch_size")
    seed = check_integer(seed, "seed", 0)
    if model.optimizer.full_batch:
        raise ValueError(
            "LBFGS finds the length of its steps itself: compile the model with an optimizer that "
            "has a learning rate."
        )
    twin: Any = copy.deepcopy(model)
    check_columns(X, model, "X")
    data = check(twin, X, y)
    warn_of_numbers(data, twin)
    twin.build((None, *data.X.shape[1:]))
    optimizer = twin.optimizer
    optimizer.check_free(twin.parameters)
    rates, taken = np.geomspace(start, stop, steps), optimizer.steps
    # in the place of a schedule too, which would not let a number be set
    optimizer.learning_rate = lambda step: float(rates[step - taken])
    batches = Batches(data, batch_size, twin.dtype, np.random.default_rng(seed))

    losses: list[float] = []
    total = weights = 0.0
    lowest = limit = math.inf
    diverged = False
    step = Step(twin)
    with single_blas_threads(), np.errstate(all="ignore"):
        observe(twin, batches)
        for batch in islice(chain.from_iterable(repeat(batches)), steps):  # in epochs without end
            loss, _ = step.gradients(*batch[:3])
            before, made = twin.parameters.values.copy(), optimizer.steps
            step.update()
            moved = not np.array_equal(before, twin.parameters.values)
            check_counted(optimizer, optimizer.steps - made, moved)
            if not math.isfinite(loss):
                diverged = True
                break
            losses.append(loss)
            total, weights = SMOOTHING * total + loss, SMOOTHING * weights + 1
            lowest = min(lowest, total / weights)
            limit = lowest + (GROWTH - 1) * abs(lowest)
            if total / weights > limit:
                diverged = True
                break
    if len(losses) < 2:
        raise ValueError(f"the loss diverges at once with start={start!r}: pass a smaller one.")

    rates = rates[: len(losses)]
    i = np.arange(len(losses))
    weight = SMOOTHING ** np.abs(i[:, None] - i)  # (S, S)
    smoothed = weight @ np.minimum(losses, limit) / weight.sum(axis=1)
    slope = np.gradient(smoothed, np.log(rates))[: smoothed.argmin() + 1]
    steepest = int(slope.argmin())
    suggestion = float(rates[steepest]) if slope[steepest] < 0 else math.nan
    return LearningRateRange(rates, smoothed, suggestion, diverged)
