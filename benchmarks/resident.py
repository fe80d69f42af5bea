"""The memory that a piece of work takes, measured in a process of its own.

Pages of a file that were read through a memory map count as the process's resident memory too,
though the system takes them back whenever it needs them. A resident peak (``ru_maxrss``, VmHWM) is
therefore no measure of what training holds, and Linux keeps no peak of the anonymous pages alone.
So two things are measured that miss different things. ``tracemalloc`` is told of every array that
NumPy makes and keeps an exact peak, however short it lasts, but does not see what BLAS allocates
for itself. RssAnon is everything that the process holds, and is looked at every two milliseconds
from outside, where no lock of the interpreter delays it.
"""

import multiprocessing
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


@dataclass
class Held:
    """How memory grew while a process worked, in bytes; None where there is no /proc.

    Attributes:
        arrays: Peak of what Python and NumPy allocated.
        anonymous: Peak growth of RssAnon.
        file: Peak growth of the resident pages of files.
        seconds: How long the work took.
        returned: Bytes of the arrays that it returned.
    """

    arrays: int
    anonymous: int | None
    file: int | None
    seconds: float
    returned: int

    @property
    def held(self) -> int:
        """The greater one of the two measures."""
        return max(self.arrays, self.anonymous or 0)


def resident(process: int | str = "self") -> tuple[int, int] | None:
    """Bytes of a process's anonymous pages and of those that belong to files."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    values = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    if "RssAnon" not in values:  # the process has just ended
        return None
    kilobytes = {name: int(values[name][0]) for name in ("RssAnon", "RssFile", "RssShmem")}
    # a file on a RAM disk counts as shared memory
    return kilobytes["RssAnon"] * 1024, (kilobytes["RssFile"] + kilobytes["RssShmem"]) * 1024


def watch(prepare: Callable[..., Callable[[], Any]], *arguments: Any) -> Held:
    """Measures what ``prepare(*arguments)`` returns, in a process of its own.

    Raises:
        RuntimeError: It fails there.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, prepare, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        before = ours.recv()
        peak = before or (0, 0)
        while not ours.poll(0.002):
            now = resident(process.pid) or (0, 0)
            peak = max(peak[0], now[0]), max(peak[1], now[1])
        arrays, seconds, returned = ours.recv()
    except EOFError:
        raise RuntimeError(f"{prepare.__name__}{arguments} failed, see above.") from None
    finally:
        process.kill()
        process.join()
    growth = (peak[0] - before[0], peak[1] - before[1]) if before else (None, None)
    return Held(arrays, *growth, seconds, returned)


def work(connection: Connection, prepare: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The process's program: prepares, says what it holds then, and runs."""
    run = prepare(*arguments)
    connection.send(resident())
    tracemalloc.start()
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    connection.send((tracemalloc.get_traced_memory()[1], seconds, getattr(result, "nbytes", 0)))
