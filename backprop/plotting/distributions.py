"""How numbers inside a network are distributed, layer by layer, over the epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.durable import FilePath
from backprop.core.errors import said
from backprop.core.signatures import answered
from backprop.core.types import Array, is_sparse
from backprop.plotting.style import epoch_ticks, fold, new_figure, no_mapping, save, spans_decades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 60
_QUANTILES = (0.05, 0.5, 0.95)


@answered
def histograms(
    arrays_by_layer: Mapping[str, Sequence[Array]],
    title: str,
    path: FilePath | None = None,
    logarithmic: bool | None = None,
) -> Figure:
    """Draw the distribution of each layer's values over the epochs, one panel for each layer.

    Darker is denser; the line is the median, and 90 % of the values lie between the dotted lines.
    All panels share one axis, which shows weights that grow and a δ that vanishes towards the first
    layers. If the median magnitudes of layers and epochs differ by more than a factor of 20, the
    axis is log |value|; it has no place for zeros, and the panel's title says how many there are.

    Args:
        arrays_by_layer: ``{layer: [values in epoch 1, values in epoch 2, …]}``, arrays of any
            shape, such as a layer's weights or its δ. Values that are not finite are left out.
        title: What the values are, such as ``"δ at the pre-activations"``.
        path: Where to save the picture, if anywhere.
        logarithmic: Whether the axis is log |value|; unless given, chosen as described above.

    Returns:
        The figure: an axes for each layer, then that of the colour scale.

    Raises:
        TypeError: If ``arrays_by_layer`` is no mapping.
        ValueError: If there is no layer or a layer has no epoch.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> epochs = [rng.normal(0, spread, 500) for spread in (1, 2, 3)]
        >>> figure = bp.plotting.histograms({"dense_1": epochs}, "weights")
    """
    if not hasattr(arrays_by_layer, "items"):
        such = "{'dense_1': [W_1, W_2]}, with the values in each epoch"
        raise no_mapping("arrays_by_layer", arrays_by_layer, such)
    layers = {
        str(name): [flat(values, name) for values in epochs]
        for name, epochs in arrays_by_layer.items()
    }
    if not layers or not all(layers.values()):
        raise ValueError(
            "arrays_by_layer must hold at least one layer, and one array an epoch for each, but "
            f"has { ({name: len(epochs) for name, epochs in layers.items()}) } epochs."
        )
    layers = {n: [v[np.isfinite(v)] for v in epochs] for n, epochs in layers.items()}
    magnitudes = [np.abs(v[v != 0]) for epochs in layers.values() for v in epochs]
    if logarithmic is None:
        logarithmic = spans_decades(np.array([np.median(m) for m in magnitudes if m.size]))
    logarithmic = logarithmic and any(m.size for m in magnitudes)
    edges = _bin_edges([v for epochs in layers.values() for v in epochs], magnitudes, logarithmic)

    rows = -(-len(layers) // 4)
    columns = -(-len(layers) // rows)
    figure = new_figure(max(2.2 * columns + 1.2, 5.0), 2.8 * rows + 0.5)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for panel in panels[len(layers) :]:
        panel.remove()
    panels = panels[: len(layers)]
    for number, (axes, (name, epochs)) in enumerate(zip(panels, layers.items(), strict=True)):
        shown = [np.abs(v[v != 0]) for v in epochs] if logarithmic else epochs
        counts = np.stack([np.histogram(v, bins=edges)[0] for v in shown], axis=1)  # (bins, E)
        density = counts / np.maximum(counts.max(axis=0), 1)
        numbers = np.arange(1, len(epochs) + 1)
        picture = axes.pcolormesh(
            np.arange(len(epochs) + 1) + 0.5, edges, density, cmap="Blues", vmin=0, vmax=1
        )
        spread = np.array([np.quantile(v, _QUANTILES) if v.size else [np.nan] * 3 for v in shown])
        for line, style in zip(spread.T, (":", "-", ":"), strict=True):
            axes.plot(
                numbers,
                line,
                color="#D55E00",
                linestyle=style,
                linewidth=1.3,
                marker="_" if len(epochs) == 1 else None,
                markersize=25,
            )
        zeros = 1 - sum(v.size for v in shown) / max(sum(v.size for v in epochs), 1)
        left_out = f"\n{zeros:.0%} zeros" if zeros >= 0.005 else ""
        axes.set_title(fold(name + left_out, 2.2), fontsize="medium")
        axes.set_xticks(epoch_ticks(1, len(epochs)))
        axes.set_xlabel("epoch")
        axes.set_yscale("log" if logarithmic else "linear")
        axes.set_ylim(edges[0], edges[-1])
        if number % columns == 0:
            axes.set_ylabel("|value|" if logarithmic else "value")
    figure.suptitle(title)
    low, median, _ = panels[0].lines
    names = ["median", "90 % of values between"]
    figure.legend([median, low], names, loc="outside lower center", ncols=2, frameon=False)
    figure.colorbar(picture, ax=panels, label="density relative to the epoch's peak")
    return save(figure, path)


def flat(values: Any, name: Any) -> Array:
    """The values of a layer in an epoch, one after the other.

    Raises:
        ValueError: They are no numbers.
        TypeError: They are a sparse matrix.
    """
    if is_sparse(values):
        to_array(values, f"an array of arrays_by_layer[{name!r}]")  # says so
    try:
        return np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise ValueError(
            f"arrays_by_layer[{name!r}] must be a list of arrays of numbers, one for each epoch, "
            f"but one of them is {said(values)}."
        ) from None


def _bin_edges(values: list[Array], magnitudes: list[Array], logarithmic: bool) -> Array:
    """Return the bins that all layers share, wide enough for nearly all of each distribution."""
    # Quantiles of each layer and epoch: a few outliers must not flatten all the rest.
    chosen = [m for m in (magnitudes if logarithmic else values) if m.size]
    if not chosen:
        return np.linspace(-1, 1, _BINS + 1)
    low = min(np.quantile(m, 0.01 if logarithmic else 0.001) for m in chosen)
    high = max(np.quantile(m, 0.999) for m in chosen)
    if logarithmic:
        return np.geomspace(low / 1.5, high * 1.5, _BINS + 1)
    margin = 0.05 * (high - low) or max(abs(high), 1.0)
    return np.linspace(low - margin, high + margin, _BINS + 1)
