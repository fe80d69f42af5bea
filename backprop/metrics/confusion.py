"""The confusion matrix: how often each class was taken for each."""

from typing import Any

import numpy as np

from backprop.core.array_errors import numbering
from backprop.core.arrays import to_array
from backprop.core.checks import check_integer
from backprop.core.errors import ON_THE_LAST_AXIS, ShapeError
from backprop.core.ranges import check_one_class
from backprop.core.signatures import answered
from backprop.core.types import Array

STEPS = (
    ": of classes for each step or pixel pass {name}.ravel(), of rows {name}.reshape(-1, K), and "
    f"the other alike; {ON_THE_LAST_AXIS}"
)
"""What to do about predictions that have further axes."""

MOST = 1 << 15
"""Classes whose matrix still fits into memory, at 8 GB."""


@answered
def confusion_matrix(y_true: Any, y_pred: Any, n_classes: int | None = None) -> Array:
    """C with C[i, j] the number of samples of class i that were predicted as class j.

    ``plotting.confusion_matrix`` draws it.

    Args:
        y_true: The true classes: indices ``(N,)`` or one-hot rows ``(N, K)``; for K answers to K
            questions draw up a matrix for each column.
        y_pred: The predicted ones: likewise, or what ``model.predict`` returned. Of rows the
            largest entry counts; probabilities in a single column are class 1 above ½. With rows
            for each step or pixel, shape ``(N, …, K)``, all of these are counted, padding too.
        n_classes: K; by default as many as the two need.

    Returns:
        Integers of shape ``(K, K)``.

    Raises:
        ShapeError: The two have different lengths, or are no rows at all.
        ValueError: An index is no whole number from 0 to K − 1, or 32,768 or more, a row of
            ``y_true`` names several classes or none, a row has a nan, or a single column holds no
            probabilities.

    Example:
        >>> bp.metrics.confusion_matrix([0, 0, 1], [0, 1, 1])  # one 0 was taken for a 1
        array([[1, 1],
               [0, 1]])
    """
    y_true, y_pred = one_after_another(y_true, y_pred)
    text = [y.dtype.kind not in "fiub" for y in (y_true, y_pred)]
    both = "np.append(y_true, y_pred)" if all(text) else ""
    true = as_classes(y_true, "y_true", scores=False, both=both)
    guess = as_classes(y_pred, "y_pred", both=both)
    if len(true) != len(guess):
        raise ShapeError(
            f"y_true and y_pred must be of one length, but they are {len(true)} and {len(guess)}."
        )
    widths = [np.shape(y)[1] for y in (y_true, y_pred) if np.ndim(y) == 2 and np.shape(y)[1] > 1]
    largest = max(true.max(initial=-1), guess.max(initial=-1))
    needed = int(max([largest + 1, *widths]))
    K = needed if n_classes is None else check_integer(n_classes, "n_classes")
    if largest >= K:
        raise ValueError(f"n_classes is {K}, but there is a class {largest}: it must be larger.")
    counts = np.bincount(true * K + guess, minlength=K * K)
    return counts.reshape(K, K)


def one_after_another(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Both as arrays, those of steps or pixels with a sample for each: ``(N, …, K)`` as rows.

    Whole numbers of three axes may be rows or classes: they stay as they are, to be refused.
    """
    Y, P = to_array(y_true, "y_true"), to_array(y_pred, "y_pred")
    each = P.shape[:-1]
    scores = P.ndim > 2 and P.dtype.kind == "f" and (np.floor(P) != P).any()
    if scores and Y.shape in (each, (*each, 1), P.shape):
        return Y.reshape(-1, *Y.shape[len(each) :]), P.reshape(-1, P.shape[-1])
    return Y, P


def as_classes(Y: Array, name: str, scores: bool = True, both: str = "") -> Array:
    """Class indices ``(N,)`` from indices or from rows.

    Args:
        Y: Indices ``(N,)`` or rows ``(N, K)``.
        name: What they are called in error messages.
        scores: Whether floats in rows may be scores, of which the first of the largest counts.
        both: The code for all labels, for the error message, if there are others beside these.
    """
    code = f"np.asarray({name})"  # of a list or a frame, too
    if Y.ndim in (1, 2) and Y.dtype.kind == "f" and (lost := np.isnan(Y)).any():
        row = np.argwhere(lost)[0, 0]
        raise ValueError(f"{name} has a nan in row {row}, which names no class.")
    if Y.ndim == 2:
        if Y.shape[1] == 1:
            Y = Y[:, 0]
            if scores and Y.dtype.kind == "f" and (np.floor(Y) != Y).any():  # no indices
                if not 0 <= Y.min() <= Y.max() <= 1:
                    raise ValueError(
                        f"{name} must be probabilities from 0 to 1 if it is one column, but it "
                        f"runs from {Y.min():.4g} to {Y.max():.4g}: of logits pass {code} > 0."
                    )
                Y = Y > 0.5
        elif Y.shape[1]:
            if not scores and not np.isin(Y, (0, 1)).all():
                advice = "pass the true classes first, and what the model predicted second"
                if Y.dtype.kind in "iu":
                    advice += f"; of a class for each step pass {name}.ravel()"
                raise ValueError(
                    f"{name} must hold one-hot rows of 0 and 1, or class indices, but it holds "
                    f"others: {advice}."
                )
            if not (scores and Y.dtype.kind == "f"):
                advice = f"for answers to several questions take {code}[:, k], one after the other."
                check_one_class(Y, name, advice)
            Y = Y.argmax(axis=1)
    if Y.ndim != 1:
        raise ShapeError(
            f"{name} must hold class indices (N,) or rows (N, K), but its shape is {Y.shape}"
            f"{STEPS.format(name=name) * (Y.ndim > 2)}."
        )
    numbers = Y.dtype.kind in "fiub"
    if not numbers or not np.isfinite(Y).all() or (Y < 0).any() or (Y % 1).any():
        advice = "for probabilities of one output pass (probabilities > 0.5)"
        if not numbers:
            such = f"{Y.flat[0]!s:.20} and the like"
            advice = f"number what is {such}, for example with {numbering(Y, name, both)}"
            if both:
                codes = " and ".join(numbering(Y, each, both) for each in ("y_true", "y_pred"))
                advice = f"number what is {such} in both alike, with {codes}"
        elif (Y < 0).any() and not (Y % 1).any():
            advice = f"of labels -1 and 1 pass {code} > 0, and leave out what names no class"
        elif (Y < 0).any():
            advice = f"of logits of one output pass {code} > 0"
        raise ValueError(f"{name} must hold class indices, whole numbers from 0 on: {advice}.")
    if (largest := int(Y.max(initial=0))) >= MOST:
        raise ValueError(
            f"{name} holds a class {largest}, and there would be a row and a column for each from "
            f"0 on: with ids = np.union1d(y_true, y_pred), pass np.searchsorted(ids, y_true) and "
            f"np.searchsorted(ids, y_pred)."
        )
    return Y.astype(np.intp)
