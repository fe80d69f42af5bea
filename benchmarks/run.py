"""The time of a training step: backprop, the same by hand in NumPy, and what else one could use.

    python benchmarks/run.py [--quick] [--peers torch,jax,sklearn,keras] [--rounds N]
                             [--scaling] [--output DIR] [--force]

Prints tables of training steps (SGD and Adam), predictions, launches to a trained classifier, peak
memory and import times; with ``--output`` writes ``RESULTS.md``, ``results.json`` and pictures.
Peers that are not installed are skipped and named. It writes no table if the rounds of a job
disagree, which means that the machine was busy with something else.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import scaling
from jobs import ADAM, PREDICT, SGD
from launch import import_times, launches
from report import Report
from rounds import COLUMNS, DISAGREEMENT, OWN, Result, Worker, measure, start

PEERS = ("torch", "jax", "sklearn", "keras")
IMPORTS = 15
"""Processes that import each module: some take a third longer than the rest."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time training steps against those of others.")
    add = parser.add_argument
    add("--quick", action="store_true", help="the small half, 2 short rounds; writes nothing")
    add("--peers", default=",".join(PEERS), help=f"some of {','.join(PEERS)}; none if quick")
    add("--rounds", type=int, default=7, help="rounds of each job (7)")
    add("--only", metavar="TEXT", default="", help="only jobs with it in their names: '@ 32, adam'")
    add("--scaling", action="store_true", help="also how the cost grows")
    add("--output", type=Path, metavar="DIR", help="folder for the results")
    add("--force", action="store_true", help="print and write although rounds disagree")
    options = parser.parse_args()
    options.peers = [] if options.quick else [name for name in options.peers.split(",") if name]
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"--peers knows {', '.join(PEERS)}, but not {', '.join(sorted(unknown))}")
    if options.rounds < 1:
        parser.error(f"--rounds must be 1 or more, but it is {options.rounds}")
    if options.quick:
        options.rounds = 2
    return options


def ladder(options: argparse.Namespace, workers: list[Worker]) -> dict[str, list[Result]]:
    """All sections of the ladder, with a line for each job as it is done."""
    sections = {"SGD": SGD, "Adam": ADAM, "Prediction": PREDICT}
    if options.quick:
        small = {title: jobs[: (len(jobs) + 1) // 2] for title, jobs in sections.items()}
        sections = {
            title: [replace(job, steps=job.steps // 4) for job in jobs]
            for title, jobs in small.items()
        }
    parts: dict[str, list[Result]] = {}
    for title, section in sections.items():
        for job in section:
            if options.only in job.name:
                result = measure(job, workers, options.rounds)
                parts.setdefault(title, []).append(result)
                note(result)
    return parts


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
    columns = [c for c in COLUMNS if c in OWN or c.split()[0] in options.peers]
    seconds = 0.1 if options.quick else 0.3
    workers, absent = start(columns, seconds, one_thread=options.quick)
    for column, why in absent.items():
        print(f"skipped: {column} ({why})", file=sys.stderr)
    versions = {worker.column: worker.version for worker in workers}
    if missing := [column for column in OWN if column in absent]:
        print(f"cannot go on without {', '.join(missing)}", file=sys.stderr)
        return 1
    report = Report(ladder(options, workers), versions, options.rounds, seconds, absent)
    for worker in workers:
        worker.close()
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
    """Prints and writes the report, or says why not; the exit status."""
    results = [result for part in report.parts.values() for result in part]
    if any("ours" in result.failed for result in results):
        print(f"failed: {[r.failed for r in results if r.failed]}", file=sys.stderr)
        return 1
    found = [(result.job.name, result.disagreement()) for result in results]
    for sweep in report.sweeps.values():
        found += sweep["disagreement"].items()
    unsure = {job: ratios for job, ratios in found if ratios}
    if unsure and not options.quick and not options.force:
        print(f"\nNo table: over {DISAGREEMENT:.0%} of the median is the interquartile range of",
              file=sys.stderr)  # fmt: skip
        for job, ratios in unsure.items():
            listed = ", ".join(f"{name} ({value:.0%})" for name, value in ratios.items())
            print(f"  {job}: {listed}", file=sys.stderr)
        print("The machine was busy: try again when it is quiet, with more --rounds, or --force.",
              file=sys.stderr)  # fmt: skip
        return 1
    print(report.markdown())
    if options.output and not options.quick:
        import pictures  # here, because --quick must do without matplotlib

        options.output.mkdir(parents=True, exist_ok=True)
        page = report.markdown()
        if report.parts:
            pictures.ladder(report.parts, options.output / "results.png")
            page += "\n![Time per step](results.png)\n"
        if report.sweeps:
            pictures.scaling(report.sweeps, options.output / "scaling.png")
            page += "\n![How the cost grows](scaling.png)\n"
        (options.output / "RESULTS.md").write_text(page, encoding="utf-8")
        text = json.dumps(report.json(), indent=1)
        (options.output / "results.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
