"""backprop: deep learning in NumPy that one can read, with exact gradients and a fast ``fit``."""

from typing import TYPE_CHECKING

from backprop import (
    callbacks,
    constraints,
    datasets,
    initializers,
    inspection,
    layers,
    losses,
    metrics,
    optimizers,
    plotting,
    regularizers,
    schedules,
)
from backprop.core.lazy import lazy_names
from backprop.layers import Input
from backprop.sequential import Sequential, load_model
from backprop.training import History

if TYPE_CHECKING:
    from backprop.training import cross_validate, fit_many
else:
    __getattr__, __dir__ = lazy_names(__name__, training=["cross_validate", "fit_many"])

__version__ = "0.1.0"

__all__ = [
    "History",
    "Input",
    "Sequential",
    "callbacks",
    "constraints",
    "cross_validate",
    "datasets",
    "fit_many",
    "initializers",
    "inspection",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "plotting",
    "regularizers",
    "schedules",
]
