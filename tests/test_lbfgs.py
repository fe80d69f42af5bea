"""L-BFGS: the minimum that a formula or SciPy finds, and a ``fit`` like any other."""

import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from layer_cases import Scale
from scripts import Record
from small_models import assert_same_weights, built

import backprop as bp
from backprop.callbacks import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from backprop.constraints import NonNegative
from backprop.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Exponential,
    GaussianNoise,
    Layer,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.losses import MeanSquaredError
from backprop.optimizers import LBFGS
from backprop.regularizers import L2

N = 40


@pytest.fixture
def data(rng):
    X = rng.normal(size=(N, 3))
    noise = 0.1 * rng.normal(size=(N, 2))
    return X, np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1) + noise


def network(optimizer=None, dtype="float64", metrics=None, seed=0, **options):
    layers = [Dense(6, **options), Tanh(), Dense(2, **options)]
    model = bp.Sequential(layers, seed=seed, dtype=dtype)
    model.compile(optimizer or LBFGS(), "mse", metrics)
    return model


def linear(n_out, optimizer=None, loss="mse", **options):
    model = bp.Sequential([Dense(n_out, **options)], seed=0, dtype="float64")
    model.compile(optimizer or LBFGS(), loss)
    return model


def fit(model, *data, epochs=20, **options):
    return model.fit(*data, epochs=epochs, verbose=0, **options)


# ------------------------------------------------------------------------------- the minimum


@pytest.mark.parametrize("n_out", [1, 3])
def test_least_squares_of_several_outputs(rng, n_out):
    X, Y = rng.normal(size=(N, 4)), rng.normal(size=(N, n_out))
    model = linear(n_out)
    history = fit(model, X, Y, epochs=100)
    solution, squares, *_ = np.linalg.lstsq(np.c_[X, np.ones(N)], Y)
    np.testing.assert_allclose(np.vstack(model.get_weights()), solution, atol=1e-6)
    assert history.history["loss"][-1] == pytest.approx(squares.sum() / (N * n_out), rel=1e-10)
    assert history.history["loss"][-1] == pytest.approx(model.evaluate(X, Y), rel=1e-12)
    assert "CONVERGENCE" in model.optimizer.message


def test_penalty_stands_against_the_mean_over_samples_and_outputs(rng):
    """The minimum of (1/NK) ‖XW − Y‖² + λ ‖W‖², which a gradient K times too large would miss."""
    X, Y = rng.normal(size=(N, 4)), rng.normal(size=(N, 3))
    model = linear(3, use_bias=False, kernel_regularizer=L2(0.1))
    history = fit(model, X, Y, epochs=100)
    ridge = np.linalg.solve(X.T @ X / (N * 3) + 0.1 * np.eye(4), X.T @ Y / (N * 3))
    np.testing.assert_allclose(model.layers[0].W, ridge, atol=1e-6)
    loss = np.mean((X @ ridge - Y) ** 2) + 0.1 * np.sum(ridge**2)
    assert history.history["loss"][-1] == pytest.approx(loss, rel=1e-10)


def test_gradient_that_is_followed_is_that_of_the_loss_that_is_reported(data, monkeypatch):
    """By central differences of ``evaluate``, at several θ on the way."""
    X, Y = data
    asked = []
    minimize = scipy.optimize.minimize

    def watch(function, x0, **options):
        def watched(x):
            loss, gradient = function(x)
            asked.append((x.copy(), loss, gradient))
            return loss, gradient

        return minimize(watched, x0, **options)

    monkeypatch.setattr(scipy.optimize, "minimize", watch)
    model = network(kernel_regularizer=L2(0.01))
    fit(model, X, Y, epochs=4, batch_size=7)
    theta = model.parameters.values
    for x, loss, gradient in asked[::2]:
        numeric = np.empty_like(x)
        for k in range(len(x)):
            step = np.zeros_like(x)
            step[k] = 1e-6
            theta[:] = x + step
            above = model.evaluate(X, Y)
            theta[:] = x - step
            numeric[k] = (above - model.evaluate(X, Y)) / 2e-6
        np.testing.assert_allclose(gradient, numeric, atol=1e-8)
        theta[:] = x
        assert loss == pytest.approx(model.evaluate(X, Y), rel=1e-12)
    assert len(asked) >= 5


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_logistic_regression_agrees_with_scipy_on_a_function_by_hand(rng, head):
    X = rng.normal(size=(N, 3))
    y = (X @ [1.0, -2.0, 0.5] + rng.logistic(size=N) > 0).astype(int)
    decay = 0.02
    k = 1 if head == "sigmoid" else 2

    def loss(theta):  # mean of log(1 + e^z) − y z, or of log Σ e^z − z_y, and λ Σ w²
        W, b = theta[: 3 * k].reshape(3, k), theta[3 * k :]
        Z = X @ W + b
        if k == 1:
            values = np.logaddexp(0, Z[:, 0]) - y * Z[:, 0]
        else:
            values = np.logaddexp(Z[:, 0], Z[:, 1]) - Z[np.arange(N), y]
        return np.mean(values) + decay * np.sum(W**2)

    found = scipy.optimize.minimize(loss, np.zeros(4 * k), method="BFGS", options={"gtol": 1e-9})
    layers = [Dense(k, kernel_regularizer=L2(decay)), Sigmoid() if k == 1 else Softmax()]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    kind = "binary_crossentropy" if k == 1 else "sparse_categorical_crossentropy"
    model.compile(LBFGS(), kind, ["accuracy"])
    history = fit(model, X, y, epochs=200)
    assert history.history["loss"][-1] == pytest.approx(found.fun, rel=1e-9)
    np.testing.assert_allclose(model.layers[0].W.ravel(), found.x[: 3 * k], atol=1e-5)
    assert history.history["accuracy"][-1] == model.evaluate(X, y)[1]


def test_iterations_are_those_of_scipy_on_the_same_function(rng):
    X, y = rng.normal(size=(N, 3)), rng.normal(size=N)
    model = built(linear(1))
    start = model.parameters.values.copy()
    A = np.c_[X, np.ones(N)]
    losses = []
    scipy.optimize.minimize(
        lambda t: (np.mean((A @ t - y) ** 2), 2 / N * A.T @ (A @ t - y)),
        start,
        jac=True,
        method="L-BFGS-B",
        callback=lambda t: losses.append(np.mean((A @ t - y) ** 2)),
        options={"maxcor": 10, "ftol": 1e-12, "gtol": 1e-8},
    )
    history = fit(model, X, y, epochs=100)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-7)


# ------------------------------------------------------------------ an epoch is an iteration


def test_an_epoch_is_an_iteration_and_the_loss_never_rises(data):
    model = network(metrics=["mae"])
    start = built(network()).evaluate(*data)
    history = fit(model, *data, epochs=25)
    losses = history.history["loss"]
    assert history.epoch == list(range(25))
    assert len(losses) == len(history.history["mae"]) == model.optimizer.iterations == 25
    assert losses[0] < start
    assert np.all(np.diff(losses) <= 0)
    assert [losses[-1], history.history["mae"][-1]] == pytest.approx(
        model.evaluate(*data), rel=1e-12
    )
    assert model.optimizer.message == "made 25 iterations, as many as it might"


@pytest.mark.parametrize(("most", "epochs", "made"), [(3, 10, 3), (10, 3, 3), (1, 1, 1)])
def test_max_iterations_and_epochs_are_both_limits(data, most, epochs, made):
    model = network(LBFGS(max_iterations=most))
    assert len(fit(model, *data, epochs=epochs).epoch) == made
    assert model.optimizer.message == f"made {made} iterations, as many as it might"


def test_initial_epoch_numbers_the_epochs(data):
    assert fit(network(), *data, epochs=6, initial_epoch=4).epoch == [4, 5]
    limited = network(LBFGS(max_iterations=1))
    assert fit(limited, *data, epochs=6, initial_epoch=4).epoch == [4]


@pytest.mark.parametrize("epochs", [0, 3])
def test_no_epochs_left(data, epochs):
    model = built(network())
    before = model.get_weights()
    assert fit(model, *data, epochs=epochs, initial_epoch=3).epoch == []
    assert_same_weights(model, before)


def test_history_size_is_how_much_of_the_path_is_known(data):
    short, long = (fit(network(LBFGS(history_size=m)), *data, epochs=20) for m in (1, 10))
    one, ten = short.history["loss"], long.history["loss"]
    assert one[:2] == pytest.approx(ten[:2], rel=1e-12)  # neither has more than one step to know
    assert one[2] != ten[2]
    assert ten[-1] < one[-1]


def test_tolerances_end_training(data):
    tight = fit(network(), *data, epochs=60)
    loose = network(LBFGS(tolerance=0.05))
    losses = np.array(fit(loose, *data, epochs=60).history["loss"])
    shares = -np.diff(losses) / losses[:-1]
    assert len(losses) < len(tight.epoch)
    assert shares[-1] < 0.05 < min(shares[:-1])
    assert "REDUCTION" in loose.optimizer.message or "FACTR" in loose.optimizer.message
    flat = network(LBFGS(gradient_tolerance=0.05))
    assert len(fit(flat, *data, epochs=60).epoch) < len(tight.epoch)
    flat.forward(data[0], training=True)
    flat.loss.compute(flat.forward(data[0], training=True), data[1], None)
    flat.backward()
    assert np.abs(flat.parameters.gradients).max() <= 0.05


def test_second_fit_goes_on_from_where_the_first_ended(data):
    model = network()
    first = fit(model, *data, epochs=5).history["loss"]
    theta = model.parameters.values.copy()
    second = fit(model, *data, epochs=5).history["loss"]
    assert second[0] < first[-1]
    assert model.optimizer.iterations == 10
    other = built(network(seed=1))
    other.parameters.values[:] = theta
    assert fit(other, *data, epochs=5).history["loss"] == second


def test_fit_at_the_minimum_changes_nothing_and_tells_the_loss_there(rng):
    X, Y = rng.normal(size=(N, 3)), rng.normal(size=(N, 2))
    model = linear(2)
    fit(model, X, Y, epochs=100)
    before, record = model.get_weights(), Record()
    history = fit(model, X, Y, epochs=100, callbacks=[record])
    assert_same_weights(model, before)
    assert (history.epoch, history.history) == ([0], {"loss": [model.evaluate(X, Y)]})
    hooks = ["train_begin", "epoch_begin", "train_batch_begin", "epoch_end", "train_end"]
    assert [hook for hook in record.calls if "test" not in hook] == hooks
    assert "CONVERGENCE" in model.optimizer.message


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_gradient_of_0_ends_training_after_one_epoch_without_a_warning(target):
    """Of a perfect model, or one whose units are all dead: the loss says which."""
    model = bp.Sequential([Dense(1, kernel_initializer="zeros"), ReLU()], seed=0)
    model.compile(LBFGS(), "mse", metrics=["mae"])
    X, y = np.ones((8, 3)), np.full(8, target)
    history = fit(model, X, y, validation_data=(X, y))
    numbers = ("loss", "mae", "val_loss", "val_mae")
    assert history.history == {name: [target] for name in numbers}
    assert history.epoch == [0]
    assert model.optimizer.iterations == 0


def test_it_has_no_learning_rate_to_be_set(data):
    optimizer = LBFGS()
    with pytest.raises(AttributeError, match="learning_rate of LBFGS cannot be assigned: the line"):
        optimizer.learning_rate = 0.1
    for callback in (LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss")):
        model = network()
        with pytest.raises(ValueError, match=r"sets the learning rate, but LBFGS\(.* has none"):
            fit(model, *data, callbacks=[callback])


# ------------------------------------------------------------------------------- a fit like any


def test_hooks_are_called_in_their_order(data):
    record = Record()
    fit(network(), *data, epochs=2, callbacks=[record], validation_data=data)
    test = ["test_begin", "test_batch_begin", "test_batch_end", "test_end"]
    epoch = ["epoch_begin", "train_batch_begin", "train_batch_end", *test, "epoch_end"]
    assert record.calls == ["train_begin", *epoch * 2, "train_end"]


def test_every_epoch_that_begins_ends_when_it_converges(rng):
    X, Y = rng.normal(size=(N, 3)), rng.normal(size=(N, 2))
    record = Record()
    history = fit(linear(2), X, Y, epochs=100, callbacks=[record])
    n = len(history.epoch)
    assert 1 < n < 100
    for hook in ("epoch_begin", "train_batch_begin", "train_batch_end", "epoch_end"):
        assert record.calls.count(hook) == n
    assert record.calls[-2:] == ["epoch_end", "train_end"]


def test_a_callback_ends_training(data):
    model = network()

    def stop(epoch, logs):
        model.stop_training = epoch == 3

    history = fit(model, *data, callbacks=[LambdaCallback(on_epoch_end=stop)])
    assert history.epoch == [0, 1, 2, 3]
    assert history.history["loss"][-1] == pytest.approx(model.evaluate(*data), rel=1e-12)
    assert model.optimizer.message == "stopped by a callback"


def test_early_stopping_puts_the_best_weights_back(rng):
    X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))  # noise: it is learnt by heart
    held_out = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    model = network()
    stopping = EarlyStopping(patience=3, restore_best_weights=True)
    history = fit(model, X, Y, epochs=50, validation_data=held_out, callbacks=[stopping])
    losses = history.history["val_loss"]
    assert len(losses) == int(np.argmin(losses)) + 4 < 50
    assert model.evaluate(*held_out) == pytest.approx(min(losses), rel=1e-12)
    assert model.optimizer.message == "stopped by a callback"


def test_validation_is_evaluate_after_each_iteration(data):
    X, Y = data
    model = network(metrics=["mae"])
    seen = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.evaluate(X, Y)))
    history = fit(
        model, X[:30], Y[:30], epochs=4, validation_data=(X, Y), validation_freq=2, callbacks=[look]
    ).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    assert list(zip(history["val_loss"], history["val_mae"], strict=True)) == [
        tuple(seen[1]),
        tuple(seen[3]),
    ]
    split = network(metrics=["mae"])
    logs = fit(split, X, Y, epochs=4, validation_split=0.25).history
    assert logs["loss"] == history["loss"]  # the same 30 samples
    assert logs["val_loss"][-1] == split.evaluate(X[30:], Y[30:])[0]


def test_weights_of_samples_are_repetitions(data):
    X, Y = data
    w = np.arange(N) % 3
    weighted, repeated = linear(2), linear(2)  # Σ w ℓ / N and a mean over Σ w samples
    losses = fit(weighted, X, Y, epochs=100, sample_weight=w).history["loss"]
    others = fit(repeated, np.repeat(X, w, axis=0), np.repeat(Y, w, axis=0), epochs=100).history
    np.testing.assert_allclose(weighted.parameters.values, repeated.parameters.values, atol=1e-6)
    assert losses[-1] == pytest.approx(others["loss"][-1] * w.sum() / N, rel=1e-10)


@pytest.mark.parametrize("regularizer", [L2(0.01), "l1_l2"])
def test_penalty_is_in_the_loss(data, regularizer):
    model = network(kernel_regularizer=regularizer)
    losses = fit(model, *data, epochs=10).history["loss"]
    error = np.mean((model.predict(data[0]) - data[1]) ** 2)
    assert model.penalty() > 0
    assert losses[-1] == pytest.approx(error + model.penalty(), rel=1e-12)


@pytest.mark.parametrize("frozen", [[0], [2], [0, 2]])
def test_frozen_layers_are_not_touched(data, frozen):
    model = built(network())
    before = model.get_weights()
    for k in frozen:
        model.layers[k].trainable = False
    history = fit(model, *data, epochs=5)
    for k in (0, 2):
        same = np.array_equal(model.layers[k].W, before[k])  # W, b, W, b
        assert same == (k in frozen)
        assert np.array_equal(model.layers[k].b, before[k + 1]) == (k in frozen)
    assert len(history.epoch) == (1 if len(frozen) == 2 else 5)
    if len(frozen) == 2:
        assert history.history["loss"] == pytest.approx([model.evaluate(*data)], rel=1e-12)
    assert ("frozen" in model.optimizer.message) == (len(frozen) == 2)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_batch_size_changes_nothing_but_the_memory(data, batch_size):
    whole, parts = network(kernel_regularizer=L2(0.01)), network(kernel_regularizer=L2(0.01))
    expected = fit(whole, *data, epochs=8, batch_size=N).history["loss"]
    losses = fit(parts, *data, epochs=8, batch_size=batch_size).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(parts.parameters.values, whole.parameters.values, rtol=1e-6)


def test_shuffling_is_neither_needed_nor_drawn(data):
    shuffled, in_order = network(), network()
    state = shuffled._shuffle_rng.bit_generator.state
    fit(shuffled, *data, shuffle=True)
    fit(in_order, *data, shuffle=False)
    assert_same_weights(shuffled, in_order)
    assert shuffled._shuffle_rng.bit_generator.state == state


def test_steps_per_epoch_takes_the_same_batches_at_every_call(data):
    X, Y = data
    some, all_of_some = network(), network()
    fit(some, X, Y, epochs=5, batch_size=8, steps_per_epoch=3)
    fit(all_of_some, X[:24], Y[:24], epochs=5, batch_size=8)
    assert_same_weights(some, all_of_some)


def test_float32_comes_close(data):
    X, Y = data
    model = network(dtype="float32")
    losses = fit(model, X, Y, epochs=40).history["loss"]
    exact = fit(network(), X, Y, epochs=40).history["loss"]
    assert model.parameters.values.dtype == np.float32
    assert losses[5] == pytest.approx(exact[5], rel=1e-3)
    assert np.all(np.diff(losses) <= 1e-6)
    assert losses[-1] == pytest.approx(model.evaluate(X, Y), rel=1e-6)
    solution = np.linalg.lstsq(np.c_[X, np.ones(N)], Y)[0]
    line = bp.Sequential([Dense(2)], seed=0)
    line.compile(LBFGS(), "mse")
    fit(line, X, Y, epochs=100)
    np.testing.assert_allclose(np.vstack(line.get_weights()), solution, atol=1e-3)


def test_sparse_inputs_and_functions_of_batches_are_the_same_data(data):
    X, Y = np.where(data[0] > 0, data[0], 0.0), data[1]
    dense, sparse, streamed = network(), network(), network()
    expected = fit(dense, X, Y, epochs=5, batch_size=16).history["loss"]
    of_sparse = fit(sparse, scipy.sparse.csr_matrix(X), Y, epochs=5, batch_size=16)
    cuts = [slice(0, 16), slice(16, 32), slice(32, N)]
    of_stream = fit(streamed, lambda: ((X[cut], Y[cut]) for cut in cuts), epochs=5)
    np.testing.assert_allclose(of_sparse.history["loss"], expected, rtol=1e-9)
    assert of_stream.history["loss"] == expected
    assert_same_weights(streamed, dense)


def test_moving_statistics_follow_and_the_loss_is_that_of_evaluate(data):
    model = bp.Sequential([Dense(4), BatchNormalization(), Tanh(), Dense(2)], seed=0)
    model.compile(LBFGS(), "mse")
    history = fit(model, *data, epochs=10)
    assert history.history["loss"][-1] == pytest.approx(model.evaluate(*data), rel=1e-6)
    assert np.all(model.layers[1].moving_mean != 0)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: Dropout(0.5), "Dropout 'dropout_1' draws random numbers"),
        (lambda: GaussianNoise(0.1), "draws random numbers"),
        (lambda: Chain([Dense(3), Dropout(0.5)]), "Dropout 'dropout_1' draws random numbers"),
        (lambda: Dense(3, kernel_constraint=NonNegative()), "cannot keep constraints, but Dense"),
        (lambda: Dense(3, bias_constraint="non_neg"), "cannot keep constraints, but Dense"),
    ],
)
@pytest.mark.parametrize("beforehand", [False, True], ids=["not built", "built"])
def test_what_it_cannot_train_is_refused_before_any_change(data, layer, words, beforehand):
    model = bp.Sequential([layer(), Dense(2)], seed=0, dtype="float64")
    model.compile(LBFGS(), "mse")
    if beforehand:
        built(model)
    before = model.get_weights() if beforehand else None
    record = Record()
    with pytest.raises(ValueError, match=words):
        fit(model, *data, callbacks=[record])
    assert record.calls == []
    assert model.history is None
    if beforehand:
        assert_same_weights(model, before)
    else:
        assert model.input_shape is None


class Positive(Layer):
    def make_parameters(self, input_shape):
        self.g = self.add_parameter("g", input_shape, "ones", constraint="non_negative")

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.g.value

    def backward(self, delta):
        self.g.gradient[...] = (delta * self.X).sum(axis=0)
        return delta * self.g.value


class OwnNoise(Layer):
    """Draws at every training pass, or once."""

    def __init__(self, once=False):
        super().__init__()
        self.once = once
        self.noise = None

    def forward(self, X, training=False):
        if not training:
            return X
        if self.noise is None or not self.once:
            self.noise = 0.1 * self._rng.standard_normal(X.shape[1:])
        return X + self.noise

    def backward(self, delta):
        return delta


@pytest.mark.parametrize("beforehand", [False, True], ids=["not built", "built"])
def test_constraints_and_random_numbers_of_own_layers_are_refused(data, beforehand):
    for layer, words in (
        (Positive(), "cannot keep constraints, but Positive 'positive_1'"),
        (Chain([Positive()]), "cannot keep constraints, but Positive 'positive_1'"),
        (OwnNoise(), "a layer of your own draws random numbers"),
    ):
        model = bp.Sequential([Dense(4), layer, Dense(2)], seed=0, dtype="float64")
        model.compile(LBFGS(), "mse")
        if beforehand:
            built(model)
        with pytest.raises(ValueError, match=words):
            fit(model, *data, epochs=5)
        other = bp.Sequential([Dense(4), layer.copy(), Dense(2)], seed=0, dtype="float64")
        assert_same_weights(model, built(other))
    model = bp.Sequential([Dense(4), OwnNoise(once=True), Dense(2)], seed=0, dtype="float64")
    model.compile(LBFGS(), "mse")
    assert len(fit(model, *data, epochs=5).epoch) == 5


def test_a_generator_is_refused_as_it_makes_its_batches_once(data):
    with pytest.raises(ValueError, match="pass a function that returns a new generator"):
        fit(network(), iter([data, data]))
    assert len(fit(network(), [data], epochs=2).epoch) == 2


def test_single_steps_are_refused(data):
    model = built(network())
    before = model.get_weights()
    with pytest.raises(ValueError, match="LBFGS cannot take a step from one gradient: use fit"):
        model.train_on_batch(*data)
    assert_same_weights(model, before)
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_iterations": 0},
        {"history_size": 1.5},
        {"max_evaluations": True},
        {"tolerance": -1e-3},
        {"gradient_tolerance": np.nan},
    ],
)
def test_arguments_are_checked(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        LBFGS(**arguments)


# ------------------------------------------------------------------------ when something happens


class Breaks(MeanSquaredError):
    """A loss that raises at its n-th value."""

    def __init__(self, error, at):
        super().__init__()
        self.error, self.left = error, [at]  # shared by the copies that evaluate makes

    def values(self, prediction, target):
        self.left[0] -= 1
        if self.left[0] == 0:
            raise self.error
        return super().values(prediction, target)

    def __deepcopy__(self, memo):
        return MeanSquaredError()


@pytest.mark.parametrize("error", [KeyboardInterrupt, FloatingPointError("overflow")])
@pytest.mark.parametrize("at", [1, 2, 6])
def test_training_ends_properly_when_the_loss_raises(data, error, at):
    model = built(network())
    model.compile(LBFGS(), Breaks(error, at))
    thetas, ends = [model.parameters.values.copy()], []
    watch = LambdaCallback(
        on_epoch_end=lambda epoch, logs: thetas.append(model.parameters.values.copy()),
        on_train_end=lambda logs: ends.append(logs),
    )
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        fit(model, *data, batch_size=N, callbacks=[watch])
    assert len(ends) == 1
    assert len(model.history.epoch) == len(thetas) - 1
    # where the last iteration ended, and not at the θ that a line search was trying
    np.testing.assert_array_equal(model.parameters.values, thetas[-1])
    if at == 6:
        assert len(thetas) > 1


def test_training_ends_properly_when_a_callback_raises(data):
    model, ends = network(), []

    def fail(epoch, logs):
        if epoch == 2:
            raise OSError("no space left")

    watch = LambdaCallback(on_epoch_end=fail, on_train_end=lambda logs: ends.append(logs))
    with pytest.raises(OSError, match="no space left"):
        fit(model, *data, callbacks=[watch])
    assert ends[0]["loss"] == pytest.approx(model.evaluate(*data), rel=1e-12)


def test_reset_forgets_the_iterations(data):
    model = network()
    first = fit(model, *data, epochs=5).history
    model.reset()
    assert model.optimizer.iterations == 0
    assert fit(model, *data, epochs=5).history == first


def test_layers_of_ones_own_are_trained(data):
    X = data[0]
    model = bp.Sequential([Scale()], seed=0, dtype="float64")
    model.compile(LBFGS(), "mse")
    fit(model, X, X * [1.0, -2.0, 3.0], epochs=50)
    np.testing.assert_allclose(model.get_weights()[0], [1, -2, 3], atol=1e-6)


# ------------------------------------------------------------------------ when nothing is found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_first_loss_that_is_not_finite_is_reported_as_other_optimizers_do(data, loss, dtype):
    """The History was empty, and there was no word."""
    histories = []
    for optimizer in (LBFGS(), "sgd"):
        model = network(optimizer, dtype=dtype)
        model.build((None, 3))
        model.layers[-1].b[...] = loss
        before = model.parameters.values.copy()
        with (
            np.errstate(all="ignore"),
            pytest.warns(RuntimeWarning, match="has diverged") as caught,
        ):
            histories.append(fit(model, *data, epochs=1, validation_data=data).history)
        assert [warning.filename for warning in caught] == [__file__]
        np.testing.assert_array_equal(model.parameters.values, before)
        assert "learning rate" not in str(caught[0].message)
    assert histories == [{}, {}]


class Lost(MeanSquaredError):
    """A loss that is no number although its gradient is one, namely 0."""

    number = np.nan

    def values(self, prediction, target):
        return np.full(len(prediction), self.number, prediction.dtype)

    def gradient(self, prediction, target):
        return np.zeros_like(prediction)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_flat_loss_that_is_not_finite_is_no_minimum(data, number):
    loss = Lost()
    loss.number = number
    model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
    model.compile(LBFGS(), loss)
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="has diverged"):
        history = fit(model, *data).history
    assert history == {}


class WrongGradient(MeanSquaredError):
    def gradient(self, prediction, target):
        return -super().gradient(prediction, target)


def test_a_line_search_that_finds_nothing_says_so(data):
    model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
    model.compile(LBFGS(), WrongGradient())
    model.build((None, 3))
    before = model.parameters.values.copy()
    with pytest.warns(
        RuntimeWarning, match="no step that lowers the loss of .*check_grad"
    ) as caught:
        history = fit(model, *data)
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(model.parameters.values, before)
    assert history.history["loss"] == [model.evaluate(*data, batch_size=32)]
    assert model.optimizer.message == "the line search found no lower loss"


@pytest.mark.parametrize("size", [1e12, 1e17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_that_ends_on_its_first_slope_says_so(data, dtype, size):
    """Its loss is lowered by a smaller share than the tolerance, but that is no minimum."""
    X, Y = data
    model = bp.Sequential([Dense(2)], seed=0, dtype=dtype)
    model.compile(LBFGS(tolerance=1e-9), "mse")
    words = "ends after the first line search, but has not converged.*scale the targets"
    with pytest.warns(RuntimeWarning, match=words) as caught:
        fit(model, X, size * (10 + Y))
    assert [warning.filename for warning in caught] == [__file__]
    assert model.optimizer.message == "the first steps were too short to lower the loss"


@pytest.mark.parametrize("size", [1e7, 1e15])
def test_a_training_whose_steps_are_lost_in_the_digits_says_so(size):
    """Kinks turn the slope within a first step whose gain is less than the loss's last digit."""
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = bp.Sequential([bp.Input(4), Dense(5), ReLU(), Dense(1)], seed=0)
    model.compile("lbfgs", "mse")
    with pytest.warns(RuntimeWarning, match="has not converged.*scale the targets"):
        fit(model, X, size * X @ [[1.0], [2.0], [-1.0], [0.5]], epochs=300)
    assert model.optimizer.message == "the first steps were too short to lower the loss"


@pytest.mark.parametrize(
    ("size", "seed", "told"), [(1e18, 0, [True]), (1e18, 1, []), (1e10, 0, [])]
)
def test_a_line_search_through_losses_that_are_not_finite_is_no_convergence(size, seed, told):
    """Unless it has come down to the last digits in any case."""
    X = size * np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
    model = bp.Sequential([bp.Input(4), Dense(5), ReLU(), Dense(1)], seed=seed)
    model.compile("lbfgs", "mse")
    with np.errstate(over="warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = fit(model, X, X @ [[1.0], [2.0], [-1.0], [0.5]], epochs=300).history["loss"]
    words = [str(each.message) for each in caught if "loss of the first step" not in str(each)]
    assert len(losses) < 300
    assert ["scale the inputs" in each for each in words] == told


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_minimum_is_no_slope(data, dtype):
    for activation in (Tanh(), Softmax()):
        model = bp.Sequential([Dense(3), activation, Dense(2)], seed=0, dtype=dtype)
        model.compile(LBFGS(), "mse")
        for _ in range(3):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                fit(model, *data, epochs=100)
            assert not [each for each in caught if "has not converged" in str(each.message)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_line_search_that_finds_nothing_later_on(data, dtype):
    """In float32 that is the usual end; in float64 it is none."""
    model = network(dtype=dtype)
    model.compile(LBFGS(max_evaluations=2), "mae")  # whose slope jumps
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = fit(model, *data, epochs=500).history["loss"]
    assert model.optimizer.message == "the line search found no lower loss"
    assert losses[-1] == losses[-2] < losses[0]
    found = f"in epoch {len(losses)}, and training ends"
    assert [found in str(each.message) for each in caught] == [True] * (dtype == "float64")


def test_a_line_search_that_has_tried_enough_ends_a_training_in_float32():
    rng = np.random.default_rng(0)
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    losses = model.fit(rng.normal(size=(40, 3)), rng.normal(size=40), epochs=500, verbose=0)
    assert model.optimizer.message == "the line search found no lower loss"
    assert losses.history["loss"][-1] == losses.history["loss"][-2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_of_the_wrong_sign_is_told(dtype):
    class Wrong(bp.losses.MeanSquaredError):
        def gradient(self, prediction, target):
            return -super().gradient(prediction, target)

    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype("f4")
    rng.integers(0, 3, 60)
    y = (X @ [1, 2, -1, 0.5] + rng.standard_normal(60)).astype("f4")
    model = bp.Sequential([Dense(5), ReLU(), Dense(1)], seed=0, dtype=dtype)
    model.compile(LBFGS(), Wrong())
    with pytest.warns(RuntimeWarning, match="no step that lowers the loss of .*check_grad"):
        model.fit(X, y, epochs=5, verbose=0)
    assert model.optimizer.message == "the line search found no lower loss"


def test_callbacks_hear_of_a_loss_that_is_not_finite():
    model = network(dtype="float32")
    model.compile(LBFGS(), "mse")
    end = bp.callbacks.TerminateOnNaN(raise_error=True)
    words = "Step 1: the loss is inf, training ends"
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=words):
        model.fit(np.ones((5, 3)), np.full((5, 2), 1e30), callbacks=[end], verbose=0)


def test_losses_that_overflow_on_the_way_are_told(data):
    X, Y = data
    model = bp.Sequential([Dense(2), Exponential()], seed=0, dtype="float64")
    model.compile(LBFGS(), "mse")
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="scale the inputs"):
        fit(model, X * 100, Y)


def test_limits_that_stand_for_none():
    X = np.random.default_rng(0).normal(size=(20, 3))
    found = []
    for limits in ({}, {"max_evaluations": 10**12, "history_size": 10**9}):
        model = bp.Sequential([Dense(1)], seed=0, dtype="float64")
        model.compile(LBFGS(**limits), "mse")
        found.append(model.fit(X, X[:, 0], epochs=8, verbose=0).history["loss"])
    assert found[0] == found[1]


def test_a_first_loss_near_the_end_of_float32_leads_to_no_warning_of_numpy(recwarn):
    """The share of it that is too low to matter was computed in float32, as ∞: all was low."""
    X = np.random.default_rng(0).standard_normal((20, 4))
    model = bp.Sequential([Dense(5, kernel_regularizer=L2(1e38)), Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    with np.errstate(all="warn", under="ignore"):
        losses = model.fit(X, X[:, 0], epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 10
    assert not recwarn.list


@pytest.mark.parametrize("seed", [5, 22, 29])
def test_gradients_of_batches_that_are_infinite_lead_to_no_warning_of_numpy(seed, recwarn):
    """Where a line search tries too much, that of one batch is ∞ and that of another −∞."""
    rng = np.random.default_rng(seed)
    model = bp.Sequential([Dense(6), ReLU(), Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    with np.errstate(all="warn", under="ignore"):
        model.fit(1e4 * rng.normal(size=(50, 3)), 1e8 * rng.normal(size=50), epochs=200, verbose=0)
    assert not [each for each in recwarn.list if "encountered" in str(each.message)]


def test_a_search_that_stays_far_from_the_minimum_is_told():
    """All points of its second search have the same loss, which SciPy takes for a minimum."""
    X = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
    model = bp.Sequential([Dense(1), Exponential()], seed=0)
    model.compile(LBFGS(), "poisson")
    with (
        np.errstate(all="ignore"),
        pytest.warns(RuntimeWarning, match="no step that lowers the"),
    ):
        history = model.fit(10 * X, abs(2 * X[:, :1] + 1), epochs=100, verbose=0)
    assert history.history["loss"][-1] > 1000  # in float64 it ends at 0.68
    assert model.optimizer.message == "the line search found no lower loss"


def test_scales_that_hide_each_other_are_told_where_training_ends():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype("f4") * np.array([1, 10, 1000, 1e5], "f4")
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    with pytest.warns(RuntimeWarning, match="column 3 of x goes up to"):
        model.fit(X, rng.standard_normal(60) + 1e5, epochs=100, verbose=0)


def test_the_message_of_a_training_that_diverged_says_so():
    rng = np.random.default_rng(0)
    X, model = rng.standard_normal((60, 4)), linear(1)
    model.fit(X, 2 * X[:, :1] + 1, epochs=20, verbose=0)
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="has diverged"):
        model.fit(X, (2 * X[:, :1] + 1) * 1e200, epochs=3, verbose=0)
    assert model.optimizer.message == "training has diverged"


def test_every_epoch_of_a_search_that_stays_where_it_is_begins():
    class Begun(bp.callbacks.Callback):
        epochs = ()

        def on_epoch_begin(self, epoch, logs=None):
            self.epochs = (*self.epochs, epoch)

    class Beyond(bp.losses.Loss):
        def values(self, prediction, target):
            found = ((prediction - target) ** 2).mean(-1)
            return np.where(abs(prediction[:, 0]) > 6, np.inf, found)

        def gradient(self, prediction, target):
            return 2 * (prediction - target)

    X = np.random.default_rng(0).standard_normal((60, 4))
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")], seed=0, dtype="float64")
    begun = Begun()
    model.compile(LBFGS(), Beyond())
    with pytest.warns(RuntimeWarning, match="at some steps that it tried"):
        history = model.fit(X, 6 * X[:, :1] + 3, epochs=6, callbacks=[begun], verbose=0)
    assert list(begun.epochs) == history.epoch


def test_a_frozen_model_whose_loss_is_not_finite_has_diverged():
    model = bp.Sequential([bp.Input(4), Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    model.trainable = False
    X = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
    with (
        np.errstate(all="ignore"),
        pytest.warns(RuntimeWarning, match="has diverged in epoch 1"),
    ):
        assert model.fit(X * np.float32(1e25), np.ones(60), epochs=5, verbose=0).history == {}


@pytest.mark.parametrize("size", [None, 16])
def test_moving_averages_are_as_they_were_where_a_training_diverges(size):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype("f4")
    y = X.sum(axis=1)
    model = bp.Sequential([bp.Input(4), BatchNormalization(), Dense(1)], seed=0)
    model.compile(LBFGS(), "mse")
    before = model.parameters.values.copy()
    for x, target, place in ((X * np.float32(1e25), y, "BatchNorm"), (X, y * 1e30, "the loss")):
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="diverged") as caught:
            model.fit(x, target, epochs=3, batch_size=size, verbose=0)
        assert f"not finite: in the output of {place}" in str(caught[0].message) or place[0] == "t"
        np.testing.assert_array_equal(model.parameters.values, before)
    assert model.fit(X, y, epochs=30, verbose=0).history["loss"][-1] < 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_search_that_finds_nothing_leaves_moving_averages_alone(data, dtype):
    model = bp.Sequential([Dense(6), BatchNormalization(), Tanh(), Dense(2)], seed=0, dtype=dtype)
    model.compile(LBFGS(max_evaluations=2), "mae")
    kept = []
    keep = bp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(model.parameters.values.copy())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, *data, epochs=500, callbacks=[keep])
    assert model.optimizer.message == "the line search found no lower loss"
    np.testing.assert_array_equal(kept[-1], kept[-2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_search_that_finds_nothing_at_a_negative_loss_is_told(dtype):
    X = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
    one = bp.initializers.Constant(1.0)
    layers = [Dense(1, bias_initializer=one), Exponential()]
    model = bp.Sequential(layers, seed=0, dtype=dtype)
    model.compile(LBFGS(max_evaluations=1), "poisson")
    with pytest.warns(RuntimeWarning, match="no step that lowers the loss of -"):
        model.fit(X, 10 * np.abs(X @ np.array([1, 2, 3, 4], "f4")), epochs=30, verbose=0)


def test_an_end_far_below_an_enormous_loss_is_no_minimum():
    X = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
    layers = [Dense(5), ReLU(), Dense(1), Exponential()]
    model = bp.Sequential(layers, seed=1, dtype="float64")
    model.compile(LBFGS(), "mse")
    y = np.abs(X @ np.array([1, 2, 3, 4], "f4"))
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="no step that lowers the l"):
        losses = model.fit(X * 30.0, y, epochs=500, verbose=0).history["loss"]
    assert losses[-1] > 1e10
