"""Optimizers: functions of two vectors, θ and its gradient g, with Keras's formulas."""

from backprop.optimizers.adafactor import Adafactor
from backprop.optimizers.adam import Adam, Adamax, AdamW, Nadam
from backprop.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from backprop.optimizers.base import Optimizer
from backprop.optimizers.blocks import BLOCK
from backprop.optimizers.by_parameter import ByParameter
from backprop.optimizers.ftrl import Ftrl
from backprop.optimizers.lamb import Lamb
from backprop.optimizers.lbfgs import LBFGS
from backprop.optimizers.muon import Muon
from backprop.optimizers.names import get
from backprop.optimizers.sgd import SGD, Lion

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
    "get",
]
