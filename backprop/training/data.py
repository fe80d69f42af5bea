"""Users' arrays made fit for training, with every mistake found before the first weight moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape
from backprop.losses import Loss
from backprop.losses.base import check_sample_weight


@dataclass(frozen=True)
class Data:
    """Samples in rows: inputs, targets, and weights if there are any."""

    X: Array
    y: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    def rows(self, which: slice) -> "Data":
        """Some of the samples, as views."""
        weight = None if self.weight is None else self.weight[which]
        return Data(self.X[which], self.y[which], weight)


def check_inputs(x: Any, input_shape: Shape | None, layer: object, name: str = "x") -> Array:
    """Inputs as an array of numbers with samples in rows.

    Args:
        x: An array, or what ``np.asarray`` makes one of: a list, a DataFrame.
        input_shape: The shape of one sample that the model was built for; None if it is not built.
        layer: The first layer, for the error message.
        name: The argument's name, likewise.

    Raises:
        TypeError: They are not numbers.
        ShapeError: There is no batch axis, no sample, or another number of features.
        ValueError: They hold nan or infinite numbers.
    """
    X = x if isinstance(x, np.ndarray) else as_array(x, name)
    if X.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold numbers, but its dtype is {X.dtype}: encode text and categories as "
            f"numbers first."
        )
    if X.ndim < 2:
        raise ShapeError(
            f"{name} must have a row for each sample, shape (N, features), but its shape is "
            f"{X.shape}: use {name}.reshape(-1, 1) for one feature or {name}.reshape(1, -1) for "
            f"one sample."
        )
    if input_shape is not None and X.shape[1:] != input_shape:
        n = " × ".join(map(str, input_shape))
        raise ShapeError(
            f"{layer} was built for {n} features but {name} has the shape {X.shape}: pass samples "
            f"with {n} columns."
        )
    # a memory map may be larger than memory: it is looked at batch by batch only
    if X.dtype.kind == "f" and not isinstance(X, np.memmap):
        for start in range(0, len(X), 4096):
            if not np.isfinite(X[start : start + 4096]).all():
                finite = np.isfinite(X[start : start + 4096]).reshape(-1, X[0].size)
                row = start + int(np.flatnonzero(~finite.all(axis=1))[0])
                raise ValueError(
                    f"{name} holds nan or infinite numbers, the first in row {row}: remove or "
                    f"replace them before training."
                )
    return X


def as_array(x: Any, name: str) -> Array:
    """``np.asarray`` with an error that names the argument."""
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            f"{name} cannot be made an array of samples ({error}): its rows must have equal length."
        ) from None


def check_data(
    X: Array,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    *,
    output_shape: Shape,
    loss: Loss,
    dtype: np.dtype[Any],
    prefix: str = "",
) -> Data:
    """Inputs, targets and weights, checked against each other and against the model.

    Args:
        X: Inputs that passed ``check_inputs``.
        y: Targets, as the loss takes them.
        sample_weight: A weight for each sample, or None.
        class_weight: A weight for each class index, 1 where it is missing, or None.
        output_shape: The shape of one prediction.
        loss: The model's loss.
        dtype: The dtype that the model computes in.
        prefix: What stands before the arguments' names in error messages: ``"validation "``.

    Raises:
        ShapeError: Lengths or shapes do not fit.
        ValueError: Values that cannot be trained on, or both kinds of weights at once.
    """
    if len(X) == 0:
        raise ShapeError(f"{prefix}x holds no samples: its shape is {X.shape}.")
    if y is None:
        raise ValueError(f"{prefix}y is missing: pass the targets.")
    target = as_array(y, f"{prefix}y")
    if target.ndim == 0 or len(target) != len(X):
        raise ShapeError(
            f"{prefix}x has {len(X)} samples, but {prefix}y has the shape {target.shape}: pass one "
            f"target for each sample."
        )
    target = loss.check_target(target, output_shape, dtype)
    weight = None
    if sample_weight is not None:
        if class_weight is not None:
            raise ValueError("pass sample_weight or class_weight, not both.")
        weight = check_sample_weight(sample_weight, len(X), dtype)
    elif class_weight is not None:
        weight = weight_by_class(target, output_shape, class_weight, dtype)
    return Data(X, target, weight)


def weight_by_class(
    target: Array, output_shape: Shape, class_weight: Mapping[int, float], dtype: np.dtype[Any]
) -> Array:
    """The weight of each sample's class: class indices, one-hot rows, or 0/1 for one output.

    Raises:
        ValueError: A key is no class, or the targets are not classes.
    """
    n_classes = max(output_shape[-1], 2)
    classes = target
    if target.ndim == 2:
        classes = target[:, 0] if target.shape[1] == 1 else target.argmax(axis=1)
    if classes.ndim != 1 or not np.array_equal(classes, np.floor(classes)):
        raise ValueError("class_weight needs targets that are classes, one for each sample.")
    table = np.ones(n_classes, dtype)
    for key, value in class_weight.items():
        if not 0 <= key < n_classes:
            raise ValueError(
                f"class_weight has the key {key!r}, but classes run from 0 to {n_classes - 1}."
            )
        if not value >= 0:
            raise ValueError(f"class_weight[{key}] must be 0 or more, but it is {value!r}.")
        table[int(key)] = value
    return table[classes.astype(np.intp)]


def check_positive_integer(value: Any, name: str, least: int = 1) -> int:
    """The value as an int.

    Raises:
        ValueError: It is not an integer, or smaller than ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of {least} or more, but it is {value!r}.")
    return int(value)


def split_validation(data: Data, fraction: float) -> tuple[Data, Data]:
    """The first rows for training and the last for validation, cut at ⌊n (1 − fraction)⌋.

    Raises:
        ValueError: The fraction is not inside (0, 1), or leaves one side empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must lie between 0 and 1, but it is {fraction!r}.")
    cut = int(np.floor(len(data) * (1 - fraction)))
    if not 0 < cut < len(data):
        raise ValueError(
            f"validation_split={fraction} of {len(data)} samples leaves no sample for "
            f"{'training' if cut == 0 else 'validation'}."
        )
    return data.rows(slice(cut)), data.rows(slice(cut, None))
