"""Scores of attention: which steps may be seen, and how the scores become shares.

The keys stand in front, s_ji in the place of s_ij: along the first axis NumPy adds, compares and
scales whole rows of memory, which is several times as fast as along the last one.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from backprop.core.functional import ones
from backprop.core.types import Array

HIDDEN = -1e30
"""Is added to the score of a step that must not be seen. Unlike −∞ it can be subtracted from
itself, as happens where no step may be seen."""


@lru_cache(maxsize=64)
def hidden(T: int, dtype: np.dtype[Any], causal: bool, window: int | None) -> Array:
    """What is added to the scores of T steps that do not see all others, shape ``(T, 1, 1, T)``.

    It is not to be written to: it is kept.

    Args:
        T: The number of steps.
        dtype: The dtype of the scores.
        causal: Whether later steps are not seen.
        window: w, if steps are not seen that are w or more away.
    """
    M = np.where(seen(T, causal, window).T, 0.0, HIDDEN).astype(dtype)
    M.setflags(write=False)
    return M[:, np.newaxis, np.newaxis]


def seen(T: int, causal: bool, window: int | None) -> Array:
    """Whether step i sees step j, shape ``(T, T)``."""
    distance = np.arange(T)[:, np.newaxis] - np.arange(T)  # i − j
    near: Array = np.abs(distance) < (T if window is None else window)
    return np.logical_and(near, distance >= 0) if causal else near


def padding(mask: Array, out: Array) -> Array:
    """What is added to the scores of sequences with a mask, shape ``(T, N, 1, 1)``.

    Args:
        mask: True where there is a step, shape ``(N, T)``.
        out: Where it is written, in the shape of the mask.
    """
    np.copyto(out, mask)
    out -= 1
    out *= -HIDDEN
    return out.T[:, :, np.newaxis, np.newaxis]


def share_out(S: Array, masked: bool) -> None:
    """Softmax along the first axis, in place; if some is masked, 0 where all is hidden."""
    highest = np.maximum.reduce(S, axis=0)
    S -= highest
    np.exp(S, out=S)
    total = np.dot(ones(len(S), S.dtype), S.reshape(len(S), -1))
    share = np.reciprocal(total, out=total).reshape(highest.shape)
    if masked:
        share *= highest > HIDDEN / 2
    S *= share
