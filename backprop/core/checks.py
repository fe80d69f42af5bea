"""Checks of single arguments: numbers, integers, shapes, lists, dtypes; NumPy's numbers pass."""

import math
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.errors import ShapeError, as_layers, check_room, said
from backprop.core.types import FLOAT_DTYPES, Array, Shape, is_sparse


def check_integer(value: Any, name: str, least: float = 1) -> int:
    """The value as an int.

    Raises:
        ValueError: It is not an integer, or smaller than ``least``.
    """
    if not is_whole(value) or value < least:
        rule = f" of {least} or more" if least > -math.inf else ""
        raise ValueError(f"{name} must be an integer{rule}, but it is {said(value, 80)}.")
    return int(value)


def check_position(value: Any, name: str, size: int) -> int:
    """The value, if it is an integer from 0 to below ``size``; a ValueError if not."""
    if not is_whole(value) or not 0 <= value < size:
        raise ValueError(f"{name} must lie between 0 and {size - 1}, but it is {said(value)}.")
    return int(value)


def is_whole(value: Any) -> bool:
    """Whether the value is an integer; True, False and spans of time are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def check_count(value: Any, name: str) -> int:
    """The value as an int of 0 or more; a ValueError if it is something else."""
    return check_integer(value, name, 0)


def check_place(value: Any, name: str) -> tuple[int, int]:
    """An epoch and a step in it, both counted from 0; a ValueError if it is something else."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"{name} must be (epoch, step), two integers, but it is {said(value)}.")
    for number in value:
        check_integer(number, name, 0)
    return value


def check_flag(value: Any, name: str) -> bool:
    """The value as a bool; 0 and 1 will do.

    Raises:
        TypeError: It is something else, such as the text "False", which Python takes for true.
    """
    if not isinstance(value, bool | np.bool_ | int | np.integer) or value not in (0, 1):
        raise TypeError(f"{name} must be True or False, but it is {said(value)}.")
    return bool(value)


def check_choice(value: Any, name: str, choices: Collection[str], hint: str = "") -> str:
    """The value, which is one of these strings.

    Raises:
        ValueError: It is something else; ``hint`` ends the message.
    """
    if not isinstance(value, str) or value not in choices:
        *others, last = map(repr, choices)
        rule = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{name} must be {rule}, but it is {said(value)}{hint}.")
    return value


def check_text(value: Any, name: str) -> str:
    """The value, which is a string.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, but it is {said(value)}.")
    return value


def check_shown(value: Any, name: str) -> str:
    """The value, which is a string that files, tables and pictures can show.

    Raises:
        TypeError: It is something else.
        ValueError: It holds half a character or a control character.
    """
    text = check_text(value, name)
    for character in text:
        if unicodedata.category(character) in ("Cs", "Cc"):
            raise ValueError(
                f"{name} is {said(value)}, but half a character or a control character such as "
                f"{character!r} cannot be shown: leave it out."
            )
    return text


def check_name(value: Any, name: str) -> str | None:
    """The name of a layer or a metric; None if it is to get one.

    Raises:
        TypeError: It is no string.
        ValueError: It cannot be shown.
    """
    return value if value is None else check_shown(value, name)


def check_use_bias(value: Any, call: str) -> bool:
    """The flag ``use_bias`` of a call such as ``Dense(8)``; Keras has the activation in its place.

    Raises:
        TypeError: It is no flag.
    """
    whole = isinstance(value, bool | np.bool_ | int | np.integer)
    if not whole or value not in (0, 1):
        advice = as_layers(call, value)
        if whole:
            advice = f"the number of inputs is found by itself: {call}"
        raise TypeError(
            f"use_bias of {call} must be True or False, but it is {said(value)}: {advice}."
        )
    return bool(value)


def check_sizes(value: Any, name: str, n: int, least: int = 1) -> tuple[int, ...]:
    """One integer for each of n axes; a single one stands for all of them.

    Raises:
        ValueError: They are not n integers, or one is smaller than ``least``.
    """
    sizes = tuple(value) if is_row(value) else (value,) * n
    if len(sizes) != n or not all(map(is_whole, sizes)) or min(sizes) < least:
        several = f" or {n} of them" if n > 1 else ""
        raise ValueError(
            f"{name} must be an integer of {least} or more{several}, but it is {said(value)}."
        )
    return tuple(map(int, sizes))


def is_row(value: Any) -> bool:
    """Whether the value holds others in a row, as a list does, and not a text or a dict."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return False
    return getattr(value, "ndim", 1) > 0


def check_axis(value: Any, name: str) -> int | tuple[int, ...]:
    """The number of an axis, which may be counted from the end, or a tuple of such numbers.

    Raises:
        ValueError: It is no integer, and no list of them.
    """
    several = is_row(value)
    axes = tuple(value) if several else (value,)
    if not all(map(is_whole, axes)):
        raise ValueError(
            f"{name} must be an integer, such as -1, or a list of them, but it is {said(value)}."
        )
    return tuple(map(int, axes)) if several else int(value)


def check_number(value: Any, name: str, least: float = 0.0, below: float = math.inf) -> float:
    """The value as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is smaller than ``least``, or not smaller than ``below``, or not finite.
    """
    number = check_real(value, name)
    if not least <= number < below or math.isinf(number):
        rules = [f"{least:g} or more"] if least > -math.inf else []
        if below < math.inf:
            rules.append(f"below {below:g}")
        elif math.isinf(number) or not rules:
            rules.append("finite")
        raise ValueError(f"{name} must be {' and '.join(rules)}, but it is {said(value)}.")
    return number


def check_positive(value: Any, name: str) -> float:
    """The value as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is not above 0, or not finite.
    """
    number = check_real(value, name)
    if not 0 < number < math.inf:
        finite = " and finite" if math.isinf(number) else ""
        raise ValueError(f"{name} must be above 0{finite}, but it is {said(value)}.")
    return number


def check_share(value: Any, name: str, ends: bool = True) -> float:
    """The value as a float; ``ends`` says whether 0 and 1 are allowed.

    Raises:
        TypeError: It is no number.
        ValueError: It does not lie between 0 and 1.
    """
    number = check_real(value, name)
    if not 0 <= number <= 1 or (not ends and number in (0, 1)):
        rule = "" if ends else ", both excluded"
        raise ValueError(f"{name} must lie between 0 and 1{rule}, but it is {said(value)}.")
    return number


def check_numbers(value: Any, name: str) -> Array:
    """A number, or numbers of any shape, as an array of float64 that is not written into.

    Raises:
        ValueError: One of them is no number, or not finite, or their rows differ in length.
        TypeError: They are a sparse matrix.
    """
    try:
        given = to_array(value, name)
    except (TypeError, ShapeError):  # no array, or rows of different lengths
        if is_sparse(value):
            raise
        given = np.asarray(None)
    if given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise ValueError(f"{name} must hold finite numbers, but it is {said(value)}.")
    numbers = np.array(given, np.float64)
    numbers.flags.writeable = False
    return numbers


def check_real(value: Any, name: str) -> float:
    """The value as a float, which may be nan or infinite; NumPy's array without axes is a number.

    Raises:
        TypeError: It is no number.
    """
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    if not (is_whole(value) or isinstance(value, float | np.floating)):
        raise TypeError(f"{name} must be a number, but it is {said(value)}.")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is an integer that is too large for a float.") from None


def check_range(value: Any, name: str, lowest: float = -1) -> tuple[float, float]:
    """The lower and upper end of a range of shares, which lie between ``lowest``, −1 or 0, and 1.

    A number f alone stands for (−f, f), or for (0, f) if 0 is the lowest.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(value, np.unsignedinteger):
        value = int(value)  # minus an unsigned one is none
    ends = tuple(value) if isinstance(value, list | tuple) else (value, value)
    real = all(is_whole(n) or isinstance(n, float | np.floating) for n in ends)
    if real and not isinstance(value, list | tuple):
        ends = lowest * value, value
    if not real or len(ends) != 2 or not lowest <= ends[0] <= ends[1] <= 1:
        raise ValueError(
            f"{name} must be a number, or two in order, from {lowest:g} to 1, but it is "
            f"{said(value)}."
        )
    return float(ends[0]), float(ends[1])


def check_shape(value: Any, name: str) -> Shape:
    """The shape of one sample; an integer is short for that of one axis.

    Raises:
        ShapeError: It is empty, or holds something else than integers of 1 or more.
    """
    sizes = tuple(value) if is_row(value) else (value,)
    if not sizes or not all(map(is_whole, sizes)) or min(sizes) < 1:
        unknown = any(n is None for n in sizes)
        advice = ": leave it out, and the shape is found in the first data" * unknown
        raise ShapeError(
            f"{name} must be the shape of one sample, such as (784,), without the batch axis, but "
            f"it is {said(value)}{advice}."
        )
    return tuple(map(int, sizes))


def check_dimensions(value: Any, layer: object) -> Shape:
    """The shape of a layer's parameter, which may have no axes.

    Raises:
        ShapeError: It is no list of integers of 0 or more, or of too many numbers.
    """
    sizes = tuple(value) if is_row(value) else (None,)
    if not all(is_whole(n) and n >= 0 for n in sizes):
        raise ShapeError(
            f"{layer}.add_parameter(shape) must be a shape, such as (4, 3), but it is "
            f"{said(value)}."
        )
    check_room(sizes, f"{layer} would have weights")
    return sizes


def check_list(given: Any, name: str) -> list[Any]:
    """The objects of an iterable, none of None; a TypeError if it is no row, as a dict or set."""
    if given is None:
        return []
    if is_row(given) and not isinstance(given, set | frozenset):
        return list(given)
    items = given.values() if isinstance(given, dict) else [given]
    flat = [each for item in items for each in (item if is_row(item) else [item])]
    argument = name.rpartition("(")[2].rstrip(")")  # of "Dropout(noise_shape)"
    raise TypeError(f"{name} must be a list: write {argument}={said(flat)}.")


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype that a model computes in.

    Raises:
        ValueError: It is neither float32 nor float64.
    """
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if dtype is None or found.name not in FLOAT_DTYPES:  # NumPy takes None for float64
        raise ValueError(f"dtype must be one of {FLOAT_DTYPES}, but it is {said(dtype)}.")
    return found
