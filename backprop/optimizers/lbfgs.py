"""L-BFGS, by SciPy: a quasi-Newton method on the loss of all samples."""

import numpy as np

from backprop.core.parameters import Parameters
from backprop.optimizers.base import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps along −H g with a line search, H from the last m steps.

    ``fit`` then works on the whole data at once: an epoch is one iteration, so that ``epochs`` is
    the largest number of iterations, and ``batch_size`` only bounds the memory (the loss and its
    gradient are summed over batches). The loss of an epoch is that after its iteration. Callbacks,
    History, validation, regularisers and frozen layers work as ever; layers that draw random
    numbers are refused. Use a model with ``dtype="float64"`` for the last digits. Source: Liu &
    Nocedal 1989; the iterations are those of ``scipy.optimize``'s L-BFGS-B.

    Args:
        max_iterations: The most iterations of a fit, if they are to be fewer than its epochs.
        history_size: m, the number of steps that H is made of.
        max_evaluations: The most evaluations of the loss in the line search of an iteration.
        tolerance: Training ends when an iteration lessens the loss by a smaller share of it.
        gradient_tolerance: Training ends when no component of g is larger.

    Attributes:
        message: Why the last fit ended.
    """

    def __init__(
        self,
        max_iterations: int | None = None,
        history_size: int = 10,
        max_evaluations: int = 20,
        tolerance: float = 1e-12,
        gradient_tolerance: float = 1e-8,
    ) -> None:
        for name, value in (
            ("max_iterations", 1 if max_iterations is None else max_iterations),
            ("history_size", history_size),
            ("max_evaluations", max_evaluations),
        ):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} must be an integer of 1 or more, but it is {value!r}.")
        for name, number in (("tolerance", tolerance), ("gradient_tolerance", gradient_tolerance)):
            if not number >= 0:
                raise ValueError(f"{name} must be 0 or more, but it is {number!r}.")
        super().__init__(1.0)
        self.max_iterations = max_iterations
        self.history_size, self.max_evaluations = int(history_size), int(max_evaluations)
        self.tolerance, self.gradient_tolerance = float(tolerance), float(gradient_tolerance)
        self.message = ""
        # loaded now, so that the BLAS that it brings is known when a fit limits the threads
        import scipy.optimize  # noqa: F401

    def step(self, parameters: Parameters) -> None:
        """Not to be had: an iteration needs the loss at several θ.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "LBFGS cannot take a step from one gradient: use fit, or another optimizer for "
            "train_on_batch."
        )
