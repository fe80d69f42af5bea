"""Whether functions and classes of the user's own take the arguments that they are called with."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, cast

from backprop.core.descriptors import from_package
from backprop.core.errors import said
from backprop.core.lookup import is_function
from backprop.core.taken import check_names

F = TypeVar("F", bound=Callable[..., Any])

CALLED = {
    **dict.fromkeys(("nb_epoch", "epoch", "n_epochs", "max_iter"), "epochs"),
    "class_weights": "class_weight",
    "sample_weights": "sample_weight",
    **dict.fromkeys(("validation", "eval_set"), "validation_data, (x, y)"),
    "test_size": "test_fraction, a part of the samples",
    "random_state": "seed",
}
"""What arguments of other libraries are called in the verbs that have them."""

INSTEAD = {
    **dict.fromkeys(("cv", "n_splits", "k"), "cross_validate and search have folds=5"),
    **dict.fromkeys(("lr", "learning_rate"), "it is the optimizer's, compile(SGD(0.1), …)"),
    **dict.fromkeys(("loss_weights", "losses"), "a model has one loss"),
    "jit_compile": "steps are recorded and made again in any case",
    **dict.fromkeys(
        ("workers", "use_multiprocessing", "max_queue_size"),
        "batches come one after the other, in the program itself",
    ),
    "compile": "a model is loaded as it was saved; compile(…) changes the optimizer and the loss",
    "safe_mode": "nothing in a file is run",
    "index": "write model.layers[index]",
    "random_state": "Sequential, cross_validate and search have seed=0",
    "return_X_y": "all data sets are returned as (X, y), (X_test, y_test)",
    "stratify": "the parts have the classes of y as all samples do",
    **dict.fromkeys(
        ("overwrite", "save_format"), "there is one format, and a file that is there is replaced"
    ),
}
"""What to write for arguments of verbs in other libraries."""


def instead(name: str, names: Collection[str], otherwise: str) -> str:
    """What to write for an argument that a verb with arguments of these names does not take."""
    called = CALLED.get(name, "")
    if called.partition(",")[0] in names:
        return f"the name is {called}"
    return INSTEAD.get(name, otherwise)


def answered(method: F) -> F:
    """The function or method; arguments that it does not take are answered by what there is."""

    @functools.wraps(method)
    def called(*given: Any, **named: Any) -> Any:
        try:
            return method(*given, **named)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # which comes from inside
            wrong = misuse(method, given, named)
        raise TypeError(wrong)

    return cast(F, called)


def misuse(method: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> str:
    """What is wrong about the arguments of a function or method that does not take them."""
    parameters = inspect.signature(method).parameters.values()
    others = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]  # which are checked elsewhere
    names = [p.name for p in parameters if p.name not in others]
    by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    own = int(names[:1] == ["self"])  # Python passes it, the user does not
    verb = method.__name__
    if verb == "__init__":
        verb = method.__qualname__.split(".")[-2]  # of the class that is called
    written = names[own:] + [f"**{name}" for name in others]
    listed = f"its arguments are {', '.join(written)}" if written else "it takes none"
    for name in named:
        if name not in names and not others:
            return f"{verb} has no argument {name}: {instead(name, names, listed)}."
        if name in names[: len(given)] and name not in by_name:
            return f"{verb} is given {name} twice; {listed}."
    if len(given) > len(names):
        return f"{verb} is given {len(given) - own} arguments; {listed}."
    if len(given) > len(names) - len(by_name):
        return f"{verb} takes {', '.join(by_name)} by name alone, as in {by_name[0]}=…; {listed}."
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    missing = [p.name for p in needed[len(given) :] if p.name not in (*named, *others)]
    return f"{verb} lacks {' and '.join(missing)}; {listed}."


def check_function(given: Any, written: str, name: str, *others: str) -> None:
    """Checks that a function can be called with these arguments.

    Args:
        given: What should be a function.
        written: Its arguments as they are written: ``"y_true, y_pred"``; empty for none.
        name: What error messages call it.
        *others: Other arguments that it may have in their place.

    Raises:
        TypeError: It is no function, or one of other arguments.
    """
    if not is_function(given):
        raise no_function(given, written, name)
    found = [misfit(given, count(each)) for each in (written, *others)]
    if all(each is not None for each in found):
        ways = " or of ".join(f"({each})" for each in (written, *others))
        raise TypeError(f"{name} must be a function of {ways}, but it takes {found[0]}.")
    check_order(given, written, name)


def no_function(given: Any, written: str, name: str) -> TypeError:
    """The error that this is no function of these arguments."""
    made = name == "build" and hasattr(given, "layers")
    advice = ": write a function that makes and returns it" if made else ""
    return TypeError(f"{name} must be a function of ({written}), but it is {said(given)}{advice}.")


def check_call_by_name(given: Any, names: Mapping[str, Any], name: str, *first: str) -> None:
    """Checks that a function can be called with arguments of these names.

    Args:
        given: What should be a function.
        names: The arguments that are given by name.
        name: What error messages call it.
        *first: The names of those before them that are given by position.

    Raises:
        TypeError: It is no function, or one of other arguments.
    """
    written = ", ".join([*first, *(f"{each}=…" for each in names)])
    if not is_function(given):
        raise no_function(given, written, name)
    signature = signature_of(given)
    if signature is None:
        return
    try:
        signature.bind(*first, **names)
    except TypeError:
        others = [each for each in names if each not in signature.parameters and name == "fit"]
        advice = [(each, instead(each, signature.parameters, "")) for each in others]
        told = [f"{each}: {what}" for each, what in advice if what]
        takes = told[0] if told else f"but it takes {signature}"
        raise TypeError(f"{name} is called as {name}({written}), {takes}.") from None


def check_methods(
    made: Any, methods: Mapping[str, str], attribute: str = "", keeps: bool = False
) -> None:
    """Checks how the methods of an object take their arguments, unless its class is ours.

    Args:
        made: The object.
        methods: The arguments of each method, as they are written: ``{"forward": "X, training"}``.
        attribute: One that the base class's constructor sets, if it sets any.
        keeps: Whether the base class keeps something in attributes (see ``core.taken``).

    Raises:
        TypeError: A method takes others, or the base class's constructor has not been called; or
            the class has something else under a name that its base class needs.
    """
    kind = type(made)
    if from_package(kind):
        return
    if attribute and attribute not in vars(made):
        raise TypeError(
            f"{kind.__name__}.__init__ must call super().__init__() in its first line: what that "
            f"sets is missing."
        )
    if keeps:
        check_names(made)
    for name, written in methods.items():
        method, n = getattr(made, name), count(written)
        if not callable(method):
            raise TypeError(f"{kind.__name__}.{name} must be a method, but it is {said(method)}.")
        signature = misfit(method, n)
        if signature is not None:
            self_and = ", ".join(["self", *([written] if written else [])])
            raise TypeError(
                f"{kind.__name__}.{name} takes {signature}, but is called with {n} "
                f"argument{'s' * (n != 1)}: write def {name}({self_and})."
            )
        check_order(method, written, f"{kind.__name__}.{name}")


def check_order(function: Any, written: str, name: str) -> None:
    """Checks that predictions and targets do not have each other's names in a function.

    Raises:
        TypeError: They have, so that its formula would be that of the two exchanged.
    """
    signature = signature_of(function)
    names = [] if signature is None else list(signature.parameters)[:2]
    sides = [side(each) for each in names]
    if sides in (["P", "Y"], ["Y", "P"]) and sides[::-1] == [*map(side, written.split(", ")[:2])]:
        raise TypeError(
            f"{name} is called with ({written}), but its arguments are ({', '.join(names)}), the "
            f"other way round: exchange them."
        )


def side(name: str) -> str:
    """Whether an argument is called as predictions are (P), or as targets (Y)."""
    return "P" if "pred" in name else "Y" if "true" in name or "target" in name else ""


def count(written: str) -> int:
    """The number of arguments."""
    return written.count(",") + 1 if written else 0


def misfit(function: Any, n: int) -> inspect.Signature | None:
    """The signature of a function that cannot be called with n arguments; None if it can."""
    signature = signature_of(function)
    try:
        if signature is not None:
            signature.bind(*[None] * n)
    except TypeError:
        return signature
    return None


def signature_of(function: Any) -> inspect.Signature | None:
    """The arguments of a function without their types; None if it does not tell, as some in C."""
    try:
        found = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    names = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return found.replace(parameters=names, return_annotation=found.empty)
