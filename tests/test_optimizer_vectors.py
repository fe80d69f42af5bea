"""Every optimizer: Keras's trajectories, its state, its blocks, and what becomes of denormals."""

import copy
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from optimizer_cases import CALLS, EVERY, GRADIENTS, PROBLEM, run, vector
from published import arrays_of, published
from rows import each

import backprop as bp
from backprop.core.parameters import Parameter, Parameters
from backprop.layers import Dense, Tanh
from backprop.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Nadam,
    Optimizer,
    RMSprop,
    base,
    blocks,
    vectors,
)

FOUND = arrays_of("keras_optimizers.npz").items()
KERAS = {name.split("/")[0]: array for name, array in FOUND if name.endswith("/traj")}

every_optimizer = each(("kind", "options"), EVERY.values(), ids=EVERY)


# -------------------------------------------------------------------------------- trajectories


def trajectory(optimizer: Optimizer, problem: str, dtype: str = "float64") -> np.ndarray:
    """θ before and after each of 50 steps; one parameter, as it was for Keras."""
    gradient = GRADIENTS[problem]
    parameters = Parameters([Parameter("x", PROBLEM[f"x0_{problem}"].copy())], np.dtype(dtype))
    points = [parameters.values.copy()]
    for _ in range(50):
        parameters.gradients[...] = gradient(parameters.values)
        optimizer.step(parameters)
        points.append(parameters.values.copy())
    return np.array(points)


def test_every_trajectory_of_the_file_is_used():
    names = {name.rsplit("_", 1)[0] for name in KERAS}
    assert names == set(CALLS)


@each("name", CALLS)
@each("problem", ["quad", "rosen"])
def test_trajectories_are_those_of_keras(name, problem):
    kind, options, *rates = CALLS[name]
    optimizer = kind(rates[problem == "rosen"], **options)
    expected = KERAS[f"{name}_{problem}"]
    found = trajectory(optimizer, problem)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert np.abs(expected[-1] - expected[0]).max() > 1e-3


@each("name", ["SGD", "SGD_momentum", "SGD_nesterov"])
@each("problem", ["quad", "rosen"])
def test_descent_with_momentum_is_that_of_pytorch_too(name, problem):
    """As long as the learning rate stays the same."""
    kind, options, *rates = CALLS[name]
    found = trajectory(kind(rates[problem == "rosen"], **options), problem)
    expected = published("optimizers.npz", f"{name.lower()}_{problem}")["traj"]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@each("name", sorted(set(CALLS) - {"Lion"}))  # a sign of rounding errors is anything
def test_float32_follows_float64(name):
    kind, options, rate, _ = CALLS[name]
    found = trajectory(kind(rate, **options), "quad", "float32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, KERAS[f"{name}_quad"], rtol=2e-4, atol=2e-5)


def test_defaults_are_those_of_keras():
    assert {kind: kind().learning_rate for kind in (SGD, Adam, AdamW, Adadelta, Lion)} == {
        SGD: 0.01, Adam: 0.001, AdamW: 0.001, Adadelta: 0.001, Lion: 0.001
    }  # fmt: skip
    assert AdamW().weight_decay == 0.004
    assert Adam().weight_decay is None
    assert (Adam().beta_1, Adam().beta_2, Adam().epsilon) == (0.9, 0.999, 1e-7)
    assert (RMSprop().rho, Adadelta().rho, Lion().beta_2) == (0.9, 0.95, 0.99)
    assert Adagrad().initial_accumulator_value == 0.1


def test_adam_with_a_learning_rate_that_changes():
    """The first step of Adam is η g / (|g| + ε/√(1 − β₂)), whatever the size of g."""
    parameters = vector(3)
    parameters.gradients[...] = [0.1, -5, 200]
    before = parameters.values.copy()
    optimizer = Adam(lambda step: 0.1 / (1 + step))
    optimizer.step(parameters)
    np.testing.assert_allclose(parameters.values, before - [0.1, -0.1, 0.1], atol=1e-5)
    optimizer.step(parameters)
    np.testing.assert_allclose(parameters.values, before - [0.15, -0.15, 0.15], atol=1e-5)


def test_nadam_goes_on_where_another_stopped():
    """Its running product follows from the number of steps, so nothing but the state is needed."""
    first, second = Nadam(0.1), Nadam(0.1)
    a, b = vector(4), vector(4)
    run(first, a)
    run(second, b, 1)
    b.values[...] = a.values
    for name, array in first.state.items():
        second.state[name][...] = array
    second.iterations = first.iterations
    np.testing.assert_array_equal(run(second, b), run(first, a))


def test_nadam_multiplies_the_mu_that_each_step_had():
    """μ_t = β₁ (1 − ½ · 0.96ᵗ) with the β₁ of its own step; a and b of two steps by hand."""
    optimizer, beta_1, eta = Nadam(0.1, beta_1=0.9, beta_2=0.99), (0.9, 0.5), 0.1
    optimizer.coefficients(1, eta)
    optimizer.beta_1 = beta_1[1]
    _, _, a, b, _ = optimizer.coefficients(2, eta)
    share = [1 - 0.5 * 0.96**t for t in (1, 2, 3)]
    both = beta_1[0] * share[0] * beta_1[1] * share[1]
    ahead = beta_1[1] * share[2]
    on_m, on_g = 0.5 * ahead / (1 - both * ahead), (1 - beta_1[1] * share[1]) / (1 - both)
    root = math.sqrt((1 - 0.99) / (1 - 0.99**2))
    np.testing.assert_allclose((a, b), (on_m / on_g, eta * on_g / root), rtol=1e-12)


@each(
    ("kind", "options"),
    [each for name, each in EVERY.items() if name not in ("Ftrl", "Adafactor", "Lamb")],
)
def test_on_the_same_gradients_twice_the_learning_rate_goes_twice_as_far(kind, options):
    moved = []
    for rate in (0.125, 0.25):
        parameters = vector(5, decays=(9,))
        before, optimizer = parameters.values.copy(), kind(rate, **options)
        optimizer.ema_overwrite_frequency = None
        for k in range(10):
            parameters.gradients[...] = np.random.default_rng(k).standard_normal(5)
            optimizer.step(parameters)
        moved.append(parameters.values - before)
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-12)


def test_lion_against_the_averages_of_the_paper(rng):
    parameters, optimizer = vector(500), Lion(0.1, beta_1=0.5, beta_2=0.8)
    expected, average = parameters.values.copy(), np.zeros(500)
    for _ in range(20):
        g = rng.standard_normal(500)
        expected -= 0.1 * np.sign(0.5 * average + 0.5 * g)
        average = 0.8 * average + 0.2 * g
        parameters.gradients[...] = g
        optimizer.step(parameters)
    np.testing.assert_allclose(parameters.values, expected, atol=1e-13)
    np.testing.assert_allclose(0.2 * optimizer.state["momentum"], average, rtol=1e-12)


def test_lion_leaves_alone_what_never_had_a_gradient():
    parameters = vector(4)
    before = parameters.values.copy()
    parameters.gradients[...] = [0, 1e-12, 0, -1e12]
    Lion(0.25).step(parameters)
    np.testing.assert_array_equal(parameters.values, before - [0, 0.25, 0, -0.25])


# ------------------------------------------------------------------------------------- the base


@every_optimizer
@each("block", [1, 2, 3, 7])
def test_blocks_change_nothing(kind, options, block, monkeypatch):
    expected = run(kind(0.1, **options), vector(4, 3, 5, decays=(0, 2)))
    monkeypatch.setattr(blocks, "BLOCK", block)
    found = run(kind(0.1, **options), vector(4, 3, 5, decays=(0, 2)))
    np.testing.assert_array_equal(found, expected)


@every_optimizer
def test_frozen_stretches_are_left_alone_with_their_gradient_and_state(kind, options, monkeypatch):
    monkeypatch.setattr(base, "ROUNDING", 1)
    parameters, optimizer = vector(4, 3, 5), kind(0.1, **options)
    parameters["p1"].trainable = False
    parameters.values[5] = 1e-307  # small enough to be rounded away
    theta, g = parameters["p1"].value.copy(), 1e3 + parameters["p1"].gradient
    for _ in range(4):
        parameters["p1"].gradient[...] = g
        optimizer.step(parameters)
    np.testing.assert_array_equal(parameters["p1"].gradient, g)
    np.testing.assert_array_equal(parameters["p1"].value, theta)
    for name, array in optimizer.state.items():
        if not array.size:
            continue
        untouched = theta if name == "average" else optimizer.initial_state
        np.testing.assert_array_equal(array[4:7], np.broadcast_to(untouched, 3))
        assert (array[:4] != 0).all() or name == "gradient_accumulator"
    optimizer.finalize(parameters)
    np.testing.assert_array_equal(parameters["p1"].value, theta)


@every_optimizer
def test_freezing_and_thawing_take_effect_at_the_next_step(kind, options):
    parameters, optimizer = vector(4, 3), kind(0.1, **options)
    run(optimizer, parameters)
    first, second = (p.value for p in parameters)
    for frozen, trained, p in ((first, second, "p0"), (second, first, "p1")):
        parameters[p].trainable = False
        kept, before = frozen.copy(), trained.copy()
        run(optimizer, parameters)
        optimizer.finalize(parameters)
        np.testing.assert_array_equal(frozen, kept)
        assert (trained != before).all()
        parameters[p].trainable = True


@every_optimizer
@each("dtype", ["float32", "float64"])
def test_state_is_as_long_as_theta_and_of_its_dtype_and_g_stays(kind, options, dtype):
    parameters, optimizer = vector(4, 3, dtype=dtype), kind(0.1, **options)
    theta, g, before = parameters.values, parameters.gradients, parameters.gradients.copy()
    for _ in range(5):
        optimizer.step(parameters)
    assert parameters.values is theta
    assert parameters.gradients is g
    assert optimizer.gathers or np.array_equal(g, before)
    assert theta.dtype == dtype
    assert {name: len(v) for name, v in optimizer.state.items()} == optimizer.lengths(parameters)
    assert all(v.dtype == dtype for v in optimizer.state.values())
    if kind is not Adafactor:  # keeps less
        assert all(v.shape == theta.shape for v in optimizer.state.values())
    assert all(number.dtype == dtype for number in optimizer.scalars)


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (SGD(), []),
        (SGD(momentum=0.9), ["velocity"]),
        (Lion(), ["momentum"]),
        (Adagrad(), ["accumulator"]),
        (RMSprop(), ["mean_square"]),
        (RMSprop(centered=True), ["mean_square", "mean_gradient"]),
        (RMSprop(centered=True, momentum=0.1), ["mean_square", "mean_gradient", "velocity"]),
        (Adadelta(), ["mean_square", "mean_square_step"]),
        (Adam(), ["momentum", "velocity"]),
        (AdamW(amsgrad=True), ["momentum", "velocity", "largest_velocity"]),
        (Nadam(), ["momentum", "velocity"]),
        (Adamax(), ["momentum", "norm"]),
        (SGD(use_ema=True), ["average"]),
    ],
    ids=repr,
)
def test_memory(optimizer, names):
    run(optimizer, vector(4))
    assert list(optimizer.state) == names


@every_optimizer
def test_a_step_allocates_nothing(kind, options):
    parameters = vector(100_000, 30_000, dtype="float32")
    optimizer = kind(0.001, **options)
    optimizer.step(parameters)
    tracemalloc.start()
    try:
        optimizer.step(parameters)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(2):
            optimizer.step(parameters)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 10_000  # a scratch block of float32 takes 131072 bytes


@every_optimizer
@each(
    "clone",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["copy", "pickle"],
)
def test_copied_models_train_on_apart_from_each_other(kind, options, clone):
    model = bp.Sequential([Dense(4), Tanh(), Dense(1)], seed=0, dtype="float64")
    model.compile(kind(0.01, **options), "mse")
    X = np.random.default_rng(0).standard_normal((16, 3))
    y = X[:, :1] - X[:, 1:2]
    model.fit(X, y, epochs=1, batch_size=4, verbose=0, shuffle=False)
    twin = clone(model)
    middle = twin.parameters.values.copy()
    for _ in range(3):
        model.train_on_batch(X, y)
    np.testing.assert_array_equal(twin.parameters.values, middle)
    for _ in range(3):
        twin.train_on_batch(X, y)
    np.testing.assert_array_equal(twin.parameters.values, model.parameters.values)
    assert (twin.parameters.values != middle).any()


def test_copies_hold_every_vector_once():
    n = 10_000
    parameters, optimizer = vector(n), Adam(0.1)
    run(optimizer, parameters)
    assert len(pickle.dumps((optimizer, parameters))) < 4.1 * 8 * n  # θ, g, m and v


def test_reset_forgets_the_dtype_too():
    optimizer = Adam(0.1)
    run(optimizer, vector(3, dtype="float32"))
    optimizer.reset()
    np.testing.assert_array_equal(run(optimizer, vector(3)), run(Adam(0.1), vector(3)))


# ------------------------------------------------------------------------------ denormal numbers


@every_optimizer
@each("dtype", ["float32", "float64"])
def test_state_never_stays_denormal_without_gradients(kind, options, dtype):
    parameters, optimizer = vector(4, dtype=dtype), kind(1e-6, **options)
    optimizer.step(parameters)
    tiny = np.finfo(dtype).tiny
    for array in optimizer.state.values():
        array[...] = np.sign(array) * tiny * 128  # as after thousands of steps
    parameters.gradients[...] = 0
    for _ in range(2000):
        parameters.gradients[...] = 0
        optimizer.step(parameters)
    for name in optimizer.used_slots():
        array = np.abs(optimizer.state[name])
        assert ((array == 0) | (array >= tiny)).all(), name


@each("name", CALLS)
def test_rounding_the_state_changes_no_bit_of_a_training(name, monkeypatch):
    kind, options, rate, _ = CALLS[name]
    expected = trajectory(kind(rate, **options), "quad", "float32")
    monkeypatch.setattr(base, "ROUNDING", 1)
    np.testing.assert_array_equal(trajectory(kind(rate, **options), "quad", "float32"), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_rounding_takes_and_what_it_leaves(dtype):
    tiny = float(np.finfo(dtype).tiny)
    v = np.array([tiny * 40, -tiny * 30, tiny / 4, 0, tiny * 2e10, -1e-20, 1, 3e30], dtype)
    expected = v.copy()
    expected[:3] = 0
    vectors.round_to_0(v)
    np.testing.assert_allclose(v, expected, rtol=1e-7)
