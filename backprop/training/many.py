"""Several models of one form trained together: small ones take little longer than one alone."""

from __future__ import annotations  # numpy.random loads when the first model is made

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.callbacks import CallbackList
from backprop.core.lift import CannotLift
from backprop.core.threads import blas_threads
from backprop.core.types import Array, is_sparse
from backprop.optimizers import LBFGS
from backprop.training.data import Data, check_list, check_positive_integer
from backprop.training.history import History
from backprop.training.progress import progress
from backprop.training.protocol import Model
from backprop.training.replay import numbers_of, parts, replayable
from backprop.training.setup import Source, check, evaluation_source, in_order
from backprop.training.together import Together

TOGETHER_BELOW = 500_000
"""Multiplications of one model's step above which models are as quick one after the other.

Five models together were measured to take a fifth to a third of the time at 2-8-2, batches of 4,
two thirds at 64-64-10, batches of 32, and the same time at 784-30-10.
"""

UNDERSTOOD = {"batch_size", "epochs", "verbose", "shuffle", "validation_data"}
"""What of ``fit``'s arguments models can be trained together with."""


def fit_many(
    models: Sequence[Any],
    x: Any,
    y: Any,
    *,
    rows: Sequence[Any] | None = None,
    validation_rows: Sequence[Any] | None = None,
    **fit_arguments: Any,
) -> list[History]:
    """Trains each of several models as its own ``fit`` would, together where that is quicker.

    Models of one form (the same layers, loss and kind of optimizer, up to seeds, weights and
    learning rates) whose steps are small go through their batches in step, each in its own order:
    K matrix products are one call. The results are those of ``model.fit`` for each of them, to
    rounding. All other models, and all other arguments, are trained one after the other.

    Args:
        models: Compiled models.
        x: Inputs for all of them.
        y: Targets.
        rows: For each model the numbers of the samples that it is trained on, all unless given:
            folds, bootstrap samples.
        validation_rows: For each model the samples that it is evaluated on after every epoch.
        **fit_arguments: What else ``fit`` is to be given, such as ``epochs=20``.

    Returns:
        The History of each model.

    Raises:
        ValueError: A model comes twice, or ``rows`` does not fit the models or the samples.
    """
    models = check_list(models, "models")
    if len({id(model) for model in models}) < len(models):
        raise ValueError("models holds one model twice: pass a model for each training.")
    x = x if is_sparse(x) else np.asanyarray(x)
    y = np.asanyarray(y)
    trained = checked_rows(rows, "rows", len(models), len(y))
    held_out = checked_rows(validation_rows, "validation_rows", len(models), len(y))
    histories: dict[int, History] = {}
    for group in groups(models, trained, x, fit_arguments):
        mine = [models[k] for k in group]
        chosen = [trained[k] for k in group]
        held = [held_out[k] for k in group]
        found = fit_together(mine, x, y, chosen, held, **fit_arguments) if len(group) > 1 else None
        if found is None:
            found = [
                model.fit(*picked(x, y, which), **(validation(x, y, kept) | fit_arguments))
                for model, which, kept in zip(mine, chosen, held, strict=True)
            ]
        histories |= dict(zip(group, found, strict=True))
    return [histories[k] for k in range(len(models))]


def fit_together(
    models: Sequence[Any],
    x: Array,
    y: Array,
    rows: Sequence[Array | None],
    held_out: Sequence[Array | None],
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    shuffle: bool = True,
    validation_data: Any = None,
) -> list[History] | None:
    """Trains models of one form in step; None if that is impossible or would not be quicker."""
    first = models[0]
    size = check_positive_integer(32 if batch_size is None else batch_size, "batch_size")
    last = check_positive_integer(epochs, "epochs", 0)
    shown = progress(verbose)
    for model in models:
        data = check(model, x, y)
    held = [
        validated(model, data, each, validation_data)
        for model, each in zip(models, held_out, strict=True)
    ]
    for model in models:
        model.optimizer.check_free(model.parameters if model.input_shape else None)
        model.build((None, *data.X.shape[1:]))
    n = len(data)
    chosen = np.stack([np.arange(n) if each is None else each for each in rows])
    work = 3.0 * min(size, chosen.shape[1]) * first.parameters.values.size
    if work > TOGETHER_BELOW or not all(plain_training(model) for model in models):
        return None
    data = Data(np.ascontiguousarray(data.X, first.dtype), data.y)
    try:
        together = Together(models, data, chosen, held, size, shuffle)
    except CannotLift:
        return None
    params = {"epochs": last, "steps": -(-chosen.shape[1] // size), "verbose": verbose}
    with blas_threads(work):
        return together.fit(range(last), CallbackList(shown, first, params))


def validated(model: Model, data: Data, rows: Array | None, validation_data: Any) -> Source | None:
    """What a model is evaluated on after an epoch."""
    if validation_data is not None:
        return evaluation_source(model, *validation_data, prefix="validation ")
    if rows is None:
        return None
    return in_order(Data(data.X[rows], data.y[rows]), None, "batch_size", None, model.dtype)


def plain_training(model: Model) -> bool:
    """Whether a model's step is a recordable one and its optimizer's formula, and nothing else."""
    optimizer = model.optimizer
    return (
        replayable(model)
        and not isinstance(optimizer, LBFGS)
        and type(optimizer).__module__.startswith("backprop.")
        and not (optimizer.weight_decay or optimizer.use_ema or optimizer.clips)
        and not any(p.regularizer or p.constraint for p in model.parameters)
    )


def checked_rows(rows: Any, name: str, n_models: int, n: int) -> list[Array | None]:
    """An array of sample numbers for each model, None for all or none.

    Raises:
        ValueError: There is not one for each model, or a number is no sample's.
    """
    if rows is None:
        return [None] * n_models
    found = [np.asarray(each) for each in check_list(rows, name)]
    if len(found) != n_models:
        raise ValueError(f"{name} must hold one array for each of the {n_models} models.")
    for each in found:
        if each.ndim != 1 or each.dtype.kind not in "iu" or not each.size:
            raise ValueError(f"{name} must hold vectors of sample numbers, but one is {each!r}.")
        if each.min() < 0 or each.max() >= n:
            raise ValueError(
                f"{name} must hold sample numbers from 0 to {n - 1}, but one runs from "
                f"{each.min()} to {each.max()}."
            )
    return list(found)


def picked(x: Any, y: Array, rows: Array | None) -> tuple[Any, Array]:
    """These samples; all for None."""
    return (x, y) if rows is None else (x[rows], y[rows])


def validation(x: Any, y: Array, rows: Array | None) -> dict[str, Any]:
    """The argument of ``fit`` for evaluating on these samples."""
    return {} if rows is None else {"validation_data": picked(x, y, rows)}


def groups(
    models: Sequence[Model], rows: Sequence[Array | None], x: Any, arguments: dict[str, Any]
) -> list[list[int]]:
    """The numbers of the models that may be trained together: alike, on as many samples each."""
    found: list[list[int]] = []
    for k, model in enumerate(models):
        size = -1 if rows[k] is None else len(rows[k])  # type: ignore[arg-type]
        for group in found:
            first = group[0]
            other = -1 if rows[first] is None else len(rows[first])  # type: ignore[arg-type]
            if size == other and alike(models[first], model):
                group.append(k)
                break
        else:
            found.append([k])
    usable = isinstance(x, np.ndarray) and not isinstance(x, np.memmap)
    if not usable or not arguments.keys() <= UNDERSTOOD:
        return [[k] for k in range(len(models))]
    return found


def alike(one: Model, other: Model) -> bool:
    """Whether two models differ in weights, names, seeds and learning rates at most."""
    if not (one.compiled and other.compiled and one.dtype == other.dtype):
        return False
    if [type(part) for part in form(one)] != [type(part) for part in form(other)]:
        return False
    left_out = {"name", "seed"}
    return all(
        without(numbers_of(a), left_out) == without(numbers_of(b), left_out)
        and getattr(a, "trainable", None) == getattr(b, "trainable", None)
        for a, b in zip(form(one), form(other), strict=True)
    )


def form(model: Model) -> list[Any]:
    """What the form of a model consists of."""
    return [*parts(model), model.optimizer, *model.metrics]


def without(numbers: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The numbers but for these."""
    return {name: value for name, value in numbers.items() if name not in names}
