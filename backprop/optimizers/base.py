"""The contract of an optimizer: a formula on stretches of two vectors, θ and its gradient g."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from backprop.core.buffers import filled_array
from backprop.core.checks import (
    check_count,
    check_flag,
    check_integer,
    check_number,
    check_positive,
    check_share,
)
from backprop.core.parameters import Parameters
from backprop.core.settings import Checked, Strict
from backprop.core.types import Array
from backprop.optimizers.blocks import BLOCK, Block, cut
from backprop.optimizers.options import LearningRate, check_schedule, show
from backprop.optimizers.vectors import clip, include, round_to_0

ROUNDING = 32
"""Steps between two roundings of the state (see ``Optimizer.step``)."""


class Optimizer(Strict):
    """Changes θ in place from g, block by block; a frozen layer's stretch is never touched.

    A subclass writes its formula in ``update`` and, directly above it in ``coefficients``, those
    numbers of the formula that are the same for all of θ. ``slots`` names its state vectors.

    A step first clips g in place, if that was asked for. A weight decay λ then makes
    θ ← θ − η λ θ, but not for biases and the parameters of normalisation (Keras decays all unless
    told otherwise). The formula follows, and a ← κ a + (1 − κ) θ if an average is kept.

    Args:
        learning_rate: η, the size of a step: a number or a schedule.
        weight_decay: λ.
        clipnorm: The length that each parameter's gradient is shortened to if it is longer.
        global_clipnorm: The same for the gradient of all parameters together.
        clipvalue: The largest size of a component of g; larger ones are cut off. Only one of the
            three may be given.
        use_ema: Whether to keep the moving average a of θ, which begins with the θ of the first
            step. At the end of training it replaces θ.
        ema_momentum: κ.
        ema_overwrite_frequency: The number of steps between two times that a replaces θ earlier.

    Attributes:
        iterations: The number of steps taken.
        full_batch: Whether an update needs the loss at several θ. ``fit`` then calls ``minimize``
            with the loss of all samples, and not ``step`` after each batch.
        scalars: What ``coefficients`` returned for this step, each as an array of θ's dtype without
            axes, which NumPy takes faster than a Python float.
    """

    slots: tuple[str, ...] = ()
    scratches = 1
    initial_state = 0.0
    full_batch = clips = False
    instead = {"schedule": "set learning_rate", "state": "write into its vectors, state[…][...]"}
    iterations: Any = Checked(check_count)
    scalars: list[Array] = []

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        clipvalue: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
    ) -> None:
        self._schedule: Callable[[int], float] | None = None
        self._learning_rate = 0.0
        self.learning_rate = learning_rate
        decay, every = weight_decay, ema_overwrite_frequency
        self.weight_decay = None if decay is None else check_number(decay, "weight_decay")
        clips = {"clipnorm": clipnorm, "global_clipnorm": global_clipnorm, "clipvalue": clipvalue}
        given = {n: check_positive(limit, n) for n, limit in clips.items() if limit is not None}
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} cannot be used together: choose one.")
        self.clips = bool(given)
        self.clipnorm = given.get("clipnorm")
        self.global_clipnorm = given.get("global_clipnorm")
        self.clipvalue = given.get("clipvalue")
        self.use_ema = check_flag(use_ema, "use_ema")
        self.ema_momentum = check_share(ema_momentum, "ema_momentum")
        if every is not None:
            every = check_integer(every, "ema_overwrite_frequency")
        self.ema_overwrite_frequency = every
        self.iterations = 0
        self._state: dict[str, Array] = {}
        self.scalars: list[Array] = []
        self._parameters: Parameters | None = None
        self._stretches: list[slice] | None = None
        self._decays: list[bool] = []
        self._blocks: list[Block] = []
        self._numbers: tuple[float, ...] = ()
        self._keep = 1.0  # 1 − η λ

    def setting_changed(self, trial: Any) -> None:
        """Takes what follows from the arguments; the next step makes the state that is missing."""
        for name in ("clips", "slots", "initial_state"):
            setattr(self, name, getattr(trial, name))
        self._stretches = None

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
        raise NotImplementedError(f"{type(self).__name__} must define update.")

    def formula(self, eta: float, decays: bool) -> str:
        """θ after a step, as ``explain`` prints it: Δθ unless a subclass writes its formula out.

        Args:
            eta: η in this step.
            decays: Whether weight decay applies to this parameter.

        Returns:
            The right-hand side, with ``{theta}`` for the parameter and ``{g}`` for its gradient.
        """
        return "{theta} + Δ{theta}"

    # --------------------------------------------------------------------------- what users call

    @property
    def learning_rate(self) -> float:
        """η of the next step; may be set between steps where no schedule determines it.

        Raises:
            ValueError: It is negative or not finite.
            TypeError: It is no number, or a number is set while there is a schedule.
        """
        if self._schedule is None:
            return self._learning_rate
        return check_number(self._schedule(self.iterations), "the schedule's learning rate")

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if callable(value):
            check_schedule(value)
            self._schedule = value
        elif self._schedule is not None:
            raise TypeError(
                f"learning_rate cannot be set to {value!r}, as {self._schedule!r} determines it: "
                f"set another schedule, or make the optimizer with a number."
            )
        else:
            self._learning_rate = check_number(value, "learning_rate")

    @property
    def schedule(self) -> Callable[[int], float] | None:
        """What determines the learning rate; None if it is a number."""
        return self._schedule

    @property
    def state(self) -> dict[str, Array]:
        """The state vectors by name, each as long as θ; with ``use_ema`` a is ``"average"``."""
        return self._state

    def step(self, parameters: Parameters) -> None:
        """One update of θ from g.

        Every 32 steps, numbers of the state below 10⁻³⁶ (10⁻³⁰⁶ in float64) are rounded to 0. Where
        a gradient stays 0 they would shrink to denormal numbers and stay there, and steps with
        those were measured to take ten times as long.

        Args:
            parameters: A model's ``parameters``, their gradients written by its ``backward``.

        Raises:
            ValueError: This optimizer already trains another model, whose state it holds.
        """
        blocks = self.prepare(parameters)
        if self.clips:
            self.clip(parameters)
        self.change(blocks)
        self.conclude(parameters)

    def check_free(self, parameters: Parameters | None) -> None:
        """Raises ValueError if the state is another model's; None: a model without parameters."""
        if self._parameters is not None and self._parameters is not parameters:
            raise ValueError(
                f"this {type(self).__name__} already trains another model, or this one before "
                f"layers were added: compile each model with an optimizer of its own."
            )

    def finalize(self, parameters: Parameters) -> None:
        """Replaces θ by its moving average at the end of training, if one is kept."""
        if self.use_ema and self._parameters is parameters:
            for stretch in parameters.trainable_slices():
                parameters.values[stretch] = self.state["average"][stretch]

    def begin(self, parameters: Parameters) -> None:
        """Makes the state if there is none; before callbacks change the rate, for ``reset``."""
        if self._parameters is not parameters:
            self.bind(parameters)

    def reset(self) -> None:
        """Forgets the state and the model."""
        if self._parameters is not None:
            self._schedule, self._learning_rate = self._first_rate
        self.iterations = 0
        self._state = {}
        self._parameters = None
        self._blocks = []

    # -------------------------------------------------------------------------------- the parts

    def prepare(self, parameters: Parameters) -> list[Block]:
        """The first part of a step: the state and the numbers of the formula.

        Returns the blocks of θ that are trained: the same list as long as they stay the same.
        """
        t, eta = self.iterations + 1, self.learning_rate
        if self._parameters is not parameters:
            self.bind(parameters)
        stretches = parameters.trainable_slices()
        decays = [p.decays for p in parameters] if self.weight_decay else []
        if stretches is not self._stretches or decays != self._decays:
            self._complete_state(parameters.values)
            self._stretches, self._decays = stretches, decays
            self._blocks = self.blocks(parameters, stretches)
        numbers = self.coefficients(t, eta)
        if self.weight_decay:
            self._keep = 1 - eta * self.weight_decay
        if numbers != self._numbers:
            attributes = self.__dict__  # written to directly: Strict would look at each assignment
            attributes["_numbers"] = numbers
            scalars = self.scalars or [np.empty((), parameters.values.dtype) for _ in numbers]
            attributes["scalars"] = scalars
            for scalar, number in zip(scalars, numbers, strict=True):
                scalar[()] = number
        return self._blocks

    def clip(self, parameters: Parameters) -> None:
        """Clips g as the arguments ask for."""
        clip(parameters, self.clipnorm, self.global_clipnorm, self.clipvalue)

    def change(self, blocks: Sequence[Block]) -> None:
        """Changes θ and the state in these blocks; several threads may do so for others."""
        t = self.iterations + 1
        for arguments, decaying, average in blocks:
            for theta in decaying:
                theta *= self._keep
            self.update(*arguments)
            if average is not None:
                overwrite = self.ema_overwrite_frequency
                kappa = self.ema_momentum if t > 1 else 0.0
                include(arguments[0], average, kappa, bool(overwrite and not t % overwrite))
            if not t % ROUNDING:
                for vector in arguments[3:]:
                    round_to_0(vector)

    def conclude(self, parameters: Parameters) -> None:
        """The last part of a step: the constraints hold again."""
        for p in parameters.constrained:
            if p.trainable:
                p.constraint.project(p.value)
        self.__dict__["iterations"] += 1

    def bind(self, parameters: Parameters) -> None:
        """Makes the state for a model's parameters, as the first step does."""
        self.check_free(parameters)
        self._parameters, self._stretches = parameters, None
        self._first_rate = self._schedule, self._learning_rate
        self.scalars, self._numbers = [], ()
        self._state = {}
        self._complete_state(parameters.values)

    def _complete_state(self, theta: Array) -> None:
        """Makes the state vectors that are missing, and lets those go that nobody needs."""
        kept = self.state
        self._state = {}
        for name in self.slots:
            found = kept.get(name)
            if found is None:
                found = filled_array(theta.shape, self.initial_state, theta.dtype)
            self.state[name] = found
        if self.use_ema:
            self.state["average"] = kept["average"] if "average" in kept else theta.copy()

    def blocks(
        self, parameters: Parameters, stretches: Sequence[slice], size: int = BLOCK
    ) -> list[Block]:
        """Cuts stretches of θ into blocks.

        Args:
            parameters: θ and g.
            stretches: The stretches.
            size: The most elements of a block.
        """
        stops = list(accumulate((p.value.size for p in parameters), initial=0))
        decaying = [bound for bound, on in zip(pairwise(stops), self._decays, strict=False) if on]
        vectors = [parameters.gradients, *(self.state[name] for name in self.slots)]
        average = self.state["average"] if self.use_ema else None
        return cut(parameters.values, vectors, average, self.scratches, stretches, decaying, size)

    # A copied or unpickled block would no longer be a view of the state: cut new ones.
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_stretches": None, "_blocks": []}

    def __repr__(self) -> str:
        return show(self, Optimizer, {"learning_rate": self._schedule or self._learning_rate})
