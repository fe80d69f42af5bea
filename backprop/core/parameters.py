"""All of a model's parameters as one vector θ, all of their gradients as one vector g."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.core.buffers import filled_array
from backprop.core.parameter_access import (
    CheckedParameter,
    NamedParameters,
    check_statistic,
    fitting,
)
from backprop.core.types import Array


class Parameter(CheckedParameter):
    """One named array of weights and the gradient of the loss by it.

    In a model ``value`` and ``gradient`` are views of θ and g: write into them and the model
    changes.

    Attributes:
        name: ``"W"`` in a layer by itself, ``"dense_1.W"`` in a model.
        value: The weights.
        gradient: ∂E/∂value of the last backward pass, of the same shape.
        trainable: Whether optimizers may change it.
        decays: Whether weight decay applies to it; biases are left out of it.
        learned: Whether it is learnt by gradients at all; a moving average is not.
        looked_up: Whether its rows are looked up by numbers, as those of an embedding are.
        regularizer: Its penalty in the loss, if any.
        constraint: The condition that is restored after every step, if any.
    """

    __slots__ = (
        "_constraint",
        "_free",
        "_gradient",
        "_joined",
        "_made",
        "_regularizer",
        "_told",
        "_value",
        "decays",
        "learned",
        "looked_up",
        "name",
        "trainable",
    )

    def __init__(
        self,
        name: str,
        value: Array,
        *,
        trainable: bool = True,
        decays: bool = True,
        learned: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self._joined = self._made = False  # first, as the others ask for it
        self.name = name
        self._value = value
        self._gradient = np.zeros_like(value)
        self.learned = learned
        self.trainable = trainable
        self.decays = decays
        self.looked_up = False
        self._regularizer, self._constraint = regularizer, constraint
        self._told: frozenset[str] = frozenset()  # which flags were set since

    @property
    def value(self) -> Array:
        """The weights; assigning writes into the array that is there."""
        return self._value

    @value.setter
    def value(self, given: Array) -> None:
        array = fitting(given, self._value, f"the value of {self.name}")
        if not self.learned:
            check_statistic(array, self.name)
        self._value[...] = array

    @property
    def gradient(self) -> Array:
        """∂E/∂value; assigning writes into the array that is there."""
        return self._gradient

    @gradient.setter
    def gradient(self, given: Array) -> None:
        self._gradient[...] = fitting(given, self._gradient, f"the gradient of {self.name}")

    def move(self, value: Array, gradient: Array) -> None:
        """Copies its numbers into these arrays, and uses them from now on."""
        value[...], gradient[...] = self._value, self._gradient
        self._value, self._gradient, self._joined = value, gradient, True

    @property
    def joined(self) -> bool:
        """Whether its arrays are views of a model's θ and g."""
        return self._joined


class Parameters(NamedParameters[Parameter]):
    """θ and g: every parameter of a model, joined into two contiguous vectors.

    Joining moves each parameter's numbers into θ and leaves views of θ and g in their place, so
    what an optimizer does to ``values`` is what the layers see in ``W`` and ``b``.

    Args:
        parameters: The parameters in the order of the layers; their names must differ.
        dtype: The dtype of both vectors.

    Attributes:
        constrained: The parameters with a condition that optimizers restore after every step.
        largest: The number of weights in the largest of them.
    """

    def __init__(self, parameters: Sequence[Parameter], dtype: np.dtype[Any]) -> None:
        self._parameters = list(parameters)
        self._join(dtype)

    def _join(self, dtype: np.dtype[Any]) -> None:
        sizes = [p.value.size for p in self._parameters]
        size = sum(sizes)
        constrained = [p for p in self._parameters if p.constraint is not None]
        vars(self).update(constrained=constrained, largest=max(sizes, default=0))
        self._values = filled_array((size,), 0, dtype)
        self._gradients = filled_array((size,), 0, dtype)
        self._bounds: list[tuple[int, int]] = []
        start = 0
        for p in self._parameters:
            stop = start + p.value.size
            shape = p.value.shape
            p.move(
                self.values[start:stop].reshape(shape), self.gradients[start:stop].reshape(shape)
            )
            self._bounds.append((start, stop))
            start = stop
        self._stretches: tuple[list[bool], list[slice]] | None = None

    @property
    def values(self) -> Array:
        """θ, shape ``(size,)``; assigning writes into the vector that the layers have views of."""
        return self._values

    @values.setter
    def values(self, given: Array) -> None:
        self._values[...] = fitting(given, self._values, "θ")

    @property
    def gradients(self) -> Array:
        """g = ∂E/∂θ, shape ``(size,)``; assigning writes into the vector, as for θ."""
        return self._gradients

    @gradients.setter
    def gradients(self, given: Array) -> None:
        self._gradients[...] = fitting(given, self._gradients, "g")

    def trainable_slices(self) -> list[slice]:
        """The stretches of θ that training may change, neighbours merged into one slice."""
        flags = [p.trainable for p in self._parameters]
        if self._stretches is None or self._stretches[0] != flags:
            slices: list[slice] = []
            for trainable, (start, stop) in zip(flags, self._bounds, strict=True):
                if trainable and slices and slices[-1].stop == start:
                    slices[-1] = slice(slices[-1].start, stop)
                elif trainable:
                    slices.append(slice(start, stop))
            self._stretches = flags, slices
        return self._stretches[1]
