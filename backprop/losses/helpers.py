"""What several losses share: checks of shapes and domains, sums along rows."""

import math
from typing import Any

import numpy as np

from backprop.core.errors import ON_THE_LAST_AXIS, ShapeError
from backprop.core.functional import row_sum
from backprop.core.ranges import are_classes
from backprop.core.types import UNIT, Array, Interval, Shape, as_array


def each_output(sample_weight: Array | None, prediction: Array) -> bool:
    """Whether there is a weight for every output, not one for all outputs of a sample."""
    return sample_weight is not None and sample_weight.ndim == prediction.ndim


def row_mean(A: Array) -> Array:
    """(1/K) Σ_k a_k of every row."""
    means = row_sum(A)
    means /= A.shape[-1]
    return means


def row_dot(A: Array, B: Array) -> Array:
    """Σ_k a_k b_k of every row, without an array of the products."""
    return as_array(np.vecdot(A, B))


def check_domain(loss: Any, prediction: Array, domain: Interval) -> None:
    """Checks that predictions lie in the domain of a loss.

    Raises:
        ValueError: They do not.
    """
    low, high = prediction.min(), prediction.max()
    least, most = domain
    if low < least or high > most + 1e-4:  # rounding may lift a sum of probabilities above 1
        raise ValueError(
            f"{loss}: predictions must be {show_domain(domain)}, but they run from {low:.4g} "
            f"to {high:.4g}: end the model with {loss.ending}."
        )


def check_several_outputs(loss: Any, output_shape: Shape) -> None:
    """Checks that a loss that compares outputs with each other has at least two.

    Args:
        loss: A loss; ``instead_of_one`` says what to do about one output, if it needs more.
        output_shape: The shape of one prediction.

    Raises:
        ShapeError: There is one alone.
    """
    if loss.instead_of_one and output_shape[-1:] == (1,):
        raise ShapeError(
            f"{loss}: the model has one output, but it needs two or more: {loss.instead_of_one}"
        )


def are_indices(target: Array, output_shape: Shape) -> bool:
    """Whether targets have the shape of class indices where a row of outputs is compared."""
    one = output_shape[:-1]
    return output_shape[-1] > 1 and target.shape[1:] in (one, (*one, 1))


def as_rows(target: Array, output_shape: Shape) -> str:
    """The code that makes one-hot rows of classes, which may stand in a list or a frame.

    Classes such as −1 and 1, or 1, 2, 3, are numbered from 0 first: as indices they would be other
    rows, or none. Where there are more of them than outputs, the code is empty.
    """
    y, K, classes = "y", output_shape[-1], np.unique(target)
    if len(classes) > K:
        return ""
    if target.ndim > len(output_shape):
        y = "np.ravel(y)" if target.ndim == 2 else "y[..., 0]"
    if are_classes(classes, K):
        y = y if target.dtype.kind in "iu" else f"np.asarray({y}, int)"
    else:
        y = f"np.unique({y}, return_inverse=True)[1]"
    return f"np.eye({K})[{y}]"


def for_each_output(target: Array, output_shape: Shape) -> str:
    """What to do about targets that are not one for each output."""
    shape, sizes = target.shape[1:], target.shape[1 : len(output_shape)]  # sizes (H, W), or (T,)
    if len(shape) == 2 and sizes == (1,) != output_shape[:-1]:
        return at_each_step(1)
    if len(shape) > 1 and len(output_shape) > 1 and math.prod(shape) == output_shape[-1]:
        return (
            "layers such as Dense and Conv2D work on the last axis and keep the others: put "
            f"Flatten() in front of the first Dense layer, and Reshape({shape}) at the end."
        )
    if target.ndim > len(output_shape) + 1:
        return at_each_step(target.shape[1])
    if len(shape) > 1 and sizes != output_shape[:-1]:
        return other_sizes(shape, len(sizes))
    rows = ""
    if are_indices(target, output_shape) and target.dtype.kind in "iub":
        code = as_rows(target, output_shape)
        rows = f"; of class indices {code} makes rows" if code else ""
    return (
        f"pass one target for each output, or change the number of units of the last layer{rows}."
    )


def other_sizes(shape: Shape, axes: int) -> str:
    """What to do about targets of other rows and columns, or of another number of steps.

    Args:
        shape: That of one target.
        axes: How many axes the outputs have before the last one.
    """
    kept, restored, forecast = "as many steps", "Conv1DTranspose or UpSampling1D", ""
    if axes == 2:
        kept, restored = "as many rows and columns", "Conv2DTranspose or UpSampling2D"
    elif axes == 1:
        forecast = (
            f" To predict {shape[0]} steps of each sequence, end with Dense({math.prod(shape)}), "
            f"Reshape({shape}), behind a layer that makes one row of each sequence, such as an "
            "LSTM without return_sequences=True."
        )
    return (
        f"let both have {kept}: convolutions and pooling with padding='same' cut no border off, "
        f"and {restored} undoes strides.{forecast}"
    )


def extra_axes(target: Array, output_shape: Shape) -> str:
    """What to do about predictions that have axes which the targets do not have, if they do."""
    steps, K = len(output_shape) == 2, output_shape[-1]  # (T, K)
    for_steps = steps and target.ndim == 2 and target.shape[1] not in (1, K)  # of another T
    if target.ndim > 2 or len(output_shape) == 1 or for_steps:
        return ""
    advice = " Behind a recurrent layer leave out its return_sequences=True instead."
    return (
        f"{ON_THE_LAST_AXIS}; where there is none, Flatten() and a Dense layer in front of the "
        f"last activation. A model that begins with Dense may begin with Flatten() instead."
        f"{advice * steps}"
    )


def weighted_steps(M: Array, weight: Array | None) -> Array:
    """M ⊙ w, in place, for weights of samples ``(N,)`` or of steps ``(N, T)``.

    For weights of each output ``(N, T, K)`` in an array of their own: then M holds for all K.
    """
    if weight is None:
        return M
    if weight.ndim > M.ndim:
        return as_array(with_axes(M, weight.ndim) * weight)
    M *= with_axes(weight, M.ndim)
    return M


def with_axes(array: Array, ndim: int) -> Array:
    """The array with so many axes at least: those that it lacks come last, of one number each."""
    return array.reshape(*array.shape, *[1] * (ndim - array.ndim))


def at_each_step(n_steps: int) -> str:
    """What to do where targets for all steps meet predictions for whole sequences."""
    if n_steps == 1:
        return "they have an axis for a single step, which y[:, 0] leaves out."
    return (
        f"if they are for the {n_steps} steps of each sequence, let every recurrent layer have "
        f"return_sequences=True; if they are for the pixels of images, leave out Flatten()."
    )


def show_domain(domain: Interval) -> str:
    """``probabilities``, or the interval."""
    return "probabilities" if domain == UNIT else show_interval(domain)


def show_interval(interval: Interval) -> str:
    """``any numbers``, ``numbers from 0 on``, ``numbers from -1 to 1``."""
    low, high = interval
    start, end = f" from {low:g}" if math.isfinite(low) else "", f" to {high:g}"
    if math.isinf(high):
        end = " on" if start else ""
    return f"{'' if start or end else 'any '}numbers{start or (' up' if end else '')}{end}"


def show_shape(output_shape: Shape) -> str:
    """``(N, 10)`` for samples of shape ``(10,)``."""
    return f"({', '.join(['N', *map(str, output_shape)])})"
