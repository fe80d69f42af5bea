"""What all pictures share: colours, axes, saving, and the checks of their arguments."""

from __future__ import annotations

import io
import os
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from backprop.core.arrays import is_masked, to_array
from backprop.core.durable import FilePath, check_file, replacing
from backprop.core.errors import said
from backprop.core.readable import NUMBERS, columns_of, readable
from backprop.core.types import Array, is_sparse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
"""Colours that colour-blind readers tell apart, after Okabe and Ito, *Color Universal Design*
(2008)."""

MISTAKE = "#D5001C"
"""The red of wrong predictions; never the only sign of one."""

LOG_SPAN = 20.0
"""Positive values whose largest is more than this many times the smallest get a log scale."""

SAVED_DPI = 150
"""Pixels per inch of a saved picture: 8 inches are 1200 pixels, sharp on a page 800 wide."""


def load_matplotlib() -> None:
    """Load matplotlib; whoever needs it calls a function of this file first.

    Raises:
        ValueError: If the environment names a backend that matplotlib does not know.
    """
    try:
        import matplotlib  # noqa: F401
    except ValueError:
        raise ValueError(
            f"matplotlib cannot be loaded, as the environment variable MPLBACKEND is "
            f"{os.environ.get('MPLBACKEND')!r}: unset it, or set it to 'agg'."
        ) from None


def colours(count: int) -> list[str]:
    """Return ``count`` colours to tell lines or classes apart: the palette, or viridis for many."""
    load_matplotlib()
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if count <= len(PALETTE):
        return list(PALETTE[:count])
    return [to_hex(colormaps["viridis"](share)) for share in np.linspace(0, 1, count)]


def ground() -> Any:
    """Return the colour that matplotlib's style draws on."""
    from matplotlib import rcParams

    return rcParams["figure.facecolor"]


def ink(colour: str) -> Any:
    """Return a colour for words, given that for white paper: a lighter one on a dark ground."""
    from matplotlib.colors import to_rgb, to_rgba

    *shades, opaque = to_rgba(ground())
    if not opaque or np.mean(shades) > 0.5:
        return colour
    return tuple(0.6 + 0.4 * share for share in to_rgb(colour))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches that belongs to no window."""
    load_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    # Notebooks show an object that has this method; matplotlib adds it to pyplot's figures only.
    vars(figure)["_repr_png_"] = partial(as_png, figure)
    vars(figure)["show"] = without_window
    return figure


def without_window(*_: Any, **__: Any) -> NoReturn:
    """Raises AttributeError, as matplotlib does: it tells to make the figure by pyplot."""
    raise AttributeError(
        "this picture has no window: pass path='picture.png', or in a notebook write it last in a "
        "cell."
    )


def as_png(figure: Figure) -> bytes:
    """Return the picture as a notebook shows it."""
    png = io.BytesIO()
    write(figure, png, format="png", dpi=100)
    return png.getvalue()


def unbox(axes: Axes) -> None:
    """Draw the axes lightly: no upper and right border, a pale grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)


def slant(axes: Axes, names: Sequence[str], room: float) -> None:
    """Turn the names below the axes where one is wider than its room, in inches."""
    if 0.09 * max(map(len, names)) > room:
        for label in axes.get_xticklabels():
            label.set(rotation=60, ha="right", rotation_mode="anchor")


def fold(text: str, room: float, size: float = 10.0) -> str:
    """Break each line of a text where it would be wider than its room, in inches."""
    most = max(int(72 * room / (0.6 * size)), 4)  # letters are about 0.6 of the font size wide
    return "\n".join(textwrap.fill(line, most) for line in text.split("\n"))


def legend_below(figure: Figure, handles: Sequence[Any]) -> None:
    """Put a legend below the axes, in as many columns, up to five, as the figure has room for."""
    for columns in range(min(len(handles), 5), 0, -1):
        legend = figure.legend(
            handles=handles, loc="outside lower center", ncols=columns, frameon=False
        )
        drop_formulas(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            fits = legend.get_window_extent().width <= figure.bbox.width
        if fits or columns == 1:
            rows = -(-len(handles) // columns)
            figure.set_figheight(figure.get_figheight() + 0.2 * max(rows - 4, 0))
            return
        legend.remove()


def save(figure: Figure, path: FilePath | None) -> Figure:
    """Write the figure to ``path`` if one is given, in the format of its ending; return it.

    Raises:
        ValueError: If matplotlib does not know that format.
        OSError: If the folder of ``path`` does not exist, or the file cannot be written.
    """
    if path is not None:
        with replacing(picture_path(path)) as temporary:
            write(figure, temporary, dpi=SAVED_DPI)
    else:
        drop_formulas(figure)  # a notebook draws it, or savefig
    return figure


def write(figure: Figure, to: Any, **options: Any) -> None:
    """Write the figure, whatever names it shows.

    A character that the font lacks is drawn as a box, without a word. What stands between two
    dollars is a formula for matplotlib; where it is none it can read, it is drawn as it stands.

    Args:
        figure: The figure.
        to: The path of a file, or a stream.
        **options: What ``savefig`` is told besides.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        while True:
            try:
                figure.savefig(to, **options)
            except ValueError:
                if not drop_formulas(figure):
                    raise
            else:
                return


def drop_formulas(figure: Figure) -> bool:
    """Let texts that are no formulas be drawn as they stand; return whether there were any."""
    from matplotlib.mathtext import MathTextParser
    from matplotlib.text import Text

    parse, found = MathTextParser("path").parse, False
    texts: list[Any] = figure.findobj(Text)
    for text in texts:
        if text.get_parse_math() and text.get_text().count("$") > 1:
            try:
                parse(text.get_text())
            except ValueError:
                text.set_parse_math(False)
                found = True
    return found


def picture_path(path: FilePath) -> str:
    """Return the path of a picture, with ``.png`` behind it if it has no ending.

    Raises:
        ValueError: If matplotlib does not know the format of its ending.
    """
    load_matplotlib()
    from matplotlib.figure import Figure

    canvas, name = Figure().canvas, check_file(path)
    known = canvas.get_supported_filetypes()
    ending = os.path.splitext(name)[1][1:]
    if not ending:  # as matplotlib does
        return f"{name.rstrip('.')}.{canvas.get_default_filetype()}"
    if ending.lower() not in known:
        raise ValueError(
            f"path is {name!r}: pictures end with one of {', '.join(f'.{each}' for each in known)}."
        )
    return name


def spans_decades(values: Array) -> bool:
    """Return whether all of these finite values are positive and worth a log scale."""
    return bool(values.size and values.min() > 0 and values.max() / LOG_SPAN > values.min())


def epoch_ticks(first: int, last: int) -> list[int]:
    """Return at most about eight round epoch numbers, the first epoch among them."""
    steps = (base * 10**power for power in range(12) for base in (1, 2, 5))
    step = next(step for step in steps if (last - first) / step <= 8)
    round_epochs = range(-(-first // step) * step, last + 1, step)
    # A round number right beside the first epoch would write over it.
    return [first, *(epoch for epoch in round_epochs if epoch - first > step / 2)]


def finite_array(name: str, values: object, ndim: int, advice: str = "") -> Array:
    """Return ``values`` as a float array with ``ndim`` axes whose non-finite entries are NaN.

    Args:
        name: What they are called.
        values: The numbers.
        ndim: The number of axes that they must have.
        advice: What to pass, for the error message, where that is no array.

    Raises:
        ValueError: If it is no such array.
    """
    indexed = hasattr(type(values), "__getitem__") and hasattr(type(values), "__len__")
    by_item = indexed and not isinstance(values, Mapping)
    unread = by_item and not readable(values) and columns_of(values) is None
    if unread or is_masked(values) or is_sparse(values):
        values = to_array(values, name)  # which says what to do, and never asks for items
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = None
        with suppress(TypeError, ValueError):
            found = to_array(values, name)  # of a column of vectors
        if found is None or found.dtype.kind not in NUMBERS:
            raise ValueError(
                f"{name} must hold numbers, with {ndim} axes, but it is {said(values)}{advice}."
            ) from None
        array = found.astype(np.float64)
    if array.ndim != ndim or not array.size:
        raise ValueError(
            f"{name} must be a non-empty array with {ndim} axes but has the shape {array.shape}"
            f"{advice}."
        )
    array[~np.isfinite(array)] = np.nan
    return array


def no_mapping(name: str, given: object, such: str) -> TypeError:
    """The error that something is no mapping; ``such`` shows one, and says what will do too."""
    return TypeError(
        f"{name} must be a mapping such as {such}, but it is of type {type(given).__name__}."
    )
