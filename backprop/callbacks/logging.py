"""Callbacks that show or keep the numbers of training: a table in a file, curves as they grow."""

import csv
import io
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop import plotting
from backprop.callbacks.base import Callback, Logs, numbers_of
from backprop.callbacks.file_names import may_add, plain_path
from backprop.callbacks.monitoring import Informed
from backprop.core import console
from backprop.core.checks import check_flag, check_integer, check_list, check_text
from backprop.core.durable import (
    FilePath,
    append,
    check_file,
    check_target,
    replacing,
    try_folder,
)
from backprop.core.errors import said
from backprop.plotting.style import picture_path
from backprop.storage.files import as_column, as_list

MARK = "\ufeff"
"""The byte order mark: what some programs write before a text in UTF-8."""

SHARE = 0.1
"""The largest share of the time of a training that is spent on drawing it."""


class CSVLogger(Callback):
    """Writes a line of numbers into a file after every epoch, as text in UTF-8.

    The columns are the epoch, counted from 0, and the logs of the first epoch in alphabetical
    order. One that comes later, such as that of a validation that is not made after every epoch, is
    added behind them. ``NA`` stands for a number that is missing.

    Args:
        filename: The file.
        separator: The character between two numbers.
        append: Whether an existing file is continued; else it is replaced. A file may begin with a
            byte order mark, as that of a spreadsheet does, and keeps it. Spaces around the names
            of its columns do not count.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "zeros")])
        >>> model.compile(bp.optimizers.SGD(0.5), "mse")
        >>> X = y = np.ones((1, 1))
        >>> from pathlib import Path
        >>> log = bp.callbacks.CSVLogger("log.csv")
        >>> history = model.fit(X, y, epochs=2, verbose=0, callbacks=[log])
        >>> print(Path("log.csv").read_text().strip())
        epoch,loss
        0,1.0
        1,0.0
    """

    writes = True

    def __init__(self, filename: FilePath, separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n\0':
            raise ValueError(
                f"separator must be one character, no quotation mark and no end of a line, but it "
                f"is {said(separator)}."
            )
        self.filename = plain_path(filename, "filename")
        self.separator = separator
        self.append = check_flag(append, "append")
        self._writing = False

    def check_setting(self, name: str) -> None:
        """Raises AttributeError while the lines of a training are written into a file."""
        if self._writing:
            raise AttributeError(f"{name} cannot be changed in a training: set it before fit.")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Reads the file that is to be continued, or empties it.

        Raises:
            ValueError: What is to be continued is no such table.
        """
        self._rows: list[list[str]] = []
        self._mark = ""
        if self.append and os.path.isfile(check_file(self.filename)):  # devices may have no end
            self._read()
        self._replace()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The file is in use from here on, as on_train_end is certain to follow."""
        self._writing = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """The file is complete."""
        self._writing = False

    def state(self) -> dict[str, Any]:
        """All lines so far."""
        text = self._text(self._rows).encode("utf-8", "surrogatepass")
        return {"text": np.frombuffer(text, np.uint8), "mark": self._mark}

    def restore(self, state: dict[str, Any]) -> None:
        """Writes the file with those lines: none is missing afterwards, and none comes twice."""
        text = state["text"].tobytes().decode("utf-8", "surrogatepass")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator)
        self._rows, self._mark = [row for row in rows if row], state["mark"]
        self._replace()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the epoch's line, and the whole file again if there are new columns."""
        logs = {str(name): value for name, value in (logs or {}).items()}
        numbers = {name.strip(): value for name, value in {"epoch": epoch, **logs}.items()}
        columns, *rows = self._rows or [[]]
        there = stripped(columns)
        new = [name for name in ("epoch", *sorted(logs)) if name.strip() not in there]
        if new:
            columns = [*columns, *new]
            # a line that was cut off has fewer numbers than the others
            filled = (row + ["NA"] * (len(columns) - len(row)) for row in rows)
            self._rows = [columns, *filled]
        if new or not os.path.exists(self.filename):  # somebody may have removed it
            self._replace()
        line = [cell(numbers.get(name)) for name in stripped(columns)]
        self._rows.append(line)
        append(self.filename, encoded(self._text([line])))

    def _read(self) -> None:
        try:
            with open(self.filename, newline="", encoding="utf-8") as file:
                self._mark = MARK if file.read(1) == MARK else ""
                file.seek(len(self._mark.encode()))
                spaced = self.separator != " "  # "epoch, loss" has the columns epoch and loss
                rows = csv.reader(file, delimiter=self.separator, skipinitialspace=spaced)
                self._rows = [row for row in rows if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"CSVLogger cannot continue {self.filename!r}, which is no table in UTF-8 "
                f"({error}): make it one, or pass append=False or another filename."
            ) from error
        if self._rows and "epoch" not in stripped(self._rows[0]):
            raise ValueError(
                f"CSVLogger cannot continue {self.filename!r}: with separator={self.separator!r} "
                f"its columns are {self._rows[0]}, without 'epoch': pass the separator that the "
                f"file has, append=False, or another filename."
            )
        columns = len(self._rows[0]) if self._rows else 0
        for number, row in enumerate(self._rows):
            if len(row) > columns:
                raise ValueError(
                    f"CSVLogger cannot continue {self.filename!r}: row {number} is {row}, but "
                    f"there are {columns} columns: mend that row, or pass append=False or another "
                    f"filename."
                )

    def _replace(self) -> None:
        with replacing(self.filename) as temporary, open(temporary, "wb") as file:
            file.write(encoded(self._mark + self._text(self._rows)))

    def _text(self, rows: list[list[str]]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="\n").writerows(rows)
        return text.getvalue()


def cell(value: Any) -> str:
    """What stands in a table for a value of the logs: ``NA`` for None, ``[0.5, 1.0]`` for a list.

    What else a callback has written into them stands there as it is printed.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(cell, value))}]"
    return "NA" if value is None else str(value)


def stripped(columns: list[str]) -> list[str]:
    """The names of columns without spaces around them, as others write them into a file."""
    return [name.strip() for name in columns]


def encoded(text: str) -> bytes:
    """A text in UTF-8; a name may hold what is no character there, as those of some paths do."""
    return text.encode("utf-8", "backslashreplace")


def check_let_go(value: Any, name: str) -> None:
    """Raises AttributeError unless the value is None, which lets go of the picture."""
    if value is not None:
        raise AttributeError(f"{name} can be set to None, and to nothing else: training draws it.")


class LivePlot(Informed):
    """Draws the curves of loss and metrics while they grow.

    In a notebook the picture below the cell is redrawn; with a path a file is rewritten, which an
    image viewer can show meanwhile. A picture takes some tenths of a second: where epochs are short
    some are left out, so that drawing takes no more than a tenth of the time.

    Args:
        path: The file, for example ``"training.png"``; None for a notebook.
        every: A picture is drawn after every so many epochs; the last epoch always has one.
        keys: Which quantities; all unless given. One that comes later, such as that of a validation
            that is not made after every epoch, is drawn from then on.

    Attributes:
        figure: The last picture, a matplotlib figure.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> plot = bp.callbacks.LivePlot("training.png")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=2, verbose=0, callbacks=[plot])
    """

    writes = True
    _assignable = {**Informed._assignable, "figure": check_let_go}

    def __init__(
        self,
        path: FilePath | None = None,
        every: int = 1,
        keys: str | Sequence[str] | None = None,
    ) -> None:
        self.every = check_integer(every, "every")
        if path is None and not console.in_notebook():
            raise ValueError(
                "LivePlot() draws in notebooks only: pass a path here, LivePlot('training.png')."
            )
        self.path = path if path is None else plain_path(path, "path")
        self.keys = keys
        if keys is not None and not isinstance(keys, str):
            self.keys = [check_text(key, "every one of keys") for key in check_list(keys, "keys")]
        self.figure: Any = None
        self._display: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts a new picture.

        Raises:
            ValueError: The path ends in a format that matplotlib does not know, or ``keys`` holds a
                name that is not among the numbers of training.
            OSError: The folder of the path does not exist, or nothing can be written into it.
        """
        if self.path is not None:
            target = check_target(picture_path(self.path))
            try_folder(os.path.dirname(target), "path")
        unknown = self._strange()
        if unknown and not may_add(self._others):
            raise ValueError(
                f"keys holds {unknown[0]!r}, which is not among the numbers of this training: they "
                f"are {', '.join(map(repr, self.examples()))}."
            )
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self._display = None
        self._drawn = 0
        self._next = 0.0  # when the next picture may be drawn

    def state(self) -> dict[str, Any]:
        """The curves so far."""
        curves = {key: as_column(values) for key, values in self.history.items()}
        return {"epoch": self.epoch, "history": curves}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on drawing them."""
        self.epoch = state["epoch"]
        self.history = {key: as_list(values) for key, values in state["history"].items()}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the epoch's numbers, and draws if it is time."""
        self.epoch.append(epoch)
        numbers = numbers_of(logs)
        for key in {**self.history, **numbers}:
            values = self.history.setdefault(key, [])
            values += [None] * (len(self.epoch) - 1 - len(values))  # as without a validation
            values.append(numbers.get(key))
        if len(self.epoch) % self.every == 0 and time.perf_counter() >= self._next:
            self._draw()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draws the epochs that are not drawn yet."""
        if len(self.epoch) > self._drawn:
            self._draw()
        never = [key for key in self._strange() if key not in self._there()]
        if never and self.epoch:
            console.warn(f"keys holds {never[0]!r}, which was not among the numbers of training.")

    def _asked(self) -> list[str]:
        return [self.keys] if isinstance(self.keys, str) else list(self.keys or ())

    def _strange(self) -> list[str]:
        """Those of ``keys`` that only a callback could write into the logs."""
        known = self.examples() if self.keys else {}
        lists = [name for name, example in known.items() if isinstance(example, list)]
        names = [key for key in self._asked() if key not in known]
        return [key for key in names if key.partition("[")[0] not in lists]  # f1_score[0]

    def _there(self) -> list[str]:
        """Those of ``keys`` that there is a number of by now."""
        found = {*self.history, *(name.removeprefix("val_") for name in self.history)}
        return [key for key in self._asked() if found & {key, key.partition("[")[0]}]

    def _draw(self) -> None:
        self._drawn = len(self.epoch)
        start = time.perf_counter()
        if not self.keys or self._there():
            self._show()
        end = time.perf_counter()
        self._next = end + (end - start) * (1 / SHARE - 1)

    def _show(self) -> None:
        keys = self._there() or None
        if self.path is not None:
            self.figure = plotting.loss_curves(self, keys, self.path)
            return
        from IPython.display import display

        show: Any = display  # which has no types
        self.figure = plotting.loss_curves(self, keys)
        if self._display is None:
            self._display = show(self.figure, display_id=True)
        else:
            self._display.update(self.figure)
