"""What a classifier says about every point of the plane, with the samples it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.checks import check_integer
from backprop.core.durable import FilePath
from backprop.core.errors import NotCompiledError, said
from backprop.core.frames import check_labels
from backprop.core.functional import sigmoid, softmax
from backprop.core.own_functions import interval_of
from backprop.core.signatures import answered, check_function
from backprop.core.types import UNIT, Array
from backprop.plotting.classes import check_probabilities, class_indices, name_classes
from backprop.plotting.style import colours, finite_array, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = "os^DvPX"
_MARGIN = 0.08  # around the samples, as a share of their extent


class Plane(NamedTuple):
    """The plane of two inputs, and what a model says of it.

    Attributes:
        samples: ``(N, 2)``.
        classes: Their classes, ``(N,)``.
        across: The grid's places along the first input, ``(r,)``.
        up: Those along the second, ``(r,)``.
        share: The probabilities of the K classes at the points, row by row, ``(r*r, K)``.
        labels: What y calls the classes, where these are no indices.
    """

    samples: Array
    classes: Array
    across: Array
    up: Array
    share: Array
    labels: list[Any] | None


@answered
def decision_regions(
    predict: Any,
    X: Array,
    y: Array,
    class_names: Sequence[str] | None = None,
    resolution: int = 200,
    path: FilePath | None = None,
) -> Figure:
    """Draw the class that ``predict`` gives each point of the plane, paler where it is unsure.

    Args:
        predict: A model, whose outputs may be logits or the scores of a hinge if its loss takes
            them, an estimator, or a function that takes points ``(M, 2)`` and returns class
            probabilities ``(M, K)``, or the probability of class 1 ``(M,)`` or ``(M, 1)``, or
            classes ``(M,)``, as y has them.
        X: Samples ``(N, 2)``.
        y: Their classes ``(N,)``, as indices, as −1 and 1, or as the labels that an estimator was
            fitted to.
        class_names: Names of the classes, in their order; y's labels by default.
        resolution: Points along each side of the grid.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure, with one axes.

    Raises:
        ValueError: If shapes do not fit, or ``predict`` returns anything else.
        TypeError: If ``predict`` is neither a model nor a function.

    Example:
        >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
        >>> figure = bp.plotting.decision_regions(lambda points: points[:, 0] > points[:, 1], X, y)
    """
    samples, classes, across, up, share, labels = plane(predict, X, y, resolution)
    resolution, count = len(across), share.shape[1]
    names = name_classes(class_names, count, labels)
    shades = colours(count)
    from matplotlib.colors import to_rgb

    winner, certainty = share.argmax(axis=1), share.max(axis=1)
    # Certainty lies between 1/K (all classes alike) and 1; the colour gets stronger with it.
    strength = 0.1 + 0.4 * np.clip((certainty - 1 / count) / (1 - 1 / count), 0, 1)
    pure = np.array([to_rgb(shade) for shade in shades])[winner]  # (r*r, 3)
    tint = 1 - strength[:, None] * (1 - pure)

    figure = new_figure(6.5, 4.8)
    axes = figure.subplots()
    extent = (across[0], across[-1], up[0], up[-1])
    axes.imshow(
        tint.reshape(resolution, resolution, 3),
        origin="lower",
        extent=extent,
        aspect="auto",
        interpolation="bilinear",
    )
    for k in np.unique(winner) if count > 2 else [1]:
        # Where class k is as probable as the best other one, its region ends.
        lead = (share[:, k] - np.delete(share, k, axis=1).max(axis=1)).reshape(resolution, -1)
        if lead.min() < 0 < lead.max():
            axes.contour(across, up, lead, levels=[0], colors="0.35", linewidths=0.8)
    for k in np.unique(classes):
        axes.scatter(
            samples[classes == k, 0],
            samples[classes == k, 1],
            color=shades[k],
            marker=_MARKERS[k % len(_MARKERS)],
            s=26,
            edgecolors="white",
            linewidths=0.6,
            label=names[k],
        )
    axes.set(xlim=extent[:2], ylim=extent[2:], title="decision regions")
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    figure.legend(loc="outside right upper", frameon=False, title="class")
    return save(figure, path)


def plane(predict: Any, X: Array, y: Array, resolution: int) -> Plane:
    """What ``predict`` says of a grid of points around the samples; see ``decision_regions``."""
    model = getattr(predict, "__self__", predict)  # whose method it may be
    check_labels(X, getattr(model, "feature_names", None), "X")
    fitted = getattr(model, "feature_names_in_", None)  # of scikit-learn's estimators
    if fitted is not None:
        check_labels(X, tuple(fitted), "X", "the estimator was fitted to")
    predict = getattr(predict, "predict", predict)
    if not callable(predict):
        raise TypeError(
            f"predict must be a model, or a function of points such as model.predict, but it is "
            f"{said(predict)}."
        )
    check_function(predict, "X", "predict")
    samples = finite_array("X", X, 2)
    shape = getattr(model, "input_shape", None)
    if samples.shape[1] != 2 or shape not in (None, (2,)):
        takes = "" if shape in (None, (2,)) else f", and the model takes samples of shape {shape}"
        raise ValueError(
            f"X must have two columns, the axes of the plane, but has the shape {samples.shape}"
            f"{takes}: pass two columns, and for a model of more a function that adds the others, "
            f"such as lambda points: model.predict(np.c_[points, np.zeros((len(points), k))])."
        )
    labels = _labels_of(model, to_array(y, "y"))
    classes = class_indices("y", _as_indices(y, labels), len(samples))
    resolution = check_integer(resolution, "resolution", 2)
    low, high = np.nanmin(samples, axis=0), np.nanmax(samples, axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    across, up = np.linspace(low - margin, high + margin, resolution).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)  # (r, r, 2) -> (r*r, 2)
    if np.asarray(X).dtype.kind == "f":
        points = points.astype(np.asarray(X).dtype)
    answer = predict(points if fitted is None else _in_frame(points, X))
    found = _as_indices(_of_scores(model, answer, labels == [-1, 1]), labels)
    share = _as_probabilities(found, len(points), max(int(classes.max()) + 1, len(labels or [])))
    return Plane(samples, classes, across, up, share, labels)


def _labels_of(model: Any, y: Array) -> list[Any] | None:
    """The labels of the classes: those that an estimator knows, or −1 and 1; None of indices."""
    known: Any = getattr(model, "classes_", None)
    labels = np.asarray(known).tolist() if np.ndim(known) == 1 else [-1, 1]  # else of several y
    if labels == [-1, 1] and y.dtype.kind in "iufb" and not (y == -1).any():
        return None  # class indices, of which all may be 1
    return labels if _are_labels(y, labels) else None


def _are_labels(given: Array, labels: list[Any]) -> bool:
    """Whether all that was given are labels, one for each sample."""
    known = set(labels)
    alone = given.ndim == 1 or given.shape[1:] == (1,)
    return alone and all(each in known for each in given.ravel().tolist())


def _as_indices(given: Any, labels: list[Any] | None) -> Any:
    """Labels as their places among all of them; what else there is as it is."""
    array = np.asarray(given)
    if labels is None or not _are_labels(array, labels):
        return given
    return np.searchsorted(np.asarray(labels), array)


def _of_scores(model: Any, answer: Array, signs: bool) -> Array:
    """What a model answered, as probabilities if it is logits or scores.

    Its loss says so; a single output that learned −1 and 1 by any loss is a score, too.
    """
    if not hasattr(model, "layers"):  # an estimator's answers are labels or probabilities
        return answer
    with suppress(NotCompiledError):
        loss = model.loss.unjoined
        if getattr(loss, "from_logits", False):
            several = answer.shape[-1] > 1 and loss.outputs != "answers"
            return softmax(answer)[0] if several else sigmoid(answer)
        alone, hinge = answer.shape[-1] == 1, loss.decision_threshold == 0
        if (loss.outputs == "scores" or hinge or (signs and alone)) and not _ends_in_shares(model):
            return (np.clip(answer, -1, 1) + 1) / 2 if alone else softmax(answer)[0]
    return answer


def _ends_in_shares(model: Any) -> bool:
    """Whether the last layer's outputs lie between 0 and 1."""
    last = model.layers[-1]
    while getattr(last, "layers", None):  # of a chain
        last = last.layers[-1]
    return interval_of(last) == UNIT


def _in_frame(points: Array, X: Any) -> Any:
    """The points in a frame with the columns of X, which a pipeline may choose by name."""
    if hasattr(X, "iloc"):  # pandas
        return type(X)(points, columns=X.columns)
    return type(X)(points, schema=X.columns) if hasattr(X, "iter_columns") else points  # Polars


def _as_probabilities(answer: Array, points: int, classes: int) -> Array:
    """Return what ``predict`` answered as probabilities ``(points, K)``, K at least 2."""
    array = np.asarray(answer)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"predict must return probabilities or class indices, but returned {array.flat[0]!r}, "
            f"…: number the classes as in y."
        )
    if array.shape == (points, 1):
        array = array[:, 0]
    if array.shape == (points,) and array.dtype.kind in "iub":
        indices = class_indices("predict(points)", array, points)
        return np.eye(max(classes, int(indices.max()) + 1, 2))[indices]
    found = array
    if array.shape == (points,):
        array = np.stack([1 - array, array], axis=1)
    if array.ndim != 2 or len(array) != points or array.shape[1] < classes:
        raise ValueError(
            f"predict must return probabilities ({points}, K) for at least the {classes} classes "
            f"in y, or ({points},) for two, but returned the shape {np.shape(answer)}."
        )
    if np.isnan(array).any():
        raise ValueError("predict returned nan: the training of the model may have diverged.")
    code = "predict(points).argmax(axis=1)"
    if found.ndim == 1:
        code = "predict(points) > 0 if it learned -1 and 1, predict(points) > 0.5 if 0 and 1"
    advice = f"apply a softmax or sigmoid to logits, and of other outputs return the class, {code}"
    check_probabilities(found, "predict must return probabilities", advice)
    return array
