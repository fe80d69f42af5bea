"""The estimators at the edges: files, wrong arguments and labels, changes between two fits."""

import numpy as np
import pytest
from sklearn import datasets

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
)
from backprop.layers import Dense, ReLU

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def iris():
    X, y = datasets.load_iris(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y


def build(n_features, n_outputs, units=4):
    return bp.Sequential([Dense(units), ReLU(), Dense(n_outputs)])


# --- files and explanations of the networks ------------------------------------------------------


def columns(y):
    return np.stack([y, y + 1.0], 1)


LOSSES = {
    "several outputs": (MLPRegressor(**SMALL), columns, "½"),
    "counts": (MLPRegressor("poisson", **SMALL), lambda y: y + 1.0, "ln("),
    "several counts": (MLPRegressor("poisson", **SMALL), columns, "ln("),
    "labels": (MLPClassifier(**SMALL), lambda y: np.stack([y > 0, y > 1], 1).astype(int), "ln "),
}


@pytest.mark.parametrize("name", LOSSES)
def test_networks_with_losses_of_scikit_learn_are_saved_and_explained(name, iris, tmp_path):
    estimator, targets, symbol = LOSSES[name]
    X, y = iris[0], targets(iris[1])
    model = estimator.fit(X, y).model_
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    assert loaded.evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)
    explained = model.explain(X[50:52], y[50:52])
    assert explained.loss_parts.shape == y[50:52].reshape(2, -1).shape  # of every output
    assert explained.loss_parts.sum() == pytest.approx(explained.loss)
    assert symbol in str(explained)
