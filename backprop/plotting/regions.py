"""What a classifier says about every point of the plane, with the samples it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.durable import FilePath
from backprop.core.errors import NotCompiledError, said
from backprop.core.frames import check_labels
from backprop.core.functional import sigmoid, softmax
from backprop.core.signatures import answered, check_function
from backprop.core.types import Array
from backprop.plotting.style import (
    check_probabilities,
    class_indices,
    colours,
    finite_array,
    name_classes,
    new_figure,
    save,
)

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
    """

    samples: Array
    classes: Array
    across: Array
    up: Array
    share: Array


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
        predict: A model, whose outputs may be logits if its loss takes them, an estimator, or a
            function that takes points ``(M, 2)`` and returns class probabilities ``(M, K)``, or the
            probability of class 1 ``(M,)`` or ``(M, 1)``, or class indices (integers) ``(M,)``.
        X: Samples ``(N, 2)``.
        y: Their classes ``(N,)``, as indices.
        class_names: Names of the classes; their indices by default.
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
    samples, classes, across, up, share = plane(predict, X, y, resolution)
    resolution, count = len(across), share.shape[1]
    names = name_classes(class_names, count)
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
    if samples.shape[1] != 2:
        raise ValueError(
            f"X must have two columns, the axes of the plane, but has the shape {samples.shape}."
        )
    classes = class_indices("y", y, len(samples))
    resolution = check_integer(resolution, "resolution", 2)
    low, high = np.nanmin(samples, axis=0), np.nanmax(samples, axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    across, up = np.linspace(low - margin, high + margin, resolution).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)  # (r, r, 2) -> (r*r, 2)
    if np.asarray(X).dtype.kind == "f":
        points = points.astype(np.asarray(X).dtype)
    answer = _of_logits(model, predict(points if fitted is None else _in_frame(points, X)))
    share = _as_probabilities(answer, len(points), int(classes.max()) + 1)
    return Plane(samples, classes, across, up, share)


def _of_logits(model: Any, answer: Array) -> Array:
    """What a model answered, as probabilities if its loss takes that for logits."""
    with suppress(NotCompiledError):
        loss = getattr(model, "loss", None)
        if getattr(loss, "from_logits", False):
            several = answer.shape[-1] > 1 and getattr(loss, "outputs", None) != "answers"
            return softmax(answer)[0] if several else sigmoid(answer)
    return answer


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
            f"…: of a classifier with labels pass its predict_proba, and y as "
            f"np.unique(y, return_inverse=True)[1]."
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
    check_probabilities(found, "predict must return probabilities")
    return array
