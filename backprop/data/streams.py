"""Batches that a user's generator, iterable or function makes, for data larger than memory."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from backprop.core.errors import ShapeError
from backprop.data.batches import Batch
from backprop.data.samples import Data


class Stream:
    """The batches ``(x, y)`` or ``(x, y, sample_weight)`` of an epoch; iterate once for each.

    A function is called for each epoch, an iterable is begun anew, and a generator goes on where
    it was: it needs ``steps``, or it lasts for one epoch only. The first batch is drawn at once,
    for the shapes; it opens the first epoch.

    Args:
        source: A function without arguments that returns an iterable, or an iterable, or a
            generator.
        steps: Batches in an epoch; None for all of them.
        check: Makes checked arrays of one batch's ``(x, y, sample_weight)``.
        dtype: The dtype that the model computes in.
        name: What error messages call it.

    Attributes:
        sample_shape: The shape of one input sample.
        steps: Batches in an epoch; None while that is not known.
        batch_size: Samples in the first batch.

    Raises:
        ValueError: There is no batch.
        TypeError: The function returns nothing to iterate over.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None,
        check: Callable[[Any, Any, Any], Data],
        dtype: np.dtype[Any],
        name: str = "x",
    ) -> None:
        self._source, self._limit, self._check = source, steps, check
        self._dtype, self._name = dtype, name
        self._iterator: Iterator[Any] | None = source if isinstance(source, Iterator) else None
        begun = self._begin()
        first = list(itertools.islice(begun, 1))
        if not first:
            raise ValueError(f"{name} makes no batches: it is empty.")
        data = self._unpack(first[0])
        self.sample_shape, self.batch_size = tuple(data.X.shape[1:]), len(data)
        self._begun: Iterator[Any] | None = itertools.chain(first, begun)
        self.steps = steps
        if steps is None and hasattr(source, "__len__"):
            self.steps = len(source)

    def __iter__(self) -> Iterator[Batch]:
        batches, self._begun = self._begun or self._begin(), None
        count = 0
        for batch in itertools.islice(batches, self._limit):
            data = self._unpack(batch)
            count += 1
            yield data.X.astype(self._dtype, copy=False), data.y, data.weight
        if count == 0 or (self._limit is not None and count < self._limit):
            wanted = "at least one" if self._limit is None else f"the {self._limit}"
            raise ValueError(
                f"{self._name} ran out: this epoch got {count} batches of {wanted} it needs. Pass "
                f"a function that returns a new generator, which is called for each epoch, or a "
                f"smaller number of steps."
            )
        self.steps = count

    def _begin(self) -> Iterator[Any]:
        if self._iterator is not None:
            return self._iterator
        made = self._source() if callable(self._source) else self._source
        if not isinstance(made, Iterable):
            raise TypeError(
                f"{self._name} must be a function that returns batches (x, y), such as one that "
                f"yields them, but it returned {made!r}."
            )
        return iter(made)

    def _unpack(self, batch: Any) -> Data:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise ShapeError(
                f"{self._name} must make batches (x, y) or (x, y, sample_weight), but it made "
                f"{type(batch).__name__} of another form. If it holds the samples themselves, pass "
                f"y."
            )
        x, y, *weight = batch
        return self._check(x, y, weight[0] if weight else None)
