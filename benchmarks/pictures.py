"""The results drawn, on logarithmic axes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rounds import COLUMNS, OWN, Result
from scaling import TITLES

STYLES = {
    "ours": {"color": "C3", "linewidth": 2.5, "zorder": 3},
    "control": {"color": "black", "linestyle": "--"},
    "floor": {"color": "0.6", "linestyle": ":"},
}


def ladder(parts: dict[str, list[Result]], path: Path) -> None:
    """Time per step of every column, a panel for each part."""
    figure = Figure(figsize=(6 * len(parts), 5.5), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (title, results) in zip(panels, parts.items(), strict=True):
        for column in COLUMNS:
            best = [result.best(column) for result in results]
            if any(best):
                medians = [np.median(b[1]) if b else np.nan for b in best]
                axes.plot(medians, marker="o", markersize=4, label=column, **style(column))
        names = [result.job.network for result in results]
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set(yscale="log", title=title, ylabel="µs")
        axes.grid(alpha=0.3)
    panels[0].legend()
    figure.savefig(path, dpi=150)


def scaling(sweeps: dict[str, dict], path: Path) -> None:
    """Time per step against what grows, with the fitted exponents."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    for axes, (what, sweep) in zip(figure.subplots(2, 2).flat, sweeps.items(), strict=True):
        for column, medians in sweep["medians"].items():
            label = f"{column}, exponent {sweep['exponents'][column]:.2f}"
            axes.plot(sweep["values"], medians, marker="o", markersize=4, label=label,
                      **style(column))  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel=TITLES[what], ylabel="µs per step")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=150)


def style(column: str) -> dict:
    """Peers get a colour of their own, in the order of the columns."""
    peers = [name for name in COLUMNS if name not in OWN]
    colours = ("C0", "C1", "C2", "C4", "C5", "C6")
    return STYLES.get(column) or {"color": colours[peers.index(column)]}
