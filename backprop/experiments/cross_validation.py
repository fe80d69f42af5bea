"""k-fold cross-validation: every sample is held out once."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.checks import check_integer
from backprop.core.frozen import of_result
from backprop.core.signatures import answered, check_function
from backprop.core.types import Array, is_sparse
from backprop.data.inputs import as_csr
from backprop.experiments.checked import built, refuse_lists
from backprop.experiments.many import fit_many
from backprop.training.history import History


@of_result
@dataclass(frozen=True)
class CrossValidation:
    """What the folds gave; prints as a table.

    Attributes:
        histories: The History of each fold, with the held-out numbers as ``val_…``.
        models: The trained model of each fold.
        held_out: The rows that each fold held out.
        scores: For each number that ``evaluate`` gives the values of the folds, shape ``(folds,)``.

    Example:
        >>> def build():
        ...     model = bp.Sequential([bp.layers.Dense(3), bp.layers.Softmax()], seed=0)
        ...     model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        ...     return model
        >>> (X, y), _ = bp.datasets.load_iris()
        >>> result = bp.cross_validate(build, X, y, folds=3, epochs=5)
        >>> sorted(result.scores), len(result.models), len(result.held_out[0])
        (['accuracy', 'loss'], 3, 40)
    """

    histories: list[History]
    models: list[Any]
    held_out: list[Array]
    scores: dict[str, Array]

    def __repr__(self) -> str:
        width = max(map(len, self.scores))
        folds = len(self.histories)
        lines = [f"{folds} folds, each held out once: mean ± standard deviation over the folds"]
        for name, values in self.scores.items():
            mean, spread = mean_and_spread(values)
            lines.append(f"{name:<{width}}  {mean:.4f} ± {spread:.4f}")
        return "\n".join(lines)


def mean_and_spread(scores: Array) -> tuple[Any, Any]:
    """Mean and standard deviation over the folds, the last axis; folds may have diverged."""
    with np.errstate(invalid="ignore", over="ignore"):
        return scores.mean(axis=-1), scores.std(axis=-1, ddof=1)


@answered
def cross_validate(
    build: Callable[[], Any],
    X: Any,
    y: Any,
    folds: int = 5,
    seed: int = 0,
    verbose: int = 0,
    executor: Executor | None = None,
    **fit_arguments: Any,
) -> CrossValidation:
    """Trains a new model for each fold on the other folds, and evaluates it on the fold.

    Small models are trained together (see ``fit_many``), with the results that each would have had.
    Where y are classes (integers, or one-hot rows) every fold has their proportions.

    Args:
        build: Returns a new compiled model, ``lambda: make_model()``; called once for each fold.
        X: Inputs: an array, or a matrix of ``scipy.sparse``.
        y: Targets.
        folds: How many parts the samples are cut into.
        seed: Determines the cut: the same seed gives the same folds.
        verbose: As for ``fit``.
        executor: Shares the folds out to other processes (see ``fit_many``).
        **fit_arguments: What else ``fit`` is to be given, such as ``epochs=20``. Weights count in
            the training, and not in the scores.

    Returns:
        Histories, models and scores of the folds.

    Raises:
        ValueError: There are fewer samples than folds, or ``build`` returns the same model twice.
        TypeError: ``build`` is no function.

    Example:
        >>> def build():
        ...     model = bp.Sequential([bp.layers.Dense(3), bp.layers.Softmax()], seed=0)
        ...     model.compile(bp.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
        ...     return model
        >>> (X, y), _ = bp.datasets.load_iris()
        >>> result = bp.cross_validate(build, X, y, folds=5, epochs=20)
        >>> result.scores["loss"].shape, bool(result.scores["loss"].mean() < 0.2)
        ((5,), True)
    """
    check_function(build, "", "build")
    x, targets, held_out, rest = folded(X, y, folds, seed)
    models = built(build, [{}] * len(rest))
    histories = fit_many(
        models,
        X,
        targets,
        rows=rest,
        validation_rows=held_out,
        verbose=verbose,
        executor=executor,
        **fit_arguments,
    )
    return CrossValidation(histories, models, held_out, scores_of(models, x, targets, held_out))


def folded(X: Any, y: Any, folds: int, seed: int) -> tuple[Any, Array, list[Array], list[Array]]:
    """Inputs and targets as arrays, the rows that each fold holds out, and those that it does not.

    Raises:
        ValueError: There are fewer samples than folds, or not as many targets.
    """
    folds, seed = check_integer(folds, "folds", 2), check_integer(seed, "seed", 0)
    X, y = as_csr(X, "X") if is_sparse(X) else to_array(X, "X"), to_array(y, "y")
    if X.ndim == 0 or y.ndim == 0 or len(y) != X.shape[0] or len(y) < folds:
        raise ValueError(
            f"X has the shape {X.shape} and y {y.shape}: pass one target for each sample, and at "
            f"least as many samples as folds ({folds})."
        )
    held_out = cut(y, folds, seed)
    rest = [np.concatenate(held_out[:k] + held_out[k + 1 :]) for k in range(folds)]
    return X, y, held_out, rest


def scores_of(models: list[Any], X: Any, y: Array, held_out: list[Array]) -> dict[str, Array]:
    """Each number that ``evaluate`` gives of all models, of every one on its held-out rows."""
    refuse_lists(models)  # once more: of a metric of one's own it shows in training
    logs = [
        model.evaluate(X[rows], y[rows], return_dict=True)
        for model, rows in zip(models, held_out, strict=True)
    ]
    shared = [name for name in logs[0] if all(name in each for each in logs)]
    return {name: np.array([each[name] for each in logs]) for name in shared}


def cut(y: Array, folds: int, seed: int) -> list[Array]:
    """The row numbers of every fold, at random, with the proportions of the classes if y are any.

    The samples are put in random order and sorted by class; dealt out in turn like cards, every
    fold gets its share of each class.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    classes = None
    if y.size == len(y) and y.dtype.kind in "iub":
        classes = y.ravel()
    elif y.ndim == 2 and np.isin(y, (0, 1)).all() and (np.count_nonzero(y, axis=1) == 1).all():
        classes = y.argmax(axis=1)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    return [np.sort(order[k::folds]) for k in range(folds)]
