"""What ``fit`` shows while it runs: a bar an epoch on a terminal, a line an epoch elsewhere."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop.callbacks import Callback, Logs
from backprop.core import console

REFRESH = 0.1
"""Seconds between two redrawings of a bar."""

WIDEST = 24
"""Characters of a bar where there is room for them."""


class ProgressBar(Callback):
    """One bar an epoch: steps, time, loss and metrics, at the end of the epoch the validation's."""

    writes, repeatable, watched = True, True, False

    def __init__(self) -> None:
        self._bar: Any = None
        self._quick = False  # an epoch so short that nobody would see its bar before its line

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the epoch's bar, unless epochs are over at once."""
        self._title = epoch_title(epoch, self.params)
        self._start = self._shown = self._looked = time.perf_counter()
        self._done = self._look_at = 0  # steps that are through; when to look at the clock next
        self._looked_at: int | None = None
        if not self._quick:
            self._draw(self._title)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraws the bar."""
        self._shown = time.perf_counter()
        self._draw(self._line(self._done, self._shown, logs or {}))

    def due(self, batch: int) -> bool:
        """Whether it is time to redraw the bar: a few times a second.

        Even to look at the clock takes a while beside a small step. It is looked at after a tenth
        of ``REFRESH``, counted in steps as fast as they are at the moment.
        """
        self._done = batch + 1
        if batch < self._look_at:
            return False
        now = time.perf_counter()
        steps = 0 if self._looked_at is None else batch - self._looked_at
        self._look_at = batch + 1 + int(steps * 0.1 * REFRESH / max(now - self._looked, 1e-9))
        self._looked, self._looked_at = now, batch
        return now - self._shown >= REFRESH

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leaves a line with the epoch's numbers."""
        from tqdm import tqdm

        now = time.perf_counter()
        steps = self.params["steps"] or self._done  # it may have been stopped before it is known
        line = self._line(steps, now, logs or {})
        self.clear()  # the line is printed above the bars of others
        # tqdm would cut a line off at the edge of the terminal; what is printed goes on below
        console.write(tqdm.format_meter(steps, steps, 0, ascii=self._ascii, bar_format=line))
        self._quick = now - self._start < REFRESH

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leaves a bar that an interrupt left open where it is."""
        self._close(leave=True)

    def clear(self) -> None:
        """Takes the bar away."""
        self._close(leave=False)

    def _close(self, leave: bool) -> None:
        if self._bar is not None:
            self._bar.leave, below = leave, getattr(self._bar, "pos", 0)
            self._bar.close()
            self._bar = None
            if below and not leave:  # a bar above it, which may be drawn elsewhere, or nowhere
                console.STDOUT.write("\r")

    def _draw(self, line: str) -> None:
        """Draws the bar in the form of this line."""
        if self._bar is None:
            options = {"bar_format": line, "mininterval": 0}
            total = self.params["steps"]
            self._bar = console.new_bar(console.STDOUT, initial=self._done, total=total, **options)
            self._ascii = getattr(self._bar, "ascii", True)
        else:
            self._bar.ncols = console.size().columns - 1  # it may be wider or narrower by now
            self._bar.bar_format, self._bar.n = line, self._done
            self._bar.refresh()

    def _line(self, steps: int, now: float, logs: Mapping[str, float]) -> str:
        """The form of the bar with these numbers, in the width of the terminal."""
        from tqdm.utils import disp_len

        text = describe(now - self._start, logs)
        total = self.params["steps"] or "?"  # not known in a generator's first epoch
        head = f"{self._title} {steps:{len(str(total))}}/{total} "
        columns = console.size().columns - 1
        room = columns - disp_len(f"{head}, {text}")  # some characters are two columns wide
        if room >= 1:
            return f"{plain(head)}{{bar:{min(room, WIDEST)}}}{plain(f', {text}')}"
        # the numbers matter more than the bar and the punctuation
        line = f"{self._title} {text}".replace(",", "").replace(":", "")
        if disp_len(line) > columns:
            line = line.removeprefix("Epoch").lstrip()
        return plain(line)


class Clearing(Callback):
    """Takes a bar away before others hear of the end of an epoch, as they may print something."""

    writes = True

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes it away; the bar itself leaves the epoch's line when it hears of the end."""
        self._bar.clear()


class ProgressLines(Callback):
    """One printed line an epoch, for logs and for terminals that cannot redraw a line."""

    writes = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the epoch's clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the epoch's numbers."""
        steps = self.params["steps"] or "?"
        text = describe(time.perf_counter() - self._start, logs or {})
        console.write(f"{epoch_title(epoch, self.params)} {steps}/{steps}, {text}")


def progress(verbose: int | str) -> list[Callback]:
    """The callback that shows progress as ``verbose`` asks for it.

    Args:
        verbose: 0 for silence, 1 for a bar, 2 for a line an epoch, ``"auto"`` for a bar on a
            terminal and lines elsewhere. A notebook keeps every state of a bar: there 1 means
            lines too.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(verbose, str) and verbose == "auto":
        verbose = 1 if console.is_terminal() else 2
    console.check_verbose(verbose, "0, 1, 2 or 'auto'")
    if verbose == 0:
        return []
    return [ProgressBar() if verbose == 1 and not console.in_notebook() else ProgressLines()]


def plain(text: str) -> str:
    """The text as tqdm's form of a bar has it, where braces mean something."""
    return text.replace("{", "{{").replace("}", "}}")


def epoch_title(epoch: int, params: Mapping[str, Any]) -> str:
    """``Epoch  3/30``, aligned."""
    total = params["epochs"]
    return f"Epoch {epoch + 1:{len(str(total))}}/{total}"


def describe(seconds: float, logs: Mapping[str, float]) -> str:
    """``20 ms, loss: 0.1234, accuracy: 0.9612``."""
    numbers = [f"{key}: {show_number(value)}" for key, value in logs.items()]
    duration = f"{seconds * 1e3:3.0f} ms" if seconds < 0.9995 else f"{seconds:4.1f} s"
    return ", ".join([duration, *numbers])


def show_number(value: Any) -> str:
    """Four decimals, or four digits of a number too small or too large for that; of a list each.

    What a callback has written into the logs need be no number, and is shown as it is.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show_number, value))}]"
    numbers = int | float | np.integer | np.floating
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, numbers):
        return str(value)
    number = float(value)
    return f"{number:.4f}" if number == 0 or 1e-3 <= abs(number) < 1e4 else f"{number:.3e}"
