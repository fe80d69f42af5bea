"""The arguments of an MLP, what they may be, and how constructors keep theirs."""

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np

from backprop import callbacks
from backprop.core.assigned import refuse_deletion
from backprop.core.checks import check_integer, check_numbers
from backprop.core.descriptors import from_package
from backprop.core.errors import said
from backprop.estimators.scikit import Interval, Options, StrOptions

STOCHASTIC = ("sgd", "adam")
"""The solvers that go by mini-batches."""

CONSTRAINTS: Mapping[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "batch_normalization": ["boolean"],
    "callbacks": ["array-like", None],
    "metrics": ["array-like", None],
    "schedule": [callable, None],
    "n_members": [Interval(Integral, 1, None, closed="left")],
}
"""What scikit-learn checks the arguments by."""


def check_together(mlp: Any, incremental: bool) -> list[int]:
    """Checks what scikit-learn's rules do not; the units of each hidden layer.

    Raises:
        ValueError: Sizes are not positive integers, or arguments exclude each other.
    """
    sizes = mlp.hidden_layer_sizes
    hidden = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    for size in hidden:
        check_integer(size, "each of hidden_layer_sizes", -math.inf)
    if any(size <= 0 for size in hidden):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
    if mlp.schedule is not None and mlp.learning_rate != "constant":
        raise ValueError(
            f"schedule and learning_rate={said(mlp.learning_rate)} both determine the learning "
            f"rate: leave one of them out."
        )
    rates = mlp.learning_rate if mlp.solver == "sgd" else "constant"
    for each in mlp.callbacks or ():
        setters = callbacks.LearningRateScheduler, callbacks.ReduceLROnPlateau
        if rates != "constant" and isinstance(each, setters):
            raise ValueError(
                f"{type(each).__name__} and learning_rate={said(rates)} both determine the "
                f"learning rate: leave one of them out."
            )
    if incremental and mlp.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    return hidden


class OfFit:
    """An attribute that ``fit`` sets; assigning to it would change nothing.

    Args:
        advice: What to do in the place of assigning to it, if there is anything.
    """

    def __init__(self, advice: str = "") -> None:
        self.advice = advice and f": {advice}"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, made: Any, kind: type) -> Any:
        if made is not None and self.name in vars(made):
            return vars(made)[self.name]
        raise AttributeError(f"{kind.__name__!r} object has no attribute {self.name!r}")

    def __set__(self, made: Any, value: Any) -> None:
        # before a fit anything goes, as in scikit-learn, whose own tests make such an object
        fitted = self.advice or "models_" in vars(made)
        if from_package(type(made)) and fitted and vars(made).get(self.name) is not value:
            raise AttributeError(
                f"{self.name} of {type(made).__name__} cannot be assigned: fit sets it, from its "
                f"arguments and the data{self.advice}."
            )
        vars(made)[self.name] = value

    def __delete__(self, made: Any) -> NoReturn:
        refuse_deletion(made, self.name)


class Spread(OfFit):
    """An attribute of a fit that predictions go by: numbers of 0 or more may take its place."""

    def __set__(self, made: Any, value: Any) -> None:
        given = check_numbers(value, self.name)
        shapes = [()] + [model.output_shape for model in vars(made).get("models_", ())[:1]]
        if given.min(initial=0) < 0 or given.shape not in shapes:
            several = f", or an array of them of shape {shapes[-1]}" if shapes[1:] else ""
            raise ValueError(
                f"{self.name} must be a number of 0 or more{several}, but it is {said(value)}."
            )
        vars(made)[self.name] = given


def can_go_on(mlp: Any) -> bool:
    """Whether the solver can train on a part of the samples.

    Raises:
        AttributeError: It cannot.
    """
    if mlp.solver not in STOCHASTIC:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {mlp.solver} is not "
            f"stochastic."
        )
    return True


def keep(estimator: Any, arguments: dict[str, Any]) -> None:
    """Stores the arguments of a constructor under their names, and does nothing else with them."""
    vars(estimator).update({k: v for k, v in arguments.items() if k not in ("self", "__class__")})
