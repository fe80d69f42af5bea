"""The names of the files that callbacks write: with numbers filled in, or without fields."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from backprop.callbacks.base import Callback, LambdaCallback
from backprop.core.durable import FilePath, check_path


def plain_path(path: FilePath, name: str) -> str:
    """A path in which nothing is filled in.

    Raises:
        ValueError: It looks as if something were to be: ``"{epoch}.csv"``.
    """
    checked = check_path(path, name)
    field = re.search(r"\{[A-Za-z_]\w*(:[^{}]*)?\}", checked)
    if field:
        raise ValueError(
            f"{name} {checked!r} has the field {field[0]}, but there are none that could be filled "
            f"in here: one name holds for the whole training."
        )
    return checked


def fill(filepath: str, numbers: Mapping[str, Any], missing: Mapping[str, Any]) -> str:
    """A path with numbers filled in.

    Args:
        filepath: The path with fields, such as ``"{epoch:02d}.npz"``.
        numbers: The numbers.
        missing: What stands for others.

    Raises:
        ValueError: There is no such number, or it cannot be written so.
    """
    try:
        return filepath.format(**{**missing, **numbers})
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"filepath {filepath!r} cannot be filled in ({error!r}): the numbers there are "
            f"{', '.join(numbers)}."
        ) from error


def may_add(callbacks: Iterable[Callback]) -> bool:
    """Whether one of these callbacks may write numbers that nobody knows into the logs."""
    return any(not each.of_package or isinstance(each, LambdaCallback) for each in callbacks)
