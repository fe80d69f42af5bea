"""Steps that are shared out to threads however small they are, and calls in several at once."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from backprop.engine import parts, schedule
from backprop.engine.team import team


def at_once(function: Callable[[Any], object], arguments: Iterable[Any]) -> None:
    """Calls a function with each argument in a thread of its own, and waits for all of them."""
    threads = [threading.Thread(target=function, args=(each,)) for each in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def share_every_step(patch: pytest.MonkeyPatch) -> None:
    """Leaves nothing to one thread that could be shared out, and the first thread more rows."""
    for name in ("LEAST", "BRIEF", "SHORT", "BEGIN", "WAIT"):
        patch.setattr(schedule, name, 0.0)
    patch.setattr(schedule, "WORTH", -1e9)
    patch.setattr(schedule, "CHOSEN", {})
    patch.setattr(team, "lateness", lambda: 0.0)
    patch.setattr(parts, "rows_at_once", lambda: 1)

    def cutter(n_rows: int, n: int, places: Any, *_: float) -> parts.Cutter:
        return parts.Cutter(n_rows, n, places, 0.0 if places else parts.MOST_AHEAD)

    patch.setattr(schedule, "Cutter", cutter)
