"""The columns of data frames: what was first trained on says their names and order."""

import math
from collections import Counter, deque
from typing import Any

import numpy as np

from backprop.core.errors import in_code, said

Labels = tuple[Any, ...]

LISTS = (list, tuple, deque)


def labels_of(x: Any) -> Labels | None:
    """The labels of a frame of pandas, Polars or PyArrow, or of records; None if x is none.

    Those of a list are the labels of its frames, each of which is a sample, or a batch.
    """
    if isinstance(x, LISTS):
        return labels_of(x[0]) if x and not isinstance(x[0], LISTS) else None
    if isinstance(x, np.ndarray):
        names: Labels | None = x.dtype.names
        return names
    if hasattr(x, "iloc") or hasattr(x, "iter_columns"):
        return comparable(tuple(x.columns)) if hasattr(x, "columns") else None
    return tuple(x.column_names) if hasattr(x, "column_names") else None


def labels_of_row(x: Any) -> Labels | None:
    """The labels of the numbers in a row of a frame, or in the first of a list of rows.

    Rows are what ``iloc``, ``iterrows`` and ``itertuples`` of pandas give, and single records.
    """
    if isinstance(x, LISTS) and x and not hasattr(x, "_fields"):
        x = x[0]
    if hasattr(x, "iloc") and hasattr(x, "index") and not hasattr(x, "columns"):
        numbers = len(x) > 0 and np.ndim(x.iloc[0]) == 0  # else it is a column of vectors
        return comparable(tuple(x.index)) if numbers else None
    fields = x.dtype.names if isinstance(x, np.void) else getattr(x, "_fields", None)
    return fields if isinstance(fields, tuple) else None


def comparable(labels: Any) -> Any:
    """Labels of which nan is always the same object: others are not equal to it.

    So it is where ``get_dummies(…, dummy_na=True)`` counts gaps, and each file gives another one.
    """
    if isinstance(labels, tuple):
        return tuple(map(comparable, labels))
    return math.nan if isinstance(labels, float) and math.isnan(labels) else labels


def check_labels(
    x: Any, known: Labels | None, name: str = "x", learnt: str = "the model was trained on"
) -> Labels | None:
    """The labels of a frame's columns, which must be those of the frame that was trained on.

    A single row may have other labels, but not the same ones in another order.

    Args:
        x: Inputs of any kind.
        known: Those labels; None if there was no such frame.
        name: What error messages call x.
        learnt: What they say of the frame before.

    Returns:
        The labels, or the known ones if x is no frame.

    Raises:
        ValueError: They are others, or stand in another order.
    """
    labels = labels_of(x)
    if known is None:
        return labels or None
    known = comparable(tuple(known))
    if labels is None:
        labels = labels_of_row(x)
        if labels is None or Counter(labels) != Counter(known):  # others number the samples, say
            return known
    if labels != known:
        code = "{}.select({})" if hasattr(x, "column_names") else "{}[{}]"  # of PyArrow, or others
        advice = f"pass {code.format(in_code(name), 'list(model.feature_names)')}"
        each_once = all(labels.count(label) == 1 for label in known)  # so that these can be chosen
        chosen = each_once and not callable(x) and not isinstance(x, LISTS)
        if not chosen or name.startswith("validation ") or "model" not in learnt:
            advice = "pass these, in this order"
        raise ValueError(
            f"{name} has {difference(labels, known)}, but {learnt} the columns {shown(known)}: "
            f"{advice}."
        )
    return labels


def check_columns(x: Any, model: Any, name: str = "x") -> Labels | None:
    """The labels of a frame's columns, which must be those that the model knows.

    These are the columns of what it was trained on, and of what its first layer was adapted to,
    which scales each of them by its own numbers.

    Args:
        x: Inputs of any kind.
        model: The model.
        name: What error messages call x.

    Returns:
        As ``check_labels``.

    Raises:
        ValueError: They are others, or stand in another order.
    """
    labels = check_labels(x, model.feature_names, name)
    if (known := adapted_to(model)) is not None:
        check_labels(x, known, name, f"{model.layers[0]} was adapted to")
    return labels


def check_names(names: Any, argument: str) -> Labels | None:
    """The names of columns as a tuple; None if there are none.

    Raises:
        TypeError: They are no list of names.
    """
    if names is None:
        return None
    if isinstance(names, str) or not hasattr(names, "__iter__"):
        raise TypeError(
            f"{argument} must be a list of the names of columns, but it is {said(names)}."
        )
    found: Labels = comparable(tuple(names.tolist() if hasattr(names, "tolist") else names))
    return found or None


def known_columns(model: Any) -> Labels | None:
    """The labels of the frame that a model was trained on, or else adapted to; None of neither."""
    return model.feature_names or adapted_to(model)


def adapted_to(model: Any) -> Labels | None:
    """The labels of the frame that the first layer was adapted to, if it was."""
    known: list[Labels | None] = [vars(first).get("_adapted_to") for first in model.layers[:1]]
    return known[0] if known else None


def check_alike(x: Any, name: str, other: Any, other_name: str) -> None:
    """Checks that two frames have the same columns in the same order; others than frames pass.

    Raises:
        ValueError: They have not.
    """
    known, labels = labels_of(x), labels_of(other)
    if known is not None and labels is not None and labels != known:
        raise ValueError(
            f"{other_name} has {difference(labels, known)}, but must have those of {name}, in "
            f"their order: {shown(known)}."
        )


def check_targets(y: Any, validation_data: Any) -> None:
    """Checks that validation targets in a frame have the order of the columns of those in another.

    Other labels pass: they may be other names of the same targets.

    Raises:
        ValueError: They stand in another order: outputs would be compared with other targets.
    """
    if not isinstance(validation_data, list | tuple) or len(validation_data) < 2:
        return
    known, labels = labels_of(y), labels_of(validation_data[1])
    if known and labels and labels != known and Counter(labels) == Counter(known):
        check_alike(y, "y", validation_data[1], "validation y")


def difference(labels: Labels, known: Labels) -> str:
    """What is wrong with the columns of a frame, of which some may have the same label."""
    missing, more = Counter(known) - Counter(labels), Counter(labels) - Counter(known)
    if missing:
        return f"no column {next(iter(missing))!r}"
    for label in more:
        return f"more than one column {label!r}" if label in known else f"a new column {label!r}"
    return "the columns of another order"


def shown(labels: Labels) -> str:
    """The first labels, for error messages."""
    return ", ".join(map(repr, labels[:8])) + (", …" if len(labels) > 8 else "")
