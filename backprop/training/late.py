"""Epochs of small steps, which are looked at for wrong numbers when they are through."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from backprop.core.walk import from_here
from backprop.data.batches import Batches
from backprop.metrics import FunctionMetric, LossMetric
from backprop.optimizers import ByParameter
from backprop.protocol import Model
from backprop.training.kept import Kept
from backprop.training.step import Step

MANY_STEPS = 32
"""Steps of an epoch from which on copies at its beginning take less than looks at every g."""

FEW_WEIGHTS = 1 << 17
"""Elements of θ up to which a look at g takes more than a hundredth of a step."""


class LateLook:
    """Spares small steps the look at g, where one at the end of the epoch is as certain.

    A look at g takes 2 to 4 % of a small step. But what is infinite or nan stays so: every update
    adds g, or g², to θ or to a vector of the optimizer's state, and multiplies these by numbers. If
    they are finite when the epoch is through, every g was. If not, the epoch is made again from its
    beginning with a look at every step, and stops where it should: the same steps have the same
    bits. A loss that is not finite ends the epoch at once in either case.

    It is for optimizers whose state is vectors as long as θ and that neither clip nor add up g,
    without constraints, which may make infinite weights finite. And nobody else may notice: there
    is no callback that hears of steps but the progress bar, no code of the user's, and no stream.

    Args:
        model: A built and compiled model.
        batches: What makes the batches of an epoch.
        alone: Whether nobody minds to hear of steps twice, and no pass in training changes θ.
    """

    def __init__(self, model: Model, batches: Any, alone: bool) -> None:
        self._model, self._batches, optimizer = model, batches, model.optimizer
        self._known = optimizer, optimizer.schedule, model.metrics
        told = {"raise", "call", "print", "log"} & set(np.geterr().values())
        self._possible = (
            alone
            and not told
            and type(batches) is Batches
            and batches.steps >= MANY_STEPS
            and not batches.unread
            and model.parameters.values.size <= FEW_WEIGHTS
            and all(map(from_here, (optimizer, *model.metrics)))
            and not any(isinstance(each, FunctionMetric | LossMetric) for each in model.metrics)
            and not isinstance(optimizer, ByParameter)
            and (optimizer.schedule is None or from_here(optimizer.schedule))
        )
        self._late = False
        self._kept: Kept | None = None
        self._states: list[tuple[Any, Any]] = []  # of the noise's generators

    def begin(self, step: Step) -> None:
        """Decides when an epoch begins whether g may go without a look, and keeps θ then."""
        step.late = self._late = self._possible and step.replays and self._certain()
        if step.late:
            model = self._model
            self._kept = self._kept.renewed(model) if self._kept else Kept(model)
            self._states = [(g.bit_generator, g.bit_generator.state) for g in step.generators]

    def _certain(self) -> bool:
        """Whether the model is as it was, and wrong numbers of g stay in it."""
        model, optimizer = self._model, self._model.optimizer
        known = optimizer, optimizer.schedule, model.metrics
        return all(map(is_, known, self._known)) and not (
            optimizer.gathers or model.parameters.constrained
        )

    def epoch(self, make: Callable[[], dict[str, float]]) -> dict[str, float]:
        """An epoch, made again if numbers went wrong while nobody looked.

        Args:
            make: Makes it; it calls ``begin``.
        """
        try:
            logs = make()
            if not self._late or self._kept is None or self._kept.finite():
                return logs
        except BaseException:
            if not self._late or self._kept is None or self._kept.finite():
                raise
        self._kept.put_back()
        for generator, state in self._states:
            generator.state = state
        self._batches.repeats = True
        self._possible = False  # for the rest of this training, which is going to end soon
        return make()
