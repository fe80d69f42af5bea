"""Training steps: made by the layers once, and then by the NumPy calls that these made."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backprop.core.parameters import Parameter
from backprop.core.tape import Tape, plain
from backprop.core.types import Array
from backprop.losses import Loss
from backprop.training.protocol import Model

SIMPLE = (bool, int, float, str)


class RecordedStep:
    """Forward pass, loss and backward pass for batches that arrive in the same arrays.

    What the layers are asked for the first time is recorded (see ``core/tape.py``); after that
    ``calls`` do the same, on the same arrays, and leave in the layers what these would.

    Args:
        model: A model that has made a step with these arrays already, so that its layers have all
            of their buffers.
        X: The array of the inputs.
        y: The array of the targets.
        weight: The array of the sample weights, if there are any.

    Attributes:
        calls: Functions that make the step again.
        loss: The step's loss, an array without axes, times ``1 / scale``.
        prediction: The model's output.
        tape: What was recorded.
        works: Whether everything could be recorded.
    """

    def __init__(self, model: Model, X: Array, y: Array, weight: Array | None) -> None:
        self.X, self.y, self.weight = X, y, weight
        tape = self.tape = Tape()
        objects = list(parts(model))
        exchange(objects, model, tape.trace)
        try:
            prediction = model.forward(tape.trace(X), training=True)
            losses = model.loss.sample_losses(prediction, tape.trace(y))
            total = model.loss.total(losses, tape.trace(weight))
            model.backward()
        finally:
            exchange(objects, model, plain)
        self.prediction, self.total = plain(prediction), plain(total)
        self.scale = 1.0 / losses.size
        self.works = tape.failure is None
        self.calls = [call.bind() for call in tape.calls] if self.works else []
        self._attributes = [(vars(each), arrays_of(each)) for each in objects]

    def enter(self) -> None:
        """Leaves in the layers the arrays of this step, after a step with others."""
        for attributes, arrays in self._attributes:
            attributes.update(arrays)


class Steps:
    """Makes the training steps of a model, by replay where that is possible.

    It is for layers, losses and regularisers of this package, whose steps consist of calls on
    arrays alone, and for batches that arrive in the same arrays as the one before of that size.

    Args:
        model: A built and compiled model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._recorded: dict[int, RecordedStep] = {}
        self._current: RecordedStep | None = None
        self._seen: dict[int, Array] = {}
        self._settings: Any = None
        self._replayable = self._penalised = False

    def refresh(self) -> None:
        """Notices what others changed in the model since the last step."""
        found = settings(self.model)
        self._current = None
        if found != self._settings:
            self._recorded.clear()
            self._seen.clear()
            self._settings = found
            self._replayable = replayable(self.model)
            self._penalised = any(p.regularizer is not None for p in self.model.parameters)

    def __call__(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The five steps on a batch: forward, loss, backward, gradients, update.

        Returns:
            E before the update, and the prediction that it was computed from.
        """
        model, step = self.model, self._current
        if step is None or step.X is not X:
            step = self._recorded.get(id(X))
            if step is None or step.y is not y or step.weight is not weight:
                return self._first(X, y, weight)
            step.enter()
            self._current = step
        for call in step.calls:
            call()
        loss = float(step.total) * step.scale
        if self._penalised:
            loss += model.penalty()
        model.optimizer.step(model.parameters)
        return loss, step.prediction

    def _first(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """A step by the layers; recorded if one with these arrays has come before."""
        self._current = None
        if self._seen.get(len(y)) is not X or not self._replayable:
            if type(X) is np.ndarray:
                self._seen[len(y)] = X
            return train_step(self.model, X, y, weight)
        step = RecordedStep(self.model, X, y, weight)
        if step.works:
            self._recorded[id(X)] = step  # keeps X: its id is not given to another array
        else:
            self._replayable = False
        loss = float(step.total) * step.scale + self.model.penalty()
        self.model.optimizer.step(self.model.parameters)
        return loss, step.prediction


def train_step(model: Model, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
    """The five steps on a batch by the layers: forward, loss, backward, gradients, update.

    Returns:
        E before the update, and the prediction that it was computed from.
    """
    prediction = model.forward(X, training=True)
    loss = model.loss.compute(prediction, y, weight) + model.penalty()
    model.backward()
    model.optimizer.step(model.parameters)
    return loss, prediction


def parts(model: Model) -> Iterator[Any]:
    """Everything that takes part in a step: layers and those in them, losses, regularisers."""
    pending: list[Any] = [*model.layers, model.loss]
    while pending:
        part = pending.pop()
        yield part
        pending += getattr(part, "layers", ())
        inner = [getattr(part, "loss", None), *(p.regularizer for p in own_parameters(part))]
        pending += [each for each in inner if each is not None]


def own_parameters(part: Any) -> list[Parameter]:
    """The parameters of a layer, but not those of the layers in it."""
    return [] if hasattr(part, "layers") else getattr(part, "parameters", [])


def replayable(model: Model) -> bool:
    """Whether a step is made by parts of this package alone, none of them changed by hand."""
    ours = all(
        type(part).__module__.startswith("backprop.")
        and not {"forward", "backward", "compute"} & vars(part).keys()
        for part in parts(model)
    )
    return ours and type(model.loss).reduce is Loss.reduce


def settings(model: Model) -> list[Any]:
    """What a recorded step has in it besides arrays: the parts, and their numbers and switches."""
    return [(part, getattr(part, "trainable", None), numbers_of(part)) for part in parts(model)]


def numbers_of(part: Any) -> dict[str, Any]:
    """The public attributes that are no arrays and hold nothing else."""
    return {
        name: value
        for name, value in vars(part).items()
        if name[0] != "_" and isinstance(value, SIMPLE)
    }


def exchange(objects: list[Any], model: Model, change: Callable[[Any], Any]) -> None:
    """Changes every array and generator in these objects and in the model's parameters."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(inner) for key, inner in value.items()}
        return tuple(map(changed, value)) if type(value) is tuple else change(value)

    for each in objects:
        for name, value in vars(each).items():
            vars(each)[name] = changed(value)
    for parameter in model.parameters:
        parameter.exchange(change)


def arrays_of(part: Any) -> dict[str, Any]:
    """The attributes that hold arrays."""
    return {n: v for n, v in vars(part).items() if isinstance(v, np.ndarray | tuple)}
