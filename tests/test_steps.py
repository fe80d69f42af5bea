"""The five steps of backpropagation by hand, what they leave in the layers, and frozen layers."""

import copy
from functools import partial

import numpy as np
import pytest
from small_models import assert_same_weights, built
from small_models import deep_classifier as classifier
from small_models import deep_layers as layers

import backprop as bp
from backprop.layers import Dense, Identity, Sigmoid, Softmax, Tanh
from backprop.optimizers import SGD

build = partial(built, n_in=5)


@pytest.fixture
def data(rng):
    return rng.normal(size=(17, 5)), rng.integers(0, 3, 17)


# ------------------------------------------------------------------------ the five steps


@pytest.mark.parametrize(
    ("head", "loss"),
    [
        ([Dense(3), Softmax()], "sparse_categorical_crossentropy"),
        ([Dense(3), Softmax()], "categorical_crossentropy"),
        ([Dense(3), Sigmoid()], "binary_crossentropy"),
        ([Dense(3), Sigmoid()], "mse"),
        ([Dense(3)], "half_squared_error"),
        ([Dense(3), Softmax(), Identity()], "sparse_categorical_crossentropy"),
    ],
    ids=["sparse", "categorical", "binary", "mse", "linear", "not joined"],
)
def test_five_steps_by_hand_are_one_train_on_batch(data, head, loss):
    X, y = data
    if not loss.startswith("sparse"):
        y = np.eye(3)[y]
    at_once, by_hand = (
        bp.Sequential([Dense(6), Tanh(), *copy.deepcopy(head)], seed=0, dtype="float64")
        for _ in range(2)
    )
    for model in (at_once, by_hand):
        model.compile(SGD(0.1, momentum=0.9), loss)
    for _ in range(3):
        prediction = by_hand.forward(X, training=True)  # 1. forward
        error = by_hand.loss.forward(prediction, y)  # 2. loss
        by_hand.backward()  # 3. backward
        gradients = by_hand.parameters.gradients.copy()  # 4. gradients
        by_hand.optimizer.step(by_hand.parameters)  # 5. update
        assert at_once.train_on_batch(X, y) == error
        np.testing.assert_array_equal(at_once.parameters.gradients, gradients)
        assert np.any(gradients)
        assert_same_weights(at_once, by_hand)


def test_train_on_batch_is_one_step_of_fit_and_returns_the_loss_before_it(data):
    X, y = data
    w = np.linspace(0, 2, 17)
    model, other = (classifier(metrics=["accuracy"]) for _ in range(2))
    before = build(model).evaluate(X, y, sample_weight=w)
    loss, accuracy = model.train_on_batch(X, y, w)
    assert loss == pytest.approx(before[0], rel=1e-12)
    assert accuracy == before[1]
    other.fit(X, y, 17, sample_weight=w, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    assert model.optimizer.iterations == 1
    # a second call counts its own batch alone
    assert model.train_on_batch(X[:1], y[:1])[1] in (0.0, 1.0)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_every_layer_has_its_delta_after_a_step(data, loss):
    X, y = data
    model = bp.Sequential(layers(), seed=0, dtype="float64")
    model.compile(SGD(0.0), loss)
    assert all(layer.delta is None for layer in model.layers)
    model.train_on_batch(X, y if loss.startswith("sparse") else np.eye(3)[y])
    shapes = [layer.delta.shape for layer in model.layers]
    assert shapes == [(17, 6), (17, 6), (17, 4), (17, 4), (17, 3), (17, 3)]
    P, hot = model.predict(X), np.eye(3)[y]
    # ∂E/∂A = (1 − y/a)/N for rows that are divided by their sum, and ∂E/∂Z = (a − y)/N
    np.testing.assert_allclose(model.layers[5].delta, (1 - hot / P) / 17, rtol=1e-9)
    np.testing.assert_allclose(model.layers[4].delta, (P - hot) / 17, rtol=1e-12, atol=1e-15)
    # δ = (δ_next Wᵀ) through the ReLU
    expected = (model.layers[4].delta @ model.layers[4].W.T) * (model.layers[2].Z > 0)
    np.testing.assert_allclose(model.layers[2].delta, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(model.layers[2].db, expected.sum(axis=0), rtol=1e-12, atol=1e-15)


def test_gradient_by_the_input_only_where_it_is_wanted(data):
    X, y = data
    model = build(classifier())
    model.loss.forward(model.forward(X, training=True), y)
    assert model.backward() is None
    without = model.parameters.gradients.copy()
    model.layers[0].needs_input_gradient = True
    dX = model.backward()
    assert dX.shape == X.shape
    np.testing.assert_array_equal(model.parameters.gradients, without)
    np.testing.assert_allclose(dX, model.layers[0].delta @ model.layers[0].W.T, rtol=1e-12)


def test_backward_of_a_delta_of_ones_own(data, rng):
    X, _ = data
    model = build(classifier())
    A = model.forward(X, training=True)
    D = rng.normal(size=A.shape)
    model.backward(D)
    through_softmax = A * (D - (D * A).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.layers[4].db, through_softmax.sum(axis=0), rtol=1e-11)
    np.testing.assert_array_equal(model.layers[5].delta, D)


# --------------------------------------------------------------------------------- freezing


@pytest.mark.parametrize("when", ["before build", "after build"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_frozen_layer_keeps_its_bits_and_the_others_move(data, when, momentum):
    model = classifier(momentum=momentum)
    if when == "after build":
        build(model)
    model.layers[2].trainable = False
    build(model)
    before = model.get_weights()
    model.fit(*data, batch_size=4, epochs=2, verbose=0)
    moved = [bool(np.any(a != b)) for a, b in zip(model.get_weights(), before, strict=True)]
    assert moved == [True, True, False, False, True, True]

    model.layers[2].trainable = True
    model.fit(*data, batch_size=4, verbose=0)
    assert all(np.any(a != b) for a, b in zip(model.get_weights(), before, strict=True))


def test_layer_frozen_after_training_with_momentum_stays_where_it_is(data):
    model = classifier(momentum=0.9)
    model.fit(*data, batch_size=4, epochs=2, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(*data, batch_size=4, verbose=0)
    moved = [bool(np.any(a != b)) for a, b in zip(model.get_weights(), before, strict=True)]
    assert moved == [False, False, True, True, True, True]


def test_freezing_everything_trains_nothing(data):
    model = build(classifier())
    for layer in model.layers:
        layer.trainable = False
    before = model.parameters.values.copy()
    history = model.fit(*data, epochs=2, verbose=0).history
    np.testing.assert_array_equal(model.parameters.values, before)
    assert history["loss"][0] == pytest.approx(history["loss"][1], rel=1e-12)
