"""Users' inputs as arrays of numbers with samples in rows."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.array_errors import one_array
from backprop.core.arrays import as_numbers
from backprop.core.errors import ShapeError, in_code, misfit
from backprop.core.functional import ones
from backprop.core.ranges import check_finite
from backprop.core.types import FLOAT_DTYPES, Array, Shape, is_sparse
from backprop.layers import Layer
from backprop.layers.block import walk
from backprop.layers.chain import takes

BYTES_LOOKED_AT = 1024
"""Samples that are looked at to tell images from small numbers."""

LARGE_BYTES = 1 << 26
"""A memory map of more bytes, 64 MiB, is looked at as it is drawn from; a smaller one at once."""

MANY_NUMBERS = 1 << 19
"""From so many numbers on a product takes less time than a look at each of them."""


def check_inputs(
    x: Any,
    input_shape: Shape | None,
    layers: Sequence[Layer],
    name: str = "x",
    dtype: Any = None,
    drawn: bool = False,
) -> Array:
    """``as_inputs`` that hold finite numbers; a memory map only where that is not known yet.

    Args:
        x: See there, as for the next three.
        input_shape: The shape of one sample.
        layers: The layers of the model.
        name: The argument's name.
        dtype: The dtype that the model computes in, in which they must be finite too.
        drawn: Whether ``Batches`` will draw from them, which look at large memory maps themselves.

    Raises:
        TypeError: They are not numbers.
        ShapeError: There is no batch axis, no sample, or another number of features.
        ValueError: They hold nan or infinite numbers, or have gaps, or overflow.
    """
    X = as_inputs(x, input_shape, layers, name)
    mapped = isinstance(X, np.memmap)
    if mapped and drawn and X.nbytes > LARGE_BYTES:
        return X
    check_finite(X, f"{name} holds", dtype)
    return np.asarray(X) if mapped else X


def as_inputs(x: Any, input_shape: Shape | None, layers: Sequence[Layer], name: str = "x") -> Array:
    """Inputs as an array of numbers with samples in rows.

    Sequences may be longer or shorter than those that the model was built for, if no layer minds.

    Args:
        x: An array, a list, a frame, or a sparse matrix.
        input_shape: The shape of one sample that the model was built for; None if it is not built.
        layers: The layers of the model.
        name: The argument's name, likewise.

    Raises:
        TypeError: They are not numbers.
        ShapeError: There is no batch axis, no sample, or another number of features.
    """
    X = as_numbers(x, name, sparse=True)
    if is_sparse(X):
        X = as_rows(X, layers[0], name)
    check_rows(X, name, x)
    if input_shape is not None and not takes(layers, X.shape[1:], input_shape):
        found = f"{name} has the shape {X.shape}"
        wrong = misfit(X.shape, input_shape, layers[0], found, as_array_code(x, name, X.ndim))
        raise ShapeError(wrong + about_lengths(X.shape[1:], input_shape, layers))
    return X


def about_lengths(shape: Shape, known: Shape, layers: Sequence[Layer]) -> str:
    """How a layer of the user's own lets sequences through that are longer or shorter."""
    own = [
        layer
        for _, layer in walk(layers)
        if not (layer.of_package or layer.any_length) and len(layer.input_shape or ()) == 2
    ]
    if not own or len(shape) > 2 or len(shape) != len(known) or shape[1:] != known[1:]:
        return ""
    return f" If {own[0]} can take any number of steps, write any_length = 2 in its class."


def as_array_code(x: Any, name: str, n_axes: int = 0) -> str:
    """The code for x as an array: of a list, a frame or a column that is to be reshaped.

    If that array has ``n_axes``, more than x has, x is a column of vectors or of images.
    """
    code = in_code(name)
    if len(getattr(x, "shape", ()) or range(n_axes)) < n_axes:
        return one_array(x, code)
    return code if isinstance(x, np.ndarray) or is_sparse(x) else f"np.asarray({code})"


def warn_of_bytes(X: Array, layers: Iterable[Layer]) -> None:
    """Warns of images that hold bytes, 0 to 255, where no layer scales or normalises them.

    From numbers that large most networks learn slowly or not at all. Of a table only large numbers
    are taken for pixels; what an Embedding takes are indices.

    Args:
        X: Inputs.
        layers: The layers of the model.
    """
    if is_sparse(X) or X.dtype != np.uint8:
        return
    large = X[:BYTES_LOOKED_AT].max() > (1 if X.ndim > 2 else 127)
    if large and not any(layer.takes_any_size for _, layer in walk(layers)):
        console.warn(
            "x holds bytes from 0 to 255, from which networks learn slowly: divide by 255, or "
            "begin with Rescaling(1/255).",
            UserWarning,
        )


def surely_finite(X: Array) -> bool:
    """Whether there is no nan or infinite number, if that shows quickly: in the sums of the rows.

    A sum of finite numbers may overflow; one that is finite has nothing else in it. The sums are a
    product, spread over the threads of those that follow, and leave the numbers in the caches of
    these: with 10,000 rows of 784 that took 1.3 ms instead of 3.4 on two cores.
    """
    if type(X) is not np.ndarray or X.dtype not in FLOAT_DTYPES:
        return False
    if X.size < MANY_NUMBERS:  # the sum of squares: one call, which reports no overflow
        return math.isfinite(np.vdot(X, X))
    n_features = math.prod(X.shape[1:])
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.dot(X.reshape(len(X), n_features), ones(n_features, X.dtype))
    return bool(np.isfinite(sums).all())


def check_rows(X: Array, name: str, given: Any = None) -> None:
    """Checks that the first axis counts samples.

    Args:
        X: Inputs.
        name: What error messages call them.
        given: What the user passed, if it may be no array.

    Raises:
        ShapeError: There is no second axis, or nothing along it or those behind it.
    """
    if X.shape == (0,):
        raise ShapeError(f"{name} holds no samples: its shape is (0,).")
    if 0 in X.shape[1:]:
        raise ShapeError(
            f"{name} holds samples without numbers or steps: its shape is {X.shape}. Pass at least "
            f"one number for each; datasets.pad_sequences({in_code(name)}, maxlen=…) gives some "
            f"steps to sequences."
        )
    if X.ndim < 2:
        code = as_array_code(X if given is None else given, name)
        raise ShapeError(
            f"{name} must have a row for each sample, shape (N, features), but its shape is "
            f"{X.shape}: use {code}.reshape(-1, 1) for one feature or {code}.reshape(1, -1) for "
            f"one sample."
        )


def as_rows(X: Any, layer: Any, name: str) -> Any:
    """A sparse matrix in the form from which rows are drawn quickly.

    Raises:
        TypeError: The first layer takes arrays only.
    """
    if not layer.accepts_sparse:
        raise TypeError(
            f"{name} is a sparse matrix, but the first layer, {layer}, takes arrays only: begin "
            f"with a Dense layer, or pass {in_code(name)}.toarray()."
        )
    return as_csr(X, name)


def as_csr(X: Any, name: str) -> Any:
    """A sparse matrix in the form from which rows are drawn quickly.

    Raises:
        ShapeError: It is an array of more axes, or has numbers beyond its last row or column.
    """
    if len(X.shape) > 2:
        code = in_code(name)
        raise ShapeError(
            f"{name} is a sparse array of shape {X.shape}, but a sparse one must have rows and "
            f"columns alone: pass {code}.toarray(), or {code}.reshape(({X.shape[0]}, -1))."
        )
    check_indices(X, name)
    return X.tocsr()


def check_indices(X: Any, name: str) -> None:
    """Refuses a sparse matrix with numbers beyond its last row or column.

    SciPy lets them be made, but writes beyond the memory of its arrays when it computes with them.

    Raises:
        ShapeError: There are such numbers.
    """
    end = {"csr": X.shape[-1], "csc": X.shape[0]}.get(getattr(X, "format", ""))
    if end is None or not X.indices.size:
        return
    low, high = int(X.indices.min()), int(X.indices.max())
    if low < 0 or high >= end:
        what = "column" if X.format == "csr" else "row"
        raise ShapeError(
            f"{name} is a sparse matrix of shape {X.shape}, but has a number in {what} "
            f"{low if low < 0 else high}: make it with a shape that holds all of its indices."
        )
