"""Trainings that diverge stop before the weights are lost, and say why."""

import math
import re
import time
import warnings

import numpy as np
import pytest

import backprop as bp
from backprop import DivergenceError
from backprop.callbacks import Callback
from backprop.engine import threads as blas
from backprop.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Exponential,
    Normalization,
    ReLU,
    Residual,
)
from backprop.losses import MeanSquaredError
from backprop.optimizers import LBFGS, SGD, Adam

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("errors_as_ever")
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))


@pytest.fixture
def errors_as_ever():
    """Overflow is warned of, as NumPy does unless told otherwise; and a warning is an error."""
    with np.errstate(all="warn", under="ignore"):
        yield


def network(optimizer="sgd", loss="mse", layers=(), seed=0, **options):
    model = bp.Sequential([Dense(4), *layers, Dense(2)], seed=seed)
    model.compile(optimizer, loss, **options)
    return model


def warning_of(call):
    """The one warning of a call, with what NumPy would have warned of made visible."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    (found,) = caught
    assert found.category is RuntimeWarning
    assert found.filename == __file__
    return str(found.message)


class Lost(MeanSquaredError):
    """From some step on a loss, or its gradient, that is not finite."""

    def __init__(self, step, loss=math.nan, slope=1.0):
        super().__init__()
        self.step, self.number, self.slope, self.steps = step, loss, slope, 0

    def values(self, prediction, target):
        found = super().values(prediction, target)
        return found + self.number if self.steps >= self.step else found

    def gradient(self, prediction, target):
        self.steps += 1
        found = super().gradient(prediction, target)
        return found * np.float32(self.slope) if self.steps > self.step else found


# --------------------------------------------------------------------------- what is left


@pytest.mark.parametrize("lost", [{"loss": math.nan}, {"loss": math.inf}])
@pytest.mark.parametrize("slope", [1, math.nan, math.inf])
def test_training_stops_before_the_step_that_is_lost(lost, slope):
    lost = lost if slope == 1 else {"loss": 0.0}
    layers = BatchNormalization(), Dropout(0.2)
    model = network("adam", Lost(14, slope=slope, **lost), layers)
    message = warning_of(lambda: model.fit(X, Y, 5, epochs=9, verbose=0))
    assert message.startswith("training has diverged in epoch 2, step 7")
    assert model.history.epoch == [0]
    assert model.optimizer.iterations == 14
    twin = network("adam", MeanSquaredError(), layers=(BatchNormalization(), Dropout(0.2)))
    stop = Callback()
    stop.on_train_batch_end = lambda batch, logs: setattr(
        twin, "stop_training", twin.optimizer.iterations == 14
    )
    twin.fit(X, Y, 5, epochs=9, verbose=0, callbacks=[stop])
    np.testing.assert_array_equal(model.parameters.values, twin.parameters.values)
    for name, vector in model.optimizer.state.items():
        np.testing.assert_array_equal(vector, twin.optimizer.state[name])


def huge(n_features, n=640):
    """Samples of which one gives a finite loss, but a gradient that overflows."""
    x = RNG.normal(size=(n, n_features)).astype(np.float32)
    x[n // 2] = 1e30
    return x


@pytest.mark.parametrize("optimizer", ["sgd", "adam", lambda: SGD(0.01, momentum=0.9)])
@pytest.mark.parametrize(("units", "size"), [(4, 8), (256, 128)])
def test_recorded_steps_stop_where_steps_by_the_layers_do(optimizer, units, size, monkeypatch):
    """A large step is shared by several threads, which change θ as soon as they have g."""
    monkeypatch.setattr(blas, "CHOSEN", False)
    features = 3 if units == 4 else 300
    x, y = huge(features), np.zeros((640, 1))
    found = []
    for eagerly in (False, True):
        model = bp.Sequential([Dense(units, kernel_initializer="zeros"), ReLU(), Dense(1)], seed=1)
        made = optimizer() if callable(optimizer) else optimizer
        model.compile(made, "mae", run_eagerly=eagerly)
        model.build((None, features))
        model.layers[0].b[...] = 1.0
        model.layers[0].W[...] = 1e-33
        message = warning_of(lambda model=model: model.fit(x, y, size, epochs=9, verbose=0))
        assert np.isfinite(model.parameters.values).all()
        found.append((message, model.parameters.values, model.optimizer.iterations))
    (one, theta, steps), (other, expected, by_layers) = found
    assert steps == by_layers
    np.testing.assert_array_equal(theta, expected)
    assert one == other


def test_numbers_that_overflow_the_optimizers_state_are_noticed():
    """g is finite, but Adam's mean of g² was not: training went on without learning."""
    x, y = np.full((8, 1), 1e15), np.full((8, 1), 1e7)
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")], seed=0)
    model.compile(Adam(), "mse")
    message = warning_of(lambda: model.fit(x, y, verbose=0))
    assert "the optimizer's state, after a step by g between -2e+22" in message
    assert model.optimizer.iterations == 0
    assert not model.parameters.values.any()
    for vector in model.optimizer.state.values():
        assert not vector.any()
    model.compile(SGD(1e-33), "mse")  # which squares nothing
    with pytest.warns(RuntimeWarning, match="first step"):
        model.fit(x, y, verbose=0)
    assert model.optimizer.iterations == 1


def test_weights_that_would_overflow_are_put_back():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(SGD(1e30), "mse")
    model.build((None, 1))
    before = model.parameters.values.copy()
    message = warning_of(lambda: model.fit(np.full((4, 1), 1e5), np.ones((4, 1)), verbose=0))
    assert "in the weights or the optimizer's state" in message
    np.testing.assert_array_equal(model.parameters.values, before)


def test_a_step_that_was_undone_leaves_no_learning_rate_behind():
    x, y = np.full((4, 1), 1e5), np.ones((4, 1))
    thetas = []
    for rates in ((1e-12, 1e-12), (1e-12, 1e30, 1e-12)):
        model = bp.Sequential([Dense(1)], seed=0)
        model.compile(SGD(1e-12), "mse")
        for rate in rates:
            model.optimizer.learning_rate = rate
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(x, y, verbose=0)
        thetas.append(model.parameters.values)
    np.testing.assert_array_equal(*thetas)


@pytest.mark.parametrize("options", [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}])
def test_clipping_survives_a_norm_that_overflows(options):
    x, y = np.full((8, 1), 1e15), np.full((8, 1), 1e7)
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")], seed=0)
    model.compile(SGD(0.5, **options), "mse")
    with pytest.warns(RuntimeWarning, match="first step"):
        model.fit(x, y, verbose=0)
    assert model.optimizer.iterations == 1
    np.testing.assert_allclose(model.layers[0].W, [[0.5]], rtol=1e-6)


# ---------------------------------------------------------------------------- what is said


def test_the_layer_that_went_wrong_is_named():
    inner = Residual([Dense(4, name="wide"), Exponential(name="steep"), Dense(4)], name="block")
    model = bp.Sequential([Dense(4), inner, Dense(2)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 3))
    model.get_layer("block.wide").b[...] = 100.0
    message = warning_of(lambda: model.fit(X, Y, verbose=0))
    assert "in the output of Exponential 'block.steep', made of numbers between 9" in message
    for words in ("epoch 1, step 1", "not scaled (these are between", "clip"):
        assert words in message
    assert not {"forward", "backward"} & vars(model.get_layer("block.steep")).keys()


def test_the_gradient_that_went_wrong_is_named():
    model = network(loss=Lost(0, loss=0.0, slope=math.nan))
    assert "∂E/∂Y of Dense 'dense_2'" in warning_of(lambda: model.fit(X, Y, verbose=0))
    x = np.full((4, 1), 1e30)
    model = bp.Sequential([Dense(1, kernel_initializer="zeros"), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    message = warning_of(lambda: model.fit(x, np.full((4, 1), 1e15), verbose=0))
    assert "the gradient of dense_1.W, made of numbers between" in message


def test_weights_that_somebody_else_spoiled_are_named():
    model = network()
    model.build((None, 3))
    model.layers[1].W[0, 0] = math.nan
    assert "in the weights dense_2.W, before" in warning_of(lambda: model.fit(X, Y, verbose=0))


def test_a_layer_that_draws_has_its_generators_left_alone():
    model, twin = (network(loss=Lost(1), layers=[Dropout(0.5)]) for _ in range(2))
    twin.fit(X[:5], Y[:5], 5, verbose=0, shuffle=False)
    twin.forward(X[5:10], training=True)
    warning_of(lambda: model.fit(X, Y, 5, verbose=0, shuffle=False))
    states = [
        {name: rng.bit_generator.state for name, rng in each.generators.items()}
        for each in (model, twin)
    ]
    assert states[0] == states[1]


def test_raising_instead():
    model = network(SGD(1e9))
    ends = []
    callback = Callback()
    callback.on_train_end = lambda logs: ends.append(True)
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d") as caught:
        model.fit(X, Y, epochs=50, verbose=0, on_divergence="raise", callbacks=[callback])
    assert isinstance(caught.value, ArithmeticError)
    assert ends == [True]
    assert np.isfinite(model.parameters.values).all()
    with pytest.raises(ValueError, match="'warn' or 'raise', but it is 'stop'"):
        model.fit(X, Y, on_divergence="stop")


def test_a_user_who_has_overflow_raise_has_it_so():
    model = network(SGD(1e3))  # the squares of the loss overflow; older products tell of nothing
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        model.fit(X, Y, epochs=50, verbose=0)


class Reporting(Dense):
    """Reports an invalid value, as OpenBLAS now and then does, of numbers that are not used."""

    def forward(self, X, training=False):
        np.dot(np.array([np.inf]), np.zeros(1))
        return super().forward(X, training)


@pytest.mark.parametrize("on_batches", [False, True])
def test_an_invalid_value_that_is_nowhere_stops_no_training(on_batches):
    model = bp.Sequential([Reporting(2)], seed=0)
    model.compile("sgd", "mse")
    with np.errstate(all="raise"):
        if on_batches:
            model.train_on_batch(X, Y)
        else:
            model.fit(X, Y, verbose=0, validation_data=(X, Y))
        model.evaluate(X, Y)
        model.predict(X)
    assert np.isfinite(model.parameters.values).all()


def test_callbacks_see_numpys_treatment_of_errors_as_it_was():
    seen = []
    callback = Callback()
    callback.on_train_batch_begin = lambda batch, logs: seen.append(np.geterr()["over"])
    callback.on_train_batch_end = callback.on_train_batch_begin
    with np.errstate(over="warn"):
        network().fit(X, Y, verbose=0, callbacks=[callback])
    assert set(seen) == {"warn"}


# ------------------------------------------------------------------------- the other ways to train


def test_train_on_batch():
    model = network("adam", Lost(1), [BatchNormalization()])
    model.train_on_batch(X, Y)
    before = model.parameters.values.copy()
    found = []
    message = warning_of(lambda: found.append(model.train_on_batch(X, Y)))
    assert message.startswith("training has diverged in step 2: the loss became nan")
    assert math.isnan(found[0])
    assert model.optimizer.iterations == 1
    np.testing.assert_array_equal(model.parameters.values, before)


def test_l_bfgs():
    for loss in (Lost(0), Lost(0, loss=0.0, slope=math.inf)):
        model = network(LBFGS(), loss)
        model.build((None, 3))
        before = model.parameters.values.copy()
        with pytest.raises(DivergenceError, match="diverged in epoch 1"):
            model.fit(X, Y, verbose=0, on_divergence="raise")
        np.testing.assert_array_equal(model.parameters.values, before)


def test_l_bfgs_that_is_lost_later_keeps_the_last_finite_weights():
    model = network(LBFGS(), Lost(6))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = model.fit(X, Y, epochs=30, verbose=0)
    assert np.isfinite(model.parameters.values).all()
    assert np.isfinite(history.history["loss"][:-1]).all()


def together(**options):
    def make(k):
        layers = [Dense(4), BatchNormalization(), Dense(2)]
        model = bp.Sequential(layers, seed=k)
        model.compile(SGD(1e15 if k == 1 else 0.01), "mse")
        return model

    models = [make(k) for k in range(3)]
    bp.fit_many(models, X, Y, epochs=3, verbose=0, **options)
    return models


def test_of_models_trained_together_one_stops():
    found = []
    message = warning_of(lambda: found.extend(together()))
    assert message.startswith("training has diverged of models[1] in epoch 1, step 2")
    assert [each.history.epoch for each in found] == [[0, 1, 2], [], [0, 1, 2]]
    for model in found:
        assert np.isfinite(model.parameters.values).all()
    with pytest.raises(DivergenceError, match=r"models\[1\]"):
        together(on_divergence="raise")


# ------------------------------------------------------------------ weights that are not finite


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("units", [4, 2000])
def test_weights_that_are_not_finite_predict_nothing(value, units):
    model = bp.Sequential([Dense(units), ReLU(), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 3))
    model.layers[0].W[0, 0] = value
    for call in (
        lambda: model.predict(X),
        lambda: model.predict(X[:1]),
        lambda: model.predict(X, 7),
        lambda: model.predict(lambda: iter([X])),
        lambda: model.evaluate(X, Y),
    ):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"dense_1\.W hold nan"):
            call()


def test_outputs_that_overflow_by_finite_weights_are_what_they_are():
    model = bp.Sequential([Dense(1, kernel_initializer="ones"), Exponential()], seed=0)
    with np.errstate(over="ignore"), pytest.warns(RuntimeWarning, match="row 0 of the predict"):
        assert model.predict([[1000.0]]) == math.inf
    model = bp.Sequential([Dense(1, kernel_initializer="ones")], seed=0)
    model.build((None, 1))
    model.layers[0].W[...] = 1e30  # whose square is not finite
    assert np.isfinite(model.predict([[1.0]])).all()


def overflowing():
    model = bp.Sequential([Dense(4), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 3))
    model.parameters.values[...] = 1e30
    return model


def far(rows):
    return np.full((rows, 3), 1e37)


OVERFLOWS = {
    "evaluate": (lambda: overflowing().evaluate(X, Y), "the loss is (nan|inf)"),
    "test_on_batch": (lambda: overflowing().test_on_batch(X, Y), "the loss is (nan|inf)"),
    "a stream": (lambda: overflowing().evaluate(lambda: iter([(X, Y)])), "the loss is (nan|inf)"),
    "predict": (lambda: overflowing().predict(X[:2]), "row 0 of the predictions is not finite"),
    "many rows": (lambda: overflowing().predict(np.tile(X, (9, 1))), "row 0 of the predictions"),
    "batches": (lambda: overflowing().predict(X, batch_size=3), "row 0 of the predictions"),
    "validation": (
        lambda: network(SGD(0.0)).fit(X, Y, epochs=2, verbose=0, validation_data=(far(5), Y[:5])),
        "val_loss is inf in epoch 1",
    ),
}


@pytest.mark.parametrize(("call", "words"), OVERFLOWS.values(), ids=OVERFLOWS)
def test_numbers_that_overflow_on_the_way_are_told_in_our_words_once(call, words):
    with np.errstate(all="warn"), pytest.warns(RuntimeWarning) as caught:
        call()
    (warning,) = caught
    assert re.match(f"{words}.*: weights and inputs are finite.*float64", str(warning.message))


def test_numpy_says_nothing_where_the_numbers_are_shown_anyway():
    model = overflowing()
    with np.errstate(all="warn"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not math.isfinite(model.explain(X[:2], Y[:2]).loss)
        model.activations(X)
        model.check_gradients(X[:2], Y[:2], max_entries=2)


# ----------------------------------------------------------------------------- warnings, History


def test_a_large_first_loss_on_inputs_that_are_not_scaled_is_told():
    x = X * [1, 1e5, 1]
    message = warning_of(lambda: network(SGD(0.0)).fit(x, Y, 8, epochs=2, verbose=0))
    for words in ("first step", "column 1 of x", "Normalization()"):
        assert words in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far = bp.initializers.Constant(1e5)
        front = bp.Sequential([Normalization(), Dense(2, bias_initializer=far)], seed=0)
        front.compile(SGD(0.0), "mse")
        front.fit(x, Y, verbose=0)
        last = Dense(1, bias_initializer=far)
        words = bp.Sequential([Embedding(10_000, 4), bp.layers.Flatten(), last], seed=0)
        words.compile(SGD(0.0), "mse")
        words.fit(np.full((8, 3), 9999), np.ones((8, 1)), verbose=0)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_the_history_keeps_an_epoch_in_which_a_callback_raised(error):
    def fail(epoch, logs):
        if epoch == 1:
            raise error

    callback, model = Callback(), network()
    callback.on_epoch_end = fail
    with pytest.raises(error):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2


def test_a_single_sample_tells_batch_normalization_nothing():
    model = network(layers=[BatchNormalization()])
    assert "batch of one sample" in warning_of(lambda: model.fit(X, Y, 1, epochs=2, verbose=0))


def test_denormal_inputs_cost_at_most_three_times_as_much():
    x = RNG.normal(size=(2000, 100)).astype(np.float32)
    tiny = x * np.float32(1e-40)
    seconds = [math.inf, math.inf]
    model = bp.Sequential([Dense(64), ReLU(), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    y = np.zeros((2000, 2))
    for _ in range(4):
        for k, inputs in enumerate((x, tiny)):
            start = time.thread_time()
            model.fit(inputs, y, 100, verbose=0)
            seconds[k] = min(seconds[k], time.thread_time() - start)
    assert seconds[1] < 3 * seconds[0]


def test_a_large_first_loss_on_targets_that_are_not_scaled_is_told():
    message = warning_of(lambda: network(SGD(0.0)).fit(X, Y * 1e5, 8, epochs=2, verbose=0))
    assert "first step" in message
    assert "the targets go up to" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        behind = bp.Sequential([Dense(2), bp.layers.Rescaling(1e5)], seed=0)
        behind.compile(SGD(0.0), "mse")
        behind.fit(X, Y * 1e5, verbose=0)
        mean = bp.Sequential([Dense(2, bias_initializer=bp.initializers.Constant(1e5))], seed=0)
        mean.compile(SGD(0.0), "mse")
        mean.fit(X, Y + 1e5, verbose=0)


def test_a_loss_that_overflows_is_blamed_on_targets_where_they_are_large():
    y = np.full_like(Y, 1e25)
    for call in (
        lambda: network(SGD(0.0)).evaluate(X, y),
        lambda: network(SGD(0.0)).fit(X, Y, validation_data=(X, y), verbose=0),
    ):
        message = warning_of(call)
        assert "Scale the targets, which go up to 1e+25" in message
        assert "inputs as those" not in message
    message = warning_of(lambda: network(SGD(0.0)).evaluate(X * 1e30, Y))
    assert "Scale the inputs as those of the training were" in message


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_targets_that_are_too_large_are_blamed_and_not_the_inputs(optimizer):
    model = network(optimizer)
    message = warning_of(lambda: model.fit(X, 1e30 * Y, verbose=0))
    assert "targets that are not scaled (these are between -" in message
    assert "inputs that are not scaled" not in message


def test_a_rate_whose_square_overflows_is_told_as_any_that_diverges():
    model = network(SGD(1e300))
    with pytest.warns(RuntimeWarning, match="training has diverged in epoch 1"):
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)


class WrongStep(bp.optimizers.Optimizer):
    """Makes nan of a finite g when it is told to."""

    wrong = False

    def update(self, theta, g, scratch, *state):
        theta -= self.learning_rate * g
        if self.wrong:
            theta[0] = math.nan


class WrongCondition(bp.constraints.Constraint):
    wrong = False

    def project(self, W):
        if self.wrong:
            W[0] = math.nan


@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
@pytest.mark.parametrize("kind", [WrongStep, WrongCondition])
def test_parts_of_ones_own_that_make_wrong_numbers_of_a_finite_gradient(kind, verb):
    """In the last step, too, after which no loss would show it."""
    part = kind(0.1) if kind is WrongStep else kind()
    layer = Dense(2, kernel_constraint=None if kind is WrongStep else part)
    model = bp.Sequential([layer], seed=0)
    model.compile(part if kind is WrongStep else "sgd", "mse")
    options = {"verbose": 0} if verb == "fit" else {}
    getattr(model, verb)(X, Y, **options)
    before, steps = model.parameters.values.copy(), model.optimizer.iterations
    part.wrong = True
    said = warning_of(lambda: getattr(model, verb)(X, Y, **options))
    assert "what the optimizer makes of it, is no finite number" in said
    np.testing.assert_array_equal(model.parameters.values, before)
    assert model.optimizer.iterations == steps


def test_a_loss_of_ones_own_that_is_no_number_is_named():
    class Log(bp.losses.Loss):
        def values(self, prediction, target):
            return np.sum(np.log(prediction), axis=1)

        def gradient(self, prediction, target):
            return 1 / prediction

    for loss, words in ((Log(), "float32, or Log makes them of"), ("mse", r"float32\. ")):
        model = bp.Sequential([bp.Input(1), bp.layers.Dense(1, False, "ones")])
        model.compile("sgd", loss)
        x = -np.ones((2, 1)) * (1e30 if loss == "mse" else 1)
        with pytest.warns(RuntimeWarning, match=words):
            model.evaluate(x, np.ones(2), verbose=0)
