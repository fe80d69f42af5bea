"""What every optimizer can do beside its formula: decay, clipping, averaging, schedules."""

import math

import numpy as np
import pytest
from constructors import public_classes
from optimizer_cases import run, vector

import backprop as bp
from backprop import optimizers, schedules
from backprop.core.parameters import Parameters
from backprop.layers import Dense
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
    blocks,
)

# ---------------------------------------------------------------------------------- weight decay


@pytest.mark.parametrize("block", [2, 3, 100])
def test_weight_decay_takes_the_learning_rate_times_lambda_from_what_decays(block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    parameters = vector(4, 3, 2, 3, decays=(0, 3))
    parameters["p2"].trainable = False
    theta, g = parameters.values.copy(), parameters.gradients.copy()
    SGD(0.5, weight_decay=0.2).step(parameters)
    expected = theta - 0.5 * g
    expected[:4] -= 0.1 * theta[:4]
    expected[9:] -= 0.1 * theta[9:]
    expected[7:9] = theta[7:9]
    np.testing.assert_allclose(parameters.values, expected, rtol=1e-14)


def test_weight_decay_leaves_out_a_frozen_parameter_that_would_decay():
    parameters = vector(4, 3)
    parameters["p0"].trainable = False
    before = parameters["p0"].value.copy()
    Adam(0.5, weight_decay=0.2).step(parameters)
    np.testing.assert_array_equal(parameters["p0"].value, before)


def test_biases_of_a_model_do_not_decay():
    model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
    model.compile(AdamW(0.1, weight_decay=0.5), "mse")
    model.build((None, 3))
    model.parameters["dense_1.b"].value[...] = 1
    W = model.parameters["dense_1.W"].value.copy()
    model.optimizer.step(model.parameters)  # with gradients of 0
    np.testing.assert_allclose(model.parameters["dense_1.W"].value, 0.95 * W, rtol=1e-14)
    np.testing.assert_array_equal(model.parameters["dense_1.b"].value, [1, 1])


def test_weight_decay_may_begin_and_end_between_steps():
    parameters, optimizer = vector(3, 2), SGD(0.5)
    parameters.gradients[...] = 0
    theta = parameters.values.copy()
    optimizer.step(parameters)
    optimizer.weight_decay = 0.2
    optimizer.step(parameters)
    np.testing.assert_allclose(parameters.values, 0.9 * theta, rtol=1e-15)
    parameters["p0"].decays = False
    optimizer.step(parameters)
    np.testing.assert_allclose(parameters["p0"].value, 0.9 * theta[:3], rtol=1e-15)
    np.testing.assert_allclose(parameters["p1"].value, 0.81 * theta[3:], rtol=1e-15)


# -------------------------------------------------------------------------------------- clipping


def clipped(g: list[float], **options: float) -> list[float]:
    """The gradients of two parameters of two weights, p0 and p1, after a step."""
    parameters, optimizer = vector(2, 2), SGD(0.5, **options)
    parameters.gradients[...] = g
    before = parameters.values.copy()
    optimizer.step(parameters)
    np.testing.assert_allclose(parameters.values, before - 0.5 * parameters.gradients, rtol=1e-14)
    return parameters.gradients.tolist()


def test_clipnorm_shortens_each_parameter_by_itself():
    assert clipped([3, -4, 0.6, 0.8], clipnorm=2.5) == pytest.approx([1.5, -2, 0.6, 0.8])


def test_global_clipnorm_shortens_all_by_the_same_factor():
    assert clipped([3, -4, 12, 0], global_clipnorm=6.5) == pytest.approx([1.5, -2, 6, 0])
    assert clipped([3, -4, 12, 0], global_clipnorm=13.0) == [3, -4, 12, 0]


def test_clipvalue_cuts_components_off():
    assert clipped([3, -4, 0.5, -2], clipvalue=2.0) == [2, -2, 0.5, -2]


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_gradients_of_0_are_not_clipped(option):
    assert clipped([0, 0, 0, 0], **{option: 1.0}) == [0, 0, 0, 0]


def test_a_frozen_gradient_does_not_count_for_the_global_norm():
    parameters = vector(2, 2)
    parameters["p1"].trainable = False
    parameters.gradients[...] = [3, 4, 100, 100]
    SGD(0.1, global_clipnorm=2.5).step(parameters)
    np.testing.assert_allclose(parameters.gradients, [1.5, 2, 100, 100])


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm"])
def test_exploding_gradients_of_float32_are_clipped_too(option):
    """Their squares are too large for float32."""
    parameters = vector(2, dtype="float32")
    parameters.gradients[...] = [3e30, -4e30]
    SGD(0.1, **{option: 1.0}).step(parameters)
    np.testing.assert_allclose(parameters.gradients, [0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm"])
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_gradients_that_are_no_numbers_are_not_hidden_by_clipping(option, bad):
    parameters = vector(3)
    parameters.gradients[1] = bad
    before = parameters.gradients.copy()
    SGD(0.1, **{option: 1e-3}).step(parameters)
    np.testing.assert_array_equal(parameters.gradients, before)
    assert not math.isfinite(parameters.values[1])


# ------------------------------------------------------------------------------------- averaging


def steps_of_one(optimizer: Optimizer, steps: int) -> tuple[list[float], list[float], Parameters]:
    """θ and its average after each step by −1 from θ = 0."""
    parameters = vector(1)
    parameters.values[...], parameters.gradients[...] = 0, 1
    theta, average = [], []
    for _ in range(steps):
        optimizer.step(parameters)
        theta.append(parameters.values.item())
        average.append(optimizer.state["average"].item())
    return theta, average, parameters


def test_average_by_hand():
    """a = −1; ½ (−1) + ½ (−2) = −1.5; ½ (−1.5) + ½ (−3) = −2.25."""
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    theta, average, parameters = steps_of_one(optimizer, 3)
    assert theta == [-1, -2, -3]
    assert average == [-1, -1.5, -2.25]
    optimizer.finalize(parameters)
    assert parameters.values.item() == -2.25


def test_average_that_takes_the_place_of_theta_every_two_steps():
    """After −1 and −2 comes a = −1.5; from there −2.5, a = −2, then −3.5 and a = −2.75."""
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    theta, average, _ = steps_of_one(optimizer, 4)
    assert theta == [-1, -1.5, -2.5, -2.75]
    assert average == [-1, -1.5, -2, -2.75]


def test_averaging_leaves_the_steps_themselves_alone():
    plain, averaged = vector(4, 3), vector(4, 3)
    optimizer = Adam(0.1, use_ema=True)
    np.testing.assert_array_equal(run(optimizer, averaged), run(Adam(0.1), plain))
    optimizer.finalize(averaged)
    assert (averaged.values != plain.values).all()


def test_finalize_does_nothing_without_an_average_or_without_a_step():
    for optimizer in (Adam(0.1), Adam(0.1, use_ema=True)):
        parameters = vector(3)
        before = parameters.values.copy()
        optimizer.finalize(parameters)
        np.testing.assert_array_equal(parameters.values, before)
    parameters = vector(3)
    optimizer = Adam(0.1)
    found = run(optimizer, parameters)
    optimizer.finalize(parameters)
    np.testing.assert_array_equal(parameters.values, found)


def test_the_average_of_a_thawed_parameter_begins_where_it_stood():
    parameters = vector(2, 2)
    parameters["p1"].trainable = False
    optimizer = SGD(0.0, use_ema=True)
    run(optimizer, parameters)
    parameters["p1"].trainable = True
    before = parameters["p1"].value.copy()
    run(optimizer, parameters)
    optimizer.finalize(parameters)
    np.testing.assert_allclose(parameters["p1"].value, before, rtol=1e-14)


# --------------------------------------------------------------------------------- learning rate


def test_a_schedule_is_asked_for_the_number_of_steps_before():
    asked = []

    def schedule(step: int) -> float:
        asked.append(step)
        return [0.5, 0.25, 0.125, 0.0625][step]

    parameters, optimizer = vector(40_000), SGD(schedule)  # two blocks, one question a step
    before, g = parameters.values.copy(), parameters.gradients.copy()
    for _ in range(3):
        optimizer.step(parameters)
    assert asked == [0, 1, 2]
    np.testing.assert_allclose(parameters.values, before - 0.875 * g, atol=1e-14)
    assert optimizer.learning_rate == 0.0625


@pytest.mark.parametrize("schedule", [schedules.ExponentialDecay(0.1, 10, 0.5), lambda step: 0.1])
def test_a_schedule_is_no_number(schedule):
    optimizer = SGD(schedule)
    assert optimizer.schedule is schedule
    assert optimizer.learning_rate == 0.1
    with pytest.raises(TypeError, match=r"learning_rate cannot be set to 0\.2, as"):
        optimizer.learning_rate = 0.2
    assert optimizer.learning_rate == 0.1
    optimizer.learning_rate = other = schedules.CosineDecay(0.3, 10)
    assert optimizer.schedule is other
    assert SGD(0.1).schedule is None


def test_a_schedule_may_take_the_place_of_a_number():
    optimizer = Adam(0.1)
    optimizer.learning_rate = schedules.CosineDecay(0.3, 10)
    assert optimizer.learning_rate == 0.3


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "0.1", None])
def test_a_schedule_that_returns_no_learning_rate_moves_nothing(bad):
    parameters, optimizer = vector(3), SGD(lambda step: bad, clipvalue=0.1)
    theta, g = parameters.values.copy(), parameters.gradients.copy()
    with pytest.raises((ValueError, TypeError), match="the schedule's learning rate must be"):
        optimizer.step(parameters)
    np.testing.assert_array_equal(parameters.values, theta)
    np.testing.assert_array_equal(parameters.gradients, g)
    assert optimizer.iterations == 0
    optimizer.learning_rate = lambda step: 0.1
    optimizer.step(vector(2))  # it did not become the first model's


def test_models_train_on_schedules():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(SGD(schedules.PiecewiseConstantDecay([1], [0.1, 0.0])), "mse")
    X = np.ones((8, 2), np.float32)
    model.fit(X, X[:, :1], batch_size=4, epochs=1, verbose=0)
    assert model.optimizer.learning_rate == 0.0
    before = model.parameters.values.copy()
    model.fit(X, X[:, :1], batch_size=4, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)


# ------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SGD, {"learning_rate": "0.1"}, "learning_rate must be a number"),
        (SGD, {"learning_rate": True}, "learning_rate must be a number"),
        (SGD, {"learning_rate": math.inf}, "learning_rate must be 0 or more"),
        (SGD, {"learning_rate": schedules.CosineDecay}, "an object: write CosineDecay"),
        (SGD, {"weight_decay": -0.1}, "weight_decay must be 0 or more"),
        (SGD, {"clipnorm": 0}, "clipnorm must be above 0"),
        (SGD, {"clipvalue": -1.0}, "clipvalue must be above 0"),
        (SGD, {"global_clipnorm": math.nan}, "global_clipnorm must be above 0"),
        (Adam, {"clipnorm": 1.0, "clipvalue": 1.0}, "clipnorm and clipvalue cannot be used"),
        (Adam, {"clipnorm": 1.0, "global_clipnorm": 1.0}, "cannot be used together"),
        (Adam, {"ema_momentum": 1.1}, "ema_momentum must lie between 0 and 1"),
        (Adam, {"ema_overwrite_frequency": 0}, "ema_overwrite_frequency must be an integer"),
        (Adam, {"ema_overwrite_frequency": 1.5}, "ema_overwrite_frequency must be an integer"),
        (Adam, {"beta_1": 1.0}, "beta_1 must be 0 or more and below 1"),
        (Adam, {"beta_2": 1}, "beta_2 must be 0 or more and below 1"),
        (Nadam, {"beta_2": -0.1}, "beta_2 must be 0 or more and below 1"),
        (Adamax, {"epsilon": 0.0}, "epsilon must be above 0"),
        (Adam, {"decay": 0.1}, "cannot be made with decay=0.1"),
        (AdamW, {"weight_decay": None}, "weight_decay must be a number"),
        (RMSprop, {"rho": 1.0}, "rho must be 0 or more and below 1"),
        (RMSprop, {"momentum": -1}, "momentum must lie between 0 and 1"),
        (SGD, {"momentum": -0.1}, "momentum must lie between 0 and 1"),
        (SGD, {"momentum": 1.1}, "momentum must lie between 0 and 1"),
        (SGD, {"momentum": math.nan}, "momentum must lie between 0 and 1"),
        (RMSprop, {"epsilon": -1e-7}, "epsilon must be above 0"),
        (Adagrad, {"initial_accumulator_value": -0.1}, "initial_accumulator_value must be 0"),
        (Adadelta, {"rho": 2.0}, "rho must be 0 or more and below 1"),
        (Lion, {"beta_1": 0.0}, "beta_1 must be above 0"),
        (Lion, {"beta_2": 1.0}, "beta_2 must be 0 or more and below 1"),
    ],
)
def test_arguments_that_cannot_be_used(kind, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        kind(**options)


def test_names():
    for kind in public_classes("optimizers").values():
        name = kind.__name__
        for given in (name, name.lower(), name.upper()):  # Keras takes any of them
            assert type(optimizers.get(given)) is kind
    with pytest.raises(ValueError, match="optimizer 'Adams' is not known: the names are sgd"):
        optimizers.get("Adams")
    given = SGD(0.3)
    assert optimizers.get(given) is given
    with pytest.raises(TypeError, match="add the parentheses"):
        optimizers.get(SGD)


def test_momentum_may_be_changed_between_steps():
    """A velocity that is missing begins with 0, as in a new optimizer."""
    for begun, ended in ((0.9, 0.0), (0.0, 0.9)):
        parameters, optimizer = vector(3), RMSprop(0.1, momentum=begun)
        run(optimizer, parameters)
        optimizer.momentum = ended
        expected = RMSprop(0.1, momentum=ended)
        expected_parameters = vector(3)
        expected_parameters.values[...] = parameters.values
        run(expected, expected_parameters, 1)
        for name, array in expected.state.items():
            array[...] = optimizer.state.get(name, 0)
        expected_parameters.values[...] = parameters.values
        np.testing.assert_array_equal(
            run(optimizer, parameters), run(expected, expected_parameters)
        )


def test_representation_shows_the_call():
    optimizer = Adam(0.5)
    run(optimizer, vector(4))
    assert repr(optimizer) == (
        "Adam(learning_rate=0.5, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)"
    )
    text = repr(SGD(schedules.InverseTimeDecay(0.1, 5, 2.0), clipnorm=2, use_ema=True))
    assert text == (
        "SGD(learning_rate=InverseTimeDecay(initial_learning_rate=0.1, decay_steps=5.0, "
        "decay_rate=2.0, staircase=False), momentum=0.0, nesterov=False, clipnorm=2.0, "
        "use_ema=True)"
    )
    assert repr(AdamW()).count("weight_decay") == 1


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam"])
def test_an_epsilon_that_a_dtype_does_not_have_is_refused(name):
    """Where an input is 0 for all samples 0 / (0 + ε) would make the weights nan."""
    x = np.array([[1.0, 0.0], [2.0, 0.0]])
    for dtype, epsilon in (("float32", 1e-50), ("float64", 1e-320)):
        model = bp.Sequential([bp.layers.Dense(1)], seed=0, dtype=dtype)
        model.compile(getattr(bp.optimizers, name)(epsilon=epsilon), "mse")
        model.build((None, 2))
        before = model.parameters.values.copy()
        words = rf"{name}\(epsilon={epsilon}\) is below the smallest number of {dtype}"
        for call in (model.fit, model.train_on_batch):
            with pytest.raises(ValueError, match=words):
                call(x, [1.0, 2.0])
        np.testing.assert_array_equal(model.parameters.values, before)
    model = bp.Sequential([bp.layers.Dense(1)], seed=0, dtype="float64")
    model.compile(getattr(bp.optimizers, name)(epsilon=1e-50), "mse")
    model.fit(x, [1.0, 2.0], epochs=2, verbose=0)
    assert np.isfinite(model.parameters.values).all()
