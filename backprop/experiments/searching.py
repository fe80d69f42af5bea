"""A search for the best settings of a model, each judged by cross-validation."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting
from backprop.core.checks import check_integer
from backprop.core.errors import said
from backprop.core.frozen import stays
from backprop.core.lookup import is_function
from backprop.core.signatures import answered, check_call_by_name, check_function
from backprop.core.types import Array
from backprop.experiments.checked import built
from backprop.experiments.cross_validation import folded, mean_and_spread, scores_of
from backprop.experiments.many import fit_many

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10
"""The most settings in the printed table."""


@stays("it says what was found; search(…, by=…) orders settings by another number")
@dataclass(frozen=True)
class Search:
    """What a search found, the best settings first; prints as a table.

    Attributes:
        settings: The settings that were tried.
        scores: For each number that ``evaluate`` gives of all models its values, shape
            ``(settings, folds)``.
        by: The number that they are ordered by.

    Example:
        >>> def build(rate):
        ...     model = bp.Sequential([bp.layers.Dense(1)], seed=0)
        ...     model.compile(bp.optimizers.SGD(rate), "mse")
        ...     return model
        >>> X = np.linspace(-1, 1, 24)[:, np.newaxis]
        >>> found = bp.search(build, {"rate": [1e-9, 0.1]}, X, 3 * X, folds=3, epochs=10)
        >>> found.by, found.settings, found.scores["loss"].shape
        ('loss', [{'rate': 0.1}, {'rate': 1e-09}], (2, 3))
    """

    settings: list[dict[str, Any]]
    scores: dict[str, Array]
    by: str

    @property
    def best(self) -> dict[str, Any]:
        """The best settings: ``build(**found.best)`` makes the model."""
        return self.settings[0]

    def __repr__(self) -> str:
        names = list(self.settings[0])
        head = [*names, *self.scores]
        rows = [
            [show(setting[name]) for name in names]
            + ["{:.4f} ± {:.4f}".format(*mean_and_spread(v[k])) for v in self.scores.values()]
            for k, setting in enumerate(self.settings[:SHOWN])
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        folds = self.scores[self.by].shape[1]
        title = (
            f"{len(self.settings)} settings by {self.by}, the best first: mean ± standard "
            f"deviation over {folds} folds"
        )
        lines = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *rows]
        ]
        left = len(self.settings) - SHOWN
        return "\n".join([title, *lines, *([f"… and {left} more"] if left > 0 else [])])

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The score of every setting against each of the settings' values, a panel for each.

        Args:
            path: Where to save the picture as well.

        Returns:
            The matplotlib figure.
        """
        means, spreads = mean_and_spread(self.scores[self.by])
        values = {name: [setting[name] for setting in self.settings] for name in self.best}
        return plotting.setting_scores(values, means, spreads, self.by, path)


@answered
def search(
    build: Callable[..., Any],
    settings: Mapping[str, Any],
    X: Any,
    y: Any,
    folds: int = 5,
    number: int | None = None,
    by: str | None = None,
    seed: int = 0,
    verbose: int = 0,
    executor: Executor | None = None,
    **fit_arguments: Any,
) -> Search:
    """Cross-validates a model with many settings, all on the same folds.

    All fits are given to ``fit_many``, which trains small models of one form together.

    Args:
        build: Returns a new compiled model for settings, called ``build(units=32, rate=0.01)``.
        settings: For each argument of ``build`` a list of values: all combinations are tried. With
            ``number`` a value may also be a function of a NumPy Generator that draws one,
            ``lambda rng: 10 ** rng.uniform(-4, -1)``.
        X: Inputs.
        y: Targets.
        folds: How many parts the samples are cut into (see ``cross_validate``).
        number: How many settings are drawn at random; None tries every combination.
        by: The number that decides, ``"loss"`` or a metric's name; the first metric unless given,
            or the loss if there is none.
        seed: Determines the folds, and the settings that are drawn.
        verbose: As for ``fit``.
        executor: Shares the fits out to other processes (see ``fit_many``).
        **fit_arguments: What else ``fit`` is to be given, such as ``epochs=20``. Callbacks see the
            numbers of the held-out fold as ``val_…``.

    Returns:
        Settings and scores, the best first.

    Raises:
        ValueError: There is nothing to try, or no number of that name.
        TypeError: ``build`` is no function, or ``settings`` holds no lists.

    Example:
        >>> def build(units):
        ...     model = bp.Sequential([bp.layers.Dense(units), bp.layers.Dense(1)], seed=0)
        ...     model.compile("adam", "mse")
        ...     return model
        >>> X = np.linspace(-1, 1, 24)[:, np.newaxis]
        >>> found = bp.search(build, {"units": [1, 8]}, X, 3 * X, folds=3, epochs=5)
        >>> found.settings[0]  # the best
        {'units': 8}
    """
    check_call_by_name(build, checked(settings), "build")
    x, targets, held_out, rest = folded(X, y, folds, seed)
    tried = combinations(settings) if number is None else drawn(settings, number, seed)
    models = built(build, [setting for setting in tried for _ in rest])
    name, sign = order(models, by)
    each_rest, each_held_out = rest * len(tried), held_out * len(tried)
    fit_many(
        models,
        X,
        targets,
        rows=each_rest,
        validation_rows=each_held_out if fit_arguments.get("callbacks") else None,
        verbose=verbose,
        executor=executor,
        **fit_arguments,
    )
    found = scores_of(models, x, targets, each_held_out)
    scores = {key: values.reshape(-1, len(rest)) for key, values in found.items()}
    means = sign * mean_and_spread(scores[name])[0]
    best_first = np.argsort(means, kind="stable")  # nan comes last
    ordered = {key: values[best_first] for key, values in scores.items()}
    return Search([tried[k] for k in best_first], ordered, name)


def order(models: Sequence[Any], by: str | None) -> tuple[str, float]:
    """The number that settings are ordered by, and 1 if smaller is better, −1 if larger is.

    Raises:
        ValueError: Not all models have a number of that name, or it does not say which way it is
            better.
    """
    shared = set.intersection(*({metric.name for metric in each.metrics} for each in models))
    metrics = [metric for metric in models[0].metrics if metric.name in shared]
    known = {"loss": "smaller"} | {metric.name: metric.better for metric in metrics}
    name = [*known][min(1, len(known) - 1)] if by is None else by
    if not isinstance(name, str) or known.get(name) is None:
        numbers = ", ".join(repr(each) for each, better in known.items() if better)
        raise ValueError(
            f"by={said(name)} does not say which settings are better: pass one of {numbers}."
        )
    return name, 1.0 if known[name] == "smaller" else -1.0


def combinations(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the values.

    Raises:
        TypeError: A value is no list.
        ValueError: There are no values.
    """
    lists = [values_of(name, value) for name, value in settings.items()]
    return [dict(zip(settings, chosen, strict=True)) for chosen in itertools.product(*lists)]


def drawn(settings: Mapping[str, Any], number: int, seed: int) -> list[dict[str, Any]]:
    """So many settings at random, each value from its list or by its function."""
    rng = np.random.default_rng(seed)

    def draw(name: str, value: Any) -> Any:
        if is_function(value):
            check_function(value, "rng", f"settings[{name!r}]")
            return value(rng)
        values = values_of(name, value)
        return values[int(rng.integers(len(values)))]

    return [
        {name: draw(name, value) for name, value in settings.items()}
        for _ in range(check_integer(number, "number"))
    ]


def checked(settings: Any) -> Mapping[str, Any]:
    """The settings, which must be a dict that is not empty."""
    if not isinstance(settings, Mapping):
        raise TypeError(f"settings must be a dict of lists, but it is {said(settings)}.")
    if not settings:
        raise ValueError("settings is empty: give values for an argument of build.")
    return settings


def values_of(name: str, value: Any) -> Sequence[Any]:
    """The values of one setting as a list.

    Raises:
        TypeError: They are none.
        ValueError: There are none.
    """
    if is_function(value) or isinstance(value, str) or not hasattr(value, "__len__"):
        raise TypeError(
            f"settings[{name!r}] must be a list of values, but it is {said(value)}; functions "
            f"that draw one need number=…, how many settings are to be drawn."
        )
    if not len(value):
        raise ValueError(f"settings[{name!r}] is empty: give at least one value.")
    return list(value)


def show(value: Any) -> str:
    """A setting as the table has it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
