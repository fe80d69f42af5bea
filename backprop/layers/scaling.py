"""Layers that bring inputs as they come to a scale that networks learn well from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from inspect import isroutine
from typing import Any

import numpy as np

from backprop.core.arrays import as_numbers
from backprop.core.checks import check_axis, check_flag, check_number, check_numbers
from backprop.core.errors import ShapeError, said
from backprop.core.frames import Labels, check_labels, labels_of
from backprop.core.functional import by_channel
from backprop.core.parameter_access import parameter_views
from backprop.core.ranges import finite_rows, warn_of_lost_variance
from backprop.core.readable import batches_in, is_array
from backprop.core.transfer import forget_kept
from backprop.core.types import Array, Shape, as_array, as_floats, computed
from backprop.layers.base import Layer

BLOCK = 1024  # samples of an array looked at together: no second array of its size is made


class Rescaling(Layer):
    """Y = scale · X + offset, ∂E/∂X = scale · δ: ``Rescaling(1 / 255)`` for images of 0 to 255.

    Args:
        scale: What the inputs are multiplied by.
        offset: What is added then.

    Example:
        >>> bp.layers.Rescaling(1 / 255).forward(np.array([[0.0, 51.0, 255.0]]))
        array([[0. , 0.2, 1. ]])
    """

    formulas = {"Y": "{self.line[0]} {x}{self.line[1]}", "dX": "{self.line[0]} {delta}"}
    adjustable = ("scale", "offset")
    any_length, takes_any_size = 2, True

    def __init__(self, scale: float, offset: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.scale = check_number(scale, "scale of Rescaling", -np.inf)
        self.offset = check_number(offset, "offset of Rescaling", -np.inf)
        self.Y: Any = None

    @property
    def line(self) -> tuple[str, str]:
        """How formulas write the factor, and what is added: ``("2", " − 1")``."""
        factor = f"{self.scale:.9g}".replace("-", "−")
        sign = " − " if self.offset < 0 else " + "
        return factor, f"{sign}{abs(self.offset):.9g}" if self.offset else ""

    def forward(self, X: Array, training: bool = False) -> Array:
        """Scale · X + offset."""
        X = as_floats(X)
        Y: Array = np.multiply(X, self.scale, out=self.room(X.shape, X.dtype, training))
        Y += self.offset
        if training:
            self.Y = Y
        return Y

    def backward(self, delta: Array) -> Array:
        """Scale · δ."""
        self.check_delta(delta, self.Y)
        dX = self.buffer("dX", delta.shape, self.Y.dtype)
        return np.multiply(delta, self.scale, out=dX)


class Normalization(Layer):
    """Gives every feature mean 0 and variance 1, by the mean and variance of the training inputs.

        Y = (X − μ) / σ,   ∂E/∂X = δ / σ        with σ = √variance, or 1 where that is 0

    With ``invert`` it goes the other way, Y = σ X + μ and ∂E/∂X = σ δ.

    μ and the variance are parameters that are not learnt; they are saved with the model. They are
    those that are given, or those of ``adapt(X)``, or else those of the inputs that the first
    ``fit`` trains on, without any that are held out. Until then Y = X. Padded steps that a mask
    hides do not count.

    Shapes: X and Y ``(N, …)``; μ and the variance have the sizes of ``axis``.

    Args:
        axis: The axis or axes (0 is the samples) along which each position has a mean and variance
            of its own; None takes one mean and variance of all numbers. −1 is every feature, or
            every channel of images.
        mean: μ, if it is known, with ``variance``.
        variance: The variance.
        invert: Whether it makes numbers of the inputs' scale out of normalised ones.

    Attributes:
        mean_: μ as it is used, a view of the model's θ.
        variance_: The variance as it is used, likewise.
        count_: How many numbers each is taken from; 0 where they were given.

    Example:
        >>> layer = bp.layers.Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 50.0]]))
        >>> bp.Sequential([bp.Input(2), layer]).predict([[2, 50]])
        array([[0., 1.]], dtype=float32)
    """

    takes_any_size = True
    formulas = {
        "Y": "({x} − {mean}) / √({variance} + [{variance} = 0])",
        "dX": "{delta} / √({variance} + [{variance} = 0])",
    }

    at_first = "mean", "variance"
    mean_, _ = parameter_views("mean")
    variance_, _ = parameter_views("variance")
    count_, _ = parameter_views("count")

    def __init__(
        self,
        axis: int | list[int] | tuple[int, ...] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = None if axis is None else check_axis(axis, "axis of Normalization")
        if (mean is None) != (variance is None):
            raise ValueError("Normalization takes mean=… and variance=… together, or neither.")
        self.mean = None if mean is None else check_numbers(mean, "mean of Normalization")
        what = "variance of Normalization"
        self.variance = None if variance is None else check_numbers(variance, what)
        if self.variance is not None and not (self.variance >= 0).all():
            raise ValueError(f"{what} must be 0 or more, but it is {said(variance)}.")
        self.invert = check_flag(invert, "invert")
        if self.invert:
            self.formulas = {
                "Y": "√({variance} + [{variance} = 0]) {x} + {mean}",
                "dX": "√({variance} + [{variance} = 0]) {delta}",
            }
        self.Y: Any = None
        self._factor: Any = None  # 1/σ, or σ

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes μ and the variance; a third number, the count, stands there as in Keras."""
        kept = tuple(n for n in self.broadcast_shape(input_shape) if n is not None)
        for name, initial in (("mean", "zeros"), ("variance", "ones")):
            self.add_parameter(name, kept, initial, decays=False, learned=False)
        self.add_parameter("count", (), "zeros", decays=False, learned=False)
        if self.mean is not None and self.variance is not None:
            self.write(self.mean, self.variance, 0)

    def broadcast_shape(self, sample: Shape) -> list[int | None]:
        """The size of each axis of a sample that has means of its own, None for the others.

        Raises:
            ValueError: ``axis`` names an axis that the samples do not have.
        """
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        n = len(sample) + 1
        axes = {a + n if a < 0 else a for a in given if a is not None}
        if any(not 1 <= a < n for a in axes):
            raise ValueError(
                f"{self} has axis={self.axis!r}, but samples of shape {tuple(sample)} have axes "
                f"from 1 to {n - 1}, or −1 to −{n - 1}: choose among these, or axis=None."
            )
        return [size if a in axes else None for a, size in enumerate(sample, 1)]

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same, if it has the axes."""
        self.broadcast_shape(input_shape)
        return tuple(input_shape)

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """(X − μ) / σ, or the other way σ X + μ."""
        X = self.check_input(X)
        shape = self.fitting(X.shape[1:])
        mean, variance = self.mean_.reshape(shape), self.variance_.reshape(shape)
        sigma = np.sqrt(variance) + (variance == 0)
        Y, factor = self.room(X.shape, X.dtype, training), sigma if self.invert else 1 / sigma
        if self.invert:
            by_channel(np.multiply, X, factor, Y)
            by_channel(np.add, Y, mean, Y)
        else:
            by_channel(np.subtract, X, mean, Y)
            by_channel(np.multiply, Y, factor, Y)
        if training:
            self.Y, self._factor = Y, factor
        return Y

    def backward(self, delta: Array) -> Array:
        """δ / σ, or σ δ."""
        self.check_delta(delta, self.Y)
        dX = self.buffer("dX", delta.shape, self.dtype)
        return by_channel(np.multiply, delta, self._factor, dX)

    def fitting(self, sample: Shape) -> Shape:
        """The shape in which μ broadcasts over samples.

        Raises:
            ShapeError: They have other sizes than the layer was built for.
        """
        sizes = self.broadcast_shape(sample)
        if tuple(n for n in sizes if n is not None) != self.mean_.shape:
            raise ShapeError(
                f"{self} was built for samples of shape {self.input_shape} but received samples of "
                f"shape {tuple(sample)}: pass samples of that shape."
            )
        shape = tuple(1 if n is None else n for n in sizes)
        while len(shape) > 1 and shape[0] == 1:  # a vector of the channels is quicker
            shape = shape[1:]
        return shape

    # ------------------------------------------------------------------- where μ and σ come from

    @computed
    def any_length(self) -> int:
        """2, unless steps have means of their own."""
        return 2 if self.takes_mask else 0

    @computed
    def takes_mask(self) -> bool:
        """Whether padded steps can be left out: not where steps have means of their own."""
        return self.axis in (-1, (-1,))

    @property
    def observes(self) -> bool:
        """Whether the first ``fit`` is to show it the inputs: nobody has given μ so far."""
        built = self.input_shape is not None
        known = built and ((self.mean_ != 0).any() or (self.variance_ != 1).any())
        return self.mean is None and not known

    def adapt(self, X: Any) -> None:
        """Takes the mean and variance of these inputs, as if they had been given.

        Args:
            X: An array ``(N, …)``, or batches ``x`` or ``(x, y)``, or what makes these for ``fit``.

        Raises:
            ValueError: There are no samples, or their shape is another one than the layer was built
                for, or they hold nan or infinite numbers, or frames differ in their columns.
        """
        forget_kept(self)
        X = X() if isroutine(X) else X
        columns = [labels_of(X)]
        mean, variance, count = self.moments(map(finite_rows, batches_of(X, columns)))
        if self.input_shape is not None and mean.shape != self.mean_.shape:
            raise ShapeError(
                f"{self} was built for samples of shape {self.input_shape}, but X has a mean of "
                f"shape {mean.shape} and not {self.mean_.shape}: pass samples of that shape."
            )
        vars(self).update(mean=mean, variance=variance, _adapted_to=columns[0])  # all together
        if self.input_shape is not None:
            self.write(mean, variance, count)

    def observe(self, batches: Iterable[Array]) -> None:
        """Takes the mean and variance of what reaches the layer in the first ``fit``."""
        self.write(*self.moments(batches_of(batches, [None])))

    def write(self, mean: Array, variance: Array, count: int) -> None:
        """Writes the parameters.

        Raises:
            ShapeError: They do not fit the samples that the layer was built for.
        """
        try:
            values = [np.broadcast_to(value, self.mean_.shape) for value in (mean, variance)]
        except ValueError:
            raise ShapeError(
                f"{self} has a mean of shape {mean.shape} and a variance of shape {variance.shape} "
                f"where samples of shape {self.input_shape} need {self.mean_.shape}: pass numbers "
                f"of that shape."
            ) from None
        warn_of_lost_variance(values[1], str(self), self.dtype)
        self.mean_, self.variance_ = values
        self.count_ = as_array(count)

    @np.errstate(over="ignore", invalid="ignore")
    def moments(self, batches: Iterable[Array]) -> tuple[Array, Array, int]:
        """μ, the variance, and the number of numbers that each is taken from, in float64.

        Batches are joined by the formula for the moments of a union. The first number of each
        feature is subtracted before, so that what never changes has the variance 0 exactly. Source:
        Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance".
        """
        n, mean = 0, as_array(0.0, np.float64)
        squares = first = mean
        for batch in filter(len, batches):
            kept = self.broadcast_shape(batch.shape[1:])
            over = (0, *(axis for axis, size in enumerate(kept, 1) if size is None))
            if n == 0:
                index = (0, *(0 if size is None else slice(size) for size in kept))
                first = as_array(batch[index], np.float64)
            elif tuple(size for size in kept if size is not None) != first.shape:
                raise ShapeError(
                    f"X makes batches whose samples differ in shape, {batch.shape[1:]} beside "
                    f"others: {self} needs as many features in all of them."
                )
            A = np.moveaxis(batch, over, range(len(over)))  # (the rest, …, features)
            A = A.reshape(-1, *first.shape) - first
            m, its_mean = len(A), A.mean(axis=0)
            its_squares = np.square(A - its_mean).sum(axis=0)
            step = its_mean - mean
            mean = mean + step * (m / (n + m))
            squares = squares + its_squares + np.square(step) * (n * m / (n + m))
            n += m
        if n == 0:
            raise ValueError(f"{self} cannot be adapted to no samples.")
        if not np.isfinite(squares).all():
            raise ValueError(f"{self}: the squares of X overflow: divide X by its largest number.")
        return as_array(mean + first), as_array(squares / n), n


def batches_of(X: Any, columns: list[Labels | None]) -> Iterator[Array]:
    """Parts of an array or frame, or each of an iterable; ``columns`` holds or gets its labels."""
    rows = isinstance(X, list | tuple | deque) and X and np.ndim(inputs_of(X[0])) < 2  # no batches
    whole = rows or isinstance(X, Mapping) or is_array(X) or hasattr(X, "__array__")
    if whole or (batches := batches_in(X)) is None:
        A = finite_rows(as_numbers(X, "X"))
        yield from (A[start : start + BLOCK] for start in range(0, len(A), BLOCK))
    else:
        for batch in map(inputs_of, batches):
            columns[0] = check_labels(batch, columns[0], "X", "the batches before have")
            yield as_numbers(batch, "X")


def inputs_of(batch: Any) -> Any:
    """The inputs of a batch that is ``(x, y)`` or ``(x, y, sample_weight)``, as ``fit`` takes."""
    several = isinstance(batch, list | tuple) and 0 < len(batch) < 4
    arrays = several and all(hasattr(part, "shape") for part in batch)  # lists are PyTorch's, too
    return batch[0] if arrays and len(batch[0].shape) > 1 else batch
