"""All that training changes in a model, taken out and put back: weights, optimizer, generators.

What is put back lets training go on with the same bits as if it had never stopped. All of it is
checked first: either everything is put back or nothing is changed.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.descriptors import remade
from backprop.core.errors import ShapeError, said
from backprop.core.frames import comparable, known_columns
from backprop.core.lookup import takes
from backprop.core.parameters import Parameters
from backprop.core.ranges import check_overflow
from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.layers.block import walk
from backprop.storage import files

COUNTED = ("_learning_rate", "_waiting", "iterations")
"""Numbers of optimizers that are never below 0."""


def take(model: Any, include_optimizer: bool = True) -> dict[str, Any]:
    """The state of a built model as a tree for ``storage.files``; its arrays are views of θ.

    Args:
        model: A ``Sequential``, compiled or not.
        include_optimizer: Whether the optimizer's state is in it.
    """
    optimizer = model.optimizer if model.compiled and include_optimizer else None
    names = known_columns(model)
    names = None if names is None else tuple(names)
    return {
        "weights": {p.name: p.value for p in model.parameters},
        "optimizer": None if optimizer is None else optimizer_state(optimizer),
        "generators": {way: rng.bit_generator.state for way, rng in model.generators.items()},
        "feature_names": names if files.holds(names) else None,
        **flags_of(model),
    }


def put_back(model: Any, state: Mapping[str, Any], origin: str) -> None:
    """Brings a model into a state that ``take`` found, or raises what ``check`` does beforehand."""
    check(model, state, origin)
    if state["optimizer"] is not None:
        set_optimizer(model.optimizer, model.parameters, state["optimizer"])
    set_weights(model.parameters, state["weights"])
    for way, rng in model.generators.items():
        rng.bit_generator.state = state["generators"][way]
    if state.get("feature_names") is not None:
        model.feature_names = state["feature_names"]
    flags = {**flags_of(model), **state}  # files of older versions have fewer
    for (_, layer), (own, held) in zip(walk(model.layers), flags["trainable_layers"], strict=True):
        layer.trainable = own
        layer.hold(held)
    names = ("trainable", "free", "decays")
    each_of = zip(model.parameters, *(flags[name] for name in names), strict=True)
    for parameter, trainable, free, decays in each_of:
        parameter.trainable, parameter.decays = trainable or free, decays
        parameter.hold(not trainable)
    if state["optimizer"] is not None and model.optimizer.swapped:
        theta, trained = model.parameters.values, model.parameters.trainable_slices()
        model.optimizer._lent = [(each, theta[each].copy()) for each in trained]


def flags_of(model: Any) -> dict[str, list[Any]]:
    """What is frozen: of each parameter, also by itself, and of each layer; what decays."""
    return {
        "trainable": [p.trainable for p in model.parameters],
        "free": [p._free for p in model.parameters],
        "decays": [p.decays for p in model.parameters],
        "trainable_layers": [(each._trainable, each._held) for _, each in walk(model.layers)],
    }


def check(model: Any, state: Mapping[str, Any], origin: str) -> None:
    """Checks that a model can be brought into a state that ``take`` found.

    Args:
        model: A built model of the same layers, compiled with the same optimizer.
        state: The tree.
        origin: Where it comes from, for error messages.

    Raises:
        ValueError: The model has other parameters, another optimizer or other random layers, or is
            trained on other columns, or a number of the state cannot be right.
    """
    check_columns(model.feature_names, state.get("feature_names"), origin)
    check_weights(model.parameters, state["weights"], origin)
    check_generators(model, state["generators"], origin)
    for key, mine in flags_of(model).items():
        flags = state.get(key, mine)
        if np.shape(flags) != np.shape(mine):
            raise ValueError(f"{key} in it is {said(flags)}")
        for flag in np.ravel(flags).tolist():
            check_flag(flag, key)
    if state["optimizer"] is not None:
        check_optimizer(model.optimizer, model.parameters, state["optimizer"], origin)


def check_columns(mine: Any, names: Any, origin: str) -> None:
    """Checks that the columns of the frame that was trained on are those of the model, if any are.

    Raises:
        ValueError: They are others, or stand in another order.
        TypeError: They are no columns.
    """
    if names is not None and not isinstance(names, tuple):
        raise TypeError(f"feature_names is {names!r}")
    if mine is None or names is None:
        return
    if comparable(tuple(mine)) != comparable(names):
        raise ValueError(
            f"{origin} was trained on the columns {', '.join(map(repr, names[:8]))}"
            f"{', …' if len(names) > 8 else ''}, but the model on "
            f"{', '.join(map(repr, mine[:8]))}{', …' if len(mine) > 8 else ''}: give a new model "
            f"the same columns in the same order."
        )


def check_weights(parameters: Parameters, weights: Mapping[str, Array], origin: str) -> None:
    """Checks that there is an array of the right shape for every parameter, and no other.

    Raises:
        ShapeError: Names or shapes differ; the message says which.
        ValueError: A number overflows the model's dtype.
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
        raise ShapeError(
            f"{misfit(origin, faults)} Build the model with the layers, names and sizes that it "
            f"had when it was saved."
        )
    for p in parameters:
        check_overflow(weights[p.name], f"{p.name!r} of {origin} holds", p.value.dtype)


def misfit(origin: str, faults: Sequence[str]) -> str:
    """Says what of a file does not fit the model: the first four faults, and how many more."""
    more = f"; and {len(faults) - 4} more" if len(faults) > 4 else ""
    return f"{origin} does not fit the model: {'; '.join(faults[:4])}{more}."


def set_weights(parameters: Parameters, weights: Mapping[str, Array]) -> None:
    """Writes checked weights into θ."""
    for parameter in parameters:
        parameter.value = weights[parameter.name]


def optimizer_state(optimizer: Any) -> dict[str, Any]:
    """The state vectors of an optimizer, and its numbers, such as ``iterations``."""
    return {
        "class": type(optimizer).__name__,
        "vectors": dict(optimizer.next_state()),
        "numbers": {
            name: value
            for name, value in vars(optimizer).items()
            if isinstance(value, int | float | np.number)
            or (value is None and takes(type(optimizer), name))
        },
    }


def check_generators(model: Any, states: Mapping[str, Any], origin: str) -> None:
    """Checks that there is a state for every generator that it can take, and no other.

    Raises:
        ValueError: There is not.
    """
    generators = model.generators
    try:
        if generators.keys() != states.keys():
            raise ValueError(f"there are {len(generators)}, and not {len(states)}")
        for way, rng in generators.items():
            type(rng.bit_generator)(0).state = states[way]
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ValueError(
            f"{origin} belongs to a model with other random layers than {model}: {error}."
        ) from error


def check_optimizer(
    optimizer: Any, parameters: Parameters, state: Mapping[str, Any], origin: str
) -> None:
    """Checks that an optimizer can be brought into a state that ``optimizer_state`` found.

    Raises:
        ValueError: It is of another class, or trains another model, or a number is impossible.
    """
    name, vectors, numbers = type(optimizer).__name__, state["vectors"], state["numbers"]
    if state["class"] != name:
        raise ValueError(
            f"{origin} was saved with the optimizer {state['class']}, but the model is compiled "
            f"with {name}: compile it with the one that it had."
        )
    optimizer.check_free(parameters)
    ours = from_here(optimizer)
    for key, number in numbers.items():
        counted = key in COUNTED
        if not ours and not counted:  # what an optimizer of one's own takes, only it knows
            continue
        if number is None and takes(type(optimizer), key):
            continue
        fits = hasattr(optimizer, key) and isinstance(number, int | float)
        if not fits or not math.isfinite(number) or (counted and number < 0):
            raise ValueError(f"{origin} has a {name} with {key.strip('_')}={number!r}.")
    try:
        wanted = as_it_was(optimizer, numbers).lengths(parameters)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{origin} has a {name} that cannot be made: {error}") from error
    shapes = {key: vector.shape for key, vector in vectors.items()}
    if vectors and shapes != {key: (n,) for key, n in wanted.items()}:
        raise ValueError(
            f"{origin} was saved with a {name} with the state vectors "
            f"{shown({k: s[0] if s else 1 for k, s in shapes.items()})}, but {optimizer} has "
            f"{shown(wanted) or 'none'}."
        )


def set_optimizer(optimizer: Any, parameters: Parameters, state: Mapping[str, Any]) -> None:
    """Brings an optimizer into a state that was checked."""
    if state["vectors"] and optimizer._parameters is not parameters:
        optimizer.bind(parameters)
    vars(optimizer).update(state["numbers"])
    optimizer.follow()
    optimizer._lent = None
    optimizer._state = optimizer.next_state()
    for key, vector in state["vectors"].items():
        optimizer.state[key][...] = vector


def as_it_was(optimizer: Any, numbers: Mapping[str, Any]) -> Any:
    """The optimizer with other numbers; a new one of the package's that is made with those."""
    given = {key: number for key, number in numbers.items() if takes(type(optimizer), key)}
    given = {key: number for key, number in given.items() if number != getattr(optimizer, key)}
    if given and from_here(optimizer):
        return remade(optimizer, **given)
    twin = copy.copy(optimizer)
    vars(twin).update(numbers)
    return twin


def shown(lengths: Mapping[str, int]) -> str:
    """State vectors and how many numbers each has: ``momentum (66), velocity (66)``."""
    return ", ".join(f"{name} ({n})" for name, n in lengths.items())
