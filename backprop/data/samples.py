"""Users' arrays made fit for training, with every mistake found before the first weight moves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop.core import console
from backprop.core.array_errors import one_array
from backprop.core.arrays import as_numbers, to_array
from backprop.core.checks import check_number, check_share
from backprop.core.errors import ShapeError, said
from backprop.core.ranges import check_one_class, check_sum
from backprop.core.types import Array, Shape
from backprop.losses import Loss

WIDE = 0.1
"""How far from 1 the sum of a row of shares may be, as it is rounded."""


class Data:
    """Samples in rows: inputs, targets, and weights if there are any.

    Attributes:
        given: The targets as they were given, in a dtype with more digits than that of ``y``: what
            metrics see. The array ``y`` itself where the two are the same.
        ignored: The class that the loss ignores, if it does.
        name: What error messages call the inputs.
        first_row: The number of the first row among the samples that these are part of.
    """

    name = "x"
    first_row = 0

    def __init__(
        self,
        X: Array,
        y: Array,
        weight: Array | None = None,
        given: Array | None = None,
        ignored: int | None = None,
    ) -> None:
        self.X, self.y, self.weight, self.ignored = X, y, weight, ignored
        self.given = y if given is None else given

    @property
    def counts(self) -> bool:
        """Whether any sample counts in the loss."""
        if self.weight is not None and not self.weight.any():
            return False
        return self.ignored is None or bool((self.y != self.ignored).any())

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def rows(self, which: slice) -> "Data":
        """Some of the samples, as views."""
        weight = None if self.weight is None else self.weight[which]
        given = None if self.given is self.y else self.given[which]
        some = Data(self.X[which], self.y[which], weight, given, self.ignored)
        some.name, some.first_row = self.name, self.first_row + (which.start or 0)
        return some


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
    n = X.shape[0]
    if n == 0:
        raise ShapeError(f"{prefix}x holds no samples: its shape is {X.shape}.")
    if y is None:
        raise ValueError(f"{prefix}y is missing: pass the targets.")
    given = to_array(y, f"{prefix}y")
    if given.ndim == 0 or len(given) != n:
        raise ShapeError(
            f"{prefix}x has {n} samples, but {prefix}y has the shape {given.shape}: pass one "
            f"target for each sample{several_joined(X.shape, given.shape, prefix)}."
        )
    try:
        target = loss.check_target(given, output_shape, dtype)
    except ShapeError as error:
        if len(getattr(y, "shape", given.shape)) < given.ndim:
            how = "np.argmax and others take it as one array alone: begin with y = "
            error.args = (
                f"{error} {prefix}y is a column of vectors, and {how}{one_array(y, 'y')}.",
            )
        raise
    weight, ignored = None, loss.ignored
    if sample_weight is not None:
        if class_weight is not None:
            raise ValueError("pass sample_weight or class_weight, not both.")
        numbers = as_numbers(sample_weight, f"{prefix}sample_weight")
        weight = loss.check_weight(numbers, n, output_shape, dtype)
    elif class_weight is not None:
        known = loss.unjoined.has_classes(target)
        weight = weight_by_class(target, output_shape, class_weight, dtype, ignored, known)
    data = Data(X, target, weight, digits_lost(given, target), ignored)
    data.name = f"{prefix}x"
    return data


def several_joined(of_x: Shape, of_y: Shape, prefix: str) -> str:
    """What to do about a list of arrays that other libraries take for several inputs or outputs."""
    if len(of_x) > 2 and of_x[1:2] == of_y[:1]:
        return (
            f". If {prefix}x, of shape {of_x}, is a list of several inputs: a model has one, such "
            f"as np.concatenate(x, axis=-1), and Columns and Parallel take it apart"
        )
    if len(of_y) > 1 and of_y[1] == of_x[0]:
        joined = "np.transpose(y)" if len(of_y) == 2 else "np.concatenate(y, axis=-1)"
        return f". If {prefix}y is a list of several outputs: {joined} joins them"
    if len(of_x) == 2 and of_x[1] in of_y[:2]:
        turned = " and np.transpose(y)" if of_y[0] != of_x[1] else ""
        return f". If the samples of {prefix}x are its columns: pass np.transpose(x){turned}"
    return ""


def warn_if_none_counts(counts: bool, what: str) -> None:
    """Warns that the loss is 0 whatever the model makes of these samples."""
    if not counts:
        console.warn(
            f"no sample of {what} counts in the loss, which is therefore 0: all have the weight 0, "
            f"or a class that the loss ignores, or are padding."
        )


def digits_lost(given: Array, target: Array) -> Array | None:
    """The targets as given, in the shape of those of the loss, if these are rounded ones."""
    if target.dtype.kind != "f" or given.size != target.size:
        return None
    kind, size = given.dtype.kind, given.dtype.itemsize
    if kind not in "fiu" or size < target.itemsize or (kind == "f" and size == target.itemsize):
        return None
    given = given.reshape(target.shape)
    with np.errstate(invalid="ignore"):
        if np.array_equal(target.astype(given.dtype), given):
            return None
        rounded = np.array_equal(given.astype(target.dtype), target)  # and not changed by the loss
    return given if rounded else None


def weight_by_class(
    target: Array,
    output_shape: Shape,
    class_weight: Mapping[int, float],
    dtype: np.dtype[Any],
    ignored: int | None = None,
    known: bool = False,
) -> Array:
    """The weight of each sample's class: class indices, one-hot rows, or 0/1 for one output.

    The class that the loss ignores may stand for any. Where the loss is ``known`` to take rows of
    classes, the largest number of each stands for its class, whatever the others are.

    Raises:
        TypeError: It is not a dict.
        ValueError: A key is no class, a weight is no finite number of 0 or more, or the targets are
            not classes.
    """
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must be a dict such as {{0: 1.0, 1: 2.5}}, but it is "
            f"{said(class_weight)}."
        )
    n_classes = max(output_shape[-1], 2)
    classes = target
    if target.shape[1:] == output_shape:  # a row for each class, or one 0 or 1
        if output_shape[-1] > 1:
            check_one_class(target, "class_weight, targets", "use sample_weight for others.")
        classes = target[..., 0] if output_shape[-1] == 1 else target.argmax(axis=-1)
    if ignored is not None:
        classes = np.where(classes == ignored, 0, classes)
    one_each = classes.shape[1:] == output_shape[:-1]
    one_each &= known or classes is target or output_shape[-1] == 1 or are_of_one_class(target)
    if not one_each or not np.isin(classes, np.arange(n_classes)).all():
        raise ValueError(
            f"class_weight needs targets that are classes from 0 to {n_classes - 1}, one for each "
            f"sample: use sample_weight for others."
        )
    table = np.ones(n_classes, dtype)
    for key, value in class_weight.items():
        if key not in range(n_classes):
            raise ValueError(
                f"class_weight has the key {said(key)}, but classes run from 0 to {n_classes - 1}."
            )
        number, largest = check_number(value, f"class_weight[{key}]"), float(np.finfo(dtype).max)
        if number > largest:
            raise ValueError(
                f"class_weight[{key}] is {number:.4g}, an overflow in {np.dtype(dtype).name}, "
                f"whose largest number is {largest:.4g}: take smaller weights, or make the model "
                f'with dtype="float64".'
            )
        table[int(key)] = number
    weight = table[classes.astype(np.intp)]
    check_sum(weight, "class_weight")
    return weight


def are_of_one_class(rows: Array) -> bool:
    """Whether rows may be those of a class each: of −1 and 1, or of shares."""
    if (np.abs(rows) == 1).all():
        return True
    one = np.abs(np.add.reduce(rows, axis=-1) - 1) <= WIDE
    one |= np.count_nonzero(rows > 0.5, axis=-1) == 1  # each number is smoothed for itself
    return bool(one.all() and rows.min() >= 0 and rows.max() <= 1.0001)


def warn_of_other_classes(
    data: Data, class_weight: Mapping[int, float], shown: Array | None = None
) -> None:
    """Warns of weights for classes that do not occur beside classes that have none.

    Either alone is usual; both together look as if the classes were numbered otherwise.

    Args:
        data: Checked arrays.
        class_weight: The weights.
        shown: Where targets are no padding; None if nowhere.
    """
    weighed = set(map(int, class_weight))
    absent = weighed - set(classes_in(data.y).tolist())
    others = set(classes_that_count(data, shown).tolist()) - weighed - {data.ignored}
    if absent and others:
        first, other = min(absent), min(others)
        console.warn(
            f"class_weight has a weight for class {first}, which does not occur in y, and none for "
            f"class {other}, which does and counts 1: give each class its weight, by its number in "
            f"y."
        )


def split_validation(
    data: Data, fraction: float, categorical: bool = False, shown: Array | None = None
) -> tuple[Data, Data]:
    """The first rows for training and the last for validation (see ``validation_cut``).

    Warns where the targets are classes and one of them is in the last rows only.

    Args:
        data: Checked arrays.
        fraction: The share of the last rows.
        categorical: Whether the targets are class indices, or a probability for each class.
        shown: Where targets are no padding; None if nowhere.
    """
    cut = validation_cut(len(data), fraction)
    first, last = data.rows(slice(cut)), data.rows(slice(cut, None))
    missing = []
    if categorical:
        found = classes_that_count(last, None if shown is None else shown[cut:])
        missing = [c for c in np.setdiff1d(found, classes_in(first.y)) if c != data.ignored]
    if missing:
        some = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        console.warn(
            f"validation_split={fraction} takes the last {len(last)} samples, and only they are of "
            f"class {some}, which is therefore never trained on: shuffle x and y together first, "
            f"or pass validation_data."
        )
    return first, last


def validation_cut(n: int, fraction: float) -> int:
    """Where the first rows end, for training, and the last begin: ⌊n (1 − fraction)⌋.

    Raises:
        ValueError: The fraction is not inside (0, 1), or leaves one side empty.
    """
    fraction = check_share(fraction, "validation_split", ends=False)
    cut = int(n * (1 - fraction))
    if not 0 < cut < n:
        raise ValueError(
            f"validation_split={fraction} of {n} samples leaves no sample for "
            f"{'training' if cut == 0 else 'validation'}."
        )
    return cut


def classes_that_count(data: Data, shown: Array | None) -> Array:
    """The classes that occur where targets are shown and have a weight that is not 0."""
    y = data.y
    axes = y.ndim - (y.dtype.kind not in "iu")  # those of samples and of steps
    counts = np.ones(y.shape[:axes], bool)
    for each in (data.weight, shown):
        if each is not None:
            leading = each.any(axis=-1) if each.ndim > axes else each != 0
            counts &= leading.reshape(*leading.shape, *[1] * (axes - leading.ndim))
    return classes_in(y[counts])


def classes_in(y: Array) -> Array:
    """The classes that occur: of indices ``(N,)``, of one 0 or 1 a row, or of a share for each."""
    if y.dtype.kind in "iu":
        return np.unique(y)
    if y.shape[-1] == 1:
        return np.unique(y[np.isin(y, (0, 1))]).astype(int)
    return np.flatnonzero(y.reshape(-1, y.shape[-1]).any(axis=0))
