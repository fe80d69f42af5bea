"""All that training changes in a model, taken out and put back: weights, optimizer, generators.

What is put back lets training go on with the same bits as if it had never stopped.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.parameters import Parameters
from backprop.core.types import Array


def take(model: Any) -> dict[str, Any]:
    """The state of a built model as a tree for ``core.files``; its arrays are views of θ.

    Args:
        model: A ``Sequential``, compiled or not.
    """
    optimizer = model.optimizer if model.compiled else None
    return {
        "weights": {p.name: p.value for p in model.parameters},
        "optimizer": None if optimizer is None else optimizer_state(optimizer),
        "generators": {way: rng.bit_generator.state for way, rng in model.generators.items()},
    }


def put_back(model: Any, state: Mapping[str, Any], origin: str) -> None:
    """Brings a model into a state that ``take`` found; checked first, so that it fails whole.

    Args:
        model: A built model of the same layers, compiled with the same optimizer.
        state: The tree.
        origin: Where it comes from, for error messages.

    Raises:
        ValueError: The model has other parameters, another optimizer or other random layers.
    """
    check_weights(model.parameters, state["weights"], origin)
    generators = model.generators
    if generators.keys() != state["generators"].keys():
        raise ValueError(f"{origin} belongs to a model with other random layers than {model}.")
    if state["optimizer"] is not None:
        set_optimizer(model.optimizer, model.parameters, state["optimizer"], origin)
    set_weights(model.parameters, state["weights"])
    for way, rng in generators.items():
        rng.bit_generator.state = state["generators"][way]


def check_weights(parameters: Parameters, weights: Mapping[str, Array], origin: str) -> None:
    """Checks that there is an array of the right shape for every parameter, and no other.

    Raises:
        ShapeError: Names or shapes differ; the message says which.
    """
    mine = {p.name: p.shape for p in parameters}
    faults = [f"it has no {name!r}" for name in mine if name not in weights]
    faults += [f"the model has no {name!r}" for name in weights if name not in mine]
    faults += [
        f"its {name!r} has the shape {weights[name].shape}, but the model's has {shape}"
        for name, shape in mine.items()
        if name in weights and weights[name].shape != shape
    ]
    if faults:
        more = f"; and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise ShapeError(
            f"{origin} does not fit the model: {'; '.join(faults[:4])}{more}. Build the model with "
            f"the layers, names and sizes that it had when it was saved."
        )


def set_weights(parameters: Parameters, weights: Mapping[str, Array]) -> None:
    """Writes checked weights into θ."""
    for parameter in parameters:
        parameter.value = weights[parameter.name]


def optimizer_state(optimizer: Any) -> dict[str, Any]:
    """The state vectors of an optimizer, and its numbers, such as ``iterations``."""
    return {
        "class": type(optimizer).__name__,
        "vectors": optimizer.state,
        "numbers": {
            name: value
            for name, value in vars(optimizer).items()
            if isinstance(value, int | float | np.number)
        },
    }


def set_optimizer(
    optimizer: Any, parameters: Parameters, state: Mapping[str, Any], origin: str
) -> None:
    """Brings an optimizer into a state that ``optimizer_state`` found.

    Raises:
        ValueError: It is of another class, or trains another model.
    """
    name, vectors = type(optimizer).__name__, state["vectors"]
    if state["class"] != name:
        raise ValueError(
            f"{origin} was saved with the optimizer {state['class']}, but the model is compiled "
            f"with {name}: compile it with the one that it had."
        )
    if vectors:
        if optimizer._parameters is not parameters:
            optimizer.bind(parameters)
        if {key: v.shape for key, v in vectors.items()} != {
            key: v.shape for key, v in optimizer.state.items()
        }:
            raise ValueError(
                f"{origin} was saved with a {name} with the state vectors "
                f"{', '.join(vectors)}, but {optimizer} has {', '.join(optimizer.state) or 'none'}."
            )
        for key, vector in vectors.items():
            optimizer.state[key][...] = vector
    vars(optimizer).update(state["numbers"])
