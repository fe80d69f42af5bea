"""Small compiled models, and what tests of their training ask of them."""

import numpy as np

import backprop as bp
from backprop.layers import Dense, ReLU, Softmax, Tanh
from backprop.optimizers import SGD

ETA = 0.2

SMALL = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
"""Arguments of a small MLP."""


def regressor(seed=0, learning_rate=ETA, momentum=0.0, n_out=2, dtype="float64", metrics=None):
    model = bp.Sequential([Dense(5), Tanh(), Dense(n_out)], seed=seed, dtype=dtype)
    model.compile(SGD(learning_rate, momentum=momentum), "mse", metrics)
    return model


def classifier(seed=0, learning_rate=0.1, dtype="float64", metrics=None, n_out=3):
    model = bp.Sequential([Dense(6), ReLU(), Dense(n_out), Softmax()], seed=seed, dtype=dtype)
    model.compile(SGD(learning_rate), "sparse_categorical_crossentropy", metrics)
    return model


def deep_layers():
    return [Dense(6), Tanh(), Dense(4), ReLU(), Dense(3), Softmax()]


def deep_classifier(seed=0, dtype="float64", momentum=0.9, **options):
    model = bp.Sequential(deep_layers(), seed=seed, dtype=dtype)
    model.compile(SGD(0.1, momentum=momentum), "sparse_categorical_crossentropy", **options)
    return model


def built(model, n_in=3):
    model.build((None, n_in))
    return model


def pass_of(model, X, y, weight=None):
    """The outputs, the loss and g of a pass forward and back through a sequence model."""
    A = model.forward(X, training=True)
    loss = model.loss.forward(A, y, model.weigh(X, weight))
    model.backward()
    return A.copy(), loss, model.parameters.gradients.copy()


def assert_same_weights(model, other):
    """All weights are the same, bit for bit, as those of another model or in a list."""
    others = other if isinstance(other, list) else other.get_weights()
    for mine, its in zip(model.get_weights(), others, strict=True):
        np.testing.assert_array_equal(mine, its)


def shuffles(model, n, epochs):
    """The orders in which a model that has not trained yet is going to see n samples."""
    rng = np.random.default_rng()
    rng.bit_generator.state = model._shuffle_rng.bit_generator.state
    return [rng.permutation(n) for _ in range(epochs)]
