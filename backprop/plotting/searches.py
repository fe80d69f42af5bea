"""The scores of a search over the settings that were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.style import (
    LOG_SPAN,
    PALETTE,
    finite_array,
    fold,
    new_figure,
    no_mapping,
    save,
    slant,
    unbox,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TICKS = 6
"""Values on a log axis that are all written below it; of more, only powers of ten are."""


@answered
def setting_scores(
    values: Mapping[str, Sequence[Any]],
    means: Array,
    spreads: Array,
    name: str = "score",
    path: FilePath | None = None,
) -> Figure:
    """Draw the score against each setting, a panel for each; the first one, the best, is marked.

    Args:
        values: For each setting its S values; other things than numbers have a place each.
        means: The scores ``(S,)``; those that are not finite are left out.
        spreads: Their standard deviations ``(S,)``.
        name: What the scores are called.
        path: Where to save the picture, if anywhere.

    Raises:
        TypeError: If ``values`` is no mapping.
        ValueError: If there is not one score and one deviation for each value.

    Example:
        >>> values = {"units": [64, 16, 4], "rate": [0.1, 0.01, 0.1]}
        >>> figure = bp.plotting.setting_scores(values, [0.95, 0.93, 0.8], [0.01, 0.02, 0.05])
    """
    score, spread = finite_array("means", means, 1), finite_array("spreads", spreads, 1)
    if not hasattr(values, "items"):
        raise no_mapping("values", values, "{'units': [64, 16], 'rate': [0.1, 0.01]}")
    values = dict(values.items())  # of a frame the columns
    for setting, tried in values.items():
        if not len(tried) == len(score) == len(spread):
            raise ValueError(
                f"values[{setting!r}] has {len(tried)} values, but there are {len(score)} means "
                f"and {len(spread)} spreads."
            )
    figure = new_figure(max(4.0, 3.2 * len(values)), 3.6)
    panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for axes, (setting, tried) in zip(panels, values.items(), strict=True):
        unbox(axes)
        numbers = all(isinstance(v, int | float | np.number) for v in tried)
        labels = list(dict.fromkeys(map(str, tried)))
        x = np.array(tried if numbers else [labels.index(str(v)) for v in tried], float)
        axes.errorbar(x, score, spread, fmt="o", color=PALETTE[0], alpha=0.6, capsize=2)
        axes.plot(x[:1], score[:1], "D", color=PALETTE[1], label="best")
        if not numbers:
            axes.set_xticks(range(len(labels)), labels)
            slant(axes, labels, 2.4 / len(labels))
        elif (x > 0).all() and x.max() > LOG_SPAN * x.min():
            axes.set_xscale("log")
            axes.minorticks_off()  # the labels of which would cover each other
            ticks = np.unique(x)
            if len(ticks) <= MOST_TICKS:
                axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.set(xlabel=fold(str(setting), 3.0))
    panels[0].set(ylabel=name)
    panels[-1].legend(frameon=False)
    return save(figure, path)
