"""The one place that prints. No text is worth a training: what cannot be printed raises nothing.

Where a program has no stdout (pythonw, services), or it was closed, nothing is printed. A character
that the encoding of stdout lacks (cp1252, latin-1, ASCII) is replaced by one that looks like it, or
by ``?``.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import numpy as np

from backprop.core.errors import said

LOOKALIKES = {"─": "-", "│": "|", "×": "x", "→": ">", "←": "<", "–": "-", "−": "-", "·": "."}
"""What is printed in place of characters that an encoding may lack."""


_muted = 0  # how many callers of ``muted`` are at work


@contextmanager
def muted(really: bool = True) -> Iterator[None]:
    """Lets nothing be printed or warned of inside, as another worker says the same."""
    global _muted
    _muted += really
    try:
        yield
    finally:
        _muted -= really


def write(text: object, end: str = "\n") -> None:
    """Prints a text to stdout, above the progress bars if there are any."""
    if _muted:
        return
    with suppress(Exception), _bars_aside():
        STDOUT.write(f"{text}{end}")
        STDOUT.flush()


def warn(message: str, category: type[Warning] = RuntimeWarning) -> None:
    """Shows a warning that names the line of the user's program that called the package."""
    if _muted:
        return
    frame, level = sys._getframe(), 1
    # SciPy calls back what it minimises
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("backprop.", "scipy.")):
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(message, category, stacklevel=level)
    except Warning:  # where the program wants warnings to be errors
        raise
    except UnicodeEncodeError as error:  # of a stderr that lacks a character
        line = frame.f_code.co_filename, frame.f_lineno
        shown = warnings.formatwarning(message, category, *line)
        with suppress(Exception):
            sys.stderr.write(encodable(shown, error.encoding))
    except Exception:  # of a stderr that is closed, or is the user's own
        return


def is_terminal() -> bool:
    """Whether stdout is a terminal, which can draw a line anew."""
    with suppress(Exception):  # there is none, or it was closed
        return bool(sys.stdout.isatty())
    return False


def in_notebook() -> bool:
    """Whether the program runs in a notebook, which keeps everything that was ever shown."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def size() -> os.terminal_size:
    """Columns and lines of the terminal: 80 and 24 where it does not tell, or says 0."""
    import shutil  # takes as long to load as all losses together

    return shutil.get_terminal_size()


class Stream:
    """A text file that writes to ``sys.stdout`` or ``sys.stderr``, whichever it is at the moment.

    Args:
        name: ``"stdout"`` or ``"stderr"``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def current(self) -> Any:
        """The file that is written to; None if there is none."""
        return getattr(sys, self.name, None)

    @property
    def encoding(self) -> str | None:
        """The encoding of the file, if it tells."""
        return getattr(self.current, "encoding", None)

    def write(self, text: str) -> int:
        """Writes what can be written."""
        with suppress(Exception):  # of whatever kind the file raises: it is None, broken or closed
            try:
                self.current.write(text)
            except UnicodeEncodeError as error:
                self.current.write(encodable(text, error.encoding))
        return len(text)

    def flush(self) -> None:
        """Flushes the file."""
        with suppress(Exception):
            self.current.flush()

    def __eq__(self, other: object) -> bool:
        """Whether both write to the same file, so that tqdm finds the bars that are drawn there."""
        return other is self or (other is not None and other is self.current)

    __hash__ = object.__hash__


STDOUT, STDERR = Stream("stdout"), Stream("stderr")


def new_bar(stream: Stream, **options: Any) -> Any:
    """A progress bar of tqdm's that is drawn there, as wide as the terminal."""
    from tqdm import tqdm

    columns, lines = size()
    try:
        for each in (sys.stdout, sys.stderr):  # tqdm flushes both, which may be closed
            getattr(each, "flush", int)()
        options |= {"ncols": columns - 1, "nrows": lines, "disable": False}
        # else the environment's; tqdm dies of TQDM_ASCII=1 and TQDM_GUI=1
        options |= {"ascii": None, "gui": False, "delay": 0, "position": None}
        return tqdm(file=stream, **options)
    except Exception:  # a stream of the user's own may raise anything
        return tqdm(disable=True)


def aligned(rows: Sequence[Sequence[str]], sides: str = ">", gap: str = "  ") -> list[str]:
    """The rows of a table as lines, with the cells of each column below each other.

    Args:
        rows: The cells.
        sides: For each column, or for all, ``"<"`` for cells that stand left, ``">"`` for right.
        gap: What stands between the columns.
    """
    sides = sides * len(rows[0]) if len(sides) == 1 else sides
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = [f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True)]
    return [gap.join(columns).format(*row).rstrip() for row in rows]


def encodable(text: str, encoding: str) -> str:
    """The text with other characters in place of those that the encoding lacks."""

    def fitting(character: str) -> str:
        for each in (character, LOOKALIKES.get(character, "?")):
            with suppress(UnicodeEncodeError):
                each.encode(encoding)
                return each
        return "?"

    return "".join(map(fitting, text))


def _bars_aside() -> AbstractContextManager[None]:
    """Clears the progress bars while something is printed above them, and draws them again."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:  # then there are no bars
        return nullcontext()
    mode: AbstractContextManager[Any] = tqdm.tqdm.external_write_mode()
    return mode


def last_words(message: str) -> None:
    """Writes a message to stderr where the process is about to end without Python's cleaning up."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    with suppress(OSError):
        os.write(2, f"{message}\n".encode(errors="replace"))


def check_verbose(value: Any, hint: str = "0, 1 or 2") -> int:
    """The value, which is 0, 1 or 2; True and False will do.

    Raises:
        ValueError: It is something else; ``hint`` says what it may be.
    """
    if not isinstance(value, int | float | np.number | np.bool_) or value not in (0, 1, 2):
        raise ValueError(f"verbose must be {hint}, but it is {said(value)}.")
    return int(value)
