"""Optimizers as functions of θ and g, and descent along the gradient by hand."""

import numpy as np
import pytest
from optimizer_cases import run, vector
from rows import each

from backprop import optimizers
from backprop.core.parameters import Parameter, Parameters
from backprop.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Nadam,
    Optimizer,
    RMSprop,
)

# ------------------------------------------------------------------------------- every optimizer

EVERY = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.1, momentum=0.9, centered=True),
    "adagrad": lambda: Adagrad(0.1),
    "adadelta": lambda: Adadelta(0.1),
    "adam": lambda: Adam(0.1, amsgrad=True),
    "adamw": lambda: AdamW(0.1),
    "adamax": lambda: Adamax(0.1),
    "nadam": lambda: Nadam(0.1),
    "lion": lambda: Lion(0.1),
    "average": lambda: SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
}
every_optimizer = each("make", EVERY.values(), ids=EVERY)


@every_optimizer
def test_a_vector_of_several_blocks_moves_as_its_parts_do(make):
    n = 2 * optimizers.BLOCK + 5
    long = run(make(), vector(n))
    short = vector(n)
    for first in (0, optimizers.BLOCK - 1, n - 7):
        part = slice(first, first + 7)
        little = Parameters([Parameter("p", short.values[part].copy())], np.dtype("float64"))
        optimizer = make()
        for k in range(5):
            noise = np.random.default_rng(k).standard_normal(n)[part]
            little.gradients[...] = little.values + noise
            optimizer.step(little)
        np.testing.assert_array_equal(little.values, long[part])


@every_optimizer
def test_one_vector_or_many_parameters_are_the_same(make):
    np.testing.assert_array_equal(run(make(), vector(12)), run(make(), vector(5, 4, 3)))


@every_optimizer
def test_frozen_stretches_are_never_touched(make):
    parameters, whole = vector(4, 3, 5), vector(4, 3, 5)
    before = parameters.values.copy()
    parameters["p1"].trainable = False
    found, expected = run(make(), parameters), run(make(), whole)
    np.testing.assert_array_equal(found[4:7], before[4:7])
    np.testing.assert_array_equal(found[:4], expected[:4])
    np.testing.assert_array_equal(found[7:], expected[7:])


@every_optimizer
def test_a_learning_rate_of_0_stands_still(make):
    optimizer = make()
    optimizer.learning_rate = 0
    parameters = vector(4)
    before = parameters.values.copy()
    np.testing.assert_array_equal(run(optimizer, parameters), before)


@every_optimizer
def test_steps_are_counted(make):
    optimizer, parameters = make(), vector(4)
    assert optimizer.iterations == 0
    run(optimizer, parameters, 3)
    assert optimizer.iterations == 3
    optimizer.reset()
    assert optimizer.iterations == 0


@every_optimizer
def test_a_second_model_is_refused_until_reset(make):
    optimizer, first, second = make(), vector(4), vector(4)
    expected = run(make(), vector(4))
    run(optimizer, first)
    before = second.values.copy()
    with pytest.raises(ValueError, match=r"already trains another model, or this one before"):
        optimizer.step(second)
    np.testing.assert_array_equal(second.values, before)
    assert optimizer.iterations == 5
    optimizer.reset()
    np.testing.assert_array_equal(run(optimizer, second), expected)


@every_optimizer
def test_no_parameters(make):
    optimizer = make()
    optimizer.step(Parameters([], np.dtype("float32")))
    assert optimizer.iterations == 1


@every_optimizer
@each("bad", [-1e-9, -1, float("nan")])
def test_learning_rates_that_are_none(make, bad):
    optimizer = make()
    with pytest.raises(ValueError, match="learning_rate must be 0 or more, but it is"):
        optimizer.learning_rate = bad
    assert optimizer.learning_rate == 0.1
    with pytest.raises(ValueError, match="learning_rate"):
        type(optimizer)(bad)


# --------------------------------------------------------------------------------------- SGD


def test_sgd_by_hand():
    parameters = vector(2)
    parameters.values[...] = [1, 2]
    parameters.gradients[...] = [10, -10]
    SGD(0.1).step(parameters)
    np.testing.assert_allclose(parameters.values, [0, 3], atol=1e-15)


def test_momentum_by_hand():
    """With g = 1, η = 1, μ = 0.9: v = −1, −1.9. Nesterov's variant adds μ v − η g instead of v."""
    for nesterov, expected in ((False, [-1, -2.9]), (True, [-1.9, -4.61])):
        parameters = vector(1)
        parameters.values[...], parameters.gradients[...] = 0, 1
        optimizer = SGD(1.0, momentum=0.9, nesterov=nesterov)
        for theta in expected:
            optimizer.step(parameters)
            np.testing.assert_allclose(parameters.values, [theta], rtol=1e-15)
        np.testing.assert_allclose(optimizer.state["velocity"], [-1.9], rtol=1e-15)


def test_learning_rate_stands_inside_the_velocity():
    """As in Keras: what was gathered keeps the learning rate that it was gathered with."""
    parameters = vector(1)
    parameters.values[...], parameters.gradients[...] = 0, 1
    optimizer = SGD(1.0, momentum=0.5)
    optimizer.step(parameters)
    optimizer.learning_rate = 0.0
    optimizer.step(parameters)
    np.testing.assert_array_equal(parameters.values, [-1.5])


def test_plain_sgd_keeps_no_state():
    optimizer = SGD(0.1)
    run(optimizer, vector(4))
    assert optimizer.state == {}
    assert SGD().learning_rate == 0.01


def test_an_optimizer_of_the_users_own():
    class SignDescent(Optimizer):
        slots = ("steps",)

        def update(self, theta, g, scratch, *state):
            np.sign(g, out=scratch)
            scratch *= self.learning_rate
            theta -= scratch
            state[0][...] += 1

    parameters = vector(4)
    expected = parameters.values - 0.25 * np.sign(parameters.gradients)
    optimizer = SignDescent(0.25)
    optimizer.step(parameters)
    np.testing.assert_array_equal(parameters.values, expected)
    np.testing.assert_array_equal(optimizer.state["steps"], np.ones(4))
    with pytest.raises(NotImplementedError, match="Optimizer must define update"):
        Optimizer(0.1).step(vector(4))
