"""Windows that move along an axis: where they lie, how many there are, and what pads the edges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape, as_array

LONG_RUN = 128
"""Neighbouring numbers that NumPy goes through about as quickly as through a whole array."""

NewArray = Callable[[str, Shape, Any], Array]
"""What makes an array: ``layer.buffer``, or in inference a fresh one."""


class Windows(NamedTuple):
    """The windows along one axis, each ``stride`` further on than the one before.

    Window i covers the padded positions i · stride + j · dilation for j = 0 … size − 1.

    Attributes:
        size: Positions in a window.
        stride: From the beginning of a window to the beginning of the next one.
        dilation: From a position of a window to the next one.
        before: Positions that are padded in front.
        after: And at the end.
        n_in: Positions of the axis without the padding.
        n_out: How many windows there are.
    """

    size: int
    stride: int
    dilation: int
    before: int
    after: int
    n_in: int
    n_out: int

    @property
    def padded(self) -> int:
        """Positions of the axis with the padding."""
        return self.before + self.n_in + self.after

    @property
    def reach(self) -> int:
        """Positions from the beginning of a window to its end."""
        return (self.size - 1) * self.dilation + 1

    @property
    def rest(self) -> int:
        """Padded positions behind the last window."""
        return self.padded - (self.n_out - 1) * self.stride - self.reach

    @property
    def tile(self) -> bool:
        """Whether every padded position is in one window."""
        return self.size == self.stride and self.n_out * self.stride == self.padded

    def positions(self, j: int) -> slice:
        """The padded positions that are the j-th of their windows, one for each window."""
        start = j * self.dilation
        return slice(start, start + (self.n_out - 1) * self.stride + 1, self.stride)


class WrittenWindows(NamedTuple):
    """How formulas write the windows of images, or of sequences.

    Attributes:
        at: Where position (u, v) of window (i, j) lies: ``2i+u, 2j+v``; of window t: ``2t+u``.
        hits: That this is the pixel (a, b): ``2i+u=a, 2j+v=b``; the step a: ``2t+u=a``.
        inside: The positions of a window: ``u<3, v<3``.
        outside: What follows if windows reach beyond the edge: nothing if none does.
    """

    at: str
    hits: str
    inside: str
    outside: str


def write(grid: Sequence[Windows], outside: str = "") -> WrittenWindows:
    """How formulas write these windows, in the symbols i, j or t, u, v, a and b."""
    places = []
    for window, position, w in zip("t" if len(grid) == 1 else "ij", "uv", grid, strict=False):
        place = f"{times(w.stride, window)}+{times(w.dilation, position)}"
        places.append(shifted(place, -w.before))
    return WrittenWindows(
        ", ".join(places),
        ", ".join(f"{place}={pixel}" for place, pixel in zip(places, "ab", strict=False)),
        ", ".join(f"{position}<{w.size}" for position, w in zip("uv", grid, strict=False)),
        outside if any(w.before or w.after for w in grid) else "",
    )


def over_steps(formula: str) -> str:
    """A formula about images as one about sequences, with t for ij, u for uv and a for ab."""
    for two, one in (("ij", "t"), ("uv", "u"), ("ab", "a")):
        formula = formula.replace(f"{{{{{two}}}}}", one).replace(two, one)
    return formula


def times(n: int, place: str) -> str:
    """How formulas write a multiple of a place: ``2i``, or ``i``."""
    return place if n == 1 else f"{n}{place}"


def shifted(place: str, by: int) -> str:
    """How formulas write a place so many positions further on: ``i+1``, ``i−2``, or ``i``."""
    return f"{place}{'+' if by > 0 else '−'}{abs(by)}" if by else place


def windows(
    n_in: int, size: int, stride: int = 1, padding: str = "valid", dilation: int = 1
) -> Windows:
    """The windows along an axis of n_in positions, as Keras lays them.

    ``"valid"`` takes those that lie inside: n_out = ⌊(n_in − reach) / stride⌋ + 1 with
    reach = (size − 1) · dilation + 1; there may be none. ``"same"`` makes n_out = ⌈n_in / stride⌉
    and pads for it, half in front and half at the end, where an odd one goes. ``"causal"`` pads
    reach − 1 in front, so that no window sees what comes after its last position.
    """
    reach = (size - 1) * dilation + 1
    before = after = 0
    if padding == "same":
        missing = max((-(-n_in // stride) - 1) * stride + reach - n_in, 0)
        before, after = missing // 2, missing - missing // 2
    elif padding == "causal":
        before = reach - 1
    n_out = max((before + n_in + after - reach) // stride + 1, 0)
    return Windows(size, stride, dilation, before, after, n_in, n_out)


def check_axes(layer: object, sample: Shape, axes: str) -> None:
    """Checks that samples have the axes that a layer needs, such as ``"HWC"`` for images.

    Raises:
        ShapeError: They have more or fewer.
    """
    if len(sample) == len(axes):
        return
    wanted, given = (", ".join(["N", *map(str, sizes)]) for sizes in (axes, sample))
    form = ", ".join(axes) + "," * (len(axes) == 1)
    advice = f"bring the samples into this form, for example with Reshape(({form}))"
    if len(sample) == len(axes) - 1:
        shape = tuple(-1 if n is None else n for n in (*sample, 1))
        advice = (
            f"add the axis of the channels, by Reshape({shape}) in front of it, or, if it is the "
            f"first layer, X[..., np.newaxis] of an array of numbers"
        )
        if axes[0] == "T":
            advice += "; where an LSTM or GRU stands before it, that takes return_sequences=True"
    raise ShapeError(
        f"{layer} takes arrays of shape ({wanted}) but received one of shape ({given}): {advice}."
    )


def lay(
    layer: object,
    sample: Shape,
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: str = "valid",
    dilations: Sequence[int] | None = None,
) -> tuple[Windows, ...]:
    """The windows along each axis of a sample but the last one, that of the channels.

    Raises:
        ShapeError: The sample is smaller than a window; the message names the layer.
    """
    dilations = dilations or [1] * len(sizes)
    found = tuple(
        windows(n, size, stride, padding, dilation)
        for n, size, stride, dilation in zip(sample[:-1], sizes, strides, dilations, strict=True)
    )
    if any(w.n_out == 0 for w in found):
        reach = " × ".join(str(w.reach) for w in found)
        advice = "choose smaller windows, or padding='same'"
        if len(sample) == 3 and sample[0] in (1, 3):
            advice += "; where the channels stand first, X.transpose(0, 2, 3, 1) puts them last"
        elif len(sample) == 2 and sample[0] < sample[1]:
            advice += "; where the channels stand first, X.transpose(0, 2, 1) puts them last"
        raise ShapeError(
            f"{layer} has windows of {reach}, but received samples of shape "
            f"{tuple(sample)}, which are smaller: {advice}."
        )
    return found


def pad(X: Array, borders: Sequence[tuple[int, int]], value: float, out: Array) -> Array:
    """Writes X into ``out`` with a border of one value around it.

    The borders are its widths before and after, for each axis from the first on.
    """
    for axis, (before, after) in enumerate(borders):
        along = [slice(None)] * axis
        if before:
            out[(*along, slice(before))] = value
        if after:
            out[(*along, slice(out.shape[axis] - after, None))] = value
    np.copyto(inside(out, borders), X)
    return out


def inside(A: Array, borders: Sequence[tuple[int, int]]) -> Array:
    """A without borders of these widths: a view."""
    sizes = zip(borders, A.shape, strict=False)  # further axes have none
    return as_array(A[tuple(slice(before, n - after) for (before, after), n in sizes)])


@lru_cache(maxsize=64)
def shares(w: Windows, axes_behind: int, dtype: np.dtype[Any]) -> Array:
    """1/m of every window along an axis with others behind it, not to be written to: it is kept.

    m is how many positions of the axis itself a window covers; one number where all have the same.
    """
    starts = np.arange(w.n_out) * w.stride - w.before
    m = np.minimum(starts + w.size, w.n_in) - np.maximum(starts, 0)
    m = m[:1] if m.min() == m.max() else m.reshape(-1, *[1] * axes_behind)
    found: Array = (1 / m).astype(dtype)
    found.setflags(write=False)
    return found


# --------------------------------------------------------------------- one axis after the other


def padded(X: Array, axis: int, w: Windows, value: float, new: NewArray) -> Array:
    """X with the windows' padding along an axis; X itself if there is none."""
    if not (w.before or w.after):
        return X
    shape = (*X.shape[:axis], w.padded, *X.shape[axis + 1 :])
    out = new(f"padded {axis}", shape, X.dtype)
    return pad(X, [(0, 0)] * axis + [(w.before, w.after)], value, out)


def positions(A: Array, axis: int, w: Windows) -> list[Array]:
    """For each position in a window its numbers in all windows: views of A with its padding."""
    along = (slice(None),) * axis
    return [A[(*along, w.positions(a))] for a in range(w.size)]


def planes(X: Array, axis: int, w: Windows, new: NewArray) -> list[Array]:
    """The numbers at each position of the windows, in arrays of their own where that is quicker.

    NumPy goes through an array run by run of neighbouring numbers, and slowly where these are few,
    such as the channels of every other pixel. It goes through such a plane at once.
    """
    parts = positions(X, axis, w)
    if has_long_runs(X, axis):
        return parts
    copies = [new(f"plane {axis}.{a}", part.shape, part.dtype) for a, part in enumerate(parts)]
    for copy, part in zip(copies, parts, strict=True):
        np.copyto(copy, part)
    return copies


def has_long_runs(A: Array, axis: int) -> bool:
    """Whether what lies beside each other behind an axis is long enough for NumPy."""
    return math.prod(A.shape[axis + 1 :]) >= LONG_RUN


def to_be_windows(like: Array, axis: int, w: Windows, new: NewArray) -> list[Array]:
    """Arrays for what ``to_windows`` is to bring together; where it leaves them, if that is quick.

    Each of them has the form of ``like``.
    """
    if in_place(like, axis, w):
        return positions(new(f"dX {axis}", padded_shape(like, axis, w), like.dtype), axis, w)
    return [new(f"plane {axis}.{a}", like.shape, like.dtype) for a in range(w.size)]


def in_place(like: Array, axis: int, w: Windows) -> bool:
    """Whether what each position gets is written at once where it belongs."""
    return w.tile and has_long_runs(like, axis)


def padded_shape(like: Array, axis: int, w: Windows) -> Shape:
    """The shape of an array with a number for each window, but for each padded position."""
    return (*like.shape[:axis], w.padded, *like.shape[axis + 1 :])


def to_windows(parts: Sequence[Array], axis: int, w: Windows, new: NewArray) -> Array:
    """Adds up what each number gets at the positions that it has in windows, without the padding.

    What the numbers at each position get are the parts, in the arrays of ``to_be_windows``.
    """
    dX = new(f"dX {axis}", padded_shape(parts[0], axis, w), parts[0].dtype)
    if not w.tile:
        dX.fill(0)
    if not in_place(parts[0], axis, w):
        for place, part in zip(positions(dX, axis, w), parts, strict=True):
            if w.size > w.stride:
                place += part
            else:
                np.copyto(place, part)
    if not (w.before or w.after):
        return dX
    within = inside(dX, [(0, 0)] * axis + [(w.before, w.after)])
    dX = new(f"inside {axis}", within.shape, within.dtype)
    np.copyto(dX, within)
    return dX
