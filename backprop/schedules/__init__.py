"""Learning rates that change with the number of steps taken, with Keras's names and formulas.

A schedule is a function η(s) of the number of steps taken so far: η(0) is the learning rate of the
first step. Any function of one's own will do as well: ``SGD(lambda step: 0.1 / (1 + step))``.
Times are counted in steps, which are batches, not epochs: an epoch has ⌈N / batch_size⌉ of them.
Constructors raise ``ValueError`` or ``TypeError`` for numbers that cannot be used.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.schedules.base import Schedule as Schedule
    from backprop.schedules.formulas import CosineDecay as CosineDecay
    from backprop.schedules.formulas import CosineDecayRestarts as CosineDecayRestarts
    from backprop.schedules.formulas import ExponentialDecay as ExponentialDecay
    from backprop.schedules.formulas import InverseTimeDecay as InverseTimeDecay
    from backprop.schedules.formulas import OneCycle as OneCycle
    from backprop.schedules.formulas import PiecewiseConstantDecay as PiecewiseConstantDecay
    from backprop.schedules.formulas import PolynomialDecay as PolynomialDecay
    from backprop.schedules.formulas import RateDecay as RateDecay
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        base=["Schedule"],
        formulas=[
            "CosineDecay",
            "CosineDecayRestarts",
            "ExponentialDecay",
            "InverseTimeDecay",
            "OneCycle",
            "PiecewiseConstantDecay",
            "PolynomialDecay",
            "RateDecay",
        ],
    )
