"""Training steps: made by the layers once, and then by the NumPy calls that these made."""

from collections.abc import Callable, Iterator
from functools import cached_property
from operator import is_
from time import perf_counter
from types import FunctionType, MethodType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backprop.core.types import Array
from backprop.core.walk import SIMPLE, from_here, numbers_of
from backprop.engine.magnitudes import Magnitudes
from backprop.engine.schedule import shared_out
from backprop.engine.shared_step import SharedStep
from backprop.engine.tape import Tape
from backprop.engine.threads import several
from backprop.engine.traced import plain
from backprop.losses import Loss
from backprop.losses.helpers import each_output
from backprop.protocol import Model
from backprop.training.step import Step

RECORD_AFTER = 8
"""Steps on the same arrays that go by the layers before one is recorded.

Recording takes as long as a replay saves in some 20 steps: a short fit is quicker without it.
"""

LONG = 0.005
"""Seconds of a step from which on the second one is recorded: that takes less than it saves."""

REPLACED = (*SIMPLE, FunctionType, MethodType)  # a function may stand in the place of a method


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
        known = [] if largest is None else [(X, X.size * largest**2)]
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
            if getattr(part, "place", None)
            for array in part.arrays()
        ]
        batch = [array for array in (self.X, self.y, self.weight) if array is not None]
        sections = shared_out(self.tape.calls, batch, several(), places)
        return None if sections is None else SharedStep(sections, model.parameters, self._fuse)

    def enter(self) -> None:
        """Leaves in the layers what this step does, after a step with other arrays."""
        for attributes, results in self._attributes:
            attributes.update(results)


class RecordedSteps(Step):
    """Makes the training steps of a model by replay, where that is possible.

    It is for layers, losses and regularisers of this package, whose steps consist of calls on
    arrays alone, and for batches that arrive in the same arrays as the one before of that size.

    Args:
        model: A built and compiled model.
        fuse: Whether several threads may leave ∂E/∂W to ``update``, where each changes that part of
            θ whose gradient it has just computed. Not where g is read between the two halves.
    """

    def __init__(self, model: Model, fuse: bool = True) -> None:
        super().__init__(model)
        self._fuse = fuse
        self._recorded: dict[tuple[int, int, int], RecordedStep] = {}
        self._current: RecordedStep | None = None
        self._seen: dict[int, tuple[tuple[Array, Array, Array | None], int]] = {}
        self._shared: SharedStep | None = None  # what update has to go on with
        self._settings: Any = None  # those of the recorded steps; None before the first one
        self.replays = self._penalised = self._penalises = False

    def refresh(self) -> None:
        """Notices what others changed in the model since the last step."""
        super().refresh()
        self._current = None
        if self._settings is not None and self._settings != settings(self.model):
            self._recorded.clear()
            self._seen.clear()
            self._settings, self.replays = None, False

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The first half of a step, by the recorded calls if these arrays have been seen often."""
        step = self._current
        if step is None or step.X is not X or step.y is not y or step.weight is not weight:
            step = self._recorded.get((id(X), id(y), id(weight)))
            if step is None:
                return self._first(X, y, weight)
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

    def _first(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """A step by the layers; recorded if enough with these arrays have come before."""
        self._current = self._shared = None
        arrays = X, y, weight
        before, times = self._seen.get(len(y), ((), 0))
        if not all(map(is_, arrays, before)):
            times = 0
        if times < RECORD_AFTER or not self._can_replay():
            start = perf_counter()
            found = super().gradients(X, y, weight)
            if perf_counter() - start > LONG:
                times = RECORD_AFTER
            if type(X) is np.ndarray:
                self._seen[len(y)] = arrays, times + 1
            return found
        step = RecordedStep(self.model, X, y, weight, self.largest, self._fuse)
        self.square = step.square()
        if step.works:
            self._recorded[id(X), id(y), id(weight)] = step  # keeps them: their ids stay theirs
            draws = [call.inputs[0] for call in step.tape.calls if call.function == "draw"]
            self.generators = list({id(generator): generator for generator in draws}.values())
        else:
            self.replays = False
        loss = float(step.total) / step.size + self.model.penalty()
        return loss + self.model.activity_penalty(), step.prediction

    def _can_replay(self) -> bool:
        """Whether the steps of the model as it is can be replayed."""
        if self._settings is None:
            self._settings = settings(self.model)
            self.replays = replayable(self.model)
            self._penalised = any(p.regularizer is not None for p in self.model.parameters)
            self._penalises = self.model.penalizes
        return self.replays


def parts(model: Model) -> Iterator[Any]:
    """Everything that takes part in a step: layers and those in them, losses, regularisers."""
    pending: list[Any] = [*model.layers, model.loss]
    while pending:
        part = pending.pop()
        yield part
        inner = [getattr(part, "loss", None), getattr(part, "buffers", None)]
        if hasattr(part, "children"):
            pending += part.children
        else:  # the parameters of a block are those of the layers in it
            inner += [p.regularizer for p in getattr(part, "parameters", ())]
        pending += [each for each in inner if each is not None]


def replayable(model: Model) -> bool:
    """Whether a step is made by parts of this package alone, none of them changed by hand."""
    ours = all(map(from_here, (model, *parts(model))))
    return ours and type(model.loss).reduce is Loss.reduce


def settings(model: Model) -> list[Any]:
    """What a recorded step has in it besides arrays: parts, their numbers, switches, methods."""
    found = [
        (part, getattr(part, "trainable", None), numbers_of(part, REPLACED))
        for part in (model, *parts(model))
    ]
    trained = [p.trainable for p in model.parameters]
    return [*found, model.parameters, trained, from_here(model.optimizer)]


def form(model: Model) -> list[Any]:
    """What is the same in built models that differ in weights, names, seeds and learning rates."""
    found: list[Any] = [model.dtype]
    for p in model.parameters:
        penalty = p.regularizer
        found.append((p.trainable, type(penalty), numbers_of(penalty) if penalty else None))
    for part in (*parts(model), model.optimizer, *model.metrics):
        numbers, trainable = numbers_of(part), getattr(part, "trainable", None)
        lists = {n: len(v) for n, v in vars(part).items() if isinstance(v, list)}  # as of children
        numbers = {n: numbers[n] for n in numbers.keys() - {"name", "seed"}}
        found.append((type(part), trainable, numbers, lists))
    return found


def exchange(objects: list[Any], model: Model, change: Callable[[Any], Any]) -> None:
    """Changes every array and generator in these objects and in the model's parameters."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(inner) for key, inner in value.items()}
        if type(value) is tuple:
            return tuple(map(changed, value))
        return value if isinstance(value, list) else change(value)

    for each in objects:
        for name, value in vars(each).items():
            vars(each)[name] = changed(value)
    for parameter in model.parameters:
        parameter.exchange(change)


def results_of(part: Any) -> dict[str, Any]:
    """What a step leaves in a part: arrays, and a loss's factor if that is a number."""
    found = {n: v for n, v in vars(part).items() if isinstance(v, np.ndarray | tuple)}
    private = {n: v for n, v in vars(part).items() if n[0] == "_"}
    return found | {n: v for n, v in private.items() if isinstance(v, float | NoneType)}
