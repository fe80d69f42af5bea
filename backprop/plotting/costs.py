"""How the cost of a gradient grows with the number of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.plotting.style import colours, finite_array, new_figure, no_mapping, save, unbox

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@answered
def gradient_costs(
    weights: Sequence[int], seconds: Mapping[str, Sequence[float]], path: FilePath | None = None
) -> Figure:
    """Draw the time of each method against the number of weights, on logarithmic axes.

    Args:
        weights: N of each network.
        seconds: For each method's name the time of one gradient of each network.
        path: Where to save the picture as well.

    Raises:
        TypeError: If ``seconds`` is no mapping.
        ValueError: If a method has not one time for each network.

    Example:
        >>> seconds = {"differences": [0.001, 0.1], "backpropagation": [0.0001, 0.0002]}
        >>> figure = bp.plotting.gradient_costs([10, 1000], seconds)
    """
    x = finite_array("weights", weights, 1)
    if not hasattr(seconds, "items"):
        raise no_mapping("seconds", seconds, "{'backpropagation': [0.1, 0.2]}")
    figure = new_figure(8, 4.5)
    axes = figure.add_subplot()
    unbox(axes)
    for (method, times), colour in zip(seconds.items(), colours(len(seconds)), strict=True):
        y = finite_array(f"seconds[{method!r}]", times, 1)
        if len(y) != len(x):
            raise ValueError(
                f"seconds[{method!r}] has {len(y)} times but there are {len(x)} networks."
            )
        axes.loglog(x, y, marker="o", color=colour, label=method)
    axes.set_title("time of one gradient")
    axes.set_xlabel("number of weights")
    axes.set_ylabel("seconds")
    axes.legend(frameon=False)
    return save(figure, path)
