"""The arguments of ``fit_many``, every mistake found before the first model is trained."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from backprop import callbacks as callback_classes
from backprop.callbacks import Callback
from backprop.core.arrays import as_numbers, to_array
from backprop.core.checks import check_list
from backprop.core.errors import ShapeError, said
from backprop.core.frames import check_columns
from backprop.core.lookup import is_function
from backprop.core.ranges import check_finite
from backprop.core.readable import NUMBERS
from backprop.core.types import Array, is_sparse
from backprop.data.inputs import as_csr
from backprop.data.sources import check
from backprop.layers import Layer
from backprop.layers.block import Block, walk


def checked_models(models: Any) -> list[Any]:
    """The models as a list.

    Raises:
        TypeError: There is something else among them.
        ValueError: A model comes twice, or two have one optimizer.
        NotCompiledError: One is not compiled.
    """
    if is_function(models) and not hasattr(models, "compiled"):
        raise TypeError(
            f"models must be a list of compiled models, but it is {said(models)}: call what makes "
            f"one, as in [build() for _ in range(10)]."
        )
    found = check_list(models, "models")
    for model in found:
        if isinstance(model, type) or not hasattr(model, "compiled"):
            raise TypeError(f"models must hold compiled models, but one of them is {said(model)}.")
    if len({id(model) for model in found}) < len(found):
        raise ValueError("models holds one model twice: pass a model for each training.")
    if len({id(model.optimizer) for model in found}) < len(found):
        raise ValueError(
            "two of the models have the same optimizer, which keeps the state of one training: "
            "compile each model with an optimizer of its own."
        )
    return found


def checked_shared(arguments: Mapping[str, Any], n_models: int) -> dict[str, Any]:
    """What every model's ``fit`` is given, callbacks as a list.

    Raises:
        TypeError: The callbacks are no list.
        ValueError: Something can serve the training of one model alone, and there are several.
    """
    found = dict(arguments)
    if "callbacks" in found:
        found["callbacks"] = checked_callbacks(found["callbacks"], n_models)
    once = isinstance(arguments.get("validation_data"), Iterator)
    if once and n_models > 1 and arguments.get("validation_steps") is None:
        raise ValueError(
            "validation_data is a generator, which would be used up by the first model: give "
            "validation_steps too, or a function that returns a new generator."
        )
    return found


def checked_callbacks(callbacks: Any, n_models: int) -> list[Callback]:
    """The callbacks of several trainings as a list.

    Raises:
        TypeError: They are no list.
        ValueError: A ``BackupAndRestore`` is among them.
    """
    found = check_list(callbacks, "callbacks")
    if n_models > 1 and any(isinstance(each, callback_classes.BackupAndRestore) for each in found):
        raise ValueError(
            f"callbacks holds a BackupAndRestore, which keeps the state of one training, but there "
            f"are {n_models} models, and each would go on from another's: leave it out, or train "
            f"each model by itself, with a backup_dir of its own."
        )
    return found


def checked_samples(
    x: Any, y: Any, weight: Any, n_models: int = 0
) -> tuple[Any, Array, Array | None]:
    """Inputs, targets and weights as arrays with as many rows.

    Raises:
        TypeError: x is no array.
        ShapeError: Their lengths differ, or they are lists of the arrays of each model.
    """
    each_its_own = n_models > 1 and all(
        isinstance(each, list | tuple) and len(each) == n_models for each in (x, y)
    )
    if each_its_own and all(
        len(getattr(a, "shape", ())) > 1 and a.shape[:1] == np.shape(b)[:1]
        for a, b in zip(x, y, strict=True)
    ):
        raise ShapeError(
            f"x and y hold an array for each of the {n_models} models, but are the samples of all: "
            f"pass whole arrays, and rows=[…] with the numbers of each model's samples."
        )
    if (callable(x) or isinstance(x, Iterator)) and not hasattr(x, "shape"):
        raise TypeError(f"x must be an array for several models, but it is {said(x)}.")
    x, y = as_numbers(x, "x", sparse=True), to_array(y, "y")
    if x.ndim == 0 or y.ndim == 0 or x.shape[0] != len(y):
        raise ShapeError(
            f"x has the shape {x.shape}, but y has the shape {y.shape}: pass one target for each "
            f"sample."
        )
    if weight is not None:
        weight = as_numbers(weight, "sample_weight")
        if weight.shape[:1] != y.shape[:1]:
            raise ShapeError(
                f"sample_weight must hold one number for each of the {len(y)} samples, but its "
                f"shape is {weight.shape}."
            )
    return as_csr(x, "x") if is_sparse(x) else x, y, weight


def checked_rows(rows: Any, name: str, n_models: int, n: int) -> list[Array | None]:
    """An array of sample numbers for each model, None for all or none.

    Raises:
        ValueError: There is not one for each model, or a number is no sample's.
    """
    if rows is None:
        return [None] * n_models
    found = [to_array(each, name) for each in check_list(rows, name)]
    if len(found) != n_models:
        raise ValueError(
            f"{name} must hold one vector of sample numbers for each of the {n_models} models, but "
            f"it holds {len(found)}."
        )
    for k, each in enumerate(found):
        if each.ndim != 1 or each.dtype.kind not in "iu" or not each.size:
            raise ValueError(
                f"{name} must hold vectors of sample numbers, but {name}[{k}] has the shape "
                f"{each.shape} and the dtype {each.dtype}: np.flatnonzero makes numbers of a mask."
            )
        if each.min() < 0 or each.max() >= n:
            raise ValueError(
                f"{name} must hold sample numbers from 0 to {n - 1}, but {name}[{k}] runs from "
                f"{each.min()} to {each.max()}."
            )
    return [each.astype(np.intp) for each in found]


@contextmanager
def columns_of(models: Sequence[Any], x: Any) -> Iterator[None]:
    """Has the models know the columns of a frame, as those of validation data must be the same.

    Where the call fails they know what they knew before.

    Raises:
        ValueError: A model was trained on other columns.
    """
    before = [model.feature_names for model in models]
    labels = [check_columns(x, model) for model in models]
    try:
        for model, known in zip(models, labels, strict=True):
            model.feature_names = known
        yield
    except BaseException:
        for model, known in zip(models, before, strict=True):
            model.feature_names = known
        raise


@contextmanager
def of_all(
    x: Any, y: Array, weight: Array | None, rows: Sequence[Array | None], models: Sequence[Any]
) -> Iterator[None]:
    """Has errors about text, gaps and what is not finite name their rows among all samples.

    Args:
        x: Inputs, as for the next two.
        y: Targets.
        weight: Weights, if there are any.
        rows: The rows that are used; None stands for all or none.
        models: The models, the first of which says the dtype.
    """
    try:
        yield
    except (TypeError, ValueError):
        if y.dtype.kind not in NUMBERS:
            check(models[0], x, y, weight)
        found = [each for each in rows if each is not None]
        used = np.unique(np.concatenate(found)) if found else np.arange(len(y))
        dtype = models[0].dtype
        check_finite(x[used], "x holds", dtype, used)
        for array, name in ((y, "y"), (weight, "sample_weight")):
            if array is not None:
                check_finite(array[used], f"{name} holds", dtype, used)
        raise


def built(build: Callable[..., Any], settings: Iterable[Mapping[str, Any]]) -> list[Any]:
    """A new model for each of the settings.

    Raises:
        TypeError: ``build`` returns something else.
        ValueError: It returns the same model twice, or a metric of one is a list of numbers.
    """
    models = [build(**each) for each in settings]
    for model in models:
        if isinstance(model, type) or not hasattr(model, "compiled"):
            raise TypeError(f"build returned {said(model)}: let it return the model.")
    if len({id(model) for model in models}) < len(models):
        raise ValueError("build returned the same model twice: let it make a new one.")
    refuse_lists(models)
    return models


def refuse_lists(models: Sequence[Any]) -> None:
    """Refuses metrics whose results are lists: scores are compared, and averaged over the folds.

    Raises:
        ValueError: There is one.
    """
    for metric in getattr(models[0], "metrics", ()):
        if metric.several:
            raise ValueError(
                f"{metric!r} gives a list of numbers, but there must be one for each fold: "
                f"take an average, a class_id or one threshold."
            )


def has_learnt_mask(layers: Sequence[Layer]) -> bool:
    """Whether a layer that learns comes before one that makes a mask of its input."""
    learns = False
    for _, layer in walk(layers):
        if not isinstance(layer, Block):  # whose layers follow
            if layer.makes_mask and learns:
                return True
            learns = learns or bool(layer.parameters)
    return False
