"""First weights are drawn as Keras draws them, and constraints make of weights what Keras makes.

How the numbers were made is said in ``data/make_keras_initializers.py``.
"""

import ast

import numpy as np
import pytest
from published import arrays_of

import backprop as bp
from backprop.constraints import MaxNorm, MinMaxNorm, NonNegative, UnitNorm
from backprop.initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from backprop.layers import Conv2D, Input

KERAS = arrays_of("keras_initializers.npz")

INITIALIZERS = {
    "glorot_uniform": GlorotUniform(),
    "glorot_normal": GlorotNormal(),
    "he_uniform": HeUniform(),
    "he_normal": HeNormal(),
    "lecun_uniform": LecunUniform(),
    "lecun_normal": LecunNormal(),
    "random_uniform": RandomUniform(),
    "random_normal": RandomNormal(),
    "truncated_normal": TruncatedNormal(),
    "truncated_normal_elsewhere": TruncatedNormal(1.5, 0.3),
    "scaling": VarianceScaling(),
    "scaling_out": VarianceScaling(0.5, "fan_out", "untruncated_normal"),
    "scaling_average": VarianceScaling(3.0, "fan_avg", "uniform"),
}
CONSTRAINTS = {
    "max_norm": MaxNorm(),
    "max_norm_rows": MaxNorm(1.5, axis=1),
    "max_norm_kernel": MaxNorm(2, axis=[0, 1, 2]),
    "non_neg": NonNegative(),
    "unit_norm": UnitNorm(),
    "unit_norm_kernel": UnitNorm([0, 1, 2]),
    "min_max_norm": MinMaxNorm(),
    "min_max_norm_rate": MinMaxNorm(1.0, 2.0, 0.3, axis=-1),
    "min_max_norm_kernel": MinMaxNorm(2.2, 2.8, 0.9, axis=[0, 1, 2]),
}


def test_every_case_of_the_file_is_used():
    assert {key.split("/")[0] for key in KERAS} == INITIALIZERS.keys() | CONSTRAINTS.keys()


@pytest.mark.parametrize(
    ("case", "shape"), [key.split("/")[:2] for key in KERAS if key.endswith("/kind")]
)
def test_the_distribution_is_the_one_that_keras_draws_from(case, shape):
    """The generator's own numbers, brought into Keras's limits, or to its mean and deviation."""
    a, b = KERAS[f"{case}/{shape}/numbers"]
    shape, kind = ast.literal_eval(shape), str(KERAS[f"{case}/{shape}/kind"])
    W = INITIALIZERS[case](shape, np.random.default_rng(5), "float64")
    rng = np.random.default_rng(5)
    if kind == "uniform":
        expected = rng.uniform(a, b, shape)
    else:
        Z = rng.standard_normal(shape)
        while kind == "truncated_normal" and (outside := np.abs(Z) > 2).any():
            Z[outside] = rng.standard_normal(outside.sum())
        expected = a + b * Z
    np.testing.assert_allclose(W, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", INITIALIZERS)
def test_statistics_are_those_of_keras(case, rng):
    """Of 150,000 numbers mean and deviation are known to 0.3 % of the deviation, each."""
    W = INITIALIZERS[case]((300, 500), rng, "float64")
    mean, deviation, least, most, near = KERAS[f"{case}/statistics"]
    assert W.mean() == pytest.approx(mean, abs=0.015 * deviation)
    assert W.std() == pytest.approx(deviation, rel=0.01)
    assert np.mean(np.abs(W - W.mean()) < W.std()) == pytest.approx(near, abs=0.006)
    if str(KERAS[f"{case}/(300, 500)/kind"]) != "normal":  # which has no bounds
        assert W.min() == pytest.approx(least, abs=0.002 * deviation)
        assert W.max() == pytest.approx(most, abs=0.002 * deviation)


@pytest.mark.parametrize("case", CONSTRAINTS)
def test_constraints_make_of_weights_what_keras_makes(case):
    """Keras adds 10⁻⁷ to every norm that it divides by, also where this package does not."""
    W = KERAS[f"{case}/x"].copy()
    CONSTRAINTS[case].project(W)
    np.testing.assert_allclose(W, KERAS[f"{case}/value"], rtol=2e-6)
    assert case == "non_neg" or not np.allclose(W, KERAS[f"{case}/x"], rtol=1e-3)


def test_norms_of_the_kernels_of_convolutions(tmp_path, rng):
    layer = Conv2D(3, 2, kernel_constraint=MaxNorm(0.5, axis=[0, 1, 2]))
    model = bp.Sequential([Input((4, 4, 2)), layer], seed=0)
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(8, 4, 4, 2)), rng.normal(size=(8, 3, 3, 3)), epochs=1, verbose=0)
    np.testing.assert_allclose(np.sqrt((layer.W**2).sum(axis=(0, 1, 2))), 0.5, rtol=1e-5)
    model.save(tmp_path / "model")
    back = bp.load_model(tmp_path / "model")
    assert repr(back.layers[0].kernel_constraint) == "MaxNorm(max_value=0.5, axis=(0, 1, 2))"
