"""How the time of a step grows with width, depth, batch and number of classes."""

from itertools import pairwise

import numpy as np
from jobs import Job
from rounds import Result

SECONDS = 1.0
"""What a round lasts at least: the first steps of a fit, by the layers, must not count for much."""


def steps(sizes: tuple[int, ...], batch: int) -> int:
    """Enough of them for an epoch of some milliseconds, with no more data than 64 MB."""
    work = 6 * batch * sum(a * b for a, b in pairwise(sizes))
    return int(np.clip(5e9 / work, 4, min(500, max(4, 16e6 / batch / sizes[0]))))


def job(sizes: tuple[int, ...], batch: int) -> Job:
    return Job(sizes, batch, steps(sizes, batch))


SWEEPS = {
    "width": [(w, job((w, w, w, 10), 128)) for w in (8, 16, 32, 64, 128, 256, 512, 1024, 2048)],
    "depth": [(d, job((128, *[128] * d, 10), 128)) for d in (1, 2, 4, 8, 16, 32, 64)],
    "batch": [(b, job((784, 128, 10), b)) for b in (1, 4, 16, 64, 256, 1024, 4096)],
    "classes": [(c, job((128, 128, c), 128)) for c in (2, 10, 50, 250, 1250, 6250)],
}
"""What grows, and the job at each of its values."""

TITLES = {
    "width": "w in w-w-w-10 @ 128",
    "depth": "d hidden layers in 128-…128…-10 @ 128",
    "batch": "b in 784-128-10 @ b",
    "classes": "c in 128-128-c @ 128",
}


def last_points() -> dict[str, Job]:
    """The jobs at the two largest values of each sweep, by what and how large."""
    points = [(what, *point) for what, sweep in SWEEPS.items() for point in sweep[-2:]]
    return {f"{TITLES[what]}: {value}": job for what, value, job in points}


def exponent(values: list[float], times: list[float]) -> float:
    """The p of t ∝ valueᵖ, fitted to the upper half, where the products outweigh the calls."""
    half = len(values) // 2
    return float(np.polyfit(np.log(values[half:]), np.log(times[half:]), 1)[0])


def fitted(results: dict[str, list[tuple[int, Result]]]) -> dict[str, dict]:
    """For each sweep its values, medians and exponent of each column, and what disagrees."""
    found = {}
    for what, points in results.items():
        values = [value for value, _ in points]
        unsure = {result.job.name: result.disagreement() for _, result in points}
        found[what] = {"values": values, "medians": {}, "exponents": {}, "disagreement": unsure}
        for column in ("ours", "control", "floor"):
            best = [result.best(column) for _, result in points]
            if all(best):
                medians = [float(np.median(times)) for _, times in best]
                found[what]["medians"][column] = medians
                found[what]["exponents"][column] = exponent(values, medians)
    return found
