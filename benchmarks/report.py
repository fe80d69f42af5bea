"""The results as Markdown and as JSON."""

import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from deep import DeepJob
from rounds import COLUMNS, DEEP_COLUMNS, DISAGREEMENT, SAME_LOSS, Result, spread
from scaling import SECONDS, TITLES

METHOD = """\
ReLU, softmax cross-entropy, float32. Everyone has the same random samples, labels and initial \
weights, and draws the batches anew in each epoch; the first epochs' losses agree to {loss:.0%}.
Everyone runs in a process of its own. They take turns, in {rounds} rounds of {seconds} s or more; \
the medians are shown. Rounds disagree if the interquartile range of a ratio is over {limit:.0%} \
of its median (marked †); then there are up to three times as many.
control: the arithmetic written by hand in NumPy. floor: the step's matrix products alone. \
jax scan: a whole epoch as one program. keras × 16: sixteen steps as one program.
The environment variables that choose BLAS threads are unset, or 1 where one thread is tried; ours \
chooses for itself.
"""
DEEP = """\
Everyone on one thread, or with all cores to choose from; each job in processes of its own, in \
rounds of 1 s. floor: products of windows that are there already, on parts of the batch. PyTorch: \
its own modules, eager, images in the memory format that is faster."""
HELD = """\
Megabytes that the process holds between steps for the network, parameters and what the library \
keeps for itself included: its growth from when the data were there and a small dense network had \
been trained."""
TIMES = "Microseconds per {unit}; in brackets the BLAS threads where 1 and all were tried."
RATIOS = "Ratios of the times, ± half of their interquartile range:"
LAUNCHES = {
    "digits": "The whole process: 64 hidden units, Adam, 15 epochs; accuracy on unseen digits.",
    "mnist-sized": "The whole process: 784-128-10 @ 100, Adam, one epoch of 60,000 samples, which "
    "are 180 MB of float32 by themselves.",
}
PROFILE = (
    "Ours, medians of the parts, with the threads that it chooses: drawing the batch, the matrix "
    "products, all other NumPy calls of the two passes and the loss, the update. At the end of the "
    "table stand the last points of the curves of growth, if those were measured."
)
PREDICTION = (
    "Ours, medians: the matrix products, the rest of the forward pass, and what ``predict`` does "
    "around it: it checks its arguments and every number, and chooses the number of threads."
)
WATCHING = """\
What accuracy and a progress bar add to a step, medians of the turns. Accuracy compares the \
classes that the softmax finds together with the largest logits, many batches at once."""
CONTENTION = """\
Microseconds per step alone → beside a process that keeps a core busy, and how many times that is. \
Threads that wait for each other lose more than half of their speed when one of them has no core \
to run on. A single thread loses nothing, but is slower when no other process needs the cores. \
Ours meets the others rarely, and leaves no product to several threads; each round is a fit of a \
second. The control has NumPy's default, as many threads as cores."""
SWEEPS = """\
Microseconds per step with SGD, in rounds of {seconds:g} s or more; p of time ∝ sizeᵖ, fitted to \
the upper half of the sizes."""


@dataclass
class Report:
    """Everything that was measured.

    Attributes:
        parts: The results by the title of their section.
        versions: By column.
        rounds: Rounds of each job.
        seconds: What a round lasts at least.
        absent: Why a column is missing.
        launches: By name of the job and column (see ``launch.launches``).
        imports: By module.
        sweeps: See ``scaling.fitted``.
        profile: Microseconds of a step's parts by job (see ``parts.parts``).
        prediction: Microseconds of the parts of ``predict`` by job.
        watching: What metrics and a bar add to a step by network (see ``bench_watching``).
        contention: Seconds of a step alone and beside another process by job (see
            ``bench_contention.contention``).
    """

    parts: dict[str, list[Result]]
    versions: dict[str, str]
    rounds: int
    seconds: float
    absent: dict[str, str] = field(default_factory=dict)
    launches: dict[str, dict[str, dict]] = field(default_factory=dict)
    imports: dict[str, list[float]] = field(default_factory=dict)
    sweeps: dict[str, dict] = field(default_factory=dict)
    profile: dict[str, dict[str, float]] = field(default_factory=dict)
    prediction: dict[str, dict[str, float]] = field(default_factory=dict)
    watching: dict[str, dict[str, float]] = field(default_factory=dict)
    contention: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def markdown(self) -> str:
        """The whole page."""
        blocks = ["# What a step costs", self.circumstances()]
        for title, results in self.parts.items():
            unit = "call" if title == "Prediction" else "training step"
            deep = any(result.megabytes for result in results)
            blocks += [f"## {title}", *[DEEP] * deep, TIMES.format(unit=unit), times(results)]
            blocks += [RATIOS, ratios(results), *[HELD, held(results)] * deep]
            failed = [f"{r.job.name}: {c}: {why}" for r in results for c, why in r.failed.items()]
            blocks += [f"Failed: {line}" for line in failed]
        if self.profile:
            blocks += ["## Where the time of a step goes", PROFILE, profiled(self.profile)]
            blocks += ["## Where the time of a prediction goes", PREDICTION]
            blocks += [profiled(self.prediction)]
            blocks += ["## What watching costs", WATCHING, watched(self.watching)]
        if self.contention:
            blocks += ["## Beside a busy process", CONTENTION, slowed(self.contention)]
        for name, records in self.launches.items():
            blocks += [f"## Launch to a trained classifier: {name}", LAUNCHES[name]]
            blocks += [launched(records)]
        if self.imports:
            blocks += ["## Import", imported(self.imports)]
        if self.sweeps:
            blocks += ["## How the cost grows", SWEEPS.format(seconds=SECONDS)]
            blocks += [swept(what, sweep) for what, sweep in self.sweeps.items()]
        return "\n\n".join(blocks) + "\n"

    def circumstances(self) -> str:
        """Machine, versions, and how the numbers came about."""
        machine = f"{cpu()}, {cores()} cores, {platform.system()} {platform.machine()}"
        lines = [f"{machine}, Python {platform.python_version()}"]
        lines += [", ".join(dict.fromkeys(self.versions.values()))]
        lines += METHOD.format(
            rounds=self.rounds, seconds=self.seconds, limit=DISAGREEMENT, loss=SAME_LOSS
        ).splitlines()
        lines += [f"Not measured: {column} ({why})" for column, why in self.absent.items()]
        return "\n".join(f"- {line}" for line in lines)

    def json(self) -> dict[str, Any]:
        """Every round of everything."""
        parts = {
            title: [
                {
                    "job": asdict(result.job),
                    "microseconds": {f"{c}, threads {n or 'default'}": t
                                     for (c, n), t in result.times.items()},
                    "medians of ratios": {k: float(np.median(v))
                                          for k, v in result.ratios().items()},
                    "megabytes held": result.megabytes,
                    "failed": result.failed,
                }
                for result in results
            ]
            for title, results in self.parts.items()
        }  # fmt: skip
        machine = {"cpu": cpu(), "cores": cores(), "python": sys.version}
        written = {"parts": parts, "rounds": self.rounds, "seconds": self.seconds}
        rest = {name: value for name, value in vars(self).items() if name not in written}
        return {"machine": machine, **written, **rest}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose numbers stand to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def times(results: list[Result]) -> str:
    columns = [c for c in COLUMNS | DEEP_COLUMNS if any(r.best(c) for r in results)]
    rows = []
    for result in results:
        known = DEEP_COLUMNS if isinstance(result.job, DeepJob) else COLUMNS
        cells = []
        for column in columns:
            best = result.best(column)
            tried = len(known[column][1]) > 1
            threads = f" ({best[0] or cores()})" if best and tried else ""
            cells.append(f"{number(np.median(best[1]))}{threads}" if best else "–")
        rows.append([result.job.network, *cells])
    return table(["network @ batch", *columns], rows)


def held(results: list[Result]) -> str:
    columns = [c for c in DEEP_COLUMNS if any(c in r.megabytes for r in results)]
    rows = []
    for result in results:
        cells = [f"{result.megabytes[c]:.1f}" if c in result.megabytes else "–" for c in columns]
        rows.append([result.job.network, *cells])
    return table(["network @ batch", *columns], rows)


def profiled(profile: dict[str, dict[str, float]]) -> str:
    rows = []
    for name, found in profile.items():
        total = sum(found.values())
        cells = [f"{number(each)} ({each / total:.0%})" for each in found.values()]
        rows.append([name, *cells, number(total)])
    parts = list(next(iter(profile.values())))
    return table(["network @ batch", *parts, "together, µs"], rows)


def watched(watching: dict[str, dict[str, float]]) -> str:
    rows = []
    for name, found in watching.items():
        step, *shares = found.values()
        rows.append([name, f"{step:.1f}", *(f"{share:+.1%}" for share in shares)])
    return table(["network @ batch", *next(iter(watching.values()))], rows)


def slowed(contention: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for name, found in contention.items():
        cells = [
            f"{number(alone * 1e6)} → {number(beside * 1e6)}: **{beside / alone:.2f}**"
            for alone, beside in found.values()
        ]
        rows.append([name, *cells])
    return table(["network @ batch", *next(iter(contention.values()))], rows)


def ratios(results: list[Result]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.ratios()))
    rows = []
    for result in results:
        found = result.ratios()
        rows.append([result.job.network, *(ratio(found.get(name)) for name in names)])
    return table(["network @ batch", *names], rows)


def ratio(values: np.ndarray | None) -> str:
    if values is None:
        return "–"
    mark = " †" if spread(values) > DISAGREEMENT else ""
    return f"**{np.median(values):.2f}** ± {spread(values) / 2:.0%}{mark}"


def launched(records: dict[str, dict]) -> str:
    rows = []
    for column, record in records.items():
        accuracy = f"{record['accuracy']:.1%}" if record["accuracy"] else "–"
        seconds, megabytes = np.median(record["seconds"]), np.median(record["megabytes"])
        rows.append([column, f"{seconds:.2f}", f"{megabytes:.0f}", accuracy])
    return table(["", "seconds", "peak memory, MB", "accuracy"], rows)


def imported(imports: dict[str, list[float]]) -> str:
    base = np.array(imports["numpy"])
    rows = [
        [f"`import {name}`", f"{np.median(seconds):.3f}", f"{np.median(seconds / base):.2f}"]
        for name, seconds in imports.items()
    ]
    return table(["", "seconds", "of NumPy's"], rows)


def swept(what: str, sweep: dict) -> str:
    rows = [
        [c, *(number(t) for t in medians), f"**{sweep['exponents'][c]:.2f}**"]
        for c, medians in sweep["medians"].items()
    ]
    return table([TITLES[what], *map(str, sweep["values"]), "exponent"], rows)


def number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
