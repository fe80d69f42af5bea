"""Batches that a user's generator, iterable, function or data set makes, larger than memory."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.core.frames import Labels, check_labels
from backprop.core.types import Shape
from backprop.data.batches import Batch
from backprop.data.forms import axes
from backprop.data.items import Items
from backprop.data.on_disk import RowsOnDisk
from backprop.data.samples import Data, warn_if_none_counts


class Stream:
    """The batches ``(x, y)`` or ``(x, y, sample_weight)`` of an epoch; iterate once for each.

    Args:
        source: What makes them, see ``Items``.
        steps: Batches in an epoch; None for all of them.
        check: Makes checked arrays of one batch's ``(x, y, sample_weight)``.
        dtype: The dtype that the model computes in.
        name: What error messages call it.
        rng: Shuffles the batches of a data set, see ``Items``.
        sample_shape: The shape of one input sample, if it is known.
        warn: Is given the first batch, to warn of what is strange about it.
        labels: The labels that the columns of frames must have.
        beside: What is drawn from first, see ``Items``.

    Attributes:
        labels: Those, or the ones of the first batch; None if there are no frames.
        sample_shape: The shape of one input sample.
        steps: Batches in an epoch; None while that is not known.
        batch_size: Samples in the first batch.

    Raises:
        ValueError: There is no batch.
        TypeError: The source makes none.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None,
        check: Callable[[Any, Any, Any], Data],
        dtype: np.dtype[Any],
        name: str = "x",
        rng: np.random.Generator | None = None,
        sample_shape: Shape | None = None,
        warn: Callable[[Data], None] | None = None,
        labels: Labels | None = None,
        beside: Any = None,
    ) -> None:
        self._check, self._dtype, self._name = check, dtype, name
        self.labels = check_labels(source, labels, name)
        self._rows = source if isinstance(source, RowsOnDisk) else None
        listed = isinstance(source, list | tuple | deque)  # which may be an array, too
        together = listed and len(source) in (2, 3) and axes(source[0]) > 1  # x and y
        self._samples = listed and not together
        self._counts = False  # whether a sample that counts has come, or its lack has been told of
        others = beside._items if isinstance(beside, Stream) else None
        self._items: Items = Items(source, steps, name, rng, sample_shape, others)
        try:
            data = self._unpack(self._items.first)
        except ShapeError as error:
            if not self._fits_as_one_sample(self._items.first):
                raise
            raise ShapeError(
                f"{error} Or the items of {name} may be single samples: let them be batches."
            ) from None
        self.sample_shape, self.batch_size = tuple(data.X.shape[1:]), len(data)
        if warn is not None:
            warn(data)

    @property
    def steps(self) -> int | None:
        """Batches in an epoch; None while that is not known."""
        return self._items.steps

    def go_on(self, epochs: int) -> None:
        """Continues as if so many epochs had been drawn (see ``Items``)."""
        self._items.go_on(epochs)

    def leave(self) -> None:
        """Takes note that training was cut off (see ``Items``)."""
        self._items.leave()

    def __iter__(self) -> Iterator[Batch]:
        for number, batch in enumerate(self._items):
            try:
                data = self._unpack(batch)
            except (TypeError, ValueError) as error:
                error.add_note(f"It is batch {number} of {self._name} in this epoch (from 0).")
                raise
            self._counts = self._counts or data.counts
            yield data.X.astype(self._dtype, copy=False), data.y, data.weight, data.given
        warn_if_none_counts(self._counts, self._name)
        self._counts = True

    def _fits_as_one_sample(self, item: Any) -> bool:
        """Whether an item could be trained on if it were a batch with nothing else in it."""
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x, y = (np.asarray(part)[np.newaxis] for part in item[:2])
            self._check(x, y, None)
            return True
        return False

    def _unpack(self, batch: Any) -> Data:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            advice = "y" if self._samples else "them as arrays, x and y each by itself"
            raise ShapeError(
                f"{self._name} must make batches (x, y) or (x, y, sample_weight), but it made "
                f"{type(batch).__name__} of another form. If it holds the samples themselves, pass "
                f"{advice}."
            )
        x, y, *weight = batch
        self.labels = check_labels(x, self.labels, self._name)
        try:
            return self._check(x, y, weight[0] if weight else None)
        except ValueError:
            if self._rows is not None:
                self._rows.refuse(batch, self._dtype)
            raise
