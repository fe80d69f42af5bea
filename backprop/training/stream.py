"""Batches that a user's generator, iterable or function makes, for data larger than memory."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from backprop.core.errors import ShapeError
from backprop.core.types import Array
from backprop.training.data import Data


def is_stream(x: Any) -> bool:
    """Whether x makes batches by itself, rather than being an array of samples."""
    return callable(x) or isinstance(x, Iterator) or hasattr(x, "__next__")


class Stream:
    """The batches ``(x, y)`` or ``(x, y, sample_weight)`` of an epoch; iterate once for each.

    A function is called for each epoch, an iterable is begun anew, and a generator goes on where
    it was: it needs ``steps``, or it lasts for one epoch only.

    Args:
        source: A function without arguments that returns an iterable, or an iterable, or a
            generator.
        steps: Batches in an epoch; None for all of them.
        check: Makes checked arrays of one batch's ``(x, y, sample_weight)``.
        name: What error messages call it.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None,
        check: Callable[[Any, Any, Any], Data],
        name: str = "x",
    ) -> None:
        self._source, self._steps, self._check, self._name = source, steps, check, name
        self._waiting: list[Any] = []  # the batch that was looked at before the first epoch
        self._iterator: Iterator[Any] | None = source if isinstance(source, Iterator) else None

    @property
    def steps(self) -> int | None:
        """Batches in an epoch, if that is known."""
        if self._steps is None and hasattr(self._source, "__len__"):
            return len(self._source)
        return self._steps

    def first(self) -> Data:
        """The first batch, which is kept for the first epoch.

        Raises:
            ValueError: There is none.
        """
        batch = next(self._begin(), None)
        if batch is None:
            raise ValueError(f"{self._name} makes no batches: it is empty.")
        if self._iterator is not None:
            self._waiting.append(batch)  # a generator does not give it twice
        return self._unpack(batch)

    def __iter__(self) -> Iterator[tuple[Array, Array, Array | None]]:
        batches = itertools.chain(self._waiting, self._begin())
        self._waiting = []
        count = 0
        for batch in itertools.islice(batches, self._steps):
            data = self._unpack(batch)
            count += 1
            yield data.X, data.y, data.weight
        if count == 0 or (self._steps is not None and count < self._steps):
            wanted = "at least one" if self._steps is None else f"the {self._steps}"
            raise ValueError(
                f"{self._name} ran out: this epoch got {count} batches of {wanted} it needs. Pass "
                f"a function that returns a new generator, which is called for each epoch, or a "
                f"smaller number of steps."
            )

    def _begin(self) -> Iterator[Any]:
        if self._iterator is not None:
            return self._iterator
        made: Iterable[Any] = self._source() if callable(self._source) else self._source
        return iter(made)

    def _unpack(self, batch: Any) -> Data:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise ShapeError(
                f"{self._name} must make batches (x, y) or (x, y, sample_weight), but it made "
                f"{type(batch).__name__} of another form."
            )
        x, y, *weight = batch
        return self._check(x, y, weight[0] if weight else None)
