"""backprop: deep learning in NumPy that one can read, with exact gradients and a fast ``fit``."""

from backprop import callbacks, datasets, initializers, layers, losses, metrics, optimizers
from backprop.layers import Input
from backprop.sequential import Sequential
from backprop.training import History

__version__ = "0.1.0"

__all__ = [
    "History",
    "Input",
    "Sequential",
    "callbacks",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
]
