"""What every optimizer does around its formula: state, blocks, clipping, averages, sums of g."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from backprop.core.checks import check_count, check_flag, check_integer, check_number, check_share
from backprop.core.elsewhere import KnowsElsewhere
from backprop.core.errors import said, without_addresses
from backprop.core.lookup import arguments_of
from backprop.core.parameters import Parameters
from backprop.core.settings import Settings
from backprop.core.types import Array
from backprop.optimizers.blocks import BLOCK, Block, NoState, State, cut, vectors_of, written
from backprop.optimizers.options import (
    ELSEWHERE,
    Iterations,
    LearningRate,
    new_rate,
    one_limit,
    optional,
)
from backprop.optimizers.vectors import clip, collect, lend, take_back


class Bookkeeping(KnowsElsewhere, Settings):
    """The base of ``Optimizer``, which says what the arguments and attributes are.

    A step calls ``prepare``, ``gather`` where all of g is needed, and ``conclude``.
    """

    _elsewhere = ELSEWHERE
    slots: tuple[str, ...]
    only_with: Mapping[str, str] = {}  # slots that there are only with an argument, and its name
    sums: Mapping[str, str] = {}  # slots that are a moving average over 1 − β, and what β is called
    at_first: tuple[str, ...] = ()  # arguments that say what the state begins with
    scratches: int
    initial_state: float
    learning_rate: Any
    coefficients: Any
    full_batch: bool
    clips = gathers = swapped = False
    instead = {"schedule": "set learning_rate", "state": "write into state[…], or call reset()"}
    iterations: Any = Iterations(check_count)
    max_iterations: int | None = None  # of a fit, where it has a search of its own
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
        gradient_accumulation_steps: int | None = None,
    ) -> None:
        self._schedule, self._learning_rate = new_rate(learning_rate, None, 0.0)
        every, steps = ema_overwrite_frequency, gradient_accumulation_steps
        self.weight_decay = optional(check_number, weight_decay, "weight_decay")
        given = one_limit(clipnorm=clipnorm, global_clipnorm=global_clipnorm, clipvalue=clipvalue)
        self.clipnorm = given.get("clipnorm")
        self.global_clipnorm = given.get("global_clipnorm")
        self.clipvalue = given.get("clipvalue")
        self.use_ema = check_flag(use_ema, "use_ema")
        self.ema_momentum = check_share(ema_momentum, "ema_momentum")
        self.ema_overwrite_frequency = optional(check_integer, every, "ema_overwrite_frequency")
        steps = optional(check_integer, steps, "gradient_accumulation_steps", 2)
        self.gradient_accumulation_steps = steps
        self.iterations = self._waiting = 0  # gradients that are added up already
        self.swapped, self.scalars = False, []
        self._lent: list[tuple[slice, Array]] | None = None  # the average, while it stands in θ
        self._state: dict[str, Array] = NoState()
        self._parameters: Parameters | None = None
        self._stretches: list[slice] | None = None
        self._decays: list[bool] = []
        self._blocks: list[Block] = []
        self._numbers: tuple[float, ...] = ()
        self._keep = 1.0  # 1 − η λ
        self._earlier = 0  # steps that do not follow from the iterations
        self.follow()

    __init__.__qualname__ = "Optimizer.__init__"  # as Python's errors call it

    def check_setting(self, name: str) -> None:
        """Refuses another beginning of the state after the first step.

        Raises:
            AttributeError: There was one.
        """
        if name in self.at_first and self.state:
            raise AttributeError(f"{name} has no effect after the first step: call reset() first.")

    def note_setting(self, name: str, before: Any) -> None:
        """Goes on with the same moving averages, and the same number of steps."""
        if "_earlier" not in vars(self):
            return  # the constructor is at work
        for slot, beta in self.sums.items():
            if beta == name and slot in self.state:
                self.scale(slot, (1 - before) / (1 - getattr(self, name)))
        if self._parameters is not None and self.swapped and not self.use_ema:
            self.swap(self._parameters)
        if name == "gradient_accumulation_steps":
            self._earlier += int(self.iterations) * (before or 1) + self._waiting
            self._waiting *= self.gradient_accumulation_steps is not None
            self._earlier -= int(self.iterations) * (getattr(self, name) or 1) + self._waiting
        self.follow()

    def scale(self, slot: str, factor: float) -> None:
        """Multiplies a moving average by a number."""
        self.state[slot] *= factor

    def follow(self) -> None:
        """Finds what follows from the arguments; the next step makes the state that is missing."""
        limits = self.clipnorm, self.global_clipnorm, self.clipvalue
        self.clips = any(limit is not None for limit in limits)
        self.gathers = self.clips or self.gradient_accumulation_steps is not None
        self._stretches = None

    def used_slots(self) -> list[str]:
        """Those of ``slots`` that there are with the arguments as they are now."""
        asked = self.only_with
        return [name for name in self.slots if name not in asked or getattr(self, asked[name])]

    @property
    def schedule(self) -> Callable[[int], float] | None:
        """What determines the learning rate; None if it is a number."""
        return self._schedule

    @property
    def steps(self) -> int:
        """The number of steps taken, those that only added g up among them."""
        made = int(self.iterations) * (self.gradient_accumulation_steps or 1)
        return made + self._waiting + self._earlier

    @property
    def state(self) -> dict[str, Array]:
        """The state vectors by name, each as long as θ; with ``use_ema`` a is ``"average"``."""
        return self._state

    def minimize(self, loss_and_gradient: Any, theta: Any = None, *more: Any, **named: Any) -> bool:
        """What one with ``full_batch`` defines in the place of ``update``; see ``LBFGS``."""
        if not self.full_batch:
            raise TypeError(
                f"{type(self).__name__} has no minimize: after model.backward() write "
                f"optimizer.step(model.parameters), or let model.fit make the steps."
            )
        raise NotImplementedError(f"{type(self).__name__} must define minimize(f, theta, …).")

    def prepare(self, parameters: Parameters) -> list[Block]:
        """The first part of a step: the state, the numbers of the formula, the trained blocks."""
        t, eta = self.iterations + 1, self.learning_rate
        if self._parameters is not parameters:
            self.bind(parameters)
        stretches = parameters.trainable_slices()
        decays = self.decaying(parameters)
        if stretches is not self._stretches or decays != self._decays:
            self._state = self.next_state()
            self._stretches, self._decays = stretches, decays
            self._blocks = self.blocks(parameters, stretches)
        numbers = self.coefficients(t, eta) if not self.gathers or self.due else self._numbers
        if decays:
            self._keep = 1 - eta * (self.weight_decay or 0)
        try:
            if numbers != self._numbers:
                scalars = written(numbers, self.scalars, parameters.values.dtype)
                self.__dict__.update(_numbers=numbers, scalars=scalars)  # quicker than one by one
        except (TypeError, ValueError):
            raise TypeError(
                f"{type(self).__name__}.coefficients must return a tuple of numbers, as many at "
                f"each step, but it returned {said(numbers)}: for one number write return (eta,)."
            ) from None
        return self._blocks

    @property
    def due(self) -> bool:
        """Whether the next step changes θ, and does not merely add g up."""
        steps = self.gradient_accumulation_steps
        return steps is None or self._waiting + 1 >= steps

    def largest_square(self, parameters: Parameters) -> float:
        """What ‖g‖² is below if the next step certainly makes finite numbers; 0 if none is so."""
        # whatever g is: classes of one's own, and decay with |1 − η λ| > 1, may make wrong numbers
        known = self.of_package and all(p.constraint.of_package for p in parameters.constrained)
        rate: float = self.learning_rate
        if not known or (self.weight_decay and self.weight_decay * rate > 2):
            return 0.0
        rate = max(1.0, rate)
        return float(np.finfo(parameters.values.dtype).max) / rate / rate

    def decaying(self, parameters: Parameters) -> list[bool]:
        """Which parameters decay; an empty list if there is no weight decay."""
        return [p.decays for p in parameters] if self.weight_decay else []

    def kept(self, *state: Array) -> float:
        """1 − η λ for the parameter with this state."""
        return self._keep

    def gather(self, parameters: Parameters) -> None:
        """What the formula needs all of g for: the mean of k gradients, and clipping."""
        if self.gradient_accumulation_steps:
            collect(parameters, self.state["gradient_accumulator"], self._waiting + 1, self.due)
        if self.due:
            clip(parameters, self.clipnorm, self.global_clipnorm, self.clipvalue)

    def conclude(self, parameters: Parameters) -> None:
        """The last part of a step: the constraints hold again."""
        for p in parameters.constrained:
            if p.trainable:
                p.constraint.project(p.value)
        attributes = self.__dict__  # quicker than one by one
        due = not self.gathers or self.due
        attributes["iterations"] += due
        if self.gathers:
            waiting = self._waiting + 1
            if due:  # of a round that a change has made shorter or longer, too
                attributes["_earlier"] += waiting - (self.gradient_accumulation_steps or 1)
            attributes["_waiting"] = 0 if due else waiting

    def check_free(self, parameters: Parameters | None) -> None:
        """Raises ValueError if the state is another model's; None: a model without parameters."""
        if self._parameters is not None and self._parameters is not parameters:
            raise ValueError(
                f"this {type(self).__name__} already trains another model, or this one before "
                f"layers were added: compile each model with an optimizer of its own."
            )

    def begin(self, parameters: Parameters) -> None:
        """Makes what there is not of the state; before callbacks change the rate, for ``reset``.

        The weights are put back where a file of ``SwapEMAWeights`` has their average in θ.
        """
        if self._parameters is not parameters:
            self.bind(parameters)
        self._state = self.next_state()
        if self.swapped:
            self.swap(parameters)

    def bind(self, parameters: Parameters) -> None:
        """Makes the state for a model's parameters, as the first step does."""
        if not isinstance(parameters, Parameters):
            raise TypeError(
                f"{type(self).__name__}.step takes the parameters whose gradients model.backward() "
                f"has written: call optimizer.step(model.parameters)."
            )
        self.check_free(parameters)
        least = np.finfo(parameters.values.dtype)
        for name in ("epsilon", "epsilon_1"):
            if getattr(self, name, 1.0) < least.tiny:
                raise ValueError(
                    f"{type(self).__name__}({name}={getattr(self, name)!r}) is below the smallest "
                    f"number of {least.dtype}, {least.tiny:.4g}, so that weights without a "
                    f"gradient would become nan: take a larger one."
                )
        self._parameters, self._stretches = parameters, None
        self._first_rate = self._schedule, self._learning_rate
        self.scalars, self._numbers, self._state = [], (), NoState()

    def lengths(self, parameters: Parameters) -> dict[str, int]:
        """How many numbers there are in each state vector: as many as in θ."""
        names = [*self.used_slots(), *["average"] * self.use_ema]
        names += ["gradient_accumulator"] * bool(self.gradient_accumulation_steps)
        return dict.fromkeys(names, parameters.values.size)

    def next_state(self) -> dict[str, Array]:
        """The state vectors that the next step needs: after a change some are new, some gone."""
        if self._parameters is None:
            return NoState()
        first, theta = dict.fromkeys(self.slots, self.initial_state), self._parameters.values
        found = vectors_of(self.lengths(self._parameters), self.state, first, theta)
        return State(found, own=not self.of_package)

    def blocks(
        self, parameters: Parameters, stretches: Sequence[slice], size: int = BLOCK
    ) -> list[Block]:
        """Cuts stretches of θ into blocks of at most that many elements."""
        places = zip(parameters.places(), self._decays, strict=False)
        decaying = [bounds for (_, bounds), decays in places if decays]
        vectors = [parameters.gradients, *(self.state[name] for name in self.used_slots())]
        average = self.state.get("average")
        return cut(parameters.values, vectors, average, self.scratches, stretches, decaying, size)

    def finalize(self, parameters: Parameters) -> None:
        """Replaces θ by its moving average at the end of training, if one is kept."""
        if self.use_ema and "average" in self.state and self._parameters is parameters:
            if self.swapped:
                self.swap(parameters)
            for stretch in parameters.trainable_slices():
                parameters.values[stretch] = self.state["average"][stretch]

    def swap(self, parameters: Parameters) -> None:
        """Exchanges θ and its moving average, if there is one by now; ``swapped`` says it."""
        kept = "average" in self.state and (self.use_ema or self.swapped)
        if not kept or self._parameters is not parameters:
            return
        if self.swapped and self._lent is not None:
            take_back(parameters.values, self.state["average"], self._lent)
            self._lent = None
        else:
            self._lent = lend(parameters, self.state["average"])
        self.swapped = not self.swapped

    def reset(self) -> None:
        """Forgets the state and the model."""
        if self._parameters is not None:
            self._schedule, self._learning_rate = self._first_rate
        self.iterations = self._waiting = self._earlier = 0
        self._state, self.swapped, self._lent = NoState(), False, None
        self._parameters, self._blocks = None, []

    def __copy__(self) -> Self:
        """A shallow copy has a state of its own, which steps and settings change in place."""
        twin = super().__copy__()
        vars(twin)["_state"] = copy.deepcopy(self._state)
        return twin

    # A copied or unpickled block would no longer be a view of the state: cut new ones.
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_stretches": None, "_blocks": []}

    def __repr__(self) -> str:
        given = {"learning_rate": self._schedule or self._learning_rate}
        names = [name for name in arguments_of(self) if hasattr(self, name)]
        shown = ", ".join(f"{name}={given.get(name, getattr(self, name))!r}" for name in names)
        return without_addresses(f"{type(self).__name__}({shown})")
