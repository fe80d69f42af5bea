"""Estimators whose class is derived from ``SequentialRegressor`` or ``SequentialClassifier``."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import backprop as bp
from backprop.estimators import SequentialClassifier, SequentialRegressor
from backprop.layers import Dense, Softmax, Tanh

X = np.random.default_rng(0).standard_normal((40, 3))
Y = np.stack([X.sum(axis=1), X[:, 0] * X[:, 1]], axis=1)


def build(n_features, n_outputs, units=5):
    return bp.Sequential([Dense(units), Tanh(), Dense(n_outputs)])


def build_classes(n_features, n_outputs, units=5):
    return bp.Sequential([Dense(units), Tanh(), Dense(n_outputs), Softmax()])


class Passing(SequentialRegressor):
    """Passes the arguments of ``build`` on."""

    def __init__(self, units=5, epochs=3, random_state=0):
        super().__init__(build, epochs=epochs, random_state=random_state, units=units)


class Making(SequentialRegressor):
    """Builds by a method, which reads an argument that ``build`` does not take."""

    def __init__(self, units=5, epochs=3, random_state=0):
        self.units = units
        super().__init__(self.make, epochs=epochs, random_state=random_state)

    def make(self, n_features, n_outputs):
        return build(n_features, n_outputs, self.units)


class Extended(SequentialRegressor):
    """Has an argument of its own besides all others."""

    def __init__(self, build, extra=2, **settings):
        self.extra = extra
        super().__init__(build, **settings)


class Classes(SequentialClassifier):
    """A classifier with few arguments."""

    def __init__(self, units=5, random_state=0):
        super().__init__(build_classes, random_state=random_state, units=units)


@pytest.mark.parametrize("kind", [Passing, Making])
def test_a_derived_class_has_the_arguments_of_its_own_constructor(kind):
    expected = SequentialRegressor(build, epochs=2, random_state=0, units=4).fit(X, Y).predict(X)
    for made in (kind(4, 2), clone(kind(4, 2)), kind(epochs=2).set_params(units=4)):
        assert made.get_params() == {"units": 4, "epochs": 2, "random_state": 0}
        made.fit(X, Y)
        np.testing.assert_array_equal(made.predict(X), expected)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(made)).predict(X), expected)
    usual = kind().fit(X, Y)
    assert usual.get_params()["units"] == usual.models_[0].layers[0].units == 5


@pytest.mark.parametrize("kind", [Passing, Making])
def test_a_search_goes_through_the_arguments_of_a_derived_class(kind):
    search = GridSearchCV(kind(), {"units": [2, 6], "epochs": [1, 2]}, cv=2).fit(X, Y)
    best = search.best_estimator_
    assert best.models_[0].layers[0].units == search.best_params_["units"]
    assert best.n_iter_ == search.best_params_["epochs"]


def test_a_derived_class_may_take_all_other_arguments():
    made = clone(Extended(build, 3, epochs=2, units=7)).fit(X, Y)
    assert (made.extra, made.n_iter_, made.models_[0].layers[0].units) == (3, 2, 7)


def test_a_derived_classifier():
    labels = np.array(["a", "b", "c"])[np.arange(40) % 3]
    made = clone(Classes(3)).fit(X, labels)
    assert made.models_[0].layers[0].units == 3
    assert made.predict_proba(X).shape == (40, 3)
