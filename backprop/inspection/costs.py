"""What a gradient costs: differences need a pass for every weight, backpropagation two in all."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.frames import check_columns
from backprop.core.frozen import of_result
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.data.inputs import check_inputs
from backprop.data.sources import check
from backprop.engine.threads import single_blas_threads
from backprop.protocol import Model, check_model

STEP = 1e-6
"""The change h of a weight w in a difference quotient is this times max(1, |w|)."""


@of_result
@dataclass(frozen=True)
class MethodCost:
    """The cost of one way to the gradient of all N weights.

    Attributes:
        method: Its name.
        forward_passes: How many forward passes it takes.
        seconds: How long it takes; an estimate from a sample of the passes unless ``complete``.
        complete: Whether the whole gradient was computed.
        error: The largest difference from backpropagation's gradient, relative to the largest
            component; nan unless ``complete``.

    Example:
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)], seed=0, dtype="float64")
        >>> model.compile("sgd", "mse")
        >>> costs = bp.inspection.gradient_cost(model, np.ones((4, 2)), np.ones((4, 1)))
        >>> [cost.forward_passes for cost in costs.methods]
        [4, 6, 1]
    """

    method: str
    forward_passes: int
    seconds: float
    complete: bool
    error: float


@of_result
@dataclass(frozen=True, repr=False)
class GradientCost:
    """The costs of three ways to one gradient; prints as a table.

    Attributes:
        n_weights: N, the number of weights.
        forward_seconds: The time of one forward pass and the loss.
        methods: Forward differences, central differences, backpropagation.

    Example:
        >>> model = bp.Sequential([bp.Input(9), bp.layers.Dense(10)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> bp.inspection.gradient_cost(model, np.ones((4, 9)), np.ones((4, 10))).n_weights
        100
    """

    n_weights: int
    forward_seconds: float
    methods: Sequence[MethodCost]

    def __getitem__(self, method: str) -> MethodCost:
        """The cost of the method of that name."""
        return {cost.method: cost for cost in self.methods}[method]

    def __str__(self) -> str:
        forward = show_seconds(self.forward_seconds)
        lines = [
            f"The gradient of {self.n_weights:,} weights; a forward pass takes {forward}.",
            f"{'':<22}{'forward passes':>16}{'time':>12}{'in forward passes':>20}",
        ]
        for cost in self.methods:
            passes = f"{cost.forward_passes:,}"
            if cost.method == "backpropagation":
                passes += " + 1 backward"
            estimate = "" if cost.complete else "≈ "
            lines.append(
                f"{cost.method:<22}{passes:>16}"
                f"{estimate + show_seconds(cost.seconds):>12}"
                f"{cost.seconds / self.forward_seconds:>20,.1f}"
            )
        return "\n".join(lines)

    __repr__ = __str__


@answered
def gradient_cost(model: Model, X: Array, y: Array, max_passes: int = 2000) -> GradientCost:
    """Counts and times three ways to ∂E/∂θ on a batch.

        forward differences   (E(θ + h e_i) − E(θ)) / h              N + 1 forward passes
        central differences   (E(θ + h e_i) − E(θ − h e_i)) / 2h     2 N forward passes
        backpropagation       one forward and one backward pass, whatever N is

    Args:
        model: A built and compiled model. Only its gradients change. To see how accurate the
            differences are, use a float64 model.
        X: A batch of inputs.
        y: Their targets.
        max_passes: If a method needs more passes, only so many are made, and the time of all is
            extrapolated.

    Returns:
        The costs, for each of the three.

    Raises:
        ValueError: X or y hold what cannot be trained on.
        ShapeError: They do not fit the model.

    Example:
        >>> model = bp.Sequential([bp.Input(9), bp.layers.Dense(10)], seed=0, dtype="float64")
        >>> model.compile("sgd", "mse")
        >>> costs = bp.inspection.gradient_cost(model, np.ones((4, 9)), np.ones((4, 10)))
        >>> {cost.method: cost.forward_passes for cost in costs.methods}
        {'forward differences': 101, 'central differences': 200, 'backpropagation': 1}
    """
    check_model(model)
    check_integer(max_passes, "max_passes")
    check_columns(X, model, "X")
    data = check(model, check_inputs(X, model.input_shape, model.layers, "X"), y)
    twin = copy.deepcopy(model)  # a training pass draws random numbers, and moves averages
    with single_blas_threads():
        costs = compare_costs(twin, data.X.astype(model.dtype), data.y, max_passes)
    model.parameters.gradients[...] = twin.parameters.gradients
    return costs


def compare_costs(model: Model, X: Array, y: Array, max_passes: int) -> GradientCost:
    """``gradient_cost`` with as many BLAS threads as are set."""
    theta, loss = model.parameters.values, model.loss

    def evaluate() -> float:
        E = loss.compute(model.forward(X, training=True), y, None)
        return E + model.penalty() + model.activity_penalty()

    def backpropagate() -> Array:
        evaluate()
        model.backward()
        return model.parameters.gradients

    forward_seconds = repeat(evaluate)
    backward_seconds = repeat(backpropagate)
    gradient = backpropagate().copy()
    scale = float(np.abs(gradient).max()) or 1.0
    methods = []
    for method, passes, difference in (
        ("forward differences", theta.size + 1, forward_difference),
        ("central differences", 2 * theta.size, central_difference),
    ):
        n = min(theta.size, max(1, max_passes * theta.size // passes))
        start = time.perf_counter()
        estimate = difference(evaluate, theta, n)
        seconds = (time.perf_counter() - start) * theta.size / n
        complete = n == theta.size
        error = float(np.abs(estimate - gradient).max()) / scale if complete else float("nan")
        methods.append(MethodCost(method, passes, seconds, complete, error))
    methods.append(MethodCost("backpropagation", 1, backward_seconds, True, 0.0))
    return GradientCost(theta.size, forward_seconds, methods)


def forward_difference(evaluate: Callable[[], float], theta: Array, n: int) -> Array:
    """∂E/∂θ_i ≈ (E(θ + h e_i) − E(θ)) / h for the first n weights: n + 1 evaluations."""
    gradient = np.zeros(n)
    at_theta = evaluate()
    for i in range(n):
        kept = theta[i]
        h = STEP * max(1.0, abs(kept))
        theta[i] = kept + h
        gradient[i] = (evaluate() - at_theta) / h
        theta[i] = kept
    return gradient


def central_difference(evaluate: Callable[[], float], theta: Array, n: int) -> Array:
    """∂E/∂θ_i ≈ (E(θ + h e_i) − E(θ − h e_i)) / 2h for the first n weights: 2n evaluations."""
    gradient = np.zeros(n)
    for i in range(n):
        kept = theta[i]
        h = STEP * max(1.0, abs(kept))
        theta[i] = kept + h
        above = evaluate()
        theta[i] = kept - h
        gradient[i] = (above - evaluate()) / (2 * h)
        theta[i] = kept
    return gradient


def repeat(job: Callable[[], Any], at_least: float = 0.05) -> float:
    """The median time of a call, over three calls or ``at_least`` seconds of them."""
    job()
    times: list[float] = []
    while len(times) < 3 or sum(times) < at_least:
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def show_seconds(seconds: float) -> str:
    """``12 µs``, ``3.4 ms``, ``5.6 s``, ``2.1 h``."""
    for size, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
