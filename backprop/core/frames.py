"""The columns of data frames: what was first trained on says their names and order."""

from typing import Any

import numpy as np

from backprop.core.errors import in_code

Labels = tuple[Any, ...]


def labels_of(x: Any) -> Labels | None:
    """The labels of a frame of pandas, Polars or PyArrow, or of records; None if x is none."""
    if isinstance(x, np.ndarray):
        names: Labels | None = x.dtype.names
        return names
    if hasattr(x, "iloc") or hasattr(x, "iter_columns"):
        return tuple(x.columns) if hasattr(x, "columns") else None
    return tuple(x.column_names) if hasattr(x, "column_names") else None


def check_labels(x: Any, known: Labels | None, name: str = "x") -> Labels | None:
    """The labels of a frame's columns, which must be those of the frame that was trained on.

    Args:
        x: Inputs of any kind.
        known: Those labels; None if there was no such frame.
        name: What error messages call x.

    Returns:
        The labels, or the known ones if x is no frame.

    Raises:
        ValueError: They are others, or stand in another order.
    """
    labels = labels_of(x)
    if known is None or labels is None:
        return labels or known
    if labels != tuple(known):
        missing = [label for label in known if label not in labels]
        if not missing and sorted(map(str, labels)) == sorted(map(str, known)):
            wrong = "the columns of another order"
        else:
            new = [label for label in labels if label not in known]
            wrong = f"{f'no column {missing[0]!r}' if missing else f'a new column {new[0]!r}'}"
        some = ", ".join(map(repr, known[:8])) + (", …" if len(known) > 8 else "")
        advice = f"pass {in_code(name)}[list(model.feature_names)]"
        if missing or callable(x) or name.startswith("validation "):  # learnt from beside x
            advice = "pass these, in this order"
        raise ValueError(
            f"{name} has {wrong}, but the model was trained on the columns {some}: {advice}."
        )
    return labels
