"""What surrounds θ and g: checks of what is assigned, lookup by name, printing and copying."""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from backprop.core.arrays import as_numbers
from backprop.core.assigned import is_fixed, refuse_deletion
from backprop.core.buffers import writable
from backprop.core.checks import check_flag, check_shown
from backprop.core.errors import NotBuiltError, ShapeError, said
from backprop.core.ranges import check_overflow
from backprop.core.types import Array, Shape

P = TypeVar("P", bound="CheckedParameter")


def fitting(given: Array, there: Array, what: str) -> Array:
    """What is assigned, if its numbers can take the place of those that are there.

    Raises:
        ShapeError: It has another shape; nothing is broadcast.
        TypeError: It holds no numbers.
        ValueError: Its numbers overflow.
    """
    array = as_numbers(given, what)
    if array.shape != there.shape:
        raise ShapeError(
            f"{what} has the shape {there.shape}, but the array assigned to it has the shape "
            f"{array.shape}."
        )
    check_overflow(array, f"{what} would hold", there.dtype)
    return array


LEAST = dict.fromkeys(("mean", "moving_mean"), -np.inf) | dict.fromkeys(
    ("variance", "moving_variance"), 0.0
)
"""What statistics are at least, by their names."""


def check_statistic(array: Array, name: str) -> None:
    """Checks numbers for a mean or a variance, which stay what they are assigned where none follow.

    Raises:
        ValueError: One is not finite, or a variance is negative.
    """
    least = LEAST.get(name.rpartition(".")[2])
    if least is None:
        return
    wrong = array[~(np.isfinite(array) & (array >= least))]
    if wrong.size:
        kind = "finite numbers of at least 0" if least == 0 else "finite numbers"
        raise ValueError(f"the value of {name} must be {kind}, but it holds {wrong.flat[0]}.")


def given_when_made(what: str, method: str) -> Any:
    """An attribute of a parameter that stays when its layer is built, as copies lack another."""

    def change(parameter: Any, given: Any) -> None:
        if parameter._made:
            raise AttributeError(
                f"another {what} of {parameter.name} would be lost in copies and have no effect in "
                f"a model: give it to the layer when you make it, or to add_parameter."
            )
        if given is not None and (isinstance(given, type) or not hasattr(given, method)):
            raise TypeError(
                f"{what} of {parameter.name} must be an object with a method {method}, or None, "
                f"but it is {said(given)}."
            )
        setattr(parameter, f"_{what}", given)

    return property(attrgetter(f"_{what}"), change)


CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "decays": check_flag,
    "learned": check_flag,
    "looked_up": check_flag,
    "name": check_shown,
    "trainable": check_flag,
}
"""What is assigned to the attributes of a parameter is checked; reading them takes no longer."""


FIXED = ("name", "learned", "looked_up")
"""What a built model goes by."""

FLAGS = ("trainable", "decays")
"""What users may set of each parameter."""


ELSEWHERE = {
    "grad": ".gradient",
    "requires_grad": ".trainable",
    **dict.fromkeys(("data", "numpy", "detach", "assign", "values"), ".value"),
    "gradients": ".gradient",
}
"""What there is for attributes of other libraries' parameters."""


def refuse_arithmetic(parameter: "CheckedParameter", *others: Any, **options: Any) -> NoReturn:
    """Says where the numbers are, for whoever computes with a parameter as if it were an array.

    Raises:
        TypeError: Always.
    """
    raise TypeError(
        f"{parameter.name} is a Parameter and no array: compute with its .value, and write its "
        f"gradient into .gradient[...]."
    )


class CheckedParameter:
    """The base of ``Parameter``: its attributes are checked when they are assigned."""

    __slots__ = ()

    __array__ = __array_ufunc__ = __array_function__ = refuse_arithmetic
    __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __pow__ = refuse_arithmetic
    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rpow__ = refuse_arithmetic
    __neg__ = __abs__ = __getitem__ = __setitem__ = __float__ = refuse_arithmetic

    __delattr__ = refuse_deletion

    name: str
    trainable: bool
    decays: bool
    value: Any
    _value: Array
    _gradient: Array
    _free: bool
    _told: frozenset[str]
    _joined: bool
    _made: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if self.gone:
            raise AttributeError(
                f"{self.name} is no longer in its model, whose parameters were made anew by reset: "
                f"take it from model.parameters[{self.name!r}]."
            )
        if name in FLAGS:
            object.__setattr__(self, "_told", getattr(self, "_told", frozenset()) | {name})
        check = CHECKS.get(name)
        value = check(value, name) if check else value
        if name == "trainable":  # optimizers never change what is not learnt
            value = value and self.learned
            object.__setattr__(self, "_free", value)
        elif name in FIXED and value != getattr(self, name, value):
            if self._joined or (name == "learned" and self._made):
                raise AttributeError(
                    f"{name} of {self.name} stays what it is, as models and files go by it: give "
                    f"it to add_parameter in make_parameters."
                )
            if name == "learned":
                object.__setattr__(self, "trainable", value and self._free)
        elif name in ELSEWHERE:
            self.__getattr__(name)
        elif not hasattr(there := getattr(type(self), name, None), "__set__") or is_fixed(there):
            raise AttributeError(
                f"{name} of {self.name} cannot be assigned: value, gradient, trainable and decays "
                f"can; the rest follows from the arguments of its layer."
            )
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> NoReturn:
        hint = f": write .value.{name}" if hasattr(np.ndarray, name) else ""
        hint = f": write {ELSEWHERE[name]}" if name in ELSEWHERE else hint
        raise AttributeError(f"a Parameter has no attribute {name!r}{hint}.")

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in {"_free": True, "_told": frozenset(), "_made": True, **state[1]}.items():
            object.__setattr__(self, name, writable(value))
        constraint = getattr(self, "_constraint", None)
        if constraint and constraint.of_package:  # its copy knows, too, for which weights it holds
            constraint.check(self.shape)

    regularizer = given_when_made("regularizer", "penalty")
    constraint = given_when_made("constraint", "project")

    def follow(self, former: "CheckedParameter") -> None:
        """Takes the place of a parameter: with the flags that were set of it, which it had not."""
        thawed = "trainable" in former._told and former.trainable  # in a layer that is frozen
        held = self._free and not self.trainable and not thawed
        for name in former._told:
            setattr(self, name, former._free if name == "trainable" else getattr(former, name))
        self.hold(held)
        object.__setattr__(former, "_joined", None)

    @property
    def gone(self) -> bool:
        """Whether another one has taken its place."""
        return getattr(self, "_joined", False) is None

    def hold(self, held: bool) -> None:
        """Takes note of whether its layer is frozen; what was frozen by itself stays so."""
        object.__setattr__(self, "trainable", self._free and not held)

    def exchange(self, change: Callable[[Any], Any]) -> None:
        """Replaces its arrays by other views of the same numbers."""
        self._value, self._gradient = change(self._value), change(self._gradient)

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return self._value.shape

    def __repr__(self) -> str:
        flags = ("" if self.trainable else ", trainable=False") + (
            "" if self.decays else ", decays=False"
        )
        return f"Parameter(name={self.name!r}, shape={self.shape}, dtype={self.value.dtype}{flags})"


class NamedParameters(Generic[P]):
    """The base of ``Parameters``: they are found by name, listed, printed and copied."""

    __delattr__ = refuse_deletion
    constrained: list[P]
    largest: int
    values: Any
    _join: Callable[[Any], None]
    _parameters: list[P]
    _bounds: list[tuple[int, int]]

    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] != "_" and name not in ("values", "gradients"):
            raise AttributeError(
                f"nobody reads {name!r} of a model's parameters: write .values, which is θ, or "
                f".gradients, which is g; .value, .gradient and .trainable are those of each "
                f"parameter, as in parameters['dense_1.W'].value."
            )
        object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[P]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __getitem__(self, name: str) -> P:
        """The parameter of that name, for example ``parameters["dense_1.W"]``.

        Raises:
            KeyError: There is none of that name.
        """
        for p in self._parameters:
            if p.name == name:
                return p
        names = ", ".join(p.name for p in self._parameters)
        raise KeyError(f"no parameter is called {said(name)}: there are {names}.")

    def __setitem__(self, name: str, given: Any) -> None:
        """Writes into the parameter of that name, as assigning to its ``value`` does."""
        self[name].value = given

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """An attribute, and no method."""
        raise TypeError(
            "parameters is an attribute and no method: write model.parameters, without (), as in "
            "optimizer.step(model.parameters)."
        )

    def places(self) -> Iterator[tuple[P, tuple[int, int]]]:
        """The parameters, and where in θ each begins and ends."""
        return zip(self._parameters, self._bounds, strict=True)

    def __repr__(self) -> str:
        rows = "".join(f"\n  {p!r}," for p in self._parameters)
        return f"Parameters(size={self.values.size}, dtype={self.values.dtype}, [{rows}\n])"

    # A copied or unpickled array is no longer a view: join the copies into vectors of their own.
    def __getstate__(self) -> dict[str, Any]:
        return {"parameters": self._parameters, "dtype": self.values.dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._parameters = state["parameters"]
        self._join(state["dtype"])


def parameter_views(name: str) -> tuple[Any, Any]:
    """Class attributes for a parameter and its gradient, W and dW for the name ``"W"``.

    Reading gives the views of θ and g. Assigning writes into them: the optimizer would not know of
    an array that took their place.
    """

    def parameter_of(layer: Any) -> Any:
        found = vars(layer).get(f"_{name}")
        if found is None and getattr(layer, "input_shape", None) is None:
            raise NotBuiltError(f"{layer} has no {name} to write into before it is built.")
        if found is None:
            raise AttributeError(f"{layer} has no {name} to write into: it was made without it.")
        return found

    def write_value(layer: Any, given: Any) -> None:
        parameter_of(layer).value = given

    def write_gradient(layer: Any, given: Any) -> None:
        parameter_of(layer).gradient = given

    value = property(attrgetter(f"_{name}._value"), write_value)
    gradient = property(attrgetter(f"_{name}._gradient"), write_gradient)
    return value, gradient
