"""Stops a training before its weights are lost, and says where the first wrong number arose."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import numpy as np

from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.types import Array, is_sparse
from backprop.data.samples import warn_if_none_counts
from backprop.layers import Embedding, Normalization, Rescaling
from backprop.layers.block import walk
from backprop.layers.standardization import Standardization
from backprop.protocol import Model
from backprop.training.kept import Kept, check_counted, finite
from backprop.training.step import Step

P = ParamSpec("P")
R = TypeVar("R")

LARGE_LOSS, LARGE_INPUT = 1e6, 100.0
"""A first loss above the one is told of if an input is above the other."""

SCALING = (Normalization, Rescaling, Standardization, Embedding)
"""Layers in front that take inputs of any size."""


def quiet() -> np.errstate:
    """No warnings of NumPy's about overflow: there is one of ours. Who had it raise, has it so.

    "Invalid value" never raises: OpenBLAS has products of matrices of 5 columns report it now and
    then although their numbers are right, as it computes with memory that it leaves out in the end.
    """
    return np.errstate(**quieter(*np.geterr().items()))


@functools.cache
def quieter(*errors: tuple[str, str]) -> dict[str, Any]:
    """What ``quiet`` makes of how floating-point errors are treated."""
    return {kind: "ignore" for kind, how in errors if how == "warn"} | {"invalid": "ignore"}


def quietly(function: Callable[P, R]) -> Callable[P, R]:
    """The function, each call of it under ``quiet``."""

    @functools.wraps(function)
    def called(*given: P.args, **named: P.kwargs) -> R:
        with quiet():
            return function(*given, **named)

    return called


def warn_of_overflow(what: str, model: Any, source: Any = None) -> None:
    """Warns of a result that is not finite though weights and inputs are.

    Args:
        what: What it is, with the verb: "the loss is nan".
        model: The model.
        source: The batches that a loss is of.
    """
    y, least = getattr(source, "targets", None), getattr(source, "largest", None) or 0.0
    advice = "Scale the inputs as those of the training were"
    if y is not None and (size := large(model, y, least)):
        advice = f"Scale the targets, which go up to {size:.4g}, and train anew"
    wider = "" if model.dtype == np.float64 else ", or make the model with dtype='float64'"
    parts = [layer for _, layer in walk(model.layers)]
    own = [str(part) for part in parts if part.of_user]
    if source is not None and not model.loss.unjoined.of_package:
        own.append(str(model.loss))
    log = f", or {' or '.join(own)} makes them of finite ones, as a logarithm of 0 does" * bool(own)
    console.warn(
        f"{what}: weights and inputs are finite, but on the way numbers become too large for "
        f"{model.dtype}{log}. {advice}{wider}."
    )


class Guard:
    """Lets a step change the weights only if they stay finite.

    Args:
        model: A built and compiled model.

    Attributes:
        averages: Whether a forward pass in training changes any of θ, as that of
            ``BatchNormalization`` does; then ``keep`` is called before every step.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        averages = [p.value for p in model.parameters if not p.learned]
        self._pairs = [(average.copy(), average) for average in averages]
        self.averages = bool(averages)
        self._kept: Kept | None = None  # in the same memory at each step that is tried

    def keep(self) -> None:
        """Copies what the forward pass is going to change."""
        for kept, average in self._pairs:
            np.copyto(kept, average)

    def put_back(self) -> None:
        """Undoes what the forward pass has changed."""
        for kept, average in self._pairs:
            np.copyto(average, kept)

    def update(self, step: Step, loss: float, batch: tuple[Any, ...], when: str) -> None:
        """The second half of a step, if the first half had numbers that can be believed.

        Where squares of g overflow, the update is tried and undone if it makes wrong numbers.

        Args:
            step: The step, whose ``gradients`` has been called.
            loss: What that returned.
            batch: What it was given.
            when: What the error says of the time: ``"in epoch 1, step 3"``.

        Raises:
            DivergenceError: The loss, g or what the update would make of them is not finite. All
                of θ and of the optimizer's state is as before the step.
        """
        if math.isfinite(loss):
            if step.square < step.limit:
                step.update()
                return
            if self._tried(step):
                return
        step.complete()  # g, for those who look where the wrong numbers are
        self.put_back()
        raise DivergenceError(explain(self.model, loss, batch, when))

    def _tried(self, step: Step) -> bool:
        """Makes the update; if numbers are not finite afterwards, undoes it and returns False."""
        parameters, optimizer = self.model.parameters, self.model.optimizer
        step.complete()
        trained = parameters.trainable_slices()
        if not all(finite(parameters.gradients[each]) for each in trained):
            return False
        optimizer.begin(parameters)
        kept = self._kept = self._kept.renewed(self.model) if self._kept else Kept(self.model)
        n, made = len(parameters.values), optimizer.steps
        optimizer.step(parameters)
        if optimizer.steps != made + 1:
            try:
                check_counted(optimizer, optimizer.steps - made, not kept.unmoved())
            except TypeError:
                kept.put_back()
                raise
        for vector in kept.vectors:
            parts = [vector[each] for each in trained] if len(vector) == n else [vector]
            if not all(map(finite, parts)):
                kept.put_back()
                return False
        return True


def explain(model: Model, loss: float, batch: tuple[Any, ...], when: str) -> str:
    """What the warning says: where the first wrong number arose, and what is likely to help."""
    found = first_wrong_number(model, *batch) or "it did not come again when the step was repeated"
    X = batch[0]
    low, high = extent(X)
    begun = model.optimizer.iterations > 0
    advice = [f"inputs that are not scaled (these are between {low:.3g} and {high:.3g})"]
    scaled = "the inputs"
    if large(model, batch[1], max(abs(low), abs(high))):
        advice, scaled = [f"targets that are not scaled (these are {between(batch[1])})"], "them"
    searches = model.optimizer.full_batch  # the length of its steps, which has no rate
    clip = "" if searches else ", or clip the gradients (global_clipnorm=1)"
    lower = "begin with other weights"
    if not begun:
        advice.append("first weights that are too large")
    elif not searches:
        rate = model.optimizer.learning_rate
        advice.insert(0, f"a learning rate that is too large ({rate:.3g} now)")
        lower = "lower the learning rate"
    what = f"the loss became {loss:.6g}"
    if math.isfinite(loss):
        what = f"the loss is {loss:.6g}, but its gradient, or what the optimizer makes of it, is no"
        what += " finite number"
    return (
        f"training has diverged {when}: {what}. The first number that was not "
        f"finite: {found}. Training stopped before that step: weights and optimizer are as they "
        f"were. Likely causes are {' or '.join(advice)}: "
        f"{lower}{', ' if clip else ' or '}scale {scaled}{clip}."
    )


def first_wrong_number(model: Model, X: Any, y: Array, weight: Array | None) -> str:
    """Where it arises when the step is repeated layer by layer; empty if it does not.

    θ, g and the generators are left as they are.
    """
    parameters = model.parameters
    for p in parameters:
        if not np.isfinite(p.value).all():
            return f"in the weights {p.name}, before the step"
    vectors = [parameters.values, parameters.gradients]
    before = [vector.copy() for vector in vectors]
    states = [(rng, rng.bit_generator.state) for rng in model.generators.values()]
    found: list[str] = []
    try:
        with np.errstate(all="ignore"), watched(model, found):
            weighed = model.weigh(X, weight)
            prediction = model.forward(X, training=True)
            loss = model.loss.compute(prediction, y, weighed) + model.penalty()
            loss += model.activity_penalty()
            if not found and not math.isfinite(loss):
                found.append(f"the loss itself, of predictions {between(prediction)}")
            if not found:
                model.backpropagate(model.loss.backward())
            if not found and np.isfinite(parameters.gradients).all():
                g = between(parameters.gradients)
                found.append(f"in the weights or the optimizer's state, after a step by g {g}")
    finally:
        for vector, old in zip(vectors, before, strict=True):
            vector[...] = old
        for rng, state in states:
            rng.bit_generator.state = state
    return found[0] if found else ""


@contextmanager
def watched(model: Model, found: list[str]) -> Iterator[None]:
    """Notes which layer is the first to make a number that is not finite, in both directions."""
    me = threading.get_ident()

    def note(what: str, made: Any, given: Any) -> None:
        wrong = isinstance(made, np.ndarray) and not np.isfinite(made).all()
        if wrong and not found and threading.get_ident() == me:
            found.append(f"in {what}, made of numbers {between(given)}")

    def watch(layer: Any, name: str) -> None:
        forward: Callable[..., Any] = layer.forward
        backward: Callable[..., Any] = layer.backward

        def forward_watched(X: Array, *arguments: Any, **options: Any) -> Any:
            Y = forward(X, *arguments, **options)
            note(f"the output of {name}", Y, X)
            return Y

        def backward_watched(delta: Array) -> Any:
            note(f"∂E/∂Y of {name}", delta, delta)
            dX = backward(delta)
            for p in layer.parameters:
                note(f"the gradient of {p.name}", p.gradient, delta)
            note(f"∂E/∂X of {name}", dX, delta)
            return dX

        own: dict[str, Any] = {"forward": forward_watched, "backward": backward_watched}
        vars(layer).update(own)

    layers = [(f"{type(layer).__name__} {way!r}", layer) for way, layer in walk(model.layers)]
    hidden: list[dict[str, Any]] = [
        {k: vars(each)[k] for k in ("forward", "backward") if k in vars(each)} for _, each in layers
    ]
    for name, layer in layers:
        watch(layer, name)
    try:
        yield
    finally:
        for (_, layer), own in zip(layers, hidden, strict=True):
            del vars(layer)["forward"], vars(layer)["backward"]
            vars(layer).update(own)


def extent(X: Any) -> tuple[float, float]:
    """The smallest and the largest finite number."""
    numbers = np.asarray(X.data if is_sparse(X) else X)
    numbers = numbers[np.isfinite(numbers)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (math.nan, math.nan)


def large(model: Any, y: Array, least: float = 0.0) -> float:
    """The size of targets that are larger than most networks learn, and than inputs of a size.

    It is 0 for others, for classes, and where the last layer scales.
    """
    if isinstance(model.layers[-1], SCALING) or model.loss.unjoined.has_classes(y):
        return 0.0
    size = max(map(abs, extent(y)))
    return size if size > max(LARGE_INPUT, least) else 0.0


def between(X: Any) -> str:
    """``between −1 and 1``."""
    low, high = extent(X)
    return f"between {low:.3g} and {high:.3g}"


def warn_of_nothing(model: Model, total: float, seen: int) -> None:
    """Warns of a first epoch in which nothing counted: all was padding, or nothing was compared."""
    if model.loss.ignored is None:  # else all targets have been looked at
        warn_if_none_counts(seen > 0, "x")
    if seen and not total and model.loss.compares_samples:
        console.warn(
            f"the loss of the first epoch is 0: {model.loss} learns from batches that hold several "
            f"samples of a class, and some of another one. Pass larger batches, or targets in "
            f"which classes come again."
        )


def warn_of_scale(model: Model, X: Any, y: Array, loss: float) -> None:
    """Warns of a large first loss, if it comes of inputs or targets that are not scaled."""
    if not loss > LARGE_LOSS or not X.shape[0]:
        return
    sizes = np.asarray(abs(X).max(axis=0).todense() if is_sparse(X) else np.abs(X).max(axis=0))
    sizes = sizes.reshape(-1, sizes.shape[-1]).max(axis=0) if sizes.ndim else sizes.reshape(1)
    k = int(sizes.argmax())
    first = [each for each in model.layers if isinstance(each, SCALING) or each.parameters][:1]
    if sizes[k] > LARGE_INPUT and not any(isinstance(each, SCALING) for each in first):
        console.warn(
            f"the loss of the first step is {loss:.4g}: column {k} of x goes up to {sizes[k]:.4g}. "
            f"Networks learn from inputs of about −1 to 1: put Normalization() in front, which "
            f"takes mean and variance from the training inputs, or scale x."
        )
    elif size := large(model, y):
        console.warn(
            f"the loss of the first step is {loss:.4g}: the targets go up to {size:.4g}. Networks "
            f"learn targets of about −1 to 1: subtract the mean of y, and divide by a number of "
            f"the size of what is left."
        )
