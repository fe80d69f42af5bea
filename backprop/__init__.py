"""backprop: deep learning in NumPy that one can read, with exact gradients and a fast ``fit``."""

from typing import TYPE_CHECKING

from backprop import (
    callbacks,
    constraints,
    datasets,
    distributed,
    experiments,
    explain,
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
from backprop.core.errors import CorruptFileError, DivergenceError
from backprop.core.lazy import lazy_names
from backprop.layers import Input
from backprop.sequential import Sequential, load_model, load_onnx
from backprop.training import History

if TYPE_CHECKING:
    from backprop.experiments import cross_validate, fit_many, learning_rate_range, search
else:
    __getattr__, __dir__ = lazy_names(
        __name__, experiments=["cross_validate", "fit_many", "learning_rate_range", "search"]
    )

__version__ = "0.1.0"

__all__ = [
    "CorruptFileError",
    "DivergenceError",
    "History",
    "Input",
    "Sequential",
    "callbacks",
    "constraints",
    "cross_validate",
    "datasets",
    "distributed",
    "experiments",
    "explain",
    "fit_many",
    "initializers",
    "inspection",
    "layers",
    "learning_rate_range",
    "load_model",
    "load_onnx",
    "losses",
    "metrics",
    "optimizers",
    "plotting",
    "regularizers",
    "schedules",
    "search",
]
