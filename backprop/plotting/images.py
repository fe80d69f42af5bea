"""Pictures of what networks on images have learnt: filters, feature maps, saliency."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop.core.arrays import as_numbers
from backprop.core.checks import check_position
from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.plotting.nodes import short
from backprop.plotting.style import finite_array, ink, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 64
"""Pictures in a grid; more would be too small to be seen."""


@answered
def filters(W: Any, channel: int | None = None, path: FilePath | None = None) -> Figure:
    """Draws the filters of a convolution: blue where a weight is negative, red where positive.

    Args:
        W: The weights ``(kh, kw, channels, filters)``, or a layer that has such a ``W``. Of three
            channels and no ``channel`` the filters are drawn in colour, each from its smallest
            weight to its largest.
        channel: The input channel whose weights are drawn; of one channel that is the only one.
        path: Where to save the picture, if anywhere.

    Raises:
        ValueError: W has another number of axes, or there is no such channel.

    Example:
        >>> layer = bp.layers.Conv2D(4, 3)
        >>> model = bp.Sequential([bp.Input((8, 8, 1)), layer], seed=0)
        >>> figure = bp.plotting.filters(layer, path="filters.png")
    """
    weights = finite_array(
        "W", getattr(W, "W", W), 4, ": pass a convolution of images that is built"
    )
    if getattr(W, "kernel_axes", ())[:1] == ("filter",):  # of a transposed convolution
        weights = weights.swapaxes(2, 3)
    n_channels = weights.shape[2]
    if channel is None and n_channels == 3:
        low, high = weights.min(axis=(0, 1, 2)), weights.max(axis=(0, 1, 2))
        scaled = (weights - low) / np.where(high > low, high - low, 1)
        caption = "filters in colour, each from its smallest weight to its largest one"
        return _grid(list(np.moveaxis(scaled, 3, 0)), caption, path)
    channel = 0 if channel is None else check_position(channel, "channel", n_channels)
    largest = float(np.nanmax(np.abs(weights))) or 1.0
    pictures = [weights[:, :, channel, k] for k in range(weights.shape[3])]
    of = f" for channel {channel} of {n_channels} (from 0)" if n_channels > 1 else ""
    caption = f"filters' weights{of}: blue {short(-largest)}, white 0, red {short(largest)}"
    return _grid(pictures, caption, path, cmap="RdBu_r", vmin=-largest, vmax=largest)


@answered
def feature_maps(A: Any, path: FilePath | None = None) -> Figure:
    """Draws what a layer makes of one image: a picture for each channel, dark where it is large.

    Args:
        A: The layer's output for one sample, ``(H, W, C)`` or ``(1, H, W, C)``, for example
            ``model.activations(X[:1])["conv2d_1"]``.
        path: Where to save the picture, if anywhere.

    Raises:
        ValueError: A is not the output for one image.

    Example:
        >>> model = bp.Sequential([bp.Input((8, 8, 1)), bp.layers.Conv2D(4, 3)], seed=0)
        >>> A = model.activations(np.ones((1, 8, 8, 1)))["conv2d_1"]
        >>> figure = bp.plotting.feature_maps(A)
    """
    if np.ndim(A) == 4 and len(A) == 1:
        A = A[0]
    maps = finite_array("A", A, 3, ': pass an output, model.activations(X[:1])["conv2d_1"]')
    caption = "channels of one image; in each the largest number is black"
    return _grid([maps[:, :, k] for k in range(maps.shape[2])], caption, path, cmap="Greys")


@answered
def saliency(image: Any, gradient: Any, path: FilePath | None = None) -> Figure:
    """Draws an image beside the size of ∂E/∂X: the pixels that matter most to the loss are dark.

    Args:
        image: The image ``(H, W)`` or ``(H, W, C)``; one in colour is drawn from its smallest
            number to its largest.
        gradient: ∂E/∂X for it, of the same shape; for example ``explain(x, y)[0].delta_input[0]``.
        path: Where to save the picture, if anywhere.

    Raises:
        ValueError: The two do not have the same shape, or are no images.

    Example:
        >>> image = np.eye(8)
        >>> figure = bp.plotting.saliency(image, gradient=-image)
    """
    picture = np.asarray(as_numbers(image, "image"), float)
    slope = np.asarray(as_numbers(gradient, "gradient"), float)
    if picture.shape != slope.shape or picture.ndim not in (2, 3):
        raise ValueError(
            f"image and gradient must have the same shape (H, W) or (H, W, C), but they have "
            f"{picture.shape} and {slope.shape}."
        )
    size = np.abs(slope) if slope.ndim == 2 else np.abs(slope).max(axis=2)
    if picture.ndim == 3 and picture.shape[2] == 3:  # which imshow draws from 0 to 1
        low, high = picture.min(), picture.max()
        picture = (picture - low) / max(high - low, np.finfo(float).tiny)
    elif picture.ndim == 3:
        picture = picture[:, :, 0]
    figure = new_figure(6.4, 3.4)
    left, right = figure.subplots(1, 2)
    left.imshow(picture, cmap="Greys")
    left.set_title("image")
    right.imshow(size, cmap="Greys")
    right.set_title("|∂E/∂X|")
    for axes in (left, right):
        axes.set_axis_off()
    return save(figure, path)


def _grid(pictures: list[Array], caption: str, path: FilePath | None, **shown: Any) -> Figure:
    """Numbered pictures in rows above a caption, the first ``MOST`` of them."""
    drawn = pictures[:MOST]
    columns = min(8, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    width = max(1.0 * columns + 0.2, 3.2)
    if len(drawn) < len(pictures):
        caption = f"the first {len(drawn)} of {len(pictures)} {caption}"
    lines = textwrap.wrap(caption, int(12 * width))
    figure = new_figure(width, 1.15 * rows + 0.3 + 0.15 * len(lines))
    for k, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if k < len(drawn):
            axes.imshow(drawn[k], **shown)
            axes.set_title(str(k), fontsize=8, pad=2)
    figure.supxlabel("\n".join(lines), fontsize=8, color=ink("0.3"))
    return save(figure, path)
