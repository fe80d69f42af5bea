"""backprop: deep learning in NumPy that one can read, with exact gradients and a fast ``fit``.

``Sequential`` is the model; each room below holds a family of its parts, or tools for it.

The examples run as printed, after ``import numpy as np`` and ``import backprop as bp``. In formulas
θ are all parameters of a model, g = ∂E/∂θ their gradient, E the loss, η the learning rate, and δ
what a layer's ``backward`` is given, ∂E/∂ of its output; ⊙ multiplies element by element, and
[condition] is 1 where it holds and 0 elsewhere. In shapes N is the number of samples, T that of
steps, H and W those of rows and columns of pixels, C that of channels or features, and K that of
outputs.

What cannot be used raises ``ValueError`` or ``TypeError``, or one of their subclasses, before
anything changes; the message says what was expected, what came, and what to do.
"""

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
    __getattr__, __dir__, _ = lazy_names(
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
