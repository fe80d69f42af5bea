"""Learning curves: how loss and metrics went over the epochs of one training or several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from backprop.core.checks import check_list, check_text
from backprop.core.durable import FilePath
from backprop.core.errors import said
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.style import (
    colours,
    epoch_ticks,
    finite_array,
    fold,
    ink,
    legend_below,
    new_figure,
    no_mapping,
    save,
    spans_decades,
    unbox,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VALIDATION = "val_"
# words of the names of what is never drawn in logs
_SHARES = {"acc", "accuracy", "precision", "recall", "f1", "fbeta", "score", "auc", "r2"}
_SHARES |= {"iou", "io", "similarity", "correlation", "sensitivity", "specificity"}
_RING: dict[str, Any] = {"marker": "o", "markersize": 9, "fillstyle": "none"}


class HasHistory(Protocol):
    """What a training returns: one list of numbers for each quantity."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """The values of each quantity, one an epoch; ``every_epoch()`` goes before it if it is."""
        ...


Curves = Mapping[str, Sequence[float]] | HasHistory
"""One training: ``{"loss": [...], "val_loss": [...]}`` or an object whose ``history`` is that."""


class _Run(NamedTuple):
    """One training, checked: its values, and the epochs (from 1) that they belong to.

    Where ``given`` is False there is no value, and NaN in its place.
    """

    label: str
    values: dict[str, Array]
    given: dict[str, Array]
    epochs: Array


@answered
def loss_curves(
    histories: Curves | Mapping[str, Curves],
    keys: str | Sequence[str] | None = None,
    path: FilePath | None = None,
) -> Figure:
    """Draw a panel for each quantity, training solid and validation dashed, over the epochs.

    The y axis is logarithmic where all values are positive and span more than a factor of 20, but
    never for accuracy and its like. A ring marks the lowest validation loss. Values that are not
    finite are gaps; if a quantity ends with such values, its title says so. None stands where an
    epoch has no value.

    Args:
        histories: One training, or ``{label: training}`` for several. Epochs are numbered from 1,
            unless an ``epoch`` attribute beside ``history`` gives their numbers, counted from 0.
        keys: The quantities to draw, all by default; ``"loss"`` takes ``"val_loss"`` with it.
        path: Where to save the picture, if anywhere.

    Returns:
        The figure, with one axes for each quantity.

    Raises:
        TypeError: If ``histories`` is neither of the two.
        ValueError: If a key is unknown, or quantities of one training differ in length.

    Example:
        >>> training = {"loss": [0.9, 0.4], "val_loss": [0.9, 0.5], "accuracy": [0.5, 0.8]}
        >>> figure = bp.plotting.loss_curves(training, path="training.png")
        >>> len(figure.axes)  # a panel for the losses, and one for the accuracy
        2
    """
    runs = _read_runs(histories)
    quantities = _choose(runs, keys)
    columns = {1: 1, 2: 2, 4: 2}.get(len(quantities), 3)
    rows = -(-len(quantities) // columns)
    figure = new_figure({1: 6.5, 2: 9.0, 3: 11.0}[columns], 3.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(quantities) :]:
        panel.remove()
    for panel, (quantity, names) in zip(panels, quantities.items(), strict=False):
        _draw_quantity(panel, quantity, names, runs, figure.get_figwidth() / columns - 0.6)
    if len(runs) > 1:
        validated = any(
            name.startswith(_VALIDATION) for names in quantities.values() for name in names
        )
        _name_runs(figure, [run.label for run in runs], validated)
    elif runs[0].label:
        figure.suptitle(runs[0].label)
    return save(figure, path)


def _draw_quantity(
    axes: Axes, quantity: str, names: list[str], runs: list[_Run], room: float
) -> None:
    """Draw the lines of one quantity below its name, which has this room, in inches."""
    alone = len(runs) == 1
    # One run: a colour each for training and validation. Several: a colour for each run.
    shades = colours(2 if alone else len(runs))
    known: list[Array] = []  # the finite values of each line
    ended: list[int] = []  # the epochs from which on lines are not finite
    for number, run in enumerate(runs):
        for name in (name for name in names if name in run.values):
            values = run.values[name]
            finite = np.flatnonzero(~np.isnan(values))
            validation = name.startswith(_VALIDATION)
            label = "validation" if validation else "training"
            colour = shades[int(validation) if alone else number]
            if name == "val_loss" and finite.size:
                best = int(np.nanargmin(values))
                label += f" (best: epoch {run.epochs[best]})"
                axes.plot(run.epochs[best], values[best], color=colour, label="_best", **_RING)
            axes.plot(
                run.epochs,
                values,
                color=colour,
                linestyle="--" if validation else "-",
                marker="o" if _has_lone_point(values) else None,
                markersize=5,
                label=label if alone else f"{run.label}, {label}",
            )
            known.append(values[finite])
            broken = run.given[name].copy()
            broken[: finite.max(initial=-1) + 1] = False
            ended += [int(epoch) for epoch in run.epochs[broken][:1]]
    lost = f" (not finite from epoch {min(ended)})" if ended else ""
    axes.set_title(fold(quantity.replace("_", " ") + lost, room))
    axes.set_xlabel("epoch")
    epochs = np.concatenate([run.epochs for run in runs])
    axes.set_xticks(epoch_ticks(int(epochs.min()), int(epochs.max())))
    if epochs.min() == epochs.max():
        axes.margins(y=0.4)  # room for the legend above lone points
    unbox(axes)
    if _SHARES.isdisjoint(_words(quantity)) and spans_decades(np.concatenate(known)):
        axes.set_yscale("log")
    if alone and len(known) > 1:
        axes.legend(frameon=False, fontsize="small")


def _words(name: str) -> list[str]:
    """The words of ``mean_io_u``, ``MeanIoU`` or ``f1_score[0]``, in lower case."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.findall(r"[a-z0-9]+", apart)


def _name_runs(figure: Figure, labels: list[str], validated: bool) -> None:
    """Put one legend for all panels below them: a colour for each run, and what dashes mean."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, label=label)
        for colour, label in zip(colours(len(labels)), labels, strict=True)
    ]
    if validated:
        handles.append(Line2D([], [], color=ink("0.3"), linestyle="--", label="validation"))
    legend_below(figure, handles)


def _has_lone_point(values: Array) -> bool:
    """Return whether some value has no neighbour, so that a line alone would not show it."""
    known = np.pad(~np.isnan(values), 1)
    return bool(np.any(known[1:-1] & ~known[:-2] & ~known[2:]))


def _choose(runs: list[_Run], keys: str | Sequence[str] | None) -> dict[str, list[str]]:
    """Return ``{quantity: names of its lines}`` for the keys asked for, in their order."""
    there = list(dict.fromkeys(name for run in runs for name in run.values))
    if not there:
        raise ValueError("There is nothing to draw: there are no numbers of an epoch that ended.")
    if keys is None:
        keys = list(dict.fromkeys(name.removeprefix(_VALIDATION) for name in there))
    chosen = {}
    wanted: list[str] = []
    if _is_training(keys):
        raise TypeError(
            "keys must be names of quantities: write several trainings as {'a': first, 'b': "
            "second}."
        )
    for key in [keys] if isinstance(keys, str) else check_list(keys, "keys"):
        check_text(key, "every one of keys")
        wanted += [name for name in there if name.startswith(f"{key}[")] or [key]
    for key in wanted:
        chosen[key] = [name for name in (key, _VALIDATION + key) if name in there]
        if not chosen[key]:
            raise ValueError(f"keys holds {key!r}, which is not recorded; there are: {there}.")
    if not chosen:
        raise ValueError(f"There is nothing to draw: keys is {said(keys)}, recorded are: {there}.")
    return chosen


def _read_runs(histories: Curves | Mapping[str, Curves]) -> list[_Run]:
    """Return the trainings in ``histories``, which is a single one or several with labels."""
    if isinstance(histories, Mapping) and any(map(_is_training, histories.values())):
        several = cast("Mapping[str, Curves]", histories)
        return [_read_run(str(label), curves) for label, curves in several.items()]
    return [_read_run("", cast("Curves", histories))]


def _is_training(value: object) -> bool:
    return isinstance(value, Mapping) or hasattr(value, "history")


def _read_run(label: str, curves: Curves) -> _Run:
    """Check one training and bring it into arrays."""
    where = f"histories[{label!r}]" if label else "histories"
    whole = getattr(curves, "every_epoch", None)
    record = getattr(curves, "history", curves) if whole is None else whole()
    if not isinstance(record, Mapping):
        such = "{'loss': [0.7, 0.4]}, or the History of a fit, or {'a': history} of several"
        raise no_mapping(where, curves, such)
    numbers = {str(name): each for name, each in single_numbers(record).items()}
    values = {name: finite_array(f"{where}[{name!r}]", each, 1) for name, each in numbers.items()}
    given = {name: np.array([v is not None for v in each]) for name, each in numbers.items()}
    lengths = {name: len(numbers) for name, numbers in values.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"{where} must hold one value an epoch for each quantity but has the lengths "
            f"{lengths}: put None where an epoch has no value."
        )
    count = max(lengths.values(), default=0)
    epochs = np.asarray(getattr(curves, "epoch", range(count)), dtype=np.int64) + 1
    if epochs.shape != (count,):
        raise ValueError(f"{where}.epoch must hold {count} epochs but has shape {epochs.shape}.")
    return _Run(label, values, given, epochs)


def single_numbers(record: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[float | None]]:
    """The values, where those that are lists, such as a score for each class, are told apart.

    Their names are ``f1_score[0]``, ``f1_score[1]``, …; an epoch without a list is one of NaN, or
    of None if it has no value.
    """
    found: dict[str, Sequence[float | None]] = {}
    for name, values in record.items():
        # a number alone, as of one evaluation, is refused by whoever looks at the axes
        lists = [] if isinstance(values, Real) else [v for v in values if isinstance(v, list)]
        if not lists:
            found[name] = values
        for k in range(max(map(len, lists), default=0)):
            found[f"{name}[{k}]"] = [
                value[k]
                if isinstance(value, list) and k < len(value)
                else (None if value is None else np.nan)
                for value in values
            ]
    return found
