"""Optimizers by Keras's strings."""

from collections.abc import Callable

from backprop.core.lazy import makers
from backprop.core.lookup import resolve
from backprop.core.signatures import check_methods
from backprop.optimizers.base import Optimizer

_CLASSES = (
    *("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Nadam", "Adamax", "Lion", "Ftrl"),
    *("Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW", "LBFGS"),
)
_BY_NAME: dict[str, Callable[[], Optimizer]] = makers(
    "backprop.optimizers", {kind.lower(): kind for kind in _CLASSES}
)


def get(optimizer: str | Optimizer) -> Optimizer:
    """The optimizer of that name, in capitals or not, or the object itself.

    Raises:
        ValueError: No optimizer has that name.
        TypeError: It is neither a name nor an optimizer, or one that holds another.

    Example:
        >>> bp.optimizers.get("adam").learning_rate
        0.001
    """
    if isinstance(optimizer, str) and optimizer.lower() in _BY_NAME:
        optimizer = optimizer.lower()
    own = "update(theta, g, scratch, *state)"
    found = resolve(optimizer, Optimizer, _BY_NAME, "optimizer", own)
    if isinstance(found.slots, str):
        raise TypeError(
            f"slots of {type(found).__name__} must be a tuple of names, but it is "
            f"{found.slots!r}: write slots = ({found.slots!r},), with a comma."
        )
    for slot in ("average", "gradient_accumulator"):
        if slot in found.slots:
            raise ValueError(
                f"slots of {type(found).__name__} hold {slot!r}, which an Optimizer keeps vectors "
                f"of its own under: take another name."
            )
    methods = {"minimize": "loss_and_gradient, theta, after_iteration, iterations"}
    if not found.full_batch:
        update = ", ".join(["theta, g, scratch", *found.used_slots()])
        methods = {"coefficients": "t, eta", "update": update, "step": "parameters"}
    check_methods(found, methods, "_keep", keeps=True)
    for name, held in vars(found).items():
        inside = [*held.values()] if isinstance(held, dict) else held
        for each in inside if isinstance(inside, list | tuple) else [held]:
            if isinstance(each, Optimizer):
                raise holder(found, name, each)
    return found


def holder(outer: Optimizer, name: str, inner: Optimizer) -> TypeError:
    """The error that an optimizer holds another, of which callbacks, reset and files know not."""
    kind, base = type(outer).__name__, type(inner).__name__
    return TypeError(
        f"{kind} holds another optimizer, {base}, in {name}, whose learning rate, state and steps "
        f"a model would not follow: derive it, class {kind}({base}), and let its step or update "
        f"call super()."
    )
