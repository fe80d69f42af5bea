"""Items that a user's generator, iterable, function or data set gives, again in every epoch."""

from __future__ import annotations

import itertools
import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from inspect import isfunction, isgenerator
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from backprop.core.readable import SEQUENCES, by_number, has, is_array, readable
from backprop.core.signatures import check_function
from backprop.core.types import Shape
from backprop.data.forms import holds_samples, is_batch, refuse_sample, show
from backprop.data.numbered import MANY, Numbered, n_items
from backprop.datasets.orders import Orders

LEFT: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Sources that a training in this process has drawn from until it was cut off, by their id."""

BEGUN: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Who has begun an iterator last, by its id: training and validation may have the same one."""


class Items:
    """What a source gives in an epoch, item by item; iterate once for each epoch.

    A function is called for each epoch, an iterable is begun anew, and a generator goes on where
    it was, as ``zip`` and ``map`` do: it needs ``steps``, or it lasts for one epoch only. So does a
    loader that begins anew by itself behind its last item, which is asked for that. Of a data
    set with items by number, such as Keras's ``PyDataset``, every item comes once. The first item
    is drawn at once; it opens the first epoch.

    Args:
        source: A function without arguments that returns an iterable, or an iterable, or a
            generator, or a data set.
        steps: The most items in an epoch; None for all of them. Where nobody knows how many there
            are, it must have as many.
        name: What error messages call it.
        rng: Shuffles the items of a data set anew in each epoch; None keeps their order.
        sample_shape: The shape of one input sample, if it is known.
        beside: Others that are drawn first: of the same iterator nothing is drawn before them.

    Attributes:
        first: The first item.
        steps: Items in an epoch; None while that is not known.

    Raises:
        ValueError: There is no item.
        TypeError: The function returns nothing to iterate over, or a data set's items are samples.
    """

    def __init__(
        self,
        source: Any,
        steps: int | None,
        name: str,
        rng: np.random.Generator | None = None,
        sample_shape: Shape | None = None,
        beside: Items | None = None,
    ) -> None:
        self._name, self._limit, self._given = name, steps, source
        self._begun: Iterator[Any] | None = None
        self._iterator: Any = None
        self._stays = LEFT.get(id(source)) is source  # where it is, as it was not made anew
        self._source = source = self._numbered(source, rng)
        self._once = drawn_once(source)
        if callable(source):
            check_function(source, "", name)
        before: Any = None if rng is None else rng.bit_generator.state
        self._before = source.begun if isinstance(source, Orders) else 0
        ordered = isinstance(source, Numbered) and rng is not None and steps is None
        if ordered and (source.n or 0) > MANY:  # a look at one, before all are put in order
            refuse_sample(source.source[0], source, name, sample_shape)
        if not (first := self._start(beside)):
            advice = ", or used up: pass a function that returns a new generator"
            used = advice if isinstance(source, Iterator) else ""
            raise ValueError(f"{name} makes no batches: it is empty{used}.")
        self.first = first[0]
        refuse_sample(self.first, source, name, sample_shape)
        self._after = before
        if rng is not None:  # what was drawn for the first epoch counts from when that begins
            self._after, rng.bit_generator.state = rng.bit_generator.state, before
        self._rng = rng if self._after != before else None  # if nothing was
        self.steps = min((n for n in (steps, n_items(source)) if n is not None), default=None)

    def go_on(self, epochs: int) -> None:
        """Continues as if so many epochs had been drawn.

        A source that has a method ``go_on`` is told so. From others they are drawn, as the next
        ones may depend on them, unless they were in this process, before training was cut off.
        """
        if self._once:
            if isgenerator(self._given) and not self._stays and self._limit is not None:
                for _ in itertools.islice(self._begun or self._begin(), epochs * self._limit):
                    pass
            return
        if epochs and (has(self._given, "go_on") or not self._stays):
            if has(self._source, "go_on"):
                self._source.go_on(epochs)
            elif not isinstance(self._source, SEQUENCES):
                self._draw(epochs)
        if epochs or self._rng is not None:
            self._begun = None

    def leave(self) -> None:
        """Takes note that training was cut off: what it has drawn need not be drawn again."""
        if isinstance(self._given, Orders):  # which is told where to go on
            self._given.begun = min(self._given.begun, self._before)
        with suppress(TypeError):  # of a list, say, which is the same in every epoch
            LEFT[id(self._given)] = self._given

    def _draw(self, epochs: int) -> None:
        """Draws epochs; two alone if all their items are the same: then all epochs are alike."""
        before: list[int | None] = [None]
        for epoch in range(epochs):
            later = bool(epoch) or self._begun is None
            items = (None if epoch else self._begun) or self._begin()
            drawn = [hash_of(item) for item in itertools.islice(items, self._cut)]
            if later and self._own and len(drawn) < self._wanted:  # it was left in its middle
                rest = itertools.islice(self._begin(), self._wanted - len(drawn))
                drawn += map(hash_of, rest)
            if drawn == before and None not in drawn:
                return
            before = drawn

    def __iter__(self) -> Iterator[Any]:
        if not self._once and BEGUN.get(id(self._iterator)) is not self:
            self._begun = None  # another one has begun it anew since
        later = self._begun is None
        if later:
            self._start()
        elif self._rng is not None:
            self._rng.bit_generator.state = self._after
        items, self._begun, count = self._begun or (), None, 0
        for item in itertools.islice(items, self._cut):
            count += 1
            yield item
        if later and self._own and count < self._wanted:  # it was left in its middle
            for item in itertools.islice(self._begin(), self._wanted - count):
                count += 1
                yield item
        if count < self._wanted:
            wanted = "at least one" if self._limit is None else f"the {self._wanted}"
            raise ValueError(
                f"{self._name} ran out: this epoch got {count} batches of {wanted} it needs. Pass "
                f"a function that returns a new generator, which is called for each epoch, or a "
                f"smaller number of steps."
            )
        self.steps = count

    def _start(self, beside: Items | None = None) -> list[Any]:
        """Begins an epoch; returns a list of its first item, empty if there is none."""
        begun = self._begin(beside)
        first = list(itertools.islice(begun, 1))
        if not first and self._own:  # a loader that is at its end, and then begins anew
            begun = self._begin()
            first = list(itertools.islice(begun, 1))
        self._begun = None if self._shares else itertools.chain(first, begun)
        return first

    def _begin(self, beside: Items | None = None) -> Iterator[Any]:
        self._cut, self._wanted, self._own = self._limit, self._limit or 1, False
        self._shares = beside is not None and self._once and beside._source is self._source
        if self._once:
            return iter([beside.first]) if beside and self._shares else going_on(self._source)
        made = self._source() if callable(self._source) else self._source
        made = self._numbered(made)
        if not isinstance(made, Iterable) or (callable(self._source) and holds_samples(made)):
            raise TypeError(
                f"{self._name} must be a function that returns batches (x, y), such as one that "
                f"yields them, but it returned {show(made)}: of one batch return [(x, y)]."
            )
        if isinstance(made, Numbered):  # that ends by itself
            self._cut, self._wanted = None, 1
        elif self._limit is not None:
            known = n_items(made), n_items(self._source)
            self._wanted = min(n for n in (self._limit, *known) if n)
        self._own = isinstance(made, Iterator) and not drawn_once(made)  # it may begin anew
        self._shares = beside is not None and self._own and beside._iterator is made
        if beside and self._shares:
            return iter([beside.first])
        self._iterator = begun_anew(made, self._name)
        BEGUN[id(self._iterator)] = self
        return going_on(self._iterator)

    def _numbered(self, source: Any, rng: np.random.Generator | None = None) -> Any:
        return Numbered(source, self._name, rng, self._limit) if by_number(source) else source


def going_on(iterator: Iterator[Any]) -> Iterator[Any]:
    """Its items; ``iter`` of what is returned, as by ``islice``, does not begin it anew."""
    return map(next, itertools.repeat(iterator))


def begun_anew(made: Iterable[Any], name: str) -> Iterator[Any]:
    """What ``iter`` gives.

    Raises:
        TypeError: The ``__iter__`` of its class returns nothing that has items.
    """
    try:
        return iter(made)
    except TypeError as error:
        if not str(error).startswith("iter() returned non-iterator"):  # it is of the user's code
            raise
        raise TypeError(
            f"{name} is a {type(made).__name__}, whose __iter__ must yield batches (x, y), or "
            f"return an object that has __next__, but {error}."
        ) from None


def drawn_once(source: Any) -> bool:
    """Whether ``iter`` goes on where it was, as that of a generator, a ``zip`` or a ``map`` does.

    A class with an ``__iter__`` of its own may begin anew there, as a list does.
    """
    begins: Any = getattr(type(source), "__iter__", None)
    return isinstance(source, Iterator) and (begins is Iterator.__iter__ or not isfunction(begins))


def hash_of(item: Any) -> int | None:
    """The hash of an item's bytes, by which it is compared; None of what cannot be pickled."""
    with suppress(Exception):  # of classes of all kinds
        return hash(pickle.dumps(item))
    return None


def makes_batches(x: Any, y: Any = None) -> bool:
    """Whether x makes batches by itself: a function, a generator, an iterable that is no array."""
    if y is not None or is_array(x) or isinstance(x, Mapping):
        return False
    if readable(x) and not isinstance(x, SEQUENCES):
        return False
    return callable(x) or isinstance(x, Iterable) or by_number(x)


def makes_inputs(x: Any) -> bool:
    """Whether x makes batches of inputs, or is a list of tuples that begin with them."""
    if not isinstance(x, SEQUENCES):
        return makes_batches(x)
    return isinstance(x, list | tuple | deque) and bool(x) and all(map(is_batch, x))
