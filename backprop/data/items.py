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

from backprop.core.readable import SEQUENCES, readable
from backprop.core.signatures import check_function
from backprop.core.types import Shape
from backprop.data.numbered import Numbered, by_number, has, n_items
from backprop.datasets.orders import Orders

LEFT: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Sources that a training in this process has drawn from until it was cut off, by their id."""

BEGUN: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Who has begun an iterator last, by its id: training and validation may have the same one."""


class Items:
    """What a source gives in an epoch, item by item; iterate once for each epoch.

    A function is called for each epoch, an iterable is begun anew, and a generator goes on where
    it was, as ``zip`` and ``map`` do: it needs ``steps``, or it lasts for one epoch only. Of a data
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
    ) -> None:
        self._name, self._limit, self._given = name, steps, source
        self._stays = LEFT.get(id(source)) is source  # where it is, as it was not made anew
        self._source = source = self._numbered(source, rng)
        self._once = drawn_once(source)
        if callable(source):
            check_function(source, "", name)
        before: Any = None if rng is None else rng.bit_generator.state
        self._before = source.begun if isinstance(source, Orders) else 0
        begun = self._begin()
        first = list(itertools.islice(begun, 1))
        if not first:
            advice = ", or used up: pass a function that returns a new generator"
            used = advice if isinstance(source, Iterator) else ""
            raise ValueError(f"{name} makes no batches: it is empty{used}.")
        self.first = first[0]
        refuse_sample(self.first, source, name, sample_shape)
        self._begun: Iterator[Any] | None = itertools.chain(first, begun)
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
                for _ in itertools.islice(self._begun or (), epochs * self._limit):
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
            items: Iterable[Any] = self._begin() if epoch else self._begun or ()
            drawn = [hash_of(item) for item in itertools.islice(items, self._cut)]
            if drawn == before and None not in drawn:
                return
            before = drawn

    def __iter__(self) -> Iterator[Any]:
        if not self._once and BEGUN.get(id(self._iterator)) is not self:
            self._begun = None  # another one has begun it anew since
        items = self._begun or self._begin()
        if self._begun is not None and self._rng is not None:
            self._rng.bit_generator.state = self._after
        self._begun = None
        count = 0
        for item in itertools.islice(items, self._cut):
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

    def _begin(self) -> Iterator[Any]:
        self._cut, self._wanted = self._limit, self._limit or 1
        if self._once:
            return going_on(self._source)
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
        self._iterator = iter(made)
        BEGUN[id(self._iterator)] = self
        return going_on(self._iterator)

    def _numbered(self, source: Any, rng: np.random.Generator | None = None) -> Any:
        return Numbered(source, self._name, rng, self._limit) if by_number(source) else source


def going_on(iterator: Iterator[Any]) -> Iterator[Any]:
    """Its items; ``iter`` of what is returned, as by ``islice``, does not begin it anew."""
    return map(next, itertools.repeat(iterator))


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
    if y is not None or hasattr(x, "shape") or isinstance(x, Mapping):
        return False
    if readable(x) and not isinstance(x, SEQUENCES):
        return False
    return callable(x) or isinstance(x, Iterable) or by_number(x)


def makes_inputs(x: Any) -> bool:
    """Whether x makes batches of inputs, or is a list of tuples that begin with them."""
    if not isinstance(x, SEQUENCES):
        return makes_batches(x)
    return isinstance(x, list | tuple | deque) and bool(x) and all(map(is_batch, x))


def is_batch(item: Any) -> bool:
    """Whether it is a tuple that begins with several samples, or a list of such arrays.

    A list of arrays of one shape may be a sample itself.
    """
    if not isinstance(item, list | tuple) or not item or axes(item[0]) < 2:
        return False
    shapes = {shape_of(part) for part in item}
    return isinstance(item, tuple) or (None not in shapes and len(shapes) > 1)


def shape_of(x: Any) -> tuple[int, ...] | None:
    """The shape of an array; None of what has none, a class or a module for example."""
    shape = getattr(x, "shape", None)
    return tuple(shape) if isinstance(shape, tuple | list) else None


def inputs_of(item: Any) -> Any:
    """The inputs of a batch that is inputs alone, or a tuple that begins with them."""
    if isinstance(item, tuple) and item:
        return item[0]
    if isinstance(item, list) and item and axes(item[0]) > 1:  # a list [X, y], as of PyTorch
        return item[0]
    return item


def axes(x: Any) -> int:
    """The number of axes of an array or a number; 2 where it may be more than one."""
    shape = shape_of(x)
    if shape is not None:
        dtype = str(getattr(x, "dtype", ""))
        of_vectors = dtype.startswith(("object", "List", "Array", "list", "[", "("))
        return max(len(shape), 2) if of_vectors else len(shape)
    if isinstance(x, list | tuple):
        return 1 + axes(x[0]) if x else 1
    return 2 if hasattr(x, "__len__") and not isinstance(x, str) else 0


def length(x: Any) -> int:
    """The length of the first axis."""
    return len(x) if (shape := shape_of(x)) is None else shape[0]


def refuse_sample(item: Any, source: Any, name: str, sample_shape: Shape | None) -> None:
    """Checks that the first item of a source is no single sample.

    Raises:
        TypeError: It is one: the inputs have no batch axis, or the target has none, or another one.
            Or an item of a data set is a batch of several inputs or outputs.
    """
    numbered = isinstance(source, Numbered)
    source = source.source if numbered else source
    pair = isinstance(item, tuple) or (
        isinstance(item, list) and item and hasattr(item[0], "shape")
    )
    parts = list(item) if pair else [item]
    if not 0 < len(parts) < 4 or not (pair or numbered):
        return
    if isinstance(item, Mapping):
        raise TypeError(
            f"{name} is a {type(source).__name__} whose items are of the type "
            f"{type(item).__name__}, but batches are needed: tuples (x, y) of arrays with samples "
            f"in rows."
        )
    if any(isinstance(part, Mapping) or hasattr(part, "collect") for part in parts):
        return  # as no array is made of them
    for k, what in enumerate(("inputs", "outputs") if numbered and parts[1:] else ()):
        if several(parts[k], parts[1 - k]):
            raise TypeError(
                f"{name} is a {type(source).__name__} whose batches hold several {what} each, "
                f"but a model has one: join them, as by np.concatenate(…, axis=-1); the layers "
                f"Columns and Parallel take inputs apart."
            )
    one = axes(parts[0]) < 2
    if not one and len(parts) > 1 and parts[1] is not None:
        one = axes(parts[1]) == 0 or (numbered and length(parts[0]) != length(parts[1]))
    if not one and sample_shape is not None:
        one = shape_of(parts[0]) == sample_shape
    if one:
        shown = ", ".join(show(part) for part in parts)
        raise TypeError(
            f"{name} is a {type(source).__name__} whose items are single samples, the first being "
            f"({shown}), but batches are needed: pass all samples as arrays, or what makes batches "
            f"of them, such as PyTorch's DataLoader."
        )


def several(part: Any, other: Any) -> bool:
    """Whether a part of a batch is a list of arrays, each with as many rows as the other part.

    If there are as many arrays as rows, each is a row.
    """
    if isinstance(other, list | tuple) and other:
        other = other[0]
    rows = (shape_of(other) or ())[:1]
    if not rows or not isinstance(part, list | tuple) or len(part) in (0, *rows):
        return False
    return all((shape_of(each) or ())[:1] == rows for each in part)


def holds_samples(made: Any) -> bool:
    """Whether it is an array, or x and y, in the place of batches."""
    if not isinstance(made, list | tuple):
        return shape_of(made) is not None
    shapes = [shape_of(part) for part in made[:3]]
    return None not in shapes and len({len(shape or ()) for shape in shapes}) > 1


def show(part: Any) -> str:
    """A part of an item for an error message, by its shape or its type."""
    if isinstance(part, list | tuple) and part and shape_of(part[0]) is not None:
        return f"a {type(part).__name__} of {', '.join(map(show, part[:3]))}"
    shape, kind = shape_of(part), type(part).__name__
    return kind if shape is None else f"{kind} of shape {shape}"
