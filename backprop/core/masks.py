"""What layers that move windows over sequences make of the mask of padded steps."""

from __future__ import annotations

from functools import reduce

import numpy as np

from backprop.core.types import Array
from backprop.core.windows import Windows


def mask_behind_windows(
    layer: object, mask: Array, w: Windows, padding: str, zeros: bool = False
) -> Array:
    """Which outputs are those of steps, shape ``(N, n_out)``; False where they are of padding.

    Of windows that lie inside those are left that hold no padded step. With a border around the
    sequence each output belongs to one step, the last of a window that looks back or the middle
    one, and is there if this step is.

    Args:
        layer: The layer, for the error message.
        mask: True where there is a step, shape ``(N, T)``.
        w: The windows over the T steps.
        padding: ``"valid"``, ``"same"`` or ``"causal"``.
        zeros: Whether padded steps count as zeros, as those beyond the ends of the sequence do.

    Raises:
        ValueError: Windows would hold other numbers than on the sequence without padded steps.
    """
    if padding == "same" and (w.stride > 1 or not zeros):
        fault = "has padding='same', which lays windows over steps and border alike"
        raise refusal(layer, fault, "choose padding='valid'")
    found: Array = reduce(np.logical_and, steps_of_windows(mask, w, padding))
    return found


def steps_of_windows(steps: Array, w: Windows, padding: str) -> list[Array]:
    """The steps by which an output is there or not: all of its window, or the one it belongs to.

    Of something for each step, shape ``(N, T)``, these are views, each of shape ``(N, n_out)``.
    """
    if padding == "valid":
        return [steps[:, w.positions(j)] for j in range(w.size)]
    return [steps[:, :: w.stride]]


def refusal(layer: object, fault: str, advice: str) -> ValueError:
    """The error of a layer that cannot leave padded steps out: why, and what to do about it."""
    return ValueError(
        f"{layer} {fault}, so that padded steps would change its outputs: {advice}, or do without "
        f"the mask (mask_zero=False, or no Masking)."
    )
