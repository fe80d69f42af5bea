"""The results drawn as ratios: what takes longer than the line at 1, and what takes less.

    python benchmarks/pictures.py [FOLDER]

draws them anew from FOLDER/results.json, by default the one beside this program.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rounds import COLUMNS, OWN
from scaling import TITLES

STYLES = {
    "ours": {"color": "C3", "linewidth": 2.5, "zorder": 3},
    "control": {"color": "black", "linestyle": "--"},
    "floor": {"color": "0.6", "linestyle": ":"},
}
TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20)


def ladder(parts: dict[str, list[dict]], path: Path) -> None:
    """The time of every column divided by ours, a panel for each part of ``results.json``."""
    figure = Figure(figsize=(6 * len(parts), 7.5), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (title, results) in zip(panels, parts.items(), strict=True):
        for column in COLUMNS:
            heights = [times_ours(column, result["medians of ratios"]) for result in results]
            if not np.isnan(heights).all():
                axes.plot(heights, marker="o", markersize=4, label=column, **style(column))
        names = [network(result["job"]) for result in results]
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set(title=title, ylabel="time, divided by ours; above 1 ours is quicker")
        ratio_axis(axes)
    panels[0].legend(ncols=2)
    figure.savefig(path, dpi=120)


def times_ours(column: str, ratios: dict[str, float]) -> float:
    """The median time of a column divided by ours; nan where it was not measured."""
    if column == "ours":
        return 1.0
    if f"ours/{column}" in ratios:
        return 1 / ratios[f"ours/{column}"]
    return ratios.get(f"{column}/ours", np.nan)


def network(job: dict) -> str:
    """The name of a job's network, as in ``jobs.Job`` and ``deep.DeepJob``."""
    return job.get("network") or f"{'-'.join(map(str, job['sizes']))} @ {job['batch']}"


def scaling(sweeps: dict[str, dict], path: Path) -> None:
    """How the time grows: above divided by control's, below as the exponent from size to size."""
    figure = Figure(figsize=(4 * len(sweeps), 7.5), layout="constrained")
    panels = figure.subplots(2, len(sweeps), squeeze=False, sharey="row", sharex="col")
    for (above, below), (what, sweep) in zip(panels.T, sweeps.items(), strict=True):
        values, control = np.array(sweep["values"]), np.array(sweep["medians"]["control"])
        middles = np.sqrt(values[1:] * values[:-1])
        for column, medians in sweep["medians"].items():
            dots = {"marker": "o", "markersize": 4, **style(column)}
            above.plot(values, medians / control, label=column, **dots)
            below.plot(middles, exponents(values, medians), **dots)
        above.set(xscale="log")
        below.set(xlabel=TITLES[what])
        below.grid(alpha=0.3)
        ratio_axis(above)
    panels[0, 0].set_ylabel("time, divided by control's")
    panels[1, 0].set_ylabel("p of time ∝ sizeᵖ, between two sizes")
    panels[0, 0].legend()
    figure.savefig(path, dpi=120)


def exponents(values: np.ndarray, medians: list[float]) -> list[float]:
    """The slope of the logarithms between neighbouring sizes."""
    points = zip(np.log(values), np.log(medians), strict=True)
    return [(t2 - t1) / (v2 - v1) for (v1, t1), (v2, t2) in pairwise(points)]


def ratio_axis(axes: Axes) -> None:
    """Logarithmic, so that twice and half are equally far from 1, with plain numbers."""
    axes.set(yscale="log")
    low, high = axes.get_ylim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)


def style(column: str) -> dict:
    """Peers get a colour of their own, in the order of the columns."""
    peers = [name for name in COLUMNS if name not in OWN]
    colours = ("C0", "C1", "C2", "C4", "C5", "C6")
    return STYLES.get(column) or {"color": colours[peers.index(column)]}


def draw(measured: dict, folder: Path) -> None:
    """The pictures of what stands in ``results.json``."""
    if measured["parts"]:
        ladder(measured["parts"], folder / "results.png")
    if measured["sweeps"]:
        scaling(measured["sweeps"], folder / "scaling.png")


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    draw(json.loads((place / "results.json").read_text(encoding="utf-8")), place)
