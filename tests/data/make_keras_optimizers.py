"""Writes ``keras_more_optimizers.npz``: weights after each step of Keras's optimizers.

    JAX_ENABLE_X64=1 KERAS_BACKEND=jax python tests/data/make_keras_optimizers.py

needs Keras and JAX, which the tests themselves do not. All is in float64: for means and norms,
which Keras computes in float32 on JAX, two functions are put in the place of its own. The file has
``start``, the weights at first, those of all variables one after the other, and ``noise``, an array
of that length for each step: g = θ + noise. The variables are, in this order, those of ``SHAPES``.
Those of the cases in ``FROM_0`` begin with 0. For each case it has ``<case>/theta``, the weights
after each step, ``<case>/counted``, the iterations, ``<case>/rates``, the learning rate, and with
averages ``<case>/average``, the moving average. Biases are left out of weight decay. What
``CHANGES`` names is set after the fourth step.
"""

from pathlib import Path

import keras
import numpy as np
from jax import numpy as jnp
from keras.src.optimizers import adafactor, muon

keras.backend.set_floatx("float64")
adafactor.ops.mean = lambda x, axis=None, keepdims=False: jnp.mean(
    x.value if isinstance(x, keras.Variable) else x, axis, keepdims=keepdims, dtype="float64"
)
muon.ops.norm = lambda x, axis, keepdims: jnp.sqrt(jnp.sum(x * x, axis, keepdims=keepdims))
k = keras.optimizers

SHAPES = {
    "embedding_1.W": (4, 3),
    "dense_1.W": (3, 4),
    "dense_1.b": (4,),
    "conv_1.W": (2, 2, 2, 3),
    "dense_2.W": (9, 2),
    "dense_2.b": (2,),
}
STEPS = 9
rng = np.random.default_rng(0)
size = sum(map(np.prod, SHAPES.values()))
start, noise = rng.standard_normal(size), rng.standard_normal((STEPS, size))


def rate():
    return k.schedules.ExponentialDecay(0.1, 2, 0.5)


EMA = {"use_ema": True, "ema_momentum": 0.7}
CASES = {
    "adafactor": lambda: k.Adafactor(0.1),
    "adafactor_slow": lambda: k.Adafactor(0.7, relative_step=False, epsilon_2=0.9),
    "adafactor_options": lambda: k.Adafactor(0.2, -0.5, 0.3, 0.1, 0.5, weight_decay=0.1),
    "adafactor_schedule": lambda: k.Adafactor(rate()),
    "lamb": lambda: k.Lamb(0.1),
    "lamb_options": lambda: k.Lamb(0.1, 0.5, 0.8, 0.01, weight_decay=0.1),
    "lamb_from_0": lambda: k.Lamb(k.schedules.PiecewiseConstantDecay([1], [0.0, 0.1])),
    "ftrl": lambda: k.Ftrl(0.1),
    "ftrl_options": lambda: k.Ftrl(0.2, -0.3, 0.5, 0.4, 0.2, 0.1, 0.3, weight_decay=0.1),
    "muon": lambda: k.Muon(0.1),
    "muon_layers": lambda: k.Muon(
        0.1, 0.5, 0.8, 0.3, 0.01, 0.1, exclude_layers=["dense_2"], adam_lr_ratio=2.0
    ),
    "muon_options": lambda: k.Muon(
        0.1, adam_weight_decay=None, exclude_embeddings=False, muon_a=3.0, muon_b=-4.0, muon_c=1.5,
        momentum=0.8, ns_steps=3, nesterov=False, rms_rate=None,
    ),
    "accumulated_sgd": lambda: k.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    "accumulated_adam": lambda: k.Adam(0.1, gradient_accumulation_steps=4),
    "accumulated_clipnorm": lambda: k.SGD(0.1, clipnorm=0.5, gradient_accumulation_steps=3),
    "accumulated_global": lambda: k.SGD(0.1, global_clipnorm=0.5, gradient_accumulation_steps=3),
    "accumulated_clipvalue": lambda: k.SGD(0.1, clipvalue=0.2, gradient_accumulation_steps=3),
    "accumulated_decay": lambda: k.AdamW(rate(), 0.3, gradient_accumulation_steps=2),
    "accumulated_average": lambda: k.SGD(0.1, gradient_accumulation_steps=3, **EMA),
    "accumulated_overwrite": lambda: k.RMSprop(
        0.1, gradient_accumulation_steps=2, ema_overwrite_frequency=2, **EMA
    ),
    "accumulated_muon": lambda: k.Muon(rate(), gradient_accumulation_steps=2, **EMA),
    "accumulated_adafactor": lambda: k.Adafactor(0.1, gradient_accumulation_steps=2, clipnorm=0.5),
    "accumulated_free": lambda: k.ScheduleFreeAdamW(0.1, gradient_accumulation_steps=2),
    "free": lambda: k.ScheduleFreeAdamW(0.1),
    "free_options": lambda: k.ScheduleFreeAdamW(rate(), 0.6, 0.8, 0.01, 4, clipnorm=0.5, **EMA),
    "average": lambda: k.Adam(0.1, ema_overwrite_frequency=3, **EMA),
    "changed_sgd": lambda: k.SGD(0.1, momentum=0.9),
    "changed_adam": lambda: k.Adam(0.1, amsgrad=True),
    "changed_nadam": lambda: k.Nadam(0.1),
    "changed_adamax": lambda: k.Adamax(0.1),
    "changed_lamb": lambda: k.Lamb(0.1),
    "changed_lion": lambda: k.Lion(0.1),
    "changed_muon": lambda: k.Muon(0.1),
    "changed_rmsprop": lambda: k.RMSprop(0.1, centered=True, momentum=0.5),
    "changed_adadelta": lambda: k.Adadelta(1.0),
    "changed_free": lambda: k.ScheduleFreeAdamW(0.1),
}  # fmt: skip
BETAS = {"beta_1": 0.4, "beta_2": 0.7}
CHANGES = {
    "changed_sgd": {"momentum": 0.4},
    "changed_muon": {"momentum": 0.4, "adam_beta_1": 0.4, "adam_beta_2": 0.7},
    "changed_rmsprop": {"rho": 0.4, "momentum": 0.8},
    "changed_adadelta": {"rho": 0.4},
    **dict.fromkeys(
        ("changed_adam", "changed_nadam", "changed_adamax", "changed_lamb", "changed_lion"), BETAS
    ),
    "changed_free": BETAS,
}


FROM_0 = ("lamb_from_0",)


def variables(case):
    found, first = [], start * (case not in FROM_0)
    parts = np.split(first, np.cumsum([np.prod(shape) for shape in SHAPES.values()])[:-1])
    for (name, shape), part in zip(SHAPES.items(), parts, strict=True):
        layer, weight = name.split(".")
        with keras.name_scope(layer):
            found.append(keras.Variable(part.reshape(shape), name=weight, dtype="float64"))
    return found


def joined(arrays):
    return np.concatenate([np.asarray(array).ravel() for array in arrays])


def trajectory(case, optimizer):
    theta = variables(case)
    optimizer.exclude_from_weight_decay(var_names=["^b$"])
    optimizer.build(theta)
    found = {"theta": [], "counted": [], "rates": []}
    for step, each in enumerate(noise):
        for name, value in CHANGES.get(case, {}).items() if step == 4 else ():
            setattr(optimizer, name, value)
        now, g, at = joined(theta), [], 0
        for variable in theta:
            n = np.prod(variable.shape)
            part = (now + each)[at : at + n].reshape(variable.shape)
            g.append(keras.ops.convert_to_tensor(part, dtype="float64"))
            at += n
        optimizer.apply(g, theta)
        found["theta"].append(joined(theta))
        found["counted"].append(int(optimizer.iterations))
        found["rates"].append(float(optimizer.learning_rate))
        if optimizer.use_ema:
            average = joined(optimizer._model_variables_moving_average)
            found.setdefault("average", []).append(average)
    return found


results = {"start": start, "noise": noise}
for case, make in CASES.items():
    for name, values in trajectory(case, make()).items():
        results[f"{case}/{name}"] = np.array(values)
        assert np.isfinite(results[f"{case}/{name}"]).all(), (case, name)
np.savez_compressed(Path(__file__).with_name("keras_more_optimizers.npz"), **results)
