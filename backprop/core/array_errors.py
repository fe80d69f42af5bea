"""The errors about what cannot be read as an array of numbers: what it is, where, what to do."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from backprop.core.errors import ShapeError, in_code, said
from backprop.core.types import Array, Shape

GAPS = {"NoneType", "NAType", "NaTType", "NullScalar", "MaskedConstant"}
"""The types of what stands for a missing value: Python's, pandas', PyArrow's and NumPy's."""

TEXT_SHOWN = 60
"""Characters of a text that error messages show."""

NO_NUMBERS = {
    "M": "subtract a date and divide by a unit, such as np.timedelta64(1, 'D')",
    "m": "divide by a unit, such as np.timedelta64(1, 'D')",
    "c": "pass the real and the imaginary parts as numbers of their own",
    "V": "convert it to one of NumPy's own, such as by astype('float32')",
}
"""What to do with dates, lengths of time, complex numbers and bfloat16, by their dtypes' kinds."""


def ragged(name: str, rows: Any) -> ShapeError:
    """The error for rows of different lengths.

    Raises:
        ValueError: Among them is what stands for a missing one, or a number.
    """
    rows = list(rows) if isinstance(rows, Iterable) else []
    shapes = list(dict.fromkeys(row.shape for row in rows if hasattr(row, "shape")))
    if len({shape[1:] for shape in shapes}) > 1:  # no sequences of different lengths
        return unlike(name, shapes)
    lengths = list(dict.fromkeys(map(length, rows)))
    if None in lengths and len(lengths) > 1:
        k = next(k for k, row in enumerate(rows) if length(row) is None)
        refuse_beside_vectors(rows[k], [k], name)
    if len(lengths) < 2:  # so that the fault lies in a row, or between their shapes
        return ragged_within(name, rows)
    shown = ", ".join(map(str, lengths[:3])) + ", …" * (len(lengths) > 3)
    images = " Images are resized to one size." if len((*shapes, ())[0]) > 1 else ""
    code = name.removeprefix("validation ")
    labels = f" If they are {binarized(code)}." if code == "y" or code.startswith("y['") else ""
    floats = ", dtype='float32'" if any(np.asarray(row).dtype.kind == "f" for row in rows) else ""
    return ShapeError(
        f"{name} holds rows of unequal length ({shown}): give all of its rows the same length. If "
        f"they are sequences, datasets.pad_sequences({code}{floats}) makes them one array.{images}"
        f"{labels}"
    )


def binarized(code: str) -> str:
    """What to do about targets that are several classes for each sample."""
    return (
        f"the classes of each sample, which may have several or none, pass a 0 or 1 for each "
        f"class, such as scikit-learn's MultiLabelBinarizer().fit_transform({code})"
    )


def ragged_within(name: str, rows: list[Any]) -> ShapeError:
    """The error for rows of one length that are no array: of the first row that is none itself."""
    shapes: dict[Shape, None] = {}
    for k, row in enumerate(rows):
        try:
            shapes[np.shape(row)] = None
        except ValueError:
            return ragged(f"{name}[{k}]", row)
    if len(shapes) > 1:
        return unlike(name, list(shapes))
    return ShapeError(
        f"{name} cannot be made an array of samples: give all of its rows the same length."
    )


def unlike(name: str, shapes: list[Shape]) -> ShapeError:
    """The error for arrays of different shapes."""
    shown = ", ".join(map(str, shapes[:3])) + ", …" * (len(shapes) > 3)
    return ShapeError(
        f"{name} holds arrays of different shapes, {shown}, and cannot be made an array of "
        f"samples: pass one array, or arrays of one shape."
    )


def length(row: Any) -> int | None:
    """How many items a row has; None for a single number."""
    try:
        return len(row)
    except TypeError:
        return None


def refuse_kind(x: Array, start: str, what: str) -> NoReturn:
    """The error for an array of something else than real numbers."""
    kind = x.dtype.kind
    if kind in "OUST":
        texts = [(index, v) for index, v in np.ndenumerate(x) if isinstance(v, str | bytes)]
        words = [each for each in texts if not is_written_number(each[1])]
        advice = "encode text and categories as numbers first"
        if texts and not words:
            rows = "…" if x.ndim < 2 else "list(…)"  # as it may be a column of lists
            advice = (
                f"these are numbers written as text: convert them, such as by "
                f"np.asarray({rows}, float)"
            )
        shown = [f", {quoted(v)} in {place(index)}" for index, v in (words or texts)[:1] if index]
        raise TypeError(f"{start}{what} holds text{''.join(shown)} (dtype {x.dtype}): {advice}.")
    advice = NO_NUMBERS.get(kind, "convert it")
    raise TypeError(f"{start}{what} has the dtype {x.dtype}: {advice}.")


def quoted(text: str | bytes) -> str:
    """Text in quotes; of a long one, such as a review or an image's file, the beginning alone."""
    plain = bytes(text) if isinstance(text, bytes) else str(text)  # not np.str_('…')
    return f"{plain[:TEXT_SHOWN]!r}{'…' * (len(plain) > TEXT_SHOWN)}"


def is_written_number(text: str | bytes) -> bool:
    """Whether ``float`` reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_missing(value: Any) -> bool:
    """Whether an object stands for a missing one: None, NA and their like, or nan."""
    return type(value).__name__ in GAPS or (isinstance(value, float) and math.isnan(value))


def refuse_gap(name: str, what: str, where: str) -> NoReturn:
    """The error for what is missing."""
    raise ValueError(f"{name} holds {what}, first in {where}: remove or replace it first.")


def refuse_beside_vectors(number: Any, index: Iterable[Any], name: str) -> NoReturn:
    """The error for a number where others are vectors; nan stands for one that is missing."""
    missing = type(number).__name__ in GAPS
    if missing or number != number:
        refuse_gap(name, repr(number) if missing else "nan", place(index))
    raise ShapeError(
        f"{name} holds numbers beside vectors, first in {place(index)}: stack the vectors, and "
        f"join them with the numbers by np.column_stack."
    )


def joined(code: str, name: str, alone: bool = False) -> str:
    """The code that joins sparse rows; all but inputs must be dense.

    ``alone``: it is one matrix in an array without axes, which ``np.array`` made of it.
    """
    dense = "" if name.lower().endswith("x") else ".toarray()"
    return f"{in_code(name)}.item(){dense}" if alone else f"one, scipy.sparse.vstack({code}){dense}"


def describe(x: Any, name: str) -> str:
    """What an object is that is no array, and what to pass in its place."""
    inside = ""
    if isinstance(x, np.ndarray):  # around one object, such as a dict that np.save wrote
        x, inside = x[()], ".item()"
    if x is None:
        return "None: pass an array."
    kind = f"a {type(x).__name__}"
    if isinstance(x, Mapping) and name.endswith("sample_weight"):
        return f"{kind}: pass an array, or for weights of classes class_weight={{…}} to fit."
    if isinstance(x, Mapping) and not isinstance(x, dict):  # an open file, of targets too
        return f"{kind}: pass one of its arrays, such as {in_code(name)}[{next(iter(x), '')!r}]."
    if isinstance(x, dict):
        code = f"np.column_stack(list({in_code(name)}{inside}.values()))"
        return f"{kind}: pass one array, such as one of its values, or {code} if all belong there."
    if hasattr(x, "collect"):
        return f"{kind}: pass {in_code(name)}.collect()."
    alone = "to fit or evaluate of a Sequential"  # estimators want arrays in their fit
    if name.startswith("validation "):
        alone = "as validation_data"
    if hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches")):
        return (
            f"{kind}, which gives its items one by one: pass arrays, or, where its items are "
            f"batches (x, y), pass it alone {alone}."
        )
    makes = callable(x) or (hasattr(x, "__iter__") and not hasattr(x, "__contains__"))
    if makes and in_code(name) in ("x", "X"):  # beside targets that it has in its batches
        return f"{kind}: pass an array, or, where it makes batches (x, y), pass it alone {alone}."
    return f"{kind}: pass an array or a list."


def array_code(x: Any, name: str) -> str:
    """What to pass in the place of a tensor that NumPy cannot read, or of a list of them."""
    first = x[0] if isinstance(x, list | tuple) and x else x
    if not hasattr(first, "detach"):
        return "an array"
    known = hasattr(np, str(first.dtype).rpartition(".")[2])  # unlike bfloat16
    dense = ".to_dense()" if "sparse" in str(getattr(first, "layout", "")) else ""
    ways = f".detach(){dense}.cpu(){'' if known else '.float()'}.numpy()"
    return f"{in_code(name)}{ways}" if first is x else f"[each{ways} for each in {in_code(name)}]"


def place(index: Iterable[Any]) -> str:
    """``row 3``, ``row 3, column 1``, or ``row 3, at (1, 2)`` for more axes."""
    row, *rest = map(int, index)
    if not rest:
        return f"row {row}"
    return f"row {row}, column {rest[0]}" if len(rest) == 1 else f"row {row}, at {tuple(rest)}"


def first_not_finite(X: Array) -> Iterator[tuple[int, int]]:
    """Row and column of the first number that is nan or infinite, if there is one."""
    for start in range(0, len(X), 256):
        finite = np.isfinite(X[start : start + 256])
        if not finite.all():
            row, k = np.argwhere(~finite)[0]
            yield start + int(row), int(k)
            return


def first_of(x: Array, kind: type) -> Array:
    """The index of the first object of that type."""
    found: Array = np.argwhere(np.frompyfunc(lambda v: type(v) is kind, 1, 1)(x).astype(bool))[0]
    return found


def check_no_gap(x: Array, name: str, column: str = "") -> None:
    """Refuses what stands for a missing value among objects: ``None``, ``NA`` and their like.

    ``column`` is what error messages say after the row.
    """
    for kind in set(map(type, x.flat)):
        if kind.__name__ in GAPS:
            index = first_of(x, kind)
            refuse_gap(name, repr(x[tuple(index)]), place(index) + column)


def check_present(labels: Array, name: str) -> None:
    """Refuses gaps among labels, and what is not equal to itself: nan, and missing dates."""
    if labels.dtype.kind == "O":
        check_no_gap(labels, name)
    missing = np.argwhere(np.asarray(labels != labels, bool))
    if len(missing):
        refuse_gap(name, "NaT" if labels.dtype.kind in "mM" else "nan", place(missing[0]))


def check_one_kind(labels: Array, name: str) -> None:
    """Refuses labels that cannot be sorted: gaps, text beside numbers, objects of other kinds.

    Args:
        labels: An array of objects that are not all numbers.
        name: The argument's name, for error messages.
    """
    check_present(labels, name)
    kinds = dict.fromkeys(map(type, labels.flat))
    text = [kind for kind in kinds if issubclass(kind, str | bytes)]
    wrong = [kind for kind in kinds if kind not in text]
    if wrong:
        shown = []
        for kind in [*text[:1], *wrong][:2]:
            index = first_of(labels, kind)
            shown.append(f"{place(index)} holds the {kind.__name__} {said(labels[tuple(index)])}")
        advice = f"pass text, such as np.asarray({name}).astype(str)"
        if all(issubclass(kind, set | frozenset) for kind in kinds):
            advice = f"of {binarized(name)}"
        raise TypeError(
            f"{name} must hold labels of one kind, text or numbers, but {' and '.join(shown)}: "
            f"{advice}."
        )


def numbering(labels: Array, name: str, both: str = "") -> str:
    """The code that numbers labels; ``both`` is that for all of them, if there are others too.

    Raises:
        ValueError: One is missing, which cannot be sorted among text.
        TypeError: They are of several kinds, likewise.
    """
    if labels.dtype.kind == "O":
        check_one_kind(labels, name)
    if both:  # either may lack a class that the other has
        return f"np.searchsorted(np.unique({both}), {name})"
    return f"np.unique({name}, return_inverse=True)[1]"


def one_hot_rows(y: Any, name: str) -> str:
    """The code for one-hot rows as one array, of which ``np.argmax`` tells the classes."""
    return name if np.ndim(y) > 1 else f"np.stack({name})"  # of a column of vectors


def one_array(x: Any, code: str) -> str:
    """The code for one array of a column of vectors, or of an array of such columns."""
    several = len(getattr(x, "shape", ())) > 1  # as of frame[["a", "b"]].to_numpy()
    return f"np.array({code}.tolist())" if several else f"np.stack({code})"


def refuse_vectors(x: Any, arrays: Sequence[Array], labels: Sequence[Any], name: str) -> NoReturn:
    """The error for columns of a frame that hold a vector in each row, with what to pass instead.

    x is the frame, or an array of records; the arrays are its columns, of these labels.
    """
    code, wide = in_code(name), [k for k, each in enumerate(arrays) if each.ndim > 1]
    parts = [f"np.stack({code}[{labels[k]!r}])" for k in wide]
    flat = [f".reshape(len({code}), -1)" if arrays[k].ndim > 2 else "" for k in wide]
    others = [label for k, label in enumerate(labels) if k not in wide]
    if len(labels) > 1:  # beside others an image is a row
        parts = [part + row for part, row in zip(parts, flat, strict=True)]
    if hasattr(x, "iloc") and len({*labels}) < len(labels):  # several have one name
        rest = [k for k in range(len(labels)) if k not in wide]
        parts = [f"np.stack({code}.iloc[:, {k}]){row}" for k, row in zip(wide, flat, strict=True)]
        parts += [f"{code}.iloc[:, {rest}]"] * bool(rest)
    elif hasattr(x, "iloc") and len(others) > len(wide):
        parts.append(f"{code}.drop(columns={[labels[k] for k in wide]})")
    elif others and (hasattr(x, "iloc") or hasattr(x, "iter_columns")):
        parts.append(f"{code}[{others}]")
    else:
        parts += [f"{code}[{label!r}]" for label in others]
    advice = f"np.column_stack([{', '.join(parts)}])" if len(parts) > 1 else parts[0]
    raise ShapeError(
        f"{name} must have one number in each row of a column, but its column {labels[wide[0]]!r} "
        f"holds arrays of shape {arrays[wide[0]].shape[1:]}: pass {advice} instead."
    )
