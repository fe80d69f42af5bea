"""Several models of one form trained together: small ones take little longer than one alone."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any

import numpy as np

from backprop.callbacks import CallbackList
from backprop.core import console
from backprop.core.errors import DivergenceError
from backprop.core.frames import check_targets
from backprop.core.signatures import answered, check_call_by_name
from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.data.batches import Batches
from backprop.data.samples import Data
from backprop.data.sources import Source, check
from backprop.data.training import observing
from backprop.engine.owners import training
from backprop.engine.taking_part import form, replayable
from backprop.engine.threads import single_blas_threads
from backprop.experiments.checked import (
    checked_models,
    checked_rows,
    checked_samples,
    checked_shared,
    columns_of,
    has_learnt_mask,
    of_all,
)
from backprop.experiments.stacked_models import AfterEpoch, StackedModels
from backprop.experiments.stacked_tape import CannotStack
from backprop.experiments.tasks import check_executor, run_tasks, width
from backprop.protocol import Model
from backprop.storage import snapshot
from backprop.training.history import History
from backprop.training.observation import observe
from backprop.training.plan import plan_fit
from backprop.training.progress import progress

TOGETHER_BELOW = 500_000
"""Multiplications of one model's step above which models are as quick one after the other.

Five models together were measured to take a fifth to a third of the time at 2-8-2, batches of 4,
two thirds at 64-64-10, batches of 32, and the same time at 784-30-10.
"""

UNDERSTOOD = {"batch_size", "epochs", "verbose", "shuffle", "validation_data"}
UNDERSTOOD |= {"class_weight", "callbacks", "on_divergence"}
"""What of ``fit``'s arguments models can be trained together with, callbacks only if none."""


@answered
def fit_many(
    models: Sequence[Any],
    x: Any,
    y: Any,
    *,
    rows: Sequence[Any] | None = None,
    validation_rows: Sequence[Any] | None = None,
    executor: Executor | None = None,
    **fit_arguments: Any,
) -> list[History]:
    """Trains each of several models as its own ``fit`` would, together where that is quicker.

    Models of one form (the same layers, loss and kind of optimizer, up to seeds, weights and
    learning rates) whose steps are small go through their batches in step, each in its own order:
    K matrix products are one call, with the results of ``model.fit`` to rounding. All others are
    trained one after the other. Everything is checked first: a call that fails moves no weight.

    Args:
        models: Compiled models.
        x: Inputs for all of them.
        y: Targets.
        rows: For each model the numbers of its training samples (folds, bootstrap); all by default.
        validation_rows: For each model the samples that it is evaluated on after every epoch,
            without weights, where neither ``validation_data`` nor ``validation_split`` are given
            for all.
        executor: Shares the fits out to other processes: a ``ProcessPoolExecutor``, mpi4py's
            ``MPIPoolExecutor``, Dask's ``client.get_executor()``. The results have the same bits
            as without it; callbacks are copied. A fit whose process dies is tried once more.
        **fit_arguments: What else ``fit`` is to be given, such as ``epochs=20``. A
            ``sample_weight`` has one number for each sample of x; ``rows`` takes its part of it.
            Each fit calls ``callbacks`` anew: a file that is replaced holds the last one's numbers.

    Returns:
        The History of each model.

    Raises:
        TypeError: ``models`` holds something else, or ``fit`` has no such argument.
        RuntimeError: Another thread trains one of them.
        ValueError: Models come twice or share an optimizer or a ``BackupAndRestore``, ``rows`` does
            not fit the models or the samples, or ``fit`` would refuse an argument.

    Example:
        >>> models = [bp.Sequential([bp.layers.Dense(1)], seed=seed) for seed in range(10)]
        >>> for model in models:
        ...     model.compile("sgd", "mse")
        >>> len(bp.fit_many(models, np.ones((8, 1)), np.ones(8), epochs=3, verbose=0))
        10
    """
    executor, models = check_executor(executor), checked_models(models)
    for model in {type(each): each for each in models}.values():
        check_call_by_name(model.fit, fit_arguments, "fit", "x", "y")
    with ExitStack() as stack:
        for model in models if executor is None else ():  # whose threads are to train them
            stack.enter_context(training(model, "fit_many"))
        stack.enter_context(columns_of(models, x))
        check_targets(y, fit_arguments.get("validation_data"))
        return fit_all(models, x, y, rows, validation_rows, executor, fit_arguments)


def fit_all(
    models: Sequence[Any],
    x: Any,
    y: Any,
    rows: Sequence[Any] | None,
    validation_rows: Sequence[Any] | None,
    executor: Executor | None,
    fit_arguments: dict[str, Any],
) -> list[History]:
    """``fit_many`` for models that are checked."""
    weight = fit_arguments.pop("sample_weight", None)
    x, y, weight = checked_samples(x, y, weight, len(models))
    trained = checked_rows(rows, "rows", len(models), len(y))
    held_out = checked_rows(validation_rows, "validation_rows", len(models), len(y))
    shared = checked_shared(fit_arguments, len(models))
    tasks: list[tuple[list[int], tuple[Any, ...]]] = []  # models, arguments of ``fit_group``
    numbered = of_all(x, y, weight, [*trained, *held_out], models)
    with warnings.catch_warnings(), numbered:
        warnings.simplefilter("ignore")  # fit is going to say it
        for k, model in enumerate(models):
            validation(model, **arguments(x, y, weight, trained[k], held_out[k], shared))
    for model in models:
        model.build((None, *x.shape[1:]))
    for group in groups(models, trained):
        metrics = [metric for k in group for metric in models[k].metrics]
        shares_one = len({id(metric) for metric in metrics}) < len(metrics)
        stack = len(group) > 1 and type(x) is np.ndarray and not shares_one
        stack = stack and can_be_shared(shared)
        parts = [group]
        if executor is not None:
            n = min(len(group), width(executor)) if stack else len(group)
            parts = [list(part) for part in np.array_split(group, n)]
        for part in parts:
            numbers = [int(k) for k in part]
            mine = [(models[k], trained[k], held_out[k]) for k in numbers]
            tasks.append((numbers, (*zip(*mine, strict=True), stack, x, y, weight, shared)))
    histories: dict[int, History] = {}
    if executor is None:
        for numbers, task in tasks:
            histories |= zip(numbers, fit_group(*task), strict=True)
    else:
        done = run_tasks(executor, fit_apart, [task for _, task in tasks])
        for (numbers, _), found in zip(tasks, done, strict=True):
            for k, (history, state) in zip(numbers, found, strict=True):
                snapshot.put_back(models[k], state, "the trained model")
                history.model, models[k].history = models[k], history
                histories[k] = history
    return [histories[k] for k in range(len(models))]


def arguments(
    x: Any, y: Array, weight: Array | None, mine: Array | None, kept: Array | None, shared: Any
) -> dict[str, Any]:
    """What the fit of a model is given."""
    given = {"x": x, "y": y} | ({} if weight is None else {"sample_weight": weight})
    found = {name: array if mine is None else array[mine] for name, array in given.items()}
    if kept is not None and not shared.get("validation_split"):
        found["validation_data"] = x[kept], y[kept]
    found.update(shared)
    return found


def fit_group(
    models: Sequence[Any],
    trained: Sequence[Array | None],
    held_out: Sequence[Array | None],
    stack: bool,
    x: Any,
    y: Array,
    weight: Array | None,
    shared: dict[str, Any],
) -> list[History]:
    """Trains models one after the other, or those of one form together where that is quicker."""
    each_rows = zip(trained, held_out, strict=True)
    given = [arguments(x, y, weight, mine, kept, shared) for mine, kept in each_rows]
    found = None
    if stack:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            sources = [validation(model, **each) for model, each in zip(models, given, strict=True)]
        told = dict.fromkeys((str(each.message), each.category) for each in said)
        found = fit_together(models, x, y, weight, trained, sources, told, **shared)
    if found is None:
        each_fit = zip(models, given, strict=True)  # an own fit may call its arguments X and y
        found = [model.fit(each.pop("x"), each.pop("y"), **each) for model, each in each_fit]
    return found


def fit_apart(models: Sequence[Any], *rest: Any) -> list[tuple[History, dict[str, Any]]]:
    """``fit_group`` in another process or thread; the Histories and what training has changed."""
    *data, shared = rest
    told = {name: value for name, value in shared.items() if name == "callbacks"}
    models, told = copy.deepcopy((models, told))  # of which threads share parts
    histories = fit_group(models, *[*data, {**shared, **told}])
    for history in histories:
        history.model = None  # which need not travel
    return [(h, snapshot.take(model)) for h, model in zip(histories, models, strict=True)]


def fit_together(
    models: Sequence[Any],
    x: Array,
    y: Array,
    weight: Array | None,
    rows: Sequence[Array | None],
    held_out: Sequence[Source | None],
    warn_of: Iterable[tuple[str, type[Warning]]] = (),
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    shuffle: bool = True,
    class_weight: Any = None,
    on_divergence: str = "warn",
    after_epoch: AfterEpoch | None = None,
    alpha: float = 0.0,
    **known: Any,
) -> list[History] | None:
    """Trains models of one form in step; None if that is impossible or would not be quicker.

    ``warn_of`` is what the models' own fits would warn of, ``alpha`` α of a penalty ½ α Σ w² / N,
    over the weights that decay and the N samples of a batch.

    Raises:
        DivergenceError: A model has diverged: with ``on_divergence="raise"`` at once, and with
            ``"go on"`` when the others are through.
    """
    first, n = models[0], len(y)
    chosen = np.stack([np.arange(n) if each is None else each for each in rows])
    size = min(batch_size or 32, chosen.shape[1])
    work = 3.0 * size * first.parameters.values.size
    if work > TOGETHER_BELOW:
        return None
    used = np.unique(chosen)
    if len(used) < n:  # what nobody is trained on is not checked either
        x, y, weight = x[used], y[used], None if weight is None else weight[used]
        chosen = np.searchsorted(used, chosen)
    try:
        data = check(first, x, y, weight, class_weight)
        if first.metrics and data.given is not data.y:  # metrics are to see them as they were given
            return None
        X, targets = np.ascontiguousarray(data.X, first.dtype), np.ascontiguousarray(data.y)
        data = Data(X, targets, data.weight)
        for model, mine in zip(models, chosen, strict=True):
            if observing(model):
                observe(model, Batches(Data(X[mine], targets[mine]), size, model.dtype))
        together = StackedModels(
            models, data, chosen, held_out, size, shuffle, on_divergence, alpha
        )
    except (CannotStack, TypeError, ValueError):  # what a fit alone refuses, too, it says itself
        return None
    for text, kind in warn_of:
        console.warn(text, kind)
    params = {"epochs": int(epochs), "steps": -(-chosen.shape[1] // size), "verbose": verbose}
    params["validation"] = epochs > 0 and held_out[0] is not None
    with single_blas_threads():
        told = CallbackList(progress(verbose), first, params)
        histories = together.fit(range(int(epochs)), told, after_epoch)
    if on_divergence == "go on" and together.guard.message:
        raise DivergenceError(together.guard.message)
    return histories


def can_be_shared(arguments: dict[str, Any]) -> bool:
    """Whether models can be trained together with these arguments of ``fit``."""
    return arguments.keys() <= UNDERSTOOD and not arguments.get("callbacks")


def plain_training(model: Model) -> bool:
    """Whether a model's step is a recordable one and its optimizer's formula, and nothing else."""
    optimizer = model.optimizer
    return (
        replayable(model)
        and not model.penalizes
        and not optimizer.full_batch
        and from_here(optimizer)
        and not (optimizer.weight_decay or optimizer.use_ema or optimizer.gathers)
        and not optimizer.by_parameter
        and not any(p.constraint for p in model.parameters)
        and not has_learnt_mask(model.layers)  # models of one form then have other masks
    )


def validation(
    model: Any, validation_data: Any = None, workers: Any = None, **arguments: Any
) -> Source | None:
    """Makes all checks that ``fit`` makes before it begins, and changes nothing in the model.

    Returns:
        What the model is to be evaluated on. Nothing else of the plan is kept: it may hold a copy
        of the samples for each model.
    """
    if isinstance(validation_data, Iterator):  # it would be drawn from
        validation_data = None
    return plan_fit(model, validation_data=validation_data, **arguments).validation


def groups(models: Sequence[Model], rows: Sequence[Array | None]) -> list[list[int]]:
    """The numbers of the models that may be trained together: alike, on as many samples each."""
    found: list[tuple[Any, list[int]]] = []
    for k, (model, mine) in enumerate(zip(models, rows, strict=True)):
        kind = (None if mine is None else len(mine), form(model)) if plain_training(model) else k
        for other, group in found:
            if kind == other:
                group.append(k)
                break
        else:
            found.append((kind, [k]))
    return [group for _, group in found]
