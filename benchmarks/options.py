"""What the options of several benchmarks are read by, before anything is measured."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from backprop.core.durable import try_folder


def folder(text: str) -> Path:
    """A folder that can be written into; it is made if it is missing."""
    path = Path(text).expanduser()
    try:
        try_folder(str(path), "the folder")
    except OSError as error:
        why = getattr(error.__cause__, "strerror", error)
        raise ArgumentTypeError(f"nothing can be written into {text!r}: {why}") from None
    return path


def at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number that is not smaller."""

    def integer(text: str) -> int:
        number = int(text)
        if number < least:
            raise ArgumentTypeError(f"must be {least} or more, but it is {number}")
        return number

    return integer
