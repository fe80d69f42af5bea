"""The classes that pictures show: their indices, probabilities and names, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.array_errors import check_present, numbering, one_hot_rows
from backprop.core.arrays import to_array
from backprop.core.checks import check_list
from backprop.core.errors import ON_THE_LAST_AXIS, said
from backprop.core.types import Array


def class_indices(name: str, values: object, count: int, both: str = "") -> Array:
    """Return ``values``, one class index for each of ``count`` samples, with the shape ``(N,)``.

    Args:
        name: What they are called.
        values: The classes.
        count: N.
        both: The code for all labels, for the error message, if there are others beside these.

    Raises:
        ValueError: If they are not ``count`` whole numbers from 0 on.
    """
    array = to_array(values, name)
    if array.shape not in ((count,), (count, 1)):
        advice = f"of one-hot rows take np.argmax({one_hot_rows(values, name)}, axis=1)"
        if array.ndim > 2:
            advice = ON_THE_LAST_AXIS
        elif not array.ndim:
            advice = f"of a single one pass [{name}]"
        elif (array.ndim == 1 or array.shape[1:] == (1,)) and array.dtype.kind != "O":
            advice = "pass those of the same samples"
        raise ValueError(
            f"{name} must hold one class index for each of {count} samples but has the shape "
            f"{array.shape}: {advice}."
        )
    array = array.reshape(count)
    if array.dtype.kind == "f":
        check_present(array, name)
    if array.dtype.kind not in "iub" and not (
        array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all()
    ):
        advice = f"number the classes, for example with {numbering(array, name, both)}"
        if array.dtype.kind == "f":
            likely = ((array >= 0) & (array <= 1)).all()
            advice = f"of probabilities pass ({name} > 0.5)" if likely else "a regression has none"
        raise ValueError(
            f"{name} must hold class indices 0, 1, … but has the dtype {array.dtype}: {advice}."
        )
    array = array.astype(np.int64)
    if count and array.min() < 0:
        advice = f": of labels -1 and 1 pass {name} > 0" if (array**2 == 1).all() else ""
        raise ValueError(
            f"{name} must hold class indices from 0 on but holds {array.min()}{advice}."
        )
    return array


def check_probabilities(
    values: Array, rule: str, advice: str = "apply a softmax or sigmoid to logits"
) -> None:
    """Checks that numbers lie between 0 and 1, up to rounding; nan passes.

    Raises:
        ValueError: They do not; it begins with the ``rule`` and ends with the ``advice``.
    """
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if low < -1e-6 or high > 1 + 1e-6:
        raise ValueError(f"{rule}, but the values go from {low:.3g} to {high:.3g}: {advice}.")


def name_classes(class_names: Any, count: int, labels: Sequence[Any] | None = None) -> list[str]:
    """Return the names of the classes, which are their labels if not given.

    Args:
        class_names: The names in the order of the classes, or a dict of the name of each label, or
            of the label of each name.
        count: K.
        labels: What stands for the classes in y; their indices by default.

    Raises:
        TypeError: They are no list, nor a dict.
        ValueError: If there are fewer names than classes.
    """
    labels = range(count) if labels is None else labels
    if class_names is None:
        return [str(label) for label in labels]
    if isinstance(class_names, set | frozenset):
        raise TypeError(
            "class_names must be a list: write class_names=[…] in the order of the classes, as a "
            "set has none."
        )
    if isinstance(class_names, Mapping):
        by_label = dict(class_names)
        if not by_label.keys() >= {*labels}:
            by_label = {label: name for name, label in class_names.items()}
        if not by_label.keys() >= {*labels}:
            raise ValueError(
                f"class_names must name the classes {said(list(labels))}, but it is "
                f"{said(class_names)}: name each."
            )
        return [str(by_label[label]) for label in labels]
    names = [str(name) for name in check_list(class_names, "class_names")]
    if len(names) < count:
        raise ValueError(
            f"class_names has {len(names)} names but there are {count} classes: name each."
        )
    return names
