"""``fit``: the same numbers as a loop written by hand, and what its arguments mean."""

import warnings

import numpy as np
import pytest
from by_hand import assert_as_by_hand, train_by_hand
from small_models import ETA, assert_same_weights, built, classifier, regressor, shuffles

import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import Dense
from backprop.optimizers import SGD


@pytest.fixture
def data(rng):
    return rng.normal(size=(13, 3)), rng.normal(size=(13, 2))


# ------------------------------------------------------------------ the same as a loop by hand


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [13, 4, 1, 100], ids=["full", "mini", "online", "too large"])
def test_full_batch_mini_batch_and_online_agree_with_a_loop_by_hand(
    data, batch_size, shuffle, momentum
):
    X, Y = data
    model = built(regressor(momentum=momentum, learning_rate=0.05))
    orders = shuffles(model, 13, 4) if shuffle else [np.arange(13)] * 4
    weights, losses = train_by_hand(
        model.get_weights(),
        *(X, Y, orders),
        batch_size=batch_size,
        learning_rate=0.05,
        momentum=momentum,
    )
    history = model.fit(X, Y, batch_size=batch_size, epochs=4, shuffle=shuffle, verbose=0)
    assert_as_by_hand(history, weights, losses)


def test_batch_size_is_32_unless_given(rng):
    X, Y = rng.normal(size=(70, 3)), rng.normal(size=(70, 2))
    model = built(regressor())
    weights, _ = train_by_hand(
        model.get_weights(), X, Y, [np.arange(70)], batch_size=32, learning_rate=ETA
    )
    history = model.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], weights[0], rtol=1e-12)
    assert history.params["steps"] == 3
    assert history.params["epochs"] == 1


def test_shuffles_unless_told_otherwise(data):
    by_default, shuffled, in_order = regressor(), regressor(), regressor()
    by_default.fit(*data, batch_size=4, verbose=0)
    shuffled.fit(*data, batch_size=4, shuffle=True, verbose=0)
    in_order.fit(*data, batch_size=4, shuffle=False, verbose=0)
    assert_same_weights(by_default, shuffled)
    assert np.any(by_default.get_weights()[0] != in_order.get_weights()[0])


def test_last_short_batch_is_trained_on():
    # one weight, one feature, no bias: θ ← θ − 2 η x (x θ − y), batches of two
    model = bp.Sequential(
        [Dense(1, use_bias=False, kernel_initializer="zeros")], seed=0, dtype="float64"
    )
    model.compile(SGD(0.25), "mse")
    model.fit([[0.0], [0.0], [2.0]], [5.0, 5.0, 3.0], batch_size=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], [[0.25 * 2 * 2 * 3]])  # η 2 x y


def test_reported_loss_counts_a_batch_by_its_samples():
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")], seed=0, dtype="float64")
    model.compile(SGD(0.0), "mse")
    X, y = np.zeros((5, 1)), np.array([1.0, 2.0, 3.0, 4.0, 6.0])
    history = model.fit(X, y, batch_size=2, shuffle=False, verbose=0)
    # (1 + 4 + 9 + 16 + 36) / 5; the mean of the three batches' losses would be 51/3
    assert history.history["loss"] == [66 / 5]


@pytest.mark.parametrize("batch_size", [1, 5, 7, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_learning_the_reported_loss_is_that_of_evaluate(rng, batch_size, dtype):
    X, y = rng.normal(size=(33, 4)), rng.integers(0, 3, 33)
    w = rng.uniform(0, 2, 33)
    model = classifier(learning_rate=0.0, dtype=dtype, metrics=["accuracy"])
    logs = model.fit(X, y, batch_size=batch_size, sample_weight=w, verbose=0).history
    loss, accuracy = model.evaluate(X, y, sample_weight=w)
    assert logs["loss"][0] == pytest.approx(loss, rel=1e-6)
    assert logs["accuracy"] == [accuracy]


# ------------------------------------------------------------------- randomness, continuing


def test_every_epoch_has_its_own_order_from_the_models_own_generator(data):
    X, Y = data
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.layers[0].X[:, 0].copy())

    before = np.random.get_state()  # noqa: NPY002
    model = built(regressor())
    orders = shuffles(model, 13, 3)
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[Watch()])
    after = np.random.get_state()  # noqa: NPY002
    epochs = np.concatenate(seen).reshape(3, 13)
    np.testing.assert_array_equal(epochs, [X[order, 0] for order in orders])
    assert not np.array_equal(epochs[0], epochs[1])
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_global_random_state_has_no_influence(data):
    models = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        model = regressor()
        model.fit(*data, batch_size=4, epochs=2, verbose=0)
        models.append(model)
    assert_same_weights(*models)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_two_fits_of_three_epochs_are_one_of_six(data, momentum, shuffle):
    once, twice = regressor(momentum=momentum), regressor(momentum=momentum)
    options = {"batch_size": 4, "shuffle": shuffle, "verbose": 0}
    whole = once.fit(*data, epochs=6, **options)
    first = twice.fit(*data, epochs=3, **options)
    second = twice.fit(*data, epochs=6, initial_epoch=3, **options)
    assert_same_weights(once, twice)
    assert once.optimizer.iterations == twice.optimizer.iterations == 6 * 4
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert twice.history is second


@pytest.mark.parametrize(
    ("epochs", "initial_epoch", "numbers"),
    [(3, 0, [0, 1, 2]), (5, 3, [3, 4]), (3, 3, []), (2, 7, []), (0, 0, [])],
)
def test_epochs_is_the_number_of_the_epoch_to_stop_before(data, epochs, initial_epoch, numbers):
    model = built(regressor())
    before = model.get_weights()
    history = model.fit(*data, batch_size=13, epochs=epochs, initial_epoch=initial_epoch, verbose=0)
    assert history.epoch == numbers
    assert history.params["epochs"] == epochs
    assert len(history.history.get("loss", [])) == len(numbers) == model.optimizer.iterations
    if not numbers:
        assert_same_weights(model, before)


def test_zero_epochs_build_the_model_and_train_nothing(data):
    model = regressor()
    assert model.fit(*data, epochs=0, verbose=0).history == {}
    assert model.input_shape == (3,)
    assert_same_weights(model, built(regressor()))


# ---------------------------------------------------------------------------------- targets


def test_targets_of_shape_n_and_n_1_are_the_same_for_one_output(data):
    X, Y = data
    flat, column = regressor(n_out=1), regressor(n_out=1)
    flat.fit(X, Y[:, 0], batch_size=4, epochs=2, verbose=0)
    column.fit(X, Y[:, :1], batch_size=4, epochs=2, verbose=0)
    assert_same_weights(flat, column)
    assert flat.evaluate(X, Y[:, 0]) == pytest.approx(
        np.mean((flat.predict(X)[:, 0] - Y[:, 0]) ** 2), rel=1e-12
    )


@pytest.mark.parametrize("form", [list, tuple, np.asfortranarray, np.float32, lambda a: a[::1]])
def test_lists_and_arrays_of_any_layout_are_the_same_data(form):
    X = np.arange(24.0).reshape(8, 3) / 16
    Y = np.arange(16.0).reshape(8, 2) / 16
    expected, model = regressor(), regressor()
    expected.fit(X, Y, batch_size=3, verbose=0)
    model.fit(form(X.tolist()) if form in (list, tuple) else form(X), Y.tolist(), 3, 1, 0)
    assert_same_weights(model, expected)


def test_data_is_neither_changed_nor_kept_writeable(data):
    X, Y = (array.copy() for array in data)
    for array in (X, Y):
        array.flags.writeable = False
    model = regressor()
    for shuffle in (False, True):
        model.fit(X, Y, batch_size=5, shuffle=shuffle, validation_split=0.2, verbose=0)
    np.testing.assert_array_equal(X, data[0])
    np.testing.assert_array_equal(Y, data[1])


def test_argument_order_is_that_of_keras(data):
    by_position, by_name = regressor(), regressor()
    X, Y = data
    w = np.linspace(0, 1, 13)
    one = by_position.fit(
        X, Y, 5, 3, 0, [Callback()], 0.5, (X[:3], Y[:3]), False, None, w, 1
    )  # fmt: skip
    two = by_name.fit(
        *(X, Y),
        batch_size=5,
        epochs=3,
        verbose=0,
        callbacks=[Callback()],
        validation_split=0.5,
        validation_data=(X[:3], Y[:3]),
        shuffle=False,
        class_weight=None,
        sample_weight=w,
        initial_epoch=1,
    )
    assert one.history == two.history
    assert one.epoch == two.epoch == [1, 2]
    assert_same_weights(by_position, by_name)


# ------------------------------------------------------------------------------- divergence


def test_divergence_warns_once_and_says_what_to_do(rng):
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    model = bp.Sequential([Dense(4), Dense(2)], seed=0)
    model.compile(SGD(1e6), "mse")
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(X, Y, batch_size=10, epochs=6, verbose=0)
    (ours,) = caught
    assert ours.category is RuntimeWarning
    assert ours.filename == __file__
    assert np.isfinite(history.history["loss"]).all()
    for words in (f"in epoch {len(history.epoch) + 1}", "learning rate", "scale the inputs"):
        assert words in str(ours.message)
