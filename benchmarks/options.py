"""What the options of several benchmarks are read by, before anything is measured."""

import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path


def folder(text: str) -> Path:
    """A folder that can be written into; it is made if it is missing."""
    path = Path(text).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ArgumentTypeError(f"nothing can be written into {text!r}: {error.strerror}") from None
    return path


def at_least(least: int) -> Callable[[str], int]:
    """What reads a whole number that is not smaller."""

    def integer(text: str) -> int:
        number = int(text)
        if number < least:
            raise ArgumentTypeError(f"must be {least} or more, but it is {number}")
        return number

    return integer
