"""The time of a training step: backprop, the same by hand in NumPy, and what else one could use.

    python benchmarks/run.py [--quick] [--peers torch,jax,sklearn,keras] [--rounds N]
                             [--only TEXT] [--scaling] [--output DIR]

Prints tables of training steps (SGD and Adam), predictions, deep networks, launches to a trained
classifier, peak memory and import times; with ``--output`` writes ``RESULTS.md``, ``results.json``
and pictures. ``--only deep`` times the deep networks alone, by PyTorch beside ours if it is there.
Peers that are not installed are skipped and named. Ratios whose rounds disagree, which mostly means
that the machine was busy with something else, are marked in the tables and named at the end.
"""

import argparse
import json
import sys
from dataclasses import replace

import numpy as np
import scaling
from deep import DEEP, DeepJob
from jobs import ADAM, PREDICT, SGD, Job
from launch import import_times, launches
from options import folder
from report import Report
from rounds import (
    COLUMNS,
    DEEP_COLUMNS,
    DISAGREEMENT,
    OWN,
    Result,
    measure,
    measure_deep,
    start,
)

PEERS = ("torch", "jax", "sklearn", "keras")
LONGER = 1.0
"""Seconds of a round of deep networks, whose steps take longer to record."""
IMPORTS = 15
"""Processes that import each module: some take a third longer than the rest."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time training steps against those of others.")
    add = parser.add_argument
    add("--quick", action="store_true", help="small jobs, 2 short rounds; writes nothing")
    add("--peers", help=f"some of {','.join(PEERS)}; all of them, or none if quick")
    add("--rounds", type=int, default=7, help="rounds of each job (7)")
    add(
        "--only",
        metavar="TEXT",
        default="",
        help="only jobs with it in their names: '@ 32, adam', 'deep'",
    )
    add("--scaling", action="store_true", help="also how the cost grows")
    add("--output", type=folder, metavar="DIR", help="folder for the results")
    options = parser.parse_args()
    if options.peers is None:
        options.peers = "" if options.quick else ",".join(PEERS)
    options.peers = [name for name in options.peers.split(",") if name]
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"--peers knows {', '.join(PEERS)}, but not {', '.join(sorted(unknown))}")
    if options.rounds < 1:
        parser.error(f"--rounds must be 1 or more, but it is {options.rounds}")
    if options.quick:
        options.rounds = 2
    return options


def chosen(options: argparse.Namespace) -> dict[str, list[Job | DeepJob]]:
    """The jobs of each section of the ladder that are to be timed."""
    sections = {"SGD": SGD, "Adam": ADAM, "Prediction": PREDICT, "Deep networks": DEEP}
    found: dict[str, list[Job | DeepJob]] = {}
    for title, jobs in sections.items():
        kept = [job for job in jobs if options.only in job.name]
        if options.quick:
            if jobs is not DEEP:
                kept = [job for job in kept if job in jobs[: (len(jobs) + 1) // 2]]
            kept = [replace(job, steps=max(job.steps // 4, 1)) for job in kept]
        if kept:
            found[title] = kept
    return found


def ladder(options: argparse.Namespace, report: Report) -> None:
    """Fills all sections of the ladder into the report, with a line for each job as it is done.

    Raises:
        RuntimeError: One of ours is missing.
    """
    sections = chosen(options)
    columns = [c for c in COLUMNS if c in OWN or c.split()[0] in options.peers]
    deep = sections.pop("Deep networks", [])
    if sections or not deep:
        workers, report.absent = start(columns, report.seconds, one_thread=options.quick)
        report.versions |= {worker.column: worker.version for worker in workers}
        if missing := [column for column in OWN if column in report.absent]:
            raise RuntimeError(f"cannot go on without {', '.join(missing)}: {report.absent}")
        for title, jobs in sections.items():
            for job in jobs:
                report.parts.setdefault(title, []).append(measure(job, workers, options.rounds))
                note(report.parts[title][-1])
        for worker in workers:
            worker.close()
    seconds = report.seconds if options.quick else LONGER
    for job in deep:
        known = [c for c in DEEP_COLUMNS if c.split(",")[0] in columns]
        if options.quick:
            known = [c for c in known if c in COLUMNS]
        result, versions, absent = measure_deep(job, known, seconds, options.rounds)
        report.versions = {**report.versions, **versions}
        report.absent = {**absent, **report.absent}
        report.parts.setdefault("Deep networks", []).append(result)
        note(result)


def sweeps(rounds: int) -> dict[str, dict]:
    """How the cost grows for those who are ours."""
    mine, _ = start(OWN, scaling.SECONDS)
    found: dict[str, list[tuple[int, Result]]] = {}
    for what, points in scaling.SWEEPS.items():
        for value, job in points:
            result = measure(job, mine, rounds)
            found.setdefault(what, []).append((value, result))
            note(result)
    for worker in mine:
        worker.close()
    return scaling.fitted(found)


def note(result: Result) -> None:
    """A line for those who wait."""
    line = ", ".join(f"{name} {np.median(v):.2f}" for name, v in result.ratios().items())
    print(f"{result.job.name}: {line}", *result.failed.items(), file=sys.stderr, flush=True)


def main() -> int:
    options = arguments()
    report = Report({}, {}, options.rounds, 0.1 if options.quick else 0.3)
    try:
        ladder(options, report)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for column, why in report.absent.items():
        print(f"skipped: {column} ({why})", file=sys.stderr)
    versions = report.versions
    if options.scaling:
        report.sweeps = sweeps(min(options.rounds, 3))
    if not (options.quick or options.only):
        from bench_contention import contention  # here, as it loads backprop and its BLAS
        from bench_watching import NETWORKS, SETS, watching
        from parts import parts, parts_of_predict

        profiled = {job.name: job for job in (*SGD, *ADAM)}
        if options.scaling:
            profiled |= scaling.last_points()
        report.profile = {name: parts(job, 0.5) for name, job in profiled.items()}
        report.prediction = {job.network: parts_of_predict(job, 0.5) for job in PREDICT}
        report.watching = {job.network: watching(job, SETS) for job in NETWORKS}
        report.contention = {job.name: contention(job) for job in SGD}
    if not options.only:
        few = min(options.rounds, 5)
        report.launches["digits"] = launches("digits", list(versions), few)
        report.imports = import_times(list(versions), 2 if options.quick else IMPORTS)
        if not options.quick:
            report.launches["mnist-sized"] = launches("mnist-sized", list(versions), 2)
    return write(report, options)


def write(report: Report, options: argparse.Namespace) -> int:
    """Prints and writes the report; the exit status."""
    results = [result for part in report.parts.values() for result in part]
    if any("ours" in result.failed for result in results):
        print(f"failed: {[r.failed for r in results if r.failed]}", file=sys.stderr)
        return 1
    found = [(result.job.name, result.disagreement()) for result in results]
    for sweep in report.sweeps.values():
        found += sweep["disagreement"].items()
    print(report.markdown())
    if options.output and not options.quick:
        import pictures  # here, because --quick must do without matplotlib

        page, measured = report.markdown(), report.json()
        pictures.draw(measured, options.output)
        if report.parts:
            page += "\n![Times, divided by ours](results.png)\n"
        if report.sweeps:
            page += "\n![How the cost grows, beside bare NumPy](scaling.png)\n"
        (options.output / "RESULTS.md").write_text(page, encoding="utf-8")
        text = json.dumps(measured, indent=1)
        (options.output / "results.json").write_text(text + "\n", encoding="utf-8")
    if unsure := {job: ratios for job, ratios in found if ratios}:
        what = f"over {DISAGREEMENT:.0%} of the median is the interquartile range of"
        print(what, file=sys.stderr)
        for job, ratios in unsure.items():
            listed = ", ".join(f"{name} ({value:.0%})" for name, value in ratios.items())
            print(f"  {job}: {listed}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
