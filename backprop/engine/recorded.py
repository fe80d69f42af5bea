"""Training steps: made by the layers once, and then by the NumPy calls that these made."""

from collections.abc import Callable
from functools import cached_property
from operator import is_
from time import perf_counter
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.buffers import Buffers, aligned
from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.engine.last_steps import LastSteps
from backprop.engine.magnitudes import Magnitudes
from backprop.engine.schedule import shared_out
from backprop.engine.shared_step import SharedStep
from backprop.engine.taking_part import Known, exchange, generators, parts, replayable, results_of
from backprop.engine.tape import Tape
from backprop.engine.threads import several
from backprop.engine.traced import plain
from backprop.losses.helpers import each_output
from backprop.protocol import Model
from backprop.training.step import Step

RECORD_AFTER = 8
"""Steps on the same arrays that go by the layers before one is recorded.

Recording takes as long as replays save in 15 steps: a fit of few short ones is quicker without it.
"""

MANY_EPOCHS = 32
"""Planned epochs from which on a step is recorded when it comes again: it comes in each of them."""

LONG, MIDDLING = 0.005, 0.00025
"""Seconds of steps that are worth arrays of their own, so that any batch of the shapes is replayed.

Recording a long one takes no more than a replay saves in a few steps, so that two will do; a single
one may only have been interrupted.
"""

COPIED = 1e-8
"""Seconds for each byte of the inputs: copying them takes at most 1 % of a step that takes more."""

SHAPES = 4
"""The most shapes recorded on arrays of their own: each keeps all that a step computes."""


class RecordedStep:
    """Forward pass, loss and backward pass for batches that arrive in the same arrays.

    What the layers are asked for the first time is recorded (see ``engine/tape.py``); after that
    ``calls`` do the same, on the same arrays, and leave in the layers what these would.

    Args:
        model: A model that has made a step with these arrays already, so that its layers have all
            of their buffers.
        X: The array of the inputs.
        y: The array of the targets.
        weight: The array of the sample weights, if there are any.
        fuse: Whether several threads may leave ∂E/∂W to the second half of the step.
        largest: The largest size of a number in any X that will be there, if it is known.

    Attributes:
        total: The sum of the losses, an array without axes.
        size: How many losses there are (see ``Loss.count``).
        prediction: The model's output.
        tape: What was recorded.
        works: Whether everything could be recorded.
        shared: The same step for several threads, where it is quicker so.
        square: What no square of an element of g is above.
    """

    def __init__(
        self,
        model: Model,
        X: Array,
        y: Array,
        weight: Array | None,
        largest: float | None = None,
        fuse: bool = True,
    ) -> None:
        self.X, self.y, self.weight, self._fuse = X, y, weight, fuse
        self._largest = largest
        tape = self.tape = Tape()
        objects = list(parts(model))
        exchange(objects, model, tape.trace)
        try:
            weighed: Any = model.weigh(tape.trace(X), tape.trace(weight))
            prediction = model.forward(tape.trace(X), training=True)
            each = each_output(weighed, prediction)
            losses = model.loss.sample_losses(prediction, tape.trace(y), each)
            total = model.loss.total(losses, weighed)
            model.backpropagate(model.loss.backward())
        finally:
            exchange(objects, model, plain)
            tape.end()
        self.prediction, self.total = plain(prediction), plain(total)
        self.size = model.loss.count(losses)
        self.works = tape.failure is None
        self.shared = self._share(model) if self.works else None
        later = self.shared.later if self.shared else []
        g = model.parameters.gradients
        # largest**2 would raise an OverflowError where this is infinite
        known = [] if largest is None else [(X, X.size * largest * largest)]
        magnitudes = Magnitudes(tape.calls, g, later, known)
        if self.shared and not magnitudes.complete:
            self.shared.apart = True
            magnitudes = Magnitudes((), g)
        self.square = magnitudes.function()
        self._attributes = [(vars(each), results_of(each)) for each in objects]

    @cached_property
    def calls(self) -> list[Callable[[], Any]]:
        """Functions that make the step again, on one thread."""
        return [call.bind() for call in self.tape.calls]

    def _share(self, model: Model) -> SharedStep | None:
        if model.optimizer.full_batch or not from_here(model.optimizer):
            return None
        places = [
            (byte_bounds(array), part.place)
            for part in parts(model)
            if isinstance(part, Buffers) and part.place
            for array in part.arrays()
        ]
        batch = [array for array in (self.X, self.y, self.weight) if array is not None]
        sections = shared_out(self.tape.calls, batch, several(), places)
        return None if sections is None else SharedStep(sections, model.parameters, self._fuse)

    def take(self, batch: tuple[Array, Array, Array | None], largest: float | None) -> bool:
        """Copies a batch into the arrays of this step, if it is like the one that was recorded.

        Args:
            batch: Inputs, targets and weights.
            largest: The largest size of a number in its inputs, if it is known.
        """
        own = self.X, self.y, self.weight
        bounded = self._largest is None or (largest is not None and largest <= self._largest)
        if not (bounded and all(map(alike, own, batch))):
            return False
        for mine, given in zip(own, batch, strict=True):
            if mine is not None and given is not None and mine is not given:
                mine[...] = given
        return True

    def enter(self) -> None:
        """Leaves in the layers what this step does, after a step with other arrays."""
        for attributes, results in self._attributes:
            attributes.update(results)


class RecordedSteps(Step):
    """Makes the training steps of a model by replay, where that is possible.

    It is for layers, losses and regularisers of this package, whose steps consist of calls on
    arrays alone. Short steps are replayed for batches that arrive in the same arrays as the one
    before of that size, longer ones for all of their shapes, also in the next ``fit``.

    Args:
        model: A built and compiled model.
        fuse: Whether several threads may leave ∂E/∂W to ``update``, where each changes that part of
            θ whose gradient it has just computed. Not where g is read between the two halves.
    """

    keeps = True
    """Whether the long steps are there for the next ``fit``."""

    def __init__(self, model: Model, fuse: bool = True) -> None:
        super().__init__(model)
        self._fuse = fuse
        self._recorded: dict[tuple[int, int, int], RecordedStep] = {}
        self._long: dict[Any, RecordedStep] = {}  # by the shapes of the batch
        self._current: RecordedStep | None = None
        self._seen: dict[int, tuple[tuple[Any, ...], int]] = {}
        self._slow: dict[Any, int] = {}  # points for longer steps by the layers, by the shapes
        self._sample: tuple[int, ...] = ()  # the shape of the last inputs that went by the layers
        self._shared: SharedStep | None = None  # what update has to go on with
        self._settings: Known | None = None  # those of the recorded steps; None before the first
        self.replays = self._penalised = self._penalises = False
        self._errors = np.geterr()  # now, as formulas may change it while they compute
        last = vars(model).get(LastSteps.name) if self.keeps and from_here(model) else None
        if last is not None and self._can_replay():
            if last.conditions == self._conditions():
                self._long, self.replays = last.steps, last.works
            else:
                self._forget()

    def refresh(self) -> None:
        """Notices what others changed in the model since the last step."""
        super().refresh()
        self._current = None
        if self._settings is not None and not self._settings.still():
            self._recorded.clear()
            self._seen.clear()
            self._slow.clear()
            self._forget()
            self._settings, self.replays, self.epochs = None, False, 0  # it may be changed again

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The first half of a step, by recorded calls if there are some for such a batch."""
        step = self._current
        if step is None or step.X is not X or step.y is not y or step.weight is not weight:
            step = self._recorded.get((id(X), id(y), id(weight))) or self._filled(X, y, weight)
            if step is None:
                return self._first(X, y, weight)
            if step is not self._current:
                step.enter()
                self._current = step
        self._shared = step.shared
        if step.shared is None:
            for call in step.calls:
                call()
        else:
            step.shared.gradients()
            if step.shared.apart:
                step.shared.complete()
        self.square = 0.0 if self.late else step.square()
        loss = float(step.total) / step.size
        if self._penalised:
            loss += self.model.penalty()
        if self._penalises:
            loss += self.model.activity_penalty()
        return loss, step.prediction

    def complete(self) -> None:
        """Makes what of g threads left to ``update``."""
        if self._shared is not None:
            self._shared.complete()

    def update(self) -> None:
        """The second half of a step; with what threads left for it of the first."""
        model = self.model
        if self._shared is None:
            model.optimizer.step(model.parameters)
        else:
            self._shared.update(model.optimizer)

    def _filled(self, *batch: Any) -> RecordedStep | None:
        """A long step that was recorded for such a batch, with the batch in its arrays."""
        step = self._long.get(shapes(*batch)) if self._long else None
        return step if step is not None and step.take(batch, self.largest) else None

    def _first(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """A step by the layers; recorded if enough like it have come before."""
        self._current = self._shared = None
        batch, key = (X, y, weight), shapes(X, y, weight)
        before, times = self._seen.get(len(y), ((), 0))
        if not all(map(is_, batch, before)):
            times = 0
        if X.shape[1:] != self._sample:  # the layers have given up their buffers for others
            self._slow.clear()
            self._sample = X.shape[1:]
        copyable = all(alike(each, each) for each in batch)
        slow = (
            copyable
            and self._slow.get(key, 0) >= RECORD_AFTER
            and (key in self._long or len(self._long) < SHAPES)
        )
        if not (slow or times >= RECORD_AFTER) or not self._can_replay():
            start = perf_counter()
            found = super().gradients(X, y, weight)
            seconds = perf_counter() - start
            if type(X) is np.ndarray:
                soon = seconds > LONG or self.epochs >= MANY_EPOCHS
                worth = copyable and seconds > max(MIDDLING, COPIED * X.nbytes)
                if copyable:
                    points = (RECORD_AFTER + 1) // 2 if soon else 1
                    self._slow[key] = self._slow.get(key, 0) + points if worth else 0
                if soon and not worth:
                    times = RECORD_AFTER
                few = 0 < self.planned < 3 * RECORD_AFTER and seconds < MIDDLING
                self._seen[len(y)] = batch, times + (not few)
            return found
        if slow and not all(each is None or self.owns(each) for each in batch):
            batch = aligned(X), aligned(y), None if weight is None else aligned(weight)
        step = self.record(batch)
        self.square = step.square()
        if not step.works or slow:
            self.replays = step.works
            if step.works:
                self._long[key] = step
            if self.keeps:
                last = LastSteps(self._conditions(), self._long, step.works)
                vars(self.model)[LastSteps.name] = last
        else:
            self._recorded[id(X), id(y), id(weight)] = step  # keeps them: their ids stay theirs
        loss = float(step.total) / step.size + self.model.penalty()
        return loss + self.model.activity_penalty(), step.prediction

    def record(self, batch: tuple[Array, Array, Array | None]) -> RecordedStep:
        """A step on these arrays, which is made and recorded."""
        return RecordedStep(self.model, *batch, self.largest, self._fuse)

    def _forget(self) -> None:
        """Lets long steps go that are of no use any more."""
        self._long = {}
        if self.keeps:
            vars(self.model).pop(LastSteps.name, None)

    def _can_replay(self) -> bool:
        """Whether the steps of the model as it is can be replayed."""
        if self._settings is None:
            self._settings = Known(self.model)
            self.replays = replayable(self.model)
            self.generators = generators(self.model)
            self._penalised = any(p.regularizer is not None for p in self.model.parameters)
            self._penalises = self.model.penalizes
        return self.replays

    def _conditions(self) -> list[Any]:
        """What must be as it was for the steps of the last ``fit`` to be those of this one."""
        known = self._settings.settings if self._settings else None
        return [several(), self._fuse, self._errors, self.model.optimizer, known]


def shapes(*arrays: Array | None) -> tuple[Any, ...]:
    """The shapes of arrays; None stays None."""
    return tuple(None if each is None else each.shape for each in arrays)


def alike(own: Array | None, given: Any) -> bool:
    """Whether the numbers of one array can be copied into another and mean the same there."""
    if own is None or given is None:
        return own is given
    same = type(given) is np.ndarray and given.shape == own.shape and given.dtype == own.dtype
    return same and bool(given.flags.c_contiguous)
