"""Sequences of unequal length in one array, and windows of long ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.array_errors import is_missing, refuse_gap, refuse_kind
from backprop.core.arrays import as_python, check_frames, to_array
from backprop.core.checks import check_choice, check_integer
from backprop.core.errors import ShapeError, said
from backprop.core.frames import labels_of
from backprop.core.readable import columns_of
from backprop.core.rounding import SOME, warn_of_rounding
from backprop.core.signatures import answered
from backprop.core.types import Array, DTypeLike

ENDS = ("pre", "post")


@answered
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Array:
    """Sequences of unequal length as one array, the short ones filled up and the long ones cut.

    ``Embedding(…, mask_zero=True)`` and ``Masking(mask_value)`` tell the filled steps from the
    others again. Arguments and defaults are Keras's.

    Args:
        sequences: Lists or arrays, each of shape ``(T, …)`` with its own T; or a column of lists.
        maxlen: T of the result; that of the longest unless given.
        dtype: The dtype of the result; ``"float32"`` for features.
        padding: Where a short one is filled up: ``"pre"``, in front, or ``"post"``, at its end.
        truncating: Where a long one is cut, likewise.
        value: What stands in the filled steps.

    Returns:
        An array of shape ``(N, maxlen, …)``.

    Raises:
        ValueError: There are no sequences, the dtype is none of numbers, or it cannot hold those of
            the sequences. Where a floating one keeps next to nothing of them, a warning says so.
        ShapeError: Their steps have different shapes.
        TypeError: They are no list and no column, hold dates, or have keys beside them.

    Example:
        >>> bp.datasets.pad_sequences([[1, 2, 3], [4]])
        array([[1, 2, 3],
               [0, 0, 4]], dtype=int32)
    """
    for name, given in (("padding", padding), ("truncating", truncating)):
        check_choice(given, name, ENDS)
    check_no_table(sequences, "sequences")
    if not hasattr(sequences, "__iter__") or getattr(sequences, "shape", None) == ():
        raise TypeError(f"sequences must be a list of sequences, but it is {said(sequences)}.")
    sequences = list(sequences)  # an iterator, perhaps
    check_frames(sequences, "sequences")
    arrays = [as_sequence(each, k) for k, each in enumerate(sequences)]
    if not arrays:
        raise ValueError("sequences is empty: pass at least one sequence.")
    longest = max(map(len, arrays))
    length = longest if maxlen is None else check_integer(maxlen, "maxlen")
    shapes = {array.shape[1:] for array in arrays if len(array)} or {()}
    if len(shapes) > 1:
        raise ShapeError(
            f"the steps of all sequences must have the same shape, but they have "
            f"{', '.join(map(str, sorted(shapes)))}: give each step the same features."
        )
    padded = np.empty((len(arrays), length, *shapes.pop()), check_kind(dtype))
    try:
        with np.errstate(over="raise"):
            padded[...] = value
        if padded.dtype.kind in "iub" and not np.all(padded[:1] == value):
            raise ValueError("it would be rounded")
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(
            f"value must be a number of {padded.dtype}, but it is {said(value)}."
        ) from error
    for k, (array, row) in enumerate(zip(arrays, padded, strict=True)):
        part = array[-length:] if truncating == "pre" else array[:length]
        n = len(part)
        if n == 0:
            continue
        place = row[length - n :] if padding == "pre" else row[:n]
        with np.errstate(invalid="ignore", over="ignore"):
            place[...] = part
        whole = padded.dtype.kind in "iub"
        lost = place != part if whole else np.isinf(place) & ~np.isinf(part)
        if lost.any():
            if np.isnan(part).any():
                row_of_gap = np.argwhere(np.isnan(array))[0][0]
                refuse_gap(f"sequences[{k}]", "nan", f"row {row_of_gap}")
            wider = "float64" if padded.dtype.kind == "f" else "float32"
            if part.dtype.kind in "iu" and padded.dtype.kind in "iub":
                wider = part.dtype.name
            raise ValueError(
                f"sequence {k} holds numbers that {padded.dtype} cannot hold: pass dtype='{wider}'."
            )
    if padded.dtype.kind == "f":
        some = [each for each in arrays[:: -(-len(arrays) // SOME)] if len(each)]
        if some:
            advice = 'take dtype="float64" here and for the model'
            warn_of_rounding(np.concatenate(some), "what sequences holds", padded.dtype, advice)
    return padded


def check_kind(dtype: DTypeLike) -> np.dtype[Any]:
    """The dtype that is given, if it is one of numbers or booleans.

    Raises:
        ValueError: It is not.
    """
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError):
        found = np.dtype(object)
    if found.kind not in "fiub":
        raise ValueError(
            f"dtype must be one of numbers, such as 'int32' or 'float32', but it is {said(dtype)}."
        )
    return found


def check_no_table(x: Any, name: str) -> None:
    """Refuses frames and dicts where a list is wanted: their items are the columns, or their names.

    Raises:
        TypeError: It is one.
    """
    if columns_of(x) is not None or isinstance(x, Mapping):
        label = next(iter(labels_of(x) or x), "…")
        raise TypeError(
            f"{name} must be a list or a column, but it is a {type(x).__name__}: pass one of its "
            f"columns, such as {name}[{label!r}]."
        )


def as_sequence(given: Any, k: int) -> Array:
    """One sequence as an array.

    Raises:
        TypeError: It holds dates, or has the key of a group beside it.
        ValueError: It is no sequence of numbers, or is missing.
    """
    given = as_python(given)
    if is_missing(given):
        refuse_gap("sequences", str(given), f"row {k}")
    keyed = isinstance(given, tuple) and len(given) == 2
    if keyed and (hasattr(given[1], "iloc") or columns_of(given[1]) is not None):
        raise TypeError(
            "sequences gives a key with each sequence, as the groups of a frame do: pass "
            "[each for _, each in sequences]."
        )
    try:
        array = to_array(given, f"sequences[{k}]")
    except ShapeError:  # ragged
        array = np.asarray("")
    if array.dtype.kind in "mM":
        refuse_kind(array, "sequences must hold numbers, but ", f"number {k}")
    if array.ndim < 1 or (array.size and array.dtype.kind not in "fiub"):
        raise ValueError(
            f"sequences must hold a list or an array of numbers for each sequence, but number {k} "
            f"is {said(given)}: Vocabulary turns texts into numbers."
        )
    return array


@answered
def windows(series: Any, length: int, horizon: int = 1, stride: int = 1) -> tuple[Array, Array]:
    """Stretches of a long series, and what follows each of them: samples for forecasting.

        X_k = s_{k·stride} … s_{k·stride + length − 1},   y_k = the next horizon steps

    A recurrent layer takes series with an axis of features, ``(T, 1)`` for a single one: pass
    ``series[:, np.newaxis]``. To predict each next step of a text from all before it, take windows
    that are a step longer: ``X, y = W[:, :-1], W[:, 1:]`` with ``W, _ = windows(…, length + 1)``.
    Where one ``Dense(horizon)`` predicts all steps at once, take ``y.reshape(len(y), -1)``.

    Args:
        series: Shape ``(T,)`` or ``(T, features)``.
        length: Steps in a window.
        horizon: How many steps are to be predicted.
        stride: How many steps later the next window begins.

    Returns:
        X and y, of shapes ``(N, length, …)`` and ``(N, horizon, …)``.

    Raises:
        ShapeError: The series is too short for one window and what follows it.

    Example:
        >>> X, y = bp.datasets.windows(np.arange(5), 3)
        >>> X, y
        (array([[0, 1, 2],
               [1, 2, 3]]), array([[3],
               [4]]))
    """
    if isinstance(series, str):
        raise TypeError("series is a text: pass its numbers, Vocabulary(text, …).encode(text).")
    steps = to_array(series, "series")
    sizes = {"length": length, "horizon": horizon, "stride": stride}
    length, horizon, stride = (check_integer(value, name) for name, value in sizes.items())
    whole = length + horizon
    if steps.ndim < 1 or len(steps) < whole:
        raise ShapeError(
            f"series has the shape {steps.shape}, but a window of {length} steps with {horizon} "
            f"to predict needs {whole}: pass a longer series, or take shorter windows."
        )
    places = np.arange(0, len(steps) - whole + 1, stride)[:, np.newaxis] + np.arange(whole)
    found = steps[places]
    return found[:, :length].copy(), found[:, length:].copy()
