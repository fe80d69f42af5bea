"""The settings of a model's parts, to be compared: with those before, or with other workers'."""

from typing import Any

from backprop.constraints import Constraint
from backprop.core.descriptors import from_package
from backprop.core.walk import numbers_of
from backprop.layers.block import walk
from backprop.protocol import Model
from backprop.regularizers import Regularizer
from backprop.schedules import Schedule

INNER = Constraint, Regularizer, Schedule
"""Parts of layers and optimizers whose numbers count, too."""


def settings_of(model: Model, whoever: bool = False) -> dict[str, Any]:
    """What callbacks may set of a model, by its names in messages.

    Args:
        model: The model.
        whoever: Whether the numbers of classes of the user's own count, too: they may be counts.
    """
    parts = [layer for _, layer in walk(model.layers) if whoever or layer.of_package]
    own = {"name", "seed", "iterations", "needs_input_gradient"}  # what may differ

    def numbers(part: Any) -> tuple[str, list[tuple[str, Any]]]:
        held = [(n, each) for n, each in vars(part).items() if isinstance(each, INNER)]
        inner = [(n, numbers(each)) for n, each in held if whoever or from_package(type(each))]
        simple = [(n, value) for n, value in numbers_of(part).items() if n not in own]
        return type(part).__name__, sorted(simple + inner)

    return {
        "the parameters": [(p.name, p.shape, p.trainable) for p in model.parameters],
        "the layers": list(map(numbers, parts)),
        "the loss": numbers(model.loss.unjoined),
        "the optimizer": numbers(model.optimizer),
        "what the learning rate is": str(type(model.optimizer.schedule or 0.0).__name__),
    }
