"""What a classifier got right and wrong: single images, and counts for each pair of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backprop.core.arrays import as_numbers, to_array
from backprop.core.checks import check_flag, check_integer
from backprop.core.durable import FilePath
from backprop.core.errors import said
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.classes import check_probabilities, class_indices, name_classes
from backprop.plotting.style import MISTAKE, finite_array, fold, ink, new_figure, save, slant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 8.0  # inches
_GAP = 0.12  # between images, as a share of an image's width
_SMALLEST = 4.5  # points: captions that are too long in letters of this size are broken into lines
_MOST_NUMBERED = 20  # classes; above that the numbers in the cells would be too small to read


@answered
def predictions_grid(
    images: Array,
    labels: Array,
    predictions: Array,
    probabilities: Array | None = None,
    class_names: Sequence[str] | None = None,
    columns: int = 10,
    path: FilePath | None = None,
) -> Figure:
    """Draw images in rows, the prediction above each; mistakes are framed red with the truth.

    Args:
        images: Grey images ``(N, h, w)``, ``(N, h, w, 1)``, or flat square ones ``(N, h*h)``, or
            images in colour, ``(N, h, w, 3)``.
        labels: The true classes ``(N,)``, as indices.
        predictions: The predicted classes ``(N,)``, as indices.
        probabilities: The model's output, ``(N, K)``, or ``(N, 1)`` of a single sigmoid; or the
            probability of each prediction ``(N,)``. Where these are above ½ for all predictions
            of class 1, and for none of class 0, and there are no other classes, they are those of
            class 1. It is written beside the prediction.
        class_names: Names of the classes; their indices by default.
        columns: Images in a row.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure, with one axes that holds all images.

    Raises:
        ValueError: If shapes do not fit together or a class has no name.

    Example:
        >>> (X, y), _ = bp.datasets.load_digits()
        >>> figure = bp.plotting.predictions_grid(X[:20], y[:20], predictions=y[:20])
    """
    pictures = _as_pictures(images)
    count, height, width = pictures.shape[:3]
    both = "np.append(labels, predictions)"
    truth = class_indices("labels", labels, count, both)
    guess = class_indices("predictions", predictions, count, both)
    names = name_classes(class_names, int(max(truth.max(), guess.max())) + 1)
    sure = _probability_of(guess, probabilities, len(names))
    columns = min(check_integer(columns, "columns"), count)
    rows = math.ceil(count / columns)

    tile = min(_WIDTH / columns, 1.6)  # inches from image to image
    captions = [
        fold(
            _caption(names[g], names[t], None if sure is None else sure[i]), 0.85 * tile, _SMALLEST
        )
        for i, (g, t) in enumerate(zip(guess, truth, strict=True))
    ]
    longest = max(len(line) for caption in [*captions, "-"] for line in caption.split("\n"))
    # A letter is about 0.6 of the font size wide; 72 points are an inch.
    size = min(9.0, max(_SMALLEST, 72 * tile / (0.6 * longest)))
    # From here on an image and the gap beside it are 1 wide.
    tall = (1 - _GAP) * height / width
    lines = [
        max(caption.count("\n") + 1 for caption in captions[row * columns : (row + 1) * columns])
        for row in range(rows)
    ]
    headroom = np.array(lines) * 1.35 * size / 72 / tile + _GAP
    bottoms = np.cumsum(headroom + tall)

    figure = new_figure(max(tile * columns, 3.0), tile * (bottoms[-1] + _GAP) + 0.35)
    from matplotlib.patches import Rectangle

    axes = figure.subplots()
    low, high = np.nanmin(pictures), np.nanmax(pictures)
    if pictures.ndim == 4:  # for which imshow looks at no limits
        low, high, pictures = 0.0, 1.0, (pictures - low) / max(high - low, np.finfo(float).tiny)
    for i, picture in enumerate(pictures):
        left, bottom = i % columns, bottoms[i // columns]
        right, top = left + 1 - _GAP, bottom - tall
        axes.imshow(
            picture, cmap="gray", vmin=low, vmax=high, extent=(left, right, bottom, top), zorder=1
        )
        wrong = guess[i] != truth[i]
        if wrong:
            frame = Rectangle((left, top), right - left, bottom - top, fill=False)
            frame.set(edgecolor=MISTAKE, linewidth=2.5, zorder=2)
            axes.add_patch(frame)
        axes.text(
            (left + right) / 2,
            top - _GAP / 3,
            captions[i],
            fontsize=size,
            ha="center",
            va="bottom",
            linespacing=1.0,
            color=MISTAKE if wrong else ink("0.2"),
            fontweight="bold" if wrong else "normal",
        )
    axes.set(xlim=(-_GAP / 2, columns - _GAP / 2), ylim=(bottoms[-1] + _GAP / 2, 0), aspect="equal")
    axes.set_axis_off()
    axes.set_title(f"{np.count_nonzero(guess == truth)} of {count} correct")
    return save(figure, path)


@answered
def confusion_matrix(
    matrix: Array,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    path: FilePath | None = None,
) -> Figure:
    """Draw how often each true class (row) was predicted as each class (column).

    The colour of a cell is its share of the row, of a matrix of shares of the columns that of the
    column, on a square-root scale, so that confusions of one in a hundred can be seen beside a
    diagonal near 100 %.

    Args:
        matrix: Counts ``(K, K)``; ``matrix[i, j]`` samples of class i were predicted as class j.
            They may be sums of weights, or shares of each row, of each column or of the whole.
        class_names: Names of the classes; their indices by default, or the labels of a frame, of
            which rows and columns may have other ones ("actual 0", "predicted 0").
        normalize: Write each cell's share of its row, in percent, in place of the count; of shares
            of the columns each cell's share of its column.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure: the axes of the matrix and that of the colour scale.

    Raises:
        ValueError: If ``matrix`` is not square, has negative counts or a class has no name, or if
            the rows of a frame have only some of the labels of its columns, or in another order, or
            it has margins.

    Example:
        >>> matrix = bp.metrics.confusion_matrix([0, 0, 1], [0, 1, 1])
        >>> figure = bp.plotting.confusion_matrix(matrix, ["cat", "dog"], normalize=True)
    """
    advice = ": bp.metrics.confusion_matrix(y_true, y_pred) counts it"
    labels, across, frame = None, None, cast("Any", matrix)
    if hasattr(matrix, "iloc") and np.ndim(matrix) == 2:  # pandas, such as a crosstab
        labels, across = list(frame.index), list(frame.columns)
        # such as "actual 0" and "predicted 0"; of one row it may be a class that is never right
        apart = len(labels) == len(across) > 1 and set(labels).isdisjoint(across)
        if labels != across and not apart:
            raise ValueError(
                f"matrix must have the same classes as rows and columns, in the same order, but "
                f"they are {said(labels)} and {said(across)}: pass matrix.reindex(index=classes, "
                f"columns=classes, fill_value=0)."
            )
    counts = finite_array("matrix", matrix, 2, advice)
    classes = len(counts)
    if counts.shape != (classes, classes) or not (counts >= 0).all():
        raise ValueError(
            f"matrix must be square and hold counts but has the shape {counts.shape} and the "
            f"smallest value {counts.min():g}."
        )
    sums = counts[:-1].sum(axis=0)
    last = labels[-1] if labels else None
    if last in ("All", "Total") and np.allclose(counts[-1], sums):
        raise ValueError(
            f"matrix has the sums of its rows and columns as a last class {last!r}: pass "
            f"matrix.iloc[:-1, :-1], or leave out margins=True."
        )
    names = name_classes(class_names, classes, labels)[:classes]
    below = names if class_names is not None else name_classes(None, classes, across)
    check_flag(normalize, "normalize")
    by_row = not _are_shares(counts.T) or _are_shares(counts)
    totals = counts.sum(axis=int(by_row), keepdims=True)  # (K, 1), or (1, K) of shares of columns
    shares = counts / np.where(totals > 0, totals, 1)  # (K, K); a class without samples stays 0
    whose = "true" if by_row else "predicted"

    side = min(max(3.6, 1.0 + 0.5 * classes), 7.0)
    figure = new_figure(side + 1.2, side + 0.4)
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import PercentFormatter

    axes = figure.subplots()
    colour = PowerNorm(0.5, vmin=0, vmax=1)
    picture = axes.imshow(shares, cmap="Blues", norm=colour)
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, label=f"share of the {whose} class")
    bar.set_ticks([0, 0.01, 0.1, 0.25, 0.5, 1])
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    named = range(0, classes, math.ceil(classes / 40))  # more names would overlap
    axes.set_xticks(named, [below[k] for k in named])
    axes.set_yticks(named, [names[k] for k in named])
    axes.tick_params(labelsize=10 if classes <= 20 else 7)
    slant(axes, below, (side - 1) / classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    total, correct = counts.sum(), np.trace(counts)
    share = f"{correct / (total or 1):.1%}"
    if _are_shares(counts) or not by_row:  # of which nobody can tell how many were right
        axes.set_title(f"{share} correct in the mean over the {whose} classes")
    else:
        axes.set_title(f"{_short(correct)} of {_short(total)} correct ({share})")
    if classes <= _MOST_NUMBERED:
        size = 10.0 if classes <= 10 else 7.0
        for i, j in np.ndindex(classes, classes):
            cell = f"{100 * shares[i, j]:.1f}" if normalize else _short(float(counts[i, j]))
            dark = colour(shares[i, j]) > 0.55
            pale = "0.75" if counts[i, j] == 0 else "black"
            axes.text(
                j, i, cell, ha="center", va="center", fontsize=size, color="white" if dark else pale
            )
    return save(figure, path)


def _are_shares(counts: Array) -> bool:
    """Whether the rows are no counts but shares: their sums are 1, or 100 %, up to rounding."""
    totals = counts.sum(axis=1)
    totals = totals[totals > 0]  # a class without samples has no shares
    sums = np.allclose(totals, 1, atol=0.05) or np.allclose(totals, 100, atol=0.5)
    return bool(sums and (counts % 1).any())


def _short(count: float) -> str:
    """A count as it is; two decimals of a sum of weights, two digits of a share."""
    return f"{count:.2g}" if count < 1 else f"{round(float(count), 2):.10g}"


def _as_pictures(images: Array) -> Array:
    """Return grey images with the shape ``(N, h, w)``, or ones in colour, ``(N, h, w, 3)``."""
    array = to_array(images, "images")
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        side = math.isqrt(array.shape[1])
        if side * side == array.shape[1]:
            array = array.reshape(len(array), side, side)  # (N, h*h) -> (N, h, h)
    colour = array.ndim == 4 and array.shape[3] == 3
    if not (array.ndim == 3 or colour) or not array.size:
        advice = "reshape flat images that are not square, and of a single one pass images[None]"
        if array.ndim == 4:
            advice = "of channels first pass np.moveaxis(images, 1, -1)"
            if array.shape[1] not in (1, 3):  # as of files with transparency
                advice = f"leave out channels, images[..., :{3 if array.shape[3] > 3 else 1}]"
        raise ValueError(
            f"images must have the shape (N, h, w), (N, h, w, 1), (N, h, w, 3) or (N, h*h) but has "
            f"{np.shape(images)}: {advice}."
        )
    return finite_array("images", array, array.ndim)


def _probability_of(guess: Array, probabilities: Array | None, classes: int) -> Array | None:
    """Return the probability ``(N,)`` of each predicted class, if probabilities are there.

    Args:
        guess: The predicted classes, ``(N,)``.
        probabilities: What the user passed for them.
        classes: How many classes are known.
    """
    if probabilities is None:
        return None
    array = as_numbers(probabilities, "probabilities")
    n, largest = len(guess), guess.max(initial=0)
    of_one = classes <= 2 and array.shape == (n,) and ((array > 0.5) == guess).all()
    if array.shape == (n,) and not of_one:
        found = array
    elif array.shape in ((n,), (n, 1)) and largest <= 1:  # of class 1
        array = array.reshape(n)
        found = np.where(guess == 1, array, 1 - array)
    elif array.ndim == 2 and len(array) == n and array.shape[1] > largest:
        found = np.take_along_axis(array, guess[:, None], axis=1)[:, 0]
    else:
        raise ValueError(
            f"probabilities must have the shape ({n},), or ({n}, K) with a column for each class, "
            f"or ({n}, 1) for the classes 0 and 1, but has {array.shape}."
        )
    check_probabilities(array, "probabilities must lie between 0 and 1")
    return found


def _caption(guess: str, truth: str, probability: float | None) -> str:
    """Return what stands above an image, broken into lines where it would be too wide."""
    caption = guess
    if guess != truth:
        caption += ("\n" if len(guess + truth) > 6 else " ") + f"(true {truth})"
    if probability is not None:
        caption += ("\n" if guess != truth else " · ") + f"{probability:.0%}"
    return caption
