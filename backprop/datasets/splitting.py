"""Splits samples into a training and a test part, and scales both by the training part alone."""

from typing import Any

import numpy as np
import numpy.typing as npt

from backprop.core.array_errors import check_one_kind, check_present, one_hot_rows
from backprop.core.arrays import asarray, to_array
from backprop.core.checks import check_integer, check_share
from backprop.core.errors import ShapeError
from backprop.core.frames import check_alike
from backprop.core.readable import columns_of, read, readable
from backprop.core.signatures import answered
from backprop.core.types import Array, Shape, is_sparse

Parts = tuple[tuple[Array, Array], tuple[Array, Array]]
"""What every loader returns: ``(X, y), (X_test, y_test)``."""


@answered
def stratified_split(
    X: npt.ArrayLike, y: npt.ArrayLike, test_fraction: float = 0.2, seed: int = 0
) -> Parts:
    """Splits samples at random into a training and a test part with the same class proportions.

        n_test(c) = round(test_fraction · n(c))   of each class c, but never none or all of it

    Both parts come in random order, so that a further cut at any row (``validation_split``) meets
    all the classes again.

    Args:
        X: Samples, ``(N, …)``.
        y: Class of each sample, ``(N,)``.
        test_fraction: Part of the samples to put aside for the test, between 0 and 1.
        seed: Seed of the permutations: the same seed gives the same split.

    Returns:
        ``(X, y), (X_test, y_test)``, copies of the rows.

    Raises:
        ShapeError: ``y`` is not one column as long as ``X``.
        TypeError: ``test_fraction`` is not a number, or classes are of several kinds.
        ValueError: ``test_fraction`` is not between 0 and 1, ``seed`` is no integer of 0 or more,
            a class is missing, or has fewer than two samples, so that it cannot be in both parts.

    Example:
        >>> X, y = np.arange(10), np.repeat([0, 1], 5)
        >>> (X, y), (X_test, y_test) = bp.datasets.stratified_split(X, y, test_fraction=0.4)
        >>> np.bincount(y), np.bincount(y_test)
        (array([3, 3]), array([2, 2]))
    """
    as_classes = to_array if columns_of(y) is None else any_array  # a column of text is told below
    given, X, y = y, any_array(X, "X"), as_classes(y, "y")
    if y.ndim != 1:
        raise ShapeError(
            f"stratified_split needs one class a sample in y, of shape (N,), but received shape "
            f"{y.shape}: pass np.argmax({one_hot_rows(given, 'y')}, axis=1) for one-hot rows, "
            f"np.ravel(y) for a single column."
        )
    if X.ndim == 0 or len(X) != len(y):
        raise ShapeError(
            f"stratified_split needs as many rows in X as classes in y, but received X of shape "
            f"{X.shape} and {len(y)} classes: pass one class for each row."
        )
    if len(y) == 0:
        raise ValueError("stratified_split received no samples: pass at least two of each class.")
    if y.dtype.kind == "O":
        check_one_kind(y, "y")
    else:
        check_present(y, "y")
    test_fraction = check_share(test_fraction, "test_fraction", ends=False)
    rng = np.random.default_rng(check_integer(seed, "seed", 0))
    train, test = [], []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        if len(rows) < 2:
            raise ValueError(
                f"stratified_split needs at least two samples of every class, but y holds "
                f"{len(rows)} of class {label}: leave that class out, or pass classes, not values."
            )
        n_test = min(max(round(test_fraction * len(rows)), 1), len(rows) - 1)
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    # Until now the classes stand one after the other.
    train_rows = rng.permutation(np.concatenate(train))
    test_rows = rng.permutation(np.concatenate(test))
    return (X[train_rows], y[train_rows]), (X[test_rows], y[test_rows])


def any_array(x: Any, name: str) -> Array:
    """An array of anything, as only rows of it are taken: what is masked stays so.

    Raises:
        TypeError: It is no array and cannot be made one.
    """
    x = read(x)
    columns = columns_of(x)
    if is_sparse(x) or not (readable(x) or columns is not None):
        return to_array(x, name)  # which says why not
    if hasattr(x, "combine_chunks") and any(column.null_count for _, column in columns or ()):
        return to_array(x, name)  # NumPy may be given other numbers for gaps of PyArrow's
    return asarray(x, name) if columns is None else np.asanyarray(x)


@answered
def standardize(X: npt.ArrayLike, *others: npt.ArrayLike) -> tuple[Array, ...]:
    """Brings every feature of ``X`` to mean 0 and standard deviation 1, and ``others`` alike.

        X′ = (X − μ) / σ      with μ, σ of each feature over the rows of X alone

    Pass the training inputs first: ``X, X_test = standardize(X, X_test)``. The test inputs then
    have no part in μ and σ. A feature that is constant in ``X`` is divided by 1.

    Args:
        X: Training inputs, ``(N, …)``; they alone give μ and σ.
        *others: More inputs with the same features, ``(M, …)``.

    Returns:
        The scaled arrays, as many as were passed. The arithmetic is in float64; a floating-point
        array keeps its dtype, any other becomes float64.

    Raises:
        TypeError: An array does not hold real numbers.
        ShapeError: ``X`` has no rows, or another array has other features.
        ValueError: ``X`` holds NaN or an infinity, which would spoil a whole feature, or its
            squares overflow, or underflow; or another frame has other columns, or another order.

    Example:
        >>> X, X_test = bp.datasets.standardize(np.array([[1.0], [3.0]]), np.array([[5.0]]))
        >>> X, X_test
        (array([[-1.],
               [ 1.]]), array([[3.]]))
    """
    arrays = [
        to_array(array, "X" if not k else f"others[{k - 1}]")
        for k, array in enumerate((X, *others))
    ]
    for k, other in enumerate(others):
        check_alike(X, "X", other, f"others[{k}]")
    X = arrays[0]
    for array in arrays:
        if array.dtype.kind not in "fiub":
            found = "text or other objects" if array.dtype == object else f"dtype {array.dtype}"
            raise TypeError(
                f"standardize needs arrays of real numbers, received {found}: turn names and "
                f"categories into numbers first."
            )
        if array.ndim == 0 or array.shape[1:] != X.shape[1:]:
            raise ShapeError(
                f"standardize needs the same features in every array, but received shape "
                f"{array.shape} beside X of shape {X.shape}: pass rows with the features of X."
            )
    if len(X) == 0:
        raise ShapeError(f"standardize needs at least one row in X, received shape {X.shape}.")
    if not np.isfinite(X).all():
        raise ValueError(
            "X holds NaN or infinite values, which would spoil the mean of their feature: "
            "fill them in or leave those samples out."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        std = X.std(axis=0, dtype=np.float64)
    if not np.isfinite(std).all():
        raise ValueError("the squares of X overflow in float64: divide X by its largest number.")
    # Rounding gives a constant feature a std of about 1e-17 instead of 0: compare the values.
    constant = X.max(axis=0) == X.min(axis=0)
    if np.any((std == 0) & ~constant):
        raise ValueError(
            "the standard deviation of a feature of X that is not constant is 0 in float64: "
            "subtract its smallest number first, or divide it by a number of its size."
        )
    std = np.where(constant, 1.0, std)
    mean = X.mean(axis=0, dtype=np.float64)
    return tuple(
        ((array - mean) / std).astype(array.dtype if array.dtype.kind == "f" else np.float64)
        for array in arrays
    )


def as_images(parts: Parts, shape: Shape) -> Parts:
    """Give the flattened images of both parts their shape back, ``(H, W, C)`` each."""
    (X, y), (X_test, y_test) = parts
    return (X.reshape(-1, *shape), y), (X_test.reshape(-1, *shape), y_test)
