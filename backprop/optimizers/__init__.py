"""Optimizers: functions of two vectors, θ and its gradient g, with Keras's formulas."""

from backprop.optimizers.adam import Adam, Adamax, AdamW, Nadam
from backprop.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from backprop.optimizers.base import Optimizer
from backprop.optimizers.blocks import BLOCK
from backprop.optimizers.lbfgs import LBFGS
from backprop.optimizers.names import get
from backprop.optimizers.sgd import SGD, Lion

__all__ = [
    "BLOCK",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
]
