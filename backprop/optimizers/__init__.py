"""Optimizers: functions of two vectors, θ and its gradient g, with Keras's formulas.

Formulas are for each weight by itself; θ, g and the state vectors have the shape ``(size,)``. The
learning rate η is a number or a schedule, a function of the number of steps. Constructors raise
``ValueError`` or ``TypeError`` for a number out of its range or an unknown argument, and ``step``
``ValueError`` if the optimizer trains another model already.
"""

from backprop.optimizers.adafactor import Adafactor
from backprop.optimizers.adam import Adam, Adamax, AdamW, Nadam
from backprop.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from backprop.optimizers.base import Optimizer
from backprop.optimizers.blocks import BLOCK
from backprop.optimizers.by_parameter import ByParameter
from backprop.optimizers.ftrl import Ftrl
from backprop.optimizers.lamb import Lamb
from backprop.optimizers.lbfgs import LBFGS
from backprop.optimizers.lion import Lion
from backprop.optimizers.muon import Muon
from backprop.optimizers.names import get
from backprop.optimizers.schedule_free import ScheduleFreeAdamW
from backprop.optimizers.sgd import SGD

__all__ = [
    "BLOCK",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ByParameter",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "get",
]
