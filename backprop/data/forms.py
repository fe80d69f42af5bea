"""What an item of a source is, by its shapes: a batch, inputs alone, or a single sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backprop.core.readable import SEQUENCES
from backprop.core.types import Shape
from backprop.data.numbered import Numbered


def is_batch(item: Any) -> bool:
    """Whether it is a tuple that begins with several samples, or a list of such arrays.

    A list of arrays of one shape may be a sample itself.
    """
    if not isinstance(item, list | tuple) or not item or axes(item[0]) < 2:
        return False
    shapes = {shape_of(part) for part in item}
    return isinstance(item, tuple) or (None not in shapes and len(shapes) > 1)


def is_pair(item: Any) -> bool:
    """Whether it is a tuple, or a list of two or three arrays, as a loader of PyTorch makes it."""
    arrays = isinstance(item, list) and len(item) in (2, 3)
    return isinstance(item, tuple) or (arrays and None not in map(shape_of, item))


def shape_of(x: Any) -> tuple[int, ...] | None:
    """The shape of an array; None of what has none, a class or a module for example."""
    shape = getattr(x, "shape", None)
    return tuple(shape) if isinstance(shape, tuple | list) else None


def inputs_of(item: Any) -> Any:
    """The inputs of a batch that is inputs alone, or a tuple that begins with them."""
    if isinstance(item, tuple) and item:
        return item[0]
    if isinstance(item, list) and item and axes(item[0]) > 1:  # a list [X, y], as of PyTorch
        return item[0]
    return item


def axes(x: Any) -> int:
    """The number of axes of an array or a number; 2 where it may be more than one."""
    shape = shape_of(x)
    if shape is not None:
        dtype = str(getattr(x, "dtype", ""))
        of_vectors = dtype.startswith(("object", "List", "Array", "list", "[", "("))
        return max(len(shape), 2) if of_vectors else len(shape)
    if isinstance(x, list | tuple):
        return 1 + axes(x[0]) if x else 1
    return 2 if hasattr(x, "__len__") and not isinstance(x, str) else 0


def length(x: Any) -> int:
    """The length of the first axis."""
    return len(x) if (shape := shape_of(x)) is None else shape[0]


def refuse_sample(item: Any, source: Any, name: str, sample_shape: Shape | None) -> None:
    """Checks that the first item of a source is no single sample.

    Raises:
        TypeError: It is one: the inputs have no batch axis, or the target has none, or another one.
            Or an item of a data set is a batch of several inputs or outputs.
    """
    numbered = isinstance(source, Numbered)
    source = source.source if numbered else source
    if isinstance(item, Mapping) and not isinstance(source, SEQUENCES):  # of which it is a row
        raise TypeError(
            f"{name} is a {type(source).__name__} whose items are of the type "
            f"{type(item).__name__}, but batches are needed: tuples (x, y) of arrays with samples "
            f"in rows."
        )
    pair = isinstance(item, tuple) or (
        isinstance(item, list) and item and hasattr(item[0], "shape")
    )
    parts = list(item) if pair else [item]
    if not 0 < len(parts) < 4 or not (pair or numbered):
        return
    if any(isinstance(part, Mapping) or hasattr(part, "collect") for part in parts):
        return  # as no array is made of them
    for k, what in enumerate(("inputs", "outputs") if numbered and parts[1:] else ()):
        if several(parts[k], parts[1 - k]):
            raise TypeError(
                f"{name} is a {type(source).__name__} whose batches hold several {what} each, "
                f"but a model has one: join them, as by np.concatenate(…, axis=-1); the layers "
                f"Columns and Parallel take inputs apart."
            )
    one = axes(parts[0]) < 2
    if not one and len(parts) > 1 and parts[1] is not None:
        one = axes(parts[1]) == 0 or (numbered and length(parts[0]) != length(parts[1]))
    if sample_shape is not None and (shape := shape_of(parts[0])) is not None:
        # of batches predict reads the inputs alone, whatever stands behind them
        one = shape == sample_shape or (one and shape[1:] != sample_shape)
    if one:
        shown = ", ".join(show(part) for part in parts)
        raise TypeError(
            f"{name} is a {type(source).__name__} whose items are single samples, the first being "
            f"({shown}), but batches are needed: pass all samples as arrays, or what makes batches "
            f"of them, such as PyTorch's DataLoader."
        )


def several(part: Any, other: Any) -> bool:
    """Whether a part of a batch is a list of arrays, each with as many rows as the other part.

    If there are as many arrays as rows, each is a row.
    """
    if isinstance(other, list | tuple) and other:
        other = other[0]
    rows = (shape_of(other) or ())[:1]
    if not rows or not isinstance(part, list | tuple) or len(part) in (0, *rows):
        return False
    return all((shape_of(each) or ())[:1] == rows for each in part)


def holds_samples(made: Any) -> bool:
    """Whether it is an array, or x and y, in the place of batches."""
    if not isinstance(made, list | tuple):
        return shape_of(made) is not None
    shapes = [shape_of(part) for part in made[:3]]
    return None not in shapes and len({len(shape or ()) for shape in shapes}) > 1


def show(part: Any) -> str:
    """A part of an item for an error message, by its shape or its type."""
    if isinstance(part, list | tuple) and part and shape_of(part[0]) is not None:
        return f"a {type(part).__name__} of {', '.join(map(show, part[:3]))}"
    shape, kind = shape_of(part), type(part).__name__
    return kind if shape is None else f"{kind} of shape {shape}"
