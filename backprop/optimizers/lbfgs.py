"""L-BFGS, by SciPy: a quasi-Newton method on the loss of all samples."""

import math
from collections.abc import Callable
from typing import Any

from backprop.core.checks import check_integer, check_number
from backprop.core.parameters import Parameters
from backprop.core.types import Array, computed
from backprop.optimizers.base import Optimizer
from backprop.optimizers.options import NOT_GIVEN, optional


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps along −H g with a line search, H from the last m steps.

    ``fit`` works on the whole data at once. An epoch is one iteration, so that ``epochs`` is the
    largest number of iterations; ``batch_size`` only bounds the memory, since the loss and its
    gradient are summed over batches. The loss of an epoch is that after its iteration. Callbacks,
    History, validation, regularisers and frozen layers work as ever; layers that draw random
    numbers are refused, as is a callback that freezes layers or sets weights in the middle of a
    fit. Use a model with ``dtype="float64"`` for the last digits. Source: Liu &
    Nocedal 1989; the iterations are those of ``scipy.optimize``'s L-BFGS-B.

    Args:
        max_iterations: The most iterations of a fit, if fewer than its epochs.
        history_size: m, the number of steps that H is made of.
        max_evaluations: The most evaluations of the loss in the line search of an iteration.
        tolerance: Training ends when an iteration lowers the loss by a smaller share than this.
        gradient_tolerance: Training ends when no component of g is larger than this.

    Attributes:
        message: Why the last fit ended.

    Example:
        >>> X = np.array([[0.0], [1.0], [2.0]])
        >>> model = bp.Sequential([bp.layers.Dense(1)], seed=0, dtype="float64")
        >>> model.compile(bp.optimizers.LBFGS(), "mse")
        >>> history = model.fit(X, 3 * X + 1, epochs=20, verbose=0)
        >>> model.layers[0].W.round(4), model.layers[0].b.round(4)
        (array([[3.]]), array([1.]))
    """

    full_batch = True
    message = ""
    instead = {
        **Optimizer.instead,
        "learning_rate": "the line search of L-BFGS finds the length of every step",
    }
    not_taken = {
        "gradient_accumulation_steps": "an iteration takes the gradients of all samples in any case"
    } | dict.fromkeys(("lr", "learning_rate"), instead["learning_rate"])

    def __init__(
        self,
        max_iterations: int | None = None,
        history_size: int = 10,
        max_evaluations: int = 20,
        tolerance: float = 1e-12,
        gradient_tolerance: float = 1e-8,
    ) -> None:
        super().__init__(1.0)
        self.max_iterations = optional(check_integer, max_iterations, "max_iterations")
        self.history_size = check_integer(history_size, "history_size")
        self.max_evaluations = check_integer(max_evaluations, "max_evaluations")
        self.tolerance = check_number(tolerance, "tolerance")
        self.gradient_tolerance = check_number(gradient_tolerance, "gradient_tolerance")
        self.message = ""
        # load SciPy now: it brings a BLAS of its own, whose threads a fit is to limit too
        import scipy.optimize  # noqa: F401

    @computed
    def learning_rate(self) -> float:
        """1, the length that its line search tries first; cannot be set."""
        return self._learning_rate

    def minimize(  # type: ignore[override]  # all needed here: of the base anything is refused
        self,
        loss_and_gradient: Callable[[Array], tuple[float, Array]],
        theta: Array,
        after_iteration: Callable[[Array], bool],
        iterations: int,
    ) -> bool:
        """Iterates until ``after_iteration`` says stop, it has converged, or the number is reached.

        Args:
            loss_and_gradient: E and ∂E/∂θ at any θ, in float64.
            theta: Where to start.
            after_iteration: Is given the θ of every iteration, and says whether to stop there.
            iterations: How many there may be.

        Returns:
            Whether every line search found a lower loss.
        """
        from scipy.optimize import minimize

        stopped = False

        def callback(intermediate_result: Any) -> None:
            nonlocal stopped
            self.iterations += 1
            stopped = after_iteration(intermediate_result.x.copy())
            if stopped:
                raise StopIteration

        result = minimize(
            loss_and_gradient,
            theta,
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options={
                "maxiter": iterations,
                "maxfun": self.max_evaluations * (iterations + 1),
                "maxcor": min(self.history_size, iterations),  # SciPy makes arrays of that length
                "maxls": min(self.max_evaluations, 2**31 - 1),
                "ftol": self.tolerance,
                "gtol": self.gradient_tolerance,
            },
        )
        ended = result.status in (0, 1) and math.isfinite(result.fun)  # converged, or at a limit
        found = bool(stopped or ended)
        self.message = "stopped by a callback" if stopped else str(result.message)
        if not found:
            self.message = "the line search found no lower loss"
        return found

    def step(self, parameters: Parameters = NOT_GIVEN) -> None:
        """Raises ValueError: L-BFGS needs the loss at several θ, and cannot step from one g.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "LBFGS cannot take a step from one gradient: use fit, or another optimizer for "
            "train_on_batch."
        )
