"""Finds objects by name (``loss="mse"``, ``optimizer="sgd"``), and shows them as calls."""

import functools
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import CO_VARARGS, CO_VARKEYWORDS, Parameter
from typing import Any, TypeGuard, TypeVar

from numpy import generic

from backprop.core.errors import as_layers, said, without_addresses

T = TypeVar("T")


def resolve(
    given: str | T,
    base: type[T],
    names: Mapping[str, Callable[[], T]],
    what: str,
    own: str = "",
    others: Mapping[str, str] | None = None,
) -> T:
    """The object that ``given`` names, or ``given`` itself.

    Args:
        given: A key of ``names`` or ``others``, or an instance of ``base``.
        base: The class of the family.
        names: What each name makes.
        what: The argument's name, for the error message.
        own: What a class of one's own must define, for the error about a function.
        others: Further strings, and the names that they stand for.

    Raises:
        ValueError: No member of the family has that name.
        TypeError: It is neither a name nor an instance.
    """
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        name = (others or {}).get(given, given)
        if name not in names:
            raise ValueError(f"{what} {given!r} is not known: the names are {', '.join(names)}.")
        return names[name]()
    hint = " (an instance: add the parentheses)" if inspect.isclass(given) else ""
    advice = "."
    if is_function(given) and not inspect.isclass(given) and own:
        advice = f": derive a class from {base.__name__} that defines {own}."
    alike = (others or {}).get(type(given).__name__)
    if alike:
        advice = f", which is none: the {what} of its name is {alike!r}."
    if isinstance(given, list | tuple | Mapping) and what in ("loss", "optimizer"):
        advice = ": a model has one."
    raise TypeError(
        f"{what} must be a name or an object of backprop's class {base.__name__}{hint}, "
        f"but it is {said(given)}{advice}"
    )


def is_function(given: object) -> TypeGuard[Callable[..., Any]]:
    """Whether it is meant to be called: layers and models can be, but have verbs for that."""
    return callable(given) and not hasattr(given, "backward")


def default_name(made: object) -> str:
    """The class's name in snake case: ``dense``, ``rms_normalization``, ``conv2d_transpose``."""
    start = r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z]{2})"  # of a word inside it
    return re.sub(start, "_", type(made).__name__).lower()


NOT_TAKEN = {
    "activity_regularizer": "it is a layer of its own: {call}, ActivityRegularization(l1=0.01)",
    "data_format": "images have their channels last, (N, H, W, C)",
    "fill_mode": "what moves in from outside is 0",
    "interpolation": "the nearest pixel is taken",
    "reduction": "a loss is the mean over the samples",
    "lr": "the name is learning_rate, and optimizers have it",
    "learning_rate": "optimizers have it, one for all layers",
    "weight_decay": "optimizers have it; that of one layer is kernel_regularizer=L2(…)",
    "dtype": "all of a model has one, Sequential(…, dtype=…)",
    "trainable": "it is an attribute of layers, .trainable = False",
    "weights": "call set_weights of the model",
    "training": "only the passes of fit and train_on_batch are those of training",
    "track_running_stats": "of a layer with .trainable = False the averages stay, and are used",
    "inplace": "memory is used again in any case",
    "stateful": "every sequence begins with a state of 0",
    "return_state": "it would be a second output; return_sequences=True gives all states h",
    "axis": "classes and features are the last axis",
    "use_gate": "a layer behind it, GLU, gates its outputs",
    "attention_axes": "samples are sequences (T, C): Reshape or TimeDistributed comes first",
    "summation_method": "the curve is exact, and needs none",
    "from_sorted_ids": "predictions are in the order of the classes",
    **dict.fromkeys(
        ("renorm", "renorm_clipping", "renorm_momentum"),
        "for small batches take GroupNormalization or LayerNormalization, which need no batch",
    ),
    **dict.fromkeys(
        ("sparse_y_true", "sparse_y_pred"), "class indices and rows are told apart by their shape"
    ),
    "seed": "all of a model has one, Sequential(…, seed=…)",
    "class_weight": "it is an argument of fit",
    "pos_weight": "fit takes class_weight={{1: …}} for one output, and for several "
    "sample_weight=np.where(y, …, 1)",
    **dict.fromkeys(
        ("input_shape", "input_dim", "batch_input_shape", "input_length"),
        "a model finds the shape of its inputs in the first data, or begins with "
        "an Input such as Input((784,))",
    ),
}
"""What to say of arguments that other libraries have, by name; ``{call}`` is the call without."""


def instead_of(kind: Any, name: str, value: object, call: str) -> str:
    """What to write in the place of an argument that other libraries have; nothing if none has.

    Args:
        kind: The class. Its ``not_taken``, if it has one, goes before ``NOT_TAKEN``.
        name: The argument.
        value: What was given for it.
        call: The call without it.
    """
    own: Mapping[str, str] = getattr(kind, "not_taken", {})
    if name == "activation" and name not in own:
        return as_layers(call if kind.__name__ != "Activation" else "", value)
    return own.get(name, NOT_TAKEN.get(name, "")).format(call=call)


def check_call(kind: Any, given: Sequence[object], named: Mapping[str, object]) -> None:
    """Checks that the constructor of a class takes these arguments, and has all that it needs.

    A call without any is not looked at, as objects are copied by such a one: there Python does.

    Args:
        kind: The class.
        given: The arguments by position.
        named: The others.

    Raises:
        TypeError: One of them is unknown or missing, or there are too many.
    """
    names, positions, needed = names_taken(kind)
    if len(given) > 1 and getattr(kind, "loose", None):
        check_brackets(kind, given, names)
    passed = {*named, *names[: len(given)]}
    missing = [name for name in needed if name not in passed] if passed else []
    twice = [name for name in names[: len(given)] if name in named]
    known = len(given) <= positions and all(name in names for name in named)
    if known and not missing and not twice:
        return  # nothing is written out, which can take long
    call = f"{kind.__name__}({', '.join(map(said, given))})"
    listed = f"those of {kind.__name__} are {', '.join(names)}" if names else "there are none"
    if len(given) > positions:
        several = f"argument{'s' * (positions != 1)} without a name"
        raise TypeError(
            f"{call} has {len(given)} arguments without a name, but {kind.__name__} takes "
            f"{positions or 'no'} {several}; {listed}."
        )
    for name in twice:
        size = "a layer finds by itself how many features or channels come in; "
        raise TypeError(
            f"{call} cannot be made with {name}={said(named[name])}: {name} is "
            f"{said(given[names.index(name)])} already, by its place; "
            f"{size * hasattr(kind, 'output_shape')}{listed}."
        )
    for name, value in named.items():
        if name not in names:
            how = instead_of(kind, name, value, call) or f"there is no such argument; {listed}"
            raise TypeError(f"{call} cannot be made with {name}={said(value)}: {how}.")
    raise TypeError(f"{call} lacks {' and '.join(missing)}; {listed}.")


def check_brackets(kind: Any, given: Sequence[object], names: Sequence[str]) -> None:
    """Checks that layers or sizes that belong together came in brackets, not one by one.

    What to write is the ``loose`` of the class, ``{kind}([{shown}])``.

    Raises:
        TypeError: They did not.
    """
    layers = all(hasattr(each, "backward") for each in given)
    sizes = "name" in names[1:2] and all(isinstance(each, int | tuple) for each in given)
    if layers or sizes:
        shown = [f"{type(each).__name__}(…)" if layers else repr(each) for each in given]
        write = kind.loose.format(*shown, kind=kind.__name__, shown=", ".join(shown))
        raise TypeError(f"{kind.__name__}({', '.join(shown)}) cannot be made: write {write}.")


@functools.cache
def names_taken(kind: type) -> tuple[tuple[str, ...], float, list[str]]:
    """The arguments of a class's constructor, how many may be given by position, which must be.

    Those of the classes that it hands ``**others`` on to are among the first.
    """
    own = own_arguments(kind)
    listed = any(p.kind is p.VAR_POSITIONAL for p in parameters_of(kind))
    positions = math.inf if listed else sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in own)
    names = dict.fromkeys(p.name for _, given in constructors(kind) for p in given)
    return tuple(names), positions, [p.name for p in own if p.default is p.empty]


@functools.cache
def names_of_others(kind: type) -> Mapping[str, str]:
    """The arguments of the classes of a class's folder, each with the first that takes it."""
    folder = sys.modules[".".join(kind.__module__.split(".")[:2])]
    found: dict[str, str] = {}
    for each in (getattr(folder, name) for name in getattr(folder, "__all__", ())):
        if isinstance(each, type) and each is not kind:
            found = dict.fromkeys(names_taken(each)[0], each.__name__) | found
    return found


@functools.cache
def parameters_of(kind: type) -> tuple[Parameter, ...]:
    """The parameters of a class's constructor: asked for once, as Python takes a while to say."""
    return tuple(inspect.signature(kind).parameters.values())


@functools.cache
def constructors(kind: Any) -> list[tuple[type, list[Parameter]]]:
    """A class and those that it hands ``**others`` on to, with the arguments that have names."""
    found = []
    for each in kind.__mro__:
        given = parameters_of(each)
        found.append((each, [p for p in given if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]))
        if not any(p.kind is p.VAR_KEYWORD for p in given):
            break
    return found


def own_arguments(kind: type) -> list[Parameter]:
    """The arguments of a class's constructor that have names, none of those it hands on."""
    return constructors(kind)[0][1]


def show_call(made: object) -> str:
    """The call that makes such an object, from its attributes: ``SGD(learning_rate=0.1, …)``."""
    names = inspect.signature(type(made)).parameters
    arguments = ", ".join(
        f"{name}={getattr(made, name)!r}" for name in names if hasattr(made, name)
    )
    return without_addresses(f"{type(made).__name__}({arguments})")


def arguments_of(made: object) -> list[str]:
    """The names of the arguments of an object's constructor.

    If it hands ``**others`` on to the classes that it is derived from, those of their arguments
    belong to them that have another value than they have by default.
    """
    names: list[str] = []
    own: Any = type(made)
    for kind, given in constructors(own):
        names += [
            p.name
            for p in given
            if p.name not in names
            and (kind is own or getattr(made, p.name, p.default) != p.default)
        ]
    return names


def other_arguments(
    kind: Any, given: Sequence[object], named: Mapping[str, object]
) -> tuple[list[Any], dict[str, Any]] | None:
    """What of a call a constructor takes as ``*args`` and ``**others``; None if it has neither.

    Where files are to have it, nobody else may know it. In the place of what is no number, text or
    list of such stands ``...``.
    """
    code = getattr(kind.__init__, "__code__", None)
    if code is None or not code.co_flags & (CO_VARARGS | CO_VARKEYWORDS):
        return None
    own = own_arguments(kind)
    n = sum(p.kind is not p.KEYWORD_ONLY for p in own)
    names = {p.name for p in own}
    others = {name: value for name, value in named.items() if name not in names}
    return [*map(if_plain, given[n:])], {name: if_plain(each) for name, each in others.items()}


def if_plain(value: Any) -> Any:
    """A copy of a number, a text, None, or a list or tuple of such; of anything else ``...``."""
    if isinstance(value, list | tuple):
        found = type(value) in (list, tuple) and [if_plain(each) for each in value]
        return ... if found is False or ... in found else type(value)(found)
    return value if value is None or isinstance(value, bool | int | float | str | generic) else ...


def takes(kind: type, name: str) -> bool:
    """Whether the constructor of a class has an argument of that name."""
    return name in names_taken(kind)[0]


def in_place_of_a_layer(given: object) -> str:
    """What to write where something else stands among the layers of a model."""
    if isinstance(given, type):
        return "pass an instance: add the parentheses"
    if isinstance(given, str):
        return "layers are objects such as Dense(8) and ReLU()"
    if hasattr(given, "layers"):
        return "pass a list of layers in its place; those of a trained one by layer.copy()"
    if is_function(given):
        return "Lambda makes a layer of a function and its derivative"
    return "layers come from bp.layers; losses, optimizers and metrics go into compile"
