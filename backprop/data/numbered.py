"""Data sets that give their items by their numbers, as Keras's ``PyDataset`` does."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.readable import has

MANY = 1 << 20
"""Up to so many items the order of all of them is drawn, however few steps an epoch has."""


class Numbered:
    """A data set with items by number, ``source[0]``, …, ``source[len(source) - 1]``.

    As for Keras's ``PyDataset`` an item is a batch, ``num_batches`` may stand for the length (None:
    there is no end), and ``on_epoch_begin`` and ``on_epoch_end`` are called if they are there.

    Args:
        source: The data set.
        name: What error messages call it.
        rng: Shuffles the items anew in each epoch; None keeps their order.
        steps: How many items are wanted; None for all.

    Raises:
        ValueError: It has no end, and no number of steps is given.
    """

    def __init__(
        self, source: Any, name: str, rng: np.random.Generator | None, steps: int | None
    ) -> None:
        self.source, self._name, self._rng, self._steps = source, name, rng, steps
        if self.n is None and steps is None:
            raise ValueError(f"{name} has no end: say how many batches an epoch has, by steps.")

    @property
    def n(self) -> int | None:
        """How many items there are now: it may change between epochs; None without an end."""
        if has(self.source, "__len__"):  # which Python's own len() would refuse without a name
            return check_integer(type(self.source).__len__(self.source), f"len({self._name})", 0)
        n = self.source.num_batches
        return None if n is None else check_integer(n, f"num_batches of {self._name}", 0)

    def __iter__(self) -> Iterator[Any]:
        self._tell("on_epoch_begin")
        n = self.n
        order: Iterable[Any] = itertools.count() if n is None else range(n)
        if self._rng is not None and n is not None:
            if self._steps is None or n <= MANY:
                order = self._rng.permutation(n)
            else:  # memory grows with the steps, not with n
                n = min(n, sys.maxsize)
                order = self._rng.choice(n, min(n, self._steps), replace=False)
        for k in itertools.islice(order, self._steps):
            yield self.source[int(k)]
        self._tell("on_epoch_end")

    def go_on(self, epochs: int) -> None:
        """Continues as if so many epochs had been drawn, of which the first has begun."""
        if has(self.source, "go_on"):
            self.source.go_on(epochs)
            return
        for epoch in range(epochs):  # it may change its order or its length at either time
            if epoch:
                self._tell("on_epoch_begin")
            self._tell("on_epoch_end")

    def _tell(self, hook: str) -> None:
        if hasattr(self.source, hook):
            getattr(self.source, hook)()


def n_items(source: Any) -> int | None:
    """How many items a source makes in an epoch; None if it does not know."""
    if isinstance(source, Numbered):
        return source.n
    # of a DataLoader of what has no length, or of a length that is negative or beyond all numbers
    with suppress(TypeError, ValueError, OverflowError):
        return len(source) if has(source, "__len__") else None
    return None
