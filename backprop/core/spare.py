"""Memory that a pass through the layers leaves behind, for the passes that follow.

The system clears new memory page by page as it is first written to. A pass through convolutions
would spend a third of its time so, were every array in it new.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from backprop.core.types import Array, Shape

WORTH_KEEPING = 1 << 16
"""Bytes of an array whose memory is kept: what is smaller is rarely given back to the system."""

_held = [object()]
NOBODY = sys.getrefcount(_held[0])
"""The references to what nobody but a list holds."""


class SpareMemory:
    """Blocks of memory, of which those that no array lies in any more are given out again.

    ``with memory:`` lets ``new_array`` take them, in the thread that says so.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, list[Array]] = {}

    def block(self, size: int) -> Array:
        """So many bytes, or up to an eighth more."""
        step = 1 << size.bit_length() - 4
        size = -(-size // step) * step
        blocks = self._blocks.setdefault(size, [])
        for k in range(len(blocks)):
            if sys.getrefcount(blocks[k]) == NOBODY:
                return blocks[k]
        blocks.append(np.empty(size, np.uint8))
        return blocks[-1]

    def __enter__(self) -> None:
        _thread.memory = self

    def __exit__(self, *_: object) -> None:
        _thread.memory = None


class _Thread(threading.local):
    memory: SpareMemory | None = None


_thread = _Thread()

_shared: ContextVar[dict[Shape, list[SpareMemory]] | None] = ContextVar("shared", default=None)


def spare_memory(size: int) -> SpareMemory | None:
    """Where to take so many bytes from; None if new memory is as good."""
    return _thread.memory if size >= WORTH_KEEPING else None


@contextmanager
def same_memory() -> Iterator[None]:
    """Has the batches that are computed meanwhile use the same memory in turn."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def spare_memories(sample: Shape) -> list[SpareMemory]:
    """What earlier passes have left, to be taken from and added to; each is for one thread.

    What was left by samples of another shape, such as longer sequences, would fit none of the
    arrays: it is given back.
    """
    shared = _shared.get()
    if shared is None:
        return []
    if sample not in shared:
        shared.clear()
    return shared.setdefault(sample, [])
