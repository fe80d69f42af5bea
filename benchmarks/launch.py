"""Whole processes: from the launch to a trained classifier, their memory, and import times."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rounds import COLUMNS, environment

PROGRAM = str(Path(__file__).with_name("classify.py"))
IMPORTS = {
    "ours": "backprop",
    "torch": "torch",
    "jax step": "jax",
    "sklearn": "sklearn.neural_network",
    "keras": "keras",
}
"""Whom to launch (of JAX and Keras the form that is ready sooner), and the module to import."""


def launches(name: str, columns: list[str], rounds: int) -> dict[str, dict]:
    """A classifier trained by whole processes that take turns.

    Args:
        name: ``"digits"`` or ``"mnist-sized"``.
        columns: Who is there.
        rounds: Launches of each.

    Returns:
        For each column ``seconds`` and ``megabytes``, a number for each launch, ``accuracy``, and
        ``threads``, the number of them with which it is quicker.
    """
    variants = [(c, n) for c in columns if c in IMPORTS for n in COLUMNS[c][1]]
    found = {v: {"seconds": [], "megabytes": [], "threads": v[1]} for v in variants}
    for _ in range(rounds):
        for (column, threads), record in found.items():
            start = time.perf_counter()
            printed = json.loads(run(threads, PROGRAM, COLUMNS[column][0], name))
            record["seconds"].append(time.perf_counter() - start)
            record["megabytes"].append(printed["megabytes"])
            record["accuracy"] = printed["accuracy"]
    best = {}
    for (column, _), record in found.items():
        other = best.setdefault(column, record)
        if statistics.median(record["seconds"]) < statistics.median(other["seconds"]):
            best[column] = record
    return best


def import_times(columns: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds that importing takes inside of a new process, a number for each round."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    modules = ["numpy", *(IMPORTS[column] for column in columns if column in IMPORTS)]
    found: dict[str, list[float]] = {module: [] for module in modules}
    for round_ in range(rounds + 1):
        for module, times in found.items():
            seconds = float(run(None, "-c", code.format(module)))
            if round_:  # the first import may have had to compile the module
                times.append(seconds)
    return found


def run(threads: int | None, *arguments: str) -> str:
    """The last line that a Python prints.

    Raises:
        RuntimeError: It fails.
    """
    command = [sys.executable, *arguments]
    with environment(threads):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1]
