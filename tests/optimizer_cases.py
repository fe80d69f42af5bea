"""Optimizers by the names of Keras's trajectories, and vectors to step on."""

import numpy as np
from published import published

from backprop.core.parameters import Parameter, Parameters
from backprop.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    ScheduleFreeAdamW,
)

PROBLEM = published("optimizers.npz", "problem")

# name in the file: how Keras was called, and the learning rates on the quadratic and on Rosenbrock
CALLS = {
    "SGD": (SGD, {}, 0.1, 0.001),
    "SGD_momentum": (SGD, {"momentum": 0.9}, 0.05, 0.0001),
    "SGD_nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, 0.05, 0.0001),
    "SGD_weight_decay": (SGD, {"weight_decay": 0.1}, 0.1, 0.001),
    "SGD_clipnorm": (SGD, {"clipnorm": 1.0}, 0.1, 0.05),
    "SGD_clipvalue": (SGD, {"clipvalue": 0.5}, 0.1, 0.05),
    "SGD_global_clipnorm": (SGD, {"global_clipnorm": 1.0}, 0.1, 0.05),
    "RMSprop": (RMSprop, {}, 0.05, 0.01),
    "RMSprop_centered_momentum": (RMSprop, {"momentum": 0.9, "centered": True}, 0.01, 0.001),
    "Adagrad": (Adagrad, {}, 0.5, 0.1),
    "Adadelta": (Adadelta, {}, 1.0, 1.0),
    "Adam": (Adam, {}, 0.1, 0.02),
    "Adam_amsgrad": (Adam, {"amsgrad": True}, 0.1, 0.02),
    "Adam_weight_decay": (Adam, {"weight_decay": 0.1}, 0.1, 0.02),
    "AdamW": (AdamW, {"weight_decay": 0.1}, 0.1, 0.02),
    "Nadam": (Nadam, {}, 0.1, 0.02),
    "Adamax": (Adamax, {}, 0.1, 0.02),
    "Lion": (Lion, {}, 0.01, 0.001),
    "Ftrl": (Ftrl, {}, 0.5, 0.05),
}
WHOLE = {
    "Adafactor": (Adafactor, {}),
    "Lamb": (Lamb, {}),
    "Muon": (Muon, {"exclude_layers": ["dense_2"]}),
}
"""Optimizers whose steps depend on which parameters there are."""

GATHERING = {
    "SGD_accumulated": (SGD, {"momentum": 0.9, "gradient_accumulation_steps": 3}),
    "Adam_accumulated_average": (
        Adam,
        {
            "gradient_accumulation_steps": 2,
            "global_clipnorm": 0.5,
            "use_ema": True,
            "ema_momentum": 0.5,
        },
    ),
    "Muon_accumulated": (Muon, {"gradient_accumulation_steps": 2, "use_ema": True}),
}
"""Optimizers that change θ in every second or third step."""

EVERY = {
    **{name: (kind, options) for name, (kind, options, *_) in CALLS.items()},
    "RMSprop_centered": (RMSprop, {"centered": True}),
    "RMSprop_momentum": (RMSprop, {"momentum": 0.5}),
    "Adam_average": (Adam, {"use_ema": True, "ema_momentum": 0.5}),
    "Nadam_everything": (
        Nadam,
        {
            "weight_decay": 0.1,
            "global_clipnorm": 0.5,
            "use_ema": True,
            "ema_overwrite_frequency": 2,
        },
    ),
    "ScheduleFreeAdamW": (ScheduleFreeAdamW, {"warmup_steps": 3}),
    **WHOLE,
    **GATHERING,
}


def quad_gradient(x):  # of ½ xᵀ A x − bᵀ x
    return PROBLEM["A"] @ x - PROBLEM["b"]


def rosen_gradient(x):  # of (1 − x)² + 100 (y − x²)²
    return np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])


GRADIENTS = {"quad": quad_gradient, "rosen": rosen_gradient}


def vector(*sizes: int, dtype: str = "float64", decays: tuple[int, ...] = ()) -> Parameters:
    """Parameters of these sizes, p0, p1, …, with random values; those in ``decays`` decay."""
    rng = np.random.default_rng(0)
    parts = [
        Parameter(f"p{k}", rng.standard_normal(n), decays=not decays or k in decays)
        for k, n in enumerate(sizes)
    ]
    parameters = Parameters(parts, np.dtype(dtype))
    parameters.gradients[...] = rng.standard_normal(sum(sizes))
    return parameters


def run(optimizer: Optimizer, parameters: Parameters, steps: int = 5) -> np.ndarray:
    """θ after some steps with gradients that change."""
    for k in range(steps):
        noise = np.random.default_rng(k).standard_normal(parameters.values.size)
        parameters.gradients[...] = parameters.values + noise
        optimizer.step(parameters)
    return parameters.values.copy()
