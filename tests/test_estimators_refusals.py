"""The estimators after a refused fit, and what weights of classes and several labels may be."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from small_models import SMALL

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, ReLU, Sigmoid, Tanh

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def build(n_features, n_outputs):
    return bp.Sequential([Dense(4), ReLU(), Dense(n_outputs)])


@pytest.mark.parametrize(
    "estimator", [MLPClassifier(), MLPRegressor(), SequentialClassifier(build)]
)
def test_arguments_that_a_fit_does_not_take(estimator):
    X, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    for wrong in ({"epochs": 3}, {"verbose": 0}):
        with pytest.raises(TypeError, match=r"^fit has no argument .* X, y, sample_weight, valid"):
            estimator.fit(X, y, **wrong)
    with pytest.raises(TypeError, match="eval_set: the name is validation_data"):
        estimator.fit(X, y, eval_set=[(X, y)])
    if hasattr(estimator, "partial_fit"):
        with pytest.raises(TypeError, match=r"^partial_fit has no argument epochs: its arguments"):
            estimator.partial_fit(X, y, epochs=3)


# --- a refused fit -------------------------------------------------------------------------------

MISTAKES = {
    "weights": lambda mlp, X, y: mlp.fit(X, y + 5, sample_weight=-np.ones(len(y))),
    "validation data": lambda mlp, X, y: mlp.fit(X, y + 5, validation_data=(X,)),
    "labels held out": lambda mlp, X, y: mlp.fit(X, y + 5, validation_data=(X, ["oak"] * len(y))),
    "columns": lambda mlp, X, y: mlp.fit(X[:, :2], y, validation_data=(X,)),
    "metric": lambda mlp, X, y: mlp.set_params(metrics=["no metric"]).fit(X, y + 5),
    "callback": lambda mlp, X, y: mlp.set_params(callbacks=[3]).fit(X, y + 5),
    "schedule": lambda mlp, X, y: mlp.set_params(schedule=lambda a, b: 1).fit(X, y + 5),
    "share": lambda mlp, X, y: mlp.set_params(early_stopping=True, validation_fraction=0.001).fit(
        X, y + 5
    ),
    "partial": lambda mlp, X, y: mlp.partial_fit(X, y, sample_weight=-np.ones(len(y))),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_refused_fit_leaves_the_last_one(kind, n_members, mistake, iris):
    """It left networks without training, or with other classes, in the place of the trained."""
    X, y = iris
    mlp = kind(**SMALL, n_members=n_members).fit(X, y)
    before, theta = mlp.predict(X), mlp.model_.parameters.values.copy()
    with pytest.raises((TypeError, ValueError)):
        MISTAKES[mistake](mlp, X, y)
    np.testing.assert_array_equal(mlp.predict(X), before)
    np.testing.assert_array_equal(mlp.model_.parameters.values, theta)
    assert mlp.n_features_in_ == 4
    assert mlp.n_iter_ == 3


def test_a_refused_first_partial_fit_leaves_nothing(iris):
    X, y = iris
    mlp = MLPClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes not in"):
        mlp.partial_fit(X, y, classes=["0", "1", "2"])
    assert mlp.partial_fit(X, y, classes=[0, 1, 2]).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", [MLPClassifier, SequentialClassifier])
@pytest.mark.parametrize("n_members", [1, 2])
def test_after_an_interrupt_all_networks_are_trained_or_the_old_ones_are_there(
    kind, n_members, iris
):
    """Predictions were those of networks without training, and there was no history_."""

    def press(epoch, logs):
        seen.append(epoch)
        if len(seen) == at:
            raise KeyboardInterrupt

    X, y = iris
    told, own = [bp.callbacks.LambdaCallback(on_epoch_end=press)], {"max_iter": 3}
    if kind is SequentialClassifier:
        own = {"build": build, "epochs": 3}
    classifier = kind(**own, n_members=n_members, callbacks=told, random_state=0)
    if n_members > 1:
        seen, at = [], 2  # the second network has not begun
        with pytest.raises(KeyboardInterrupt):
            classifier.fit(X, y)
        with pytest.raises(NotFittedError):
            classifier.predict(X)
    seen, at = [], 3 * n_members - 1  # in the second epoch of the last one
    with pytest.warns(UserWarning, match="interrupted by user"):
        classifier.fit(X, y)
    epochs = [len(model.history.epoch) for model in classifier.models_]
    assert epochs == [3] * (n_members - 1) + [2]
    assert classifier.n_iter_ >= 1
    classifier.plot_loss_curve()
    assert classifier.predict(X).shape == y.shape


# --- weights of classes --------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [{2: 3.0}, {1: 0.5, 2: 3.0}, {0: 1, 1: 1, 2: 3.0}], ids=str)
def test_a_part_of_the_samples_need_not_have_every_class_with_a_weight(weights, iris):
    X, y = iris
    few = y < 1 if len(weights) == 1 else y < 2
    weighted = MLPClassifier(**SMALL, class_weight=weights)
    by_hand = MLPClassifier(**SMALL)
    for part in (few, y >= 0):
        weight = np.array([weights.get(int(label), 1.0) for label in y[part]])
        weighted.partial_fit(X[part], y[part], classes=[0, 1, 2])
        by_hand.partial_fit(X[part], y[part], classes=[0, 1, 2], sample_weight=weight)
    np.testing.assert_array_equal(weighted.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.parametrize("kind", [MLPClassifier(**SMALL), SequentialClassifier(build, epochs=1)])
def test_each_of_several_labels_has_weights_of_its_own(kind, iris):
    X, y = iris
    several = np.stack([y > 0, y > 1], 1).astype(int)
    weights = [{0: 1.0, 1: 2.0}, {0: 0.5, 1: 3.0}]
    product = np.prod(
        [[w[int(v)] for w, v in zip(weights, row, strict=True)] for row in several], 1
    )
    kind.set_params(random_state=0)
    by_hand = kind.fit(X, several, sample_weight=product).predict_proba(X)
    kind.set_params(class_weight=weights)
    np.testing.assert_allclose(kind.fit(X, several).predict_proba(X), by_hand, rtol=1e-6)


# --- several labels ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MLPClassifier(**SMALL), SequentialClassifier(build, epochs=1)])
def test_several_labels_are_zeros_and_ones(kind, iris):
    X, y = iris
    several = np.stack([y > 0, y > 1], 1).astype(int)
    for wrong in (2 * several - 1, several + 1, sparse.csr_array(2 * several)):
        with pytest.raises(ValueError, match=r"a 0 or 1 for each of 2 classes.*it holds (-1|2)"):
            kind.fit(X, wrong)
    for wrong in (several * 0.5, y > 0, np.column_stack([several, y > 0])):
        with pytest.raises(ValueError, match="validation_data: y must hold a 0 or 1 for each of 2"):
            kind.fit(X, several, validation_data=(X, wrong))
    kind.fit(X, sparse.csr_array(several), validation_data=(X, several > 0))


def test_a_partial_fit_takes_as_many_labels_as_the_first(iris):
    X, y = iris
    several = np.stack([y > 0, y > 1], 1).astype(int)
    mlp = MLPClassifier(**SMALL).partial_fit(X, several, classes=[0, 1])
    with pytest.raises(ValueError, match=r"of 2 classes.*shape is \(150,\)"):
        mlp.partial_fit(X, y > 0)


# --- weights of samples --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(**SMALL), SequentialClassifier(build, epochs=1)],
    ids=["MLP", "Sequential"],
)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({0: 1.0, 1: 2.0}, "sample_weight .* class_weight"),
        ("balanced", "sample_weight must hold numbers, but it holds text"),
        (["a"] * 150, "sample_weight must hold numbers, but it holds text, 'a' in row 0"),
        ([1.0, None] * 75, "sample_weight holds None, first in row 1"),
        ((np.zeros((150, 4)), np.zeros(150)), "sample_weight holds arrays of different shapes"),
    ],
    ids=str,
)
def test_weights_that_are_no_numbers_are_named(estimator, weight, message, iris):
    """They came to NumPy, which could not convert 'balanced' to float."""
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        estimator.fit(*iris, sample_weight=weight)
    with pytest.raises((TypeError, ValueError), match=f"^validation_data: {message}"):
        estimator.fit(*iris, validation_data=(*iris, weight))
    estimator.fit(*iris, sample_weight=2.0, validation_data=(*iris, np.float32(0.5)))


# --- outputs that are no probabilities -----------------------------------------------------------


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("last", [None, Tanh, Sigmoid])
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("several", [False, True])
def test_scores_after_a_hinge_are_divided_at_0(loss, last, n_members, several, iris):
    """They were divided at a half, where a sigmoid has 0.5."""
    X, y = iris
    labels = np.stack([y > 0, y == 0, y > 1], 1).astype(int) if several else y > 1

    def scores(n_features, n_outputs):
        units = Dense(n_outputs if several else 1)
        model = bp.Sequential([units, *([] if last is None else [last()])])
        model.compile(bp.optimizers.Adam(0.02), loss)
        return model

    classifier = SequentialClassifier(scores, epochs=10, random_state=0, n_members=n_members)
    classifier.fit(X, labels)
    outputs = [model.predict(X) for model in classifier.models_]
    if last is not Sigmoid:
        outputs = [(np.clip(each, -1, 1) + 1) / 2 for each in outputs]
    mean = np.mean(outputs, 0)
    found = classifier.predict_proba(X)
    np.testing.assert_allclose(found if several else found[:, 1:], mean, rtol=1e-6)
    if n_members == 1 and last is not Sigmoid:
        signs = classifier.model_.predict(X) > 0
        np.testing.assert_array_equal(classifier.predict(X), signs if several else signs[:, 0])


def test_outputs_that_are_no_probabilities_are_warned_of(iris):
    X, y = iris

    def numbers(n_features, n_outputs):
        model = bp.Sequential([Dense(n_outputs)])
        model.compile(bp.optimizers.Adam(0.1), "mse")
        return model

    classifier = SequentialClassifier(numbers, epochs=10, random_state=0).fit(X, y)
    assert classifier.score(X, y) > 0.7
    with pytest.warns(RuntimeWarning, match=r"no probabilities, but run from -0\.\d+ to"):
        classifier.predict_proba(X)


# --- two that determine the learning rate --------------------------------------------------------


@pytest.mark.parametrize("policy", ["adaptive", "invscaling"])
@pytest.mark.parametrize(
    "callback",
    [
        bp.callbacks.ReduceLROnPlateau("loss", patience=0),
        bp.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
    ],
    ids=["plateau", "scheduler"],
)
def test_callbacks_for_the_learning_rate_need_a_constant_one(callback, policy, iris):
    """What the callback set was overwritten after every epoch, or the other way round."""
    mlp = MLPClassifier(**SMALL, solver="sgd", learning_rate=policy, callbacks=[callback])
    with pytest.raises(ValueError, match=f"{type(callback).__name__} and learning_rate='{policy}'"):
        mlp.fit(*iris)
    mlp.set_params(solver="adam").fit(*iris)  # which does not look at it
    mlp.set_params(solver="sgd", learning_rate="constant").fit(*iris)


# --- the names of settings -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SequentialClassifier, SequentialRegressor])
def test_build_takes_no_argument_of_the_estimator(kind, iris):
    """It was never given: a grid over optimizers compared one with itself."""

    def compiled(n_features, n_outputs, optimizer="sgd"):
        model = build(n_features, n_outputs)
        model.compile(optimizer, "mse")
        return model

    with pytest.raises(ValueError, match=r"build takes 'optimizer', which .* another name"):
        kind(compiled, optimizer="adam", epochs=1).fit(*iris)
    bound = kind(partial(compiled, optimizer="rmsprop"), epochs=1)
    assert type(bound.fit(*iris).model_.optimizer) is bp.optimizers.RMSprop


@pytest.mark.parametrize(
    "name", ["fit", "score", "predict", "get_params", "model_", "history_", "feature_names_in_"]
)
@pytest.mark.parametrize("kind", [SequentialClassifier, SequentialRegressor])
def test_build_takes_no_method_or_attribute_of_the_estimator(kind, name, iris):
    """The fit ended in "'int' object is not callable", or handed the History on."""
    words = rf"build takes '{name}', which is a method or attribute .* my_{name} for example"

    def open_to_all(n_features, n_outputs, **others):
        return build(n_features, n_outputs)

    named = {"build": build}
    exec(f"def taking(n_features, n_outputs, {name}=5): return build(n_features, 3)", named)
    for function, given in ((named["taking"], {}), (named["taking"], {name: 7})):
        with pytest.raises(ValueError, match=words):
            kind(function, **given)
    estimator = kind(open_to_all, epochs=1).fit(*iris)
    with pytest.raises(ValueError, match=words):
        estimator.set_params(**{name: 7})
    estimator.fit(*iris).score(*iris)


@pytest.mark.parametrize("name", ["optimizer__learning_rate", "build__units", "loss__delta"])
def test_settings_inside_others_are_refused(name):
    classifier = SequentialClassifier(build, optimizer=bp.optimizers.Adam())
    with pytest.raises(ValueError, match=f"'{name}' cannot be set: .* as a whole"):
        classifier.set_params(**{name: 0.1})
