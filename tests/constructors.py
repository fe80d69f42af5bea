"""The public classes of the package, and the arguments that they are made with."""

import inspect
import types
import typing

from layer_cases import PACKAGE

import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import Activation, Layer
from backprop.losses import CrossEntropy, Loss
from backprop.metrics import FunctionMetric, MeanMetric, Metric
from backprop.optimizers import Optimizer

BASES = {
    "layers": Layer,
    "losses": Loss,
    "optimizers": Optimizer,
    "metrics": Metric,
    "initializers": bp.initializers.Initializer,
    "regularizers": bp.regularizers.Regularizer,
    "constraints": bp.constraints.Constraint,
    "schedules": bp.schedules.Schedule,
    "callbacks": Callback,
}
"""The base class of each family."""

SAVED = [family for family in BASES if family != "callbacks"]
"""The families whose objects stand in model files."""

ABSTRACT = {
    *BASES.values(),
    *(Activation, bp.layers.Block, bp.layers.Lambda, CrossEntropy, bp.schedules.RateDecay),
    *(MeanMetric, FunctionMetric, bp.optimizers.ByParameter),
}
ARGUMENTS = {
    "initial_learning_rate": 0.1,
    "max_learning_rate": 0.1,
    "decay_steps": 10,
    "decay_rate": 0.5,
    "first_decay_steps": 10,
    "total_steps": 10,
    "boundaries": (3, 6),
    "values": (0.3, 0.2, 0.1),
    "filepath": "model.npz",
    "backup_dir": "backup",
    "filename": "log.csv",
    "schedule": lambda epoch: 0.1,
    "shape": 5,
    "recall": 0.7,
    "precision": 0.7,
    "specificity": 0.7,
    "sensitivity": 0.7,
    "num_classes": 3,
    "loss": bp.losses.Huber(),
    "target_class_ids": (0, 1),
}
"""Arguments without a default, by name; a class that takes another one needs a line here."""

FIRST_ROWS = {type(case.make()): case for case in reversed(PACKAGE)}
"""The first row of each layer in the layers' table."""


def public_classes(*families):
    """The classes by their names: ``layers.Dense``."""
    found = {}
    for family in families:
        module = getattr(bp, family)
        for name in getattr(module, "__all__", None) or dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, BASES[family]) and kind not in ABSTRACT:
                found[f"{family}.{name}"] = kind
    return found


def required(kind):
    """The arguments that have no default; those of a layer as in the layers' table."""
    names = [
        name
        for name, p in inspect.signature(kind).parameters.items()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    if issubclass(kind, Layer):
        made = FIRST_ROWS[kind].make()
        return {name: getattr(made, name) for name in names}
    for name in names:
        assert name in ARGUMENTS, f"{kind.__name__} needs {name}: add it to ARGUMENTS"
    return {name: ARGUMENTS[name] for name in names}


def numbers(kind):
    """The arguments that may be a number: whether they may be a fraction, and their default."""
    return {
        name: (float in kinds, default)
        for name, (kinds, default) in arguments(kind).items()
        if int in kinds or float in kinds
    }


def arguments(kind):
    """The types that an argument may have, and its default.

    Those that a class hands on to its base as ``**others`` belong to them.
    """
    found = {}
    for base in kind.__mro__:
        parameters = inspect.signature(base).parameters
        hints = typing.get_type_hints(base.__init__)
        for name, p in parameters.items():
            hint = hints.get(name)
            kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            found.setdefault(name, (kinds, p.default))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return found
