"""Initialisers, constraints and strings that Keras has too, and a callback that raises."""

import numpy as np
import pytest

from backprop import Sequential, constraints, initializers, regularizers
from backprop.callbacks import TerminateOnNaN
from backprop.constraints import MinMaxNorm, UnitNorm
from backprop.layers import Dense


def test_the_identity_as_weights(rng):
    W = initializers.IdentityInitializer(2)((3, 4), rng)
    np.testing.assert_array_equal(W, 2 * np.eye(3, 4))
    with pytest.raises(ValueError, match=r"needs weights with two axes, not \(3,\)"):
        initializers.IdentityInitializer()((3,), rng)


def test_keras_strings():
    for name, kind in {
        "zero": initializers.Zeros,
        "one": initializers.Ones,
        "HeNormal": initializers.HeNormal,
        "Identity": initializers.IdentityInitializer,
        "OrthogonalInitializer": initializers.Orthogonal,
        "VarianceScaling": initializers.VarianceScaling,
        "variance_scaling": initializers.VarianceScaling,
        "Orthogonal": initializers.Orthogonal,
        "identity": initializers.IdentityInitializer,
    }.items():
        assert type(initializers.get(name)) is kind
    assert (
        repr(regularizers.get("l1l2")) == repr(regularizers.get("L1L2")) == "L1L2(l1=0.01, l2=0.01)"
    )
    assert type(regularizers.get("L2")) is regularizers.L2
    assert type(constraints.get("UnitNorm")) is UnitNorm
    assert type(constraints.get("min_max_norm")) is MinMaxNorm
    assert type(constraints.get("NonNeg")) is constraints.NonNegative


def test_norms_by_keras_formulas():
    """Each column has a length of its own: 5, ½ and 0."""
    W = np.array([[3.0, 0.3, 0], [4, 0.4, 0]])
    unit, between, half = W.copy(), W.copy(), W.copy()
    UnitNorm().project(unit)
    np.testing.assert_allclose(unit, [[0.6, 0.6, 0], [0.8, 0.8, 0]], rtol=1e-6)
    MinMaxNorm(0.8, 2).project(between)
    np.testing.assert_allclose(between, [[1.2, 0.48, 0], [1.6, 0.64, 0]], rtol=1e-6)
    MinMaxNorm(0.8, 2, rate=0.5).project(half)
    np.testing.assert_allclose(half, [[2.1, 0.39, 0], [2.8, 0.52, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="needs min_value <= max_value"):
        MinMaxNorm(2, 1)


def test_unit_norms_hold_after_training(rng):
    model = Sequential([Dense(3, kernel_constraint="unit_norm")], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(20, 4)), rng.normal(size=(20, 3)), epochs=2, verbose=0)
    np.testing.assert_allclose(np.linalg.norm(model.layers[0].W, axis=0), 1, rtol=1e-6)


def test_a_loss_that_is_not_finite_may_raise():
    callback = TerminateOnNaN(raise_error=True)
    callback.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(RuntimeError, match="Step 3: the loss is nan, training ends"):
        callback.on_train_batch_end(2, {"loss": float("nan")})
    with pytest.raises(TypeError, match="raise_error"):
        TerminateOnNaN("yes")
