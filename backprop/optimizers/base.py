"""The contract of an optimizer: a formula on stretches of two vectors, θ and its gradient g."""

from collections.abc import Callable, Sequence
from typing import Any

from backprop.core.checks import check_number
from backprop.core.parameters import Parameters
from backprop.core.types import Array
from backprop.optimizers.blocks import Block
from backprop.optimizers.bookkeeping import Bookkeeping
from backprop.optimizers.options import NOT_GIVEN, LearningRate, new_rate, refuse_returned
from backprop.optimizers.vectors import include, round_to_0

ROUNDING = 32
"""Steps between two roundings of the state (see ``Optimizer.step``)."""


class Optimizer(Bookkeeping):
    """Changes θ in place from g, block by block; a frozen layer's stretch is never touched.

    A subclass writes its formula in ``update`` and, directly above it in ``coefficients``, those
    numbers of the formula that are the same for all of θ. ``slots`` names its state vectors.

    A step first clips g in place, if that was asked for. A weight decay λ then makes
    θ ← θ − η λ θ, but not for biases and the parameters of normalisation (Keras decays all unless
    told otherwise). The formula follows, and a ← κ a + (1 − κ) θ if an average is kept.

    With k ``gradient_accumulation_steps`` k − 1 steps only add g up. The k-th takes the mean of all
    for g and does all of that. As in Keras schedules count, and averages follow, every step.

    Args:
        learning_rate: η, the size of a step: a number or a schedule.
        weight_decay: λ.
        clipnorm: The length that each parameter's gradient is shortened to if it is longer.
        global_clipnorm: The same for the gradient of all parameters together.
        clipvalue: The largest size of a component of g. Only one of the three may be given.
        use_ema: Whether to keep the moving average a of θ, which begins with the θ of the first
            step. At the end of training it replaces θ.
        ema_momentum: κ.
        ema_overwrite_frequency: The number of steps between two times that a replaces θ earlier.
        gradient_accumulation_steps: k, 2 or more; None for an update in every step.

    Attributes:
        iterations: The number of updates of θ.
        full_batch: Whether an update needs the loss at several θ. ``fit`` then calls ``minimize``
            with the loss of all samples, and not ``step`` after each batch.
        gathers: Whether all of g has to be there before any of θ changes.
        by_parameter: Whether ``update`` needs whole parameters, see ``ByParameter``.
        scalars: What ``coefficients`` returned for this step, as arrays of θ's dtype without axes.

    Example:
        >>> class Descent(bp.optimizers.Optimizer):  # θ ← θ − η g
        ...     def update(self, theta, g, scratch, *state):
        ...         theta -= self.learning_rate * g
        >>> bp.Sequential([bp.layers.Dense(1)]).compile(Descent(0.1), "mse")
    """

    slots: tuple[str, ...] = ()
    scratches = 1
    initial_state = 0.0
    full_batch = by_parameter = False
    _assignable = {"scalars": None}  # update may be called by hand
    _schedule: Any = None
    _learning_rate = 0.0  # a class of one's own may set the rate before it calls super().__init__

    # ------------------------------------------------------------------ what a subclass defines

    def coefficients(self, t: int, eta: float) -> tuple[float, ...]:
        """The numbers that ``update`` finds in ``scalars``, computed once for a step.

        Args:
            t: The number of the step: 1, 2, ….
            eta: η in this step.
        """
        return ()

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        """Changes a stretch of θ and of the state vectors in place.

        Args:
            theta: The stretch of θ, shape ``(n,)``.
            g: Its gradient, to be left as it is.
            scratch: An array of the same shape, to be used freely; shape ``(scratches, n)`` in a
                class that sets ``scratches`` to more than 1.
            *state: The stretches of the state vectors, in the order of ``slots``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(theta, g, …).")

    def formula(self, eta: float, decays: bool) -> str:
        """θ after a step as ``explain`` prints it, from ``{theta}`` and the gradient ``{g}``.

        Args:
            eta: η in this step.
            decays: Whether weight decay applies to this parameter.
        """
        return "{theta} + Δ{theta}"

    @property
    def learning_rate(self) -> float:
        """η of the next step; may be set between steps where no schedule determines it.

        Raises:
            ValueError: It is negative or not finite.
            TypeError: It is no number, or a number is set while there is a schedule.
        """
        if self._schedule is None:
            return self._learning_rate
        return check_number(self._schedule(self.steps), "the schedule's learning rate")

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self._schedule, self._learning_rate = new_rate(value, self._schedule, self._learning_rate)

    def step(self, parameters: Parameters = NOT_GIVEN) -> None:
        """One update of θ from g.

        Every 32 steps, numbers of the state below 10⁻³⁶ (10⁻³⁰⁶ in float64) are rounded to 0: where
        a gradient stays 0 they would become denormal, and steps ten times as long.

        Args:
            parameters: A model's ``parameters``, their gradients written by its ``backward``.

        Raises:
            ValueError: This optimizer already trains another model, whose state it holds.
        """
        blocks = self.prepare(parameters)  # stretches of θ, g and the state; the coefficients
        if self.gathers:
            self.gather(parameters)  # g is the mean of k gradients, and clipped
        self.change(blocks)
        self.conclude(parameters)  # the constraints hold again; the step is counted

    def change(self, blocks: Sequence[Block]) -> None:
        """Changes θ and the state in these blocks; several threads may do so for others."""
        t, due = self.iterations + 1, not self.gathers or self.due
        update: Callable[..., object] = self.update
        for arguments, decaying, average in blocks:
            if due:
                keep = self.kept(*arguments[3:]) if decaying else 1.0
                for theta in decaying:
                    theta *= keep
                returned = update(*arguments)
                if returned is not None and returned is not arguments[0]:
                    refuse_returned(self)
            if average is not None:
                overwrite = self.ema_overwrite_frequency
                kappa = self.ema_momentum if t > 1 else 0.0
                include(arguments[0], average, kappa, bool(overwrite and not t % overwrite))
            if due and not t % ROUNDING:
                for vector in arguments[3:]:
                    round_to_0(vector)
