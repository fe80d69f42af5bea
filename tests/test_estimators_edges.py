"""The estimators at the edges: files, wrong arguments and labels, changes between two fits."""

import warnings

import numpy as np
import pytest
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from small_models import SMALL

import backprop as bp
import backprop.estimators
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, ReLU

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


# --- labels --------------------------------------------------------------------------------------

NAMES = np.array(["ash", "elm", "oak"])


def test_labels_in_an_array_of_objects_become_those_of_scikit_learn(iris):
    X, y = iris
    ours, theirs = (
        kind(**SMALL).fit(X, NAMES.astype(object)[y])
        for kind in (MLPClassifier, neural_network.MLPClassifier)
    )
    assert ours.classes_.dtype == theirs.classes_.dtype
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    wrapped = SequentialClassifier(build, epochs=1).fit(X, NAMES.astype(object)[y])
    assert wrapped.predict(X).dtype == theirs.predict(X).dtype


@pytest.mark.parametrize(
    "classifier",
    [
        MLPClassifier(**SMALL),
        MLPClassifier(**SMALL, early_stopping=True),
        SequentialClassifier(build, epochs=1),
    ],
    ids=["MLP", "early stopping", "Sequential"],
)
@pytest.mark.parametrize("label", ["beech", "yew", 1])
def test_labels_that_are_no_classes_are_refused(classifier, label, iris):
    """One between the classes would else be counted as the next one."""
    X, y = iris
    others = np.repeat(label, len(y))
    with pytest.raises(ValueError, match=f"{label}.* none of the classes"):
        classifier.fit(X, NAMES[y], validation_data=(X, others))
    with pytest.raises(ValueError, match="one label for each sample"):
        classifier.fit(X, NAMES[y], validation_data=(X, np.eye(3, dtype=int)[y]))


def test_going_on_with_other_labels_is_refused(iris):
    X, y = iris
    classifier = SequentialClassifier(build, epochs=1, warm_start=True).fit(X, NAMES[y])
    with pytest.raises(ValueError, match=r"beech.* none of the classes"):
        classifier.fit(X, np.where(y == 1, "beech", NAMES[y]))
    assert classifier.fit(X[:100], NAMES[y[:100]]).classes_.tolist() == NAMES.tolist()


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(2.5,), [[2]], ("a",), True, (3, None)], ids=str)
def test_sizes_of_layers_are_integers(sizes, iris):
    with pytest.raises(ValueError, match="each of hidden_layer_sizes must be an integer"):
        MLPClassifier(sizes).fit(*iris)
    assert MLPClassifier(np.array([3, 2]), max_iter=1).fit(*iris).n_layers_ == 4


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("n_members", 0, "n_members must be an integer of 1 or more"),
        ("n_members", 1.5, "n_members must be an integer of 1 or more"),
        ("n_members", None, "n_members must be an integer of 1 or more"),
        ("warm_start", "no", "warm_start must be True or False"),
    ],
)
@pytest.mark.parametrize("kind", [SequentialClassifier, SequentialRegressor])
def test_arguments_of_the_wrappers_are_checked(kind, argument, value, message, iris):
    with pytest.raises((ValueError, TypeError), match=message):
        kind(build, epochs=1, **{argument: value}).fit(*iris)


@pytest.mark.parametrize("kind", [MLPClassifier, SequentialClassifier])
def test_weights_are_not_negative(kind, iris):
    """Negative ones would else become positive with their mean."""
    X, y = iris
    estimator = kind(build, epochs=1) if kind is SequentialClassifier else kind(**SMALL)
    with pytest.raises(ValueError, match="not negative, but holds -1"):
        estimator.fit(X, y, sample_weight=np.full(len(y), -1.0))
    with pytest.raises(ValueError, match="not negative, but holds -1"):
        estimator.fit(X, y, validation_data=(X, y, np.full(len(y), -1.0)))
    estimator.set_params(class_weight={0: -1, 1: -2, 2: -1})
    with pytest.raises(ValueError, match="class_weight must hold"):
        estimator.fit(X, y)


@pytest.mark.parametrize("n_outputs", [2, 4])
def test_networks_have_an_output_for_each_class(n_outputs, iris):
    def wrong(n_features, n_classes):
        return build(n_features, n_outputs)

    message = f"as many outputs as there are classes, 3, but .*{n_outputs}"
    with pytest.raises(ValueError, match=message):
        SequentialClassifier(wrong, epochs=1).fit(*iris)


def test_networks_of_one_output_tell_two_classes(iris):
    X, y = iris
    single = SequentialClassifier(lambda n, k: build(n, 1), epochs=1)
    assert single.fit(X, y > 0).predict_proba(X).shape == (150, 2)
    with pytest.raises(ValueError, match="as many outputs as there are classes"):
        single.fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(**SMALL), SequentialClassifier(build, epochs=1)],
    ids=["mlp", "sequential"],
)
@pytest.mark.parametrize("n", [0, 1, 4])
def test_validation_data_are_two_or_three(estimator, n, iris):
    X, y = iris
    for given in ([X, y, np.ones(150), X][:n], 0.2, X[:2]):
        with pytest.raises(ValueError, match=r"validation_data must be \(X, y\) or"):
            estimator.fit(X, y, validation_data=tuple(given) if isinstance(given, list) else given)


@pytest.mark.parametrize(
    "refused", [MLPClassifier(activation="?"), SequentialClassifier(lambda n, k: None)]
)
def test_after_a_fit_that_was_refused_there_is_none(refused, iris):
    refused.classes_ = np.arange(3)  # which a fit finds out first
    with pytest.raises((ValueError, TypeError)):
        refused.fit(*iris)
    with pytest.raises(NotFittedError):
        refused.predict(iris[0])


# --- changes between two fits --------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_another_activation_goes_on_with_the_weights_as_in_scikit_learn(solver, iris):
    curves = []
    for kind in (MLPClassifier, neural_network.MLPClassifier):
        mlp = kind(**SMALL, warm_start=True, solver=solver).fit(*iris)
        mlp.set_params(activation="tanh").fit(*iris)
        curves.append([*getattr(mlp, "loss_curve_", [])[3:], mlp.loss_])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-9)


@pytest.mark.parametrize("kind", [MLPClassifier, neural_network.MLPClassifier])
def test_other_sizes_count_from_the_next_new_network_on(kind, iris):
    mlp = kind(**SMALL, warm_start=True).fit(*iris)
    mlp.set_params(activation="tanh", hidden_layer_sizes=(7,)).fit(*iris)
    assert [W.shape for W in mlp.coefs_] == [(4, 3), (3, 3)]
    mlp.set_params(warm_start=False).fit(*iris)
    assert [W.shape for W in mlp.coefs_] == [(4, 7), (7, 3)]


@pytest.mark.parametrize("n_members", [1, 2])
def test_layers_between_may_come_later(n_members, iris):
    X, y = iris
    mlp = MLPClassifier(**SMALL, warm_start=True, n_members=n_members).fit(X, y)
    before = [model.parameters.values.copy() for model in mlp.models_]
    mlp.set_params(dropout=0.5, learning_rate_init=1e-12).fit(X, y)
    names = [type(layer).__name__ for layer in mlp.model_.layers]
    assert names == ["Dense", "ReLU", "Dropout", "Dense", "Softmax"]
    for model, theta in zip(mlp.models_, before, strict=True):
        np.testing.assert_allclose(model.parameters.values, theta, atol=1e-9)
    assert len(mlp.loss_curve_) == 6
    mlp.coefs_[0][...] = 0  # still a view
    assert not mlp.model_.layers[0].W.any()
    mlp.set_params(batch_normalization=True).partial_fit(X, y)
    assert "BatchNormalization" in [type(layer).__name__ for layer in mlp.model_.layers]


def test_another_loss_changes_the_output(iris):
    X, y = iris
    mlp = MLPRegressor(**SMALL, warm_start=True).fit(X, y)
    mlp.set_params(loss="poisson").fit(X, y)
    assert mlp.out_activation_ == "exp"
    assert np.all(mlp.predict(X) > 0)


@pytest.mark.parametrize(
    "estimator",
    [
        MLPRegressor(**SMALL, warm_start=True, n_members=2),
        SequentialRegressor(build, epochs=1, warm_start=True, n_members=2),
    ],
    ids=["MLP", "Sequential"],
)
def test_the_number_of_members_stays(estimator, iris):
    estimator.fit(*iris).set_params(n_members=3)
    with pytest.raises(ValueError, match=r"n_members is 3, but .* 2"):
        estimator.fit(*iris)
    if isinstance(estimator, MLPRegressor):
        with pytest.raises(ValueError, match=r"n_members is 3, but .* 2"):
            estimator.partial_fit(*iris)
    assert len(estimator.set_params(warm_start=False).fit(*iris).models_) == 3


# --- beside scikit-learn's -----------------------------------------------------------------------


@pytest.mark.parametrize("max_iter", [2, 100])
def test_the_warning_of_lbfgs_is_that_of_scikit_learn(max_iter, iris):
    said = []
    for package in (backprop.estimators, neural_network):
        mlp = package.MLPRegressor(solver="lbfgs", max_iter=max_iter, max_fun=5, random_state=0)
        with pytest.warns(ConvergenceWarning) as caught:
            mlp.fit(*iris)
        said.append(str(caught[0].message))
    assert said[0] == said[1]


def test_the_loss_grows_beyond_where_that_of_scikit_learn_is_cut_off():
    """scikit-learn counts 36 at the most for a sample; weights are the same, as is its gradient."""
    X, y = datasets.load_wine(return_X_y=True)  # not scaled
    common = {"hidden_layer_sizes": (5,), "solver": "sgd", "learning_rate_init": 1e-5}
    common |= {"max_iter": 3, "random_state": 0, "alpha": 0.0, "batch_size": len(y)}
    ours, theirs = (
        package.MLPClassifier(**common) for package in (backprop.estimators, neural_network)
    )
    start = ours.set_params(max_iter=1, learning_rate_init=1e-300).fit(X, y)
    hidden = np.maximum(X @ start.coefs_[0] + start.intercepts_[0], 0)
    Z = hidden @ start.coefs_[1] + start.intercepts_[1]
    log_p = Z - Z.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    assert log_p.min() < -50
    assert start.loss_ == pytest.approx(-log_p[np.arange(len(y)), y].mean(), rel=1e-12)
    ours.set_params(**common).fit(X, y)
    theirs.fit(X, y)
    assert ours.loss_curve_[0] > theirs.loss_curve_[0]
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=0, atol=1e-12)


def test_one_class_alone_is_always_right(iris):
    X, _ = iris
    common = {"early_stopping": True, "hidden_layer_sizes": (12,), "random_state": 0}
    ours, theirs = (
        package.MLPClassifier(**common).fit(X, ["a"] * 150)
        for package in (backprop.estimators, neural_network)
    )
    assert ours.validation_scores_ == theirs.validation_scores_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(("scale", "dtype"), [(1e160, "float64"), (1e20, "float32")])
def test_lbfgs_lets_no_warning_of_numpy_through(kind, scale, dtype, iris):
    X, y = iris
    with np.errstate(all="warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind(**SMALL, solver="lbfgs").fit((X * scale).astype(dtype), y.astype(dtype))
    assert {each.category for each in caught} <= {ConvergenceWarning}
