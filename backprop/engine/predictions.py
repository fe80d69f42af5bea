"""The outputs for a few rows: by the layers, and after some calls by what these asked of NumPy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from operator import is_
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from backprop.core.types import Array, Shape
from backprop.core.walk import from_here
from backprop.engine.tape import Tape
from backprop.engine.traced import plain
from backprop.losses import Loss
from backprop.protocol import Model

FEW_ROWS = 32
"""Rows of a batch up to which the layers' own Python takes a large part of the time."""

FEW_NUMBERS = 1 << 17
"""Numbers in all arrays of a pass up to which they are kept."""

RECORD_AFTER = 8
"""Batches of one shape that are computed by the layers before a pass is recorded."""


class Predictions:
    """Computes the outputs of one model for small batches, in inference.

    A pass is recorded without a change in the model: the batch alone is traced, and a call may
    read besides it what lies in θ. What is computed another way each time, or from other memory, is
    not recorded, and neither is what layers of one's own or blocks compute. The calls are made
    again as long as every attribute of every layer is the same object as it was; then they give
    the bits that the layers would. Of several threads at once one has the calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shape: Shape = ()
        self._times = 0
        self._after = RECORD_AFTER
        self._recorded: RecordedPass | None = None

    def __call__(self, model: Model, X: Array) -> Array:
        """The outputs of the model for a checked batch."""
        if type(X) is not np.ndarray or len(X) > FEW_ROWS or not X.flags.c_contiguous:
            return model.forward(X)
        recorded = self._recorded
        if recorded is not None and recorded.X.shape == X.shape:
            if not self._lock.acquire(False):  # another thread has the calls
                return model.forward(X)
            try:
                if recorded.stands(model):
                    return recorded(X)
                self._recorded = None
                self._after = RECORD_AFTER if recorded.times > RECORD_AFTER else 2 * self._after
            finally:
                self._lock.release()
        outputs = model.forward(X)
        self._times = self._times + 1 if X.shape == self._shape else 1
        self._shape = X.shape
        if self._times > self._after and self._lock.acquire(False):
            try:
                self._times, self._recorded = 0, recorded_pass(model, X)
                if self._recorded is None:  # the next time, too, it seems
                    self._after *= 2
            finally:
                self._lock.release()
        return outputs


_of_models: WeakKeyDictionary[Any, Predictions] = WeakKeyDictionary()  # copies have their own


def predictions_of(model: Model) -> Predictions:
    """What computes the model's outputs."""
    return _of_models.get(model) or _of_models.setdefault(model, Predictions())


class RecordedPass:
    """What the layers asked of NumPy for a batch, to be asked again for others of that shape.

    Args:
        X: An array for the batch.
        calls: The calls.
        outputs: The array that they leave the outputs in.
        model: The model.
        parts: Its layers and its loss, which may compute the outputs of the last layer.

    Attributes:
        times: How often the calls were made.
    """

    def __init__(
        self,
        X: Array,
        calls: Sequence[Callable[[], Any]],
        outputs: Array,
        model: Model,
        parts: Sequence[Any],
    ) -> None:
        self.X, self._calls, self._outputs = X, calls, outputs
        self.times = 0
        self._parameters, self._loss = model.parameters, loss_of(model)
        self._attributes = [vars(part) for part in parts]
        self._lengths = [*map(len, self._attributes)]
        self._values = [value for each in self._attributes for value in each.values()]

    def stands(self, model: Model) -> bool:
        """Whether nothing was changed in the model since but the numbers in θ."""
        return (
            model.parameters is self._parameters
            and loss_of(model) is self._loss
            and [*map(len, self._attributes)] == self._lengths
            and all(map(is_, chain.from_iterable(map(dict.values, self._attributes)), self._values))
        )

    def __call__(self, X: Array) -> Array:
        """The outputs for a batch."""
        self.times += 1
        np.copyto(self.X, X)
        for call in self._calls:
            call()
        return self._outputs.copy()


def loss_of(model: Model) -> Loss | None:
    """The model's loss, once it is compiled."""
    return model.loss if model.compiled else None


def recorded_pass(model: Model, X: Array) -> RecordedPass | None:
    """Records a pass; None if it cannot be made again from its calls, or needs much memory."""
    loss = loss_of(model)
    parts = [*model.layers, *([loss, getattr(loss, "loss", loss)] if loss else [])]
    if not all(map(from_here, (model, *parts))) or any(hasattr(part, "children") for part in parts):
        return None
    kept = np.array(X, model.dtype, order="C")
    tape = Tape(model.parameters.values)
    try:
        outputs = plain(model.forward(tape.trace(kept)))
    finally:
        tape.end()
    numbers = sum(call.out.size for call in tape.calls)
    if tape.failure is not None or numbers > FEW_NUMBERS:
        return None
    return RecordedPass(kept, [call.bind() for call in tape.calls], outputs, model, parts)
