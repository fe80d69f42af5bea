"""Optimizers: functions of two vectors, θ and its gradient g, with Keras's formulas.

Formulas are for each weight by itself; θ, g and the state vectors have the shape ``(size,)``. The
learning rate η is a number or a schedule, a function of the number of steps. Constructors raise
``ValueError`` or ``TypeError`` for a number out of its range or an unknown argument, and ``step``
``ValueError`` if the optimizer trains another model already.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.optimizers.adafactor import Adafactor as Adafactor
    from backprop.optimizers.adam import Adam as Adam
    from backprop.optimizers.adam import Adamax as Adamax
    from backprop.optimizers.adam import AdamW as AdamW
    from backprop.optimizers.adam import Nadam as Nadam
    from backprop.optimizers.adaptive import Adadelta as Adadelta
    from backprop.optimizers.adaptive import Adagrad as Adagrad
    from backprop.optimizers.adaptive import RMSprop as RMSprop
    from backprop.optimizers.base import Optimizer as Optimizer
    from backprop.optimizers.blocks import BLOCK as BLOCK
    from backprop.optimizers.by_parameter import ByParameter as ByParameter
    from backprop.optimizers.ftrl import Ftrl as Ftrl
    from backprop.optimizers.lamb import Lamb as Lamb
    from backprop.optimizers.lbfgs import LBFGS as LBFGS
    from backprop.optimizers.lion import Lion as Lion
    from backprop.optimizers.muon import Muon as Muon
    from backprop.optimizers.names import get as get
    from backprop.optimizers.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
    from backprop.optimizers.sgd import SGD as SGD
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        adafactor=["Adafactor"],
        adam=["Adam", "Adamax", "AdamW", "Nadam"],
        adaptive=["Adadelta", "Adagrad", "RMSprop"],
        base=["Optimizer"],
        blocks=["BLOCK"],
        by_parameter=["ByParameter"],
        ftrl=["Ftrl"],
        lamb=["Lamb"],
        lbfgs=["LBFGS"],
        lion=["Lion"],
        muon=["Muon"],
        names=["get"],
        schedule_free=["ScheduleFreeAdamW"],
        sgd=["SGD"],
    )
