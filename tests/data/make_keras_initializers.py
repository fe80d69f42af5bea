"""Writes ``keras_initializers.npz``: how Keras draws weights, and what its constraints do.

    JAX_ENABLE_X64=1 KERAS_BACKEND=jax python tests/data/make_keras_initializers.py

needs Keras and JAX, which the tests themselves do not. For each initialiser and shape the file has
``<case>/<shape>/kind``, the distribution that Keras draws from, and ``/numbers``: the limits of a
uniform one, mean and standard deviation of a normal one (a truncated one ends at two of these from
the mean). For each initialiser it has ``<case>/statistics`` of one array of shape ``LARGE``: mean,
standard deviation, smallest and largest number, and the share of the numbers that are nearer to
the mean than one standard deviation. For each constraint it has ``<case>/x`` and ``<case>/value``.
"""

from pathlib import Path

import keras
import numpy as np
from keras.src.initializers import random_initializers

keras.backend.set_floatx("float64")
found, drawn = {}, []
random = random_initializers.random


class Spy:
    """Keras's random numbers, with a note of what is drawn."""

    def __getattr__(self, name):
        def draw(shape, *numbers, **options):
            drawn.append((name, numbers or [options[k] for k in options if k in WANTED]))
            return getattr(random, name)(shape, *numbers, **options)

        return draw if name in ("uniform", "normal", "truncated_normal") else getattr(random, name)


WANTED = ("minval", "maxval", "mean", "stddev")
random_initializers.random = Spy()
LARGE = (300, 500)
SHAPES = [LARGE, (3, 3, 5, 8), (4, 2, 3), (7,), ()]
k = keras.initializers
INITIALIZERS = {
    "glorot_uniform": k.GlorotUniform(0),
    "glorot_normal": k.GlorotNormal(0),
    "he_uniform": k.HeUniform(0),
    "he_normal": k.HeNormal(0),
    "lecun_uniform": k.LecunUniform(0),
    "lecun_normal": k.LecunNormal(0),
    "random_uniform": k.RandomUniform(seed=0),
    "random_normal": k.RandomNormal(seed=0),
    "truncated_normal": k.TruncatedNormal(seed=0),
    "truncated_normal_elsewhere": k.TruncatedNormal(1.5, 0.3, seed=0),
    "scaling": k.VarianceScaling(seed=0),
    "scaling_out": k.VarianceScaling(0.5, "fan_out", "untruncated_normal", seed=0),
    "scaling_average": k.VarianceScaling(3.0, "fan_avg", "uniform", seed=0),
}
for case, initializer in INITIALIZERS.items():
    for shape in SHAPES:
        drawn.clear()
        W = np.asarray(initializer(shape, dtype="float64"))
        ((kind, numbers),) = drawn
        found[f"{case}/{shape}/kind"] = np.array(kind)
        found[f"{case}/{shape}/numbers"] = np.array(numbers, np.float64)
        if shape == LARGE:
            near = np.mean(np.abs(W - W.mean()) < W.std())
            found[f"{case}/statistics"] = np.array([W.mean(), W.std(), W.min(), W.max(), near])

rng = np.random.default_rng(0)
W, kernel = rng.standard_normal((6, 4)), rng.standard_normal((3, 2, 4, 5))
W[:, 1] *= 0.1
k = keras.constraints
CONSTRAINTS = {
    "max_norm": (k.MaxNorm(), W),
    "max_norm_rows": (k.MaxNorm(1.5, axis=1), W),
    "max_norm_kernel": (k.MaxNorm(2, axis=[0, 1, 2]), kernel),
    "non_neg": (k.NonNeg(), W),
    "unit_norm": (k.UnitNorm(), W),
    "unit_norm_kernel": (k.UnitNorm([0, 1, 2]), kernel),
    "min_max_norm": (k.MinMaxNorm(), W),
    "min_max_norm_rate": (k.MinMaxNorm(1.0, 2.0, 0.3, axis=-1), W),
    "min_max_norm_kernel": (k.MinMaxNorm(2.2, 2.8, 0.9, axis=[0, 1, 2]), kernel),
}
for case, (constraint, x) in CONSTRAINTS.items():
    found[f"{case}/x"], found[f"{case}/value"] = x, np.asarray(constraint(keras.ops.array(x)))

np.savez_compressed(Path(__file__).with_name("keras_initializers.npz"), **found)
